"""Tables with a column a label: the archive `annots_arrs/annot_arrs_*.csv`, and `path, box, 26 x 0 or 1` tables.

With a header, every column is found by its name: the archive's label columns begin with Peace, others with Affection.
Without one, labels are taken in alphabetical order, and the ledger says so. The archive has its pictures as arrays
scaled to 224 x 224 pixels, in `img_arrs`; boxes are in pixels of the picture before that.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from emoscene.datasets.emotic.people import EmoticPerson, Numbering
from emoscene.datasets.emotic.reading import (
    ALPHABETICAL,
    Names,
    Place,
    box_of,
    database_of,
    filename_of,
    number_of,
    parts_of,
    size_of,
    table_rows,
    vad_of,
)

__all__ = ["is_archive", "is_one_hot", "read_one_hot"]

_BOX = (("x_min", "y_min", "x_max", "y_max"), ("x1", "y1", "x2", "y2"), ("xmin", "ymin", "xmax", "ymax"))
_PATH = ("path", "image_path", "image", "img_path", "img", "filepath")
_VAD = ("valence", "arousal", "dominance")
_WIDTH = 31


@dataclass(frozen=True)
class _Columns:
    """Where in a row each thing stands."""

    labels: dict[str, int]
    box: tuple[int, ...]
    path: int | None = None
    folder: int | None = None
    filename: int | None = None
    vad: tuple[int, ...] = ()
    size: tuple[int, ...] = ()
    attributes: tuple[tuple[str, int], ...] = ()
    array: int | None = None
    width: int = _WIDTH


def is_archive(header: Sequence[str], names: Names) -> bool:
    """Whether this is the header of the archive: a column a label, and the file name in one of its own."""
    lower = {cell.strip().lower() for cell in header}
    return {"filename", "folder"} <= lower and _label_count(header, names) == len(names.space)


def is_one_hot(first: Sequence[str], names: Names) -> bool:
    """Whether a table that begins with this row has a path, a box and a column a label, with or without a header."""
    if _label_count(first, names) == len(names.space):
        return not is_archive(first, names)
    return len(first) == _WIDTH and "/" in first[0] and all(_is_number(cell) for cell in first[1:])


def read_one_hot(file: Path, split: str, names: Names) -> Iterator[EmoticPerson]:
    """The people of the file, in its order.

    Raises:
        InputError: if a column is missing, a label neither 0 nor 1, or a row malformed.
    """
    rows = table_rows(file)
    line, first = next(rows)
    numbering = Numbering()
    if _label_count(first, names):
        columns = _by_name(first, names, Place(file, line))
        faults: tuple[str, ...] = ()
    else:
        columns = _Columns(dict(zip(ALPHABETICAL, range(5, _WIDTH), strict=True)), (1, 2, 3, 4), path=0)
        faults = ("positional",)
        yield _person(first, columns, split, Place(file, line), numbering, faults)
    for line, row in rows:
        yield _person(row, columns, split, Place(file, line), numbering, faults)


def _person(
    row: Sequence[str],
    columns: _Columns,
    split: str,
    place: Place,
    numbering: Numbering,
    faults: tuple[str, ...],
) -> EmoticPerson:
    if len(row) != columns.width:
        raise place.error(
            f"expected {columns.width} columns, found {len(row)}", ",".join(row), "Check the separators."
        )
    picture = _picture(row, columns, place)
    vad, missing = None, faults
    if columns.vad:
        vad, bad = vad_of([row[at] for at in columns.vad], place)
        missing = faults + bad
    sides = [number_of(row[at], place, "the size") for at in columns.size]
    return EmoticPerson(
        split,
        *picture,
        numbering.next(*picture),
        _labels(row, columns, place),
        box=box_of([row[at] for at in columns.box], place),
        vad=vad,
        size=size_of(*sides) if len(sides) == 2 else None,
        attributes={name: row[at].strip() for name, at in columns.attributes if row[at].strip()},
        faults=missing,
        array=_array(row, columns, place),
    )


def _array(row: Sequence[str], columns: _Columns, place: Place) -> Path | None:
    """The file of the whole picture as an array, in `img_arrs` beside the folder of the tables, or in that folder."""
    if columns.array is None or not row[columns.array].strip():
        return None
    name = filename_of(row[columns.array], place)
    here = place.file.parent
    folders = (here.parent / "img_arrs", here / "img_arrs")
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def _labels(row: Sequence[str], columns: _Columns, place: Place) -> frozenset[str]:
    """The labels whose column is 1; nothing in any of the columns is a person without labels."""
    said = {label: number_of(row[at], place, f"the column {label}") for label, at in columns.labels.items()}
    if all(math.isnan(value) for value in said.values()):
        return frozenset()
    for label, value in said.items():
        if value not in (0, 1):
            remedy = "Write 0 or 1 in each label column; check that the columns stand in the expected order."
            raise place.error(f"the column {label} is neither 0 nor 1", row[columns.labels[label]], remedy)
    return frozenset(label for label, value in said.items() if value)


def _picture(row: Sequence[str], columns: _Columns, place: Place) -> tuple[str, str]:
    if columns.filename is not None and columns.folder is not None:
        return database_of(row[columns.folder], place), filename_of(row[columns.filename], place)
    parts = parts_of(row[columns.path or 0], place)
    if len(parts) < 2:
        raise place.error(
            "the path names no database", row[columns.path or 0], "Write mscoco/images/NAME.jpg."
        )
    return database_of("/".join(parts[:-1]), place), parts[-1]


def _by_name(header: Sequence[str], names: Names, place: Place) -> _Columns:
    at = {cell.strip().lower(): i for i, cell in enumerate(header)}
    labels = {label: i for i, cell in enumerate(header) if (label := names.find(cell)) is not None}
    missing = [label for label in names.space.ids if label not in labels]
    if missing or len(labels) != _label_count(header, names):
        raise place.error(
            "label columns are missing or stand twice",
            ", ".join(missing) or None,
            "Write one column a label.",
        )
    box = next((tuple(at[name] for name in box) for box in _BOX if set(box) <= set(at)), None)
    path = next((at[name] for name in _PATH if name in at), None)
    if box is None or (path is None and not {"folder", "filename"} <= set(at)):
        raise place.error(
            "columns of the picture or its box are missing",
            ",".join(header),
            "Name them Folder and Filename, or path; and X_min, Y_min, X_max, Y_max.",
        )
    return _Columns(
        labels,
        box,
        path,
        at.get("folder"),
        at.get("filename"),
        tuple(at[name] for name in _VAD) if set(_VAD) <= set(at) else (),
        tuple(at[name] for name in ("width", "height")) if {"width", "height"} <= set(at) else (),
        tuple((name, at[name]) for name in ("gender", "age") if name in at),
        at.get("arr_name"),
        len(header),
    )


def _label_count(header: Sequence[str], names: Names) -> int:
    return sum(names.find(cell) is not None for cell in header)


def _is_number(cell: str) -> bool:
    try:
        float(cell or "nan")
    except ValueError:
        return False
    return True
