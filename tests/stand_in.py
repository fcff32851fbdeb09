"""A small recognizer that looks at real pixels: brighter boxes are happier. For tests of what stands around it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import EntryPoint
from typing import Any

import numpy as np
import pytest

from emoscene.errors import EmosceneError
from emoscene.labels import LabelSpace
from emoscene.recognizers import registry
from emoscene.recognizers.base import Answer, BatchRecognizer, Card, Refusal, Subject
from emoscene.types import VAD, ScoreKind, Status


class Brightness(BatchRecognizer[float]):
    """Scores fall off from the label whose place in the label space is the box's brightness."""

    def __init__(self, labels: LabelSpace, *, batch_size: int = 8, gloom: float = 0.0, reason: bool = False):
        card = Card("brightness", "looks at brightness", "Apache-2.0", uses_text=True)
        super().__init__("brightness", card, labels, batch_size=batch_size)
        self.gloom = gloom
        self.reason = reason

    def prepare(self, subject: Subject) -> float:
        if subject.picture is None:
            return 0.5
        pixels = subject.picture.array
        if subject.box is not None:
            x1, y1, x2, y2 = (int(c) for c in subject.box.as_tuple())
            pixels = pixels[y1:y2, x1:x2]
        brightness = float(np.mean(pixels)) / 255
        if brightness < 0.02:
            raise Refusal("it is too dark to see", status=Status.OUT_OF_DOMAIN, remedy="Turn on the light.")
        return max(0.0, brightness - self.gloom)

    def answer(self, batch: Sequence[float]) -> Sequence[Answer | EmosceneError]:
        return [self._one(brightness) for brightness in batch]

    def _one(self, brightness: float) -> Answer:
        places = np.linspace(0, 1, len(self.labels))
        scores = dict(zip(self.labels.ids, np.exp(-8 * np.abs(places - brightness)).tolist(), strict=True))
        value = 1 + 9 * brightness
        return Answer(
            scores=scores,
            score_kind=ScoreKind.YES_SHARE,
            vad=VAD(valence=value, arousal=5.5, dominance=11 - value),
            caption="Somebody stands in the light.",
            reason="The light is on." if self.reason else None,
        )


def make(labels: LabelSpace, *, batch_size: int = 8, gloom: float = 0.0, reason: bool = False) -> Brightness:
    return Brightness(labels, batch_size=batch_size, gloom=gloom, reason=reason)


def make_fixed(labels: LabelSpace) -> Brightness:
    """Takes no options at all."""
    return Brightness(labels)


def register(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make it known as `brightness`, as another installed package would."""
    found = [
        EntryPoint("brightness", "tests.stand_in:make", registry._GROUP),
        EntryPoint("brightness-fixed", "tests.stand_in:make_fixed", registry._GROUP),
    ]

    def entry_points(*, group: str) -> list[Any]:
        return found if group == registry._GROUP else []

    monkeypatch.setattr(registry, "entry_points", entry_points)
