"""Is one run better than another on the same people? Paired intervals, permutation tests, and each label by itself.

Both runs are scored on exactly the same people, drawn together in every round. p values of labels are corrected for
their number (Holm). How many people it takes to see a difference is said for each figure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from emoscene.errors import InputError, OptionError
from emoscene.evaluation.score import Settings, run_table
from emoscene.evaluation.table import Missing, Table
from emoscene.metrics.bootstrap import paired_mean_ap_ci
from emoscene.metrics.interval import Interval
from emoscene.metrics.ranking import mean_ap
from emoscene.metrics.set_bootstrap import paired_set_intervals
from emoscene.metrics.sets import SetTotals
from emoscene.metrics.testing import class_permutation_test, holm, people_needed, permutation_test
from emoscene.runs.record import RunFiles

__all__ = ["Comparison", "Difference", "compare", "compare_runs"]

KEYS = (
    "macro_precision", "macro_recall", "macro_f1", "micro_f1", "samples_f1", "weighted_f1",
    "hamming", "subset_accuracy", "samples_jaccard",
)  # fmt: skip
#: The smallest differences that are worth a claim, in points: how many people it takes to see them is said.
_WORTH = 0.01
_LEVEL = 0.05
_EQUAL = 1e-12
_NO_TEST = "no exchange test is made of this figure"
#: So many exchanges a label, or p corrected for their number could never be small.
_ROUNDS_A_LABEL = 40


@dataclass(frozen=True)
class Difference:
    """One figure of both runs.

    Attributes:
        first, second: The figure of each, as a fraction.
        interval: Of `first` minus `second`.
        p: Of the permutation test; nan where there is none.
        people_for_this: How many people it takes to see a difference as large as this one, four times in five.
        people_for_a_point: The same for one percentage point.
    """

    first: float
    second: float
    interval: Interval
    p: float
    people_for_this: int | None
    people_for_a_point: int | None

    @property
    def value(self) -> float:
        return self.first - self.second

    def to_json(self) -> dict[str, Any]:
        return {
            "first": _number(self.first),
            "second": _number(self.second),
            "difference": _number(self.value),
            "low": _number(self.interval.low),
            "high": _number(self.interval.high),
            "sd": _number(self.interval.sd),
            "p": _number(self.p),
            "p_reason": _NO_TEST if math.isnan(self.p) else None,
            "people_needed": {"this_difference": self.people_for_this, "one_point": self.people_for_a_point},
        }


@dataclass(frozen=True)
class Comparison:
    """Two runs on the same people, `first` minus `second`."""

    names: tuple[str, str]
    people: int
    groups: int
    settings: Settings
    figures: Mapping[str, Difference]
    per_class: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    warnings: Sequence[str] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; differences are of the first run minus the second."""
        how = self.settings
        return {
            "schema_version": "1",
            "kind": "comparison",
            "first": self.names[0],
            "second": self.names[1],
            "people": self.people,
            "groups": self.groups,
            "figures": {key: found.to_json() for key, found in self.figures.items()},
            "per_class": {label: {name: _number(value) for name, value in row.items()}
                          for label, row in self.per_class.items()},
            "conventions": {"unit": how.unit, "rounds": how.rounds, "method": how.method, "seed": how.seed,
                            "level": how.level, "test": "two-sided permutation of answers",
                            "per_class": "F1, p corrected by Holm over the labels"},
            "warnings": list(self.warnings),
        }  # fmt: skip

    def lines(self) -> Iterator[str]:
        """The comparison in words and columns, 80 wide."""
        how = self.settings
        yield f"A: {self.names[0]}"
        yield f"B: {self.names[1]}"
        yield f"the same {self.people:,} people in {self.groups:,} groups; {how.rounds:,} rounds by {how.unit}"
        yield ""
        yield f"{'figure (%)':<18}{'A':>8}{'B':>8}{'A - B':>8}  {f'{how.level:.0%} interval':<18}{'p':>8}"
        for key, found in self.figures.items():
            yield f"{key:<18}{_percent(found.first)}{_percent(found.second)}{_percent(found.value)}  {_ends(found)}"
        yield ""
        yield from self._conclusion()

    def _conclusion(self) -> Iterator[str]:
        found = self.figures["macro_f1"]
        needed = found.people_for_this
        if needed is not None and needed > self.people:
            yield f"To see this difference in macro F1 it would take about {needed:,} people of this kind."
        different = [label for label, row in self.per_class.items() if row["p_holm"] < _LEVEL]
        if not different:
            yield "No label's F1 differs, corrected for the number of labels (Holm)."
            return
        yield f"Labels whose F1 differs, corrected for {len(self.per_class)} labels (Holm):"
        for label in different:
            row = self.per_class[label]
            yield f"{label:<18}{_percent(row['first'])}{_percent(row['second'])}{'':>28}{row['p_holm']:>8.3f}"


def compare_runs(
    first: RunFiles, second: RunFiles, settings: Settings, *, missing: Missing = "error"
) -> Comparison:
    """Compare two runs.

    Raises:
        OptionError: if the runs are not about the same people with the same known labels.
    """
    if first.labels != second.labels or first.request.get("truth_sha256") != second.request.get(
        "truth_sha256"
    ):
        raise OptionError(
            "the two runs are not about the same people with the same known labels",
            value=f"{first.folder} and {second.folder}",
            remedy="Run both models on one dataset, one split and one --limit.",
        )
    names = (_name(first), _name(second))
    return compare(run_table(first, missing=missing), run_table(second, missing=missing), settings, names)


def compare(
    first: Table, second: Table, settings: Settings, names: tuple[str, str] = ("first", "second")
) -> Comparison:
    """Compare two tables of the same people.

    Raises:
        InputError: if they hold other people, or what is known about them differs.
    """
    if first.ids != second.ids or not np.array_equal(first.truth, second.truth):
        raise InputError("the two tables hold other people", remedy="Compare answers about the same people.")
    groups = first.groups if settings.unit == "group" else None
    a, b = (SetTotals.of(table.truth, table.chosen, groups) for table in (first, second))
    intervals = paired_set_intervals(a, b, settings.plan, keys=KEYS, method=settings.method)
    p = permutation_test(a, b, keys=KEYS, rounds=settings.plan.rounds, seed=settings.seed)
    here_a, here_b = a.figures(), b.figures()
    people = len(first.ids)
    figures = {
        key: _difference(float(here_a[key]), float(here_b[key]), intervals[key], p[key], people)
        for key in KEYS
    }
    if first.ranks and second.ranks:
        figures["mean_ap"] = _mean_ap(first, second, settings)
    said = [f"{name}: {warning}" for name, table in zip(names, (first, second), strict=True)
            for warning in table.warnings]  # fmt: skip
    return Comparison(
        names, people, len(set(first.groups)), settings, figures, _per_class(a, b, first, settings), said
    )


def _mean_ap(first: Table, second: Table, settings: Settings) -> Difference:
    groups = first.groups if settings.unit == "group" else None
    pair = (first.ranking(), second.ranking())
    interval = paired_mean_ap_ci(first.truth, pair, groups, settings.plan, method=settings.method)
    here = [mean_ap(first.truth, scores).value for scores in pair]
    return _difference(here[0], here[1], interval, math.nan, len(first.ids))


def _difference(first: float, second: float, interval: Interval, p: float, people: int) -> Difference:
    value = abs(first - second)
    known = not math.isnan(interval.sd)
    return Difference(
        first,
        second,
        interval,
        p,
        people_needed(value, interval.sd, people) if known and value > _EQUAL else None,
        people_needed(_WORTH, interval.sd, people) if known else None,
    )


def _per_class(a: SetTotals, b: SetTotals, table: Table, settings: Settings) -> dict[str, dict[str, float]]:
    rounds = max(settings.plan.rounds, _ROUNDS_A_LABEL * len(table.labels))
    p = class_permutation_test(a, b, rounds=rounds, seed=settings.seed)
    adjusted = holm(p)
    f1 = [each.class_figures(each.totals.sum(axis=0))["f1"] for each in (a, b)]
    return {
        label: {
            "first": float(f1[0][at]),
            "second": float(f1[1][at]),
            "p": float(p[at]),
            "p_holm": float(adjusted[at]),
        }
        for at, label in enumerate(table.labels.ids)
    }


def _name(run: RunFiles) -> str:
    model = run.request.get("model")
    name = model.get("name", "") if isinstance(model, Mapping) else ""
    return f"{name} ({run.folder.name})"


def _percent(value: float) -> str:
    return f"{'-':>8}" if math.isnan(value) else f"{100 * value:>8.2f}"


def _ends(found: Difference) -> str:
    interval = found.interval
    ends = "" if math.isnan(interval.low) else f"{100 * interval.low:.2f} to {100 * interval.high:.2f}"
    return f"{ends:<18}" + ("" if math.isnan(found.p) else f"{found.p:>8.3f}")


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
