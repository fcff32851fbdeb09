"""Thresholds: where to cut one label's scores so that those above carry the label.

Every cut lies between two different scores, halfway, so equal scores always fall on one side. A score that equals
the threshold is above it. Choosing nobody is written `never` and choosing everybody `always`, never as a number that
later scores might happen to cross.

Precision equals recall exactly where as many people are chosen as carry the label (or where nobody chosen does, which
is no answer). That is how the EMOTIC authors cut; here the nearest cut is taken, because with ties none may be equal.

The best F1 of a rare label rests on a handful of people. So the number chosen is shrunk towards the number that
carries the label: with p positives, c people above the best cut and a shrinkage of m,

    chosen = w * c + (1 - w) * p,    w = p / (p + m)

Numbers of people are averaged, not scores: the result is the same for every monotone map of the scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["Cuts", "Threshold", "cuts_of", "equal_precision_recall", "nearest_count", "shrunk_best_f1"]

Threshold = float | Literal["always", "never"]


@dataclass(frozen=True)
class Cuts:
    """All the ways to cut one label's n scores, from choosing nobody (cut 0) to choosing everybody (the last).

    values (m,): the different scores, descending; chosen (m + 1,): how many people each cut chooses; hits (m + 1,):
    how many of them carry the label; positives: how many of all do.
    """

    values: npt.NDArray[np.float64]
    chosen: npt.NDArray[np.int64]
    hits: npt.NDArray[np.int64]
    positives: int

    @property
    def people(self) -> int:
        return int(self.chosen[-1])

    def threshold(self, cut: int) -> Threshold:
        if cut == 0:
            return "never"
        if cut == len(self.values):
            return "always"
        high, low = float(self.values[cut - 1]), float(self.values[cut])
        middle = low + (high - low) / 2
        # Between neighbouring floats there is no middle: the upper one itself is chosen.
        return middle if low < middle <= high else high

    def f1(self) -> npt.NDArray[np.float64]:
        """F1 of every cut, shape (m + 1,); 0 where nobody is chosen or nobody carries the label."""
        return np.asarray(2 * self.hits / np.maximum(self.chosen + self.positives, 1), dtype=np.float64)


def cuts_of(scores: npt.NDArray[np.float64], truth: npt.NDArray[np.bool_]) -> Cuts:
    """The cuts of one label's finite scores (n,) with its truth (n,)."""
    ascending, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    hits = np.bincount(inverse, weights=truth, minlength=len(ascending)).astype(np.int64)
    start = np.zeros(1, dtype=np.int64)
    return Cuts(
        values=ascending[::-1],
        chosen=np.concatenate([start, np.cumsum(counts[::-1])]),
        hits=np.concatenate([start, np.cumsum(hits[::-1])]),
        positives=int(truth.sum()),
    )


def nearest_count(cuts: Cuts, people: float) -> int:
    """The cut that chooses nearest to so many people; of two equally near, the one that chooses fewer."""
    return int(np.abs(cuts.chosen - people).argmin())


def equal_precision_recall(cuts: Cuts) -> int:
    """The cut where precision and recall are nearest to each other; cut 0 if nobody carries the label.

    Cuts that catch nobody (precision and recall both 0) do not count. Of equally near cuts, the one with more hits.
    """
    if not cuts.positives:
        return 0
    caught = np.flatnonzero(cuts.hits)
    chosen, hits = cuts.chosen[caught], cuts.hits[caught]
    gap = hits * np.abs(chosen - cuts.positives) / (chosen * cuts.positives)
    return int(caught[np.lexsort((-hits, gap))[0]])


def shrunk_best_f1(cuts: Cuts, shrinkage: float) -> int:
    """The cut with the best F1, shrunk towards as many people as carry the label; cut 0 if nobody does.

    Of cuts with equal F1, the one that chooses nearest to as many. At least one person is chosen.
    """
    if not cuts.positives:
        return 0
    f1 = cuts.f1()
    best = np.flatnonzero(f1 >= f1.max() * (1 - 1e-12))
    cut = int(best[np.abs(cuts.chosen[best] - cuts.positives).argmin()])
    weight = cuts.positives / (cuts.positives + shrinkage)
    people = weight * float(cuts.chosen[cut]) + (1 - weight) * cuts.positives
    return cut if shrinkage == 0 else max(1, nearest_count(cuts, people))
