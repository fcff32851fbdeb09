"""Dual encoders, zero-shot: how near is the picture of the person to a sentence with the label in it?

A score is a cosine between the vectors of a picture and of a label, from -1 to 1. A label's vector is the mean over
several sentences, encoded once for a model and kept on disk. Without rules the six nearest labels are chosen, as the
paper does (Etesam et al., IROS 2024); its own CLIP row is nearest to view=redbox, prompts=paper, fit=cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from emoscene.errors import AnswerError, EmosceneError, OptionError
from emoscene.images import regions
from emoscene.labels import LabelSpace
from emoscene.prompts import template
from emoscene.recognizers.base import Answer, BatchRecognizer, Card, Subject, no_picture
from emoscene.recognizers.encoders import DualEncoder, Pixels, load_encoder
from emoscene.recognizers.loading import Placement
from emoscene.types import BoundingBox, Picture, ScoreKind

__all__ = ["DualEncoderRecognizer", "Fit", "Look", "Prompts", "View", "make", "square"]

View = Literal["both", "redbox", "crop"]
Prompts = Literal["templates", "definitions", "paper"]
Fit = Literal["pad", "cut"]

#: The paper does not print the sentence of its CLIP row; `paper` is one plain sentence, ours.
_TEMPLATES: dict[str, tuple[str, ...]] = {
    "templates": ("dual/seems.v1", "dual/mood.v1", "dual/body.v1", "dual/moment.v1"),
    "definitions": ("dual/definition.v1",),
    "paper": ("dual/paper.v1",),
}
#: A crop shows this much more than the box, as a share of its sides.
_MARGIN = 0.1
#: Before it is padded, a picture is scaled down to this longer side: twice what the largest encoders see.
_LONGEST_SIDE = 1024
#: With less of the person's box than this in the part that is seen, the row says so.
_ENOUGH = 0.5
LITTLE_SEEN = "the model sees the middle of the picture, and little of this person: use -o fit=pad"


@dataclass(frozen=True)
class Look:
    """How the person is looked at.

    Attributes:
        view: The whole picture with a red box round the person (`redbox`), the person's part of it (`crop`), or the
            mean of both cosines (`both`). Without a box there is one view: the picture as it is.
        prompts: Several sentences a label (`templates`), its definition (`definitions`), or one sentence (`paper`).
        fit: For models that cut out the middle of a picture: `pad` makes it square first, with its mean colour, so
            that nobody is cut away; `cut` does as they do.
    """

    view: View = "both"
    prompts: Prompts = "templates"
    fit: Fit = "pad"


@dataclass(frozen=True)
class Ready:
    """The views of one person, as the model takes them, and remarks."""

    views: tuple[Pixels, ...]
    warnings: tuple[str, ...] = ()


class DualEncoderRecognizer(BatchRecognizer[Ready]):
    """Scores labels by their cosine to views of the person.

    Args:
        labels: The label space; its vectors are taken from the cache or encoded, here.
        encoder: The dual encoder.
        look: How the person is looked at.
        batch_size: People answered together; the scores do not depend on it beyond float noise.
    """

    def __init__(
        self, labels: LabelSpace, encoder: DualEncoder, look: Look | None = None, *, batch_size: int = 16
    ) -> None:
        self._encoder, self._look = encoder, look or Look()
        super().__init__(encoder.name, _card(encoder, self._look), labels, batch_size=batch_size)
        names = _TEMPLATES[self._look.prompts]
        texts = [_filled(name, _spoken(label.name), label.definition) for label in labels for name in names]
        vectors = encoder.encode_texts(texts).astype(np.float64).reshape(len(labels), len(names), -1)
        self._labels = _unit(vectors.mean(axis=1))
        cut = sorted({i // len(names) for i in encoder.cut(texts)})
        named = ", ".join(labels.ids[i] for i in cut)
        self._warnings = (f"sentences longer than the encoder reads: {named}",) if cut else ()

    def closing_words(self) -> list[str]:
        """What is to be said once, after the answers."""
        return [self._encoder.cache.remark] if self._encoder.cache.remark else []

    def prepare(self, subject: Subject) -> Ready:
        """Make the views, as small as the model takes them."""
        if subject.picture is None:
            raise no_picture(self.name)
        pads = self._encoder.cuts and self._look.fit == "pad"
        views = self._views(subject.picture, subject.box)
        pixels = tuple(self._encoder.pixels(square(view) if pads else view) for view in views)
        cuts = self._encoder.cuts and not pads and self._look.view == "redbox"
        hidden = cuts and subject.box is not None and _seen(subject.picture, subject.box) < _ENOUGH
        return Ready(pixels, (LITTLE_SEEN,) if hidden else ())

    def _views(self, picture: Picture, box: BoundingBox | None) -> list[Image.Image]:
        if box is None:
            return [picture.image]
        views = []
        if self._look.view != "crop":
            views.append(regions.red_box(picture, box))
        if self._look.view != "redbox":
            views.append(regions.crop(picture, box, _MARGIN))
        return views

    def answer(self, batch: Sequence[Ready]) -> Sequence[Answer | EmosceneError]:
        vectors = self._encoder.encode_pixels([view for ready in batch for view in ready.views])
        cosines = np.clip(vectors.astype(np.float64) @ self._labels.T, -1.0, 1.0)
        ends = np.cumsum([len(ready.views) for ready in batch])[:-1]
        parts = np.split(cosines, ends)
        return [self._answer(ready, part.mean(axis=0)) for ready, part in zip(batch, parts, strict=True)]

    def _answer(self, ready: Ready, cosines: npt.NDArray[np.float64]) -> Answer | EmosceneError:
        if not np.isfinite(cosines).all():
            return AnswerError(
                "the encoder gave no finite vector for this picture", remedy="Load it with -o dtype=float32."
            )
        scores = dict(zip(self.labels.ids, cosines.tolist(), strict=True))
        return Answer(scores, ScoreKind.SIMILARITY, warnings=ready.warnings + self._warnings)


def make(
    labels: LabelSpace,
    *,
    model: str | None = None,
    view: View = "both",
    prompts: Prompts = "templates",
    fit: Fit = "pad",
    device: str = "auto",
    dtype: str = "auto",
    batch_size: int = 16,
) -> DualEncoderRecognizer:
    """A dual encoder from a folder in Hugging Face layout (a hub name is resolved to its folder before).

    Args:
        labels: The label space of the answers.
        model: The folder.
        view: `both`, `redbox` or `crop`.
        prompts: `templates`, `definitions` or `paper`.
        fit: For models that cut out the middle of a picture (CLIP): `pad` or `cut`.
        device: `auto` takes a GPU if there is one.
        dtype: `auto` is float32 on the CPU, else float16.
        batch_size: People answered together.

    Raises:
        OptionError: if no model is named, or an option cannot be used.
        MissingExtraError, UnknownModelError, ModelNotHereError, ModelFilesError: as `load_encoder` does.
    """
    if not model:
        raise OptionError(
            "dual_encoder needs to be told which model",
            value=model,
            remedy="Use --model FOLDER, or a hub name.",
        )
    if batch_size < 1:
        raise OptionError("batch_size must be a whole number above 0", value=batch_size, remedy="Try 16.")
    encoder = load_encoder(model, Placement(device, dtype))
    return DualEncoderRecognizer(labels, encoder, Look(view, prompts, fit), batch_size=batch_size)


def _filled(name: str, label: str, definition: str) -> str:
    prompt = template(name)
    values = {"name": label, "definition": definition}
    return prompt.render(**{field: values[field] for field in prompt.fields})


def _spoken(name: str) -> str:
    """A label's name as it stands in a sentence: of `Doubt/Confusion`, SigLIP would read one word."""
    return " or ".join(part.strip() for part in name.lower().split("/"))


def _unit(vectors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def square(image: Image.Image) -> Image.Image:
    """The picture, scaled down if it is large, centred in a square of its mean colour."""
    if image.width == image.height:
        return image
    share = min(1.0, _LONGEST_SIDE / max(image.size))
    if share < 1:
        size = max(1, round(image.width * share)), max(1, round(image.height * share))
        image = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)
    side = max(image.size)
    red, green, blue = (round(float(v)) for v in np.asarray(image).reshape(-1, 3).mean(axis=0))
    square = Image.new("RGB", (side, side), (red, green, blue))
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return square


def _seen(picture: Picture, box: BoundingBox) -> float:
    """The share of the box that lies in the square in the middle of the picture."""
    side = min(picture.width, picture.height)
    left, top = (picture.width - side) / 2, (picture.height - side) / 2
    wide = min(box.x2, left + side) - max(box.x1, left)
    high = min(box.y2, top + side) - max(box.y1, top)
    return max(0.0, wide) * max(0.0, high) / (box.width * box.height)


def _card(encoder: DualEncoder, look: Look) -> Card:
    views = {"both": "red box and crop", "redbox": "the whole picture with a red box", "crop": "the crop"}
    return Card(
        name=encoder.name,
        summary=f"A dual encoder, zero-shot: cosine between {views[look.view]} and sentences with the label "
        f"({look.prompts}).",
        licence=encoder.licence_note,
        data="Pictures and captions of the web; not fitted to any label set here.",
        limits="Reads no words that go with the picture. Cosines rank labels and are no probabilities; their level "
        "differs from label to label. Gives no valence, arousal or dominance.",
    )
