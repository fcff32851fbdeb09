"""A planted bias: in some splits the colour of the shirt goes with one label, which nothing in the table says.

Everybody in these splits wears one of two colours. With chance `ALIGNED[split]` it is `COLOUR` for those who have
the label and `OTHER_COLOUR` for those who have not; else it is the other way round. Colour depends on the drawn
label only, so its exact weight as evidence is known: a reader that learnt it gains while it holds and falls where
it is turned round.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Literal

from emoscene.datasets.scenes.appraisal import Array, tables
from emoscene.datasets.scenes.readers import read
from emoscene.datasets.scenes.scene import Actor, Scene

LABEL = "affection"
COLOUR = (217, 83, 74)
OTHER_COLOUR = (74, 134, 197)
ALIGNED = {"bias_train": 0.95, "bias_same": 0.95, "bias_reversed": 0.05, "bias_none": 0.5}


def plant(scene: Scene) -> Scene:
    """The scene with everybody in one of the two colours."""
    rng = random.Random(f"bias/{scene.id}")
    people = tuple(_dressed(actor, rng.random() < ALIGNED[scene.split]) for actor in scene.people)
    return replace(scene, people=people)


def _dressed(actor: Actor, aligned: bool) -> Actor:
    top = COLOUR if (LABEL in actor.labels) == aligned else OTHER_COLOUR
    return replace(actor, look=replace(actor.look, top=top))


def read_colour(scene: Scene, subject: int, beside: Literal["prevalence", "picture"]) -> Array:
    """What a reader expects who learnt on `bias_train` what the colour goes with: (26,).

    Args:
        scene: A scene of a split with a planted bias.
        subject: The index of the person.
        beside: What is known beside the colour: nothing, or all that the picture shows.
    """
    expected = read(scene, subject, beside).copy()
    i = tables().labels.index(LABEL)
    odds = expected[i] / (1 - expected[i])
    weight = ALIGNED["bias_train"] / (1 - ALIGNED["bias_train"])
    odds *= weight if scene.people[subject].look.top == COLOUR else 1 / weight
    expected[i] = odds / (1 + odds)
    return expected
