"""How well scores rank: average precision in the three definitions that are in use, ROC-AUC, and the top k.

Average precision of one class, over the thresholds that the scores give (P precision, R recall):

- `step`: the sum of (R_n - R_{n-1}) P_n, as scikit-learn; most Python code for EMOTIC uses it;
- `voc2010`: the same with P_n raised to the highest precision at any recall from R_n on (all-points interpolation of
  PASCAL VOC from 2010); the evaluation script of EMOTIC's authors;
- `voc11`: the mean of that highest precision at recall 0, 0.1, ... 1; the Torch code of EMOTIC's authors.

They differ by up to two points on random scores: say which one a figure is. Equal scores share one threshold, so the
order of rows never matters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from emoscene.metrics.figure import Figure

__all__ = [
    "AP_DEFINITION",
    "Definition",
    "MeanAP",
    "RankedTargets",
    "RocAUC",
    "average_precision",
    "mean_ap",
    "roc_auc",
    "top_k_metrics",
]

Definition = Literal["step", "voc2010", "voc11"]

AP_DEFINITION: Definition = "step"
_RECALLS = 11

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
        truth, ranking = _checked(targets, scores)
        self.rows, self.classes = truth.shape
        # Class by class in memory, which keeps the running sums below on contiguous rows.
        self._order = np.argsort(-ranking.T, axis=1, kind="stable")
        positive = np.take_along_axis(truth.T.astype(np.bool_), self._order, axis=1)
        last_tied = _last_of_ties(np.take_along_axis(ranking.T, self._order, axis=1))
        # Precision is needed only where there is a positive: elsewhere recall stands still and precision falls.
        of_class, place = np.nonzero(positive)
        end = last_tied[of_class, place]
        self._starts = np.searchsorted(of_class, np.arange(self.classes + 1))
        self._hit_rows = self._order[of_class, place]
        self._ends = of_class * self.rows + end
        # For each positive, how many positives have come by the end of its ties, counted through all classes.
        self._hits_by_end = self._starts[of_class] + np.cumsum(positive, axis=1)[of_class, end]

    def average_precisions(
        self, weights: npt.ArrayLike | None = None, definition: Definition = AP_DEFINITION
    ) -> FloatArray:
        """Average precision of every class, shape (k,).

        Args:
            weights: Shape (n,), at least 0: how often each row counts; None counts each once.
            definition: `step`, `voc2010` or `voc11`; see the head of this module.
        """
        if definition not in get_args(Definition):
            known = ", ".join(get_args(Definition))
            raise ValueError(f"definition must be one of {known}, not {definition!r}")
        weight = np.ones(self.rows) if weights is None else np.asarray(weights, dtype=np.float64)
        if weight.shape != (self.rows,):
            raise ValueError(f"weights must have the shape ({self.rows},), not {weight.shape}")
        hits = weight[self._hit_rows]
        running = np.concatenate([[0.0], np.cumsum(hits)])
        before = running[self._starts[:-1]]
        positives = running[self._starts[1:]] - before
        found = running[self._hits_by_end] - np.repeat(before, np.diff(self._starts))
        seen = np.cumsum(weight[self._order], axis=1).ravel()[self._ends]
        precision = np.divide(found, seen, out=np.zeros_like(found), where=seen > 0)
        areas = np.full(self.classes, np.nan)
        for label in np.flatnonzero(positives > 0):
            here = slice(self._starts[label], self._starts[label + 1])
            if definition == "voc11":
                areas[label] = _eleven_points(found[here], precision[here], positives[label])
                continue
            reached = precision[here] if definition == "step" else _highest_from(precision[here])
            areas[label] = (hits[here] * reached).sum() / positives[label]
        return areas

    def mean_ap(self, weights: npt.ArrayLike | None = None, definition: Definition = AP_DEFINITION) -> MeanAP:
        """The mean over the classes that have a positive of weight above 0."""
        per_class = self.average_precisions(weights, definition)
        defined = per_class[~np.isnan(per_class)]
        return MeanAP(float(defined.mean()) if defined.size else float("nan"), int(defined.size), per_class)


def _checked(targets: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[npt.NDArray[np.generic], FloatArray]:
    truth, ranking = np.asarray(targets), np.asarray(scores, dtype=np.float64)
    if truth.ndim != 2 or truth.shape != ranking.shape:
        raise ValueError(f"targets {truth.shape} and scores {ranking.shape} must share one shape (n, k)")
    if not np.isfinite(ranking).all():
        raise ValueError("scores must be finite: a nan cannot be ranked")
    if not np.isin(truth, (0, 1)).all():
        raise ValueError("targets must be 0 or 1")
    return truth, ranking


def _eleven_points(found: FloatArray, precision: FloatArray, positives: float) -> float:
    """The mean of the highest precision at eleven recalls; `found` are the positives at each threshold."""
    # In whole numbers, so that a recall of exactly 0.3 is not missed by rounding.
    first = np.searchsorted((_RECALLS - 1) * found, np.arange(_RECALLS) * positives)
    return float(_highest_from(precision)[first].mean())


def _highest_from(precision: FloatArray) -> FloatArray:
    """At each place the highest precision there or behind it."""
    return np.maximum.accumulate(precision[::-1])[::-1]


def _last_of_ties(ranked: FloatArray) -> npt.NDArray[np.intp]:
    """For every place of every row of falling scores, the last place that holds the same score."""
    classes, rows = ranked.shape
    if rows == 0:
        return np.zeros((classes, 0), dtype=np.intp)
    ends = np.ones((classes, rows), dtype=bool)
    ends[:, :-1] = ranked[:, 1:] != ranked[:, :-1]
    places = np.where(ends, np.arange(rows), rows - 1)
    return np.minimum.accumulate(places[:, ::-1], axis=1)[:, ::-1].astype(np.intp)


@dataclass(frozen=True)
class RocAUC:
    """Area under the ROC curve.

    Attributes:
        value: The mean over the classes that have both a positive and a negative; nan if none has.
        classes: How many classes that were.
        per_class: Shape (k,): the chance that a positive scores above a negative, ties counting half; nan if undefined.
    """

    value: float
    classes: int
    per_class: FloatArray

    @property
    def reason(self) -> str | None:
        """Why `value` is nan, or None if it is a number."""
        return None if self.classes else "no class has both a positive and a negative"


def average_precision(
    y_true: npt.ArrayLike, score: npt.ArrayLike, definition: Definition = AP_DEFINITION
) -> float:
    """Average precision of one class.

    Args:
        y_true: Shape (n,), 0/1 or bool.
        score: Shape (n,), finite.
        definition: `step`, `voc2010` or `voc11`.

    Returns:
        A number from 0 to 1, or nan if there is no positive (or no row): nothing is there to be found.

    Raises:
        ValueError: if the shapes differ, a target is not 0 or 1, or a score is not finite.
    """
    truth, ranking = np.asarray(y_true), np.asarray(score, dtype=np.float64)
    if truth.ndim != 1 or truth.shape != ranking.shape:
        raise ValueError(f"y_true {truth.shape} and score {ranking.shape} must share one shape (n,)")
    ranked = RankedTargets(truth[:, None], ranking[:, None])
    return float(ranked.average_precisions(definition=definition)[0])


def mean_ap(targets: npt.ArrayLike, scores: npt.ArrayLike, definition: Definition = AP_DEFINITION) -> MeanAP:
    """Mean average precision over the classes that have a positive.

    Args:
        targets: Shape (n, k), 0/1 or bool.
        scores: Shape (n, k), finite.
        definition: `step`, `voc2010` or `voc11`.

    Raises:
        ValueError: as `RankedTargets`.
    """
    return RankedTargets(targets, scores).mean_ap(definition=definition)


def roc_auc(targets: npt.ArrayLike, scores: npt.ArrayLike) -> RocAUC:
    """Area under the ROC curve of each class and its mean, by the ranks of the positives (Mann and Whitney).

    Args:
        targets: Shape (n, k), 0/1 or bool.
        scores: Shape (n, k), finite.

    Raises:
        ValueError: as `RankedTargets`.
    """
    truth, ranking = _checked(targets, scores)
    per_class = np.array([_auc(truth[:, k].astype(bool), ranking[:, k]) for k in range(truth.shape[1])])
    defined = per_class[~np.isnan(per_class)]
    return RocAUC(float(defined.mean()) if defined.size else float("nan"), int(defined.size), per_class)


def _auc(positive: npt.NDArray[np.bool_], score: FloatArray) -> float:
    hits, misses = int(positive.sum()), int((~positive).sum())
    if not hits or not misses:
        return float("nan")
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    ends = np.cumsum(count)
    ranks = (ends - (count - 1) / 2)[place]
    return float((ranks[positive].sum() - hits * (hits + 1) / 2) / (hits * misses))


def top_k_metrics(
    targets: npt.ArrayLike, scores: npt.ArrayLike, k: int, answered: npt.ArrayLike | None = None
) -> dict[str, Figure]:
    """How good the `k` highest-scored labels of each person are.

    Args:
        targets: Shape (n, labels), 0/1 or bool.
        scores: The same shape, finite. Of equal scores the label that stands first is taken.
        k: From 1 to the number of labels.
        answered: Shape (n,), bool: the others' highest labels are none; None takes everybody.

    Returns:
        `top_{k}_precision` (the share of the k that hold), `top_{k}_recall` (the share of a person's labels among the
        k, over people with labels) and `top_{k}_hit` (the share of people with at least one that holds).

    Raises:
        ValueError: as `RankedTargets`, or if `k` is out of range.
    """
    truth, ranking = _checked(targets, scores)
    if not 1 <= k <= truth.shape[1]:
        raise ValueError(f"k must lie from 1 to {truth.shape[1]}, not {k}")
    if not len(truth):
        return {f"top_{k}_{name}": Figure(float("nan"), "there is nobody to score")
                for name in ("precision", "recall", "hit")}  # fmt: skip
    top = np.argsort(-ranking, axis=1, kind="stable")[:, :k]
    hits = np.take_along_axis(truth.astype(np.float64), top, axis=1).sum(axis=1)
    if answered is not None:
        hits = np.where(np.asarray(answered, dtype=np.bool_), hits, 0.0)
    held = truth.sum(axis=1)
    recall = (hits[held > 0] / held[held > 0]).mean() if held.any() else float("nan")
    return {
        f"top_{k}_precision": Figure(float(hits.mean()) / k),
        f"top_{k}_recall": Figure.of(float(recall), "nobody carries a label"),
        f"top_{k}_hit": Figure(float((hits > 0).mean())),
    }
