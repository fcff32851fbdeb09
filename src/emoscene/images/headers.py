"""What a file says it is, read from its first bytes before any decoder runs.

Only the formats of `FORMATS` exist for emoscene: what a file is called plays no part, and nothing is handed
to a decoder whose header has not been read here. The sizes are the largest the header claims, so that a file
that names its size twice is judged by the larger.
"""

from __future__ import annotations

from dataclasses import dataclass

from emoscene.errors import PictureError

__all__ = ["FORMATS", "Header", "read_header"]

#: The picture formats emoscene decodes. TIFF, ICO, PSD, JPEG 2000 have long lists of decoder flaws.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")

#: Photographs saved progressively have about ten scans; thousands make a small file slow to decode.
_MOST_JPEG_SCANS = 100
_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})


@dataclass(frozen=True)
class Header:
    """The format (one of `FORMATS`) and the size in pixels that a file claims, before any turning."""

    format: str
    width: int
    height: int


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
        width, height = _SIZES[name](data)
    except IndexError:
        raise PictureError(
            f"the header of this {name} file breaks off", remedy="Get the file again."
        ) from None
    return Header(name, width, height)


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


def _png_size(data: bytes) -> tuple[int, int]:
    return _big(data, 16, 4), _big(data, 20, 4)


def _gif_size(data: bytes) -> tuple[int, int]:
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
    return width, height


def _bmp_size(data: bytes) -> tuple[int, int]:
    if _little(data, 14, 4) == 12:
        return _little(data, 18, 2), _little(data, 20, 2)
    height = _little(data, 22, 4)
    # A negative height says that the rows run from the top.
    return _little(data, 18, 4), min(height, 2**32 - height)


def _webp_size(data: bytes) -> tuple[int, int]:
    chunk = data[12:16]
    if chunk == b"VP8X":
        return _little(data, 24, 3) + 1, _little(data, 27, 3) + 1
    if chunk == b"VP8L":
        bits = _little(data, 21, 4)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return _little(data, 26, 2) & 0x3FFF, _little(data, 28, 2) & 0x3FFF


def _jpeg_size(data: bytes) -> tuple[int, int]:
    if data.count(b"\xff\xda") > _MOST_JPEG_SCANS:
        raise PictureError(
            f"this JPEG file has more than {_MOST_JPEG_SCANS} scans", remedy="Save it again as a plain JPEG."
        )
    width = height = 0
    at = 2
    while (marker := data[at + 1]) != 0xDA:
        if data[at] != 0xFF or marker == 0xFF:
            at += 1
            continue
        if marker in _JPEG_WITHOUT_LENGTH or marker == 0:
            at += 2
            continue
        if marker in _JPEG_SIZES:
            height = max(height, _big(data, at + 5, 2))
            width = max(width, _big(data, at + 7, 2))
        at += 2 + _big(data, at + 2, 2)
    return width, height


_SIZES = {"JPEG": _jpeg_size, "PNG": _png_size, "GIF": _gif_size, "BMP": _bmp_size, "WEBP": _webp_size}
