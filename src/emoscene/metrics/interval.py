"""From bootstrap rounds to an interval: percentiles, or bias-corrected and accelerated (BCa).

Both as in Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters 13 and 14.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

__all__ = ["Interval", "Method", "Resampling", "bca_interval", "check_method", "percentile_interval"]

Method = Literal["percentile", "bca"]
Values = Sequence[float] | npt.NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A bootstrap interval.

    Attributes:
        low: Lower end; nan if the figure was undefined in every round.
        high: Upper end; nan likewise.
        sd: Standard deviation over the rounds, the standard error; nan with fewer than two values.
        level: The share of rounds between `low` and `high`.
        rounds: How many rounds were drawn.
        undefined: In how many of them the figure was nan; those rounds are left out.
        method: How the ends were found: `percentile` also where `bca` was asked for and had nothing to correct.
    """

    low: float
    high: float
    sd: float
    level: float = 0.95
    rounds: int = 0
    undefined: int = 0
    method: Method = "percentile"

    @property
    def reason(self) -> str | None:
        """Why the ends are nan, or None if they are numbers."""
        return "the figure was undefined in every round" if self.undefined == self.rounds else None


@dataclass(frozen=True)
class Resampling:
    """How rows are drawn again.

    Attributes:
        rounds: How many times (at least 1).
        seed: The same seed draws the same rows.
        level: The share of rounds that the interval holds, between 0 and 1.
    """

    rounds: int = 1000
    seed: int = 0
    level: float = 0.95

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise ValueError(f"rounds must be at least 1, not {self.rounds}")
        if not 0 < self.level < 1:
            raise ValueError(f"level must lie between 0 and 1, not {self.level}")


def check_method(method: str) -> None:
    """Refuse a method that is not known, before a round is drawn.

    Raises:
        ValueError: names the known ones.
    """
    if method not in get_args(Method):
        raise ValueError(f"method must be one of {', '.join(get_args(Method))}, not {method!r}")


def percentile_interval(values: Values, plan: Resampling) -> Interval:
    """The interval between the outer percentiles of the rounds' figures; nan rounds are left out and counted."""
    outside = (1 - plan.level) / 2
    return _between(values, plan, outside, 1 - outside)


def bca_interval(values: Values, plan: Resampling, estimate: float, left_out: Values) -> Interval:
    """The bias-corrected and accelerated interval.

    Args:
        values: The rounds' figures.
        plan: Rounds and level.
        estimate: The figure on all rows.
        left_out: The figure without each group in turn (jackknife); nan ones are left out.

    Where the rounds or the jackknife do not vary, the estimate is nan, or it lies outside of all rounds, nothing can be
    corrected: the percentile interval is returned, and its `method` says so.
    """
    drawn = _defined(values)
    jackknife = _defined(left_out)
    from_mean = jackknife.mean() - jackknife if jackknife.size else jackknife
    spread = float((from_mean**2).sum())
    below = (
        float(((drawn < estimate).sum() + 0.5 * (drawn == estimate).sum()) / drawn.size)
        if drawn.size
        else 0.0
    )
    if not spread or not 0 < below < 1 or np.isnan(estimate):
        return percentile_interval(values, plan)
    normal = NormalDist()
    bias = normal.inv_cdf(below)
    acceleration = float((from_mean**3).sum()) / (6 * spread**1.5)

    def moved(share: float) -> float:
        z = bias + normal.inv_cdf(share)
        return normal.cdf(bias + z / (1 - acceleration * z))

    outside = (1 - plan.level) / 2
    return replace(_between(values, plan, moved(outside), moved(1 - outside)), method="bca")


def _defined(values: Values) -> npt.NDArray[np.float64]:
    given = np.asarray(values, dtype=np.float64)
    return given[~np.isnan(given)]


def _between(values: Values, plan: Resampling, low_share: float, high_share: float) -> Interval:
    defined = _defined(values)
    undefined = len(values) - int(defined.size)
    if not defined.size:
        nan = float("nan")
        return Interval(nan, nan, nan, plan.level, plan.rounds, undefined)
    low, high = np.quantile(defined, (low_share, high_share))
    sd = float(defined.std(ddof=1)) if defined.size > 1 else float("nan")
    return Interval(float(low), float(high), sd, plan.level, plan.rounds, undefined)
