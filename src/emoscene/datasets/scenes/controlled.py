"""Controlled splits: people chosen so that one part of what is given decides, or pairs that differ in one part.

face_decides, scene_decides, others_decide
    leaving out the subject's face and pose, the setting and the event's prop, or the other people changes what the
    picture makes likely by enough, and by more than leaving out either of the others
words_decide      the same of the words, beside the picture, against every part of the picture
irony             given picture and words, irony is likelier than not
conflict          face and pose alone, and event and setting alone, suggest valences on opposite sides of the middle
rare              one of the eight rarest labels is likely; about as many people for each
new_combinations  the pair of event and setting never occurs in training
counterfactual    pairs: the same person at another event, where other labels are likely
two_people        pairs: two people of one picture for whom other labels are likely
bias_train, bias_same, bias_reversed, bias_none
    the colour of the shirt goes with a label (the first two), against it, or with none

Everybody is chosen by what can be seen or read, through exact readers, never by drawn labels: the reader of all
that is given stays exact on every split.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np

from emoscene.datasets.scenes.appraisal import CONTROLLED, SPLITS, tables
from emoscene.datasets.scenes.bias import ALIGNED, plant
from emoscene.datasets.scenes.counterfactual import elsewhere
from emoscene.datasets.scenes.readers import PARTS, irony_given_all, read, without
from emoscene.datasets.scenes.scene import Scene, sample_scene
from emoscene.errors import OptionError

# How much leaving out the part must change: summed over the labels' probabilities.
DECIDES = {"face": 2.0, "scene": 1.0, "others": 0.5, "words": 1.0}
# How far each side's valence must lie from the middle (1 to 10), and how far two people of a pair differ in a label.
APART, DIFFERS = 0.6, 0.5
RARE = 8
LIKELY = 0.5
PAIRED = ("counterfactual", "two_people")


@dataclass(frozen=True, eq=False)
class Person:
    """One person of a split; `pair` is what both people of a pair share, `side` is a or b."""

    scene: Scene
    subject: int
    pair: str | None = None
    side: Literal["a", "b"] | None = None


def controlled(name: str, seed: int, n: int) -> Iterator[Person]:
    """The first `n` people of a controlled split, drawn as they are asked for.

    Args:
        name: One of `CONTROLLED`.
        seed: The stream; a longer request goes on where a shorter one ends.
        n: How many people. Pairs come whole, so it must be even for those.

    Raises:
        OptionError: if there is no such split, or a number is impossible.
    """
    if name not in CONTROLLED:
        raise OptionError(
            "there is no such controlled split", value=name, remedy=f"Choose one of {', '.join(CONTROLLED)}."
        )
    if seed < 0 or n < 0:
        raise OptionError(
            "seed and number of people cannot be negative", value=min(seed, n), remedy="Give 0 or more."
        )
    if name in PAIRED and n % 2:
        raise OptionError(f"{name} comes in pairs", value=n, remedy="Ask for an even number of people.")
    return itertools.islice(_stream(name, seed), n)


def people_of(split: str, seed: int, n: int) -> Iterator[Person]:
    """The first `n` people of any split: as drawn for `train`, `val` and `test`, else as `controlled`."""
    if split not in SPLITS:
        return controlled(split, seed, n)
    scenes = (sample_scene(seed, index, split=split) for index in itertools.count())
    return itertools.islice((Person(scene, i) for scene in scenes for i in range(len(scene.people))), n)


def scene_by_id(scene_id: str) -> Scene:
    """The scene of this id, of any split: `test-1-20`, `counterfactual-1-20-b`.

    Raises:
        OptionError: if no split draws a scene of this id.
    """
    split, *numbers = scene_id.split("-")
    side = numbers.pop() if len(numbers) == 3 and numbers[-1] in ("a", "b") else None
    if (
        len(numbers) != 2
        or not all(number.isdecimal() for number in numbers)
        or (side is not None) != (split == "counterfactual")
    ):
        raise OptionError("no scene has this id", value=scene_id, remedy="Write split-seed-index: test-1-20.")
    seed, index = int(numbers[0]), int(numbers[1])
    if split in ALIGNED:
        return plant(sample_scene(seed, index, split=split))
    if side is None:
        return sample_scene(seed, index, split=split)
    pair = _pair_elsewhere(seed, index)
    if pair is None:
        raise OptionError("this number gave no pair", value=scene_id, remedy="Take an id from `controlled`.")
    return pair[side == "b"].scene


def _stream(name: str, seed: int) -> Iterator[Person]:
    if name in ALIGNED:
        for index in itertools.count():
            scene = plant(sample_scene(seed, index, split=name))
            yield from (Person(scene, i) for i in range(len(scene.people)))
    elif name == "counterfactual":
        for index in itertools.count():
            yield from _pair_elsewhere(seed, index) or ()
    elif name == "two_people":
        for index in itertools.count():
            yield from _two_people(sample_scene(seed, index, split=name)) or ()
    elif name == "rare":
        yield from _rare(seed)
    else:
        chosen = _CHOOSE[name]
        for index in itertools.count():
            scene = sample_scene(seed, index, split=name)
            yield from (Person(scene, i) for i in range(len(scene.people)) if chosen(scene, i))


def _decides(part: str) -> Callable[[Scene, int], bool]:
    def chosen(scene: Scene, subject: int) -> bool:
        # Cheap first: nobody to leave out, or nothing to read
        if (part == "others" and len(scene.people) == 1) or (
            part == "words" and scene.people[subject].words is None
        ):
            return False
        own = effects(scene, subject, (part,), words=part == "words")[part]
        if own < DECIDES[part]:
            return False
        rest = tuple(other for other in PARTS if other != part)
        return own > max(effects(scene, subject, rest, words=part == "words").values())

    return chosen


def effects(
    scene: Scene, subject: int, parts: Sequence[str] = PARTS, *, words: bool = False
) -> dict[str, float]:
    """How much each part changes what is likely: the summed change of the 26 probabilities without it.

    Args:
        scene: The scene.
        subject: The index of the person.
        parts: Of `PARTS`, and "words" where words are read.
        words: Whether the words are read beside the picture.
    """
    whole = read(scene, subject, "picture_words" if words else "picture")
    left = {
        part: read(scene, subject, "picture")
        if part == "words"
        else without(scene, subject, part, words=words)
        for part in parts
    }
    return {part: float(np.abs(whole - chance).sum()) for part, chance in left.items()}


def _conflict(scene: Scene, subject: int) -> bool:
    middle = _middle()
    face, context = (
        float(tables().vad_mean(read(scene, subject, reader))[0]) - middle
        for reader in ("face_pose", "context")
    )
    return face * context < 0 and min(abs(face), abs(context)) >= APART


@cache
def _middle() -> float:
    """The valence that is expected of somebody nothing is known of."""
    return float(tables().vad_mean(read(sample_scene(0, 0, split="test"), 0, "prevalence"))[0])


@cache
def rare_labels() -> tuple[str, ...]:
    """The labels that are expected least often, rarest first."""
    chance = read(sample_scene(0, 0, split="test"), 0, "prevalence")
    return tuple(tables().labels[i] for i in np.argsort(chance, kind="stable")[:RARE].tolist())


def _rare(seed: int) -> Iterator[Person]:
    """Whoever is likely to have a rare label, and nobody for a label that is ahead of the others."""
    columns = [tables().labels.index(label) for label in rare_labels()]
    taken = [0] * RARE
    for index in itertools.count():
        scene = sample_scene(seed, index, split="rare")
        for subject in range(len(scene.people)):
            likely = read(scene, subject, "picture")[columns]
            best = int(likely.argmax())
            if likely[best] >= LIKELY and taken[best] <= min(taken) + 2:
                taken[best] += 1
                yield Person(scene, subject)


def _two_people(scene: Scene) -> tuple[Person, Person] | None:
    """The two for whom the likely labels differ most, if they differ enough."""
    likely = [read(scene, i, "picture") for i in range(len(scene.people))]
    gaps = {
        (i, j): float(np.abs(likely[i] - likely[j]).max())
        for i, j in itertools.combinations(range(len(likely)), 2)
    }
    if not gaps or max(gaps.values()) < DIFFERS:
        return None
    i, j = max(gaps, key=lambda pair: gaps[pair])
    return Person(scene, i, scene.id, "a"), Person(scene, j, scene.id, "b")


def _pair_elsewhere(seed: int, index: int) -> tuple[Person, Person] | None:
    here = sample_scene(seed, index, split="counterfactual")
    rng = random.Random(f"counterfactual/{seed}/{index}")
    subject = int(rng.random() * len(here.people))
    there = elsewhere(here, subject, rng)
    if there is None:
        return None
    people = list(here.people)
    people[subject] = replace(people[subject], words=None, ironic=False)
    a = replace(here, id=f"{here.id}-a", people=tuple(people))
    b = replace(there, id=f"{here.id}-b")
    if np.abs(read(a, subject, "picture") - read(b, subject, "picture")).max() < DIFFERS:
        return None
    return Person(a, subject, here.id, "a"), Person(b, subject, here.id, "b")


_CHOOSE: dict[str, Callable[[Scene, int], bool]] = {
    "face_decides": _decides("face"),
    "scene_decides": _decides("scene"),
    "others_decide": _decides("others"),
    "words_decide": _decides("words"),
    "irony": lambda scene, subject: irony_given_all(scene, subject) >= LIKELY,
    "conflict": _conflict,
    "new_combinations": lambda scene, _: (scene.event, scene.setting) in tables().held_out,
}
