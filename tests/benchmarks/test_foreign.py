"""The hundred pictures that are no drawn scenes: how many, of which kinds, the same each time."""

from __future__ import annotations

import ast
import random
from collections import Counter
from pathlib import Path

import pytest
from benchmarks.foreign import Foreign, contact_sheet, foreign_pictures

from benchmarks import foreign, foreign_drawings
from emoscene.errors import MissingFileError

pytest.importorskip("matplotlib", reason="the plots among the pictures need matplotlib")

KINDS = {"photo": 30, "drawing": 35, "noise": 10, "text": 10, "plot": 10, "fill": 5}


@pytest.fixture(scope="module")
def pictures(reference_data: Path) -> list[Foreign]:
    return foreign_pictures(reference_data)


@pytest.mark.slow
def test_there_are_a_hundred_of_six_kinds(pictures: list[Foreign]) -> None:
    assert Counter(p.kind for p in pictures) == KINDS
    assert sum(KINDS.values()) == len({p.name for p in pictures}) == 100


@pytest.mark.slow
def test_no_two_are_the_same_picture(pictures: list[Foreign]) -> None:
    assert len({(p.image.size, p.image.tobytes()) for p in pictures}) == len(pictures)


@pytest.mark.slow
def test_all_are_rgb_of_many_shapes_with_boxes_inside(pictures: list[Foreign]) -> None:
    assert {p.image.mode for p in pictures} == {"RGB"}
    sizes = Counter(p.image.size for p in pictures)
    assert sizes[448, 448] >= 20
    assert len(sizes) >= 20
    assert {w > h for w, h in sizes} == {True, False}
    for picture in pictures:
        if picture.box is not None:
            assert picture.box.clamp(*picture.image.size).area == pytest.approx(picture.box.area), (
                picture.name
            )
    assert 40 <= sum(p.box is not None for p in pictures) <= 80


@pytest.mark.slow
def test_the_same_seed_gives_the_same_pictures(pictures: list[Foreign], reference_data: Path) -> None:
    again = foreign_pictures(reference_data)
    assert [(p.name, p.box, p.image.tobytes()) for p in again] == [
        (p.name, p.box, p.image.tobytes()) for p in pictures
    ]


@pytest.mark.slow
def test_the_sheet_shows_every_picture(pictures: list[Foreign]) -> None:
    sheet = contact_sheet(pictures, columns=10, side=60)
    assert sheet.size == (600, 10 * 74)
    bare = contact_sheet(pictures[:-1], columns=10, side=60)
    assert sheet.tobytes() != bare.tobytes()


def test_another_seed_draws_other_people() -> None:
    name, _, draw = foreign_drawings.DRAWINGS[-1]
    assert name == "people-in-room"
    one, other = (draw(random.Random(seed), 2)[0].tobytes() for seed in (1, 2))
    assert one != other


def test_a_missing_photograph_is_said(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"000000000785\.jpg"):
        foreign_pictures(tmp_path)


@pytest.mark.parametrize("module", [foreign, foreign_drawings])
def test_nothing_comes_from_the_scenes(module: object) -> None:
    file = getattr(module, "__file__", None)
    assert isinstance(file, str)
    imported: set[str] = set()
    for node in ast.walk(ast.parse(Path(file).read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module)
    assert not [name for name in imported if name.startswith("emoscene.datasets")]
