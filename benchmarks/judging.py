"""Figures of a model on held-out people, with intervals that are paired where two answer for the same people."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from benchmarks.held_out import Bools, Floats, People
from rich.console import Console
from rich.table import Table

from emoscene.metrics.bootstrap import Resampling, row_weights
from emoscene.metrics.interval import percentile_interval
from emoscene.metrics.ranking import RankedTargets
from emoscene.metrics.set_bootstrap import draws
from emoscene.metrics.sets import SetTotals
from emoscene.scoring.rules import FitOptions
from emoscene.scoring.thresholds import cuts_of, shrunk_best_f1

__all__ = [
    "Drawn", "Figure", "at_least", "chosen_by_fitted_thresholds", "interval_above_0", "macro_f1_of", "mean_ap_of",
    "pair_share", "show",
]  # fmt: skip

_SHRINKAGE = FitOptions().shrinkage


@dataclass(frozen=True)
class Figure:
    """One line of the report. `bar` says what is asked, `held` whether it is met (None: nothing is asked)."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    bar: str = ""
    held: bool | None = None


@dataclass(frozen=True)
class Drawn:
    """A figure, and its values when the groups are drawn again: two of the same people and plan are paired."""

    value: float
    rounds: Floats

    def figure(self, name: str, plan: Resampling) -> Figure:
        interval = percentile_interval(self.rounds, plan)
        return Figure(name, self.value, interval.low, interval.high)

    def share_of(self, other: Drawn) -> Drawn:
        return Drawn(self.value / other.value, self.rounds / other.rounds)

    def above(self, other: Drawn) -> Drawn:
        return Drawn(self.value - other.value, self.rounds - other.rounds)


def at_least(figure: Figure, bar: float) -> Figure:
    """The figure with a bar for its value."""
    held = figure.value >= bar
    return Figure(figure.name, figure.value, figure.low, figure.high, f"at least {bar:.2f}", held)


def interval_above_0(figure: Figure) -> Figure:
    """The figure with a bar for its interval."""
    held = figure.low is not None and figure.low > 0
    return Figure(figure.name, figure.value, figure.low, figure.high, "interval above 0", held)


def mean_ap_of(people: People, scores: Floats, plan: Resampling) -> Drawn:
    """The mean average precision, drawn again by groups."""
    ranked = RankedTargets(people.targets, scores)
    weights = row_weights(people.groups, plan.rounds, plan.seed)
    return Drawn(ranked.mean_ap().value, np.array([ranked.mean_ap(w).value for w in weights]))


def pair_share(people: People, scores: Floats, plan: Resampling) -> Drawn:
    """Two people of one group that differ in an emotion: how often the one who has it is ranked higher."""
    of_group: dict[Hashable, list[int]] = {}
    for i, group in enumerate(people.groups):
        of_group.setdefault(group, []).append(i)
    wins, count = np.zeros(len(scores)), np.zeros(len(scores))
    for members in of_group.values():
        for a in members:
            for b in members:
                differs = people.targets[a] & ~people.targets[b]
                gap = (scores[a] - scores[b])[differs]
                wins[a] += float((gap > 0).sum() + 0.5 * (gap == 0).sum())
                count[a] += int(differs.sum())
    rounds = [float((w @ wins) / (w @ count)) for w in row_weights(people.groups, plan.rounds, plan.seed)]
    return Drawn(float(wins.sum() / count.sum()), np.array(rounds))


def chosen_by_fitted_thresholds(scores: Floats, fitted_scores: Floats, fitted_targets: Bools) -> Bools:
    """The labels above thresholds with the best F1 on other people: those of `scoring.rules` by default."""
    chosen = np.zeros(scores.shape, dtype=np.bool_)
    for k in range(scores.shape[1]):
        cuts = cuts_of(fitted_scores[:, k], fitted_targets[:, k])
        threshold = cuts.threshold(shrunk_best_f1(cuts, _SHRINKAGE))
        if threshold != "never":
            chosen[:, k] = True if threshold == "always" else scores[:, k] >= float(threshold)
    return chosen


def macro_f1_of(people: People, chosen: Bools, plan: Resampling) -> Drawn:
    """Macro F1 as the paper computes it, drawn again by groups."""
    totals = SetTotals.of(people.targets, chosen, people.groups)
    sums = np.concatenate([w @ totals.totals for w in draws(len(totals.totals), plan, held=2_000_000)])
    return Drawn(float(totals.figures()["macro_f1"]), totals.figures(sums)["macro_f1"])


def show(figures: Sequence[Figure]) -> None:
    """The report as a table."""
    table = Table("figure", "value", "95 % interval", "bar", "")
    for f in figures:
        interval = "" if f.low is None or f.high is None else f"{f.low:.3f} to {f.high:.3f}"
        mark = "" if f.held is None else ("met" if f.held else "missed")
        table.add_row(f.name, f"{f.value:.3f}", interval, f.bar, mark)
    Console(width=120).print(table)
