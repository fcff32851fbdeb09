"""Pointing at the person: what the model is shown, and the words that say who is meant.

    redbox   the whole picture with a red box drawn (the paper's way; a picture of its own for everybody)
    text     the picture as it is, and the box in words, in the model's own frame
    crop     the picture as it is, and the person's part of it as a second picture
    marks    the picture with everybody numbered once, and the person's number in words

With `text` and `marks` the people of one picture are shown the same pixels, and share their encoding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from PIL import Image, ImageStat

from emoscene.images import regions
from emoscene.prompts import template
from emoscene.recognizers.base import Subject, no_picture
from emoscene.recognizers.frames import Frame, PaddedUnit
from emoscene.types import BoundingBox, Picture

__all__ = ["POINTS", "Point", "Pointed", "Pointer"]

Point = Literal["redbox", "text", "crop", "marks"]
POINTS: tuple[Point, ...] = get_args(Point)
#: A crop shows this much more than the box, as a share of its sides.
_CROP_MARGIN = 0.1


@dataclass(frozen=True)
class Pointed:
    """Pictures for the model, and the phrase for the person (`paper_person` in the paper's own words).

    Subjects of equal `key` are shown equal pictures; None is shared with nobody.
    """

    images: tuple[Image.Image, ...]
    person: str
    paper_person: str
    key: tuple[object, ...] | None = None


@dataclass(frozen=True)
class Pointer:
    """Points in one way, for one model.

    Attributes:
        point: The way.
        frame: The model's frame for boxes in words.
        most_pixels: Larger pictures are scaled down to this, the box with them. Some models spend tokens, and time,
            on every pixel.
    """

    point: Point
    frame: Frame
    most_pixels: int
    name: str = "this model"

    def __call__(self, subject: Subject) -> Pointed:
        """Point at the subject's person; without a box, the whole picture is the person.

        Raises:
            Refusal: if there is no picture.
        """
        if subject.picture is None:
            raise no_picture(self.name)
        ways: dict[str, Callable[[Picture, Subject], Pointed]] = {
            "redbox": self._redbox, "text": self._text, "crop": self._crop, "marks": self._marks,
        }  # fmt: skip
        return ways[self.point](subject.picture, subject)

    def _redbox(self, picture: Picture, subject: Subject) -> Pointed:
        drawn = regions.red_box(picture, _box(subject))
        phrases = template("pointing/redbox.v1").text, template("pointing/redbox_paper.v1").text
        return Pointed((self._fitted(drawn),), *phrases)

    def _text(self, picture: Picture, subject: Subject) -> Pointed:
        image = _scaled(picture.image, self.most_pixels)
        factor = image.width / picture.width, image.height / picture.height
        x1, y1, x2, y2 = _box(subject).as_tuple()
        box = BoundingBox(x1=x1 * factor[0], y1=y1 * factor[1], x2=x2 * factor[0], y2=y2 * factor[1])
        person = template("pointing/text.v1").render(box=self.frame.text(box, image.size))
        return Pointed((self._fitted(image),), person, person, ("text", picture.sha256))

    def _crop(self, picture: Picture, subject: Subject) -> Pointed:
        close = regions.crop(picture, _box(subject), _CROP_MARGIN)
        person = template("pointing/crop.v1").text
        return Pointed((self._fitted(picture.image), self._fitted(close)), person, person)

    def _marks(self, picture: Picture, subject: Subject) -> Pointed:
        own = _box(subject)
        everybody = [b.clamp(picture.width, picture.height) for b in subject.sample.others]
        boxes = sorted({b.as_tuple() for b in (own, *everybody)})
        drawn = regions.numbered_marks(picture, [BoundingBox(**_corners(b)) for b in boxes])
        number = str(boxes.index(own.as_tuple()) + 1)
        person = template("pointing/marks.v1").render(number=number)
        return Pointed((self._fitted(drawn),), person, person, ("marks", picture.sha256, *boxes))

    def _fitted(self, image: Image.Image) -> Image.Image:
        image = _scaled(image, self.most_pixels)
        return _padded(image) if isinstance(self.frame, PaddedUnit) else image


def _corners(values: tuple[float, float, float, float]) -> dict[str, float]:
    return dict(zip(("x1", "y1", "x2", "y2"), values, strict=True))


def _box(subject: Subject) -> BoundingBox:
    assert subject.picture is not None
    whole = BoundingBox(x1=0, y1=0, x2=subject.picture.width, y2=subject.picture.height)
    return subject.box or whole


def _scaled(image: Image.Image, most_pixels: int) -> Image.Image:
    if image.width * image.height <= most_pixels:
        return image
    share = (most_pixels / (image.width * image.height)) ** 0.5
    size = max(1, int(image.width * share)), max(1, int(image.height * share))
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)


def _padded(image: Image.Image) -> Image.Image:
    """The picture centred in a square of its mean colour: processors that cut out the middle would lose people at the
    edges."""
    side = max(image.size)
    if image.size == (side, side):
        return image
    red, green, blue = (round(mean) for mean in ImageStat.Stat(image).mean)
    square = Image.new("RGB", (side, side), (red, green, blue))
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return square
