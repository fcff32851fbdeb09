"""The recognizer `head`: a trained head on the features of a frozen model.

    picture, box, words --base model--> features --head--> a score for every label, valence, arousal, dominance

A score is the sigmoid of an output of the head (`activation`): it ranks people, and is no probability until rules are
fitted on people whom the head was not trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from emoscene.errors import AnswerError, EmosceneError, MissingExtraError, ModelFilesError, OptionError
from emoscene.labels import LabelSpace, label_space
from emoscene.recognizers.base import Answer, BatchRecognizer, Card, Subject
from emoscene.recognizers.loading import Placement
from emoscene.types import VAD, ScoreKind

if TYPE_CHECKING:
    from emoscene.networks.head import About, Head
    from emoscene.recognizers.head_features import Features

__all__ = ["HeadRecognizer", "make"]


class HeadRecognizer(BatchRecognizer[Any]):
    """A head and the model whose features it takes.

    Args:
        head: In evaluation mode.
        about: What its folder says.
        features: The frozen model.
        labels: The label space of the answers, all of whose labels the head knows.
        batch_size: People answered together; the scores do not depend on it beyond float noise.
    """

    def __init__(
        self, head: Head, about: About, features: Features, labels: LabelSpace, *, batch_size: int = 8
    ) -> None:
        super().__init__(about.name, _card(about, features), labels, batch_size=batch_size)
        self._head, self._features = head, features
        self._columns = _columns(about, labels)

    def prepare(self, subject: Subject) -> Any:
        """As the base model takes it."""
        return self._features.prepare(subject)

    def answer(self, batch: Sequence[Any]) -> Sequence[Answer | EmosceneError]:
        import torch

        vectors = torch.from_numpy(self._features.vectors(batch))
        with torch.inference_mode():
            logits, levels = self._head(vectors)
        scores = logits.double().sigmoid().numpy()[:, self._columns]
        return [
            self._answered(ready, row, level)
            for ready, row, level in zip(batch, scores, levels.double().numpy(), strict=True)
        ]

    def _answered(self, ready: Any, scores: Any, levels: Any) -> Answer | EmosceneError:
        if not (np.isfinite(scores).all() and np.isfinite(levels).all()):
            return AnswerError(
                "the base model gave no finite features for this person",
                remedy="Load it with -o dtype=float32.",
            )
        valence, arousal, dominance = (1 + 9 * float(level) for level in levels)
        return Answer(
            scores=dict(zip(self.labels.ids, scores.tolist(), strict=True)),
            score_kind=ScoreKind.ACTIVATION,
            vad=VAD(valence=valence, arousal=arousal, dominance=dominance),
            warnings=self._features.remarks(ready),
        )


def make(
    labels: LabelSpace,
    *,
    head: str | None = None,
    model: str | None = None,
    device: str = "auto",
    dtype: str = "auto",
    batch_size: int = 8,
) -> HeadRecognizer:
    """A head that `emoscene train` made, with its base model.

    Args:
        labels: The label space of the answers.
        head: The folder with `head.json` (the folder `model` of a run).
        model: The folder of the base model, if it is not where it was in training.
        device: `auto` takes a GPU if there is one.
        dtype: Of the base model: `auto` is float32 on the CPU.
        batch_size: People answered together.

    Raises:
        OptionError: if no head is named, or it does not know one of the labels.
        ModelFilesError: if its files are missing or broken, or the base model is another than it was trained on.
        MissingExtraError, UnknownModelError, ModelNotHereError: as loading the base model does.
    """
    if not head:
        raise OptionError(
            "head needs to be told which head", value=head, remedy="Use --model RUN, or -o head=RUN/model."
        )
    if batch_size < 1:
        raise OptionError("batch_size must be a whole number above 0", value=batch_size, remedy="Try 8.")
    try:
        from emoscene.networks.head import LABELS_FILE, load_head
    except ImportError as missing:
        raise MissingExtraError.of("models", missing.name or "torch") from None
    from emoscene.recognizers.head_features import open_features, read_look

    trained, about = load_head(Path(head))
    _columns(about, labels)
    try:
        look = read_look(about.features)
    except ValidationError:
        raise ModelFilesError(
            "the head's head.json names features of an unknown kind", value=head, remedy="Train it again."
        ) from None
    base = model or about.base
    trained_on = label_space(Path(head) / LABELS_FILE)
    features = open_features(base, look, trained_on, Placement(device, dtype), batch_size)
    if features.sha256 != about.base_sha256:
        raise ModelFilesError(
            f"this is not the model that the head was trained on ({about.base})",
            value=base,
            remedy="Give that model's folder: -o model=FOLDER.",
        )
    return HeadRecognizer(trained, about, features, labels, batch_size=batch_size)


def _columns(about: About, labels: LabelSpace) -> list[int]:
    """Where each label stands among the head's outputs."""
    if unknown := sorted(set(labels.ids) - set(about.labels)):
        raise OptionError(
            f"{about.name} was trained on the label space {about.label_space!r} and does not know",
            value=unknown[0],
            remedy=f"Use --labels {about.label_space}, or another model.",
        )
    return [about.labels.index(label) for label in labels.ids]


def _card(about: About, features: Features) -> Card:
    layers = f"one hidden layer of {about.hidden}" if about.hidden else "a linear layer"
    figures = about.card.get("figures")
    return Card(
        name=about.name,
        summary=f"A head ({layers}) trained on frozen features of {about.base}.",
        licence=str(about.card.get("licence") or "that of its data and of the base model"),
        data=str(about.card.get("data") or ""),
        limits="Its scores rank people and are not calibrated: fit rules on people whom it was not trained on. It "
        "knows the kind of pictures that it was trained on, and says what people read into a scene.",
        figures={str(k): str(v) for k, v in figures.items()} if isinstance(figures, dict) else {},
        uses_picture=features.uses_picture,
        uses_text=features.uses_text,
    )
