"""From the cells of a row to what is known of a person: labels, votes, valence, a box. Faults are counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from emoscene.datasets.base import Defect, Ledger
from emoscene.datasets.table_cells import LabelReader, box_in, number_in, text_in
from emoscene.datasets.table_columns import Columns
from emoscene.datasets.table_files import Row
from emoscene.datasets.table_layout import TableLayout
from emoscene.errors import InputError
from emoscene.types import VAD, Annotation, BoundingBox

__all__ = ["DEFECTS", "LeftOutError", "PersonReader", "Target", "note", "rescale"]

#: What a table may have wrong, and what is done about it.
DEFECTS: Mapping[str, Defect] = {
    "unknown_label": Defect("a label that the space does not have", "the row is left out", "warning"),
    "faulty_row": Defect("a row with a faulty box or number", "the row is left out", "warning"),
    "ignored_label": Defect("a label that stands for none of the space", "the row is left out", "note"),
    "no_majority": Defect("votes that make no label hold", "the row is left out", "note"),
    "nothing": Defect(
        "a row without picture and without text", "kept; its status will be `missing_input`", "warning"
    ),
    "no_label": Defect("a person without labels", "kept without a target", "warning"),
    "synonym": Defect("a label written as a synonym", "read as the label", "note"),
    "part_vad": Defect(
        "not all three of valence, arousal and dominance", "kept as attributes, on the scale 1 to 10", "note"
    ),
}


class LeftOutError(Exception):
    """A row that is no sample, because of the defect named. It never leaves this package."""

    def __init__(self, defect: str, example: str) -> None:
        super().__init__(defect)
        self.defect = defect
        self.example = example


@dataclass(frozen=True)
class Target:
    """What a row says of a person."""

    labels: frozenset[str] | None
    scores: dict[str, float] | None = None
    annotations: tuple[Annotation, ...] = ()


def rescale(number: float, low: float, high: float) -> float:
    """A number from `low` to `high` on EMOTIC's scale: 1 + 9 (number - low) / (high - low)."""
    return 1 + 9 * (number - low) / (high - low)


@dataclass(frozen=True)
class PersonReader:
    """Reads people from rows: which columns there are, how labels are written."""

    columns: Columns
    layout: TableLayout
    labels: LabelReader

    def target(self, row: Row, ledger: Ledger | None) -> Target:
        """The labels of a row.

        Raises:
            LeftOutError: if the row is to be left out.
            InputError: if a cell is faulty.
        """
        if self.columns.vote_columns:
            return self._voted(row, self.columns)
        if self.columns.label_columns:
            return self._flagged(row, self.columns.label_columns)
        if self.columns.labels is None:
            return Target(None)
        read = self.labels.read(row.cells.get(self.columns.labels), row.where)
        if read is None:
            note(ledger, "no_label", row.where)
            return Target(None)
        if read.ignored and not read.ids:
            raise LeftOutError("ignored_label", f"{read.ignored!r} in {row.where}")
        for said in read.by_synonym:
            note(ledger, "synonym", said)
        return Target(frozenset(read.ids))

    def _flagged(self, row: Row, columns: Mapping[str, str]) -> Target:
        shares: dict[str, float] = {}
        for column, label in columns.items():
            number = number_in(row.cells.get(column), row.where, column)
            if number is None or not 0 <= number <= 1:
                raise InputError(
                    f"{row.where}: {column} must be 0, 1 or a share between",
                    value=row.cells.get(column),
                    remedy="Numbers of votes are read with vote_columns=.",
                )
            shares[label] = number
        held = frozenset(label for label, share in shares.items() if share >= self.layout.threshold)
        if not self.labels.space.multi_label:
            held = self._highest(shares, row)
        whole = all(share in (0, 1) for share in shares.values())
        return Target(held, None if whole else shares)

    def _highest(self, shares: Mapping[str, float], row: Row) -> frozenset[str]:
        """The label with the most, where there is one; a row with several at the top or nothing at all is left out."""
        most = max(shares.values())
        first = [label for label, share in shares.items() if share == most]
        if most == 0 or len(first) > 1:
            raise LeftOutError("no_majority", row.where)
        return frozenset(first)

    def _voted(self, row: Row, columns: Columns) -> Target:
        votes = {label: self._votes(row, column) for column, label in (columns.vote_columns or {}).items()}
        ignored = sum(self._votes(row, column) for column in columns.ignored_votes)
        total = sum(votes.values()) + ignored
        if total == ignored:
            raise LeftOutError("no_majority", row.where)
        shares = {label: count / total for label, count in votes.items()}
        return Target(self._held(shares, ignored / total, row), shares, self._annotations(votes))

    def _votes(self, row: Row, column: str) -> float:
        number = number_in(row.cells.get(column), row.where, column) or 0.0
        if number < 0:
            raise InputError(
                f"{row.where}: {column} has fewer than no votes", value=number, remedy="Count again."
            )
        return number if number >= self.layout.least_votes else 0.0

    def _held(self, shares: Mapping[str, float], ignored: float, row: Row) -> frozenset[str]:
        rule = self.layout.votes
        if rule.kind == "plurality":
            if ignored >= max(shares.values()):
                raise LeftOutError("no_majority", row.where)
            return self._highest(shares, row)
        least = {"majority": 0.5, "any": 0.0}.get(rule.kind)
        held = frozenset(
            label
            for label, share in shares.items()
            if (share > least if least is not None else share >= rule.share)
        )
        if not held:
            raise LeftOutError("no_majority", row.where)
        if len(held) > 1 and not self.labels.space.multi_label:
            raise InputError(
                f"{row.where}: the votes make several labels hold, and {self.labels.space.name} has one a person",
                value=", ".join(sorted(held)),
                remedy="Set votes=majority or votes=plurality, or name a label space with multi_label: true.",
            )
        return held

    def _annotations(self, votes: Mapping[str, float]) -> tuple[Annotation, ...]:
        """One annotator a vote: known only where each gave one label and votes are whole numbers."""
        whole = all(count.is_integer() for count in votes.values())
        if self.labels.space.multi_label or not whole or sum(votes.values()) > 1000:
            return ()
        return tuple(
            Annotation(labels=frozenset({label})) for label, count in votes.items() for _ in range(int(count))
        )

    def vad(self, row: Row, ledger: Ledger | None) -> tuple[VAD | None, dict[str, str]]:
        """Valence, arousal and dominance on 1 to 10; where not all three are there, as attributes.

        Raises:
            InputError: if a number lies outside of the given range.
        """
        if not self.columns.has_vad:
            return None, {}
        low, high = self.layout.vad_range
        told: dict[str, float] = {}
        for name in ("valence", "arousal", "dominance"):
            column = getattr(self.columns, name)
            number = number_in(row.cells.get(column), row.where, column) if column else None
            if number is None or number in self.layout.vad_missing:
                continue
            if not low <= number <= high:
                raise InputError(
                    f"{row.where}: {column} lies outside of {low:g} to {high:g}",
                    value=number,
                    remedy="Set the range of the numbers: vad_range=LOWEST,HIGHEST.",
                )
            told[name] = rescale(number, low, high)
        if len(told) == 3:
            return VAD(**told), {}
        if told:
            note(ledger, "part_vad", row.where)
        return None, {name: f"{number:.4g}" for name, number in told.items()}

    def box(self, row: Row) -> BoundingBox | None:
        if not self.columns.box:
            return None
        return box_in([row.cells.get(c) for c in self.columns.box], row.where, sized=self.columns.sized)

    def attributes(self, row: Row) -> dict[str, str]:
        cells = {name: text_in(row.cells.get(name)) for name in self.columns.attributes}
        return {name: cell for name, cell in cells.items() if cell}


def note(ledger: Ledger | None, defect: str, example: str) -> None:
    """Count a fault where somebody counts."""
    if ledger is not None:
        ledger.note(defect, example)
