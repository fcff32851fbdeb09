"""Any colour mode to upright 8-bit RGB, by stated rules.

Turning: the EXIF orientation is applied; EXIF data that cannot be read counts as upright.
Colour: an embedded ICC profile is converted to sRGB (perceptual intent); a profile that is broken, too long,
or made for another kind of pixels is ignored, as browsers do. CMYK without a profile is converted by formula.
Depth: of 16 bits the upper 8 are kept (`value >> 8`). Transparency: laid over white.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageCms

from emoscene.errors import PictureError

__all__ = ["DECODER_ERRORS", "pixels_to_rgb", "to_upright_rgb"]

#: What Pillow's decoders raise for broken files. Nothing of their text is passed on.
DECODER_ERRORS: tuple[type[Exception], ...] = (
    Image.DecompressionBombError,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_PROFILE_ERRORS: tuple[type[Exception], ...] = (ImageCms.PyCMSError, *DECODER_ERRORS)
_LONGEST_PROFILE = 4 * 2**20
#: Which pixels a profile of each ICC colour space can describe.
_PROFILE_MODES = {"RGB": ("RGB", "RGBA"), "GRAY": ("L",), "CMYK": ("CMYK",)}
_WHITE = (255, 255, 255)
#: Rows converted at a time: two whole pictures are never held beside a third.
_STRIP = 256


def to_upright_rgb(image: Image.Image) -> Image.Image:
    """The picture upright, in RGB with 8 bits a channel, without metadata; never the object that was given.

    Raises:
        PictureError: if the colour mode is unknown, or real-valued pixels lie outside 0..1.
        Anything of `DECODER_ERRORS`: from the decoder, if the picture was not loaded yet.
    """
    turn = _TURNS.get(_orientation(image))
    profile = image.info.get("icc_profile")
    # One name throughout: each step lets go of the picture before it, so that never more than two are held.
    image = _to_eight_bits(image)
    if profile:
        image = _to_srgb(image, profile)
    image = _over_white(image) if image.mode == "RGBA" else image.convert("RGB")
    if turn is not None:
        image = image.transpose(turn)
    image.info = {}
    return image


def pixels_to_rgb(pixels: npt.NDArray[np.generic]) -> Image.Image:
    """An array of shape (height, width), (height, width, 1), (.., 3) or (.., 4) as an RGB picture.

    uint8 as it is, uint16 by its upper 8 bits, real numbers from 0 to 1 times 255 and rounded. One channel is
    grey, four are RGB and alpha, which is laid over white.

    Raises:
        PictureError: for any other shape or type, or real numbers outside 0..1.
    """
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (3, 4)):
        raise PictureError(
            "an array of this shape is no picture",
            value=pixels.shape,
            remedy="Give (height, width), or (height, width, channels) with 1, 3 or 4 channels.",
        )
    return to_upright_rgb(Image.fromarray(np.ascontiguousarray(_to_bytes(pixels))))


def _to_bytes(pixels: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    if pixels.dtype == np.uint16:
        return (pixels.astype(np.uint16, copy=False) >> 8).astype(np.uint8)
    if np.issubdtype(pixels.dtype, np.floating):
        real = pixels.astype(np.float32)
        # Written so that NaN fails too.
        if not bool(((real >= 0) & (real <= 1)).all()):
            raise PictureError(
                "real-valued pixels must lie between 0 and 1",
                remedy="Divide by 255 first, or give uint8.",
            )
        return np.rint(real * 255).astype(np.uint8)
    raise PictureError(
        "pixels of this type are not understood",
        value=pixels.dtype,
        remedy="Give uint8 (0..255), uint16 (0..65535) or real numbers (0..1).",
    )


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except DECODER_ERRORS:
        return 1
    return value if isinstance(value, int) else 1


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """To one of the modes L, RGB, RGBA, CMYK."""
    if image.mode.startswith("I;16") or image.mode == "I":
        return _from_sixteen_bits(image)
    if image.mode == "F":
        return Image.fromarray(_to_bytes(np.asarray(image)))
    if image.has_transparency_data:
        transparent = image.info.get("transparency")
        if image.mode == "RGB" and isinstance(transparent, tuple) and max(transparent) > 255:
            image = image.copy()
            image.info["transparency"] = tuple(int(value) >> 8 for value in transparent)
        return image if image.mode == "RGBA" else image.convert("RGBA")
    if image.mode in ("L", "RGB", "CMYK"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _from_sixteen_bits(image: Image.Image) -> Image.Image:
    transparent = image.info.get("transparency")
    grey, alpha = Image.new("L", image.size), Image.new("L", image.size, 255)
    for top, strip in _strips(image):
        values = np.asarray(strip)
        if values.min() < 0 or values.max() > 65535:
            raise PictureError(
                "whole-number pixels must lie between 0 and 65535", remedy="Scale them to 8 or 16 bits first."
            )
        grey.paste(Image.fromarray((values >> 8).astype(np.uint8)), (0, top))
        if isinstance(transparent, int):
            opaque = np.where(values == transparent, 0, 255).astype(np.uint8)
            alpha.paste(Image.fromarray(opaque), (0, top))
    return Image.merge("RGBA", (grey, grey, grey, alpha)) if isinstance(transparent, int) else grey


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    if not isinstance(profile, bytes) or len(profile) > _LONGEST_PROFILE:
        return image
    try:
        source = ImageCms.getOpenProfile(io.BytesIO(profile))
        if image.mode not in _PROFILE_MODES.get(source.profile.xcolor_space.strip(), ()):
            return image
        converted = ImageCms.profileToProfile(
            image,
            source,
            ImageCms.createProfile("sRGB"),
            outputMode="RGBA" if image.mode == "RGBA" else "RGB",
        )
    except _PROFILE_ERRORS:
        return image
    return image if converted is None else converted


def _strips(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    for top in range(0, image.height, _STRIP):
        yield top, image.crop((0, top, image.width, min(top + _STRIP, image.height)))


def _over_white(image: Image.Image) -> Image.Image:
    upright = Image.new("RGB", image.size, _WHITE)
    for top, strip in _strips(image):
        upright.paste(strip.convert("RGB"), (0, top), strip.getchannel("A"))
    return upright
