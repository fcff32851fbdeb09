"""Answers that look at nobody: what a figure must beat before it means anything.

`majority` names the most frequent labels for everyone, `rand6` draws labels at random, `rand6_weighted` draws them by
how frequent they are; `all_labels` and `none` are the two ends. The first three are rows of the paper's table
(arXiv 2405.08992, Table I). Draws depend on the seed and the sample's id alone, never on the order of the samples.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from emoscene.errors import EmosceneError, InputError, OptionError
from emoscene.labels import LabelSpace
from emoscene.recognizers.base import Answer, BatchRecognizer, Card, Subject
from emoscene.types import Prediction, Sample, ScoreKind

__all__ = ["Prior", "make_all_labels", "make_majority", "make_none", "make_rand6", "make_rand6_weighted"]

#: Which labels a sample gets, by the sample's id.
_Rule = Callable[[str], Sequence[str]]


class Prior(BatchRecognizer[str]):
    """Names labels without looking. Its scores are a set (`membership`): nothing can be ranked by them."""

    def __init__(self, name: str, summary: str, labels: LabelSpace, rule: _Rule) -> None:
        card = Card(
            name,
            summary,
            "Apache-2.0",
            limits="Looks neither at the picture nor at the words: a baseline, never an answer about anybody.",
            uses_picture=False,
            baseline=True,
        )
        super().__init__(name, card, labels)
        self._rule = rule

    def prepare(self, subject: Subject) -> str:
        return subject.sample.id

    def answer(self, batch: Sequence[str]) -> Sequence[Answer | EmosceneError]:
        return [self._one(self._rule(sample_id)) for sample_id in batch]

    def _one(self, chosen: Sequence[str]) -> Answer:
        scores = {label: float(label in chosen) for label in self.labels.ids}
        return Answer(scores, ScoreKind.MEMBERSHIP, labels=tuple(chosen))


class FittedPrior(Prior):
    """A prior that must first be told how frequent each label is."""

    def __init__(
        self,
        name: str,
        summary: str,
        labels: LabelSpace,
        rule: Callable[[Mapping[str, int], str], Sequence[str]],
    ) -> None:
        super().__init__(name, summary, labels, lambda sample_id: rule(self.counts, sample_id))
        self.counts: dict[str, int] = {}

    def fit(self, samples: Iterable[Sample]) -> None:
        """Count the labels of the samples.

        Raises:
            InputError: if no sample has a label of this label space.
        """
        counts = dict.fromkeys(self.labels.ids, 0)
        for sample in samples:
            for label in sample.target or ():
                counts[label] += 1
        if not any(counts.values()):
            raise InputError(
                f"{self.name} was given no labels to count", remedy="Fit it on a split that has labels."
            )
        self.counts = counts

    def predict(self, samples: Iterable[Sample]) -> Iterator[Prediction]:
        """As every recognizer.

        Raises:
            OptionError: if `fit` was not called before.
        """
        if not self.counts:
            raise OptionError(
                f"{self.name} must be fitted first",
                remedy="Use it in `emoscene eval run` (--fit-split train), or call fit(samples).",
            )
        return super().predict(samples)


def make_majority(labels: LabelSpace, *, k: int | None = None) -> FittedPrior:
    """The `k` most frequent labels for everyone: six, or one in a space of single labels."""
    size = _size(k, labels)
    order = {label: place for place, label in enumerate(labels.ids)}

    def rule(counts: Mapping[str, int], _: str) -> Sequence[str]:
        return sorted(counts, key=lambda label: (-counts[label], order[label]))[:size]

    return FittedPrior("majority", f"The {size} most frequent labels for everyone.", labels, rule)


def make_rand6(labels: LabelSpace, *, k: int | None = None, seed: int = 0) -> Prior:
    """`k` labels at random: six, or one in a space of single labels."""
    size = _size(k, labels)
    names = np.array(labels.ids)

    def rule(sample_id: str) -> Sequence[str]:
        return _listed(_generator(seed, sample_id).choice(names, size, replace=False))

    return Prior("rand6", f"{size} labels at random.", labels, rule)


def make_rand6_weighted(labels: LabelSpace, *, k: int | None = None, seed: int = 0) -> FittedPrior:
    """`k` different labels drawn one after the other, each in proportion to how frequent it is."""
    size = _size(k, labels)
    names = np.array(labels.ids)

    def rule(counts: Mapping[str, int], sample_id: str) -> Sequence[str]:
        weights = np.array([counts[label] for label in labels.ids], dtype=np.float64)
        drawn = min(size, int(np.count_nonzero(weights)))
        return _listed(
            _generator(seed, sample_id).choice(names, drawn, replace=False, p=weights / weights.sum())
        )

    return FittedPrior("rand6_weighted", f"{size} labels drawn by frequency.", labels, rule)


def make_all_labels(labels: LabelSpace) -> Prior:
    """Every label for everyone: recall 1, and a higher macro F1 than many a model."""
    return Prior("all_labels", "Every label for everyone.", labels, lambda _: labels.ids)


def make_none(labels: LabelSpace) -> Prior:
    """No label for anyone: the silence that Hamming loss rewards."""
    return Prior("none", "No label for anyone.", labels, lambda _: ())


def _size(k: int | None, labels: LabelSpace) -> int:
    size = k if k is not None else BatchRecognizer.default_top if labels.multi_label else 1
    if not 1 <= size <= len(labels):
        raise OptionError(
            "k labels are to be named, and this is no possible number",
            value=size,
            remedy=f"From 1 to {len(labels)}, the size of {labels.name}.",
        )
    return size


def _generator(seed: int, sample_id: str) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed}\n{sample_id}".encode("utf-8", "surrogatepass")).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def _listed(drawn: npt.NDArray[np.str_]) -> tuple[str, ...]:
    return tuple(str(label) for label in drawn)
