"""A drawn scene as data: who is there, why they feel what they feel, what shows, and how it looks.

`sample_scene(seed, index)` is a pure function of its arguments: the same scene on every machine and process.
The pictures and labels of a seed are those of the first version; only the words are newer.
"""

from __future__ import annotations

import bisect
import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emoscene.datasets.scenes.appraisal import (
    AGES,
    CONTROLLED,
    EXPRESSIONS,
    POSES,
    SLOTS,
    SPLITS,
    Array,
    Role,
    summary_of,
    tables,
)
from emoscene.datasets.scenes.figure import Look, figure_boxes, sample_look
from emoscene.datasets.scenes.sayings import choose_words
from emoscene.errors import OptionError

# The stream that decides a scene; it stays, so that seeds keep their pictures.
_STREAM = "scenes-1"

Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Actor:
    """One person. Boxes are x1, y1, x2, y2 in fractions of the picture; `probabilities` (26,) are the truth that
    the labels were drawn from; `reaction`, `ironic` and `climate` of the scene are hidden, the rest shows."""

    role: str
    role_index: int
    mark: str
    reaction: str
    expression: str
    pose: str
    age: str
    box: Box
    head: Box
    probabilities: Array
    labels: frozenset[str]
    vad: tuple[float, float, float]
    words: str | None
    look: Look
    ironic: bool = False


@dataclass(frozen=True)
class SceneLook:
    """Appearance without meaning: mirrored or not, light, shifts of the event's prop, a seed for small variety."""

    mirror: bool
    tint: tuple[float, float, float]
    shift: tuple[float, float]
    scale: float
    variant: float


@dataclass(frozen=True, eq=False)
class Scene:
    """One to four people at an event in a setting; people are listed from back to front."""

    id: str
    split: str
    setting: str
    event: str
    climate: str
    people: tuple[Actor, ...]
    look: SceneLook


def sample_scene(seed: int, index: int, *, split: str = "train") -> Scene:
    """Scene number `index` of the stream `seed`; different splits are different streams.

    Under the name of a controlled split these are the scenes that it is chosen from.

    Raises:
        OptionError: if there is no such split.
    """
    if split not in SPLITS and split not in CONTROLLED:
        raise OptionError(
            "there is no such split", value=split, remedy=f"Choose one of {', '.join(SPLITS + CONTROLLED)}."
        )
    rng = random.Random(f"{_STREAM}/{seed}/{split}/{index}")
    t = tables()
    e = int(rng.random() * len(t.events))
    s = pick(rng, t.setting_given_event(split)[e])
    g = pick(rng, t.climate[e])
    count = pick(rng, t.people)
    slots = [p for p, role in enumerate(t.roles[e]) for _ in range(role.slots)]
    roles = [slots.pop(int(rng.random() * len(slots))) for _ in range(count)]
    reactions = [pick(rng, t.reaction[e, p, g]) for p in roles]
    stances = [int(t.stance[e, p, r]) for p, r in zip(roles, reactions, strict=True)]
    places = _places(rng, count)
    people = []
    for i, (p, r) in enumerate(zip(roles, reactions, strict=True)):
        summary = 0 if count == 1 else summary_of(sum(stances) - stances[i])
        people.append(
            draw_actor(rng, t.roles[e][p], p, r, t.probability[e, s, p, r, summary], places[i], count)
        )
    look = SceneLook(
        rng.random() < 0.5, _tint(rng),
        (rng.uniform(-0.03, 0.03), rng.uniform(-0.015, 0.015)), rng.uniform(0.92, 1.06), rng.random(),
    )  # fmt: skip
    people.sort(key=lambda actor: actor.look.base)
    return Scene(f"{split}-{seed}-{index}", split, t.settings[s], t.events[e], ("kind", "plain", "cold")[g],
                 tuple(people), look)  # fmt: skip


def draw_actor(
    rng: random.Random,
    role: Role,
    index: int,
    reaction: int,
    chance: Array,
    place: tuple[float, float],
    count: int,
) -> Actor:
    """Somebody with this role and reaction at `place`, among `count` people."""
    t = tables()
    expression, pose = EXPRESSIONS[pick(rng, t.face[reaction])], POSES[pick(rng, t.pose[reaction])]
    labels, vad = draw_truth(rng, chance)
    own = repr((rng.random(), rng.random(), rng.random()))  # as many as the stream always gave to words
    words, ironic = choose_words(t.reactions[reaction], random.Random(own))
    age = AGES[pick(rng, np.array(role.ages) / sum(role.ages))]
    look = sample_look(rng, age, place, count)
    box, head = figure_boxes(look, pose, role.mark)
    return Actor(role.name, index, role.mark, t.reactions[reaction], expression, pose, age, box, head, chance,
                 labels, vad, words, look, ironic)  # fmt: skip


def draw_truth(rng: random.Random, chance: Array) -> tuple[frozenset[str], tuple[float, float, float]]:
    """Labels drawn from the probabilities, and valence, arousal and dominance about what they make likely."""
    t = tables()
    drawn = [rng.random() for _ in t.labels]
    labels = frozenset(label for label, u, p in zip(t.labels, drawn, chance.tolist(), strict=True) if u < p)
    v, a, d = (
        round(min(max(m + rng.gauss(0.0, t.vad_noise), 1.0), 10.0), 2) for m in t.vad_mean(chance).tolist()
    )
    return labels, (v, a, d)


def _places(rng: random.Random, count: int) -> list[tuple[float, float]]:
    """Where people stand: x of the middle and y of the feet; the further back, the higher up."""
    columns: dict[int, Sequence[float]] = {
        1: (0.5,), 2: (0.29, 0.71), 3: (0.185, 0.5, 0.815), 4: (0.135, 0.38, 0.62, 0.865),
    }  # fmt: skip
    room = {1: 0.16, 2: 0.06, 3: 0.02, 4: 0.01}[count]
    return [(x + rng.uniform(-room, room), rng.uniform(0.945, 0.985)) for x in columns[count]]


def _tint(rng: random.Random) -> tuple[float, float, float]:
    warm, light = rng.uniform(-0.06, 0.06), rng.uniform(0.9, 1.03)
    return (light * (1 + warm), light, light * (1 - warm))


def pick(rng: random.Random, chances: Array) -> int:
    """An index drawn with these chances, which sum to 1."""
    edges = list(itertools.accumulate(chances.tolist()))
    return min(bisect.bisect_right(edges, rng.random() * edges[-1]), len(edges) - 1)


assert SLOTS == 4  # `_places` has four columns
