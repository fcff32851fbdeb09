"""The tables that the most used PyTorch port makes of the mat: `emotic_pre/{train,val,test}.csv`.

Columns Index, Folder, Filename, Image Size, BBox, Categorical_Labels, Continuous_Labels, Gender, Age; lists are
written as Python writes them. People without a picture, without valence, arousal and dominance, or with a box that
could not be cut out, were dropped when the table was made, so that the test split has 7,203 people.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from emoscene.datasets.emotic.people import EmoticPerson, Numbering
from emoscene.datasets.emotic.reading import (
    Names,
    Place,
    box_of,
    columns_of,
    database_of,
    filename_of,
    number_of,
    read_list,
    size_of,
    table_rows,
    vad_of,
)

__all__ = ["COLUMNS", "is_tandon", "read_tandon"]

COLUMNS = ("Folder", "Filename", "Image Size", "BBox", "Categorical_Labels", "Continuous_Labels")


def is_tandon(header: Sequence[str]) -> bool:
    """Whether a table with this header is one of these, in whatever order its columns stand."""
    return {"Filename", "BBox", "Categorical_Labels"} <= {name.strip() for name in header}


def read_tandon(file: Path, split: str, names: Names) -> Iterator[EmoticPerson]:
    """The people of the file, in its order.

    Raises:
        InputError: if a column is missing or a row malformed.
    """
    rows = table_rows(file)
    columns = columns_of(next(rows)[1], COLUMNS, Place(file, 1))
    numbering = Numbering()
    for line, row in rows:
        place = Place(file, line)
        cells = columns.cells(row, place)
        labels, faults = names.ids(read_list(cells["Categorical_Labels"], place, "Categorical_Labels"), place)
        vad, missing = vad_of(read_list(cells["Continuous_Labels"], place, "Continuous_Labels"), place)
        sides = [
            number_of(each, place, "Image Size")
            for each in read_list(cells["Image Size"], place, "Image Size")
        ]
        picture = database_of(cells["Folder"], place), filename_of(cells["Filename"], place)
        yield EmoticPerson(
            split,
            *picture,
            numbering.next(*picture),
            labels,
            box=box_of(read_list(cells["BBox"], place, "BBox"), place),
            vad=vad,
            size=size_of(*sides) if len(sides) == 2 else None,
            attributes={key.lower(): cells[key] for key in ("Gender", "Age") if cells.get(key)},
            faults=faults + missing,
        )
