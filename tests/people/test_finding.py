"""Whom to answer for, names that do not depend on order, and overlapping boxes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from emoscene.errors import OptionError, PersonNotFoundError
from emoscene.images import open_picture
from emoscene.people import DetectionOptions, FaceFinder, Finder, given_people
from emoscene.people.detector import best_of_overlapping, named
from emoscene.types import BoundingBox, Person, Picture

PICTURE = open_picture(np.zeros((100, 100, 3), np.uint8))
ANY_SIZE = DetectionOptions(min_side=0, min_share=0)


def box(*corners: float) -> BoundingBox:
    return BoundingBox.model_validate(corners)


class Finds:
    def __init__(self, *boxes: BoundingBox) -> None:
        self.boxes = boxes

    def detect(self, picture: Picture) -> list[Person]:
        return named((of, 0.9) for of in self.boxes)


class Scores:
    def __init__(self, found: list[tuple[BoundingBox, float]]) -> None:
        self.found = found

    def detect(self, picture: Picture) -> list[Person]:
        return named(self.found)


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
    everybody = Finder(detector, ANY_SIZE).find(PICTURE, "all")
    assert [(p.id, p.box.x1, p.box.y1) for p in everybody.people] == [
        ("p0", 10, 5),
        ("p1", 10, 10),
        ("p2", 60, 0),
    ]
    assert everybody.others == ()
    assert everybody.notes == ()
    largest = Finder(detector, ANY_SIZE).find(PICTURE, "largest")
    assert largest.people == everybody.people[2:]
    assert largest.others == tuple(person.box for person in everybody.people[:2])
    twins = Finds(box(50, 0, 60, 10), box(0, 0, 10, 10))
    assert Finder(twins, ANY_SIZE).find(PICTURE, "largest").people[0].id == "p0"
    with pytest.raises(PersonNotFoundError):
        Finder(Finds()).find(PICTURE, "all")
    with pytest.raises(OptionError):
        Finder(detector).find(PICTURE, "most")


def test_small_people_are_left_out_and_counted() -> None:
    detector = Finds(box(0, 0, 40, 15), box(10, 10, 26, 26), box(50, 0, 90, 90))
    found = Finder(detector).find(PICTURE, "all")
    assert [(p.id, p.box.x1) for p in found.people] == [("p0", 10), ("p1", 50)]
    assert found.notes == ("too small and left out: 1 of 3 people found",)
    share = Finder(detector, DetectionOptions(min_share=0.03)).find(PICTURE, "all")
    assert [(p.id, p.box.x1) for p in share.people] == [("p0", 50)]
    with pytest.raises(
        PersonNotFoundError, match=r"all people that the detector finds .*\(3\) are too small"
    ):
        Finder(detector, DetectionOptions(min_side=91)).find(PICTURE, "all")


def test_of_too_many_the_most_confident_stay_whatever_the_order() -> None:
    boxes = [box(20 * i, 0, 20 * i + 18, 50) for i in range(5)]
    scored = list(zip(boxes, (0.7, 0.9, 0.6, 0.9, 0.8), strict=True))
    options = DetectionOptions(most=3)
    for order in (scored, scored[::-1]):
        found = Finder(Scores(order), options).find(PICTURE, "all")
        assert [(p.id, p.box.x1, p.score) for p in found.people] == [
            ("p0", 20, 0.9),
            ("p1", 60, 0.9),
            ("p2", 80, 0.8),
        ]
        assert found.notes == ("only the 3 most confident of 5 people are answered for",)


def test_people_get_their_faces() -> None:
    detector = Finds(box(0, 0, 40, 90), box(50, 0, 90, 90))
    finder = Finder(detector, faces=FaceFinder(Finds(box(60, 5, 75, 25))))
    left, right = finder.find(PICTURE, "all").people
    assert (left.face, right.face) == (None, box(60, 5, 75, 25))


@pytest.mark.parametrize(
    "values",
    [
        {"score": 1.1},
        {"score": True},
        {"overlap": -0.1},
        {"min_share": float("nan")},
        {"min_side": "16"},
        {"most": 0},
        {"most": 2.0},
        {"allow_unknown_hash": 1},
    ],
)
def test_impossible_options(values: dict[str, Any]) -> None:
    with pytest.raises(OptionError) as caught:
        DetectionOptions.of(values)
    assert caught.value.remedy


def test_unknown_options_are_named_with_the_nearest() -> None:
    with pytest.raises(OptionError, match="'min_side'"):
        DetectionOptions.of({"minside": 3})
    assert DetectionOptions.of({"score": 0.4, "most": 7}) == DetectionOptions(score=0.4, most=7)


def test_given_boxes_keep_their_order() -> None:
    people = given_people([box(50, 0, 60, 10), box(0, 0, 10, 10)])
    assert [(p.id, p.box.x1) for p in people] == [("p0", 50), ("p1", 0)]


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
