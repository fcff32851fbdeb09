from __future__ import annotations

import hashlib
import itertools
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

from emoscene.datasets.scenes import EMOTIONS, SCENES_VERSION, sample_scene
from emoscene.datasets.scenes.appraisal import tables
from emoscene.datasets.scenes.gates import targets_of
from emoscene.datasets.scenes.readers import tables_digest
from emoscene.errors import OptionError
from emoscene.labels import label_space

# What the frozen version draws: whoever changes this makes a new version of the scenes.
FROZEN_TABLES = "e8d3f7c69351294d"
# The table itself, the pictures and the drawn labels are those of scenes-1
FROZEN_PICTURES = "b82c4d7c3c9cd86b"


def told(index: int) -> str:
    scene = sample_scene(4, index, split="val")
    return repr(
        [
            (
                scene.id,
                scene.look,
                *((a.role, a.reaction, a.vad, sorted(a.labels), a.look) for a in scene.people),
            )
        ]
    )


def test_the_version_is_frozen() -> None:
    assert SCENES_VERSION == "scenes-2"
    assert tables_digest() == FROZEN_TABLES
    drawn = repr([told(index) for index in range(60)])
    assert hashlib.sha256(drawn.encode()).hexdigest()[:16] == FROZEN_PICTURES


def test_the_labels_are_those_of_the_emotic_space() -> None:
    assert list(EMOTIONS) == sorted(label_space("emotic").ids)


def test_every_conditional_table_sums_to_one() -> None:
    t = tables()
    assert np.allclose(t.face.sum(1), 1)
    assert np.allclose(t.pose.sum(1), 1)
    assert np.allclose(t.climate.sum(1), 1)
    assert np.allclose(t.setting_full.sum(1), 1)
    assert np.allclose(t.setting_train.sum(1), 1)
    assert np.allclose(t.reaction[t.slots > 0].sum(-1), 1)
    assert np.isclose(t.people.sum(), 1)
    assert (t.slots.sum(1) == 4).all()
    assert ((t.probability > 0) & (t.probability < 1)).all()


def test_a_scene_is_the_same_in_another_process() -> None:
    here = [told(index) for index in range(20)]
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        assert list(pool.map(told, range(20))) == here


def test_streams_differ_by_seed_split_and_index() -> None:
    scenes = [sample_scene(s, i, split=p) for s, i, p in itertools.product((1, 2), (0, 1), ("train", "test"))]
    assert len({repr(scene.people[0].look) for scene in scenes}) == len(scenes)


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(OptionError, match="split"):
        sample_scene(1, 0, split="dev")


def test_held_out_pairs_appear_in_test_only() -> None:
    held_out = tables().held_out
    pairs = int((tables().setting_full > 0).sum())
    assert 0.05 <= len(held_out) / pairs <= 0.15
    seen = {
        split: {(s.event, s.setting) for s in (sample_scene(2, i, split=split) for i in range(1500))}
        for split in ("train", "test")
    }
    assert not held_out & seen["train"]
    assert held_out <= seen["test"]


def test_everybody_counts_and_every_label_occurs() -> None:
    scenes = [sample_scene(3, i, split="test") for i in range(800)]
    targets = targets_of(scenes)
    assert {len(scene.people) for scene in scenes} == {1, 2, 3, 4}
    assert 1.8 <= targets.sum(1).mean() <= 2.5
    assert targets.sum(0).min() / len(targets) >= 0.015


def test_two_people_in_one_picture_differ() -> None:
    scenes = [sample_scene(3, i) for i in range(500)]
    pairs = [pair for scene in scenes for pair in itertools.combinations(scene.people, 2)]
    assert np.mean([a.labels != b.labels for a, b in pairs]) > 0.9
    assert np.mean([np.abs(a.probabilities - b.probabilities).max() > 0.5 for a, b in pairs]) > 0.8


def test_vad_stays_on_its_scale_and_follows_the_labels() -> None:
    people = [a for i in range(400) for a in sample_scene(3, i).people]
    vad = np.array([a.vad for a in people])
    assert vad.min() >= 1
    assert vad.max() <= 10
    glad = np.array(["happiness" in a.labels for a in people])
    sad = np.array(["sadness" in a.labels for a in people])
    assert vad[glad, 0].mean() > vad[sad, 0].mean() + 3
