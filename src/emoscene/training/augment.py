"""The same person seen otherwise: mirrored, cropped, turned and tinted pictures, and captions in other words.

What is done is drawn from a key such as `Draw.key` alone. The box goes with the picture; the person stays whole in a
crop. Point at the person (red box, marks) afterwards, so that the mark itself is never tinted. For training only.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageEnhance
from pydantic import Field

from emoscene.errors import BoxError
from emoscene.images import open_picture
from emoscene.training.paraphrase import paraphrase
from emoscene.training.recipe import Part
from emoscene.types import BoundingBox, Picture, Sample

__all__ = ["Augment", "View", "augmented", "augmented_view", "cropped", "flipped", "turned"]

#: Mirrored, "on the left" would be wrong.
_SIDES = re.compile(r"\b(?:left|right|clockwise|counterclockwise)\b", re.IGNORECASE)


class Augment(Part):
    """How far pictures and captions are changed; 0 leaves a thing as it is.

    Attributes:
        flip: The chance of being mirrored; never where the words name a side.
        crop: The most that is cut off each side, as a share of the picture's width or height; never of the person.
        colour: How far brightness, contrast and saturation may be from 1.
        rotation: The most degrees of a turn, either way. What turns into view has the picture's mean colour.
        paraphrase: The chance that the words are put in another order, with other function words.
    """

    flip: float = Field(default=0.5, ge=0, le=1)
    crop: float = Field(default=0.15, ge=0, lt=0.5)
    colour: float = Field(default=0.2, ge=0, lt=1)
    rotation: float = Field(default=4.0, ge=0, le=45)
    paraphrase: float = Field(default=0.5, ge=0, le=1)


@dataclass(frozen=True)
class View:
    """A picture and boxes in it; the first is the person's, unless there is none."""

    image: Image.Image
    boxes: tuple[BoundingBox, ...]


def augmented(sample: Sample, how: Augment, key: str) -> Sample:
    """The sample with another picture, moved boxes and other words; those of other people who fall out of the picture
    are left out. Without a picture only the words change.

    Raises:
        PictureError: if the picture cannot be opened.
        BoxError: if the box lies outside the picture.
    """
    rng = random.Random(f"augment {key}")
    text = sample.text
    if text and rng.random() < how.paraphrase:
        text = paraphrase(text, key)
    if sample.picture is None:
        return sample.model_copy(update={"text": text})
    picture = sample.picture if isinstance(sample.picture, Picture) else open_picture(sample.picture)
    size = picture.width, picture.height
    own = [] if sample.box is None else [sample.box.clamp(*size)]
    mirrors = how if not text or not _SIDES.search(text) else how.model_copy(update={"flip": 0.0})
    view = augmented_view(View(picture.image, (*own, *sample.others)), mirrors, key)
    boxes = list(view.boxes)
    box = boxes.pop(0) if own else None
    return sample.model_copy(
        update={"picture": view.image, "box": box, "others": _inside(boxes, view.image.size), "text": text}
    )


def augmented_view(view: View, how: Augment, key: str) -> View:
    """The picture turned, cropped, mirrored and tinted, in this order, as the key draws it. The person's box is clamped
    to the picture; other boxes may reach beyond it."""
    rng = random.Random(f"view {key}")
    # All is drawn before anything is done, so that one change does not shift the draws of another.
    angle = rng.uniform(-how.rotation, how.rotation)
    cuts = [rng.uniform(0, how.crop) for _ in range(4)]
    mirrored = rng.random() < how.flip
    factors = [rng.uniform(1 - how.colour, 1 + how.colour) for _ in range(3)]
    if how.rotation:
        view = turned(view, angle)
    if how.crop:
        view = cropped(view, cuts)
    if mirrored:
        view = flipped(view)
    if not how.colour:
        return view
    image = view.image
    for enhance, factor in zip(
        (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color), factors, strict=True
    ):
        image = enhance(image).enhance(factor)
    return View(image, view.boxes)


def flipped(view: View) -> View:
    """Mirrored left to right. Twice is once nothing."""
    width = view.image.width
    boxes = tuple(BoundingBox(x1=width - b.x2, y1=b.y1, x2=width - b.x1, y2=b.y2) for b in view.boxes)
    return View(view.image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), boxes)


def cropped(view: View, cuts: Sequence[float]) -> View:
    """Less at the left, top, right and bottom, as shares of width and height, and never anything of the first box."""
    width, height = view.image.size
    sizes = width, height, width, height
    left, top, right, bottom = (math.floor(cut * size) for cut, size in zip(cuts, sizes, strict=True))
    if view.boxes:
        box = view.boxes[0].clamp(width, height)
        left, top = min(left, math.floor(box.x1)), min(top, math.floor(box.y1))
        right, bottom = min(right, math.floor(width - box.x2)), min(bottom, math.floor(height - box.y2))
    image = view.image.crop((left, top, width - right, height - bottom))
    return View(image, tuple(_moved(b, -left, -top) for b in view.boxes))


def turned(view: View, angle: float) -> View:
    """Turned counterclockwise by `angle` degrees round its middle, in a frame of the same size.

    A box becomes the upright hull of the turned one, the first one clamped to the picture. Where too little of the
    first would be left, nothing is turned.
    """
    width, height = view.image.size
    boxes = [_hull(box, angle, width / 2, height / 2) for box in view.boxes]
    if boxes:
        try:
            boxes[0] = boxes[0].clamp(width, height)
        except BoxError:
            return view
    red, green, blue = (round(float(v)) for v in np.asarray(view.image).reshape(-1, 3).mean(axis=0))
    image = view.image.rotate(angle, Image.Resampling.BICUBIC, fillcolor=(red, green, blue))
    return View(image, tuple(boxes))


def _hull(box: BoundingBox, angle: float, x0: float, y0: float) -> BoundingBox:
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    corners = [(x - x0, y - y0) for x in (box.x1, box.x2) for y in (box.y1, box.y2)]
    xs = [x0 + cos * x + sin * y for x, y in corners]
    ys = [y0 - sin * x + cos * y for x, y in corners]
    return BoundingBox(x1=min(xs), y1=min(ys), x2=max(xs), y2=max(ys))


def _moved(box: BoundingBox, x: float, y: float) -> BoundingBox:
    return BoundingBox(x1=box.x1 + x, y1=box.y1 + y, x2=box.x2 + x, y2=box.y2 + y)


def _inside(boxes: Sequence[BoundingBox], size: tuple[int, int]) -> tuple[BoundingBox, ...]:
    kept = []
    for box in boxes:
        try:
            kept.append(box.clamp(*size))
        except BoxError:
            continue
    return tuple(kept)
