"""The words and numbers that the table, the overlay and the page share."""

from __future__ import annotations

from typing import Literal

from emoscene.labels import LabelSpace
from emoscene.render.printable import printable
from emoscene.types import BoundingBox, Prediction, ScoreKind

__all__ = [
    "NOTICE",
    "USE_NOTICE",
    "VAD_ENDS",
    "Tone",
    "bar_fraction",
    "box_words",
    "kind_words",
    "label_name",
    "problem",
    "score_words",
    "shown_scores",
    "tone",
    "vad_fraction",
]

#: Stands under every answer.
NOTICE = "Apparent emotion: what the scene suggests, not what the person feels."
#: Stands under every page that is handed on.
USE_NOTICE = (
    "Not for use on people at work or in education (EU AI Act, Article 5(1)(f)), nor for hiring, policing or lie "
    "detection. People who are exposed to emotion recognition must be told (Article 50(3))."
)
#: What the two ends of the VAD dimensions are called.
VAD_ENDS = {
    "valence": ("unpleasant", "pleasant"),
    "arousal": ("calm", "excited"),
    "dominance": ("controlled", "in control"),
}

Tone = Literal["pleasant", "unpleasant", "neutral"]

_KINDS = {
    ScoreKind.PROBABILITY: "probability, calibrated on held-out data",
    ScoreKind.YES_SHARE: "share of yes among yes and no",
    ScoreKind.ACTIVATION: "output of a trained head, not calibrated",
    ScoreKind.LABEL_LIKELIHOOD: "likelihood of the label; bars relative",
    ScoreKind.SIMILARITY: "similarity to the label; bars relative",
    ScoreKind.MEMBERSHIP: "named by the model or not",
}
_UNIT_KINDS = {ScoreKind.PROBABILITY, ScoreKind.YES_SHARE, ScoreKind.ACTIVATION, ScoreKind.MEMBERSHIP}


def kind_words(kind: ScoreKind | None) -> str:
    """What the numbers are, in words."""
    return "no scores" if kind is None else _KINDS[kind]


def label_name(label_id: str, labels: LabelSpace | None) -> str:
    """The display name of a label, or its id in words where the label space is not at hand."""
    if labels is not None and label_id in labels.ids:
        return printable(labels[label_id].name)
    return printable(label_id.replace("_", " "))


def tone(label_id: str, labels: LabelSpace | None) -> Tone:
    """Whether a label is typically pleasant, by the valence (1 to 10) that its label space gives it."""
    valence = labels[label_id].valence if labels is not None and label_id in labels.ids else None
    if valence is None or 4.5 <= valence <= 6.0:
        return "neutral"
    return "pleasant" if valence > 6.0 else "unpleasant"


def shown_scores(prediction: Prediction, most: int) -> list[tuple[str, float]]:
    """The labels worth a line: the highest `most`; of a parsed set only its members."""
    if prediction.score_kind is ScoreKind.MEMBERSHIP:
        return [(label, prediction.scores[label]) for label in prediction.labels][:most]
    return prediction.top(most)


def bar_fraction(prediction: Prediction, score: float) -> float:
    """How full a bar is, 0 to 1: the score itself where it lies in 0 to 1, else its place among this row's."""
    if prediction.score_kind in _UNIT_KINDS:
        return min(1.0, max(0.0, score))
    low, high = min(prediction.scores.values()), max(prediction.scores.values())
    return 1.0 if high == low else (score - low) / (high - low)


def vad_fraction(value: float) -> float:
    """Where a value of the 1 to 10 scale lies, 0 to 1."""
    return (value - 1) / 9


def score_words(score: float) -> str:
    """A score with two decimals."""
    return f"{score:.2f}"


def box_words(box: BoundingBox | None) -> str:
    """A box as it is written on the command line, in whole pixels."""
    return "whole picture" if box is None else "box " + ",".join(f"{c:.0f}" for c in box.as_tuple())


def problem(prediction: Prediction) -> tuple[str, str]:
    """What is wrong with a row that is not ok, and how to mend it."""
    if prediction.error is None:
        return str(prediction.status), ""
    return printable(prediction.error.message), printable(prediction.error.remedy)
