"""Is one system better than another on the same people? Permutation tests, Holm's correction, and how many people it
takes to see a difference.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from emoscene.metrics.sets import SET_KEYS, SetTotals

__all__ = ["class_permutation_test", "holm", "people_needed", "permutation_test"]

FloatArray = npt.NDArray[np.float64]
#: How many swaps are held at once (8 bytes each).
_HELD = 2_000_000
#: Differences that are equal but for rounding count as equal.
_EQUAL = 1e-12
_MOST_PEOPLE = 1e10


def permutation_test(
    first: SetTotals, second: SetTotals, *, keys: Sequence[str] = SET_KEYS, rounds: int = 1000, seed: int = 0
) -> dict[str, float]:
    """Two-sided p values of the differences in set figures, by exchanging the two systems' answers.

    If both systems were alike, it would not matter which of them gave which answer. So in each round the answers of a
    random half of the groups are exchanged; p is the share of rounds whose difference is at least as large as the one
    that was found, the found one counted among them: (1 + b) / (1 + rounds) (Phipson and Smyth 2010).

    Args:
        first, second: The same people in the same groups and order, answered by two systems.
        keys: Which of `SET_KEYS`.
        rounds: How many exchanges (at least 1); the smallest possible p is 1 / (1 + rounds).
        seed: The same seed exchanges the same groups.

    Returns:
        p for each key, nan where the difference is undefined.

    Raises:
        ValueError: if the two do not hold the same groups, or there is nobody.
    """
    _check(first, second, rounds)
    here = _difference(first.figures(), second.figures(), keys)
    larger = np.zeros(len(keys))
    for sums_a, sums_b in _exchanged(first, second, rounds, seed):
        drawn = _difference(first.figures(sums_a), second.figures(sums_b), keys)
        larger += _at_least(drawn, here[:, None]).sum(axis=1)
    p = np.where(np.isnan(here), np.nan, (1 + larger) / (1 + rounds))
    return dict(zip(keys, p.tolist(), strict=True))


def class_permutation_test(
    first: SetTotals, second: SetTotals, *, name: str = "f1", rounds: int = 1000, seed: int = 0
) -> FloatArray:
    """`permutation_test` of each class's `precision`, `recall`, `f1` or `jaccard`: shape (k,).

    Correct the result with `holm`.
    """
    _check(first, second, rounds)
    here = _class_difference(first, second, first.totals.sum(axis=0), second.totals.sum(axis=0), name)
    larger = np.zeros(first.classes)
    for sums_a, sums_b in _exchanged(first, second, rounds, seed):
        drawn = _class_difference(first, second, sums_a, sums_b, name)
        larger += _at_least(drawn, here).sum(axis=0)
    return np.asarray(np.where(np.isnan(here), np.nan, (1 + larger) / (1 + rounds)))


def holm(p_values: npt.ArrayLike) -> FloatArray:
    """Adjusted p values that hold for all hypotheses together (Holm 1979); nan stays nan and counts for none.

    Args:
        p_values: Shape (m,), from 0 to 1 or nan.

    Returns:
        Shape (m,). Those below 0.05 may all be called different, and the chance that any of them is not is below 5 %.
    """
    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(p.shape, np.nan)
    places = np.flatnonzero(~np.isnan(p))
    order = places[np.argsort(p[places], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(order) else steps
    return adjusted


def people_needed(
    difference: float, sd: float, people: int, *, power: float = 0.8, level: float = 0.05
) -> int | None:
    """How many people of the same kind are needed to see a difference.

    The standard error of a paired difference falls with the square root of the number of people, so that
    n = people * ((z(1 - level / 2) + z(power)) * sd / difference)^2, the usual formula for a paired comparison with a
    normal test. It takes the new people to be grouped in pictures as these are, and is a rough guide where few people
    carry a label.

    Args:
        difference: The difference that is to be seen, above 0, in the unit of `sd`.
        sd: The standard error of the paired difference on the people at hand (the `sd` of its bootstrap interval).
        people: How many people that was.
        power: How likely the difference is to be seen, between 0 and 1.
        level: How likely a difference is seen where there is none, between 0 and 1.

    Returns:
        The number of people; None where the standard error is undefined or 0, or the number is beyond all people.

    Raises:
        ValueError: if a number is outside of its range.
    """
    if not difference > 0 or people < 1 or not 0 < power < 1 or not 0 < level < 1 or sd < 0:
        raise ValueError(
            "difference and people must be above 0, sd at least 0, power and level between 0 and 1"
        )
    if math.isnan(sd) or sd == 0:
        return None
    normal = NormalDist()
    z = normal.inv_cdf(1 - level / 2) + normal.inv_cdf(power)
    needed = people * (z * sd / difference) * (z * sd / difference)
    return max(1, math.ceil(needed)) if needed < _MOST_PEOPLE else None


def _check(first: SetTotals, second: SetTotals, rounds: int) -> None:
    if first.totals.shape != second.totals.shape:
        raise ValueError(f"the two must hold the same groups: {first.totals.shape}, {second.totals.shape}")
    if not len(first.totals):
        raise ValueError("a test needs at least one row")
    if rounds < 1:
        raise ValueError(f"rounds must be at least 1, not {rounds}")


def _exchanged(
    first: SetTotals, second: SetTotals, rounds: int, seed: int
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """The sums of both systems with some groups exchanged, some rounds at a time; the same for any chunk size."""
    whole_a, whole_b = first.totals.sum(axis=0), second.totals.sum(axis=0)
    turned = second.totals - first.totals
    rng = np.random.default_rng(seed)
    at_once = max(1, _HELD // len(turned))
    for start in range(0, rounds, at_once):
        some = min(at_once, rounds - start)
        exchanged = (rng.random((some, len(turned))) < 0.5).astype(np.float64) @ turned
        yield whole_a + exchanged, whole_b - exchanged


def _at_least(drawn: FloatArray, here: FloatArray) -> npt.NDArray[np.bool_]:
    return np.asarray(np.isnan(drawn) | (np.abs(drawn) >= np.abs(here) - _EQUAL))


def _difference(a: dict[str, FloatArray], b: dict[str, FloatArray], keys: Sequence[str]) -> FloatArray:
    return np.stack([a[key] - b[key] for key in keys])


def _class_difference(
    first: SetTotals, second: SetTotals, sums_a: FloatArray, sums_b: FloatArray, name: str
) -> FloatArray:
    return first.class_figures(sums_a)[name] - second.class_figures(sums_b)[name]
