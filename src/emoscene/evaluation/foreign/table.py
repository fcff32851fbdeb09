"""Rows of a table of answers or of known labels: what each column is, found by its name, in whatever order they stand.

Understood are a person's id (or a folder and a file name) with a column of labels, a column of free text, or one
column a label.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from emoscene.datasets.emotic.people import Numbering
from emoscene.datasets.emotic.reading import Place, database_of, filename_of, read_list
from emoscene.errors import shorten
from emoscene.evaluation.foreign.entries import (
    VAD_NAMES,
    Entry,
    Reading,
    number,
    parts_of_labels,
    vad_of_three,
)
from emoscene.evaluation.foreign.lines import SEPARATORS, cells_of, table_rows
from emoscene.evaluation.foreign.people import People
from emoscene.labels.space import normal_form
from emoscene.types import VAD

__all__ = ["Columns", "Pairs", "Table", "columns_of", "is_nameless", "pairs_of", "table_of"]

_IDS = (
    *("id", "sampleid", "personid", "annotationid", "questionid", "key", "image", "imageid", "imagepath"),
    *("imagename", "imagefile", "path", "filepath", "img", "imgpath", "file", "filename", "name"),
)
#: The first column of a table that pandas wrote, which has no name.
_UNNAMED = ("", "unnamed0")
_LABELS = (
    *(
        "labels",
        "label",
        "predictedlabels",
        "predictedlabel",
        "predictions",
        "prediction",
        "predicted",
        "preds",
    ),
    *("pred", "emotions", "emotion", "categories", "category", "categoricallabels"),
)
_TEXTS = ("text", "answer", "response", "output", "completion", "generatedtext", "generation")
#: Columns that say something else about a person, and are never taken for a label that is missing from the space.
_OTHERS = frozenset(
    {
        "index",
        "bbox",
        "box",
        "xmin",
        "ymin",
        "xmax",
        "ymax",
        "x1",
        "y1",
        "x2",
        "y2",
        "width",
        "height",
        "gender",
    }
    | {
        "age",
        "imagesize",
        "arrname",
        "cropname",
        "schemaversion",
        "source",
        "error",
        "errormessage",
        "dominant",
    }
    | {"caption", "reason", "evidence", "labelmass", "rawtext", "model", "labelspace", "warnings", "rulesid"}
    | {"continuouslabels", "folder", "filename", "unnamed0", "", "fold", "seed", "dataset", "rawscores"}
)
_SCORED = re.compile(r"(?:scores?|prob|probability|pred|logit|p)[._:/ -]+(?P<label>.+)", re.IGNORECASE)


@dataclass(frozen=True)
class Columns:
    """Where in a row each thing stands; None or empty where the table does not have it."""

    header: tuple[str, ...]
    ids: tuple[int, ...] = ()
    picture: tuple[int, int] | None = None
    labels: int | None = None
    text: int | None = None
    scores: dict[str, int] = field(default_factory=dict)
    vad: tuple[int, ...] = ()
    vad_list: int | None = None
    split: int | None = None
    group: int | None = None
    status: int | None = None
    said: int | None = None
    score_kind: int | None = None
    others: tuple[int, ...] = ()

    @property
    def understood(self) -> bool:
        """Whether this is the header of a table that says something about somebody."""
        says = self.labels is not None or self.text is not None or bool(self.scores)
        return says and (bool(self.ids) or self.picture is not None)

    @property
    def layout(self) -> str:
        if self.scores:
            return "table, a column a label"
        return "table, labels in one column" if self.labels is not None else "table, free text in one column"


@dataclass(frozen=True)
class Table:
    """A table whose header was understood."""

    file: Path
    separator: str
    columns: Columns
    reading: Reading
    #: Columns of no label that are found to hold something else than 0 and 1.
    not_binary: set[str] = field(default_factory=set)

    @property
    def layout(self) -> str:
        return self.columns.layout

    def entries(self) -> Iterator[Entry]:
        """Its rows.

        Raises:
            InputError: if the header lacks a label or has one twice, or a row is malformed.
        """
        rows = table_rows(self.file, self.separator)
        place, header = next(rows)
        _check_header(self.columns, self.reading, place)
        numbering = Numbering()
        for place, row in rows:
            if len(row) != len(header):
                raise place.error(
                    f"expected {len(header)} columns as in the header, found {len(row)}",
                    self.separator.join(row),
                    "Put texts that hold the separator in double quotes; separate labels with ';'.",
                )
            yield self._entry(row, place, numbering)

    def _entry(self, row: Sequence[str], place: Place, numbering: Numbering) -> Entry:
        columns = self.columns
        entry = Entry(place, self._ids(row, place, numbering))
        if columns.labels is not None:
            entry.labels = parts_of_labels(row[columns.labels], self.reading, place)
        elif columns.text is not None:
            entry.text = row[columns.text]
        status = _cell(row, columns.status)
        if status is not None and status != "ok":
            entry.status, entry.said = status, _cell(row, columns.said)
            return entry
        if columns.scores:
            entry.scores = {
                label: number(row[at], place, f"the column {shorten(columns.header[at], 60)!r}")
                for label, at in columns.scores.items()
            }
            entry.ones = self._ones(row)
        entry.vad = self._vad(row, place)
        entry.split = _cell(row, columns.split)
        entry.group = _cell(row, columns.group)
        entry.score_kind = _cell(row, columns.score_kind)
        return entry

    def _ids(self, row: Sequence[str], place: Place, numbering: Numbering) -> tuple[str, ...]:
        if self.columns.picture is not None:
            folder, name = (row[at] for at in self.columns.picture)
            picture = database_of(folder, place), filename_of(name, place)
            return (f"{picture[0]}/{picture[1].rpartition('.')[0]}_{numbering.next(*picture)}",)
        written = tuple(row[at].strip() for at in self.columns.ids if row[at].strip())
        if not written:
            raise place.error(
                "the row does not say whom it is about", ",".join(row), "Write an id in every row."
            )
        return written

    def _ones(self, row: Sequence[str]) -> tuple[str, ...]:
        """The columns of no label that hold a 1; those that hold anything but 0 and 1 are no labels at all."""
        ones = []
        for at in self.columns.others:
            cell, name = row[at].strip(), self.columns.header[at]
            if cell in _ONES:
                ones.append(name)
            elif cell not in _ZEROS:
                self.not_binary.add(name)
        return tuple(ones)

    def _vad(self, row: Sequence[str], place: Place) -> VAD | None:
        if self.columns.vad:
            return vad_of_three([row[at] for at in self.columns.vad], place)
        if self.columns.vad_list is not None and row[self.columns.vad_list].strip():
            return vad_of_three(read_list(row[self.columns.vad_list], place, "Continuous_Labels"), place)
        return None


_ONES, _ZEROS = ("1", "1.0"), ("0", "0.0", "")


def _cell(row: Sequence[str], at: int | None) -> str | None:
    return None if at is None else row[at].strip() or None


def table_of(file: Path, first: str, reading: Reading) -> Table | None:
    """The table that begins with this line, if its header is understood with any of the separators."""
    for separator in SEPARATORS:
        columns = columns_of(cells_of(first, separator), reading)
        if columns.understood:
            return Table(file, separator, columns, reading)
    return None


def columns_of(header: Sequence[str], reading: Reading) -> Columns:
    """What each column of a header is."""
    names = [normal_form(cell) for cell in header]
    at = {name: place for place, name in reversed(list(enumerate(names)))}
    scores = _label_columns(header, reading)
    roles = {name: at.get(name) for name in ("split", "group", "status", "scorekind", "continuouslabels")}
    vad = tuple(at[name] for name in VAD_NAMES if name in at)
    picture = (at["folder"], at["filename"]) if {"folder", "filename"} <= set(at) and "id" not in at else None
    ids = tuple(dict.fromkeys(at[name] for name in _IDS if name in at))
    if not ids and picture is None and names and names[0] in _UNNAMED:
        ids = (0,)
    labels = next((at[name] for name in _LABELS if name in at), None)
    text = next((at[name] for name in _TEXTS if name in at), None)
    said = next((at[name] for name in ("errormessage", "error") if name in at), None)
    used = {*scores.values(), *ids, *vad, labels, text, *roles.values()}
    return Columns(
        header=tuple(cell.strip() for cell in header),
        ids=ids,
        picture=picture,
        labels=labels,
        text=text,
        scores=scores,
        vad=vad if len(vad) == len(VAD_NAMES) else (),
        vad_list=roles["continuouslabels"],
        split=roles["split"],
        group=roles["group"],
        status=roles["status"],
        said=said,
        score_kind=roles["scorekind"],
        others=tuple(i for i, name in enumerate(names) if i not in used and name not in _OTHERS),
    )


def _label_columns(header: Sequence[str], reading: Reading) -> dict[str, int]:
    """The first column of each label of the space, in the order of the space."""
    found: dict[str, int] = {}
    for at, cell in enumerate(header):
        label = _label_of(cell, reading)
        if label is not None:
            found.setdefault(label, at)
    return {label: found[label] for label in reading.space.ids if label in found}


def _label_of(cell: str, reading: Reading) -> str | None:
    if len(cell) > 200:
        return None
    label = reading.find(cell)
    scored = None if label is not None else _SCORED.fullmatch(cell.strip())
    return reading.find(scored["label"]) if scored is not None else label


def _check_header(columns: Columns, reading: Reading, place: Place) -> None:
    """Refuse a header that has a column twice, or label columns but not one for every label."""
    seen: dict[str, int] = {}
    for at, cell in enumerate(columns.header):
        name = _label_of(cell, reading) or normal_form(cell)
        if name in seen and (name in reading.space or seen[name] in (*columns.ids, columns.labels)):
            raise place.error(
                f"columns {seen[name] + 1} and {at + 1} have one name",
                cell,
                "Keep one of them, or rename it.",
            )
        seen.setdefault(name, at)
    absent = [label for label in reading.space.ids if label not in columns.scores]
    if not columns.scores or not absent:
        return
    for at in columns.others:
        near = reading.near(columns.header[at])
        if near is not None and reading.find(near) in absent:
            raise place.error(
                f"the column names none of the labels of {reading.space.name}",
                columns.header[at],
                f"Did you mean {near!r}? One column for each label: {', '.join(reading.space.ids)}.",
            )
    strange = ", ".join(columns.header[at] for at in columns.others)
    raise place.error(
        f"{len(absent)} of the {len(reading.space)} labels of {reading.space.name} have no column",
        ", ".join(absent),
        (f"Columns of no label: {shorten(strange)}. " if strange else "")
        + "Add a column for each, with 0 where it was never named.",
    )


@dataclass(frozen=True)
class Pairs:
    """A table of two columns without a header: a person, and labels as Python or with ';' writes them."""

    file: Path
    separator: str
    reading: Reading
    layout: str = "pairs without a header"

    def entries(self) -> Iterator[Entry]:
        """Its rows.

        Raises:
            InputError: if a row is no such pair.
        """
        for place, row in table_rows(self.file, self.separator):
            if len(row) != 2 or not row[0].strip():
                raise place.error(
                    f"expected an id and labels, found {len(row)} columns",
                    self.separator.join(row),
                    "Put lists in double quotes, or separate labels with ';'.",
                )
            if row[0].lstrip()[:1] in "[(":
                raise place.error(
                    "the labels stand before the person",
                    row[0],
                    "Write the id first, or a header: id,labels.",
                )
            yield Entry(place, (row[0].strip(),), labels=parts_of_labels(row[1], self.reading, place))


def pairs_of(file: Path, number_: int, first: str, reading: Reading, people: People | None) -> Pairs | None:
    """The pairs that begin with this line: labels in brackets, or, where people are known, one of them with labels."""
    place = Place(file, number_)
    for separator in SEPARATORS:
        cells = cells_of(first, separator)
        if len(cells) != 2:
            continue
        if any(cell.strip()[:1] == "[" and cell.strip()[-1:] == "]" for cell in cells):
            return Pairs(file, separator, reading)
        if people is not None and people.find(cells[0], place) is not None:
            return Pairs(file, separator, reading)
    return None


def is_nameless(first: str, reading: Reading) -> bool:
    """Whether a line is numbers, one or more a label, with at most a name and a box: columns nobody named."""
    for separator in (*SEPARATORS, " "):
        cells = [cell.strip() for cell in cells_of(first, separator)]
        numbers = sum(_is_number(cell) for cell in cells)
        if numbers >= len(reading.space) > 1 and len(cells) - numbers <= 2:
            return True
    return False


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
