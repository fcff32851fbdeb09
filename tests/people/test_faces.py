"""Whose face is whose: one to one, in whatever order, on drawn boxes and on real photographs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoscene.images import open_picture
from emoscene.people import FaceFinder, FastestDet, Finder, YuNet
from emoscene.people.detector import named
from emoscene.people.faces import assign
from emoscene.types import BoundingBox, Person, Picture

STRIPES = open_picture(np.tile(np.arange(200, dtype=np.uint8)[None, :, None], (300, 1, 3)))


def box(*corners: float) -> BoundingBox:
    return BoundingBox.model_validate(corners)


class Faces:
    """Finds faces by the size of the picture it is shown, and counts how often it looks."""

    def __init__(self, whole: list[BoundingBox], closer: list[BoundingBox] | None = None) -> None:
        self.whole, self.closer, self.looks = whole, closer or [], 0

    def detect(self, picture: Picture) -> list[Person]:
        self.looks += 1
        is_whole = (picture.width, picture.height) == (STRIPES.width, STRIPES.height)
        return named((face, 0.9) for face in (self.whole if is_whole else self.closer))


PARENT, CHILD = box(0, 0, 100, 300), box(20, 150, 90, 300)
HERS, THE_CHILDS = box(40, 10, 62, 38), box(40, 160, 64, 190)


def test_a_child_in_front_of_a_parent_keeps_its_face() -> None:
    assert assign([PARENT, CHILD], [THE_CHILDS, HERS]) == {PARENT: HERS, CHILD: THE_CHILDS}


def test_somebody_seen_from_behind_gets_no_neighbours_face() -> None:
    behind = box(30, 20, 120, 300)
    assert assign([PARENT, behind], [HERS]) == {PARENT: HERS}


def test_a_face_in_the_background_is_smaller() -> None:
    background = box(48, 5, 54, 12)
    assert assign([PARENT], [background, HERS]) == {PARENT: HERS}


def test_a_face_in_nobodys_box_is_nobodys() -> None:
    assert assign([PARENT], [box(150, 10, 170, 30)]) == {}
    assert assign([], [HERS]) == {}


place = st.integers(0, 80)
some = st.lists(
    st.builds(lambda x, y, w, h: box(x, y, x + w + 5, y + h + 5), place, place, place, place), max_size=6
)


@given(people=some, faces=some, seed=st.randoms())
def test_one_face_a_person_and_one_person_a_face(
    people: list[BoundingBox], faces: list[BoundingBox], seed: object
) -> None:
    matched = assign(people, faces)
    assert len(set(matched.values())) == len(matched)
    for person, face in matched.items():
        assert person.x1 <= (face.x1 + face.x2) / 2 <= person.x2
    shuffled = sorted(people, key=lambda _: seed.random())  # type: ignore[attr-defined]
    assert assign(shuffled, faces[::-1]) == matched


def test_a_second_look_finds_no_face_that_is_taken() -> None:
    # The child's box starts at 20, 150; the closer look goes a tenth beyond it: 13, 135.
    seen_again = box(HERS.x1, HERS.y1, HERS.x2, HERS.y2)
    detector = Faces([HERS], [seen_again, box(27, 25, 51, 55)])
    finder = FaceFinder(detector)
    assert finder.faces_of(STRIPES, [PARENT, CHILD]) == {PARENT: HERS, CHILD: THE_CHILDS}
    only_hers = FaceFinder(Faces([HERS], [box(40, 10, 62, 38)]))
    overlapping = box(5, 2, 110, 290)
    assert only_hers.face_of(STRIPES, overlapping, [PARENT]) is None
    assert only_hers.face_of(STRIPES, overlapping) == HERS


def test_the_people_of_a_picture_are_looked_at_once() -> None:
    detector = Faces([HERS, THE_CHILDS])
    finder = FaceFinder(detector)
    assert finder.face_of(STRIPES, PARENT, [CHILD]) == HERS
    assert finder.face_of(STRIPES, CHILD, [PARENT]) == THE_CHILDS
    assert detector.looks == 1
    beyond = box(250, 0, 400, 300)
    assert finder.face_of(STRIPES, CHILD, [beyond, PARENT]) == THE_CHILDS
    assert detector.looks == 1
    assert finder.largest_face(STRIPES) == THE_CHILDS
    assert FaceFinder(Faces([])).largest_face(STRIPES) is None


@pytest.fixture(scope="session")
def finder(reference_data: Path) -> Finder:
    weights = reference_data / "weights"
    faces = FaceFinder(YuNet(weights / "face-detector-yunet/yunet_n_640_640.onnx"))
    return Finder(FastestDet(weights / "person-detector-fastestdet/FastestDet.onnx"), faces=faces)


#: Photograph, people seen by eye, and the middle of each one's face, from the left.
BY_EYE = [
    ("000000000785.jpg", [(371, 81)]),
    ("two_people.jpg", [(310, 124), (864, 152)]),
    ("happy-baby.jpeg", [(624, 294)]),
    ("sad-baby.jpeg", [(800, 430)]),
    ("group.jpeg", [(227, 328), (370, 84), (688, 148), (1020, 380), (1020, 34)]),
]


@pytest.mark.parametrize(("photo", "middles"), BY_EYE)
def test_everybody_on_the_photographs_has_their_own_face(
    photo: str, middles: list[tuple[float, float]], reference_data: Path, finder: Finder
) -> None:
    found = finder.find(open_picture(reference_data / "photos" / photo), "all")
    assert [person.id for person in found.people] == [f"p{i}" for i in range(len(middles))]
    for person, (x, y) in zip(found.people, middles, strict=True):
        assert person.face is not None
        assert abs((person.face.x1 + person.face.x2) / 2 - x) < 30
        assert abs((person.face.y1 + person.face.y2) / 2 - y) < 30
    assert found.notes == ()
