"""What a file says it is, read from its first bytes before any decoder runs.

Only the formats of `FORMATS` exist for emoscene: what a file is called plays no part, and nothing is handed
to a decoder whose header has not been read here. The sizes are the largest the header claims, so that a file
that names its size twice is judged by the larger.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from emoscene.errors import PictureError

__all__ = ["FORMATS", "USUALLY_HELD", "Header", "read_header"]

#: The picture formats emoscene decodes. TIFF, ICO, PSD, JPEG 2000 have long lists of decoder flaws.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")

#: Bytes a pixel of two pictures in Pillow's memory: one, and what it is being converted to.
USUALLY_HELD = 8
#: The WebP decoder keeps two canvases, and hands over a third, before Pillow has its own.
_HELD_BY_WEBP = 16
#: Photographs saved progressively have about ten scans; thousands make a small file slow to decode.
_MOST_JPEG_SCANS = 20
_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_SCAN, _JPEG_END = 0xDA, 0xD9
#: A marker that something follows: neither a stuffed byte nor one of the markers that stand alone.
_JPEG_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")


@dataclass(frozen=True)
class Header:
    """The format (one of `FORMATS`) and the size in pixels that a file claims, before any turning.

    `held` is about how many bytes for each pixel are in memory at most while the picture is decoded and turned.
    """

    format: str
    width: int
    height: int
    held: int = USUALLY_HELD


def read_header(data: bytes) -> Header:
    """Read format and size from the first bytes of a picture file.

    Raises:
        PictureError: if the format is not one of `FORMATS` or the header breaks off.
    """
    name = _format_of(data)
    if name is None:
        raise PictureError(
            "not a picture format that emoscene reads" if data else "the file is empty",
            remedy=f"Save it as one of {', '.join(FORMATS)}.",
        )
    try:
        return _READERS[name](data)
    except IndexError:
        raise PictureError(
            f"the header of this {name} file breaks off", remedy="Get the file again."
        ) from None


def _format_of(data: bytes) -> str | None:
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data.startswith(b"BM"):
        return "BMP"
    return None


def _little(data: bytes, at: int, size: int) -> int:
    if at + size > len(data):
        raise IndexError(at)
    return int.from_bytes(data[at : at + size], "little")


def _big(data: bytes, at: int, size: int) -> int:
    if at + size > len(data):
        raise IndexError(at)
    return int.from_bytes(data[at : at + size], "big")


def _png(data: bytes) -> Header:
    return Header("PNG", _big(data, 16, 4), _big(data, 20, 4))


def _gif(data: bytes) -> Header:
    """The logical screen, widened to the first frame, which may reach beyond it."""
    width, height = _little(data, 6, 2), _little(data, 8, 2)
    flags = data[10]
    at = 13 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
    while data[at] == 0x21:
        at += 2
        while data[at]:
            at += 1 + data[at]
        at += 1
    if data[at] == 0x2C:
        width = max(width, _little(data, at + 1, 2) + _little(data, at + 5, 2))
        height = max(height, _little(data, at + 3, 2) + _little(data, at + 7, 2))
    return Header("GIF", width, height)


def _bmp(data: bytes) -> Header:
    if _little(data, 14, 4) == 12:
        return Header("BMP", _little(data, 18, 2), _little(data, 20, 2))
    height = _little(data, 22, 4)
    # A negative height says that the rows run from the top.
    return Header("BMP", _little(data, 18, 4), min(height, 2**32 - height))


def _webp(data: bytes) -> Header:
    chunk = data[12:16]
    if chunk == b"VP8X":
        width, height = _little(data, 24, 3) + 1, _little(data, 27, 3) + 1
    elif chunk == b"VP8L":
        bits = _little(data, 21, 4)
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        width, height = _little(data, 26, 2) & 0x3FFF, _little(data, 28, 2) & 0x3FFF
    return Header("WEBP", width, height, _HELD_BY_WEBP)


def _jpeg(data: bytes) -> Header:
    """The largest size of all frames, to the end of the picture (what follows it, such as a film, is not read).

    A file of several scans holds all its coefficients at once.
    """
    width = height = coefficients = scans = 0
    at = 2
    while (found := _JPEG_MARKER.search(data, at)) and (marker := found[0][1]) != _JPEG_END:
        at = found.end()
        if marker == _JPEG_SCAN:
            scans += 1
            if scans > _MOST_JPEG_SCANS:
                raise PictureError(
                    f"this JPEG file has more than {_MOST_JPEG_SCANS} scans",
                    remedy="Save it again as a plain JPEG.",
                )
        elif marker in _JPEG_SIZES:
            height = max(height, _big(data, at + 3, 2))
            width = max(width, _big(data, at + 5, 2))
            coefficients = max(coefficients, _coefficient_bytes(data, at + 7))
        at += _big(data, at, 2)
    held = USUALLY_HELD if scans < 2 else max(USUALLY_HELD, USUALLY_HELD // 2 + coefficients)
    return Header("JPEG", width, height, held)


def _coefficient_bytes(data: bytes, at: int) -> int:
    """Bytes a pixel that the coefficients of all components take, from the frame header's sampling factors."""
    factors = [(data[at + 2 + 3 * i] >> 4, data[at + 2 + 3 * i] & 15) for i in range(data[at])]
    largest = max((wide for wide, _ in factors), default=1) * max((high for _, high in factors), default=1)
    return math.ceil(2 * sum(wide * high for wide, high in factors) / max(1, largest))


_READERS = {"JPEG": _jpeg, "PNG": _png, "GIF": _gif, "BMP": _bmp, "WEBP": _webp}
