"""Whom a model sees how often: rare labels repeated, a hundred people in place of all, or every label equally often.

The paper's best setting fine-tunes on EMOTIC's validation split, augmented so that rare categories are balanced
(Etesam et al., IROS 2024). It does not say how; `balance` is one plain way. Repeats are meant to be augmented, so that
none is seen twice alike.
"""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from pydantic import Field

from emoscene.errors import InputError, OptionError
from emoscene.training.recipe import Part

__all__ = ["Balance", "Balanced", "ClassAware", "balance", "few"]

Bools = npt.NDArray[np.bool_]


class Balance(Part):
    """How rare labels are repeated.

    Attributes:
        share: The share of all people, repeats included, that every label is to reach.
        most: How often one person may come at most.
    """

    share: float = Field(default=0.1, gt=0, lt=1)
    most: int = Field(default=8, ge=1)


@dataclass(frozen=True)
class Balanced:
    """Who comes how often.

    Attributes:
        times: For every person, at least 1.
        before, after: How many people have each label, repeats counted.
        short: Labels that stay below the share, because `most` was reached or nobody has them.
    """

    times: tuple[int, ...]
    before: Mapping[str, int]
    after: Mapping[str, int]
    short: tuple[str, ...] = field(default=())

    @property
    def indices(self) -> list[int]:
        """The people with repeats: everybody once in order, then the second times, and so on."""
        rounds = range(max(self.times, default=0))
        return [i for turn in rounds for i, times in enumerate(self.times) if times > turn]

    def describe(self) -> dict[str, object]:
        """What a manifest says of it."""
        labels = {label: [self.before[label], self.after[label]] for label in self.before}
        return {"people": [len(self.times), sum(self.times)], "labels": labels, "short": list(self.short)}

    def table(self) -> str:
        """Counts and shares before and after, rarest first, in lines of text."""
        people = len(self.times), sum(self.times)
        width = max(map(len, self.before), default=0)
        lines = [f"{'people':<{width}} {people[0]:>7,} -> {people[1]:>7,}"]
        for label, count in sorted(self.before.items(), key=lambda item: item[1]):
            shares = (
                f"{n / max(1, whole):6.1%}"
                for n, whole in zip((count, self.after[label]), people, strict=True)
            )
            lines.append(f"{label:<{width}} {count:>7,} -> {self.after[label]:>7,}  {' -> '.join(shares)}")
        return "\n".join(lines)


def balance(sets: Sequence[Collection[str]], labels: Sequence[str], wanted: Balance) -> Balanced:
    """Repeat people with rare labels until every label reaches the wanted share, or its people come too often.

    The rarest label first. Of its people, those who came least often are repeated, and among them those whose other
    labels are rarest: so the frequent labels, which nearly everybody with a rare one has too, grow as little as can be.
    The same people give the same repeats.

    Args:
        sets: Every person's labels.
        labels: The ids of all labels.
        wanted: How much, and how often at most.
    """
    has = _matrix(sets, labels)
    before = has.sum(axis=0)
    cost = has @ (before / max(1, len(has)))
    times = np.ones(len(has), np.int64)
    counts = before.astype(np.int64)
    # Repeating one label's people adds to others and to the whole, so labels are gone through until none moves.
    while True:
        grown = False
        for k in np.argsort(counts, kind="stable"):
            missing = math.ceil((wanted.share * times.sum() - counts[k]) / (1 - wanted.share) - 1e-9)
            chosen = _cheapest(np.flatnonzero(has[:, k]), times, cost, wanted.most, missing)
            np.add.at(times, chosen, 1)
            counts += has[chosen].sum(axis=0)
            grown |= bool(len(chosen))
        if not grown:
            break
    short = [label for label, n in zip(labels, counts, strict=True) if n < wanted.share * times.sum() - 1e-9]
    return Balanced(
        tuple(times.tolist()),
        dict(zip(labels, before.tolist(), strict=True)),
        dict(zip(labels, counts.tolist(), strict=True)),
        tuple(short),
    )


def _cheapest(
    people: npt.NDArray[np.intp],
    times: npt.NDArray[np.int64],
    cost: npt.NDArray[np.float64],
    most: int,
    missing: int,
) -> list[int]:
    """Whom to repeat once more, `missing` times in all if that can be; somebody may come several times."""
    chosen: list[int] = []
    order = people[np.lexsort((people, cost[people]))]
    turns = times[order].copy()
    while missing > len(chosen) and len(turns) and (least := int(turns.min())) < most:
        now = np.flatnonzero(turns == least)[: missing - len(chosen)]
        turns[now] += 1
        chosen += order[now].tolist()
    return chosen


def few(sets: Sequence[Collection[str]], labels: Sequence[str], count: int, seed: int) -> list[int]:
    """So many people drawn by the seed, every label at least once where that is possible: the paper's 100 samples.

    One person of each label that nobody drawn has yet, the rarest label first; the rest by chance. Rare labels are
    therefore a little more frequent among few people than among all.

    Returns:
        Indices in rising order; all, if there are no more than `count`.

    Raises:
        OptionError: if the count is below 1.
    """
    if count < 1:
        raise OptionError("somebody must be drawn", value=count, remedy="Give a number from 1 on.")
    has = _matrix(sets, labels)
    order = list(range(len(has)))
    random.Random(f"few/{seed}").shuffle(order)
    chosen: list[int] = []
    covered = np.zeros(len(labels), np.bool_)
    for k in np.argsort(has.sum(axis=0), kind="stable"):
        if covered[k] or len(chosen) == min(count, len(has)):
            continue
        if (person := next((i for i in order if has[i, k]), None)) is not None:
            chosen.append(person)
            covered |= has[person]
    drawn = set(chosen)
    rest = [i for i in order if i not in drawn]
    return sorted([*chosen, *rest[: max(0, count - len(chosen))]])


class ClassAware:
    """Draws a label, each as often as any other, and then a person who has it (Shen et al., "Relay Backpropagation",
    ECCV 2016). What is drawn depends on the key alone.

    Args:
        sets: Every person's labels.
        labels: The ids of all labels; those that nobody has are left out.

    Raises:
        InputError: if nobody has a label.
    """

    def __init__(self, sets: Sequence[Collection[str]], labels: Sequence[str]) -> None:
        has = _matrix(sets, labels)
        self._people = [np.flatnonzero(column) for column in has.T if column.any()]
        if not self._people:
            raise InputError("nobody has a label to draw people by", remedy="Check the data's labels.")
        counts = has.sum(axis=0)
        inverse = np.divide(1.0, counts, out=np.zeros(len(counts)), where=counts > 0)
        #: The chance of every person to be drawn, shape (n,); they sum to 1.
        self.weights: npt.NDArray[np.float64] = (has @ inverse) / len(self._people)

    def person(self, key: str) -> int:
        """The index of somebody, for a key such as `Draw.key`."""
        rng = random.Random(f"class aware {key}")
        people = rng.choice(self._people)
        return int(people[rng.randrange(len(people))])


def _matrix(sets: Sequence[Collection[str]], labels: Sequence[str]) -> Bools:
    return np.array([[label in own for label in labels] for own in sets], np.bool_).reshape(
        len(sets), len(labels)
    )
