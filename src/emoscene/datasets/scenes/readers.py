"""Exact readers: E[p(label) | a part of what the picture shows], by enumeration of the appraisal table.

| reader | what it is told |
|---|---|
| `prevalence` | nothing (chance) |
| `setting`, `event`, `context` | the setting; the event; both, and nothing about any person |
| `face_pose` | the subject's displayed expression and pose |
| `person` | the same and the mark the subject wears or holds: all that is inside the box |
| `others` | the other people's marks, expressions and poses, and how many they are |
| `surroundings` | setting, event and the other people: all that is outside the box |
| `without_face` | all of it but the subject's expression and pose |
| `without_scene` | all of it but the setting and the event's prop |
| `without_others` | all of it but the other people, and how many they are |
| `words` | the words alone, where there are any; else nothing |
| `picture` | all of it: the oracle, which no reader of the picture can beat on average |
| `picture_words` | all of it and the words, where there are any |
| `latent` | the true probabilities, hidden causes known |
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from emoscene.datasets.scenes.appraisal import (
    AGES,
    CLIMATES,
    EXPRESSIONS,
    MARKS,
    POSES,
    SLOTS,
    STANCES,
    SUMMARIES,
    TRAINING,
    VERSION_NAME,
    Array,
    summarise,
    summary_given,
    tables,
)
from emoscene.datasets.scenes.sayings import irony_chance, sayings_digest, word_chance
from emoscene.errors import OptionError

if TYPE_CHECKING:
    from emoscene.datasets.scenes.scene import Actor, Scene

READERS = (
    "prevalence", "setting", "event", "context", "face_pose", "person",
    "others", "surroundings", "without_face", "without_scene", "without_others",
    "words", "picture", "picture_words", "latent",
)  # fmt: skip
PARTS = ("face", "scene", "others")
PARTIAL = ("context", "face_pose", "others")
GATE = 0.70


@dataclass(frozen=True)
class _Cache:
    """Tables marginalised for one split; a random *person* is meant, so crowded pictures weigh more."""

    stance: Array  # (e, p, g, t)
    summary: Array  # (e, p, g, o): how the others stand, they and their number unseen
    seen: Array  # (e, p, g, x, y, t): chance that somebody shows x, y and stands t
    prevalence: Array  # (l,)
    setting: Array  # (s, l)
    event: Array  # (e, l)
    context: Array  # (e, s, l)
    face_pose: Array  # (x, y, l)
    person: Array  # (mark, x, y, l)
    by_reaction: Array  # (r, l): chance of the reaction times the labels expected with it
    reaction: Array  # (r,)
    somebody: Array  # (e, p, g, o, l): setting and reaction averaged out
    somebody_at: Array  # (e, s, p, g, o, l): reaction averaged out
    anywhere: Array  # (e, p, r, o, l): setting averaged out


@cache
def _cache(split: str) -> _Cache:
    t = tables()
    one_hot = (t.stance[..., None] == np.array(STANCES)).astype(float)  # e p r t
    stance = np.einsum("epgr,eprt->epgt", t.reaction, one_hot)
    seen = np.einsum("epgr,rx,ry,eprt->epgxyt", t.reaction, t.face, t.pose, one_hot)
    per_person = t.people * np.arange(SLOTS + 1)
    per_person = per_person / per_person.sum()
    summary = np.zeros((*t.slots.shape, stance.shape[2], len(SUMMARIES)))  # e p g o
    for e, of_event in enumerate(t.roles):
        for p in range(len(of_event)):
            free = t.slots[e].astype(int)
            free[p] -= 1
            for n in range(1, SLOTS + 1):
                summary[e, p] += per_person[n] * summary_given(tuple(free), stance[e], n - 1)
    # The joint of everything, events alike often.
    joint = np.einsum(
        "es,ep,eg,epgr,epgo->espro",
        t.setting_given_event(split) / len(t.events), t.slots / SLOTS, t.climate, t.reaction, summary,
    )  # fmt: skip
    weighted = np.einsum("espro,esprol->esprl", joint, t.probability)
    mass = joint.sum(-1)  # e s p r
    by_mark = np.zeros((len(t.events), SLOTS, len(MARKS)))
    for e, p in zip(*np.nonzero(t.slots), strict=True):
        by_mark[e, p, t.mark[e, p]] = 1.0
    shown = np.einsum("rx,ry->rxy", t.face, t.pose)
    somebody_at = np.einsum("epgr,esprol->espgol", t.reaction, t.probability)
    return _Cache(
        stance,
        summary,
        seen,
        _ratio(weighted.sum((0, 1, 2, 3)), np.array(1.0)),
        _ratio(weighted.sum((0, 2, 3)), mass.sum((0, 2, 3))),
        _ratio(weighted.sum((1, 2, 3)), mass.sum((1, 2, 3))),
        _ratio(weighted.sum((2, 3)), mass.sum((2, 3))),
        _ratio(np.einsum("esprl,rxy->xyl", weighted, shown), np.einsum("espr,rxy->xy", mass, shown)),
        _ratio(
            np.einsum("eprl,rxy,epm->mxyl", weighted.sum(1), shown, by_mark),
            np.einsum("epr,rxy,epm->mxy", mass.sum(1), shown, by_mark),
        ),
        weighted.sum((0, 1, 2)),
        mass.sum((0, 1, 2)),
        np.einsum("es,espgol->epgol", t.setting_given_event(split), somebody_at),
        somebody_at,
        np.einsum("es,esprol->eprol", t.setting_given_event(split), t.probability),
    )


def _ratio(weighted: Array, mass: Array) -> Array:
    ratio = np.divide(weighted, mass[..., None], out=np.zeros_like(weighted), where=mass[..., None] > 0)
    ratio.setflags(write=False)
    return ratio


def read(scene: Scene, subject: int, reader: str) -> Array:
    """What a reader expects of each label for one person: (26,), probabilities.

    Raises:
        OptionError: if there is no such reader.
    """
    t, known = tables(), _cache(_prior(scene.split))
    actor = scene.people[subject]
    e, s = t.events.index(scene.event), t.settings.index(scene.setting)
    x, y = EXPRESSIONS.index(actor.expression), POSES.index(actor.pose)
    others = [a for i, a in enumerate(scene.people) if i != subject]
    if reader == "latent":
        return actor.probabilities
    if reader == "prevalence":
        return known.prevalence
    told: dict[str, Array] = {
        "setting": known.setting[s],
        "event": known.event[e],
        "context": known.context[e, s],
        "face_pose": known.face_pose[x, y],
        "person": known.person[MARKS.index(actor.mark), x, y],
    }
    if reader in told:
        return told[reader]
    if reader == "words":
        return known.prevalence if actor.words is None else _words(known, actor.words)
    if reader == "others":
        return _others(known, others, range(len(t.events)), None)
    if reader == "surroundings":
        return _others(known, others, [e], s)
    if reader in ("picture", "picture_words", *(f"without_{part}" for part in PARTS)):
        return without(scene, subject, reader.removeprefix("without_"), words=reader == "picture_words")
    raise OptionError("there is no such reader", value=reader, remedy=f"Choose one of {', '.join(READERS)}.")


def without(scene: Scene, subject: int, part: str, *, words: bool) -> Array:
    """What all that the picture shows, and the words if asked for, but for one part makes likely: (26,).

    Args:
        scene: The scene.
        subject: The index of the person.
        part: One of `PARTS`; anything else leaves out nothing.
        words: Whether the words are read, where there are any.
    """
    t, known = tables(), _cache(_prior(scene.split))
    actor = scene.people[subject]
    others = [a for i, a in enumerate(scene.people) if i != subject]
    told = np.ones(len(t.reactions))
    if part != "face":
        told = t.face[:, EXPRESSIONS.index(actor.expression)] * t.pose[:, POSES.index(actor.pose)]
    if words and actor.words is not None:
        told = told * word_chance(actor.words)
    if part == "scene":
        return _without_scene(known, actor, others, told)
    e, s, p = t.events.index(scene.event), t.settings.index(scene.setting), actor.role_index
    mine = t.climate[e][:, None] * t.reaction[e, p] * told  # g r
    summary = known.summary[e, p]
    if part != "others":
        summary = _summary_of_seen(e, _shown_by([o.role_index for o in others], others))
    weight = mine.T @ summary  # r o
    expected: Array = (weight / weight.sum()).ravel() @ t.probability[e, s, p].reshape(weight.size, -1)
    return expected


def irony_given_all(scene: Scene, subject: int) -> float:
    """Chance that the words are ironic, given them and all that the picture shows; 0 without words."""
    actor = scene.people[subject]
    if actor.words is None:
        return 0.0
    t = tables()
    others = [a for i, a in enumerate(scene.people) if i != subject]
    e = t.events.index(scene.event)
    seen = _summary_of_seen(e, _shown_by([o.role_index for o in others], others)).sum(1)  # g
    mine = (t.climate[e] * seen) @ t.reaction[e, actor.role_index]  # r
    mine = mine * t.face[:, EXPRESSIONS.index(actor.expression)] * t.pose[:, POSES.index(actor.pose)]
    return float(mine @ irony_chance(actor.words) / (mine @ word_chance(actor.words)))


def _prior(split: str) -> str:
    return "train" if split in TRAINING else "full"


def _words(known: _Cache, words: str) -> Array:
    chance = word_chance(words)
    expected: Array = chance @ known.by_reaction / (chance @ known.reaction)
    return expected


def _without_scene(known: _Cache, actor: Actor, others: list[Actor], told: Array) -> Array:
    """Sum over the events at which all these marks occur."""
    t = tables()
    total, mass = np.zeros(len(t.labels)), 0.0
    for e in range(len(t.events)):
        found = _roles_by_mark(e, (actor.mark, *(o.mark for o in others)))
        if found is None:
            continue
        (mine, *theirs), _, chance = found
        reaction = chance * t.climate[e][:, None] * t.reaction[e, mine] * told  # g r
        weight = reaction.T @ _summary_of_seen(e, _shown_by(theirs, others))  # r o
        total += weight.ravel() @ known.anywhere[e, mine].reshape(weight.size, -1)
        mass += float(weight.sum())
    return total / mass


def _shown_by(roles: list[int], others: list[Actor]) -> tuple[tuple[int, int, int], ...]:
    """Role, expression and pose of each of the others."""
    return tuple(
        (p, EXPRESSIONS.index(o.expression), POSES.index(o.pose)) for p, o in zip(roles, others, strict=True)
    )


@lru_cache(maxsize=100_000)
def _summary_of_seen(e: int, shown: tuple[tuple[int, int, int], ...]) -> Array:
    """(g, o): chance of the others showing what they show and of their stances having that sum."""
    known = _cache("full")  # how people stand is the same in every split
    if not shown:
        alone = np.zeros((known.stance.shape[2], len(SUMMARIES)))
        alone[:, 0] = 1.0
        return alone
    return summarise([known.seen[e, p, :, x, y, :] for p, x, y in shown])


@cache
def _roles_by_mark(e: int, marks: tuple[str, ...]) -> tuple[list[int], Array, float] | None:
    """The roles that these marks show at an event, the chance of each role for one person more, and the chance
    that slots drawn in this order have these roles; None where the event has no such people."""
    t = tables()
    free = t.slots[e].copy()
    chance, roles = 1.0, []
    for mark in marks:
        at = np.flatnonzero(t.mark[e] == MARKS.index(mark))
        if at.size == 0 or free[at[0]] <= 0:
            return None
        chance *= float(free[at[0]] / free.sum())
        free[at[0]] -= 1
        roles.append(int(at[0]))
    return roles, free / max(free.sum(), 1.0), chance


def _others(known: _Cache, others: list[Actor], events: range | list[int], setting: int | None) -> Array:
    """The subject unseen: sum over the events that fit and over the roles still free in each."""
    t = tables()
    total, mass = np.zeros(len(t.labels)), 0.0
    for e in events:
        found = _roles_by_mark(e, tuple(o.mark for o in others))
        if found is None:
            continue
        roles, free, chance = found
        weight = chance * t.climate[e][:, None] * _summary_of_seen(e, _shown_by(roles, others))  # g o
        table = known.somebody[e] if setting is None else known.somebody_at[e, setting]
        who = np.multiply.outer(free, weight)  # p g o
        total += who.ravel() @ table.reshape(who.size, -1)
        mass += float(weight.sum())
    return total / mass


def tables_digest() -> str:
    """A hash over everything that decides labels, words and readers: the tables as written and the lists of ids."""
    ids = repr((VERSION_NAME, EXPRESSIONS, POSES, MARKS, CLIMATES, SUMMARIES, AGES, SLOTS))
    return hashlib.sha256((ids + tables().digest + sayings_digest()).encode()).hexdigest()[:16]
