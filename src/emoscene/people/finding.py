"""Whom to answer for: the boxes that were given, everybody, or the largest person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from emoscene.errors import OptionError, PersonNotFoundError
from emoscene.people.detector import Detector, named
from emoscene.people.faces import FaceFinder
from emoscene.people.options import DetectionOptions
from emoscene.types import BoundingBox, Person, Picture

__all__ = ["FACES_ONLY", "FACE_DETECTOR", "PERSON_DETECTOR", "Finder", "Found", "given_people"]

#: The environment variables that name the detector of people and that of faces.
PERSON_DETECTOR, FACE_DETECTOR = "EMOSCENE_PERSON_DETECTOR", "EMOSCENE_FACE_DETECTOR"

FACES_ONLY = "the detector finds faces only: the box is a face, not a whole person"
_GIVE_BOX = "Give the person's box."


def given_people(boxes: Sequence[BoundingBox]) -> list[Person]:
    """People by the boxes a user gave: `p0` is the first box, `p1` the second, wherever they lie."""
    return [Person(id=f"p{index}", box=box) for index, box in enumerate(boxes)]


@dataclass(frozen=True)
class Found:
    """The people of a picture.

    Attributes:
        people: Named `p0`, `p1`, ... from left to right.
        others: The boxes of those who were found too, but not asked for.
        notes: Who was left out and why, one sentence each.
    """

    people: tuple[Person, ...]
    others: tuple[BoundingBox, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finder:
    """Finds people in pictures.

    Attributes:
        detector: Sees people, or their faces.
        options: Who of them is kept.
        faces: Finds the faces of these people; without it they have none.
        warning: What is to be said of everybody that is found; empty for nothing.
    """

    detector: Detector
    options: DetectionOptions = field(default_factory=DetectionOptions)
    faces: FaceFinder | None = None
    warning: str = ""

    def find(self, picture: Picture, which: str) -> Found:
        """Find people in a picture.

        Args:
            picture: Where to look.
            which: `all`, or `largest`, the one with the largest box (of equals the left one), who keeps the id that
                it has among `all`.

        Raises:
            PersonNotFoundError: if nobody is found.
            AnswerError: if the detector cannot take this picture.
            OptionError: if `which` is another word.
        """
        if which not in ("all", "largest"):
            raise OptionError(
                "people are found as 'all' or 'largest'", value=which, remedy="Use one of the two."
            )
        seen = self.detector.detect(picture)
        if not seen:
            raise PersonNotFoundError(
                "the detector finds nobody in this picture", value=picture.source, remedy=_GIVE_BOX
            )
        people, notes = self._kept(seen, picture)
        asked_for = people if which == "all" else [max(people, key=lambda person: person.box.area)]
        others = tuple(person.box for person in people if person not in asked_for)
        return Found(tuple(asked_for), others, notes)

    def _kept(self, seen: Sequence[Person], picture: Picture) -> tuple[list[Person], tuple[str, ...]]:
        large = [person for person in seen if self._is_large_enough(person.box, picture)]
        notes: tuple[str, ...] = ()
        if len(large) < len(seen):
            notes += (f"too small and left out: {len(seen) - len(large)} of {len(seen)} people found",)
        if not large:
            limits = f"below {self.options.min_side:g} pixels or {self.options.min_share:g} of the picture"
            raise PersonNotFoundError(
                f"all people that the detector finds in this picture ({len(seen)}) are too small ({limits})",
                value=picture.source,
                remedy="Lower min_side or min_share, or give the person's box.",
            )
        most = self.options.most
        kept = sorted(large, key=lambda person: (-(person.score or 0), person.box.as_tuple()))[:most]
        if len(kept) < len(large):
            notes += (f"only the {most} most confident of {len(large)} people are answered for",)
        people = named((person.box, person.score) for person in kept)
        return self._with_faces(people, picture), notes

    def _is_large_enough(self, box: BoundingBox, picture: Picture) -> bool:
        share = box.area / (picture.width * picture.height)
        return min(box.width, box.height) >= self.options.min_side and share >= self.options.min_share

    def _with_faces(self, people: list[Person], picture: Picture) -> list[Person]:
        if self.faces is None:
            return people
        faces = self.faces.faces_of(picture, [person.box for person in people])
        return [person.model_copy(update={"face": faces.get(person.box)}) for person in people]
