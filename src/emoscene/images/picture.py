"""The one door for pictures: whatever holds one goes in, an upright RGB picture comes out, decoded once.

A path, bytes, a file object, base64 text, a numpy array and a PIL image of the same picture give identical
pixels. Limits are checked on the header before a decoder runs; addresses on the network are refused, never
fetched; no error repeats what a decoder said.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
from PIL import BmpImagePlugin, GifImagePlugin, Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from emoscene.errors import InputError, MissingFileError, OptionError, PictureError, PictureLimitError
from emoscene.images.colour import DECODER_ERRORS, pixels_to_rgb, to_upright_rgb
from emoscene.images.headers import USUALLY_HELD, read_header
from emoscene.images.quiet import without_pillow_warnings
from emoscene.types import Picture

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Limits", "OpenedPicture", "open_base64", "open_picture"]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What is refused before decoding.

    Attributes:
        file_bytes: The longest encoded file.
        pixels: The largest width x height. The default is 7680 x 4320 (8K): decoding holds up to 8 bytes a
            pixel, so that no picture needs more than 300 MB. For forms whose decoders hold more (WEBP, JPEG
            of several scans in full colour) the limit is lower in proportion: half of it for WEBP.
        min_side: The shortest side, in pixels.
        max_side: The longest side, in pixels.
    """

    file_bytes: int = 64 * 2**20
    pixels: int = 7680 * 4320
    min_side: int = 2
    max_side: int = 20_000

    def __post_init__(self) -> None:
        if not 1 <= self.min_side <= self.max_side or self.file_bytes < 1 or not 1 <= self.pixels <= 2**28:
            raise OptionError(
                "these picture limits cannot be kept",
                value=self,
                remedy="Sides and bytes are at least 1, min_side is at most max_side, pixels at most 2**28.",
            )

    def check_size(self, width: int, height: int, held: int = USUALLY_HELD) -> None:
        """Raise PictureLimitError or PictureError if a picture of this size is refused.

        `held` is how many bytes a pixel its decoding holds; more than usual lowers the limit in proportion.
        """
        shown = f"{width} x {height}"
        if min(width, height) < self.min_side:
            raise PictureError(
                f"a picture needs at least {self.min_side} pixels on each side",
                value=shown,
                remedy="Give a larger picture.",
            )
        if max(width, height) > self.max_side:
            raise PictureLimitError(
                f"a side of the picture is longer than {self.max_side} pixels",
                value=shown,
                remedy="Scale the picture down first, or raise Limits(max_side=...).",
            )
        pixels = self.pixels * USUALLY_HELD // max(held, USUALLY_HELD)
        if width * height > pixels:
            raise PictureLimitError(
                f"the picture has more than {pixels:,} pixels",
                value=shown,
                remedy="Scale the picture down first, or raise Limits(pixels=...).",
            )

    def check_bytes(self, length: int) -> None:
        """Raise PictureLimitError if an encoded file of this length is refused."""
        if length > self.file_bytes:
            raise PictureLimitError(
                f"the file is longer than {self.file_bytes:,} bytes",
                remedy="Save the picture smaller, or raise Limits(file_bytes=...).",
            )


_DEFAULT = Limits()
_STRIP = 256
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_DATA_URL = re.compile(r"data:image/[A-Za-z0-9.+-]+(?:;[A-Za-z0-9=._-]+)*;base64,", re.IGNORECASE)


class OpenedPicture:
    """A decoded picture: upright, RGB, 8 bits a channel. Make one with `open_picture`.

    Array and hash are made when first asked for and kept.
    """

    def __init__(self, image: Image.Image, source: str) -> None:
        self._image = image
        self._source = source

    @property
    def width(self) -> int:
        return self._image.width

    @property
    def height(self) -> int:
        return self._image.height

    @property
    def source(self) -> str:
        """The path, or one of the words `bytes`, `file`, `base64`, `array`, `image`."""
        return self._source

    @property
    def image(self) -> Image.Image:
        """The upright RGB picture. Do not change it: it is shared."""
        return self._image

    @cached_property
    def array(self) -> npt.NDArray[np.uint8]:
        """The pixels as uint8 of shape (height, width, 3), read-only."""
        pixels = np.empty((self.height, self.width, 3), np.uint8)
        # In strips, because Pillow makes two more copies of what it hands to numpy.
        for top in range(0, self.height, _STRIP):
            bottom = min(top + _STRIP, self.height)
            pixels[top:bottom] = np.asarray(self._image.crop((0, top, self.width, bottom)))
        pixels.setflags(write=False)
        return pixels

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the decoded size and pixels, in hex: the same for every way the same picture came in."""
        digest = hashlib.sha256(f"{self.width}x{self.height} RGB\n".encode())
        digest.update(self.array.data)
        return digest.hexdigest()

    def __repr__(self) -> str:
        return f"OpenedPicture({self.width}x{self.height}, source={self._source!r})"


def open_picture(source: Any, *, limits: Limits = _DEFAULT) -> Picture:
    """Open a picture from whatever holds it.

    Args:
        source: A path (str or Path), the bytes of a picture file, a binary file object (read from where it
            stands), `data:image/...;base64,` text, a numpy array (see `colour.pixels_to_rgb` for shapes and
            types), a PIL image (its current frame), or an opened `Picture`, which is returned as it is. Files
            are JPEG, PNG, WEBP, GIF or BMP by their content, whatever their name; of animated files the first
            frame is taken.
        limits: What to refuse.

    Returns:
        The picture, decoded: EXIF orientation applied, sRGB, 8 bits a channel, transparency over white.

    Raises:
        MissingFileError: if the path does not exist, is no file, or may not be read.
        InputError: if the text is an address on the network: nothing is ever fetched.
        PictureError: if it is no picture, is broken, or is of a type that holds no picture.
        PictureLimitError: if it is above the limits.
    """
    if isinstance(source, str):
        if source[:5].lower() == "data:":
            return _open_data_url(source, limits)
        if _ADDRESS.match(source):
            raise InputError(
                "emoscene fetches nothing from the network",
                value=source,
                remedy="Download the picture first and give the path of the file.",
            )
        return _open_path(Path(source), source, limits)
    if isinstance(source, os.PathLike):
        path = Path(os.fsdecode(source))
        return _open_path(path, str(path), limits)
    if isinstance(source, bytes | bytearray | memoryview):
        return _decode(bytes(source), "bytes", limits)
    if isinstance(source, np.ndarray):
        return _open_array(source, limits)
    if isinstance(source, Image.Image):
        return _open_image(source, limits)
    if isinstance(source, Picture):
        return source
    if callable(getattr(source, "read", None)):
        return _open_file(cast("IO[bytes]", source), limits)
    raise PictureError(
        "an object of this type holds no picture",
        value=type(source).__name__,
        remedy="Give a path, bytes, a binary file, an array, a PIL image, or data:image/...;base64 text.",
    )


def open_base64(text: str | bytes, *, limits: Limits = _DEFAULT) -> Picture:
    """Open a picture from bare base64 text (standard alphabet; white space is skipped).

    Raises:
        PictureError: if the text is not base64 or what it holds is no picture.
        PictureLimitError: if it is above the limits.
    """
    limits.check_bytes(len(text) * 3 // 4 - 2)
    raw = text.encode("ascii", "replace") if isinstance(text, str) else text
    try:
        data = base64.b64decode(b"".join(raw.split()), validate=True)
    except binascii.Error:
        raise PictureError(
            "the text is not base64", remedy="Encode the bytes of the picture file with standard base64."
        ) from None
    return _decode(data, "base64", limits)


def _open_data_url(text: str, limits: Limits) -> Picture:
    found = _DATA_URL.match(text[:200])
    if found is None:
        raise PictureError(
            "this data: text holds no base64 picture", remedy="Write it as data:image/png;base64,iVBORw0..."
        )
    return open_base64(text[found.end() :], limits=limits)


def _open_path(path: Path, shown: str, limits: Limits) -> Picture:
    try:
        if not path.is_file():
            what = "this is no file" if path.exists() else "no such file"
            raise MissingFileError(what, value=shown, remedy="Give the path of a picture file.")
        with path.open("rb") as file:
            data = file.read(limits.file_bytes + 1)
    except (OSError, ValueError):
        raise MissingFileError(
            "this file cannot be read", value=shown, remedy="Check the path and that you may read the file."
        ) from None
    return _decode(data, shown, limits)


def _open_file(file: IO[bytes], limits: Limits) -> Picture:
    try:
        data = file.read(limits.file_bytes + 1)
    except (OSError, ValueError):
        raise PictureError("the file object cannot be read", remedy="Open it anew in binary mode.") from None
    if not isinstance(data, bytes):
        raise PictureError(
            "the file object gives text, not bytes", remedy="Open the file in binary mode ('rb')."
        )
    return _decode(data, "file", limits)


def _open_array(pixels: npt.NDArray[np.generic], limits: Limits) -> Picture:
    if pixels.ndim >= 2:
        limits.check_size(pixels.shape[1], pixels.shape[0])
    return OpenedPicture(pixels_to_rgb(pixels), "array")


def _open_image(image: Image.Image, limits: Limits) -> Picture:
    limits.check_size(*image.size)
    try:
        with without_pillow_warnings():
            upright = to_upright_rgb(image)
    except DECODER_ERRORS:
        raise _undecodable(image.format or "PIL") from None
    return OpenedPicture(upright, "image")


_DECODERS: dict[str, Callable[[IO[bytes]], Image.Image]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
}


def _decode(data: bytes, source: str, limits: Limits) -> Picture:
    limits.check_bytes(len(data))
    header = read_header(data)
    limits.check_size(header.width, header.height, header.held)
    try:
        with without_pillow_warnings():
            upright = to_upright_rgb(_loaded(data, header.format, limits))
    except DECODER_ERRORS:
        raise _undecodable(header.format) from None
    return OpenedPicture(upright, source)


def _loaded(data: bytes, name: str, limits: Limits) -> Image.Image:
    # The one decoder that the header names: Image.open tries several and warns of a limit of its own.
    image = _DECODERS[name](io.BytesIO(data))
    limits.check_size(*image.size)
    image.load()
    return image


def _undecodable(name: str) -> PictureError:
    return PictureError(
        f"this {name} picture is broken or incomplete", remedy="Get the file again or save it anew."
    )
