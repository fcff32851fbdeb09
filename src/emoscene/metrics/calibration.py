"""How far scores that claim to be shares are from the shares that come true.

Each label is measured by itself; the figures are means over the labels. The expected calibration error uses bins that
hold about equally many people (adaptive bins, Nixon et al. 2019); people of one score are never parted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emoscene.metrics.figure import Figure

__all__ = ["BINS", "LOWEST", "Calibration", "Reliability", "calibration_metrics", "reliability_curve"]

BINS = 15
#: Log loss counts a share of 0 or 1 as if it were this far from it, so that one wrong certainty is not infinite.
LOWEST = 1e-7

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Reliability:
    """What was claimed and what came true, bin by bin, from the lowest scores to the highest.

    Attributes:
        claimed: The mean score of each bin.
        came_true: The share of its people of whom the label holds.
        count: How many people it holds.
    """

    claimed: FloatArray
    came_true: FloatArray
    count: FloatArray

    @property
    def error(self) -> float:
        """The expected calibration error: the mean distance of the two, weighted by people; nan for nobody."""
        total = self.count.sum()
        return (
            float((np.abs(self.claimed - self.came_true) * self.count).sum() / total) if total else math.nan
        )


@dataclass(frozen=True)
class Calibration:
    """What `calibration_metrics` found: `ece`, `brier` and `log_loss`, as means and of each label (shape (k,))."""

    figures: dict[str, Figure]
    per_class: dict[str, FloatArray]


def calibration_metrics(truth: npt.ArrayLike, shares: npt.ArrayLike, *, bins: int = BINS) -> Calibration:
    """Expected calibration error, Brier score and log loss.

    Args:
        truth: Shape (n, k), bool or 0/1.
        shares: Shape (n, k), from 0 to 1: the claimed share of people like this of whom the label holds.
        bins: How many bins the calibration error has, at least 1.

    Raises:
        ValueError: if the shapes differ, a truth is neither 0 nor 1, or a share lies outside of 0 to 1 or is nan.
    """
    true, said = _checked(truth, shares, bins)
    people, labels = true.shape
    if not people:
        nobody = Figure(math.nan, "nobody was answered")
        empty = np.full(labels, np.nan)
        return Calibration(
            dict.fromkeys(("ece", "brier", "log_loss"), nobody),
            {name: empty.copy() for name in ("ece", "brier", "log_loss")},
        )
    safe = np.clip(said, LOWEST, 1 - LOWEST)
    per_class = {
        "ece": np.array([_curve(true[:, k], said[:, k], bins).error for k in range(labels)]),
        "brier": ((said - true) ** 2).mean(axis=0),
        "log_loss": -(true * np.log(safe) + (1 - true) * np.log1p(-safe)).mean(axis=0),
    }
    return Calibration({name: Figure(float(of.mean())) for name, of in per_class.items()}, per_class)


def reliability_curve(truth: npt.ArrayLike, shares: npt.ArrayLike, *, bins: int = BINS) -> Reliability:
    """Claimed and observed shares in adaptive bins; give a column for one label, or a matrix to pool the labels.

    Args:
        truth: Shape (n,) or (n, k), bool or 0/1.
        shares: The same shape, from 0 to 1.
        bins: How many bins at most.

    Raises:
        ValueError: as `calibration_metrics`.
    """
    true, said = _checked(np.ravel(truth)[:, None], np.ravel(shares)[:, None], bins)
    return _curve(true[:, 0], said[:, 0], bins)


def _checked(truth: npt.ArrayLike, shares: npt.ArrayLike, bins: int) -> tuple[FloatArray, FloatArray]:
    true, said = np.asarray(truth), np.asarray(shares, dtype=np.float64)
    if true.ndim != 2 or true.shape != said.shape:
        raise ValueError(f"truth {true.shape} and shares {said.shape} must share one shape (n, k)")
    if not np.isin(true, (0, 1)).all():
        raise ValueError("truth must be 0 or 1")
    if not ((said >= 0) & (said <= 1)).all():
        raise ValueError("shares must lie from 0 to 1")
    if bins < 1:
        raise ValueError(f"bins must be at least 1, not {bins}")
    return true.astype(np.float64), said


def _curve(true: FloatArray, said: FloatArray, bins: int) -> Reliability:
    if not said.size:
        return Reliability(*(np.zeros(0) for _ in range(3)))
    order = np.argsort(said, kind="stable")
    claimed, held = said[order], true[order]
    # A bin ends where its share of the people is full, moved to the last person of the same score.
    wanted = np.round(np.arange(1, bins + 1) * len(claimed) / bins).astype(np.intp)
    ends = np.unique(np.searchsorted(claimed, claimed[np.maximum(wanted, 1) - 1], side="right"))
    starts = np.concatenate([[0], ends[:-1]])
    count = (ends - starts).astype(np.float64)
    return Reliability(np.add.reduceat(claimed, starts) / count, np.add.reduceat(held, starts) / count, count)
