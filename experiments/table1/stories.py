"""Stories of why people feel what they feel: an event, a part in it, what the person made of it, at times a sign.

They are told of people of a stream of their own, in other words than captions. No picture and no caption belongs to
them, and nobody of train, val or test is among them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emoscene.datasets.scenes import Scene, sample_scene
from emoscene.datasets.scenes.appraisal import tables
from emoscene.datasets.scenes.captions import FACE, POSE, WHO, WITH
from emoscene.labels import label_space
from emoscene.prompts import template
from emoscene.recognizers.questions import WORDS_ALONE
from experiments.table1.web_captions import FEELING_WORDS

__all__ = ["STREAM", "Telling", "nth", "story", "vocabulary"]

#: Stories come from streams of scenes far from those of any table.
STREAM = 7_000_000
#: What a person makes of what happens, in words that no caption uses.
_MADE_OF_IT = {
    "welcomes": ("was glad about it", "could not have wished for more", "found it just right"),
    "moved": ("was touched by it", "took it to heart", "thought of the others with warmth"),
    "resists": ("would not put up with it", "stood up against it", "wanted to strike back"),
    "rejects": ("wanted nothing to do with it", "thought little of it", "turned away from it"),
    "dreads": ("feared what would come", "expected the worst", "could not find any rest"),
    "grieves": ("had lost something dear", "was hurt by it", "could not bear it"),
    "startled": ("had not seen it coming", "was taken unawares", "did not know what to think"),
    "detached": ("did not care any more", "was far away with their thoughts", "had no strength left"),
}  # fmt: skip
#: Signs, in a story's words; a story may also use the words that everybody has for them.
_FACES = {
    "neutral": "the face gave nothing away", "polite": "there was a small smile", "laugh": "there was laughter",
    "frown": "the brows were drawn together", "scared": "the eyes were wide open", "cry": "tears ran down",
    "gasp": "the mouth stood open", "sleepy": "the eyes nearly closed",
}  # fmt: skip
_POSES = {
    "neutral": "there was no movement", "pointing": "a hand was pointing at somebody",
    "crossed": "the arms were crossed", "arms_up": "both arms were raised", "open_arms": "the arms were spread",
    "hand_heart": "both hands lay on the chest", "hands_face": "the face was hidden in the hands",
    "slumped": "the head was hanging",
}  # fmt: skip
_OPENINGS = (
    "There was {at} {where}, and this is the story of the {role}.",
    "Once, at {at} {where}, somebody was the {role}.",
    "The {role} at {at} {where} is the one this is about.",
)


@dataclass(frozen=True)
class Telling:
    """A text, what is apparent in it (26,), and valence, arousal, dominance."""

    text: str
    labels: npt.NDArray[np.float64]
    vad: tuple[float, float, float]


def story(scene: Scene, subject: int, rng: random.Random) -> Telling:
    """The story of one person: what happened, what the person made of it, some of the signs; in varying order."""
    actor, t = scene.people[subject], tables()
    where = f"in the {scene.setting.replace('_', ' ')}" if rng.random() < 0.6 else ""
    at = t.at[t.events.index(scene.event)]
    opening = rng.choice(_OPENINGS).format(at=at, where=where, role=actor.role).replace(" ,", ",")
    told = []
    if rng.random() < 0.75:
        told.append(f"The {actor.role} {rng.choice(_MADE_OF_IT[actor.reaction])}.")
    if rng.random() < 0.6:
        told.append(_sign(_FACES[actor.expression], FACE[actor.expression], rng))
    if rng.random() < 0.6:
        told.append(_sign(_POSES[actor.pose], POSE[actor.pose], rng))
    if rng.random() < 0.4:
        told.append(f"It was {WHO[actor.age]} who had {WITH[actor.mark]}.")
    if actor.words and rng.random() < 0.5:
        told.append(f'What was heard: "{actor.words}".')
    known = sorted(actor.labels & FEELING_WORDS.keys())
    if known and rng.random() < 0.3:
        told.append(f"Others said: the person looks {rng.choice(FEELING_WORDS[rng.choice(known)][1])}.")
    rng.shuffle(told)
    text = " ".join(" ".join([opening, *told]).replace(" .", ".").split())
    held = np.array([float(label in actor.labels) for label in t.labels])
    return Telling(text, held, actor.vad)


def _sign(seen: str, done: str, rng: random.Random) -> str:
    return f"One saw that {seen}." if rng.random() < 0.5 else f"This one {done}."


def nth(seed: int, index: int) -> Telling:
    """Story number `index` of a seed: a pure function of its arguments."""
    rng = random.Random(f"story/{seed}/{index}")
    scene = sample_scene(STREAM + seed, index, split="train")
    return story(scene, rng.randrange(len(scene.people)), rng)


def vocabulary(seed: int, more: Sequence[str]) -> Iterator[str]:
    """Everything that the model reads and writes, and `more`: texts whose other words it will meet elsewhere."""
    for index in range(600):
        yield nth(seed, index).text
    yield from more
    for phrases in _MADE_OF_IT.values():
        yield from phrases
    yield from (word for _, told in FEELING_WORDS.values() for word in told)
    yield "Others said: the person looks"
    for wording in (_FACES, _POSES, FACE, POSE, WHO, WITH):
        yield from wording.values()
    yield from (label.name for label in label_space("emotic"))
    names = (
        WORDS_ALONE.feel,
        WORDS_ALONE.label,
        WORDS_ALONE.reason,
        WORDS_ALONE.name,
        *WORDS_ALONE.levels.values(),
    )
    yield from (
        template(name).text for name in (*names, WORDS_ALONE.words, "pointing/words.v1", "paper/pick.v1")
    )
    yield " ".join(str(n) for n in range(1, 11)) + " yes no read this and answer : ?"
