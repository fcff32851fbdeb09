"""Whom to answer for, names that do not depend on order, and overlapping boxes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from emoscene.errors import ModelNotHereError, OptionError, PersonNotFoundError
from emoscene.images import open_picture
from emoscene.people import find_people, given_people, person_detector
from emoscene.people.detector import best_of_overlapping, named
from emoscene.people.finding import PERSON_DETECTOR
from emoscene.types import BoundingBox, Person, Picture

PICTURE = open_picture(np.zeros((100, 100, 3), np.uint8))


def box(*corners: float) -> BoundingBox:
    return BoundingBox.model_validate(corners)


class Finds:
    def __init__(self, *boxes: BoundingBox) -> None:
        self.boxes = boxes

    def detect(self, picture: Picture) -> list[Person]:
        return named((of, 0.9) for of in self.boxes)


corner = st.floats(0, 50)
some_boxes = st.lists(
    st.builds(lambda x, y, w, h: box(x, y, x + w + 1, y + h + 1), corner, corner, corner, corner), max_size=8
)


@settings(max_examples=40, deadline=None)
@given(boxes=some_boxes, seed=st.randoms())
def test_names_do_not_depend_on_the_order_of_detection(boxes: list[BoundingBox], seed: object) -> None:
    shuffled = sorted(boxes, key=lambda _: seed.random())  # type: ignore[attr-defined]
    people = named((of, None) for of in boxes)
    assert people == named((of, None) for of in shuffled)
    assert [person.id for person in people] == [f"p{i}" for i in range(len(boxes))]
    assert [person.box.x1 for person in people] == sorted(of.x1 for of in boxes)


def test_all_and_the_largest() -> None:
    detector = Finds(box(60, 0, 90, 90), box(10, 10, 20, 20), box(10, 5, 15, 30))
    everybody = find_people(PICTURE, "all", detector)
    assert [(p.id, p.box.x1, p.box.y1) for p in everybody] == [("p0", 10, 5), ("p1", 10, 10), ("p2", 60, 0)]
    assert find_people(PICTURE, "largest", detector) == everybody[2:]
    twins = Finds(box(50, 0, 60, 10), box(0, 0, 10, 10))
    assert find_people(PICTURE, "largest", twins)[0].id == "p0"
    with pytest.raises(PersonNotFoundError):
        find_people(PICTURE, "all", Finds())
    with pytest.raises(OptionError):
        find_people(PICTURE, "most", detector)


def test_given_boxes_keep_their_order() -> None:
    people = given_people([box(50, 0, 60, 10), box(0, 0, 10, 10)])
    assert [(p.id, p.box.x1) for p in people] == [("p0", 50), ("p1", 0)]


def test_a_detector_without_a_file_says_how_to_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PERSON_DETECTOR, raising=False)
    with pytest.raises(ModelNotHereError, match=PERSON_DETECTOR):
        person_detector()


@settings(max_examples=40, deadline=None)
@given(boxes=some_boxes.filter(bool), threshold=st.floats(0.05, 0.95))
def test_of_overlapping_boxes_the_best_stays(boxes: list[BoundingBox], threshold: float) -> None:
    scores = np.linspace(0.1, 0.9, len(boxes), dtype=np.float32)
    corners = np.array([of.as_tuple() for of in boxes], np.float32)
    # Where rounding decides, either answer is right.
    assume(all(abs(_iou(one, other) - threshold) > 1e-4 for one in corners for other in corners))
    kept = best_of_overlapping(corners, scores, threshold)
    wanted: list[int] = []
    for i in range(len(boxes) - 1, -1, -1):
        overlaps = [_iou(corners[i], corners[j]) for j in wanted]
        if all(overlap <= threshold for overlap in overlaps):
            wanted.append(i)
    assert kept == wanted


def _iou(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    wide = max(np.float32(0), min(one[2], other[2]) - max(one[0], other[0]))
    high = max(np.float32(0), min(one[3], other[3]) - max(one[1], other[1]))
    shared = wide * high
    areas = (one[2] - one[0]) * (one[3] - one[1]), (other[2] - other[0]) * (other[3] - other[1])
    return float(shared / (areas[0] + areas[1] - shared))
