"""Drawn people as a stream of training examples: picture with the red box, soft targets, texts, dense targets."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from emoscene.datasets.scenes import (
    DENSE_CLASSES,
    EVENTS,
    EXPRESSIONS,
    MARKS,
    POSES,
    SETTINGS,
    Scene,
    caption,
    dense_targets,
    draw_scene,
    read,
    reason,
    sample_scene,
    words,
)
from emoscene.datasets.scenes.appraisal import tables
from emoscene.images import regions
from emoscene.types import BoundingBox

__all__ = ["Example", "Shape", "batches", "dense_classes", "example", "pointed_pixels", "subject_classes"]

_DRAWN = 224
_WORKERS = 2
_COVERS: tuple[Literal["context", "person"], ...] = ("context", "person")
_SHAKE = 0.012
_TOLD = 0.7
_MAPS = ("setting", "prop", "role", "pose", "age", "expression")


@dataclass(frozen=True)
class Example:
    """One person. pixels (size, size, 3) uint8; targets (26,): the chance of each label as many annotators of the
    picture would vote; vad (3,); `dense` maps a name to ids on the tower's grid, `whole` to ids of the subject;
    `feelings` (people, 26) are the chances for everybody in the picture, `dense["whose"]` says where they stand."""

    pixels: npt.NDArray[np.uint8]
    targets: npt.NDArray[np.float32]
    vad: npt.NDArray[np.float32]
    words: str | None
    caption: str
    reason: str
    dense: dict[str, npt.NDArray[np.int64]]
    whole: dict[str, int]
    feelings: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Shape:
    """What examples look like: the side of the picture in pixels, cells a side, the share painted over, and the
    share moved to a setting where the event never happens."""

    size: int
    grid: int
    painted: float
    moved: float = 0.0


def subject_classes() -> dict[str, int]:
    """How many classes each of the subject's (and the scene's) attributes has, by name."""
    return {
        "expression": len(EXPRESSIONS),
        "pose": len(POSES),
        "event": len(EVENTS),
        "setting": len(SETTINGS),
        "mark": len(MARKS),
    }


def example(scene: Scene, subject: int, shape: Shape, rng: random.Random) -> Example:
    """The subject of a scene as a training example; with chance `shape.painted` the context or the person is
    painted over.

    Words go along for most of those who say something. The targets are what the exact reader of all that is given
    expects.
    """
    actor = scene.people[subject]
    cover = rng.choice(_COVERS) if rng.random() < shape.painted else None
    image = draw_scene(scene, _DRAWN, paint_over=cover, subject=subject)
    said = words(scene, subject) if rng.random() < _TOLD else None
    targets = read(scene, subject, "picture_words" if said else "picture")
    text = caption(scene, subject)
    return Example(
        pixels=pointed_pixels(image, _shaken(actor.box, rng), shape.size),
        targets=np.asarray(targets, dtype=np.float32),
        vad=np.asarray(tables().vad_mean(targets), dtype=np.float32),
        words=said,
        caption=text.text,
        reason=reason(scene, subject),
        dense={} if cover else _dense(scene, subject, shape.grid),
        whole={} if cover else {
            "expression": EXPRESSIONS.index(actor.expression),
            "pose": POSES.index(actor.pose),
            "event": EVENTS.index(scene.event),
            "setting": SETTINGS.index(scene.setting),
            "mark": MARKS.index(actor.mark),
        },
        feelings=np.stack([read(scene, i, "picture") for i in range(len(scene.people))]).astype(np.float32),
    )  # fmt: skip


def dense_classes() -> dict[str, int]:
    """How many classes each map on the tower's grid has, by name; `subject` is whether the subject is there."""
    return {name: DENSE_CLASSES[name] for name in _MAPS} | {"subject": 2, "subject_head": 2}


def _dense(scene: Scene, subject: int, grid: int) -> dict[str, npt.NDArray[np.int64]]:
    maps = dense_targets(scene, grid)
    chosen = {name: maps[name] for name in _MAPS}
    for name, of in (("subject", "person"), ("subject_head", "head")):
        chosen[name] = (maps[of] == subject + 1).astype(np.int64)
    chosen["whose"] = np.maximum(maps["person"], maps["head"])
    return chosen


def moved(scene: Scene, rng: random.Random) -> Scene:
    """The same event in a setting where no split has it, so that neither can be guessed from the other."""
    t = tables()
    e = t.events.index(scene.event)
    strange = [s for i, s in enumerate(t.settings) if t.setting_full[e, i] == 0]
    return replace(scene, setting=rng.choice(strange))


def _shaken(box: tuple[float, float, float, float], rng: random.Random) -> tuple[float, float, float, float]:
    """The box as an annotator would draw it: each edge a little off."""
    x1, y1, x2, y2 = (min(1.0, max(0.0, edge + rng.uniform(-_SHAKE, _SHAKE))) for edge in box)
    return (x1, y1, x2, y2)


def pointed_pixels(
    image: Image.Image, box: tuple[float, float, float, float], size: int
) -> npt.NDArray[np.uint8]:
    """The picture with the red box (a box in fractions), scaled to a square of `size` pixels (bicubic)."""
    x1, y1, x2, y2 = (c * image.width for c in box)
    pointed = regions.red_box(image, BoundingBox(x1=x1, y1=y1, x2=x2, y2=y2))
    return np.asarray(pointed.resize((size, size), Image.Resampling.BICUBIC))


class _People(Dataset[Example]):
    def __init__(self, seed: int, first: int, count: int, shape: Shape) -> None:
        self.seed, self.first, self.count, self.shape = seed, first, count, shape

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Example:
        number = self.first + index
        scene = sample_scene(self.seed, number, split="train")
        rng = random.Random(f"people/{self.seed}/{number}")
        if rng.random() < self.shape.moved:
            scene = moved(scene, rng)
        return example(scene, rng.randrange(len(scene.people)), self.shape, rng)


def batches(seed: int, first: int, count: int, *, batch: int, shape: Shape) -> Iterator[list[Example]]:
    """One person of each of `count` scenes from number `first` on, in whole batches, drawn by two processes."""
    people = _People(seed, first, count // batch * batch, shape)
    loader: Any = DataLoader(
        people, batch_size=batch, num_workers=_WORKERS, collate_fn=list, prefetch_factor=4
    )
    yield from loader
