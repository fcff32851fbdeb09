"""The label file of the paper's authors: `gt_all.csv`, labels of 34,314 people, without pictures or boxes.

No header; each row is `<database>/<stem>_<person>.jpg,"['label', ...]"`. Train, val and test follow each other; the
file does not say where one ends. They are told apart by position: 23,706 rows of train, 3,333 of val, 7,275 of test.
"""

from __future__ import annotations

import ast
import csv
import re
from collections.abc import Iterator
from pathlib import Path

from emoscene.datasets.emotic.people import EmoticPerson
from emoscene.errors import InputError
from emoscene.labels import LabelSpace

__all__ = ["SIZES", "is_gt_all", "read_gt_all"]

#: How many rows each split has, in the order of the file.
SIZES = {"train": 23_706, "val": 3_333, "test": 7_275}

_NAME = re.compile(r"(?P<database>[^/]+)/(?P<stem>.+)_(?P<index>\d+)\.jpg")


def is_gt_all(first_line: str) -> bool:
    """Whether a file that begins so is one of these."""
    path, _, labels = first_line.partition(",")
    return _NAME.fullmatch(path) is not None and labels.strip().strip('"').startswith("[")


def read_gt_all(file: Path, split: str, labels: LabelSpace) -> Iterator[EmoticPerson]:
    """The people of a split, in the order of the file.

    Raises:
        InputError: if a row is malformed, a label unknown, or the number of rows is not that of the released file.
    """
    starts = [sum(list(SIZES.values())[:i]) for i in range(len(SIZES) + 1)]
    place = list(SIZES).index(split)
    number = 0
    with file.open(encoding="utf-8", newline="") as stream:
        for number, row in enumerate(csv.reader(stream), 1):
            if starts[place] < number <= starts[place + 1]:
                yield _person(file, number, row, split, labels)
    if number != starts[-1]:
        raise InputError(
            f"{file.name}: {number:,} rows, and the released file has {starts[-1]:,}: splits cannot be told apart",
            remedy="Get the file again; a part of it can be read with --dataset table.",
        )


def _person(file: Path, number: int, row: list[str], split: str, labels: LabelSpace) -> EmoticPerson:
    name = _NAME.fullmatch(row[0]) if len(row) == 2 else None
    if name is None:
        raise InputError(
            f"{file.name}, row {number}: expected a picture with a person's number and a list of labels",
            value=",".join(row),
            remedy="A row is like mscoco/COCO_val2014_000000562243_0.jpg,\"['anger', 'fear']\".",
        )
    try:
        said = ast.literal_eval(row[1])
    except (ValueError, SyntaxError):
        said = None
    if not isinstance(said, list) or not all(isinstance(each, str) for each in said):
        raise InputError(
            f"{file.name}, row {number}: this is no list of labels",
            value=row[1],
            remedy="Write ['anger', 'fear'].",
        )
    found = {each: labels.find(each) for each in said}
    for each, label in found.items():
        if label is None:
            raise InputError(
                f"{file.name}, row {number}: this is none of the labels of {labels.name}",
                value=each,
                remedy=f"One of: {', '.join(labels.ids)}.",
            )
    return EmoticPerson(
        split=split,
        database=name["database"],
        filename=f"{name['stem']}.jpg",
        index=int(name["index"]),
        labels=frozenset(label.id for label in found.values() if label is not None),
    )
