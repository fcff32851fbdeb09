"""Other people's files: `read_truth` and `read_predictions`, in any of the layouts in which they are found.

file --known by its content--> Entry(s), each with its row --People--> whom it is about --judged--> Prediction(s)

Answers: our rows; a table with `id` and `labels`, with free text, or with a column a label; pairs without a header;
JSON lines, a JSON list, or an object from ids. Labels are found by name, never by position; a synonym is no spelling.
What cannot be understood is an error that names file, row and remedy; what is passed over is counted and said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from emoscene.datasets.emotic.reading import Place
from emoscene.errors import InputError, shorten
from emoscene.evaluation.foreign.entries import Entry, Reading
from emoscene.evaluation.foreign.judging import Judge, UnknownLabels
from emoscene.evaluation.foreign.layouts import LAYOUTS, Layout, layout_of
from emoscene.evaluation.foreign.lines import check_file
from emoscene.evaluation.foreign.people import People
from emoscene.evaluation.foreign.table import Table
from emoscene.evaluation.foreign.truth import read_truth
from emoscene.labels import LabelSpace
from emoscene.recognizers.free_answers import Parser
from emoscene.runs.record import MANIFEST, ROWS
from emoscene.runs.truth import TruthRow
from emoscene.types import Prediction

__all__ = ["LAYOUTS", "Foreign", "Parser", "UnknownLabels", "read_predictions", "read_truth"]

_MOST_EXAMPLES = 3


@dataclass(frozen=True)
class Foreign:
    """Answers that were read from somebody's file.

    Attributes:
        rows: One row for each answer about a person whose labels are known, in the order of these people.
        missing: Ids of people with known labels and without an answer.
        unknown: How many answers are about nobody whose labels are known.
        examples: The first of those, with their rows.
        unknown_labels: Labels that are none of the space, by how many answers name them.
        layout: How the file was understood.
        warnings: What a reader of the figures must know.
    """

    rows: tuple[Prediction, ...]
    missing: tuple[str, ...] = ()
    unknown: int = 0
    examples: tuple[str, ...] = ()
    unknown_labels: Counter[str] = field(default_factory=Counter)
    layout: str = ""
    warnings: tuple[str, ...] = ()


def read_predictions(
    file: str | Path,
    labels: LabelSpace,
    truth: Sequence[TruthRow],
    *,
    unknown_labels: UnknownLabels = "unparsed",
    parser: Parser = "strict",
) -> Foreign:
    """The answers of a file, in the ids of the people whose labels are known.

    Args:
        file: A file in any of the layouts, or a run's folder.
        labels: The label space of the answers.
        truth: Everybody whose labels are known.
        unknown_labels: What an answer is that names a label outside the space: `unparsed` (it counts as an empty one)
            or `leave_out` (the other labels of the answer count).
        parser: How free text is read: `strict`, or `substring` as the paper did.

    Raises:
        MissingFileError: if there is no such file.
        InputError: if the file is in no layout, a row is malformed, a person is answered for twice or may be one of
            two, or nobody in the file is known; names file, row and remedy.
    """
    path = _answers_in(Path(file))
    reading, people = Reading(labels), People(truth)
    source = layout_of(path, reading, people)
    pairing = _Pairing(path, people)
    judge = Judge(reading, unknown_labels, parser, path.name)
    for entry in source.entries():
        person = pairing.person(entry)
        if person is not None:
            judge.add(person, entry)
    pairing.check_somebody(len(judge))
    rows = judge.rows(source.not_binary if isinstance(source, Table) else ())
    return Foreign(
        rows=tuple(rows[row.id] for row in truth if row.id in rows),
        missing=tuple(row.id for row in truth if row.labels is not None and row.id not in rows),
        unknown=pairing.unknown,
        examples=tuple(pairing.examples),
        unknown_labels=judge.unknown_labels,
        layout=source.layout,
        warnings=(*pairing.warnings(), *_of_table(source, judge), *judge.warnings()),
    )


def _answers_in(path: Path) -> Path:
    """The file of answers; a run's folder stands for its rows."""
    file = path / ROWS if path.is_dir() and (path / MANIFEST).is_file() else path
    if file.is_dir():
        raise InputError(
            "this folder holds no run",
            value=path,
            remedy="Name a file of answers, or the folder of `eval run --out`.",
        )
    check_file(file)
    return file


def _of_table(source: Layout, judge: Judge) -> Iterator[str]:
    if not isinstance(source, Table):
        return
    columns = source.columns
    if columns.picture is not None:
        yield (
            f"{source.file.name}: people of one picture are told apart by their order in the file; if some were "
            "left out of it, answers may be of others"
        )
    unread = [columns.header[at] for at in columns.others]
    unread = [name for name in unread if name in source.not_binary or not judge.sets]
    if columns.scores and unread:
        yield f"{source.file.name}: columns of no label are not read: {shorten(', '.join(unread))}"


class _Pairing:
    """Whom each answer is about: every person once, nobody counted."""

    def __init__(self, file: Path, people: People) -> None:
        self._file = file
        self._people = people
        self._first: dict[str, Place] = {}
        self._further: Counter[str] = Counter()
        self._swapped: InputError | None = None
        self.unknown = 0
        self.examples: list[str] = []

    def person(self, entry: Entry) -> str | None:
        """The id of the person; None where that is nobody whose labels are known.

        Raises:
            InputError: if there is an answer for the person already, or the id may mean two people.
        """
        person = self._find(entry)
        if person is None:
            self.unknown += 1
            if len(self.examples) < _MOST_EXAMPLES:
                named = next((each for each in entry.ids if not each.isdigit()), entry.ids[0])
                self.examples.append(f"{shorten(named, 80)} in {entry.place.unit} {entry.place.row}")
            self._look_for_swap(entry)
            return None
        there = self._first.get(person)
        if there is not None:
            further = f"{person}#{self._further[person] + 2}"
            if further in self._people:
                self._further[person] += 1
                person = further
                there = self._first.get(person)
        if there is not None:
            raise entry.place.error(
                f"this person is answered for twice, first in {there.unit} {there.row}",
                person,
                "Keep one of the two.",
            )
        self._first[person] = entry.place
        return person

    def _find(self, entry: Entry) -> str | None:
        person = self._people.find(entry.ids[0], entry.place, entry.split)
        if person is None and entry.ids[0].isdigit():  # a running number: the picture says who it is
            found = (self._people.find(each, entry.place, entry.split) for each in entry.ids[1:])
            person = next((each for each in found if each is not None), None)
        return person

    def _look_for_swap(self, entry: Entry) -> None:
        labels = entry.labels or ()
        if self._swapped is None and len(labels) == 1 and self._people.find(labels[0], entry.place):
            self._swapped = entry.place.error(
                "the column of labels holds a person's id",
                labels[0],
                "Mend the header: its names must stand in the order of the columns.",
            )

    def check_somebody(self, answered: int) -> None:
        """Raises InputError if the file holds no answer, or none about anybody whose labels are known."""
        if answered:
            return
        if self._swapped is not None:
            raise self._swapped
        if not self.unknown:
            raise InputError(
                f"{self._file.name}: the file holds no answers",
                remedy="Write one row a person below the header.",
            )
        raise InputError(
            f"{self._file.name}: none of the {self.unknown:,} answers is about anybody whose labels are known",
            value="; ".join(self.examples),
            remedy=f"{_SAME} The known ids are like {self._people.example!r}.",
        )

    def warnings(self) -> Iterator[str]:
        if self.unknown:
            yield (
                f"{self._file.name}: {self.unknown:,} answers are about nobody whose labels are known (such as "
                f"{'; '.join(self.examples)}) and are left out. {_SAME}"
            )
        if self._further:
            yield (
                f"{self._file.name}: {self._further.total():,} answers are further ones about the same picture; "
                "they are taken in the order of the file"
            )


_SAME = "Check that answers and known labels are of the same data and split (--split)."
