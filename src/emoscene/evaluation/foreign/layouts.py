"""Which layout a file of answers or of known labels is in, by what it holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from emoscene.datasets.emotic.reading import Place
from emoscene.evaluation.foreign.entries import Entry, Reading
from emoscene.evaluation.foreign.json_files import json_of
from emoscene.evaluation.foreign.lines import first_line
from emoscene.evaluation.foreign.people import People
from emoscene.evaluation.foreign.table import is_nameless, pairs_of, table_of

__all__ = ["LAYOUTS", "Layout", "layout_of"]

#: What a file may look like, in one sentence.
LAYOUTS = (
    "Write a CSV file with the header id,labels and labels separated by ';'. Also read: one column a label (0/1 or "
    'scores), id and text, JSON lines {"id", "labels" | "scores" | "text"}, a JSON object from ids, rows.jsonl.'
)


class Layout(Protocol):
    """A file whose layout is known."""

    @property
    def layout(self) -> str:
        """What it is called."""

    def entries(self) -> Iterator[Entry]:
        """Its rows. Raises InputError for one that is malformed."""


def layout_of(file: Path, reading: Reading, people: People | None = None) -> Layout:
    """How a file is to be read.

    Raises:
        InputError: if it is in no layout; shows its first line.
    """
    number, first = first_line(file)
    found = (
        json_of(file, reading)
        or table_of(file, first, reading)
        or pairs_of(file, number, first, reading, people)
    )
    if found is not None:
        return found
    place = Place(file, number)
    if is_nameless(first, reading):
        raise place.error(
            "these are numbers without a header, and several orders of the labels are in use",
            first,
            f"Add a header with id and the name of each label: id,{','.join(reading.space.ids[:3])},...",
        )
    raise place.error(
        f"this is in no layout in which answers or labels of {reading.space.name} are read", first, LAYOUTS
    )
