"""The values that travel through emoscene: boxes, people, samples in, predictions out.

All models are frozen. `Prediction` is the row that every face of emoscene shows: the same names in JSON lines,
tables, files and the Python API. Emotions are *apparent*: what the scene suggests to an observer, not what the
person feels.
"""

from __future__ import annotations

import enum
import html
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Protocol, Self, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from emoscene.errors import BoxError, EmosceneError, MissingExtraError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd
    from PIL import Image

__all__ = [
    "SCHEMA_VERSION",
    "VAD",
    "Annotation",
    "BoundingBox",
    "ErrorInfo",
    "Person",
    "Picture",
    "Prediction",
    "Sample",
    "ScoreKind",
    "Status",
    "to_frame",
]

SCHEMA_VERSION: Final = "1"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Status(enum.StrEnum):
    """What became of one sample. Only `ok` carries scores."""

    OK = "ok"
    UNREADABLE = "unreadable"
    NO_PERSON = "no_person"
    MISSING_INPUT = "missing_input"
    UNPARSED = "unparsed"
    REFUSED = "refused"
    OUT_OF_DOMAIN = "out_of_domain"
    FAILED = "failed"


class ScoreKind(enum.StrEnum):
    """What a score is. Only `probability` is one: it was calibrated on held-out data."""

    PROBABILITY = "probability"
    YES_SHARE = "yes_share"
    ACTIVATION = "activation"
    LABEL_LIKELIHOOD = "label_likelihood"
    SIMILARITY = "similarity"
    MEMBERSHIP = "membership"


@runtime_checkable
class Picture(Protocol):
    """An opened picture: upright (EXIF applied), RGB, 8 bits a channel. `emoscene.images.open_picture` makes one."""

    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def source(self) -> str:
        """Where it came from: a path, or a word such as `bytes`."""

    @property
    def image(self) -> Image.Image:
        """The upright RGB picture. Callers do not change it."""

    @property
    def array(self) -> npt.NDArray[np.uint8]:
        """The pixels as uint8 of shape (height, width, 3)."""

    @property
    def sha256(self) -> str:
        """Hash of the decoded pixels and size: a cache key, never a row key."""


class BoundingBox(_Frozen):
    """A person's box: `x1, y1, x2, y2` in absolute pixels of the upright picture, x to the right, y down.

    Corners are real numbers with x1 < x2 and y1 < y2; a box may reach beyond the picture until it is clamped.
    """

    x1: float
    y1: float
    x2: float
    y2: float

    @model_validator(mode="before")
    @classmethod
    def _from_sequence(cls, data: Any) -> Any:
        if isinstance(data, list | tuple) and len(data) == 4:
            return dict(zip(("x1", "y1", "x2", "y2"), data, strict=True))
        return data

    @model_validator(mode="after")
    def _is_a_box(self) -> Self:
        corners = (self.x1, self.y1, self.x2, self.y2)
        if not all(math.isfinite(c) for c in corners):
            raise BoxError("a box needs four finite numbers", value=list(corners), remedy=_BOX_REMEDY)
        if self.x2 <= self.x1 or self.y2 <= self.y1:
            raise BoxError(
                "a box needs x1 < x2 and y1 < y2",
                value=",".join(f"{c:g}" for c in corners),
                remedy="Give the upper left corner first, then the lower right one (not width and height).",
            )
        return self

    @classmethod
    def parse(cls, text: str) -> BoundingBox:
        """Read `"x1,y1,x2,y2"` (commas, spaces or semicolons between the numbers).

        Raises:
            BoxError: if there are not four finite numbers with x1 < x2 and y1 < y2.
        """
        parts = text.replace(",", " ").replace(";", " ").split()
        try:
            numbers = [float(p) for p in parts]
        except ValueError:
            numbers = []
        if len(numbers) != 4:
            raise BoxError("a box is four numbers", value=text, remedy=_BOX_REMEDY)
        return cls(x1=numbers[0], y1=numbers[1], x2=numbers[2], y2=numbers[3])

    @property
    def width(self) -> float:
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        return self.y2 - self.y1

    @property
    def area(self) -> float:
        return self.width * self.height

    def as_tuple(self) -> tuple[float, float, float, float]:
        return (self.x1, self.y1, self.x2, self.y2)

    def clamp(self, width: int, height: int) -> BoundingBox:
        """The part of the box inside a picture of `width` x `height` pixels.

        Raises:
            BoxError: if the box lies wholly outside, or less than two pixels of a side are left.
        """
        x1, y1 = max(0.0, self.x1), max(0.0, self.y1)
        x2, y2 = min(float(width), self.x2), min(float(height), self.y2)
        shown = ",".join(f"{c:g}" for c in self.as_tuple())
        if x2 <= x1 or y2 <= y1:
            raise BoxError(
                f"the box lies wholly outside the picture of {width} x {height} pixels",
                value=shown,
                remedy=_BOX_REMEDY,
            )
        if x2 - x1 < 2 or y2 - y1 < 2:
            raise BoxError(
                f"less than two pixels of the box lie inside the picture of {width} x {height} pixels",
                value=shown,
                remedy=_BOX_REMEDY,
            )
        if (x1, y1, x2, y2) == self.as_tuple():
            return self
        return BoundingBox(x1=x1, y1=y1, x2=x2, y2=y2)

    def iou(self, other: BoundingBox) -> float:
        """Intersection over union, 0 to 1."""
        w = min(self.x2, other.x2) - max(self.x1, other.x1)
        h = min(self.y2, other.y2) - max(self.y1, other.y1)
        if w <= 0 or h <= 0:
            return 0.0
        return w * h / (self.area + other.area - w * h)


_BOX_REMEDY = "Write it as x1,y1,x2,y2 in pixels of the upright picture, for example 40,10,220,300."


class Person(_Frozen):
    """Somebody in a picture. `id` is stable for the same picture and detector; `score` is the detector's, 0 to 1.

    `face` is the box of the person's face, where faces were looked for and theirs was found.
    """

    id: str
    box: BoundingBox
    score: float | None = None
    face: BoundingBox | None = None


class VAD(_Frozen):
    """Apparent valence, arousal and dominance, each from 1 to 10 as in EMOTIC (5.5 is the middle)."""

    valence: Annotated[float, Field(ge=1, le=10)]
    arousal: Annotated[float, Field(ge=1, le=10)]
    dominance: Annotated[float, Field(ge=1, le=10)]


class Annotation(_Frozen):
    """What one annotator said of a person: labels, and valence, arousal and dominance where all three were given."""

    labels: frozenset[str] = frozenset()
    vad: VAD | None = None


class Sample(_Frozen):
    """One person to answer for: a picture and a box, words, or both.

    `picture` is anything `emoscene.images.open_picture` takes (path, bytes, file object, numpy array, PIL image,
    base64 text behind `data:`) or an opened `Picture`; it is opened late, so that a stream of samples holds none.
    Without a box the whole picture is the person. `others` are the boxes of the other people in the picture, for
    models that are shown everybody numbered.

    A sample of a dataset also says its `split` and its `group` (people of one group, such as one picture, are not
    independent and are drawn together in a bootstrap), holds the known labels as `target` (where a dataset has
    shares or strengths from 0 to 1, these as `target_scores` too), what each annotator said as `annotations`, and
    `attributes` such as an age group, which no model is shown. Its id is `{dataset}/{split}/{annotation id}`.
    """

    id: str
    picture: Any = None
    box: BoundingBox | None = None
    text: str | None = None
    others: tuple[BoundingBox, ...] = ()
    source: str = ""
    target: frozenset[str] | None = None
    target_vad: VAD | None = None
    target_scores: dict[str, float] | None = None
    split: str = ""
    group: str = ""
    annotations: tuple[Annotation, ...] = ()
    attributes: dict[str, str] = Field(default_factory=dict)

    @field_validator("id", "source", "group", mode="after")
    @classmethod
    def _is_text(cls, value: str) -> str:
        """File names may hold bytes that are no UTF-8; keys are, so those bytes are written as escapes."""
        return value.encode("utf-8", "backslashreplace").decode("utf-8")

    def __repr__(self) -> str:
        return f"Sample(id={self.id!r}, source={self.source!r}, box={self.box!r})"


class ErrorInfo(_Frozen):
    """An error as it stands in a row."""

    code: str
    message: str
    remedy: str = ""
    retryable: bool = False

    @classmethod
    def of(cls, error: EmosceneError) -> ErrorInfo:
        message = error.what if error.value is None else f"{error.what}: {error.value}"
        return cls(code=error.code, message=message, remedy=error.remedy, retryable=error.retryable)


class Prediction(_Frozen):
    """The answer for one sample: one row, in the same order as the samples.

    `scores` maps label ids to numbers whose meaning `score_kind` states; it is empty unless `status` is `ok`.
    `labels` is the chosen set, `dominant` the label with the highest score. `label_mass` is the share of
    probability that fell on the allowed answers, where the model has one. `raw_scores` and `rules_id` are set
    only once decision rules were applied.
    """

    schema_version: Literal["1"] = SCHEMA_VERSION
    id: str
    source: str = ""
    status: Status
    error: ErrorInfo | None = None
    box: BoundingBox | None = None
    scores: dict[str, float] = Field(default_factory=dict)
    score_kind: ScoreKind | None = None
    labels: tuple[str, ...] = ()
    dominant: str | None = None
    vad: VAD | None = None
    caption: str | None = None
    reason: str | None = None
    evidence: dict[str, float] | None = None
    label_mass: float | None = None
    raw_text: str | None = None
    model: str = ""
    label_space: str = ""
    warnings: tuple[str, ...] = ()
    raw_scores: dict[str, float] | None = None
    rules_id: str | None = None

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if any(not math.isfinite(s) for s in self.scores.values()):
            raise ValueError("scores must be finite: a model that returns NaN has failed")
        if self.status is Status.OK and self.scores and self.score_kind is None:
            raise ValueError("scores need a score_kind")
        if self.status is not Status.OK and (self.scores or self.labels):
            raise ValueError(f"a prediction with status {self.status} carries no scores and no labels")
        if not set(self.labels) <= set(self.scores) and self.scores:
            raise ValueError("labels must be among the scored ones")
        return self

    @property
    def ok(self) -> bool:
        return self.status is Status.OK

    def top(self, k: int = 6) -> list[tuple[str, float]]:
        """The `k` labels with the highest scores, highest first; ties in the order of the label space."""
        return sorted(self.scores.items(), key=lambda item: -item[1])[:k]

    def to_row(self) -> dict[str, Any]:
        """The row as plain JSON values; the box as a list of four numbers."""
        row = self.model_dump(mode="json")
        row["box"] = None if self.box is None else list(self.box.as_tuple())
        for key in ("raw_scores", "rules_id"):
            if row[key] is None:
                del row[key]
        return row

    def to_json(self) -> str:
        """One line of JSON, without NaN, non-ASCII kept."""
        return json.dumps(self.to_row(), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Prediction:
        return cls.model_validate(dict(row))

    @classmethod
    def from_json(cls, line: str) -> Prediction:
        return cls.from_row(json.loads(line))

    def _repr_html_(self) -> str:
        title = html.escape(f"{self.id} · {self.status} · {self.model}")
        if not self.ok:
            said = self.error.message if self.error else ""
            return f"<b>{title}</b><br>{html.escape(said)}"
        rows = "".join(
            f"<tr><td>{html.escape(label)}</td><td>{score:.3f}</td></tr>" for label, score in self.top()
        )
        return (
            f"<b>{title}</b><table><tr><th>apparent emotion</th><th>{self.score_kind}</th></tr>{rows}</table>"
        )


def to_frame(predictions: Iterable[Prediction]) -> pd.DataFrame:
    """Predictions as a pandas table: one row each, scores as columns `score.<label>`, VAD and box spread out.

    Raises:
        MissingExtraError: if pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise MissingExtraError.of("pandas", "pandas") from None
    return pandas.DataFrame([_flat(p) for p in predictions])


def _flat(prediction: Prediction) -> dict[str, Any]:
    row = prediction.to_row()
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if key in ("scores", "raw_scores"):
            prefix = "score" if key == "scores" else "raw_score"
            flat.update({f"{prefix}.{label}": score for label, score in (value or {}).items()})
        elif key == "box":
            flat.update(dict(zip(("x1", "y1", "x2", "y2"), value or [None] * 4, strict=True)))
        elif key == "vad":
            flat.update(value or dict.fromkeys(("valence", "arousal", "dominance")))
        elif key == "error":
            flat["error"] = None if value is None else value["code"]
            flat["error_message"] = None if value is None else value["message"]
        elif isinstance(value, Sequence) and not isinstance(value, str):
            flat[key] = ";".join(str(v) for v in value)
        else:
            flat[key] = value
    return flat
