"""Hugging Face datasets that were saved on disk, or downloaded as Parquet, read without the library that wrote them.

Arrow files and their description are read as data: no code of a dataset is run, no network and no cache is used.
A folder of `save_to_disk` holds `dataset_info.json` and `data-*.arrow` (one split), or `dataset_dict.json` and a folder
a split; a downloaded repository holds `data/train-00000-of-00001.parquet` and the like.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emoscene.datasets.base import Dataset, Defect, Facts, Finding, Ledger
from emoscene.datasets.hub_disk_files import HubSplit, features_of, find_splits, rows_of
from emoscene.datasets.table_cells import LabelReader, UnknownLabelError, box_in, picture_in, text_in
from emoscene.datasets.table_columns import Columns, find_columns
from emoscene.datasets.table_files import Row
from emoscene.datasets.table_layout import TableLayout, layout_of
from emoscene.datasets.table_people import DEFECTS, LeftOutError, PersonReader, note
from emoscene.datasets.table_pictures import PICTURE_DEFECTS, findings_of
from emoscene.errors import InputError
from emoscene.labels import label_space
from emoscene.types import BoundingBox, Sample

__all__ = ["FACTS", "open_hub_disk"]

FACTS = Facts(
    name="hub",
    title="a Hugging Face dataset on disk: saved with save_to_disk, or downloaded as Parquet",
    licence="see the dataset's card",
    access="save it yourself, or download the repository's Parquet files; nothing is fetched",
    traps=(
        "No code of the dataset is run: a repository that is a loading script has to be saved first, elsewhere.",
        "Numbers of classes are read by the names that the file has for them; else give codes=0:anger,1:fear.",
    ),
)


@dataclass
class HubDisk(Dataset):
    """A dataset of the hub that was opened on disk."""

    how: TableLayout = field(kw_only=True)
    files: Mapping[str, HubSplit] = field(kw_only=True)

    def defects(self) -> Mapping[str, Defect]:
        return {**DEFECTS, **PICTURE_DEFECTS}

    def findings(self, *, pictures: bool = True) -> list[Finding]:
        return findings_of(self, pictures=pictures)

    def samples(self, split: str, ledger: Ledger | None = None) -> Iterator[Sample]:
        self.check_split(split)
        return self._samples(split, ledger)

    def _samples(self, split: str, ledger: Ledger | None) -> Iterator[Sample]:
        files = self.files[split]
        classes = features_of(files)
        columns = find_columns(tuple(classes), self.how, self.labels, f"{self.root.name}, {split}")
        labels = LabelReader(self.labels, self.how.label_separator, self.how.codes, self.how.ignore)
        reader = PersonReader(columns, self.how, labels)
        seen: set[str] = set()
        for row in rows_of(files, classes):
            name = _name(row, columns)
            if name in seen:
                raise InputError(
                    f"{row.where}: this id stands twice",
                    value=name,
                    remedy="Set id=none to have rows numbered.",
                )
            seen.add(name)
            try:
                yield self._sample(row, name, split, reader, ledger)
            except LeftOutError as left_out:
                note(ledger, left_out.defect, left_out.example)

    def _sample(self, row: Row, name: str, split: str, reader: PersonReader, ledger: Ledger | None) -> Sample:
        columns = reader.columns
        picture, source = _picture(row, columns, self.files[split].folder, outside=self.how.outside)
        try:
            target = reader.target(row, ledger)
            vad, dimensions = reader.vad(row, ledger)
            box = _box(row, reader)
        except UnknownLabelError as error:
            if self.how.unknown == "error":
                raise
            raise LeftOutError("unknown_label", f"{error.value} in {row.where}") from None
        except InputError as error:
            if self.how.faulty == "error":
                raise
            raise LeftOutError("faulty_row", f"{error.value} in {row.where}") from None
        text = text_in(row.cells.get(columns.text)) if columns.text else ""
        if picture is None and not text:
            note(ledger, "nothing", row.where)
        group = text_in(row.cells.get(columns.group)) if columns.group else ""
        return Sample(
            id=f"{self.facts.name}/{split}/{name}",
            picture=picture,
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


def _name(row: Row, columns: Columns) -> str:
    return (text_in(row.cells.get(columns.id)) if columns.id else "") or f"row-{row.number}"


def _picture(row: Row, columns: Columns, folder: Path, *, outside: bool) -> tuple[Any, str]:
    """The picture of a row, as bytes or as a path, and its name; the name is empty where there is none."""
    cell = row.cells.get(columns.image) if columns.image else None
    if cell is None:
        return None, ""
    if isinstance(cell, bytes):
        return cell, ""
    if isinstance(cell, Mapping):
        path, data = cell.get("path"), cell.get("bytes")
        if data is not None:
            name = str(path or "").replace("\\", "/").rpartition("/")[2]
            return data, name if name.isprintable() else ""
        cell = path
    if not isinstance(cell, str):
        raise InputError(
            f"{row.where}: this is no picture",
            value=type(cell).__name__,
            remedy="A picture is bytes, a file name, or both: name another column with image=.",
        )
    source = picture_in(cell, row.where, outside=outside)
    return (str(folder / source) if source else None), source


def _box(row: Row, reader: PersonReader) -> BoundingBox | None:
    columns = reader.columns
    return (
        box_in([row.cells.get(c) for c in columns.box], row.where, sized=columns.sized)
        if columns.box
        else None
    )


def open_hub_disk(
    root: Path,
    *,
    called: str | None = None,
    space: str | None = None,
    image: str | None = None,
    text: str | None = None,
    id: str | None = None,
    group: str | None = None,
    box: str | list[str] | None = None,
    box_format: str | None = None,
    labels: str | None = None,
    label_separator: str | None = None,
    label_columns: str | list[str] | None = None,
    threshold: float | None = None,
    vote_columns: str | list[str] | None = None,
    votes: str | None = None,
    valence: str | None = None,
    arousal: str | None = None,
    dominance: str | None = None,
    vad_range: str | list[float] | None = None,
    outside: bool | None = None,
    codes: str | dict[str, str] | None = None,
    ignore: str | list[str] | None = None,
    unknown: str | None = None,
    faulty: str | None = None,
    attributes: str | list[str] | None = None,
) -> Dataset:
    """Open a dataset of the hub on disk; the options are those of a table, see `TableLayout`.

    Args:
        root: A folder of `save_to_disk`, or one with Parquet files named by split, or holding them in `data`.

    Raises:
        OptionError: if an option cannot be used.
        InputError: if the folder is no such dataset, or has no column of labels.
        MissingExtraError: if pyarrow is not installed.
    """
    given = {key: value for key, value in locals().items() if key != "root" and value is not None}
    how = layout_of({"called": "hub", **given})
    label_set = label_space(how.space)
    files = find_splits(root)
    opened = HubDisk(
        facts=Facts(how.called, FACTS.title, FACTS.licence, FACTS.access, FACTS.traps),
        root=root,
        labels=label_set,
        splits=tuple(files),
        layout=next(iter(files.values())).layout,
        options=given,
        how=how,
        files=files,
    )
    for split, each in files.items():
        find_columns(tuple(features_of(each)), how, label_set, f"{root.name}, {split}")
    return opened
