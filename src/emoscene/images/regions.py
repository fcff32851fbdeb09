"""Regions of a picture: crop to a box, point at it (red box, numbered marks), paint it or the rest over.

Every function takes an opened `Picture` or a PIL image and boxes in pixels of the upright picture, leaves its
input as it is and returns a new RGB image. Boxes are clamped to the picture first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from emoscene.errors import OptionError
from emoscene.types import BoundingBox, Picture

__all__ = ["crop", "line_width", "mask", "numbered_marks", "red_box"]

Colour = tuple[int, int, int]

RED: Colour = (255, 0, 0)
_GREY: Colour = (128, 128, 128)
_WHITE: Colour = (255, 255, 255)
#: Share of the longer side. Scaled to 112 pixels, as small towers see it, the line still covers a pixel.
_LINE_SHARE = 0.012
_MARK_SHARE = 0.05
_BLUR_SHARE = 0.05


def crop(picture: Picture | Image.Image, box: BoundingBox, margin: float = 0.0) -> Image.Image:
    """The part of the picture in the box, widened on every side by `margin` x its width or height.

    What a margin adds beyond the picture is left away, not filled. A margin below 0 narrows the box.

    Raises:
        BoxError: if the box lies outside the picture.
        OptionError: if the margin is not a number above -0.5.
    """
    if not margin > -0.5 or not math.isfinite(margin):
        raise OptionError(
            "a crop's margin is a number above -0.5", value=margin, remedy="Give 0.1 for a tenth."
        )
    image = _rgb(picture)
    inside = box.clamp(*image.size)
    wide, high = margin * inside.width, margin * inside.height
    grown = BoundingBox(x1=inside.x1 - wide, y1=inside.y1 - high, x2=inside.x2 + wide, y2=inside.y2 + high)
    return image.crop(_pixels(grown, image))


def line_width(picture: Picture | Image.Image) -> int:
    """The width in pixels of a line that stays visible when the picture is scaled down to 112 pixels."""
    return max(2, round(_LINE_SHARE * max(picture.width, picture.height)))


def red_box(
    picture: Picture | Image.Image, box: BoundingBox, *, colour: Colour = RED, width: int | None = None
) -> Image.Image:
    """The picture with a frame drawn along the inner edge of the box (never outside the picture).

    Args:
        picture: What to draw on (a copy of).
        box: Whom to point at.
        colour: Red, green, blue, 0 to 255.
        width: Line width in pixels; None scales it with the picture (`line_width`).
    """
    image = _rgb(picture)
    _frame(ImageDraw.Draw(image), _pixels(box, image), colour, line_width(image) if width is None else width)
    return image


def numbered_marks(
    picture: Picture | Image.Image, boxes: Sequence[BoundingBox], *, colour: Colour = RED
) -> Image.Image:
    """The picture with every box framed and numbered from 1, in the order given, at its upper left corner."""
    image = _rgb(picture)
    draw = ImageDraw.Draw(image)
    size = max(10, round(_MARK_SHARE * max(image.size)))
    font = ImageFont.load_default(size)
    for number, box in enumerate(boxes, start=1):
        pixels = _pixels(box, image)
        _frame(draw, pixels, colour, line_width(image))
        text = str(number)
        wide = min(max(size, math.ceil(draw.textlength(text, font=font)) + size // 3), image.width)
        high = min(round(size * 1.2), image.height)
        # Moved back where the tag would stick out, so that a number at the edge can still be read.
        left, top = min(pixels[0], image.width - wide), min(pixels[1], image.height - high)
        draw.rectangle((left, top, left + wide - 1, top + high - 1), fill=colour)
        draw.text((left + wide / 2, top + high / 2), text, fill=_WHITE, font=font, anchor="mm")
    return image


def mask(
    picture: Picture | Image.Image, box: BoundingBox, fill: str | Colour = "grey", *, outside: bool = False
) -> Image.Image:
    """The picture with the box painted over, or, with `outside`, with everything but the box painted over.

    Args:
        picture: What to paint on (a copy of).
        box: The part to hide, or to leave.
        fill: `grey` (128, 128, 128), `mean` (the mean colour of the whole picture), `blur` (the picture
            blurred with a radius of a twentieth of its longer side), or a colour.
        outside: Hide all but the box instead.

    Raises:
        BoxError: if the box lies outside the picture.
        OptionError: if the fill has another name, or a colour is not three whole numbers from 0 to 255.
    """
    image = _rgb(picture)
    area = _pixels(box, image)
    filling = _filling(image, fill)
    if outside:
        filling.paste(image.crop(area), area[:2])
        return filling
    image.paste(filling.crop(area), area[:2])
    return image


def _filling(image: Image.Image, fill: str | Colour) -> Image.Image:
    if fill == "grey":
        return Image.new("RGB", image.size, _GREY)
    if fill == "mean":
        mean = np.asarray(image).reshape(-1, 3).mean(axis=0)
        red, green, blue = (round(float(value)) for value in mean)
        return Image.new("RGB", image.size, (red, green, blue))
    if fill == "blur":
        return image.filter(ImageFilter.GaussianBlur(_BLUR_SHARE * max(image.size)))
    if isinstance(fill, tuple) and len(fill) == 3 and all(isinstance(v, int) and 0 <= v <= 255 for v in fill):
        return Image.new("RGB", image.size, fill)
    raise OptionError(
        "there is no fill of this name",
        value=fill,
        remedy="Use 'grey', 'mean', 'blur' or (red, green, blue).",
    )


def _frame(draw: ImageDraw.ImageDraw, pixels: tuple[int, int, int, int], colour: Colour, width: int) -> None:
    left, top, right, bottom = pixels
    # Pillow's corners are the last pixels painted, ours the first ones no longer in the box.
    width = max(1, min(width, (right - left) // 2, (bottom - top) // 2))
    draw.rectangle((left, top, right - 1, bottom - 1), outline=colour, width=width)


def _rgb(picture: Picture | Image.Image) -> Image.Image:
    image = picture if isinstance(picture, Image.Image) else picture.image
    return image.convert("RGB")


def _pixels(box: BoundingBox, image: Image.Image) -> tuple[int, int, int, int]:
    """The box clamped and rounded outwards: left, top, and the first column and row beyond it."""
    inside = box.clamp(*image.size)
    return math.floor(inside.x1), math.floor(inside.y1), math.ceil(inside.x2), math.ceil(inside.y2)
