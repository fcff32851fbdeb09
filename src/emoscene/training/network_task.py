"""A network as a task of the loop: people made ready, losses, figures on validation people."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor, nn

from emoscene.errors import EmosceneError, InputError
from emoscene.images import open_picture
from emoscene.metrics.ranking import mean_ap
from emoscene.metrics.sets import set_metrics
from emoscene.networks.examples import Batch, Example, batched, shares_of, views
from emoscene.networks.network import EmotionNetwork
from emoscene.networks.regions import DetectorEyes, Regions
from emoscene.networks.unified_vlp import UnifiedVlpCore
from emoscene.networks.words import Words
from emoscene.training.augment import Augment, augmented
from emoscene.training.losses import LabelCounts, label_loss, level_loss
from emoscene.training.network_recipe import Recipe
from emoscene.training.targets import Taught
from emoscene.training.task import Draw, Task
from emoscene.types import Picture, Sample

__all__ = ["Lesson", "NetworkTask", "Senses"]

_TOP = 6
#: Mirrored, these would be wrong.
_SIDES = re.compile(r"\b(left|right)\b", re.IGNORECASE)
_VALIDATED_AT_ONCE = 64


@dataclass(frozen=True)
class Lesson:
    """A person and what is known: labels (k,) and levels (3,) from 0 to 1, or nan. `key` seeds what is drawn."""

    example: Example
    labels: npt.NDArray[np.float32]
    levels: npt.NDArray[np.float32]
    key: str = ""


class Senses:
    """Samples made into examples, the picture's part kept in memory as far as there is room.

    Args:
        network: Says what is looked at and read.
        words: The tokenizer, for networks with words.
        eyes: A detector, where regions come from one.
        room: Bytes to keep.
    """

    def __init__(
        self, network: EmotionNetwork, words: Words | None, eyes: DetectorEyes | None, room: int
    ) -> None:
        self.shape, self.words, self.eyes = network.shape, words, eyes
        self._room, self._kept, self._lock = room, dict[str, Example](), threading.Lock()

    def __call__(self, sample: Sample, *, words: bool = True, keep: bool = True) -> Example:
        """One person; `words=False` leaves the words out, `keep=False` is for pictures that are seen once.

        Raises:
            InputError: if the picture cannot be used; names the person.
        """
        seen = (self._kept.get(sample.id) if keep else None) or self._look(sample, keep)
        return replace(seen, ids=self._read(sample.text if words else None))

    def _read(self, text: str | None) -> tuple[int, ...]:
        if self.words is None:
            return ()
        told = text if text and self.shape.modalities != "image" else ""
        return self.words.encode(told)[0]

    def _look(self, sample: Sample, keep: bool) -> Example:
        if self.shape.modalities == "text":
            return Example()
        try:
            picture = sample.picture if isinstance(sample.picture, Picture) else open_picture(sample.picture)
            seen = look(picture.image, sample, self.shape.sight, self.eyes)
        except EmosceneError as error:
            raise _unusable(sample, error) from error
        if not keep:
            return seen
        size = sum(part.nbytes for part in (seen.scene, seen.body) if part is not None)
        if seen.detected is not None:
            size += 4 * seen.detected.features.numel()
        with self._lock:
            if keep and size <= self._room:
                self._room -= size
                self._kept[sample.id] = seen
        return seen


def look(image: Image.Image, sample: Sample, sight: Any, eyes: DetectorEyes | None) -> Example:
    """The picture's part of an example."""
    box = sample.box.clamp(*image.size) if sample.box is not None else None
    shares = shares_of(box, image.size)
    if eyes is not None:
        return Example(box=shares, detected=eyes(image, shares))
    scene, body = views(image, box, sight)
    return Example(scene, body, shares)


class NetworkTask(Task[Lesson]):
    """Training a network.

    Args:
        network: On its device.
        senses: How people are made ready.
        recipe: Loss, weights, what is left out or mirrored.
        train, val: Samples and what is known of them.
    """

    def __init__(
        self,
        network: EmotionNetwork,
        senses: Senses,
        recipe: Recipe,
        train: tuple[Sequence[Sample], Taught],
        val: tuple[Sequence[Sample], Taught],
    ) -> None:
        self.network, self.senses, self.recipe = network, senses, recipe
        self.train, self.val = train, val
        self._label_loss = label_loss(recipe.loss, LabelCounts.of(train[1].labels))
        self.device = next(network.parameters()).device

    @property
    def module(self) -> nn.Module:
        return self.network

    @property
    def size(self) -> int:
        return len(self.train[0])

    def example(self, draw: Draw) -> Lesson:
        rng = random.Random(f"network/{draw.key}")
        samples, taught = self.train
        words, mirror = rng.random() >= self.recipe.drop_words, rng.random() < 0.5
        sample, how = samples[draw.index], self.recipe.data.augment
        if how is not None:
            example = self.senses(_changed(sample, how, draw.key), words=words, keep=False)
        else:
            example = self.senses(sample, words=words)
            if self.recipe.flip and mirror and not _SIDES.search(sample.text or ""):
                example = _mirrored(example)
        return Lesson(example, taught.labels[draw.index], taught.levels[draw.index], draw.key)

    def loss(self, batch: Sequence[Lesson]) -> tuple[Tensor, dict[str, float]]:
        inputs = self._batch([one.example for one in batch])
        labels = torch.from_numpy(np.stack([one.labels for one in batch])).to(self.device)
        levels = torch.from_numpy(np.stack([one.levels for one in batch])).to(self.device)
        # Captions are guessed from the same regions, which cost the most.
        regions = self.network.regions(inputs) if self.recipe.captions else None
        outputs = self.network(inputs, regions)
        one_by_one = _dominant_loss if self.network.about.single else self._label_loss
        emotions = one_by_one(outputs.emotions, labels).mean()
        vad = level_loss((outputs.vad - 1) / 9, levels).mean()
        total = emotions + self.recipe.vad_weight * vad
        figures = {"emotions": float(emotions.detach()), "vad": float(vad.detach())}
        if regions is not None:
            guessed = self._guessing(inputs, regions, [one.key for one in batch])
            total = total + self.recipe.captions * guessed
            figures["captions"] = float(guessed.detach())
        return total, figures

    def _guessing(self, inputs: Batch, regions: Regions, keys: Sequence[str]) -> Tensor:
        """How well hidden words are guessed from the picture and the words before them; the mean over people."""
        core, words = self.network.core, self.senses.words
        assert isinstance(core, UnifiedVlpCore)
        assert words is not None
        hidden = torch.stack(
            [
                _drawn(key, int(row.sum()), len(row), self.recipe.masked)
                for key, row in zip(keys, inputs.words, strict=True)
            ]
        ).to(self.device)
        asked = inputs.ids.masked_fill(hidden, words.blank)
        logits = core.word_guesses(asked, inputs.words, regions, "seq2seq")
        behind = hidden[:, 1:]
        lost = nn.functional.cross_entropy(logits.transpose(1, 2), inputs.ids[:, 1:], reduction="none")
        return ((lost * behind).sum(dim=1) / behind.sum(dim=1).clamp(min=1)).mean()

    def validate(self) -> dict[str, float]:
        samples, taught = self.val
        if not samples:
            return {}
        scores, levels = self.answers(samples)
        figures = {
            "mean_ap": mean_ap(taught.labels > 0.5, scores).value,
            "macro_f1": _macro_f1(taught.labels > 0.5, scores),
        }
        known = ~np.isnan(taught.levels)
        if known.any():
            error = np.abs((levels - 1) / 9 - taught.levels)[known]
            figures["vad_error"] = float(error.mean()) * 9
        return {name: float(value) for name, value in figures.items() if not np.isnan(value)}

    @torch.no_grad()
    def answers(self, samples: Sequence[Sample]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Scores (n, labels) and levels (n, 3) of people, as the network is."""
        scores, levels = [], []
        for first in range(0, len(samples), _VALIDATED_AT_ONCE):
            people = [self.senses(sample) for sample in samples[first : first + _VALIDATED_AT_ONCE]]
            outputs = self.network(self._batch(people))
            scores.append(self.network.scores(outputs).double().cpu().numpy())
            levels.append(outputs.vad.double().cpu().numpy())
        return np.concatenate(scores), np.concatenate(levels)

    def _batch(self, examples: Sequence[Example]) -> Batch:
        return batched(examples, self.network.shape.sight).to(self.device)


def _dominant_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy among the labels, (n,); of several that hold, each counts alike, and nobody's none counts 0."""
    shares = targets / targets.sum(dim=1, keepdim=True).clamp(min=1e-9)
    return -(shares * logits.log_softmax(dim=1)).sum(dim=1)


def _macro_f1(truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.float64]) -> float:
    """Of the sets that the recognizer would choose: the six highest scores."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :_TOP]
    chosen = np.zeros_like(truth)
    np.put_along_axis(chosen, order, True, axis=1)
    return float(set_metrics(truth, chosen).figures["macro_f1"].value)


def _drawn(key: str, tokens: int, room: int, share: float) -> Tensor:
    """Which of a person's tokens behind [CLS] are hidden, (room,): one or more, maybe [SEP]; none without words."""
    if tokens <= 2:
        return torch.zeros(room, dtype=torch.bool)
    rng = random.Random(f"hidden/{key}")
    places = list(range(1, tokens))
    chosen = rng.sample(places, max(1, round(share * len(places))))
    hidden = torch.zeros(room, dtype=torch.bool)
    hidden[chosen] = True
    return hidden


def _changed(sample: Sample, how: Augment, key: str) -> Sample:
    try:
        return augmented(sample, how, key)
    except EmosceneError as error:
        raise _unusable(sample, error) from error


def _unusable(sample: Sample, error: EmosceneError) -> InputError:
    return InputError(
        f"{sample.id} cannot be trained on: {error.what}", value=error.value, remedy=error.remedy
    )


def _mirrored(example: Example) -> Example:
    """The same person in a mirror. Regions of a detector stay: their features cannot be mirrored."""
    if example.detected is not None:
        return example
    x1, y1, x2, y2 = example.box

    def flipped(square: Any) -> Any:
        return None if square is None else np.ascontiguousarray(square[:, ::-1])

    return replace(
        example, scene=flipped(example.scene), body=flipped(example.body), box=(1 - x2, y1, 1 - x1, y2)
    )
