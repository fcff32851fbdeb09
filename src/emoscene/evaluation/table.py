"""What is known and what was answered, side by side as arrays: one row a person, one column a label.

A person whose row is not `ok`, or who has none, counts as an empty answer and is never dropped in silence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from emoscene.errors import InputError
from emoscene.labels import LabelSpace
from emoscene.runs.truth import TruthRow
from emoscene.types import Prediction, ScoreKind

__all__ = ["MISSING", "Missing", "Table", "align"]

Missing = Literal["error", "empty"]
#: The status of a person without a row.
MISSING = "missing"
_FROM_0_TO_1 = frozenset(
    {ScoreKind.PROBABILITY, ScoreKind.YES_SHARE, ScoreKind.ACTIVATION, ScoreKind.MEMBERSHIP}
)

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Table:
    """People with known labels, and what a model answered about them.

    Attributes:
        labels: The label space; its order is that of the columns.
        ids: The people, n of them.
        groups: The group of each (its picture).
        statuses: What became of each: a `Status`, or `missing`.
        truth: Shape (n, k): which labels hold.
        chosen: Shape (n, k): which were named; an empty row where the status is not `ok`.
        scores: Shape (n, k); nan where the status is not `ok` or there are no scores.
        score_kind: What the scores are; None where there are none, or rows differ.
        dominant: The column of the label named first or scored highest, -1 where there is none.
        vad_truth: Shape (n, 3), 1 to 10; nan where nothing is known.
        vad: Shape (n, 3), 1 to 10; nan where there is no answer.
        unlabelled: How many people were left out because nothing is known about them.
        warnings: What a reader of the figures must know.
    """

    labels: LabelSpace
    ids: tuple[str, ...]
    groups: tuple[str, ...]
    statuses: tuple[str, ...]
    truth: BoolArray = field(repr=False)
    chosen: BoolArray = field(repr=False)
    scores: FloatArray = field(repr=False)
    score_kind: ScoreKind | None
    dominant: npt.NDArray[np.intp] = field(repr=False)
    vad_truth: FloatArray = field(repr=False)
    vad: FloatArray = field(repr=False)
    unlabelled: int = 0
    warnings: tuple[str, ...] = ()

    @property
    def ok(self) -> BoolArray:
        """Shape (n,): who was answered."""
        return np.array([status == "ok" for status in self.statuses], dtype=np.bool_)

    @property
    def ranks(self) -> bool:
        """Whether people can be ranked by the scores: they are there, and no set of 0 and 1."""
        return self.score_kind not in (None, ScoreKind.MEMBERSHIP)

    def ranking(self) -> FloatArray:
        """The scores; a person without an answer stands below everybody else, with all labels."""
        below = np.nanmin(self.scores, axis=0, initial=0.0) - 1.0
        return np.where(np.isnan(self.scores), below, self.scores)


def align(
    truth: Iterable[TruthRow],
    rows: Iterable[Prediction],
    labels: LabelSpace,
    *,
    missing: Missing = "error",
    warnings: Sequence[str] = (),
) -> Table:
    """Put answers beside what is known, by id.

    Args:
        truth: The people.
        rows: The answers, in any order, one for each person.
        labels: The label space of both.
        missing: What to do about people without a row: `error`, or `empty` (an empty answer, counted).
        warnings: What is to be said with the figures.

    Raises:
        InputError: if a person has no row or two, a row is about nobody, or labels are not of the space.
    """
    known, unlabelled = _known(truth, labels)
    places = {person.id: at for at, person in enumerate(known)}
    column = {label: at for at, label in enumerate(labels.ids)}
    shape = (len(known), len(labels))
    is_true, is_said = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
    scores = np.full(shape, np.nan)
    vad_truth, vad = np.full((len(known), 3), np.nan), np.full((len(known), 3), np.nan)
    for at, person in enumerate(known):
        is_true[at, [column[label] for label in person.labels or ()]] = True
        if person.vad is not None:
            vad_truth[at] = person.vad
    dominant = np.full(len(known), -1, np.intp)
    kinds: Counter[ScoreKind] = Counter()
    statuses = [MISSING] * len(known)
    for row in _once(rows):
        at = _place(row, places, unlabelled)
        if at < 0:
            continue
        statuses[at] = row.status.value
        if not row.ok:
            continue
        _check_labels(row, column, labels)
        is_said[at, [column[label] for label in row.labels]] = True
        if row.scores:
            scores[at, [column[label] for label in row.scores]] = list(row.scores.values())
        if row.score_kind is not None:
            kinds[row.score_kind] += 1
        if row.dominant is not None:
            dominant[at] = column[row.dominant]
        if row.vad is not None:
            vad[at] = (row.vad.valence, row.vad.arousal, row.vad.dominance)
    if missing == "error":
        _check_everybody(known, statuses)
    return Table(
        labels=labels,
        ids=tuple(places),
        groups=tuple(person.group for person in known),
        statuses=tuple(statuses),
        truth=is_true,
        chosen=is_said,
        scores=scores,
        score_kind=next(iter(kinds)) if len(kinds) == 1 else None,
        dominant=dominant,
        vad_truth=vad_truth,
        vad=vad,
        unlabelled=len(unlabelled),
        warnings=(*warnings, *_warnings(is_said, statuses, kinds, len(unlabelled))),
    )


def _known(truth: Iterable[TruthRow], labels: LabelSpace) -> tuple[list[TruthRow], set[str]]:
    """The people with known labels, by id so that the order of a file does not matter, and the ids of those without."""
    known: list[TruthRow] = []
    unlabelled: set[str] = set()
    ids: set[str] = set()
    for person in truth:
        if person.id in ids:
            raise InputError("two people have one id", value=person.id, remedy="Give each its own.")
        ids.add(person.id)
        if person.labels is None:
            unlabelled.add(person.id)
            continue
        strange = sorted(person.labels - set(labels.ids))
        if strange:
            raise InputError(
                f"a true label of {person.id} is none of {labels.name}",
                value=", ".join(strange),
                remedy="Name the label space of the truth with --labels.",
            )
        known.append(person)
    known.sort(key=lambda person: person.id)
    if not known:
        raise InputError("nobody has known labels, so nothing can be scored", remedy="Give another split.")
    return known, unlabelled


def _once(rows: Iterable[Prediction]) -> Iterator[Prediction]:
    """The rows, none of them twice."""
    seen: set[str] = set()
    for row in rows:
        if row.id in seen:
            raise InputError("two rows have one id", value=row.id, remedy="Keep one of them.")
        seen.add(row.id)
        yield row


def _place(row: Prediction, places: Mapping[str, int], unlabelled: set[str]) -> int:
    """Where the person of a row stands; -1 for one without known labels."""
    if row.id not in places and row.id not in unlabelled:
        raise InputError(
            "a row is about nobody whose labels are known",
            value=row.id,
            remedy="Rows and known labels must be of the same people.",
        )
    return places.get(row.id, -1)


def _check_everybody(known: Sequence[TruthRow], statuses: Sequence[str]) -> None:
    absent = [person.id for person, status in zip(known, statuses, strict=True) if status == MISSING]
    if absent:
        raise InputError(
            f"{len(absent):,} of {len(known):,} people have no answer",
            value=absent[0],
            remedy="Finish the run with the same `eval run`, or count them as empty answers: --missing empty.",
        )


def _check_labels(row: Prediction, place: Mapping[str, int], labels: LabelSpace) -> None:
    """A row holds labels of the space alone; scores of all of them, in the range of their kind; or no scores."""
    strange = [label for label in (*row.scores, *row.labels) if label not in place]
    if strange:
        raise InputError(
            f"the row {row.id} holds a label that is none of {labels.name}",
            value=strange[0],
            remedy="Score answers in the label space in which they were asked for.",
        )
    if row.scores and len(row.scores) < len(labels):
        raise InputError(
            f"the row {row.id} has scores of {len(row.scores)} of {len(labels)} labels",
            value=next(label for label in labels.ids if label not in row.scores),
            remedy="Give a score of every label, or labels alone.",
        )
    if row.score_kind in _FROM_0_TO_1:
        outside = [(label, score) for label, score in row.scores.items() if not 0 <= score <= 1]
        if outside:
            raise InputError(
                f"the row {row.id} has a score outside of 0 to 1, which {row.score_kind} cannot be",
                value=f"{outside[0][0]} {outside[0][1]:g}",
                remedy="Mend the score, or name another score_kind, such as similarity.",
            )


def _warnings(
    said: BoolArray, statuses: Sequence[str], kinds: Mapping[ScoreKind, int], unlabelled: int
) -> Iterator[str]:
    answered = np.array([status == "ok" for status in statuses], dtype=np.bool_)
    if answered.sum() > 1 and (said[answered] == said[answered][0]).all():
        yield "every answer names the same labels: the model may look at nobody"
    if not answered.all():
        yield f"{int((~answered).sum()):,} of {len(statuses):,} people were not answered and count as empty answers"
    if len(kinds) > 1:
        yield f"rows hold different kinds of scores ({', '.join(sorted(kinds))}): nobody is ranked by them"
    if unlabelled:
        yield f"{unlabelled:,} people without known labels are left out"
