"""A head as a task of the loop: features of people looked up, losses, figures on validation people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from emoscene.errors import EmosceneError, InputError, shorten
from emoscene.metrics.ranking import mean_ap
from emoscene.metrics.sets import set_metrics
from emoscene.networks.head import Head
from emoscene.recognizers.base import Card, settle
from emoscene.recognizers.head_features import Features
from emoscene.training.augment import augmented
from emoscene.training.data import People
from emoscene.training.head_cache import FeatureStore, person_key
from emoscene.training.head_recipe import Recipe
from emoscene.training.losses import LabelCounts, label_loss, level_loss
from emoscene.training.sampling import ClassAware
from emoscene.training.targets import Taught, teach
from emoscene.training.task import Draw, Task
from emoscene.types import Sample

__all__ = ["Gathered", "HeadTask", "gather"]

Floats = npt.NDArray[np.float32]
Counting = Callable[[int, int], None]
#: As recognizers choose without rules.
_TOP = 6
_WHO = "this head"


@dataclass(frozen=True)
class Gathered:
    """Features of everybody: `train` (people, copies, width), `val` (people, width), and who they are."""

    people: People
    train: Floats
    val: Floats
    faulty: tuple[str, ...] = ()


def gather(
    people: People, features: Features, store: FeatureStore, recipe: Recipe, counting: Counting | None = None
) -> Gathered:
    """The features of everybody in every way that they will be seen, from the store or computed and kept.

    Raises:
        InputError: if somebody cannot be looked at and the recipe does not let such people be left out.
    """
    gatherer = _Gatherer(features, store, recipe)
    copies = 1 if people.augment is None else recipe.copies
    wanted = [
        *((sample, index, copy) for index, sample in enumerate(people.train) for copy in range(copies)),
        *((sample, -1, 0) for sample in people.val),
    ]
    try:
        found = gatherer.all_of(wanted, people, counting)
    finally:
        store.flush()
    return _sorted_out(people, found, gatherer.faults, copies, recipe)


class _Gatherer:
    """Looks up or computes vectors, a few people at a time."""

    def __init__(self, features: Features, store: FeatureStore, recipe: Recipe) -> None:
        self.features, self.store, self.recipe = features, store, recipe
        self.faults: dict[str, str] = {}
        self._card = Card(_WHO, "", "", uses_picture=features.uses_picture, uses_text=features.uses_text)

    def all_of(
        self, wanted: Sequence[tuple[Sample, int, int]], people: People, counting: Counting | None
    ) -> list[Floats | None]:
        """A vector for each wanted look, None for people who cannot be looked at."""
        found: list[Floats | None] = [None] * len(wanted)
        waiting: list[tuple[int, str, object]] = []
        for place, (sample, index, copy) in enumerate(wanted):
            try:
                key, kept = self._known(sample, index, copy, people)
                if kept is None:
                    waiting.append((place, key, self._ready(sample, index, copy, people)))
            except EmosceneError as error:
                self.faults.setdefault(sample.id, str(error))
                continue
            found[place] = kept
            if len(waiting) == self.recipe.features_batch:
                self._compute(waiting, found, wanted)
            if counting is not None:
                counting(place + 1, len(wanted))
        self._compute(waiting, found, wanted)
        return found

    def _known(self, sample: Sample, index: int, copy: int, people: People) -> tuple[str, Floats | None]:
        changes = ""
        if _changed(index, copy, people):
            assert people.augment is not None
            changes = f"{people.augment.model_dump_json()} {self._draw(index, copy)}"
        key = person_key(sample, changes)
        return key, self.store.get(key)

    def _ready(self, sample: Sample, index: int, copy: int, people: People) -> object:
        seen = sample
        if _changed(index, copy, people):
            assert people.augment is not None
            seen = augmented(sample, people.augment, self._draw(index, copy))
        return self.features.prepare(settle(seen, self._card, _WHO))

    def _draw(self, index: int, copy: int) -> str:
        return Draw(self.recipe.seed, copy, index).key

    def _compute(
        self,
        waiting: list[tuple[int, str, object]],
        found: list[Floats | None],
        wanted: Sequence[tuple[Sample, int, int]],
    ) -> None:
        if not waiting:
            return
        vectors = self.features.vectors([ready for _, _, ready in waiting])
        for (place, key, _), vector in zip(waiting, vectors, strict=True):
            if not np.isfinite(vector).all():
                self.faults.setdefault(
                    wanted[place][0].id, "the model gives no finite features for this person"
                )
                continue
            found[place] = vector
            self.store.put(key, vector)
        waiting.clear()


def _changed(index: int, copy: int, people: People) -> bool:
    """Whether this look is an augmented one: all but everybody's first."""
    if people.augment is None or index < 0:
        return False
    once = len(people.train) if people.balanced is None else len(people.balanced.times)
    return copy > 0 or index >= once


def _sorted_out(
    people: People, found: Sequence[Floats | None], faults: dict[str, str], copies: int, recipe: Recipe
) -> Gathered:
    if faults and (
        recipe.unreadable == "refuse" or len(faults) == len({s.id for s in (*people.train, *people.val)})
    ):
        first, why = next(iter(faults.items()))
        raise InputError(
            f"{len(faults)} people cannot be looked at, the first being {shorten(first, 60)}",
            value=shorten(why, 120),
            remedy="Mend the data, or leave such people out: --set unreadable=skip",
        )
    split = len(people.train) * copies
    train = [found[i * copies : (i + 1) * copies] for i in range(len(people.train))]
    known = [i for i, sample in enumerate(people.train) if sample.id not in faults]
    judges = [i for i, sample in enumerate(people.val) if sample.id not in faults]
    kept = People(
        people.dataset, [people.train[i] for i in known], [people.val[i] for i in judges], people.unlabelled,
        people.leaked, None, people.augment,
    )  # fmt: skip
    width = next(len(vector) for vector in found if vector is not None)
    return Gathered(
        kept,
        _stacked([vector for i in known for vector in train[i]], width).reshape(len(known), copies, width),
        _stacked([found[split + i] for i in judges], width),
        tuple(faults),
    )


def _stacked(vectors: Sequence[Floats | None], width: int) -> Floats:
    there = [vector for vector in vectors if vector is not None]
    return np.stack(there) if there else np.zeros((0, width), np.float32)


class HeadTask(Task[tuple[Tensor, Tensor, Tensor]]):
    """A head that learns from features.

    Args:
        head: To be trained; its standardisation and first biases are taken from the data here.
        gathered: The features.
        recipe: How.
    """

    def __init__(self, head: Head, gathered: Gathered, recipe: Recipe) -> None:
        people = gathered.people
        self._head, self.recipe, self._val_people = head, recipe, people.val
        taught = teach(people.train, people.labels, recipe.teaching)
        counts = LabelCounts.of(taught.labels)
        self._loss = label_loss(recipe.loss, counts)
        self._device = next(head.parameters()).device
        self._features = torch.from_numpy(gathered.train)
        self._targets, self._levels = torch.from_numpy(taught.labels), torch.from_numpy(taught.levels)
        self._val = torch.from_numpy(gathered.val)
        self._judge = Taught(
            np.array(
                [[label in (s.target or ()) for label in people.labels.ids] for s in people.val], np.float32
            ),
            teach(people.val, people.labels, recipe.teaching.model_copy(update={"labels": "set"})).levels,
        )
        sets = [sample.target or () for sample in people.train]
        self._aware = ClassAware(sets, people.labels.ids) if recipe.class_aware else None
        self._single = not people.labels.multi_label
        with torch.no_grad():
            head.standardise(self._features.flatten(0, 1).to(self._device))
            if recipe.loss.kind != "logit_adjusted":
                head.begin_at(torch.from_numpy(counts.prior).float().to(self._device))

    @property
    def module(self) -> nn.Module:
        return self._head

    @property
    def size(self) -> int:
        return len(self._features)

    def example(self, draw: Draw) -> tuple[Tensor, Tensor, Tensor]:
        index = draw.index if self._aware is None else self._aware.person(draw.key)
        # Copies go round from a place that differs from person to person: an epoch shows some as they are.
        copy = (draw.epoch + index) % self._features.shape[1]
        return self._features[index, copy], self._targets[index], self._levels[index]

    def loss(self, batch: Sequence[tuple[Tensor, Tensor, Tensor]]) -> tuple[Tensor, dict[str, float]]:
        features, targets, levels = (
            torch.stack(parts).to(self._device) for parts in zip(*batch, strict=True)
        )
        logits, said = self._head(features)
        labels = self._loss(logits.float(), targets).mean()
        figures = {"label_loss": float(labels.detach())}
        if not self.recipe.vad_weight:
            return labels, figures
        vad = level_loss(said.float(), levels).mean()
        figures["level_loss"] = float(vad.detach())
        return labels + self.recipe.vad_weight * vad, figures

    def validate(self) -> dict[str, float]:
        if not len(self._val):
            return {}
        with torch.no_grad():
            logits, levels = self._head(self._val.to(self._device))
        scores, truth = logits.double().sigmoid().cpu().numpy(), self._judge.labels > 0.5
        figures = {"mean_ap": mean_ap(truth, scores).value, "macro_f1": self._macro_f1(truth, scores)}
        errors = 9 * np.abs(levels.double().cpu().numpy() - self._judge.levels)
        if not np.isnan(errors).all():
            figures["vad_mae"] = float(np.nanmean(errors))
        return {name: float(value) for name, value in figures.items() if not np.isnan(value)}

    def _macro_f1(self, truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.float64]) -> float:
        """Of the sets that the recognizer chooses without rules: the six highest scores, or the highest."""
        order = np.argsort(-scores, axis=1, kind="stable")[:, : 1 if self._single else _TOP]
        chosen = np.zeros_like(truth)
        np.put_along_axis(chosen, order, True, axis=1)
        return float(set_metrics(truth, chosen).figures["macro_f1"].value)
