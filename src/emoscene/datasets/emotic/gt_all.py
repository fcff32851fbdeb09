"""The label file of the paper's authors: `gt_all.csv`, labels of 34,314 people, without pictures or boxes.

No header; each row is `<database>/<stem>_<person>.jpg,"['label', ...]"`. Train, val and test follow each other; the
file does not say where one ends. They are told apart by position: 23,706 rows of train, 3,333 of val, 7,275 of test.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from emoscene.datasets.emotic.people import EmoticPerson
from emoscene.datasets.emotic.reading import Names, Place, database_of, filename_of, read_list, table_rows
from emoscene.errors import InputError

__all__ = ["SIZES", "is_gt_all", "read_gt_all"]

#: How many rows each split has, in the order of the file.
SIZES = {"train": 23_706, "val": 3_333, "test": 7_275}

_NAME = re.compile(r"(?P<database>[^/]+)/(?P<stem>.+)_(?P<index>\d{1,4})\.jpg")


def is_gt_all(first_line: str) -> bool:
    """Whether a file that begins so is one of these."""
    path, _, labels = first_line.partition(",")
    return _NAME.fullmatch(path) is not None and labels.strip().strip('"').startswith("[")


def read_gt_all(file: Path, split: str, names: Names) -> Iterator[EmoticPerson]:
    """The people of a split, in the order of the file.

    Raises:
        InputError: if a row is malformed or stands twice, a label is unknown, or the number of rows is not that of
            the released file.
    """
    starts = [sum(list(SIZES.values())[:i]) for i in range(len(SIZES) + 1)]
    place = list(SIZES).index(split)
    number = 0
    seen: dict[str, int] = {}
    for number, (line, row) in enumerate(table_rows(file), 1):
        if starts[place] < number <= starts[place + 1]:
            person = _person(Place(file, line), row, split, names)
            if person.annotation_id in seen:
                raise Place(file, line).error(
                    f"this person stands twice in {split}, first in row {seen[person.annotation_id]:,}",
                    row[0],
                    "Get the file again.",
                )
            seen[person.annotation_id] = line
            yield person
    if number != starts[-1]:
        raise InputError(
            f"{file.name}: {number:,} rows, and the released file has {starts[-1]:,}: splits cannot be told apart",
            remedy="Get the file again; a part of it can be read with --dataset table.",
        )


def _person(place: Place, row: list[str], split: str, names: Names) -> EmoticPerson:
    name = _NAME.fullmatch(row[0]) if len(row) == 2 else None
    if name is None:
        raise place.error(
            "expected a picture with a person's number and a list of labels",
            ",".join(row),
            "A row is like mscoco/COCO_val2014_000000562243_0.jpg,\"['anger', 'fear']\".",
        )
    labels, faults = names.ids(read_list(row[1], place, "the list of labels"), place)
    return EmoticPerson(
        split=split,
        database=database_of(name["database"], place),
        filename=filename_of(f"{name['stem']}.jpg", place),
        index=int(name["index"]),
        labels=labels,
        faults=faults,
    )
