"""Answers to show: full, poor, hostile and failed ones."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image

from emoscene.images import open_picture
from emoscene.labels import LabelSpace, label_space
from emoscene.types import VAD, BoundingBox, ErrorInfo, Picture, Prediction, ScoreKind, Status


@pytest.fixture
def emotic() -> LabelSpace:
    return label_space("emotic")


@pytest.fixture
def picture() -> Picture:
    return open_picture(Image.new("RGB", (200, 150), (90, 120, 90)))


def prediction(**changes: Any) -> Prediction:
    """An answer with everything in it, changed where wanted."""
    ids = label_space("emotic").ids
    scores = {label: round(0.02 * (place + 1), 3) for place, label in enumerate(ids)}
    fields: dict[str, Any] = {
        "id": "photo.png#0",
        "source": "photo.png",
        "status": Status.OK,
        "box": BoundingBox(x1=20, y1=30, x2=90, y2=140),
        "scores": scores,
        "score_kind": ScoreKind.YES_SHARE,
        "labels": tuple(list(scores)[-6:]),
        "dominant": "yearning",
        "vad": VAD(valence=7.2, arousal=1.0, dominance=10.0),
        "caption": "A girl runs towards the water, her arms wide open, while her brother waits for her.",
        "reason": "The open arms suggest joy.",
        "model": "a-model",
        "label_space": "emotic",
        "warnings": ("the box reached beyond the picture and was clamped",),
    }
    return Prediction(**{**fields, **changes})


def failed(status: Status = Status.UNREADABLE, **changes: Any) -> Prediction:
    error = ErrorInfo(code="picture", message="this is no picture: notes.jpg", remedy="Save it as PNG.")
    return Prediction(
        **{
            "id": "notes.jpg#0",
            "source": "notes.jpg",
            "status": status,
            "error": error,
            "model": "m",
            **changes,
        }
    )
