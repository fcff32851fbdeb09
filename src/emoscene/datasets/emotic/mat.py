"""`Annotations.mat`, as the authors hand it out (PAMI 2019), and `CVPR17_Annotations.mat`, the release before it.

MATLAB 5 files. `train`, `val` and `test` are struct arrays, one struct a picture, its people in a struct array of
their own. What MATLAB writes as an array of one comes back from scipy as that one thing, so every value is read
through `_structs`, `_texts` and `_number`, which take it either way.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

import numpy as np

from emoscene.datasets.emotic.people import EmoticPerson, Numbering
from emoscene.datasets.emotic.reading import (
    Names,
    Place,
    box_of,
    database_of,
    filename_of,
    size_of,
    vad_of,
)
from emoscene.errors import InputError, MissingExtraError
from emoscene.types import VAD, Annotation

__all__ = ["SPLITS", "is_mat", "mat_splits", "people_of", "read_mat"]

SPLITS = ("train", "val", "test")

#: A struct by the names of its fields.
_Struct = dict[str, Any]

_LARGEST_FILE = 512 * 2**20
#: Of one variable when it is unpacked; train with made-up people of EMOTIC's number takes 28 MB.
_LARGEST_VARIABLE = 2**30
_COMPRESSED = 15
_VAD = ("valence", "arousal", "dominance")
_REMEDY = "Get Annotations.mat again from the authors; docs/datasets.md lists the other formats."
#: What scipy raises for a file that breaks off or is none; MatReadError is an Exception of its own, added below.
_BROKEN = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    EOFError,
    OSError,
    OverflowError,
    MemoryError,
    NotImplementedError,
    struct.error,
    zlib.error,
)


def is_mat(head: bytes) -> bool:
    """Whether a file that begins so is a MATLAB file, of whichever version."""
    return head.startswith(b"MATLAB ") or head[:8] == b"\x89HDF\r\n\x1a\n" or _is_version_5(head)


def _is_version_5(head: bytes) -> bool:
    return len(head) >= 128 and head[124:128] in (b"\x00\x01IM", b"\x01\x00MI")


def mat_splits(file: Path) -> tuple[str, ...]:
    """Which splits the file holds, without reading them.

    Raises:
        MissingExtraError: if scipy is not installed.
        InputError: if it is no MATLAB 5 file.
    """
    _check(file)
    io, broken = _scipy()
    try:
        variables = {name for name, _, _ in io.whosmat(str(file))}
    except broken:
        raise _unreadable(file) from None
    return tuple(split for split in SPLITS if split in variables)


def read_mat(file: Path, split: str, names: Names) -> Iterator[EmoticPerson]:
    """The people of a split in the order of the file.

    Raises:
        MissingExtraError: if scipy is not installed.
        InputError: if the file is broken, or a picture lacks a field or names an unknown label.
    """
    _check(file)
    io, broken = _scipy()
    try:
        variable = io.loadmat(str(file), variable_names=[split], squeeze_me=True)[split]
    except broken:
        raise _unreadable(file) from None
    yield from people_of(variable, file, split, names)


def people_of(variable: Any, file: Path, split: str, names: Names) -> Iterator[EmoticPerson]:
    """The people of a struct array as `loadmat` gives it, with whatever options it was read."""
    numbering = Numbering()
    for number, picture in enumerate(_structs(variable), 1):
        place = Place(file, f"{split}({number})", "picture")
        filename = filename_of(_text(_field(picture, "filename", place)), place)
        database = database_of(_text(_field(picture, "folder", place)), place)
        sides = next(iter(_structs(_field(picture, "image_size", place))), None)
        size = None if sides is None else size_of(*(_number(sides.get(side)) for side in ("n_col", "n_row")))
        for person in _structs(_field(picture, "person", place)):
            yield _person(person, split, names, place, (database, filename), numbering, size)


def _person(
    person: _Struct,
    split: str,
    names: Names,
    place: Place,
    picture: tuple[str, str],
    numbering: Numbering,
    size: tuple[int, int] | None,
) -> EmoticPerson:
    said, faults = _annotators(person, names, place)
    union = frozenset(label for each in said for label in each.labels)
    combined = person.get("combined_categories")
    chosen = union
    if combined is not None:
        chosen, respelled = names.ids(_texts(combined), place)
        faults += respelled
        if chosen != union:
            faults += ("union_differs",)
    vad, missing = _vad(person, said, place)
    attributes = {name: _text(person.get(name)) for name in ("gender", "age")}
    corners = np.atleast_1d(np.asarray(_field(person, "body_bbox", place), dtype=object)).ravel()
    return EmoticPerson(
        split=split,
        database=picture[0],
        filename=picture[1],
        index=numbering.next(*picture),
        labels=chosen,
        box=box_of(corners.tolist(), place),
        vad=vad,
        annotations=said,
        size=size,
        attributes={name: text for name, text in attributes.items() if text},
        faults=faults + missing,
    )


def _annotators(
    person: _Struct, names: Names, place: Place
) -> tuple[tuple[Annotation, ...], tuple[str, ...]]:
    """What each annotator said. That one of them left out valence, arousal or dominance is no fault."""
    said: list[Annotation] = []
    faults: tuple[str, ...] = ()
    categories = _structs(_field(person, "annotations_categories", place))
    continuous = _structs(_field(person, "annotations_continuous", place))
    for words, numbers in zip_longest(categories, continuous):
        texts = [] if words is None else _texts(words.get("categories"))
        found, respelled = names.ids(texts, place)
        faults += respelled
        vad, missing = vad_of([] if numbers is None else [_number(numbers.get(each)) for each in _VAD], place)
        faults += tuple(each for each in missing if each == "vad_out_of_range")
        said.append(Annotation(labels=found, vad=vad))
    return tuple(said), faults


def _vad(person: _Struct, said: tuple[Annotation, ...], place: Place) -> tuple[VAD | None, tuple[str, ...]]:
    """The mean that the file states; in train, what the one annotator said."""
    stated = _structs(person.get("combined_continuous"))
    if len(stated) != 1:
        only = said[0].vad if len(said) == 1 else None
        return only, () if only is not None else ("vad_missing",)
    return vad_of([_number(stated[0].get(each)) for each in _VAD], place)


# --- values as scipy gives them ---------------------------------------------------------------------------------


def _structs(value: Any) -> list[_Struct]:
    """The structs of a struct array, of whatever shape, by field: none, one that came back bare, or many."""
    if isinstance(value, np.void):
        return [dict(zip(value.dtype.names or (), value.item(), strict=True))]
    if isinstance(value, np.ndarray):
        if value.dtype.names is not None:
            return [dict(zip(value.dtype.names, each, strict=True)) for each in value.ravel().tolist()]
        return (
            [each for item in value.ravel().tolist() for each in _structs(item)]
            if value.dtype == object
            else []
        )
    fields = getattr(value, "_fieldnames", None)
    return [] if fields is None else [{name: getattr(value, name) for name in fields}]


def _field(record: _Struct, name: str, place: Place) -> Any:
    if name not in record:
        raise place.error("a field is missing", name, _REMEDY)
    return record[name]


def _texts(value: Any) -> list[str]:
    """The texts of a cell, of whatever shape: none, one that came back bare, or many."""
    if isinstance(value, str):
        return [value] if value else []
    if isinstance(value, np.ndarray):
        return [text for each in value.ravel().tolist() for text in _texts(each)]
    return []


def _text(value: Any) -> str:
    return next(iter(_texts(value)), "")


def _number(value: Any) -> float:
    """A number that may lie in arrays of one; NaN where there is none."""
    while isinstance(value, np.ndarray):
        if value.size != 1:
            return math.nan
        value = value.ravel()[0]
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


# --- the file ---------------------------------------------------------------------------------------------------


def _check(file: Path) -> None:
    with file.open("rb") as stream:
        head = stream.read(1024)
    if head.startswith(b"MATLAB 7.3") or b"\x89HDF\r\n\x1a\n" in head:
        raise InputError(
            f"{file.name}: this is a MATLAB 7.3 file (HDF5), which is not read",
            remedy="In MATLAB: load it and save(FILE, 'train', 'val', 'test', '-v7').",
        )
    if not _is_version_5(head):
        raise _unreadable(file)
    if file.stat().st_size > _LARGEST_FILE:
        raise InputError(
            f"{file.name}: the file is longer than {_LARGEST_FILE:,} bytes",
            remedy="EMOTIC's Annotations.mat has a few megabytes; get it again.",
        )
    _check_unpacked(file)


def _check_unpacked(file: Path) -> None:
    """Refuse a variable that unpacks to more than EMOTIC could need, before anything of it is kept."""
    data = file.read_bytes()
    order: Literal["little", "big"] = "little" if data[126:128] == b"IM" else "big"
    at = 128
    while at + 8 <= len(data):
        kind, length = (int.from_bytes(data[i : i + 4], order) for i in (at, at + 4))
        if kind == _COMPRESSED and _unpacks_beyond(data[at + 8 : at + 8 + length], _LARGEST_VARIABLE):
            raise InputError(
                f"{file.name}: a variable unpacks to more than {_LARGEST_VARIABLE:,} bytes",
                remedy="EMOTIC's have a tenth of that; get Annotations.mat again.",
            )
        at += 8 + length


def _unpacks_beyond(packed: bytes, limit: int) -> bool:
    unpacking, total, rest = zlib.decompressobj(), 0, packed
    try:
        while rest and not unpacking.eof:
            total += len(unpacking.decompress(rest, 2**20))
            if total > limit:
                return True
            rest = unpacking.unconsumed_tail
    except zlib.error:
        return False  # broken, which scipy will find
    return False


def _scipy() -> tuple[Any, tuple[type[Exception], ...]]:
    try:
        from scipy import io
        from scipy.io.matlab import MatReadError
    except ImportError:
        raise MissingExtraError.of("emotic", "scipy") from None
    return io, (*_BROKEN, MatReadError)


def _unreadable(file: Path) -> InputError:
    return InputError(f"{file.name}: this MATLAB file is broken, or none", remedy=_REMEDY)
