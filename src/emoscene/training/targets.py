"""What a model is taught of a person: labels as numbers, votes as shares, levels from 0 to 1, or labels as text.

Sample(s) --Teaching--> Taught     labels (n, k) from 0 to 1, levels (n, 3) from 0 to 1 or nan
Sample    --LabelList--> str       "anger, doubt/confusion, fear"
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from emoscene.errors import InputError, OptionError
from emoscene.labels import LabelSpace
from emoscene.training.recipe import Part
from emoscene.types import VAD, Sample

__all__ = ["NOTHING", "LabelList", "Order", "Taught", "Teaching", "levels", "teach", "vad_of"]

Floats = npt.NDArray[np.float32]
Order = Literal["alphabetical", "prior", "shuffled"]
#: What is answered for somebody without any label; read back as the empty set.
NOTHING = "none"
_LOWEST, _SPAN = 1.0, 9.0


class Teaching(Part):
    """Which numbers stand for what annotators said.

    Attributes:
        labels: `set`: 1 for a person's known labels, 0 for others. `votes`: the share of annotators who named a label,
            or a dataset's own shares and strengths.
        smoothing: Imagined annotators beside the real ones, who name every label as often as it is named in the
            training data: with s of them a label with v of n votes gets (v + s * prior) / (n + s). What has no votes
            counts as one.
    """

    labels: Literal["set", "votes"] = "set"
    smoothing: float = Field(default=0.0, ge=0)


@dataclass(frozen=True)
class Taught:
    """Targets of n people: `labels` (n, k) from 0 to 1 in the order of the space, and `levels` (n, 3), valence,
    arousal and dominance from 0 to 1; nan where nobody said."""

    labels: Floats
    levels: Floats


def teach(
    samples: Sequence[Sample], space: LabelSpace, teaching: Teaching, prior: npt.ArrayLike | None = None
) -> Taught:
    """The targets of people with known labels.

    Args:
        samples: The people.
        space: Names the columns.
        teaching: See there.
        prior: How often each label is named in the training data, shape (k,); None takes these people's own means.
            Give that of the training people for validation people.

    Raises:
        InputError: if somebody has no known labels, or one outside of the space.
        OptionError: if votes are wanted of people for whom none are kept.
    """
    _check_known(samples, space)
    if teaching.labels == "votes" and samples and not any(_has_votes(sample) for sample in samples):
        raise OptionError(
            "nobody's votes are kept in this data", value="labels: votes", remedy="Use labels: set."
        )
    rows, voters = np.zeros((len(samples), len(space)), np.float64), np.ones((len(samples), 1))
    for i, sample in enumerate(samples):
        rows[i], voters[i] = _said(sample, space, teaching)
    if teaching.smoothing:
        usual = rows.mean(axis=0) if prior is None else np.asarray(prior, np.float64)
        rows = (rows * voters + teaching.smoothing * usual) / (voters + teaching.smoothing)
    return Taught(rows.astype(np.float32), levels([sample.target_vad for sample in samples]))


def levels(vads: Sequence[VAD | None]) -> Floats:
    """Valence, arousal and dominance from 0 (level 1) to 1 (level 10), shape (n, 3); nan where there are none."""
    found = np.full((len(vads), 3), np.nan, np.float32)
    for row, vad in zip(found, vads, strict=True):
        if vad is not None:
            row[:] = [(level - _LOWEST) / _SPAN for level in (vad.valence, vad.arousal, vad.dominance)]
    return found


def vad_of(row: npt.ArrayLike) -> VAD:
    """The levels again of three numbers from 0 to 1, shape (3,); `levels` undone."""
    valence, arousal, dominance = (
        _LOWEST + _SPAN * min(1.0, max(0.0, float(x))) for x in np.asarray(row, np.float64)
    )
    return VAD(valence=valence, arousal=arousal, dominance=dominance)


def _said(sample: Sample, space: LabelSpace, teaching: Teaching) -> tuple[npt.NDArray[np.float64], float]:
    """A share for every label, and how many annotators stand behind it."""
    if teaching.labels == "votes" and sample.annotations:
        votes = [[label in one.labels for label in space.ids] for one in sample.annotations]
        return np.mean(votes, axis=0), float(len(votes))
    if teaching.labels == "votes" and sample.target_scores is not None:
        return np.array([sample.target_scores.get(label, 0.0) for label in space.ids]), 1.0
    target = sample.target or frozenset()
    return np.array([label in target for label in space.ids], np.float64), 1.0


def _has_votes(sample: Sample) -> bool:
    return bool(sample.annotations) or sample.target_scores is not None


def _check_known(samples: Sequence[Sample], space: LabelSpace) -> None:
    for sample in samples:
        if sample.target is None:
            raise InputError(
                "this person has no known labels to learn from",
                value=sample.id,
                remedy="Leave out people without labels.",
            )
        if strange := sorted(sample.target - set(space.ids)):
            raise InputError(
                f"a label of {sample.id} is not of the space {space.name!r}",
                value=strange[0],
                remedy="Open the dataset with the same label space.",
            )


class LabelList:
    """A person's labels as the text that a generative model learns to answer.

    Args:
        space: Their names.
        order: `alphabetical` by name; `prior`, the most frequent in the training data first; or `shuffled`, by each
            draw's key, so that no order is learned.
        counts: How often each label is named in the training data, in the order of the space; needed for `prior`.

    Raises:
        OptionError: if the order is `prior` and there are no counts.
    """

    def __init__(
        self, space: LabelSpace, order: Order = "alphabetical", counts: Sequence[float] = ()
    ) -> None:
        if order == "prior" and len(counts) != len(space):
            raise OptionError(
                "labels are ordered by how frequent they are, and there are no counts of all labels",
                value=len(counts),
                remedy="Give the counts of the training data.",
            )
        self._names = {label.id: label.name.lower() for label in space}
        frequent = dict(zip(space.ids, counts, strict=True)) if order == "prior" else {}
        self._ranked = sorted(self._names, key=lambda label: (-frequent.get(label, 0), self._names[label]))
        self._shuffles = order == "shuffled"

    def text(self, labels: Collection[str], key: str = "") -> str:
        """`anger, doubt/confusion`; `none` of an empty set. `key` decides a shuffled order, as `Draw.key` does."""
        named = [label for label in self._ranked if label in labels]
        if self._shuffles:
            random.Random(f"order of labels {key}").shuffle(named)
        return ", ".join(self._names[label] for label in named) or NOTHING
