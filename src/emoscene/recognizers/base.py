"""What a recognizer is, and the loop that keeps its promises.

A recognizer turns samples into predictions: one for one, in the same order, lazily, and one bad sample never
harms another. `BatchRecognizer` keeps those promises; a way of answering implements `prepare` (one sample,
may raise) and `answer` (a batch of prepared samples).
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from emoscene.errors import (
    AnswerError,
    BoxError,
    EmosceneError,
    InputError,
    PersonNotFoundError,
    PictureError,
)
from emoscene.images.picture import open_picture
from emoscene.labels import LabelSpace
from emoscene.types import VAD, BoundingBox, ErrorInfo, Picture, Prediction, Sample, ScoreKind, Status

__all__ = [
    "Answer",
    "BatchRecognizer",
    "Card",
    "Fittable",
    "Recognizer",
    "Refusal",
    "Subject",
    "no_picture",
    "settle",
]


@dataclass(frozen=True)
class Card:
    """What a user must know of a recognizer before trusting it.

    A `baseline` looks at nobody and answers for everybody: it is there to be beaten.
    """

    name: str
    summary: str
    licence: str
    data: str = ""
    limits: str = ""
    figures: Mapping[str, str] = field(default_factory=dict)
    uses_picture: bool = True
    uses_text: bool = False
    label_order_invariant: bool = True
    baseline: bool = False


@runtime_checkable
class Recognizer(Protocol):
    """The one interface behind which every way of answering stands."""

    @property
    def name(self) -> str: ...
    @property
    def card(self) -> Card: ...
    @property
    def labels(self) -> LabelSpace: ...
    def predict(self, samples: Iterable[Sample]) -> Iterator[Prediction]:
        """One prediction a sample, in order, lazily; never raises for a bad sample."""


@runtime_checkable
class Fittable(Protocol):
    """A recognizer that must be shown people with known labels before it answers."""

    def fit(self, samples: Iterable[Sample]) -> None:
        """Learn from samples with targets; those without one are passed over.

        Raises:
            InputError: if no sample has a target.
        """


class Refusal(EmosceneError):
    """A sample that a recognizer will not answer, with the status that says why (raised by `prepare`/`answer`).

    `raw_text` keeps what a model wrote where that could not be read as an answer, `caption` what it was told.
    """

    code = "refusal"

    def __init__(self, what: str, *, status: Status, remedy: str = "", raw_text: str | None = None) -> None:
        super().__init__(what, remedy=remedy)
        self.status = status
        self.raw_text = raw_text
        self.caption: str | None = None
        self.code = status.value  # type: ignore[misc]

    def __reduce__(self) -> tuple[object, ...]:
        return _refuse, (self.what, self.status, self.remedy, self.raw_text, self.caption)


def _refuse(what: str, status: Status, remedy: str, raw_text: str | None, caption: str | None) -> Refusal:
    refusal = Refusal(what, status=status, remedy=remedy, raw_text=raw_text)
    refusal.caption = caption
    return refusal


def no_picture(name: str) -> Refusal:
    """The refusal of a sample without a picture by a recognizer that looks at pictures."""
    return Refusal(
        f"{name} looks at pictures and this sample has none",
        status=Status.MISSING_INPUT,
        remedy="Give a picture, or use --model text for words alone.",
    )


@dataclass(frozen=True)
class Answer:
    """What a recognizer found out about one sample; `BatchRecognizer` makes the row of it.

    `labels=None` leaves the choice to the recognizer's stated default (`chosen_labels`).
    """

    scores: Mapping[str, float]
    score_kind: ScoreKind
    vad: VAD | None = None
    labels: tuple[str, ...] | None = None
    caption: str | None = None
    reason: str | None = None
    label_mass: float | None = None
    raw_text: str | None = None
    warnings: tuple[str, ...] = ()


Prepared = TypeVar("Prepared")


@dataclass(frozen=True)
class Subject:
    """A sample whose picture is open and whose box is settled: inside the picture, or the whole of it."""

    sample: Sample
    picture: Picture | None
    box: BoundingBox | None
    warnings: tuple[str, ...] = ()


WHOLE_PICTURE = "no box was given: the whole picture is taken as the person"


def settle(sample: Sample, card: Card, name: str) -> Subject:
    """Open a sample's picture and settle its box, as the card of the recognizer `name` asks for it.

    Raises:
        PictureError, BoxError, Refusal: if the sample cannot be answered.
    """
    if sample.picture is None:
        if card.uses_picture and not (card.uses_text and sample.text):
            raise no_picture(name)
        return Subject(sample, None, None)
    if not card.uses_picture:
        return Subject(sample, None, sample.box)
    picture = sample.picture if isinstance(sample.picture, Picture) else open_picture(sample.picture)
    if sample.box is None:
        return Subject(sample, picture, None, (WHOLE_PICTURE,))
    box = sample.box.clamp(picture.width, picture.height)
    clamped = () if box == sample.box else ("the box reached beyond the picture and was clamped",)
    return Subject(sample, picture, box, clamped)


class BatchRecognizer(ABC, Generic[Prepared]):
    """Keeps the promises of `Recognizer`; subclasses implement `prepare` and `answer`.

    Args:
        name: The name that stands in the rows.
        card: What a user must know.
        labels: The label space of the answers.
        batch_size: How many samples are answered together (at least 1). Results do not depend on it.
    """

    #: How many labels are chosen without decision rules: the highest scores (six is the mean of EMOTIC's val split).
    default_top = 6

    def __init__(self, name: str, card: Card, labels: LabelSpace, *, batch_size: int = 8) -> None:
        if batch_size < 1:
            raise ValueError("batch_size must be at least 1")
        self.name = name
        self.card = card
        self.labels = labels
        self.batch_size = batch_size

    @abstractmethod
    def prepare(self, subject: Subject) -> Prepared:
        """Make one sample ready. Raise `Refusal` or another `EmosceneError` if it cannot be answered."""

    @abstractmethod
    def answer(self, batch: Sequence[Prepared]) -> Sequence[Answer | EmosceneError]:
        """Answer prepared samples, one for one; an error in place of an answer marks that sample alone."""

    def chosen_labels(self, scores: Mapping[str, float]) -> tuple[str, ...]:
        """The chosen set without decision rules: the `default_top` highest scores, highest first; one in a space of
        single labels."""
        ranked = sorted(scores.items(), key=lambda item: -item[1])
        top = self.default_top if self.labels.multi_label else 1
        return tuple(label for label, _ in ranked[:top])

    def predict(self, samples: Iterable[Sample]) -> Iterator[Prediction]:
        """One prediction a sample, in the same order, lazily; at most one batch is held."""
        stream = iter(samples)
        while chunk := list(itertools.islice(stream, self.batch_size)):
            yield from self._predict_batch(chunk)

    def _predict_batch(self, samples: Sequence[Sample]) -> Iterator[Prediction]:
        subjects: list[Subject] = []
        prepared: list[Prepared] = []
        outcomes: list[int | EmosceneError] = []
        for sample in samples:
            subject = Subject(sample, None, sample.box)
            try:
                subject = self.settle(sample)
                ready = self.prepare(subject)
            except EmosceneError as error:
                outcomes.append(error)
            else:
                outcomes.append(len(prepared))
                prepared.append(ready)
            subjects.append(subject)
        answers = self.answer(prepared) if prepared else []
        if len(answers) != len(prepared):
            raise AssertionError(f"{self.name} answered {len(answers)} of {len(prepared)} samples")
        for subject, outcome in zip(subjects, outcomes, strict=True):
            yield self._row(subject, answers[outcome] if isinstance(outcome, int) else outcome)

    def settle(self, sample: Sample) -> Subject:
        """Open the sample's picture and settle its box.

        Raises:
            PictureError, BoxError, Refusal: if the sample cannot be answered.
        """
        return settle(sample, self.card, self.name)

    def _row(self, subject: Subject, outcome: Answer | EmosceneError) -> Prediction:
        sample = subject.sample
        common: dict[str, Any] = {
            "id": sample.id,
            "source": sample.source,
            "box": subject.box,
            "model": self.name,
            "label_space": self.labels.name,
        }
        if isinstance(outcome, EmosceneError):
            return Prediction(
                status=status_of(outcome),
                error=ErrorInfo.of(outcome),
                warnings=subject.warnings,
                raw_text=outcome.raw_text if isinstance(outcome, Refusal) else None,
                caption=outcome.caption if isinstance(outcome, Refusal) else None,
                **common,
            )
        scores = {label: float(outcome.scores[label]) for label in self.labels.ids}
        labels = self.chosen_labels(scores) if outcome.labels is None else outcome.labels
        return Prediction(
            status=Status.OK,
            scores=scores,
            score_kind=outcome.score_kind,
            labels=labels,
            dominant=_dominant(scores, outcome.score_kind, labels),
            vad=outcome.vad,
            caption=outcome.caption,
            reason=outcome.reason,
            label_mass=outcome.label_mass,
            raw_text=outcome.raw_text,
            warnings=subject.warnings + outcome.warnings,
            **common,
        )


def _dominant(scores: Mapping[str, float], kind: ScoreKind, labels: Sequence[str]) -> str | None:
    """The label with the highest score; of a parsed set the one named first, and none of an empty set."""
    if kind is ScoreKind.MEMBERSHIP:
        return labels[0] if labels else None
    return max(scores, key=scores.__getitem__)


def status_of(error: EmosceneError) -> Status:
    """The status that a row carries for an error raised while its sample was prepared or answered."""
    if isinstance(error, Refusal):
        return error.status
    if isinstance(error, PictureError):
        return Status.UNREADABLE
    if isinstance(error, PersonNotFoundError | BoxError):
        return Status.NO_PERSON
    if isinstance(error, InputError):
        return Status.MISSING_INPUT
    if isinstance(error, AnswerError):
        return Status.FAILED
    raise error
