"""How well chosen sets of labels agree with the true ones.

All figures but one kind are ratios of counts that add up over people, so a set of people is first summed up
(`SetTotals`) and scored afterwards: that is what makes ten thousand bootstrap rounds a matrix product.

Conventions. A class that nobody carries and nobody was given has no precision, recall or F1: its own figure is nan.
The *macro* averages follow the paper (arXiv 2405.08992) and scikit-learn's `zero_division=0`: they go over all
classes, and an undefined class counts 0 in them. *Samples* averages count a person whose own figure is undefined as
0 in the same way, and that includes the Jaccard index of an empty set with an empty one.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from emoscene.metrics.figure import Figure

__all__ = ["SET_KEYS", "SetMetrics", "SetTotals", "accuracy", "label_matrix", "set_metrics"]

#: The figures of `set_metrics`, in the order in which they are shown.
SET_KEYS = (
    "macro_precision", "macro_recall", "macro_f1",
    "micro_precision", "micro_recall", "micro_f1",
    "samples_precision", "samples_recall", "samples_f1",
    "weighted_precision", "weighted_recall", "weighted_f1",
    "hamming", "subset_accuracy",
    "samples_jaccard", "macro_jaccard", "micro_jaccard",
)  # fmt: skip

_SAMPLE_SUMS = ("precision", "recall", "f1", "jaccard", "exact")

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class SetMetrics:
    """What `set_metrics` found.

    Attributes:
        figures: The keys of `SET_KEYS`, each a fraction from 0 to 1.
        per_class: `precision`, `recall`, `f1`, `jaccard` (nan where undefined), and the counts `support`,
            `predicted`, `true_positives`, each of shape (k,).
        undefined: Of how many classes precision, recall and F1 are undefined and count 0 in the macro averages.
    """

    figures: dict[str, Figure]
    per_class: dict[str, FloatArray]
    undefined: dict[str, int]


@dataclass(frozen=True)
class SetTotals:
    """What of two label matrices adds up over people, summed for each group of people.

    Attributes:
        classes: How many labels there are, k.
        totals: Shape (groups, 3k + 6): true positives, predicted and true people of each class; then the number of
            people and the sums of each person's precision, recall, F1, Jaccard index and exact match.
    """

    classes: int
    totals: FloatArray = field(repr=False)

    @classmethod
    def of(
        cls,
        truth: npt.ArrayLike,
        chosen: npt.ArrayLike,
        groups: Sequence[Hashable] | npt.NDArray[np.generic] | None = None,
    ) -> SetTotals:
        """Sum up.

        Args:
            truth: Shape (n, k), bool or 0/1: which labels hold.
            chosen: Shape (n, k), bool or 0/1: which were named.
            groups: The group of each person, or None if each stands alone.

        Raises:
            ValueError: if the shapes differ or an entry is neither 0 nor 1.
        """
        true, said = label_matrix(truth, "truth"), label_matrix(chosen, "chosen")
        if true.shape != said.shape:
            raise ValueError(f"truth {true.shape} and chosen {said.shape} must share one shape (n, k)")
        columns = _columns(true, said)
        if groups is None:
            return cls(true.shape[1], columns)
        if len(groups) != len(true):
            raise ValueError(f"one group a row is needed: {len(groups)} groups for {len(true)} rows")
        places: dict[Hashable, int] = {}
        keys = groups.tolist() if isinstance(groups, np.ndarray) else groups
        place = np.array([places.setdefault(key, len(places)) for key in keys], dtype=np.intp)
        summed = np.zeros((len(places), columns.shape[1]))
        np.add.at(summed, place, columns)
        return cls(true.shape[1], summed)

    def figures(self, summed: npt.ArrayLike | None = None) -> dict[str, FloatArray]:
        """The figures of one or many sets of people.

        Args:
            summed: Shape (..., 3k + 6), sums of rows of `totals`; None sums all rows.

        Returns:
            An array of shape (...) for each of `SET_KEYS`, nan where undefined.
        """
        sums = self.totals.sum(axis=0) if summed is None else np.asarray(summed, dtype=np.float64)
        hits, named, held = self.counts(sums)
        people = sums[..., 3 * self.classes]
        by_sample = dict(
            zip(_SAMPLE_SUMS, np.moveaxis(sums[..., 3 * self.classes + 1 :], -1, 0), strict=True)
        )
        either = named + held - hits
        found: dict[str, FloatArray] = {
            "macro_precision": _macro(hits, named),
            "macro_recall": _macro(hits, held),
            "macro_f1": _macro(2 * hits, named + held),
            "macro_jaccard": _macro(hits, either),
            "weighted_precision": _weighted(hits, named, held),
            "weighted_recall": _weighted(hits, held, held),
            "weighted_f1": _weighted(2 * hits, named + held, held),
            "hamming": _ratio((named + held - 2 * hits).sum(axis=-1), people * self.classes),
            "subset_accuracy": _ratio(by_sample["exact"], people),
        }
        total, said, true = hits.sum(axis=-1), named.sum(axis=-1), held.sum(axis=-1)
        found["micro_precision"], found["micro_recall"] = _ratio(total, said), _ratio(total, true)
        found["micro_f1"], found["micro_jaccard"] = (
            _ratio(2 * total, said + true),
            _ratio(total, said + true - total),
        )
        for name in ("precision", "recall", "f1", "jaccard"):
            found[f"samples_{name}"] = _ratio(by_sample[name], people)
        return {key: found[key] for key in SET_KEYS}

    def counts(self, summed: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """True positives, predicted and true people of each class, each of shape (..., k)."""
        k = self.classes
        return summed[..., :k], summed[..., k : 2 * k], summed[..., 2 * k : 3 * k]

    def class_figures(self, summed: FloatArray) -> dict[str, FloatArray]:
        """`precision`, `recall`, `f1` and `jaccard` of each class, each of shape (..., k), nan where undefined."""
        hits, named, held = self.counts(summed)
        return {
            "precision": _ratio(hits, named),
            "recall": _ratio(hits, held),
            "f1": _ratio(2 * hits, named + held),
            "jaccard": _ratio(hits, named + held - hits),
        }


def set_metrics(truth: npt.ArrayLike, chosen: npt.ArrayLike) -> SetMetrics:
    """Every figure of chosen sets against true ones; see the head of this module for the conventions.

    Args:
        truth: Shape (n, k), bool or 0/1: which labels hold.
        chosen: Shape (n, k), bool or 0/1: which were named.

    Raises:
        ValueError: if the shapes differ or an entry is neither 0 nor 1.
    """
    totals = SetTotals.of(truth, chosen)
    summed = totals.totals.sum(axis=0)
    hits, named, held = totals.counts(summed)
    per_class = totals.class_figures(summed)
    undefined = {name: int(np.isnan(per_class[name]).sum()) for name in ("precision", "recall", "f1")}
    nobody = not len(totals.totals)
    figures = {
        key: Figure.of(float(value), "there is nobody to score" if nobody else _why(key))
        for key, value in totals.figures(summed).items()
    }
    return SetMetrics(
        figures, {**per_class, "support": held, "predicted": named, "true_positives": hits}, undefined
    )


def accuracy(truth: Sequence[Hashable], predicted: Sequence[Hashable | None]) -> float:
    """The share of rows whose one predicted label is the true one.

    Args:
        truth: The true label of each row.
        predicted: The predicted label of each row; None (no answer) counts as wrong.

    Returns:
        A number from 0 to 1, or nan if there is no row.

    Raises:
        ValueError: if the two differ in length.
    """
    if len(truth) != len(predicted):
        raise ValueError(f"one prediction a row is needed: {len(predicted)} for {len(truth)} rows")
    if not truth:
        return float("nan")
    right = sum(true == said for true, said in zip(truth, predicted, strict=True) if said is not None)
    return right / len(truth)


def label_matrix(values: npt.ArrayLike, name: str) -> BoolArray:
    """`values` as a bool matrix (n, k); `name` is what an error calls it.

    Raises:
        ValueError: if the shape or an entry is not that of a label matrix.
    """
    given = np.asarray(values)
    if given.ndim != 2:
        raise ValueError(f"{name} must have the shape (n, k), not {given.shape}")
    if given.dtype != np.bool_ and not np.isin(given, (0, 1)).all():
        raise ValueError(f"{name} must be 0 or 1")
    return given.astype(np.bool_)


def _columns(true: BoolArray, said: BoolArray) -> FloatArray:
    both = true & said
    hits, named, held = (m.sum(axis=1).astype(np.float64) for m in (both, said, true))
    people = np.ones(len(true))
    sums = (
        people,
        _or_zero(hits, named),
        _or_zero(hits, held),
        _or_zero(2 * hits, named + held),
        _or_zero(hits, named + held - hits),
        (true == said).all(axis=1).astype(np.float64),
    )
    return np.concatenate([both, said, true, np.stack(sums, axis=1)], axis=1, dtype=np.float64)


def _or_zero(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.asarray(np.divide(part, whole, out=np.zeros_like(part), where=whole > 0))


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.asarray(np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole > 0))


def _macro(part: FloatArray, whole: FloatArray) -> FloatArray:
    """The mean over the classes, undefined ones as 0; nan where every class is undefined."""
    mean = _or_zero(part, whole).mean(axis=-1)
    return np.asarray(np.where((whole > 0).any(axis=-1), mean, np.nan))


def _weighted(part: FloatArray, whole: FloatArray, held: FloatArray) -> FloatArray:
    return _ratio((_or_zero(part, whole) * held).sum(axis=-1), held.sum(axis=-1))


def _why(key: str) -> str:
    if key.endswith("precision") and not key.startswith("weighted"):
        return "no label was named for anyone"
    if key.endswith("recall") or key.startswith("weighted"):
        return "nobody carries a label"
    return "no label was named for anyone and nobody carries one"
