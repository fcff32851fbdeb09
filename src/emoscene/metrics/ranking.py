"""How well scores rank: average precision and its mean over the classes.

The definition is the step-wise one (as in scikit-learn): AP = sum over thresholds of (R_n - R_{n-1}) * P_n,
without interpolation. Equal scores share one threshold, so the order of rows never matters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["AP_DEFINITION", "MeanAP", "RankedTargets", "average_precision", "mean_ap"]

AP_DEFINITION = "step"

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MeanAP:
    """Mean average precision.

    Attributes:
        value: The mean over the classes that have a positive, 0 to 1; nan if none has.
        classes: How many classes that were.
        per_class: The average precision of every class, shape (k,); nan for a class without a positive.
    """

    value: float
    classes: int
    per_class: FloatArray

    @property
    def reason(self) -> str | None:
        """Why `value` is nan, or None if it is a number."""
        return None if self.classes else "no class has a positive"


class RankedTargets:
    """Targets sorted once by their scores, so that many weightings of the rows are cheap to score.

    Args:
        targets: Shape (n, k), 0/1 or bool: which of the k classes hold for each of the n rows.
        scores: Shape (n, k), finite; higher means more of the class.

    Raises:
        ValueError: if the shapes differ, a target is not 0 or 1, or a score is not finite.
    """

    def __init__(self, targets: npt.ArrayLike, scores: npt.ArrayLike) -> None:
        truth, ranking = np.asarray(targets), np.asarray(scores, dtype=np.float64)
        if truth.ndim != 2 or truth.shape != ranking.shape:
            raise ValueError(f"targets {truth.shape} and scores {ranking.shape} must share one shape (n, k)")
        if not np.isfinite(ranking).all():
            raise ValueError("scores must be finite: a nan cannot be ranked")
        if not np.isin(truth, (0, 1)).all():
            raise ValueError("targets must be 0 or 1")
        self.rows, self.classes = truth.shape
        # Class by class in memory, which keeps the running sums below on contiguous rows.
        self._order = np.argsort(-ranking.T, axis=1, kind="stable")
        self._positive = np.take_along_axis(truth.T.astype(np.float64), self._order, axis=1)
        self._last_tied = _last_of_ties(np.take_along_axis(ranking.T, self._order, axis=1))

    def average_precisions(self, weights: npt.ArrayLike | None = None) -> FloatArray:
        """Average precision of every class, shape (k,).

        Args:
            weights: Shape (n,), at least 0: how often each row counts; None counts each once.
        """
        if weights is None:
            weight = np.ones_like(self._positive)
        else:
            given = np.asarray(weights, dtype=np.float64)
            if given.shape != (self.rows,):
                raise ValueError(f"weights must have the shape ({self.rows},), not {given.shape}")
            weight = given[self._order]
        hits = weight * self._positive
        seen = np.cumsum(weight, axis=1)
        found = np.cumsum(hits, axis=1)
        if self.rows == 0:
            return np.full(self.classes, np.nan)
        precision = np.divide(found, seen, out=np.zeros_like(found), where=seen > 0)
        gained = (hits * np.take_along_axis(precision, self._last_tied, axis=1)).sum(axis=1)
        positives = found[:, -1]
        undefined = np.full(self.classes, np.nan)
        return np.asarray(np.divide(gained, positives, out=undefined, where=positives > 0))

    def mean_ap(self, weights: npt.ArrayLike | None = None) -> MeanAP:
        """The mean over the classes that have a positive of weight above 0."""
        per_class = self.average_precisions(weights)
        defined = per_class[~np.isnan(per_class)]
        return MeanAP(float(defined.mean()) if defined.size else float("nan"), int(defined.size), per_class)


def _last_of_ties(ranked: FloatArray) -> npt.NDArray[np.intp]:
    """For every place of every row of falling scores, the last place that holds the same score."""
    classes, rows = ranked.shape
    if rows == 0:
        return np.zeros((classes, 0), dtype=np.intp)
    ends = np.ones((classes, rows), dtype=bool)
    ends[:, :-1] = ranked[:, 1:] != ranked[:, :-1]
    places = np.where(ends, np.arange(rows), rows - 1)
    return np.minimum.accumulate(places[:, ::-1], axis=1)[:, ::-1].astype(np.intp)


def average_precision(y_true: npt.ArrayLike, score: npt.ArrayLike) -> float:
    """Average precision of one class: the mean precision at the rank of each positive.

    Args:
        y_true: Shape (n,), 0/1 or bool.
        score: Shape (n,), finite.

    Returns:
        A number from 0 to 1, or nan if there is no positive (or no row): nothing is there to be found.

    Raises:
        ValueError: if the shapes differ, a target is not 0 or 1, or a score is not finite.
    """
    truth, ranking = np.asarray(y_true), np.asarray(score, dtype=np.float64)
    if truth.ndim != 1 or truth.shape != ranking.shape:
        raise ValueError(f"y_true {truth.shape} and score {ranking.shape} must share one shape (n,)")
    return float(RankedTargets(truth[:, None], ranking[:, None]).average_precisions()[0])


def mean_ap(targets: npt.ArrayLike, scores: npt.ArrayLike) -> MeanAP:
    """Mean average precision over the classes that have a positive.

    Args:
        targets: Shape (n, k), 0/1 or bool.
        scores: Shape (n, k), finite.

    Raises:
        ValueError: as `RankedTargets`.
    """
    return RankedTargets(targets, scores).mean_ap()
