"""Whose face is whose: each face goes to one person at most, and each person gets one face at most.

    faces with the centre in a person's box --best fitting pair first--> one face a person
    people without one --their own region, enlarged--> a second look, in which faces already given do not count

A face fits a person the better, the more of it lies where a head is (the upper part of the box, as high as the box is
wide and at least a third of it), the nearer it is to the middle of the upper edge, and the larger it is beside the
other faces in the box: those in the background are smaller. That is a convention, not measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from emoscene.errors import BoxError
from emoscene.images import crop, open_picture
from emoscene.people.detector import Detector
from emoscene.types import BoundingBox, Picture

__all__ = ["FaceFinder", "assign"]

#: What detectors miss in a large picture they may find in the person's own region, widened by this share.
_SECOND_LOOK = 0.1
#: Boxes that overlap more than this (intersection over union) are the same face.
_SAME_FACE = 0.3
#: A head lies in at least this upper share of a box.
_HEAD_SHARE = 1 / 3


class FaceFinder:
    """Finds the faces of the people of a picture. It keeps the answer for the last picture and people.

    Args:
        detector: Finds faces; their boxes are those of the faces.
    """

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._last: tuple[tuple[str, tuple[BoundingBox, ...]], dict[BoundingBox, BoundingBox]] | None = None

    def face_of(
        self, picture: Picture, box: BoundingBox, others: Iterable[BoundingBox] = ()
    ) -> BoundingBox | None:
        """The face of the person in the box, in pixels of the picture, or None.

        Args:
            picture: Where to look.
            box: The person, inside the picture.
            others: The boxes of the other people, whose faces are not this person's. Their order does not matter.
        """
        boxes = {box}
        for other in others:
            try:
                boxes.add(other.clamp(picture.width, picture.height))
            except BoxError:
                continue
        return self.faces_of(picture, boxes).get(box)

    def largest_face(self, picture: Picture) -> BoundingBox | None:
        """The largest face of a picture (of equals the left one), for where the whole picture is the person."""
        return max(
            (seen.box for seen in self._detector.detect(picture)), key=lambda face: face.area, default=None
        )

    def faces_of(self, picture: Picture, boxes: Iterable[BoundingBox]) -> dict[BoundingBox, BoundingBox]:
        """The faces of all people who show one, by the person's box; the order of the boxes does not matter."""
        people = sorted(set(boxes), key=BoundingBox.as_tuple)
        key = (picture.sha256, tuple(people))
        if self._last is None or self._last[0] != key:
            self._last = key, self._look(picture, people)
        return self._last[1]

    def _look(self, picture: Picture, people: Sequence[BoundingBox]) -> dict[BoundingBox, BoundingBox]:
        given = assign(people, [seen.box for seen in self._detector.detect(picture)])
        for person in people:
            if person in given:
                continue
            taken = list(given.values())
            closer = [
                face
                for face in self._second_look(picture, person)
                if all(face.iou(other) <= _SAME_FACE for other in taken)
            ]
            given |= assign([person], closer)
        return given

    def _second_look(self, picture: Picture, box: BoundingBox) -> list[BoundingBox]:
        region = crop(picture, box, _SECOND_LOOK)
        # Where `crop` put its upper left corner.
        left = max(0, math.floor(box.x1 - _SECOND_LOOK * box.width))
        top = max(0, math.floor(box.y1 - _SECOND_LOOK * box.height))
        return [
            BoundingBox(
                x1=seen.box.x1 + left, y1=seen.box.y1 + top, x2=seen.box.x2 + left, y2=seen.box.y2 + top
            )
            for seen in self._detector.detect(open_picture(region))
        ]


def assign(people: Sequence[BoundingBox], faces: Sequence[BoundingBox]) -> dict[BoundingBox, BoundingBox]:
    """Faces by the person's box, the best fitting pairs first; a face whose centre is in nobody's box goes to nobody.

    Pairs are not traded for one more match: somebody seen from behind gets no face rather than a neighbour's.
    """
    pairs: list[tuple[float, BoundingBox, BoundingBox]] = []
    for person in people:
        inside = [face for face in faces if _has_centre_in(person, face)]
        largest = max((face.area for face in inside), default=0.0)
        pairs += [(_head_fit(face, person) + math.sqrt(face.area / largest), person, face) for face in inside]
    pairs.sort(key=lambda pair: (-pair[0], pair[1].as_tuple(), pair[2].as_tuple()))
    given: dict[BoundingBox, BoundingBox] = {}
    for _, person, face in pairs:
        if person not in given and face not in given.values():
            given[person] = face
    return given


def _head_fit(face: BoundingBox, person: BoundingBox) -> float:
    """How well a face's place fits a person: at most 1, and less the further it is from where a head is."""
    head = min(person.height, max(person.width, person.height * _HEAD_SHARE))
    wide = min(face.x2, person.x2) - max(face.x1, person.x1)
    high = min(face.y2, person.y1 + head) - max(face.y1, person.y1)
    inside = max(wide, 0) * max(high, 0) / face.area
    x, y = (face.x1 + face.x2) / 2, (face.y1 + face.y2) / 2
    aside = abs(x - (person.x1 + person.x2) / 2) / person.width
    below = (y - person.y1) / person.height
    return inside - aside - below


def _has_centre_in(person: BoundingBox, face: BoundingBox) -> bool:
    x, y = (face.x1 + face.x2) / 2, (face.y1 + face.y2) / 2
    return person.x1 <= x <= person.x2 and person.y1 <= y <= person.y2
