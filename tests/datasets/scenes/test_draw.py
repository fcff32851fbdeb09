from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from emoscene.datasets.scenes import (
    DENSE_CLASSES,
    EVENTS,
    EXPRESSIONS,
    MARKS,
    POSES,
    SETTINGS,
    Scene,
    dense_targets,
    draw_scene,
    prop_box,
    sample_scene,
)
from emoscene.datasets.scenes.faces import UNITS
from emoscene.datasets.scenes.figure import frame_of
from emoscene.datasets.scenes.marks import BEHIND, ON_TOP, WORN
from emoscene.datasets.scenes.props import PROPS
from emoscene.datasets.scenes.settings import SETTINGS as DRAWN_SETTINGS
from emoscene.errors import OptionError


def pixels(scene: Scene, size: int = 112) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return np.asarray(draw_scene(scene, size)).astype(np.int64)


def test_everything_has_a_drawing() -> None:
    assert set(PROPS) == set(EVENTS)
    assert set(DRAWN_SETTINGS) == set(SETTINGS)
    assert set(UNITS) == set(EXPRESSIONS)
    assert set(WORN) | set(ON_TOP) == set(MARKS)
    assert set(BEHIND) <= set(MARKS)
    look = sample_scene(1, 0).people[0].look
    assert len({frame_of(look, pose).right + frame_of(look, pose).left for pose in POSES}) == len(POSES)


@pytest.mark.parametrize("size", [64, 112, 224, 449])
def test_a_picture_is_square_rgb_and_repeats(size: int) -> None:
    scene = sample_scene(5, 3)
    image = draw_scene(scene, size)
    assert image.size == (size, size)
    assert image.mode == "RGB"
    assert image.tobytes() == draw_scene(sample_scene(5, 3), size).tobytes()


def test_what_differs_looks_different() -> None:
    scene = sample_scene(5, 9)
    person = scene.people[0]

    def with_person(**changes: str) -> Scene:
        return replace(scene, people=(replace(person, **changes), *scene.people[1:]))  # type: ignore[arg-type]

    families = [
        [replace(scene, setting=s) for s in SETTINGS],
        [replace(scene, event=e) for e in EVENTS],
        [with_person(expression=x) for x in EXPRESSIONS],
        [with_person(pose=p) for p in POSES],
        [with_person(mark=m) for m in MARKS],
    ]
    for family in families:
        for a, b in itertools.combinations([pixels(s) for s in family], 2):
            # At least a few dozen of the 12,544 pixels are clearly other
            assert (np.abs(a - b).max(axis=2) > 40).sum() >= 12


def test_boxes_lie_in_the_picture_and_heads_are_large() -> None:
    for i in range(400):
        for actor in sample_scene(6, i).people:
            x1, y1, x2, y2 = actor.box
            hx1, hy1, hx2, hy2 = actor.head
            assert 0 <= x1 < x2 <= 1
            assert 0 <= y1 < y2 <= 1
            assert x1 <= hx1 < hx2 <= x2
            assert y1 <= hy1 < hy2 <= y2
            assert hy2 - hy1 >= 1 / 6
            assert hx2 - hx1 >= 0.15


def test_a_person_is_drawn_inside_the_own_box() -> None:
    """Other looks of one person change no pixel outside the box, but for tips of hair and fingers (4 %)."""
    for i in range(40):
        scene = sample_scene(7, i)
        actor = scene.people[-1]
        other = replace(actor.look, skin=(255, 0, 255), top=(0, 255, 0), legs=(0, 0, 255), hair=(255, 255, 0))
        changed = replace(scene, people=(*scene.people[:-1], replace(actor, look=other)))
        rows, columns = np.nonzero(np.abs(pixels(scene, 200) - pixels(changed, 200)).max(axis=2) > 8)
        drawn = np.array([-columns.min(), -rows.min(), columns.max(), rows.max()])
        box = np.array([-actor.box[0], -actor.box[1], actor.box[2], actor.box[3]]) * 200
        assert (drawn - box).max() <= 0.04 * 200


def test_the_light_and_the_mirror_leave_people_in_place() -> None:
    scene = sample_scene(7, 1)
    flipped = replace(scene, look=replace(scene.look, mirror=not scene.look.mirror))
    x1, y1, x2, y2 = scene.people[-1].head
    inner = np.s_[
        int((y1 + 0.05) * 112) : int((y2 - 0.05) * 112), int((x1 + 0.05) * 112) : int((x2 - 0.05) * 112)
    ]
    assert np.array_equal(pixels(scene)[inner], pixels(flipped)[inner])
    a, b = prop_box(scene), prop_box(flipped)
    assert a[0] == pytest.approx(1 - b[2])


def test_painting_over() -> None:
    scene = sample_scene(8, 2)
    x1, y1, x2, y2 = (round(v * 112) for v in scene.people[0].box)
    plain = np.asarray(draw_scene(scene, 112))
    context = np.asarray(draw_scene(scene, 112, paint_over="context", subject=0))
    person = np.asarray(draw_scene(scene, 112, paint_over="person", subject=0, fill=(1, 2, 3)))
    assert np.array_equal(context[y1:y2, x1:x2], plain[y1:y2, x1:x2])
    outside = np.ones((112, 112), bool)
    outside[y1:y2, x1:x2] = False
    assert (context[outside] == 127).all()
    assert (person[y1:y2, x1:x2] == (1, 2, 3)).all()
    assert np.array_equal(person[outside], plain[outside])


def test_painting_over_needs_a_subject_and_a_known_way() -> None:
    scene = sample_scene(8, 2)
    with pytest.raises(OptionError, match="subject"):
        draw_scene(scene, 64, paint_over="person")
    with pytest.raises(OptionError, match="paint over"):
        draw_scene(scene, 64, paint_over="face", subject=0)  # type: ignore[arg-type]


@pytest.mark.parametrize("grid", [6, 7, 14])
def test_dense_targets_say_what_stands_where(grid: int) -> None:
    hidden = 0
    for i in range(60):
        scene = sample_scene(9, i)
        maps = dense_targets(scene, grid)
        assert set(maps) == set(DENSE_CLASSES)
        for name, target in maps.items():
            assert target.shape == (grid, grid)
            assert 0 <= target.min() <= target.max() < DENSE_CLASSES[name]
        body = maps["person"] > 0
        assert np.array_equal(body, maps["role"] > 0)
        assert not (body & (maps["prop"] > 0)).any()
        assert not (body & (maps["setting"] > 0)).any()
        assert (maps["head"][~body] == 0).all()
        for k, actor in enumerate(scene.people):
            head = maps["head"] == k + 1
            hidden += not head.any()
            assert (maps["expression"][head] == EXPRESSIONS.index(actor.expression) + 1).all()
            assert (maps["role"][maps["person"] == k + 1] == MARKS.index(actor.mark) + 1).all()
    assert hidden <= 6
