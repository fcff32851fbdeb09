"""Bootstrap intervals of set figures, by counts: people are summed up once, and every round is a weighted sum.

With `groups` the people of one picture are drawn together, because they are not independent. Without, each person is
drawn alone, as the paper does (arXiv 2405.08992); that is too narrow where pictures show several people.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

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
from emoscene.metrics.sets import SET_KEYS, SetTotals

__all__ = ["class_intervals", "paired_set_intervals", "set_intervals"]

FloatArray = npt.NDArray[np.float64]
_DEFAULT = Resampling()
#: How many entries of a weight matrix are held at once (8 bytes each).
_HELD = 2_000_000


def set_intervals(
    totals: SetTotals,
    plan: Resampling = _DEFAULT,
    *,
    keys: Sequence[str] = SET_KEYS,
    method: Method = "percentile",
) -> dict[str, Interval]:
    """The interval of every set figure.

    Args:
        totals: The people, summed up by group (or alone).
        plan: Rounds, seed and level.
        keys: Which of `SET_KEYS`.
        method: `percentile`, or `bca` (bias-corrected and accelerated).

    Raises:
        ValueError: if there is nobody, or the method is not known.
    """
    check_method(method)
    drawn = totals.figures(_drawn_sums(plan, totals.totals)[0])
    if method == "percentile":
        return {key: percentile_interval(drawn[key], plan) for key in keys}
    whole = totals.totals.sum(axis=0)
    estimate, left_out = totals.figures(whole), totals.figures(whole - totals.totals)
    return {key: bca_interval(drawn[key], plan, float(estimate[key]), left_out[key]) for key in keys}


def paired_set_intervals(
    first: SetTotals,
    second: SetTotals,
    plan: Resampling = _DEFAULT,
    *,
    keys: Sequence[str] = SET_KEYS,
    method: Method = "percentile",
) -> dict[str, Interval]:
    """The interval of `first` minus `second`, both on the same groups in every round.

    Args:
        first, second: The same people in the same groups and order, answered by two systems.
        plan, keys, method: As for `set_intervals`.

    Raises:
        ValueError: if the two are not the same shape, or there is nobody.
    """
    if first.totals.shape != second.totals.shape:
        raise ValueError(f"the two must hold the same groups: {first.totals.shape}, {second.totals.shape}")
    check_method(method)
    sums_a, sums_b = _drawn_sums(plan, first.totals, second.totals)
    a, b = first.figures(sums_a), second.figures(sums_b)
    if method == "percentile":
        return {key: percentile_interval(a[key] - b[key], plan) for key in keys}
    whole_a, whole_b = first.totals.sum(axis=0), second.totals.sum(axis=0)
    here_a, here_b = first.figures(whole_a), second.figures(whole_b)
    out_a, out_b = first.figures(whole_a - first.totals), second.figures(whole_b - second.totals)
    return {
        key: bca_interval(a[key] - b[key], plan, float(here_a[key] - here_b[key]), out_a[key] - out_b[key])
        for key in keys
    }


def class_intervals(totals: SetTotals, plan: Resampling = _DEFAULT, *, name: str = "f1") -> list[Interval]:
    """The percentile interval of each class's `precision`, `recall`, `f1` or `jaccard`."""
    drawn = totals.class_figures(_drawn_sums(plan, totals.totals)[0])[name]
    return [percentile_interval(column, plan) for column in drawn.T]


def _drawn_sums(plan: Resampling, *totals: FloatArray) -> list[FloatArray]:
    """For each of `totals`, shape (rounds, columns): sums over as many groups as there are, drawn with replacement.

    All are summed over the same draws, which do not depend on how many rounds are held at once.
    """
    groups = len(totals[0])
    if not groups:
        raise ValueError("a bootstrap needs at least one row")
    chunks = [[weights @ each for each in totals] for weights in draws(groups, plan, held=_HELD)]
    return [np.concatenate(of_one) for of_one in zip(*chunks, strict=True)]


def draws(groups: int, plan: Resampling, *, held: int) -> Iterator[npt.NDArray[Any]]:
    """How often each group is drawn in each round, some rounds at a time: shape (some, groups), float64."""
    rng = np.random.default_rng(plan.seed)
    at_once = max(1, held // groups)
    for start in range(0, plan.rounds, at_once):
        some = min(at_once, plan.rounds - start)
        places = rng.integers(0, groups, (some, groups))
        places += np.arange(some)[:, None] * groups
        counts = np.bincount(places.ravel(), minlength=some * groups)
        yield counts.reshape(some, groups).astype(np.float64)
