"""Held-out drawn people for judging a model: who they are, how they are asked, and what exact readers say of them.

Scenes come from a seed that no training run used. Drawn people of `test` and `val` stand at events in settings that
training saw together; controlled ones are chosen (see `docs/scenes.md`).
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from emoscene.datasets import scenes
from emoscene.datasets.scenes import EMOTIONS, Scene, draw_scene, read, words
from emoscene.datasets.scenes.appraisal import tables
from emoscene.types import BoundingBox, Prediction, Sample

__all__ = [
    "LACKING", "PARTS", "SIZE", "Bools", "Floats", "Paint", "People", "controlled", "drawn", "reader_matrix", "samples",
    "score_matrix",
]  # fmt: skip

SIZE = 448
#: The readers that are told one part of what the picture shows, and those that lack one.
PARTS = ("prevalence", "setting", "event", "context", "others", "surroundings", "face_pose", "person")
LACKING = ("without_face", "without_scene", "without_others")
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Paint = Literal["context", "person"]
Subject = tuple[Scene, int]


@dataclass(frozen=True)
class People:
    """Held-out people: scene and number of the subject, labels (n, 26), and the group (the picture, or the pair) that
    each belongs to."""

    subjects: list[Subject]
    targets: Bools
    groups: list[Hashable]

    def __len__(self) -> int:
        return len(self.subjects)

    def first(self, count: int) -> People:
        """The first `count` of them."""
        return People(self.subjects[:count], self.targets[:count], self.groups[:count])


def drawn(split: str, count: int, seed: int) -> People:
    """The first `count` people of `val` or `test` whose event and setting training saw together."""
    everybody = (person for index in itertools.count() for person in _scene(split, seed, index))
    held_out = tables().held_out
    subjects = ((s, k) for s, k in everybody if (s.event, s.setting) not in held_out)
    return _people([(scene, k, scene.id) for scene, k in itertools.islice(subjects, count)])


def controlled(split: str, count: int, seed: int) -> People:
    """The first `count` people of a controlled split; those of a pair are a group."""
    chosen = scenes.controlled(split, seed, count)
    return _people([(person.scene, person.subject, person.pair or person.scene.id) for person in chosen])


def samples(people: People, paint: Paint | None = None, *, said: bool = False) -> Iterator[Sample]:
    """The people as samples, drawn one at a time; with `said`, the words that go with them."""
    for scene, k in people.subjects:
        image = draw_scene(scene, SIZE, paint_over=paint, subject=k)
        box = BoundingBox.model_validate([c * SIZE for c in scene.people[k].box])
        text = words(scene, k) if said else None
        yield Sample(id=f"{scene.id}/{k}", picture=image, box=box, text=text)


def score_matrix(predictions: Sequence[Prediction]) -> Floats:
    """Scores (n, 26); a person without an answer scores 0 everywhere."""
    return np.array([[p.scores.get(e, 0.0) for e in EMOTIONS] for p in predictions])


def reader_matrix(people: People, reader: str) -> Floats:
    """What an exact reader says of each person: (n, 26)."""
    return np.array([read(scene, k, reader) for scene, k in people.subjects])


def _scene(split: str, seed: int, index: int) -> Iterator[Subject]:
    scene = scenes.sample_scene(seed, index, split=split)
    return ((scene, k) for k in range(len(scene.people)))


def _people(chosen: Sequence[tuple[Scene, int, str]]) -> People:
    targets = np.array([[e in scene.people[k].labels for e in EMOTIONS] for scene, k, _ in chosen])
    return People([(scene, k) for scene, k, _ in chosen], targets, [group for _, _, group in chosen])
