"""Bootstrap intervals: how far a figure would move if other people of the same kind had been measured.

Rows of one group (the people of one picture) are drawn together, because they are not independent. Intervals are made
as `interval` says. For figures of chosen sets, `set_bootstrap` is much faster. Average precision rises a little when
rows are repeated, so that its percentile interval lies too high; BCa corrects that.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from emoscene.metrics.interval import (
    Interval,
    Method,
    Resampling,
    bca_interval,
    check_method,
    percentile_interval,
)
from emoscene.metrics.ranking import AP_DEFINITION, Definition, RankedTargets

__all__ = [
    "Interval",
    "Resampling",
    "ap_intervals",
    "bootstrap_ci",
    "mean_ap_ci",
    "paired_mean_ap_ci",
    "row_weights",
]

Groups = int | Sequence[Hashable] | npt.NDArray[np.generic]
Weights = npt.NDArray[np.int64]
Statistic = Callable[[npt.NDArray[np.intp]], float]


_DEFAULT = Resampling()
_MOST_BLOCKS = 200


def row_weights(groups: Groups, rounds: int, seed: int = 0) -> Iterator[npt.NDArray[np.int64]]:
    """For each round, how often every row was drawn, shape (n,).

    Args:
        groups: The group of each row (such as its picture's id), or the number of rows if each stands alone.
        rounds: How many rounds.
        seed: The same seed draws the same rows.

    Raises:
        ValueError: if there is no row.
    """
    if isinstance(groups, int):
        number, group_of_row = groups, None
    else:
        places: dict[Hashable, int] = {}
        keys = groups.tolist() if isinstance(groups, np.ndarray) else groups
        group_of_row = np.array([places.setdefault(key, len(places)) for key in keys], dtype=np.intp)
        number = len(places)
    if number < 1:
        raise ValueError("a bootstrap needs at least one row")
    rng = np.random.default_rng(seed)
    for _ in range(rounds):
        drawn = np.bincount(rng.integers(0, number, number), minlength=number)
        yield drawn if group_of_row is None else drawn[group_of_row]


def bootstrap_ci(
    statistic: Statistic,
    groups: Groups,
    *,
    rounds: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """The interval of any figure that can be computed on a choice of rows.

    Args:
        statistic: Takes row numbers (with repeats, ascending), returns the figure; nan where it is undefined.
        groups: The group of each row (rows of a group are drawn together), or the number of rows.
        rounds: How many times rows are drawn.
        seed: The same seed draws the same rows.
        level: The share of rounds that the interval holds.

    Raises:
        ValueError: if there is no row, or `rounds` or `level` is out of range.
    """
    plan = Resampling(rounds, seed, level)
    return percentile_interval([statistic(rows) for rows in _row_numbers(groups, plan)], plan)


def mean_ap_ci(
    targets: npt.ArrayLike,
    scores: npt.ArrayLike,
    groups: Groups | None = None,
    plan: Resampling = _DEFAULT,
    *,
    definition: Definition = AP_DEFINITION,
    method: Method = "percentile",
) -> Interval:
    """The interval of `ranking.mean_ap(targets, scores)`: sorted once, weighted in every round.

    Args:
        targets: Shape (n, k), 0/1.
        scores: Shape (n, k), finite.
        groups: The group of each row, or None if each row stands alone.
        plan: Rounds, seed and level.
        definition: Which average precision.
        method: `percentile` or `bca`. The acceleration of BCa comes from a jackknife that leaves out one of at most
            200 blocks of groups at a time.

    A class without a positive in a round is left out of that round's mean.
    """
    ranked = RankedTargets(targets, scores)
    together = _groups(groups, ranked.rows)
    return _weighted_interval(
        lambda weight: ranked.mean_ap(weight, definition).value, together, ranked.rows, plan, method
    )


def paired_mean_ap_ci(
    targets: npt.ArrayLike,
    scores: tuple[npt.ArrayLike, npt.ArrayLike],
    groups: Groups | None = None,
    plan: Resampling = _DEFAULT,
    *,
    definition: Definition = AP_DEFINITION,
    method: Method = "percentile",
) -> Interval:
    """The interval of the mean AP of the first score matrix minus that of the second, on the same rows.

    Args:
        targets: Shape (n, k), 0/1.
        scores: Two arrays of shape (n, k), finite.
        groups: The group of each row, or None if each row stands alone.
        plan: Rounds, seed and level.
        definition, method: As for `mean_ap_ci`.
    """
    first, second = (RankedTargets(targets, matrix) for matrix in scores)

    def difference(weight: Weights) -> float:
        return first.mean_ap(weight, definition).value - second.mean_ap(weight, definition).value

    return _weighted_interval(difference, _groups(groups, first.rows), first.rows, plan, method)


def ap_intervals(
    targets: npt.ArrayLike,
    scores: npt.ArrayLike,
    groups: Groups | None = None,
    plan: Resampling = _DEFAULT,
    *,
    method: Method = "percentile",
) -> tuple[Interval, list[Interval]]:
    """The interval of the mean average precision (`step`), and the percentile interval of each class's own.

    The first is that of `mean_ap_ci`, on the same draws.
    """
    ranked = RankedTargets(targets, scores)
    together = _groups(groups, ranked.rows)
    drawn = np.stack(
        [ranked.average_precisions(weight) for weight in row_weights(together, plan.rounds, plan.seed)]
    )
    classes = [percentile_interval(column, plan) for column in drawn.T]
    means = [_mean_of_defined(row) for row in drawn]
    if method == "percentile":
        return percentile_interval(means, plan), classes
    left_out = [ranked.mean_ap(weight).value for weight in _without_blocks(together, ranked.rows)]
    return bca_interval(means, plan, ranked.mean_ap().value, left_out), classes


def _mean_of_defined(values: npt.NDArray[np.float64]) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")


def _weighted_interval(
    statistic: Callable[[Weights], float], groups: Groups, rows: int, plan: Resampling, method: Method
) -> Interval:
    """The interval of a figure of weighted rows."""
    check_method(method)
    values = [statistic(weight) for weight in row_weights(groups, plan.rounds, plan.seed)]
    if method == "percentile":
        return percentile_interval(values, plan)
    left_out = [statistic(weight) for weight in _without_blocks(groups, rows)]
    return bca_interval(values, plan, statistic(np.ones(rows, dtype=np.int64)), left_out)


def _without_blocks(groups: Groups, rows: int) -> Iterator[Weights]:
    """Weights that leave out one block of groups at a time: every group alone where there are few."""
    keys = range(rows) if isinstance(groups, int) else groups
    places: dict[Hashable, int] = {}
    place = np.array([places.setdefault(key, len(places)) for key in keys], dtype=np.int64)
    blocks = min(_MOST_BLOCKS, len(places))
    block = place * blocks // max(len(places), 1)
    for number in range(blocks):
        yield (block != number).astype(np.int64)


def _groups(groups: Groups | None, rows: int) -> Groups:
    if groups is None:
        return rows
    if not isinstance(groups, int) and len(groups) != rows:
        raise ValueError(f"one group a row is needed: {len(groups)} groups for {rows} rows")
    return groups


def _row_numbers(groups: Groups, plan: Resampling) -> Iterator[npt.NDArray[np.intp]]:
    for weight in row_weights(groups, plan.rounds, plan.seed):
        yield np.repeat(np.arange(weight.size), weight)
