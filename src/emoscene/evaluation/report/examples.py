"""The people whom a run answered best and worst: picture with box or words, what is known, and what was answered."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from emoscene.errors import EmosceneError
from emoscene.evaluation.report.blocks import Block, Paragraph, Section, as_markdown
from emoscene.evaluation.report.inputs import ReportInput
from emoscene.evaluation.table import Table
from emoscene.images import open_picture
from emoscene.labels import LabelSpace
from emoscene.metrics.calibration import LOWEST
from emoscene.render import words
from emoscene.render.document import boxed_picture, escaped
from emoscene.runs.truth import TruthRow
from emoscene.types import BoundingBox, Prediction, ScoreKind

__all__ = ["Example", "examples", "person_f1", "ranked_people"]

_THUMBNAIL = 320
_MOST_WORDS = 400
_TERMS = "These are pictures of people, part of this file: hand it on only as the terms of the dataset allow."
_CLAIMS = (ScoreKind.PROBABILITY, ScoreKind.YES_SHARE)

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Example:
    """One person of a report.

    Attributes:
        id: The person's.
        picture: The picture as HTML, or why there is none, in words.
        pictured: Which of the two it is.
        known, named: Ids of the labels that hold, and of those that were named.
        f1: The person's own F1.
        said: Words that belong to the person: the text that was judged, a caption, a reason.
    """

    id: str
    picture: str
    pictured: bool
    known: tuple[str, ...]
    named: tuple[str, ...]
    f1: float
    said: tuple[tuple[str, str], ...]
    labels: LabelSpace

    def html(self) -> str:
        shown = self.picture if self.pictured else f'<p class="faint nopicture">{escaped(self.picture)}</p>'
        said = "".join(
            f'<p class="said"><b>{escaped(name)}</b>{escaped(text)}</p>' for name, text in self.said
        )
        return (
            f'<article class="example">{shown}<p class="faint">{escaped(self.id)} · F1 {100 * self.f1:.0f} %</p>'
            f'<div class="sides"><div><b>known</b>{self._list(self.known, self.named, "missed")}</div>'
            f"<div><b>answered</b>{self._list(self.named, self.known, 'wrong')}</div></div>{said}</article>"
        )

    def _list(self, labels: Sequence[str], others: Sequence[str], otherwise: str) -> str:
        marks = ("hit" if label in others else otherwise for label in labels)
        names = (escaped(words.label_name(label, self.labels)) for label in labels)
        items = "".join(f'<li class="{mark}">{name}</li>' for mark, name in zip(marks, names, strict=True))
        return f"<ul>{items}</ul>" if items else '<p class="faint">none</p>'

    def markdown(self) -> str:
        known, named = (
            ", ".join(words.label_name(label, self.labels) for label in each) or "none"
            for each in (self.known, self.named)
        )
        said = [f"{name}: {text}" for name, text in self.said]
        parts = [f"known: {known}", f"answered: {named}", f"F1 {100 * self.f1:.0f} %", *said]
        return f"- {as_markdown(self.id)}: {as_markdown('; '.join(parts))}"


@dataclass(frozen=True)
class _Gallery:
    """Examples under a heading."""

    title: str
    people: Sequence[Example]

    def html(self) -> str:
        cards = "".join(person.html() for person in self.people)
        return f'<h3 class="sub">{escaped(self.title)}</h3><div class="gallery">{cards}</div>'

    def markdown(self) -> str:
        return "\n".join(
            [f"### {as_markdown(self.title)}", "", *(person.markdown() for person in self.people)]
        )


def examples(runs: Sequence[ReportInput], names: Sequence[str], most: int) -> Section:
    """The `most` best and worst people of each run, of different pictures; those without an answer are left out."""
    blocks: list[Block] = [Paragraph(_rule(runs), "faint")]
    pictured = False
    for given, name in zip(runs, names, strict=True):
        best, worst = ranked_people(given.table, most)
        if not best:
            blocks.append(Paragraph(f"{name}: nobody who carries a label was answered."))
            continue
        people = _people(given, [*best, *worst])
        pictured |= any(person.pictured for person in people.values())
        for title, chosen in (("best", best), ("worst", worst)):
            heading = f"{name}: {title}" if len(runs) > 1 else title.capitalize()
            blocks.append(_Gallery(heading, [people[at] for at in chosen]))
    if pictured:
        blocks.append(Paragraph(_TERMS, "faint"))
    return Section("People answered best and worst", blocks)


def _rule(runs: Sequence[ReportInput]) -> str:
    ties = (
        "by log loss"
        if any(given.table.score_kind in _CLAIMS for given in runs)
        else "in a fixed random order"
    )
    return (
        f"By each person's own F1; people of the same F1 {ties}. At most one person of a picture; people without an "
        "answer or without a known label are left out. ✓ known and named, ✗ named but not known, ○ known but not named."
    )


def person_f1(table: Table) -> FloatArray:
    """Shape (n,): F1 of each person's labels; 0 where neither is known nor named."""
    both = (table.truth & table.chosen).sum(axis=1)
    total = table.truth.sum(axis=1) + table.chosen.sum(axis=1)
    return np.asarray(2 * both / np.maximum(total, 1), dtype=np.float64)


def _log_loss(table: Table) -> FloatArray:
    """Shape (n,): mean over the labels; 0 for everybody where scores claim no share."""
    if table.score_kind not in _CLAIMS:
        return np.zeros(len(table.ids))
    shares = np.clip(np.nan_to_num(table.scores, nan=0.5), LOWEST, 1 - LOWEST)
    return np.asarray(-np.where(table.truth, np.log(shares), np.log1p(-shares)).mean(axis=1))


def ranked_people(table: Table, most: int) -> tuple[list[int], list[int]]:
    """Rows of the best and of the worst people, best and worst first; nobody is among both."""
    f1, loss = person_f1(table), _log_loss(table)
    mixed = np.array([hashlib.blake2b(each.encode("utf-8", "backslashreplace"), digest_size=6).hexdigest()
                      for each in table.ids])  # fmt: skip
    shown = table.ok & table.truth.any(axis=1)
    best = _first(table, np.lexsort((mixed, loss, -f1)), shown, most, set())
    taken = {table.groups[at] for at in best}
    return best, _first(table, np.lexsort((mixed, -loss, f1)), shown, most, taken)


def _first(
    table: Table, order: npt.NDArray[np.intp], shown: npt.NDArray[np.bool_], most: int, taken: set[str]
) -> list[int]:
    found: list[int] = []
    met = set(taken)
    for at in order:
        if len(found) == most:
            break
        if shown[at] and table.groups[at] not in met:
            met.add(table.groups[at])
            found.append(int(at))
    return found


def _people(given: ReportInput, chosen: Sequence[int]) -> dict[int, Example]:
    """The chosen people; truth and rows are read once, and only theirs are kept."""
    table = given.table
    wanted = {table.ids[at] for at in chosen}
    known = {person.id: person for person in given.run.truth() if person.id in wanted}
    rows = {row.id: row for row in given.run.rows() if row.id in wanted}
    f1 = person_f1(table)
    return {
        at: _example(table, at, float(f1[at]), known[table.ids[at]], rows[table.ids[at]]) for at in chosen
    }


def _example(table: Table, at: int, f1: float, person: TruthRow, row: Prediction) -> Example:
    picture, pictured = _picture(person)
    said = (("text", person.text), ("caption", row.caption), ("reason", row.reason), ("answer", row.raw_text))
    return Example(
        id=person.id,
        picture=picture,
        pictured=pictured,
        known=tuple(_named(table, table.truth[at])),
        named=tuple(_named(table, table.chosen[at])),
        f1=0.0 if math.isnan(f1) else f1,
        said=tuple((name, _cut(text)) for name, text in said if text),
        labels=table.labels,
    )


def _named(table: Table, row: npt.NDArray[np.bool_]) -> Iterator[str]:
    return (label for label, holds in zip(table.labels.ids, row, strict=True) if holds)


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_WORDS else text[:_MOST_WORDS].rstrip() + " …"


def _picture(person: TruthRow) -> tuple[str, bool]:
    """The picture as HTML and True, or why there is none and False."""
    if not person.picture:
        return ("words alone" if person.text else "no picture in this dataset"), False
    try:
        opened = open_picture(Path(person.picture))
        box = None if person.box is None else BoundingBox.model_validate(person.box)
        return boxed_picture(opened, box, "the person in the box", _THUMBNAIL), True
    except EmosceneError as error:
        return f"no picture: {error.what}", False
