"""Captions as they are found beside pictures: what shows, and in some of them how it looks to somebody passing by.

The pictures are drawn by the scenes' generator, from a seed of their own: nobody of the table's train, val or test is
among them. The words for feelings come from `ON_FACES` and `AT_EVENTS` below, that is from the face that is displayed
(which may be a mask) and from what usually goes with such an event. A person's labels, reaction and chances are never
looked at. Some of EMOTIC's emotions have no words here, as captions seldom tell of them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from emoscene.datasets.scenes import SETTINGS, Scene, caption, draw_scene, sample_scene
from emoscene.datasets.scenes.appraisal import AGES, EXPRESSIONS, MARKS, POSES, tables
from emoscene.datasets.scenes.captions import FACE, POSE, WHERE, WHO, WITH
from emoscene.images import regions
from emoscene.types import BoundingBox

__all__ = ["FEELING_WORDS", "WebPicture", "all_texts", "claims", "vocabularies", "web_picture"]

#: Words for a feeling: the noun, and how somebody looks.
FEELING_WORDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "affection": ("affection", ("loving", "tender")),
    "anger": ("anger", ("angry", "furious")),
    "annoyance": ("annoyance", ("annoyed", "impatient")),
    "anticipation": ("anticipation", ("eager", "hopeful")),
    "confidence": ("confidence", ("confident", "proud")),
    "disapproval": ("disapproval", ("disapproving", "hostile")),
    "disconnection": ("disconnection", ("bored", "distracted")),
    "disquietment": ("disquietment", ("worried", "nervous")),
    "doubt_confusion": ("doubt/confusion", ("confused", "puzzled")),
    "embarrassment": ("embarrassment", ("ashamed", "embarrassed")),
    "engagement": ("engagement", ("interested", "attentive")),
    "excitement": ("excitement", ("excited", "thrilled")),
    "fatigue": ("fatigue", ("tired", "sleepy")),
    "fear": ("fear", ("afraid", "scared")),
    "happiness": ("happiness", ("happy", "joyful")),
    "pain": ("pain", ("in pain", "hurt")),
    "peace": ("peace", ("calm", "relaxed")),
    "pleasure": ("pleasure", ("pleased", "content")),
    "sadness": ("sadness", ("sad", "unhappy")),
    "suffering": ("suffering", ("miserable", "in despair")),
    "surprise": ("surprise", ("surprised", "amazed")),
    "sympathy": ("sympathy", ("caring", "supportive")),
    "yearning": ("yearning", ("full of longing", "wistful")),
}

#: What an onlooker reads from a displayed face, with weights; a face at rest is told of seldom.
ON_FACES: dict[str, dict[str, int]] = {
    "neutral": {"peace": 1, "disconnection": 1},
    "polite": {"pleasure": 2, "confidence": 2, "affection": 1, "peace": 1},
    "laugh": {"happiness": 4, "excitement": 3, "pleasure": 1},
    "frown": {"anger": 4, "annoyance": 3, "disapproval": 2},
    "scared": {"fear": 4, "disquietment": 2},
    "cry": {"sadness": 4, "suffering": 2, "pain": 1},
    "gasp": {"surprise": 5, "doubt_confusion": 1},
    "sleepy": {"fatigue": 4, "disconnection": 2},
}
#: What people expect to be felt at such an event, whoever is there and whatever their faces show.
AT_EVENTS: dict[str, tuple[str, ...]] = {
    "race": ("excitement", "anticipation"), "birthday": ("happiness", "affection"),
    "wedding": ("affection", "happiness"), "funeral": ("sadness", "sympathy"), "fall": ("pain", "surprise"),
    "exam": ("disquietment", "engagement"), "concert": ("excitement", "pleasure"),
    "broken_vase": ("anger", "embarrassment"), "sickbed": ("suffering", "sympathy"), "storm": ("fear", "excitement"),
    "fire": ("fear", "suffering"), "gift": ("surprise", "affection"), "farewell": ("yearning", "sadness"),
    "reunion": ("happiness", "affection"), "theft": ("anger", "disapproval"), "picnic": ("peace", "pleasure"),
    "lecture": ("engagement", "disconnection"), "dog": ("fear", "pain"), "dismissal": ("disquietment", "sadness"),
    "delay": ("annoyance", "fatigue"),
}  # fmt: skip

_TOLD_OF_FACE, _TOLD_OF_REST, _TOLD_OF_EVENT = 0.7, 0.15, 0.3
_DRAWN, _SHAKE = 224, 0.012
_CROP_MARGIN = (0.0, 0.25)


@dataclass(frozen=True)
class WebPicture:
    """A picture with what was written beside it.

    pixels (side, side, 3) uint8. `told` is the longer text of the person (the one in the red box, or cut out), `short`
    a short one; `feelings` are the onlooker's words in them, by label, the face's before the event's. `cut_out` says
    that the person was cut out and no box was drawn.
    """

    pixels: npt.NDArray[np.uint8]
    scene: Scene
    subject: int
    told: str
    short: str
    feelings: tuple[str, ...]
    cut_out: bool


def web_picture(seed: int, number: int, side: int, *, cut_out_share: float = 0.0) -> WebPicture:
    """Picture `number` of the stream: a pure function of its arguments."""
    scene = sample_scene(seed, number, split="train")
    rng = random.Random(f"web/{seed}/{number}")
    subject = rng.randrange(len(scene.people))
    cut_out = rng.random() < cut_out_share
    feelings = _feelings(scene, subject, rng)
    picture = draw_scene(scene, _DRAWN)
    shown = _cut_out(picture, scene, subject, rng) if cut_out else _pointed(picture, scene, subject, rng)
    pixels = np.asarray(shown.resize((side, side), Image.Resampling.BICUBIC))
    told, short = _told(scene, subject, feelings, rng), _short(scene, subject, feelings, cut_out, rng)
    return WebPicture(pixels, scene, subject, told, short, feelings, cut_out)


def _feelings(scene: Scene, subject: int, rng: random.Random) -> tuple[str, ...]:
    face = scene.people[subject].expression
    found: list[str] = []
    if rng.random() < (_TOLD_OF_REST if face in ("neutral", "polite") else _TOLD_OF_FACE):
        names = ON_FACES[face]
        found += rng.choices(list(names), list(names.values()))
    if rng.random() < _TOLD_OF_EVENT:
        found.append(rng.choice(AT_EVENTS[scene.event]))
    return tuple(dict.fromkeys(found))


def _pointed(picture: Image.Image, scene: Scene, subject: int, rng: random.Random) -> Image.Image:
    """The whole picture with the red box, each edge a little off, as an annotator draws it."""
    edges = (min(1.0, max(0.0, e + rng.uniform(-_SHAKE, _SHAKE))) for e in scene.people[subject].box)
    return regions.red_box(picture, _pixels(tuple(edges)))


def _cut_out(picture: Image.Image, scene: Scene, subject: int, rng: random.Random) -> Image.Image:
    return regions.crop(picture, _pixels(scene.people[subject].box), rng.uniform(*_CROP_MARGIN))


def _pixels(box: tuple[float, ...]) -> BoundingBox:
    x1, y1, x2, y2 = (edge * _DRAWN for edge in box)
    return BoundingBox(x1=x1, y1=y1, x2=x2, y2=y2)


def _told(scene: Scene, subject: int, feelings: tuple[str, ...], rng: random.Random) -> str:
    """Two sentences on what shows; one on feelings if somebody thought of them."""
    said = [f"The person looks {rng.choice(FEELING_WORDS[name][1])}." for name in feelings]
    return " ".join([caption(scene, subject).text, *said])


def _short(scene: Scene, subject: int, feelings: tuple[str, ...], cut_out: bool, rng: random.Random) -> str:
    """What people write beside a picture: a part of what shows, in one go."""
    actor, told = scene.people[subject], caption(scene, subject)
    beginnings = [
        f"a photo of {told.who}",
        f"a photo of a person who is {told.what}",
        f"a photo of a person who {FACE[actor.expression]}",
        f"a photo of a person who {POSE[actor.pose]}",
    ]
    if not cut_out:
        beginnings.append(f"a photo of {told.where.split(' ', 1)[1]}")
    for name in feelings:
        noun, looks = FEELING_WORDS[name]
        beginnings += [
            f"a photo of a person who seems to feel {noun}",
            f"somebody who looks {rng.choice(looks)}",
            f"a moment of {noun}",
            f"a person whose face shows {noun}",
        ]
    first = rng.choice(beginnings)
    more = [told.what, f"a person who {FACE[actor.expression]}", f"a person who {POSE[actor.pose]}", told.who]
    more += [] if cut_out else [told.where]
    more += [rng.choice(FEELING_WORDS[name][1]) for name in feelings]
    rng.shuffle(more)
    return ", ".join([first, *more[: rng.choice((0, 1, 1, 2, 3))]])


def claims(scene: Scene, subject: int, rng: random.Random) -> tuple[tuple[str, bool], tuple[str, bool]]:
    """Two statements on what shows, `hold a medal`, one true and one false of this person."""
    actor = scene.people[subject]
    t = tables()
    e = t.events.index(scene.event)
    kinds: list[tuple[str, list[str]]] = [
        (f"have {WITH[actor.mark]}", [f"have {WITH[mark]}" for mark in MARKS]),
        (f"be {WHERE[scene.setting]}", [f"be {WHERE[setting]}" for setting in SETTINGS]),
        (f"be at {t.at[e]}", [f"be at {at}" for at in t.at]),
        (f"be {WHO[actor.age]}", [f"be {WHO[age]}" for age in AGES]),
        (f"be the one who {FACE[actor.expression]}", [f"be the one who {FACE[x]}" for x in EXPRESSIONS]),
        (f"be the one who {POSE[actor.pose]}", [f"be the one who {POSE[pose]}" for pose in POSES]),
    ]
    truth, _ = rng.choice(kinds)
    right, others = rng.choice(kinds)
    return (truth, True), (rng.choice([other for other in others if other != right]), False)


def all_texts() -> Iterator[str]:
    """Every word that a caption or a claim may hold."""
    t = tables()
    yield from (*WHO.values(), *WITH.values(), *WHERE.values(), *FACE.values(), *POSE.values(), *t.at)
    yield from (role.name for roles in t.roles for role in roles)
    for noun, looks in FEELING_WORDS.values():
        yield from (noun, *looks)
    yield "A photo of a person who is the one with, at. The person looks have be and seems to feel of a somebody"
    yield "who a moment of whose face shows."


def vocabularies() -> dict[str, list[str]]:
    """What NarraCap may pick from in the drawn world, by slot: the words of the captions, and no feelings."""
    t = tables()
    who = [f"{WHO[age]} with {WITH[mark]}" for age in AGES for mark in MARKS]
    what = [f"is the {role.name} at {at}" for at, roles in zip(t.at, t.roles, strict=True) for role in roles]
    return {"who": who, "where": list(WHERE.values()), "what": what, "how": [*FACE.values(), *POSE.values()]}
