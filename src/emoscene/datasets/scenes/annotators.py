"""Several simulated annotators a person, who disagree as people do.

Each of a pool of twenty has a sensitivity (how readily a label that holds is given), a leniency (how readily one
is given that merely looks likely) and a leaning of the own on valence, arousal and dominance. With q the exact
chance of a label given the picture, an annotator gives a label

    that holds      with chance sensitivity * (0.4 + 0.6 q)      what hardly shows is overlooked more
    that does not   with chance min(0.9, leniency * q)           what looks likely is added more

independently of the others, and the likeliest label where that leaves none. So annotators agree on what shows.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache

from emoscene.datasets.scenes.appraisal import tables
from emoscene.datasets.scenes.readers import read
from emoscene.datasets.scenes.scene import Scene
from emoscene.errors import OptionError

POOL = 20
SENSITIVITY = (0.50, 0.95)
LENIENCY = (0.20, 1.00)
_LEANING, _NOISE = 0.5, 0.7


@dataclass(frozen=True)
class Vote:
    """What one annotator said of one person; valence, arousal and dominance in whole numbers, 1 to 10."""

    annotator: str
    labels: frozenset[str]
    vad: tuple[int, int, int]


@dataclass(frozen=True)
class Annotator:
    """One of the pool; `leaning` is added to valence, arousal and dominance."""

    name: str
    sensitivity: float
    leniency: float
    leaning: tuple[float, float, float]


@cache
def pool() -> tuple[Annotator, ...]:
    """The same twenty everywhere."""
    made = []
    for k in range(POOL):
        rng = random.Random(f"annotator/{k}")
        sensitivity, leniency = rng.uniform(*SENSITIVITY), rng.uniform(*LENIENCY)
        v, a, d = (rng.gauss(0.0, _LEANING) for _ in range(3))
        made.append(Annotator(f"a{k:02}", sensitivity, leniency, (v, a, d)))
    return tuple(made)


def annotators(scene: Scene, subject: int, n: int = 5) -> tuple[Vote, ...]:
    """What `n` of the pool say of one person; fewer annotators are the first of more.

    Raises:
        OptionError: if there are not that many.
    """
    if not 1 <= n <= POOL:
        raise OptionError("there are not that many annotators", value=n, remedy=f"Ask for 1 to {POOL}.")
    chosen = random.Random(f"annotators/{scene.id}/{subject}").sample(range(POOL), POOL)[:n]
    looks = read(scene, subject, "picture").tolist()
    return tuple(_vote(scene, subject, pool()[k], looks) for k in chosen)


def _vote(scene: Scene, subject: int, who: Annotator, looks: list[float]) -> Vote:
    rng = random.Random(f"annotators/{scene.id}/{subject}/{who.name}")
    actor, labels = scene.people[subject], tables().labels
    given = set()
    for label, q in zip(labels, looks, strict=True):
        holds = label in actor.labels
        chance = who.sensitivity * (0.4 + 0.6 * q) if holds else min(0.9, who.leniency * q)
        if rng.random() < chance:
            given.add(label)
    v, a, d = (
        min(10, max(1, round(true + leaning + rng.gauss(0.0, _NOISE))))
        for true, leaning in zip(actor.vad, who.leaning, strict=True)
    )
    return Vote(who.name, frozenset(given or {labels[looks.index(max(looks))]}), (v, a, d))
