"""The appraisal table as arrays: who (event, role) feels what (reaction), what shows, which labels follow.

The model, from hidden to visible:

    event, setting ~ table      climate | event      role | event (slots without replacement)
    reaction | event, role, climate                  face, pose | reaction (only partly revealing)
    probabilities of the 26 = f(event, setting, role, reaction, sign of the sum of the others' stances)
    labels ~ independent Bernoulli                   VAD = label prototypes weighted by probability + noise

Everything is a finite table, so every reader's expectation can be computed exactly (`readers`).
"""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

Array = npt.NDArray[np.float64]

VERSION_NAME = "scenes-2"
EXPRESSIONS = ("neutral", "polite", "laugh", "frown", "scared", "cry", "gasp", "sleepy")
POSES = ("neutral", "pointing", "crossed", "arms_up", "open_arms", "hand_heart", "hands_face", "slumped")
MARKS = (
    "medal", "hat", "bandage", "microphone", "cup", "apron", "paper",
    "cap", "camera", "suitcase", "backpack", "bouquet", "blanket",
)  # fmt: skip
CLIMATES = ("kind", "plain", "cold")
STANCES = (-1, 0, 1)
SUMMARIES = ("alone", "plain", "kind", "cold")
AGES = ("child", "adult", "elder")
SLOTS = 4
SPLITS = ("train", "val", "test")
# Splits that are chosen from streams of their own (`controlled`)
CONTROLLED = (
    "face_decides", "scene_decides", "others_decide", "words_decide", "irony", "conflict", "rare",
    "new_combinations", "counterfactual", "two_people", "bias_train", "bias_same", "bias_reversed", "bias_none",
)  # fmt: skip
# Splits without the held-out pairs of event and setting
TRAINING = ("train", "bias_train")


@dataclass(frozen=True)
class Role:
    """One role of an event: the mark that shows it and how many of the event's four slots it has."""

    name: str
    mark: str
    slots: int
    exposed: bool
    ages: tuple[float, ...]


@dataclass(frozen=True)
class Tables:
    """Axes: e event, s setting, p role of the event (padded to 4), g climate, r reaction, o summary of the
    others, x expression, y pose, t stance, l label."""

    labels: tuple[str, ...]
    settings: tuple[str, ...]
    events: tuple[str, ...]
    at: tuple[str, ...]
    reactions: tuple[str, ...]
    roles: tuple[tuple[Role, ...], ...]
    held_out: frozenset[tuple[str, str]]
    people: Array  # (5,) chance that a picture has n people
    slots: Array  # (e, p)
    mark: npt.NDArray[np.int64]  # (e, p), -1 where padded
    climate: Array  # (e, g)
    reaction: Array  # (e, p, g, r)
    stance: npt.NDArray[np.int64]  # (e, p, r)
    face: Array  # (r, x)
    pose: Array  # (r, y)
    probability: Array  # (e, s, p, r, o, l)
    prototypes: Array  # (l, 3)
    vad_noise: float
    setting_full: Array  # (e, s)
    setting_train: Array  # (e, s) without the held-out pairs
    digest: str

    def setting_given_event(self, split: str) -> Array:
        return self.setting_train if split in TRAINING else self.setting_full

    def vad_mean(self, probability: Array) -> Array:
        """(..., 26) -> (..., 3): the label prototypes weighted by probability, pulled a little to the middle."""
        pull = 0.15
        mean: Array = (probability @ self.prototypes + pull * 5.0) / (
            probability.sum(-1, keepdims=True) + pull
        )
        return mean


@cache
def tables() -> Tables:
    """The one set of tables, built once per process from `appraisal.yaml`."""
    text = resources.files(__package__).joinpath("appraisal.yaml").read_text(encoding="utf-8")
    source: dict[str, Any] = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return _build(source, hashlib.sha256(text.encode()).hexdigest()[:12])


def _build(source: dict[str, Any], digest: str) -> Tables:
    labels, settings, events = tuple(source["labels"]), tuple(source["settings"]), tuple(source["events"])
    reactions = tuple(source["reactions"])
    if list(labels) != sorted(labels) or len(labels) != 26:
        raise ValueError("appraisal.yaml must list the 26 labels in alphabetical order")
    roles = tuple(_roles(source["events"][event]) for event in events)
    shape = (len(events), SLOTS)
    slots, mark = np.zeros(shape), np.full(shape, -1)
    for e, p in _pairs(roles):
        slots[e, p], mark[e, p] = roles[e][p].slots, MARKS.index(roles[e][p].mark)
    reaction, base = _reactions(source, labels, reactions)
    climate = np.array([source["events"][event]["climate"] for event in events], float)
    full, train = _settings_given_event(source, events, settings)
    return Tables(
        labels, settings, events, tuple(source["events"][event]["at"] for event in events), reactions, roles,
        frozenset((a, b) for a, b in (pair.split() for pair in source["held_out"])),
        np.array([source["people"].get(n, 0.0) for n in range(SLOTS + 1)]),
        slots, mark, climate / climate.sum(1, keepdims=True), reaction, _stances(source, reactions),
        _shown(source, reactions, "face", EXPRESSIONS), _shown(source, reactions, "pose", POSES),
        _probabilities(source, base, roles, labels, settings),
        np.array([[float(v) for v in source["labels"][label].split()] for label in labels]),
        float(source["vad_noise"]), full, train, digest,
    )  # fmt: skip


def _roles(event: dict[str, Any]) -> tuple[Role, ...]:
    found = tuple(
        Role(name, r["mark"], r.get("slots", 1), r.get("exposed", False), tuple(r.get("ages", (1, 3, 1))))
        for name, r in event["roles"].items()
    )
    if sum(role.slots for role in found) != SLOTS or len({role.mark for role in found}) != len(found):
        raise ValueError(f"{event['at']}: four slots are needed, and a mark may show one role only")
    return found


def _pairs(roles: tuple[tuple[Role, ...], ...]) -> list[tuple[int, int]]:
    return [(e, p) for e, of_event in enumerate(roles) for p in range(len(of_event))]


def _reactions(
    source: dict[str, Any], labels: tuple[str, ...], reactions: tuple[str, ...]
) -> tuple[Array, Array]:
    """Chance of each reaction (e, p, g, r), and the labels' probability before any shift (e, p, r, l)."""
    n = len(source["events"])
    weight = np.zeros((n, SLOTS, len(reactions)))
    base = np.full((n, SLOTS, len(reactions), len(labels)), float(source["background"]))
    for e, event in enumerate(source["events"].values()):
        for p, role in enumerate(event["roles"].values()):
            for r, name in enumerate(reactions):
                if name in role:
                    first, *names = role[name].split()
                    weight[e, p, r] = float(first)
                    for label, strength in zip(names, source["strength"], strict=False):
                        base[e, p, r, labels.index(label)] = strength
    stance = _stances(source, reactions)
    pull = float(source["pull"])
    by_climate = np.stack([weight * pull ** (stance * sign) for sign in (0.5, 0.0, -0.5)], axis=2)
    total = by_climate.sum(-1, keepdims=True)
    return np.divide(by_climate, total, out=np.zeros_like(by_climate), where=total > 0), base


def _stances(source: dict[str, Any], reactions: tuple[str, ...]) -> npt.NDArray[np.int64]:
    stance = np.zeros((len(source["events"]), SLOTS, len(reactions)), np.int64)
    for e, event in enumerate(source["events"].values()):
        for p, role in enumerate(event["roles"].values()):
            for r, name in enumerate(reactions):
                at_them = name == "welcomes" and role.get("mocks", False)
                stance[e, p, r] = -1 if at_them else source["reactions"][name]["stance"]
    return stance


def _shown(source: dict[str, Any], reactions: tuple[str, ...], part: str, ids: tuple[str, ...]) -> Array:
    """Chance of each expression (or pose) given the reaction: shown, or else masked (at rest)."""
    shows = float(source[f"{part}_shows"])
    hidden = source["mask" if part == "face" else "rest"]
    return np.array(
        [
            [shows * source["reactions"][r][part].get(i, 0.0) + (1 - shows) * hidden.get(i, 0.0) for i in ids]
            for r in reactions
        ]
    )


def _settings_given_event(
    source: dict[str, Any], events: tuple[str, ...], settings: tuple[str, ...]
) -> tuple[Array, Array]:
    full = np.array([[float(s in source["events"][e]["settings"]) for s in settings] for e in events])
    train = full.copy()
    for pair in source["held_out"]:
        event, setting = pair.split()
        if not full[events.index(event), settings.index(setting)]:
            raise ValueError(f"held-out pair {pair!r} never occurs")
        train[events.index(event), settings.index(setting)] = 0.0
    return full / full.sum(1, keepdims=True), train / train.sum(1, keepdims=True)


def _probabilities(
    source: dict[str, Any],
    base: Array,
    roles: tuple[tuple[Role, ...], ...],
    labels: tuple[str, ...],
    settings: tuple[str, ...],
) -> Array:
    """The whole table (e, s, p, r, o, l): log odds of `base`, shifted by event, setting and others."""

    def shift(by_label: dict[str, float]) -> Array:
        return np.array([float(by_label.get(label, 0.0)) for label in labels])

    of_setting = source["setting_strength"] * np.stack([shift(source["settings"][s]) for s in settings])
    of_event = np.stack([shift(event["air"]) for event in source["events"].values()])
    of_others = np.stack([shift(source["others"][o]) for o in SUMMARIES])
    share = np.full((len(roles), SLOTS), float(source["unexposed"]))
    for e, p in _pairs(roles):
        if roles[e][p].exposed:
            share[e, p] = 1.0
    odds = np.log(base / (1 - base))
    odds = (
        odds[:, None, :, :, None, :]
        + of_event[:, None, None, None, None, :]
        + of_setting[None, :, None, None, None, :]
        + share[:, None, :, None, None, None] * of_others
    )
    probability: Array = 1 / (1 + np.exp(-odds))
    probability.setflags(write=False)  # actors hand out views
    return probability


def summary_of(stances: int) -> int:
    """The index in `SUMMARIES` of a sum of the others' stances (there being others)."""
    return 1 if stances == 0 else 2 if stances > 0 else 3


def summary_given(counts: tuple[int, ...], stance_chance: Array, others: int) -> Array:
    """Chance (g, o) of the others' summary when `others` people fill slots left by `counts` at random.

    `counts` are the free slots of each role, `stance_chance` (p, g, t) how a person of a role stands.
    """
    result = np.zeros((stance_chance.shape[1], len(SUMMARIES)))
    if others == 0:
        result[:, 0] = 1.0
        return result
    for who in itertools.product(range(SLOTS), repeat=others):
        chance, free = 1.0, list(counts)
        for p in who:
            chance *= free[p] / max(sum(free), 1)
            free[p] -= 1
        if chance > 0:
            result += chance * summarise([stance_chance[p] for p in who])
    return result


def summarise(stance_chances: list[Array]) -> Array:
    """(g, t) for each of the others -> (g, o): the distribution of the sign of the sum of their stances."""
    total = stance_chances[0]
    for chance in stance_chances[1:]:
        grown = np.zeros((total.shape[0], total.shape[1] + 2))
        for i in range(3):
            grown[:, i : i + total.shape[1]] += total * chance[:, i : i + 1]
        total = grown
    middle = total.shape[1] // 2
    result = np.zeros((total.shape[0], len(SUMMARIES)))
    result[:, 1] = total[:, middle]
    result[:, 2] = total[:, middle + 1 :].sum(1)
    result[:, 3] = total[:, :middle].sum(1)
    return result
