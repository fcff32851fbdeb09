"""Does a recognizer keep its promises? `check_recognizer` asks it, yours or ours, and reports.

    report = check_recognizer(make)          # a factory: labels in, recognizer out; or a recognizer
    report.show()                            # a table
    report.raise_if_failed()                 # in a test

What is checked: one prediction a sample, in order, lazily; a bad sample harms no other and gets the right
status; the answer depends neither on the batch, nor on what was asked before, nor on the order of the labels;
rows are complete, finite and survive JSON; the card says what a user must know.
"""

from __future__ import annotations

import enum
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from emoscene.labels import LabelSpace, label_space
from emoscene.recognizers.base import Recognizer
from emoscene.recognizers.conformance_samples import (
    BadSample,
    bad_samples,
    drawn_samples,
    fingerprint,
    renamed,
)
from emoscene.types import Prediction, Sample, ScoreKind

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Check", "Outcome", "Report", "check_recognizer"]

#: How far scores may move with the batch or the label order. Padding and summation order cost about 1e-6.
TOLERANCE = 1e-4
#: How far scores may move when the very same batch is asked again.
REPEAT_TOLERANCE = 1e-6
#: A recognizer must answer before it has taken this many samples from the stream.
_MOST_HELD = 256
_BOUNDS = {
    ScoreKind.PROBABILITY: (0.0, 1.0),
    ScoreKind.YES_SHARE: (0.0, 1.0),
    ScoreKind.ACTIVATION: (0.0, 1.0),
    ScoreKind.MEMBERSHIP: (0.0, 1.0),
    ScoreKind.SIMILARITY: (-1.0, 1.0),
    ScoreKind.LABEL_LIKELIHOOD: (-math.inf, math.inf),
}


class Outcome(enum.StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Check:
    """One promise: whether it was kept, and if not, what happened (or why it was not checked)."""

    name: str
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True)
class Report:
    """What became of every check."""

    recognizer: str
    checks: tuple[Check, ...]

    @property
    def failed(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.outcome is Outcome.FAILED)

    @property
    def ok(self) -> bool:
        return not self.failed

    def raise_if_failed(self) -> None:
        """Raise one `AssertionError` that lists everything that failed; return quietly if nothing did."""
        if self.failed:
            lines = "\n".join(f"  {check.name}: {check.detail}" for check in self.failed)
            raise AssertionError(
                f"{self.recognizer} breaks {len(self.failed)} of {len(self.checks)} promises:\n{lines}"
            )

    def show(self, console: Console | None = None) -> None:
        """Print the checks as a table."""
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        colour = {Outcome.PASSED: "green", Outcome.FAILED: "bold red", Outcome.SKIPPED: "yellow"}
        table = Table(title=Text(self.recognizer))
        for heading in ("promise", "outcome", "what happened"):
            table.add_column(heading)
        for check in self.checks:
            table.add_row(
                check.name, Text(check.outcome.value, style=colour[check.outcome]), Text(check.detail)
            )
        (console or Console()).print(table)


class _Broken(Exception):
    """A promise that was not kept; the message says how."""


class _NotChecked(Exception):
    """A promise that could not be looked at; the message says why."""


def check_recognizer(
    recognizer: Recognizer | Callable[[LabelSpace], Recognizer],
    samples: Sequence[Sample] | None = None,
    *,
    labels: LabelSpace | None = None,
    tolerance: float = TOLERANCE,
) -> Report:
    """Check every promise of a recognizer; nothing is raised by what the recognizer does.

    Args:
        recognizer: A recognizer, or a factory that takes a label space and makes one. Only with a factory can
            the order of the labels be changed.
        samples: At least two samples that it can answer, with distinct ids. None draws a few people with
            words; give your own if the recognizer knows only photographs, or only faces.
        labels: The label space for a factory, `emotic` by default.
        tolerance: How far a score may move with the batch, the neighbours or the label order.

    Raises:
        ValueError: if fewer than two samples are given or their ids are not distinct.
    """
    good = list(drawn_samples() if samples is None else samples)
    if len(good) < 2 or len({sample.id for sample in good}) != len(good):
        raise ValueError("give at least two samples with distinct ids")
    made: Recognizer
    remake: Callable[[LabelSpace], Recognizer] | None
    if isinstance(recognizer, Recognizer):
        made, remake = recognizer, None
    else:
        made, remake = recognizer(labels or label_space("emotic")), recognizer
    return _Examination(made, remake, good, tolerance, [fingerprint(sample) for sample in good]).report()


@dataclass(frozen=True)
class _Examination:
    recognizer: Recognizer
    remake: Callable[[LabelSpace], Recognizer] | None
    good: list[Sample]
    tolerance: float
    #: Of the pictures, from before anything was asked.
    fingerprints: list[str]

    def report(self) -> Report:
        promises: tuple[tuple[str, Callable[[], None]], ...] = (
            ("the card is complete", self._card),
            ("answers samples", self._answers),
            ("one for one, in order", self._one_for_one),
            ("lazy", self._lazy),
            ("an empty stream gives nothing", self._empty),
            ("rows are complete and finite", self._rows),
            ("rows survive JSON", self._round_trip),
            ("asked twice, answers the same", self._deterministic),
            ("the batch does not matter", self._batch),
            ("the order of samples does not matter", self._neighbours),
            ("two streams do not mix", self._two_streams),
            ("a bad sample harms no other", self._harm),
            ("bad samples get the right status", self._statuses),
            ("the order of labels does not matter", self._label_order),
            ("samples are left as they were", self._untouched),
        )
        return Report(self.recognizer.name, tuple(_look(name, check) for name, check in promises))

    def _predict(self, samples: Iterable[Sample]) -> list[Prediction]:
        return list(self.recognizer.predict(iter(samples)))

    @cached_property
    def _bad(self) -> list[BadSample]:
        return bad_samples(self.recognizer.card)

    @cached_property
    def _mixed(self) -> list[Sample]:
        """Good samples, bad ones between them, and the good ones again."""
        bad = [one.sample for one in self._bad]
        places = len(self.good)
        between = [[sample, *bad[place::places]] for place, sample in enumerate(self.good)]
        return [*itertools.chain.from_iterable(between), *renamed(self.good, "again")]

    @cached_property
    def _mixed_rows(self) -> list[Prediction]:
        return self._predict(self._mixed)

    @cached_property
    def _good_rows(self) -> list[Prediction]:
        return self._predict(self.good)

    def _card(self) -> None:
        card = self.recognizer.card
        empty = [part for part in ("name", "summary", "licence", "limits") if not getattr(card, part).strip()]
        _require(not empty, f"nothing is said about: {', '.join(empty)}")
        looks = card.uses_picture or card.uses_text
        _require(looks or card.baseline, "the card says it uses neither picture nor text")
        _require(bool(self.recognizer.name), "the recognizer has no name")

    def _answers(self) -> None:
        others = ", ".join(sorted({str(row.status) for row in self._good_rows if not row.ok}))
        _require(
            sum(row.ok for row in self._good_rows) >= 2,
            f"fewer than two samples were answered ({others}), which leaves nothing to check: "
            "give samples that this recognizer can answer",
        )

    def _one_for_one(self) -> None:
        stream, rows = self._mixed, self._mixed_rows
        _require(len(rows) == len(stream), f"{len(rows)} predictions for {len(stream)} samples")
        for sample, row in zip(stream, rows, strict=True):
            _require(row.id == sample.id, f"the prediction for {sample.id!r} carries the id {row.id!r}")
            _require(row.source == sample.source, f"{sample.id!r} lost its source")

    def _lazy(self) -> None:
        taken = 0

        def endless() -> Iterator[Sample]:
            nonlocal taken
            for sample in itertools.cycle(self.good):
                taken += 1
                if taken > _MOST_HELD:
                    raise _Broken(f"it took more than {_MOST_HELD} samples before the first answer")
                yield sample

        answers = self.recognizer.predict(endless())
        _require(isinstance(answers, Iterator), "predict does not return an iterator")
        next(answers)

    def _empty(self) -> None:
        _require(not self._predict([]), "there are predictions without samples")

    def _rows(self) -> None:
        for row in self._mixed_rows:
            _check_row(row, self.recognizer)

    def _round_trip(self) -> None:
        for row in self._mixed_rows:
            line = row.to_json()
            _require("\n" not in line, f"the row of {row.id!r} is more than one line")
            _require(Prediction.from_json(line) == row, f"the row of {row.id!r} does not survive JSON")

    def _deterministic(self) -> None:
        again = self._predict(self.good)
        _same(self._good_rows, again, REPEAT_TOLERANCE, "asked again")
        for before, after in zip(self._good_rows, again, strict=True):
            for part in ("caption", "reason", "raw_text"):
                told = getattr(before, part), getattr(after, part)
                _require(told[0] == told[1], f"the {part} of {before.id!r} changes when it is asked again")

    def _batch(self) -> None:
        alone = [row for sample in self.good for row in self._predict([sample])]
        _same(alone, self._good_rows, self.tolerance, "asked together instead of one by one")
        many = self._predict([*self.good, *renamed(self.good, "more")])
        _same(alone, many[: len(alone)], self.tolerance, "asked in a longer stream")

    def _neighbours(self) -> None:
        backwards = self._predict(self.good[::-1])[::-1]
        _same(self._good_rows, backwards, self.tolerance, "asked in reverse order")

    def _two_streams(self) -> None:
        forwards = self.recognizer.predict(iter(self.good))
        backwards = self.recognizer.predict(iter(self.good[::-1]))
        pairs = list(zip(forwards, backwards, strict=True))
        _same(self._good_rows, [row for row, _ in pairs], self.tolerance, "beside another stream")
        _same(self._good_rows[::-1], [row for _, row in pairs], self.tolerance, "beside another stream")

    def _harm(self) -> None:
        rows = {row.id: row for row in self._mixed_rows}
        again = renamed(self.good, "again")
        for samples, when in ((self.good, "among bad samples"), (again, "after bad samples")):
            lost = [sample.id for sample in samples if sample.id not in rows]
            _require(not lost, f"no prediction for {lost}")
            if samples is again and self.recognizer.card.baseline:
                continue  # What a baseline draws may depend on the id, and these have others.
            _same(self._good_rows, [rows[sample.id] for sample in samples], self.tolerance, when)

    def _statuses(self) -> None:
        rows = {row.id: row for row in self._mixed_rows}
        for bad in self._bad:
            right = " or ".join(sorted(bad.allowed))
            _require(bad.sample.id in rows, f"no prediction for {bad.sample.id!r}")
            status = rows[bad.sample.id].status
            _require(status in bad.allowed, f"{bad.sample.id!r} got the status {status}, not {right}")

    def _label_order(self) -> None:
        if not self.recognizer.card.label_order_invariant:
            raise _NotChecked("the card says that it matters")
        if self.remake is None:
            raise _NotChecked("needs a factory in place of a recognizer")
        rows = self._good_rows
        if all(row.score_kind is ScoreKind.MEMBERSHIP for row in rows if row.ok):
            raise _NotChecked("answers are parsed sets, not scores")
        space = self.recognizer.labels
        other = self.remake(replace(space, labels=space.labels[::-1]))
        _same(rows, list(other.predict(self.good)), self.tolerance, "with the labels in reverse order")

    def _untouched(self) -> None:
        self._predict(self.good)
        changed = [s.id for s, old in zip(self.good, self.fingerprints, strict=True) if fingerprint(s) != old]
        _require(not changed, f"it changed the pictures of {changed}")


def _look(name: str, check: Callable[[], None]) -> Check:
    try:
        check()
    except _NotChecked as reason:
        return Check(name, Outcome.SKIPPED, str(reason))
    except _Broken as fault:
        return Check(name, Outcome.FAILED, str(fault))
    except Exception as error:  # noqa: BLE001  whatever a recognizer raises is a finding, not our failure
        return Check(name, Outcome.FAILED, f"it raised {type(error).__name__}: {str(error)[:200]}")
    return Check(name, Outcome.PASSED)


def _require(holds: bool, fault: str) -> None:
    if not holds:
        raise _Broken(fault)


def _same(expected: Sequence[Prediction], found: Sequence[Prediction], tolerance: float, when: str) -> None:
    """The same statuses and, within the tolerance, the same scores, row for row."""
    _require(len(expected) == len(found), f"{len(found)} predictions in place of {len(expected)} {when}")
    for before, after in zip(expected, found, strict=True):
        _require(
            before.status == after.status,
            f"{before.id!r} changes its status from {before.status} to {after.status} {when}",
        )
        _require(before.scores.keys() == after.scores.keys(), f"{before.id!r} changes its labels {when}")
        for label, score in before.scores.items():
            moved = abs(after.scores[label] - score)
            _require(
                moved <= tolerance,  # false for nan too
                f"the score of {label!r} for {before.id!r} moves by {moved:.2g} {when} (limit {tolerance:g})",
            )
        _same_vad(before, after, 10 * tolerance, when)


def _same_vad(before: Prediction, after: Prediction, tolerance: float, when: str) -> None:
    """The same levels, which go from 1 to 10, within the tolerance."""
    if before.vad is None or after.vad is None:
        _require(
            before.vad == after.vad, f"{before.id!r} has valence, arousal and dominance only sometimes {when}"
        )
        return
    for dimension, level in before.vad:
        moved = abs(getattr(after.vad, dimension) - level)
        _require(moved <= tolerance, f"the {dimension} of {before.id!r} moves by {moved:.2g} {when}")


def _check_row(row: Prediction, recognizer: Recognizer) -> None:
    who = f"the row of {row.id!r}"
    _require(row.model == recognizer.name, f"{who} names the model {row.model!r}, not {recognizer.name!r}")
    space = recognizer.labels
    _require(row.label_space == space.name, f"{who} names the label space {row.label_space!r}")
    if not row.ok:
        _require(not row.scores and not row.labels, f"{who} carries scores or labels though {row.status}")
        _require(row.error is not None and bool(row.error.message), f"{who} does not say what is wrong")
        return
    _require(row.error is None, f"{who} is ok and carries an error")
    wrong = sorted(set(row.scores) ^ set(space.ids))
    _require(not wrong, f"{who} lacks scores or has foreign ones: {', '.join(wrong[:5])}")
    _require(row.score_kind in _BOUNDS, f"{who} does not say what kind its scores are")
    low, high = _BOUNDS[row.score_kind or ScoreKind.LABEL_LIKELIHOOD]
    for label, score in row.scores.items():
        _require(math.isfinite(score), f"{who} has the score {score} for {label!r}")
        _require(low <= score <= high, f"{who} has the {row.score_kind} {score} for {label!r}")
    chosen = row.labels
    _require(set(chosen) <= set(space.ids), f"{who} chooses labels outside the space")
    _require(len(set(chosen)) == len(chosen), f"{who} chooses a label twice")
    _require(space.multi_label or len(chosen) <= 1, f"{who} chooses {len(chosen)} of single labels")
    if row.score_kind is ScoreKind.MEMBERSHIP and not chosen:
        _require(row.dominant is None, f"{who} is an empty set and has the dominant label {row.dominant!r}")
        return
    best = row.dominant is not None and row.scores.get(row.dominant) == max(row.scores.values())
    _require(best, f"{who} has the dominant label {row.dominant!r}, which has not the highest score")
