"""What is told of a scene: a narrative caption in four slots, a reason, and words that belong to it.

One small grammar: the caption names physical signals only (after NarraCap: who, what, where, how) and no emotion;
the reason names visible cues and then the labels that the oracle of the picture finds most likely.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emoscene.datasets.scenes.appraisal import tables
from emoscene.datasets.scenes.readers import read
from emoscene.datasets.scenes.sayings import FRAMES, kind_of
from emoscene.datasets.scenes.scene import Scene

WHO = {"child": "a child", "adult": "an adult", "elder": "an old person"}
WITH = {
    "medal": "a medal", "hat": "a party hat", "bandage": "a bandage", "microphone": "a microphone", "cup": "a cup",
    "apron": "an apron", "paper": "a paper", "cap": "a cap", "camera": "a camera", "suitcase": "a suitcase",
    "backpack": "a backpack", "bouquet": "flowers", "blanket": "a blanket",
}  # fmt: skip
WHERE = {
    "kitchen": "in a kitchen", "living_room": "in a living room", "bedroom": "in a bedroom",
    "classroom": "in a classroom", "office": "in an office", "ward": "in a hospital", "hall": "in a hall",
    "gym": "in a gym", "cafe": "in a cafe", "park": "in a park", "street": "in a street", "beach": "at a beach",
    "forest": "in a forest", "snow": "in the snow", "station": "at a station", "rooftop": "on a rooftop",
}  # fmt: skip
FACE = {
    "neutral": "looks straight ahead", "polite": "smiles with closed lips", "laugh": "laughs with closed eyes",
    "frown": "frowns and shows the teeth", "scared": "stares with wide eyes", "cry": "has tears on the face",
    "gasp": "opens the mouth wide", "sleepy": "looks with half closed eyes",
}  # fmt: skip
POSE = {
    "neutral": "stands still", "pointing": "points to the side", "crossed": "crosses the arms",
    "arms_up": "raises both arms", "open_arms": "spreads the arms", "hand_heart": "holds the hands to the chest",
    "hands_face": "holds the hands to the face", "slumped": "lets the head hang",
}  # fmt: skip
FACE_NOUN = {
    "neutral": "still face", "polite": "closed smile", "laugh": "laugh", "frown": "frown", "scared": "wide eyes",
    "cry": "tears", "gasp": "open mouth", "sleepy": "half closed eyes",
}  # fmt: skip
POSE_NOUN = {
    "neutral": "still pose", "pointing": "pointing hand", "crossed": "crossed arms", "arms_up": "raised arms",
    "open_arms": "spread arms", "hand_heart": "hands on the chest", "hands_face": "hands on the face",
    "slumped": "hanging head",
}  # fmt: skip


@dataclass(frozen=True)
class Caption:
    """The slots of a narrative caption."""

    who: str
    what: str
    where: str
    how: str

    @property
    def text(self) -> str:
        return f"{self.who[0].upper()}{self.who[1:]} is {self.what} {self.where}. The person {self.how}."


def label_word(label: str) -> str:
    """A label as one plain word: `doubt_confusion` is told as 'doubt'."""
    return label.split("_")[0]


def caption(scene: Scene, subject: int) -> Caption:
    """The true caption of one person: everything in it can be seen."""
    actor = scene.people[subject]
    at = tables().at[tables().events.index(scene.event)]
    return Caption(
        f"{WHO[actor.age]} with {WITH[actor.mark]}",
        f"the {actor.role} at {at}",
        WHERE[scene.setting],
        f"{FACE[actor.expression]} and {POSE[actor.pose]}",
    )


def reason(scene: Scene, subject: int) -> str:
    """One sentence from the visible cues to the two or three labels most likely given the picture."""
    actor = scene.people[subject]
    chance = read(scene, subject, "picture")
    best = np.argsort(-chance, kind="stable")[:3].tolist()
    named = [label_word(tables().labels[i]) for i in best if chance[i] >= 0.35 or i in best[:2]]
    listed = f"{', '.join(named[:-1])} and {named[-1]}"
    at = tables().at[tables().events.index(scene.event)]
    cues = f"The {FACE_NOUN[actor.expression]} and the {POSE_NOUN[actor.pose]}"
    return f"{cues} of the {actor.role} at {at} suggest {listed}."


def words(scene: Scene, subject: int) -> str | None:
    """What the subject said, or a caption from outside, which hint at the hidden reaction; None for half of all."""
    said = scene.people[subject].words
    if said is None:
        return None
    frames = FRAMES[kind_of(said)]
    return frames[int(scene.look.variant * 1000) % len(frames)].format(said)
