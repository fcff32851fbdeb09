"""Counterfactual pairs: the same person, look, face, pose, mark and place, at another event.

The other side is drawn from the table given all that is kept: event (of those where the mark occurs and the age
fits), climate and reaction from their joint distribution given mark, face and pose, then setting and other people,
then the labels anew. So the exact readers hold on both sides, and whatever is inside the box is the same twice.
"""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np

from emoscene.datasets.scenes.appraisal import (
    AGES,
    CLIMATES,
    EXPRESSIONS,
    MARKS,
    POSES,
    Array,
    summary_of,
    tables,
)
from emoscene.datasets.scenes.scene import Scene, draw_actor, draw_truth, pick


def elsewhere(scene: Scene, subject: int, rng: random.Random) -> Scene | None:
    """The subject of a scene at another event in another setting among other people, as many as before; None
    where the mark occurs at no other event. The subject's words are left out."""
    t = tables()
    actor = scene.people[subject]
    shown = t.face[:, EXPRESSIONS.index(actor.expression)] * t.pose[:, POSES.index(actor.pose)]
    roles, joint = _events(scene, subject, shown)
    if joint.sum() == 0:
        return None
    e = pick(rng, joint.sum((1, 2)))
    g, r = divmod(pick(rng, joint[e].ravel()), len(t.reactions))
    settings = t.setting_full[e] * (np.array(t.settings) != scene.setting)
    s, p = pick(rng, settings), roles[e]
    slots = [q for q, role in enumerate(t.roles[e]) for _ in range(role.slots - (q == p))]
    theirs = [slots.pop(int(rng.random() * len(slots))) for _ in scene.people[1:]]
    reactions = [pick(rng, t.reaction[e, q, g]) for q in theirs]
    stances = [
        int(t.stance[e, p, r]),
        *(int(t.stance[e, q, k]) for q, k in zip(theirs, reactions, strict=True)),
    ]

    def chances(q: int, k: int, stance: int) -> Array:
        """The probabilities of somebody with this role and reaction."""
        summary = 0 if len(stances) == 1 else summary_of(sum(stances) - stance)
        chance: Array = t.probability[e, s, q, k, summary]
        return chance

    mine = chances(p, r, stances[0])
    labels, vad = draw_truth(rng, mine)
    same = replace(
        actor, role=t.roles[e][p].name, role_index=p, reaction=t.reactions[r], probabilities=mine,
        labels=labels, vad=vad, words=None, ironic=False,
    )  # fmt: skip
    places = [(a.look.x, a.look.base) for i, a in enumerate(scene.people) if i != subject]
    people = [
        draw_actor(rng, t.roles[e][q], q, k, chances(q, k, stance), place, len(stances))
        for q, k, stance, place in zip(theirs, reactions, stances[1:], places, strict=True)
    ]
    people.insert(subject, same)
    return replace(scene, setting=t.settings[s], event=t.events[e], climate=CLIMATES[g], people=tuple(people))


def _events(scene: Scene, subject: int, shown: Array) -> tuple[list[int], Array]:
    """The role of each event that the mark shows, and the weight of event, climate and reaction: (e, g, r)."""
    t = tables()
    actor = scene.people[subject]
    joint = np.zeros((len(t.events), len(CLIMATES), len(t.reactions)))
    roles = [0] * len(t.events)
    for e, event in enumerate(t.events):
        at = np.flatnonzero(t.mark[e] == MARKS.index(actor.mark))
        if at.size == 0 or event == scene.event:
            continue
        p = roles[e] = int(at[0])
        ages = t.roles[e][p].ages
        age = ages[AGES.index(actor.age)] / sum(ages)
        joint[e] = age * t.slots[e, p] * t.climate[e][:, None] * t.reaction[e, p] * shown
    return roles, joint
