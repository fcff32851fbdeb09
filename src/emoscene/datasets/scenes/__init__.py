"""Drawn scenes: parametric pictures of people whose apparent emotions follow a written appraisal table.

    from emoscene.datasets.scenes import sample_scene, draw_scene, read

    scene = sample_scene(seed=1, index=0, split="train")
    picture = draw_scene(scene, size=448)                 # PIL image
    oracle = read(scene, subject=0, reader="picture")     # (26,) exact E[p(label) | all that the picture shows]

`docs/scenes.md` is the data card. The generator, tables, drawing and captions of a version never change.
"""

from emoscene.datasets.scenes.annotators import Vote, annotators
from emoscene.datasets.scenes.appraisal import (
    AGES,
    CONTROLLED,
    EXPRESSIONS,
    MARKS,
    POSES,
    SPLITS,
    VERSION_NAME,
    tables,
)
from emoscene.datasets.scenes.captions import Caption, caption, label_word, reason, words
from emoscene.datasets.scenes.controlled import Person, controlled, people_of, scene_by_id
from emoscene.datasets.scenes.dense import DENSE_CLASSES, dense_targets
from emoscene.datasets.scenes.draw import draw_scene, prop_box
from emoscene.datasets.scenes.readers import GATE, PARTIAL, READERS, read
from emoscene.datasets.scenes.scene import Actor, Scene, sample_scene

SCENES_VERSION: str = VERSION_NAME
EMOTIONS: tuple[str, ...] = tables().labels
SETTINGS: tuple[str, ...] = tables().settings
EVENTS: tuple[str, ...] = tables().events

__all__ = [
    "AGES",
    "CONTROLLED",
    "DENSE_CLASSES",
    "EMOTIONS",
    "EVENTS",
    "EXPRESSIONS",
    "GATE",
    "MARKS",
    "PARTIAL",
    "POSES",
    "READERS",
    "SCENES_VERSION",
    "SETTINGS",
    "SPLITS",
    "Actor",
    "Caption",
    "Person",
    "Scene",
    "Vote",
    "annotators",
    "caption",
    "controlled",
    "dense_targets",
    "draw_scene",
    "label_word",
    "people_of",
    "prop_box",
    "read",
    "reason",
    "sample_scene",
    "scene_by_id",
    "words",
]
