"""Two files in the form of COCO's annotations.

`EMOTIC_{split}_x1y1x2y2.json` is made of the PAMI mat; its boxes are x1, y1, x2, y2 whatever COCO says.
`emotic_{split}_bi.json` is made of the older Torch files: other labels, fewer people, no framesdb pictures; boxes are
those of heads, as x, y, width, height, and `category_id` is a number of 26 bits, Affection in front.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from emoscene.datasets.emotic.people import EmoticPerson, Numbering
from emoscene.datasets.emotic.reading import (
    ALPHABETICAL,
    Names,
    Place,
    box_of,
    database_of,
    number_of,
    parts_of,
    read_json,
    size_of,
    vad_of,
)
from emoscene.errors import InputError
from emoscene.types import VAD

__all__ = ["is_bits", "is_corners", "read_bits", "read_corners"]

_REMEDY = "Expected lists `images` and `annotations`, each annotation with image_id and bbox."


def is_corners(data: bytes) -> bool:
    """Whether this JSON text is of the first kind: labels by name."""
    return b'"images"' in data and b'"annotations_categories"' in data


def is_bits(data: bytes) -> bool:
    """Whether this JSON text is of the second kind: labels as bits, and no others."""
    return b'"images"' in data and b'"category_id"' in data and not is_corners(data)


def read_corners(file: Path, split: str, names: Names) -> Iterator[EmoticPerson]:
    """The people of `EMOTIC_{split}_x1y1x2y2.json`, in the order of its annotations.

    Raises:
        InputError: if the file is malformed, or its name says that boxes are written in another way.
    """
    if "xywh" in file.name.lower():
        raise InputError(
            f"{file.name}: boxes of this file are x, y, width, height by its name",
            remedy="Convert with --format x1y1x2y2, or read Annotations.mat itself.",
        )
    numbering = Numbering()
    for place, note, image in _annotations(file):
        said = note.get("annotations_categories")
        if not isinstance(said, list) or not all(isinstance(each, str) for each in said):
            raise place.error("annotations_categories is no list of labels", said, _REMEDY)
        labels, faults = names.ids(said, place)
        vad, missing = _vad(note.get("annotations_continuous"), place)
        picture = _picture(image, place)
        yield EmoticPerson(
            split,
            *picture,
            numbering.next(*picture),
            labels,
            box=_box(note, place),
            vad=vad,
            size=_size(image, place),
            attributes={key: note[key] for key in ("gender", "age") if isinstance(note.get(key), str)},
            faults=faults + missing,
        )


def read_bits(file: Path, split: str, names: Names) -> Iterator[EmoticPerson]:
    """The people of `emotic_{split}_bi.json`, in the order of its annotations.

    Raises:
        InputError: if the file is malformed.
    """
    numbering = Numbering()
    for place, note, image in _annotations(file):
        bits = note.get("category_id")
        if not isinstance(bits, int) or not 0 <= bits < 1 << len(ALPHABETICAL):
            raise place.error("category_id is no number of 26 bits", bits, "Affection is the bit in front.")
        written = f"{bits:026b}"
        picture = _picture(image, place)
        yield EmoticPerson(
            split,
            *picture,
            numbering.next(*picture),
            frozenset(
                names.space[each].id for each, bit in zip(ALPHABETICAL, written, strict=True) if bit == "1"
            ),
            box=_box(note, place, xywh=True),
            size=_size(image, place),
            faults=("head_box",),
        )


def _annotations(file: Path) -> Iterator[tuple[Place, Mapping[str, Any], Mapping[str, Any]]]:
    """Each annotation with its place and its picture."""
    data = read_json(file)
    images = data.get("images") if isinstance(data, dict) else None
    notes = data.get("annotations") if isinstance(data, dict) else None
    if not isinstance(images, list) or not isinstance(notes, list):
        raise InputError(f"{file.name}: the lists of COCO are missing", remedy=_REMEDY)
    by_id: dict[Any, Mapping[str, Any]] = {}
    for i, image in enumerate(images):
        place = Place(file, i, "image")
        if not isinstance(image, dict) or not isinstance(image.get("id"), int | str):
            raise place.error("a picture needs an id", image, _REMEDY)
        if image["id"] in by_id:
            raise place.error("this id of a picture stands twice", image["id"], "Number pictures from 1.")
        by_id[image["id"]] = image
    for i, note in enumerate(notes):
        place = Place(file, i, "annotation")
        found = note.get("image_id") if isinstance(note, dict) else None
        if not isinstance(found, int | str) or found not in by_id:
            raise place.error("there is no picture with this image_id", found, _REMEDY)
        yield place, note, by_id[found]


def _picture(image: Mapping[str, Any], place: Place) -> tuple[str, str]:
    """Database and file name; `file_name` may hold the folder, or `folder` tells it."""
    name, folder = image.get("file_name"), image.get("folder")
    parts = parts_of(name, place)
    if len(parts) == 1:
        return database_of(folder, place), parts[0]
    return database_of("/".join(parts[:-1]), place), parts[-1]


def _box(note: Mapping[str, Any], place: Place, *, xywh: bool = False) -> tuple[float, float, float, float]:
    box = note.get("bbox")
    if not isinstance(box, list):
        raise place.error("bbox is no list of four numbers", box, _REMEDY)
    return box_of(box, place, xywh=xywh)


def _size(image: Mapping[str, Any], place: Place) -> tuple[int, int] | None:
    return size_of(*(number_of(image.get(side), place, side) for side in ("width", "height")))


def _vad(said: object, place: Place) -> tuple[VAD | None, tuple[str, ...]]:
    """Numbers by name or in order; the text 'None' where there are none."""
    if said is None or said == "None":
        return None, ("vad_missing",)
    if isinstance(said, Mapping):
        lower = {str(key).lower(): value for key, value in said.items()}
        return vad_of([lower.get(key) for key in ("valence", "arousal", "dominance")], place)
    if isinstance(said, list):
        return vad_of(said, place)
    raise place.error(
        "annotations_continuous is neither numbers nor 'None'", said, "Write valence, arousal, dominance."
    )
