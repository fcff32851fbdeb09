"""Whom to answer for: the boxes that were given, everybody, or the largest person."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from emoscene.errors import ModelNotHereError, OptionError, PersonNotFoundError
from emoscene.people.detector import Detector
from emoscene.people.fastestdet import FastestDet
from emoscene.types import BoundingBox, Person, Picture

__all__ = ["PERSON_DETECTOR", "find_people", "given_people", "person_detector"]

#: The environment variable that names the person detector's file.
PERSON_DETECTOR = "EMOSCENE_PERSON_DETECTOR"


def given_people(boxes: Sequence[BoundingBox]) -> list[Person]:
    """People by the boxes a user gave: `p0` is the first box, `p1` the second, wherever they lie."""
    return [Person(id=f"p{index}", box=box) for index, box in enumerate(boxes)]


def find_people(picture: Picture, which: str, detector: Detector) -> list[Person]:
    """Find people in a picture.

    Args:
        picture: Where to look.
        which: `all`, from left to right, or `largest`, the one with the largest box (of equals the left one).
        detector: What finds them. The ids are its own: `largest` keeps the id it has among `all`.

    Raises:
        PersonNotFoundError: if nobody is found.
        OptionError: if `which` is another word.
    """
    if which not in ("all", "largest"):
        raise OptionError("people are found as 'all' or 'largest'", value=which, remedy="Use one of the two.")
    found = detector.detect(picture)
    if not found:
        raise PersonNotFoundError(
            "the detector finds nobody in this picture", value=picture.source, remedy="Give the person's box."
        )
    return found if which == "all" else [max(found, key=lambda person: person.box.area)]


def person_detector(path: str | Path | None = None, *, allow_unknown_hash: bool = False) -> Detector:
    """The person detector from its file, or from the one that EMOSCENE_PERSON_DETECTOR names.

    Raises:
        ModelNotHereError: if neither names a file.
        MissingFileError, ModelFilesError: as `onnx_files.open_onnx` raises them.
    """
    named = path or os.environ.get(PERSON_DETECTOR)
    if not named:
        raise ModelNotHereError(
            "finding people needs a person detector, and no file is named",
            remedy=f"Set {PERSON_DETECTOR} to the path of FastestDet.onnx, or give the people's boxes.",
        )
    return FastestDet(named, allow_unknown_hash=allow_unknown_hash)
