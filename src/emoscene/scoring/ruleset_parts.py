"""What decision rules consist of: what they were fitted on, the calibration, the decision, what was done a label."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, field_validator

from emoscene.scoring.calibrators import CalibrationKind, Feature, Map
from emoscene.types import ScoreKind

__all__ = [
    "DECISIONS",
    "Calibration",
    "Decision",
    "DecisionKind",
    "Fitted",
    "FittedOn",
    "Frozen",
    "StoredThreshold",
    "why_not_fitted_on",
]

DecisionKind = Literal["best_f1", "equal_pr", "prior_matched", "top_k"]
DECISIONS: Final[tuple[DecisionKind, ...]] = ("best_f1", "equal_pr", "prior_matched", "top_k")

StoredThreshold = FiniteFloat | Literal["always", "never"]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

_UNNAMED = frozenset(
    {"", "all", "any", "every", "everything", "full", "whole", "unknown", "none", "null", "na"}
)


class Frozen(BaseModel):
    """No field can be changed, none is unknown, no NaN or infinity passes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def why_not_fitted_on(split: str) -> str | None:
    """Why rules may not be fitted on a split of this name, or None if they may.

    Any name with `test` in it is one, in whatever case or alphabet form (`Test`, `val+test`, `eval_test`); names that
    stand for everything, or for nothing known, may hold test people too.
    """
    letters = "".join(c for c in unicodedata.normalize("NFKC", split).casefold() if c.isalnum())
    if "test" in letters:
        return "rules fitted on the people they are tested on prove nothing"
    if letters in _UNNAMED:
        return "such a split may hold the people the rules are tested on"
    return None


class FittedOn(Frozen):
    """The fingerprint of what rules were fitted on.

    Attributes:
        dataset, split: Their names; never a test split.
        people: How many people, all with status `ok`.
        truth_sha256, rows_sha256: Hashes of the truth and of the prediction rows, 64 hexadecimal digits.
        model: Which recognizer answered.
        label_space: Whose labels.
        score_kind: What the scores were before calibration.
        emoscene: The version that fitted.
    """

    dataset: str
    split: str
    people: Annotated[int, Field(ge=1)]
    truth_sha256: Sha256
    rows_sha256: Sha256
    model: str
    label_space: Annotated[str, Field(min_length=1)]
    score_kind: ScoreKind
    emoscene: str


class Calibration(Frozen):
    """How scores become probabilities: one map a label, none with kind `none`."""

    kind: CalibrationKind
    feature: Feature
    maps: dict[str, Map]


class Decision(Frozen):
    """How labels are chosen: a threshold a label on the (calibrated) score, or the `k` highest."""

    kind: DecisionKind
    thresholds: dict[str, StoredThreshold]
    k: Annotated[int, Field(ge=1)] | None = None
    shrinkage: Annotated[FiniteFloat, Field(ge=0)] | None = None

    @field_validator("shrinkage")
    @classmethod
    def _as_float(cls, value: float | None) -> float | None:
        return None if value is None else float(value)


class Fitted(Frozen):
    """What fitting saw of one label, and what was done that is out of the ordinary.

    Attributes:
        positives: How many people carry the label.
        chosen: For how many people it is chosen there.
        hits: How many of those carry it.
        notes: Such as `rare: shared slope`.
    """

    positives: Annotated[int, Field(ge=0)]
    chosen: Annotated[int, Field(ge=0)]
    hits: Annotated[int, Field(ge=0)]
    notes: tuple[str, ...] = ()
