"""Dual encoders, zero-shot: how near is the picture of the person to a sentence with the label in it?

A score is a cosine between the vectors of a picture and of a label, from -1 to 1. A label's vector is the mean over
several sentences, encoded once for a model and kept on disk. Without rules the six nearest labels are chosen, as the
paper does (Etesam et al., IROS 2024).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from emoscene.errors import AnswerError, EmosceneError, OptionError
from emoscene.images import regions
from emoscene.labels import LabelSpace
from emoscene.prompts import template
from emoscene.recognizers.base import Answer, BatchRecognizer, Card, Subject, no_picture
from emoscene.recognizers.encoders import DualEncoder, load_encoder
from emoscene.recognizers.loading import Placement
from emoscene.types import BoundingBox, ScoreKind

__all__ = ["DualEncoderRecognizer", "Prompts", "View", "make"]

View = Literal["both", "redbox", "crop"]
Prompts = Literal["templates", "definitions", "paper"]

#: The paper does not print the sentence of its CLIP row; `paper` is one plain sentence, ours.
_TEMPLATES: dict[str, tuple[str, ...]] = {
    "templates": ("dual/seems.v1", "dual/mood.v1", "dual/body.v1", "dual/moment.v1"),
    "definitions": ("dual/definition.v1",),
    "paper": ("dual/paper.v1",),
}
#: A crop shows this much more than the box, as a share of its sides.
_MARGIN = 0.1


class DualEncoderRecognizer(BatchRecognizer[tuple[Image.Image, ...]]):
    """Scores labels by their cosine to views of the person.

    Args:
        labels: The label space; its vectors are taken from the cache or encoded, here.
        encoder: The dual encoder.
        view: The whole picture with a red box round the person (`redbox`), the person's part of it (`crop`), or
            the mean of both cosines (`both`).
        prompts: Several sentences a label (`templates`), its definition (`definitions`), or one sentence (`paper`).
        batch_size: People answered together; the scores do not depend on it beyond float noise.
    """

    def __init__(
        self, labels: LabelSpace, encoder: DualEncoder, *, view: View = "both", prompts: Prompts = "templates",
        batch_size: int = 16,
    ) -> None:  # fmt: skip
        super().__init__(encoder.name, _card(encoder, view, prompts), labels, batch_size=batch_size)
        self._encoder, self._view = encoder, view
        texts = [
            _filled(name, label.name.lower(), label.definition)
            for label in labels
            for name in _TEMPLATES[prompts]
        ]
        cut = {i // len(_TEMPLATES[prompts]) for i in encoder.cut(texts)}
        vectors = encoder.encode_texts(texts).reshape(len(labels), len(_TEMPLATES[prompts]), -1).mean(axis=1)
        self._labels: npt.NDArray[np.float64] = _unit(vectors.astype(np.float64))
        named = ", ".join(labels.ids[i] for i in sorted(cut))
        self._warnings = (f"definitions longer than the encoder reads: {named}",) if cut else ()

    def prepare(self, subject: Subject) -> tuple[Image.Image, ...]:
        picture = subject.picture
        if picture is None:
            raise no_picture(self.name)
        box = subject.box or BoundingBox(x1=0, y1=0, x2=picture.width, y2=picture.height)
        views = []
        if self._view != "crop":
            views.append(regions.red_box(picture, box))
        if self._view != "redbox":
            views.append(regions.crop(picture, box, _MARGIN))
        return tuple(views)

    def answer(self, batch: Sequence[tuple[Image.Image, ...]]) -> Sequence[Answer | EmosceneError]:
        vectors = self._encoder.encode_pictures([view for views in batch for view in views])
        cosines = vectors.astype(np.float64) @ self._labels.T
        means = cosines.reshape(len(batch), -1, len(self.labels)).mean(axis=1)
        return [self._answer(row) for row in np.clip(means, -1, 1)]

    def _answer(self, cosines: npt.NDArray[np.float64]) -> Answer | EmosceneError:
        if not np.isfinite(cosines).all():
            return AnswerError(
                "the encoder gave no finite vector for this picture", remedy="Load it with -o dtype=float32."
            )
        scores = dict(zip(self.labels.ids, cosines.tolist(), strict=True))
        return Answer(scores, ScoreKind.SIMILARITY, warnings=self._warnings)


def make(
    labels: LabelSpace,
    *,
    model: str | None = None,
    view: View = "both",
    prompts: Prompts = "templates",
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
        device: `auto` takes a GPU if there is one.
        dtype: `auto` is float32 on the CPU, else bfloat16.
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
    return DualEncoderRecognizer(labels, encoder, view=view, prompts=prompts, batch_size=batch_size)


def _filled(name: str, label: str, definition: str) -> str:
    prompt = template(name)
    values = {"name": label, "definition": definition}
    return prompt.render(**{field: values[field] for field in prompt.fields})


def _unit(vectors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def _card(encoder: DualEncoder, view: View, prompts: Prompts) -> Card:
    seen = {"both": "red box and crop", "redbox": "the whole picture with a red box", "crop": "the crop"}[
        view
    ]
    return Card(
        name=encoder.name,
        summary=f"A dual encoder, zero-shot: cosine between {seen} and sentences with the label ({prompts}).",
        licence="that of the model's own card",
        data="Pictures and captions of the web; not fitted to any label set here.",
        limits="Reads no words that go with the picture. Cosines rank labels and are no probabilities; their level "
        "differs from label to label. Gives no valence, arousal or dominance.",
    )
