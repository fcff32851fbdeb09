"""A plain table: CSV, JSON lines or Parquet with pictures or texts and what is known of each person.

One row a person (or a text). Columns are found by their names or named by options; see `open_table`. Rows are read
one at a time and pictures are not opened.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from emoscene.datasets.base import Dataset, Defect, Facts, Finding, Ledger
from emoscene.datasets.mappings import preset_named
from emoscene.datasets.table_cells import LabelReader, UnknownLabelError, picture_in, text_in
from emoscene.datasets.table_columns import Columns, find_columns
from emoscene.datasets.table_files import ENDINGS, Row, columns_in, rows_in
from emoscene.datasets.table_layout import TableLayout, layout_of
from emoscene.datasets.table_people import DEFECTS, LeftOutError, PersonReader, note
from emoscene.datasets.table_pictures import PICTURE_DEFECTS, findings_of
from emoscene.errors import InputError, MissingFileError
from emoscene.labels import label_space
from emoscene.types import Sample

__all__ = ["FACTS", "Table", "open_table"]

FACTS = Facts(
    name="table",
    title="a table of your own: pictures or texts, boxes, labels or votes",
    licence="yours to know",
    access="your own file: CSV, TSV, JSON lines, JSON or Parquet",
    traps=(
        "Without a `split` column there is one split, `all`: fit nothing on what you test.",
        "Rows of one picture share a group; give texts by one author the same `group`.",
    ),
)

_ONE_SPLIT = "all"
_USUAL_ORDER = ("train", "val", "test")
_SPLIT_FILES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}


@dataclass(frozen=True)
class _File:
    """A file of the table, its columns, and the split that its rows belong to, where the file says so."""

    path: Path
    columns: Columns
    split: str | None = None


@dataclass
class Table(Dataset):
    """A table that was opened. `pictures` is the folder of its pictures."""

    how: TableLayout = field(kw_only=True)
    files: tuple[_File, ...] = field(kw_only=True)
    pictures: Path = field(kw_only=True)

    def defects(self) -> Mapping[str, Defect]:
        return {**DEFECTS, **PICTURE_DEFECTS}

    def findings(self, *, pictures: bool = True) -> list[Finding]:
        return findings_of(self, pictures=pictures)

    def samples(self, split: str, ledger: Ledger | None = None) -> Iterator[Sample]:
        self.check_split(split)
        return self._samples(split, ledger)

    def _samples(self, split: str, ledger: Ledger | None) -> Iterator[Sample]:
        seen: set[str] = set()
        people: Counter[str] = Counter()
        labels = LabelReader(self.labels, self.how.label_separator, self.how.codes, self.how.ignore)
        for file in self.files:
            reader = PersonReader(file.columns, self.how, labels)
            for row in rows_in(file.path, self.how):
                if _split_of(row, file, self.how) != split:
                    continue
                name = _annotation_id(row, file.columns, self.how, people)
                if name in seen:
                    raise InputError(
                        f"{row.where}: this id stands twice in the split {split!r}",
                        value=name,
                        remedy="Give each row an id of its own, or set id=none to have rows numbered.",
                    )
                seen.add(name)
                try:
                    yield self._sample(row, name, split, reader, ledger)
                except LeftOutError as left_out:
                    note(ledger, left_out.defect, left_out.example)

    def _sample(self, row: Row, name: str, split: str, reader: PersonReader, ledger: Ledger | None) -> Sample:
        columns = reader.columns
        source = _image(row, columns, self.how)
        try:
            target = reader.target(row, ledger)
            vad, dimensions = reader.vad(row, ledger)
            box = reader.box(row)
        except UnknownLabelError as error:
            raise _left_out_or(error, self.how.unknown, "unknown_label", row) from None
        except InputError as error:
            raise _left_out_or(error, self.how.faulty, "faulty_row", row) from None
        text = text_in(row.cells.get(columns.text)) if columns.text else ""
        if not source and not text:
            note(ledger, "nothing", row.where)
        group = text_in(row.cells.get(columns.group)) if columns.group else ""
        return Sample(
            id=f"{self.facts.name}/{split}/{name}",
            picture=str(self.pictures / self._file_name(source, split)) if source else None,
            box=box,
            text=text or None,
            source=source or name,
            target=target.labels,
            target_scores=target.scores,
            target_vad=vad,
            split=split,
            group=group or source or name,
            annotations=target.annotations,
            attributes={**reader.attributes(row), **dimensions},
        )

    def _file_name(self, source: str, split: str) -> str:
        path = PurePosixPath(source)
        return self.how.picture_name.format(
            image=source,
            stem=str(path.with_suffix("")),
            suffix=path.suffix,
            split_folder=self.how.split_folders.get(split, split),
        )


def _left_out_or(error: InputError, wanted: str, defect: str, row: Row) -> Exception:
    return LeftOutError(defect, f"{error.value} in {row.where}") if wanted == "leave_out" else error


def _image(row: Row, columns: Columns, how: TableLayout) -> str:
    return picture_in(row.cells.get(columns.image), row.where, outside=how.outside) if columns.image else ""


def _split_of(row: Row, file: _File, how: TableLayout) -> str:
    """The split of a row: the file's, what its name says, its column's, or the one that was named."""
    if file.split is not None:
        return file.split
    if how.split_match is not None:
        found = re.search(how.split_match, _image(row, file.columns, how))
        said = found.group(1) if found else ""
    elif file.columns.split is not None:
        said = text_in(row.cells.get(file.columns.split))
    else:
        return how.split or _ONE_SPLIT
    if not said:
        raise InputError(
            f"{row.where}: the row does not say which split it belongs to",
            remedy="Fill in the column, or set split=NAME to have one split of that name.",
        )
    return how.split_names.get(said, said)


def _annotation_id(row: Row, columns: Columns, how: TableLayout, people: Counter[str]) -> str:
    """The id that the table gives; else the picture and the person's number in it from 0; else the row's number."""
    if columns.id is not None:
        name = text_in(row.cells.get(columns.id))
        if not name or not name.isprintable():
            raise InputError(
                f"{row.where}: the id is empty, or holds control characters",
                value=name,
                remedy="Fill in the column, or set id=none to have rows numbered.",
            )
        return name
    image = _image(row, columns, how)
    if not image:
        return f"row-{row.number}"
    people[image] += 1
    return f"{image}#{people[image] - 1}"


def open_table(
    root: Path,
    *,
    preset: str | None = None,
    called: str | None = None,
    space: str | None = None,
    files: str | dict[str, Any] | None = None,
    separator: str | None = None,
    columns: str | list[Any] | None = None,
    image: str | None = None,
    text: str | None = None,
    id: str | None = None,
    group: str | None = None,
    split: str | None = None,
    box: str | list[str] | None = None,
    box_format: str | None = None,
    labels: str | None = None,
    label_separator: str | None = None,
    label_columns: str | list[str] | None = None,
    threshold: float | None = None,
    vote_columns: str | list[str] | None = None,
    votes: str | None = None,
    least_votes: float | None = None,
    valence: str | None = None,
    arousal: str | None = None,
    dominance: str | None = None,
    vad_range: str | list[float] | None = None,
    vad_missing: str | float | list[float] | None = None,
    pictures: str | list[str] | None = None,
    picture_name: str | None = None,
    outside: bool | None = None,
    codes: str | dict[str, str] | None = None,
    ignore: str | list[str] | None = None,
    unknown: str | None = None,
    faulty: str | None = None,
    attributes: str | list[str] | None = None,
    split_names: str | dict[str, str] | None = None,
    split_match: str | None = None,
) -> Dataset:
    """Open a table; what each option means stands in `TableLayout`.

    Args:
        root: A file, or a folder with one file a split (`train.csv`, `val.csv`, `test.csv`).
        preset: How a known dataset lies on disk, such as `heco`; other options go on top of it.

    Raises:
        OptionError: if an option cannot be used.
        InputError: if the file is no table, or has no column of labels.
        MissingFileError: if a folder holds no file of a split.
    """
    given = {
        key: value for key, value in locals().items() if key not in ("root", "preset") and value is not None
    }
    if isinstance(given.get("vad_missing"), int | float):
        given["vad_missing"] = [given["vad_missing"]]
    facts, base = FACTS, {}
    if preset is not None:
        known = preset_named(preset)
        facts, base = known.facts, dict(known.options)
    how = layout_of({**base, **given})
    if facts is FACTS or "called" in given:
        facts = Facts(how.called, facts.title, facts.licence, facts.access, facts.traps)
    label_set = label_space(how.space)
    opened = tuple(
        _File(path, find_columns(columns_in(path, how), how, label_set, path.name), of_split)
        for path, of_split in _files(root, how)
    )
    return Table(
        facts=facts,
        root=root,
        labels=label_set,
        splits=_splits(opened, how),
        layout=_described(opened),
        options={**({"preset": preset} if preset else {}), **_shown(given)},
        how=how,
        files=opened,
        pictures=_pictures(root, how),
    )


def _shown(given: Mapping[str, Any]) -> dict[str, Any]:
    """Options for the manifest: of folders and files their names, without the folders above, which are private."""
    places = {"pictures", "space"}
    return {
        key: Path(value).name if key in places and isinstance(value, str) else value
        for key, value in given.items()
    }


def _files(root: Path, how: TableLayout) -> list[tuple[Path, str | None]]:
    if root.is_file():
        return [(root, None)]
    found: list[tuple[Path, str | None]] = []
    usual = {
        s: tuple(f"{stem}{end}" for stem in stems for end in ENDINGS) for s, stems in _SPLIT_FILES.items()
    }
    wanted: Mapping[str, tuple[str, ...]] = how.files or usual
    for split, names in wanted.items():
        path = next((root / name for name in names if (root / name).is_file()), None)
        if path is not None:
            found.append((path, split))
    if not found:
        usual_names = [names[0] for names in wanted.values()]
        raise MissingFileError(
            "this folder holds no table under the names of splits",
            value=root,
            remedy=f"Name the file itself as the root, or put there: {', '.join(usual_names)}.",
        )
    return found


def _splits(files: tuple[_File, ...], how: TableLayout) -> tuple[str, ...]:
    """The splits in their usual order; a table with a split column is read once for it."""
    names: dict[str, None] = {}
    for file in files:
        if file.split is not None:
            names[file.split] = None
        elif file.columns.split is None and how.split_match is None:
            names[how.split or _ONE_SPLIT] = None
        else:
            names.update(dict.fromkeys(_split_of(row, file, how) for row in rows_in(file.path, how)))
    first = [name for name in _USUAL_ORDER if name in names]
    return (*first, *(name for name in names if name not in first))


def _pictures(root: Path, how: TableLayout) -> Path:
    """The first of the folders that is there, beside the table; the first at all if none is."""
    beside = root if root.is_dir() else root.parent
    places = [Path(os.path.expanduser(name)) for name in how.pictures]
    beside_or_not = [place if place.is_absolute() else beside / place for place in places]
    return next((place for place in beside_or_not if place.is_dir()), beside_or_not[0])


def _described(files: tuple[_File, ...]) -> str:
    columns = files[0].columns
    read = {
        "image": columns.image,
        "box": ",".join(columns.box),
        "text": columns.text,
        "labels": columns.labels,
        "label columns": f"{len(columns.label_columns)}" if columns.label_columns else "",
        "vote columns": f"{len(columns.vote_columns)}" if columns.vote_columns else "",
    }
    shown = ", ".join(f"{what} {where!r}" for what, where in read.items() if where)
    return f"{', '.join(file.path.name for file in files)} ({shown})"
