"""Known labels from somebody's file: `read_truth`. A label that is none of the space is an error here.

Read are our `truth.jsonl` (or a run's folder), every format of EMOTIC, the caption study, and the layouts of answers:
a table with `id` and `labels`, or a column a label, JSON lines and so on, with `split`, `group` and VAD where given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from emoscene.datasets import captions
from emoscene.datasets.emotic import gt_all
from emoscene.datasets.emotic.formats import Format, known_format
from emoscene.datasets.emotic.reading import Names, Place, split_named
from emoscene.datasets.registry import open_dataset
from emoscene.errors import InputError, OptionError
from emoscene.evaluation.foreign.entries import Entry, Reading
from emoscene.evaluation.foreign.layouts import layout_of
from emoscene.evaluation.foreign.lines import check_file, first_line
from emoscene.evaluation.foreign.table import Table, columns_of
from emoscene.labels import LabelSpace
from emoscene.runs.record import MANIFEST, TRUTH
from emoscene.runs.truth import TruthRow
from emoscene.types import Sample

__all__ = ["read_truth"]

#: A person of EMOTIC: what stands before the number is the picture, which people share.
_EMOTIC_ID = re.compile(
    r"(?:.*/)?(?P<picture>(?:mscoco|framesdb|emodb_small|ade20k)/.+)_\d{1,4}(?:\.\w{1,5})?"
)
_BOXES = frozenset({"bbox", "x_min", "xmin", "x1"})


def read_truth(file: str | Path, labels: LabelSpace, *, split: str | None = None) -> list[TruthRow]:
    """The people of a file and their known labels, in the order of the file.

    Args:
        file: The file, a run's folder, or a folder that holds EMOTIC.
        labels: The label space of the labels.
        split: Only people of this split; needed where the file holds several.

    Raises:
        MissingFileError: if there is no such file.
        OptionError: if there is no such split.
        InputError: if the file is in no layout, holds several splits and none is named, or a row is malformed, of a
            person who stands twice, or holds a label that is none of the space; names file, row and remedy.
    """
    path = Path(file)
    if path.is_dir() and (path / MANIFEST).is_file():
        path = path / TRUTH
    elif path.is_dir() and labels.name == "emotic":
        return _of_emotic(path, None, split)
    check_file(path)
    found = known_format(path, Names(labels)) if labels.name == "emotic" else None
    if found is not None and not _is_plain(path, found, Reading(labels), split):
        return _of_emotic(path, found, split)
    if labels.name == captions.LABELS and _is_caption_study(path):
        _no_splits(path, split)
        return [_row(sample) for sample in captions.read_captions(path)]
    return _of_rows(path, labels, split)


def _is_caption_study(file: Path) -> bool:
    header = [cell.strip().strip('"') for cell in first_line(file)[1].split(",")]
    return {"image", "emotion", captions.COLUMNS[0]} <= set(header)


# --- EMOTIC ---


def _is_plain(file: Path, found: Format, reading: Reading, split: str | None) -> bool:
    """Whether a file that may be EMOTIC's is rather a table of ids, or JSON lines with ids."""
    if found.name == "one-hot":
        header = first_line(file)[1].split(",")
        return bool(columns_of(header, reading).ids) and not _BOXES & {
            cell.strip().lower() for cell in header
        }
    if found.name == "llava":
        row = next(layout_of(file, reading).entries())
        return "labels" in row.more and not row.ids[0].isdigit()
    if found.name == "gt-all" and split is None:  # a part of it has no splits
        with file.open("rb") as stream:
            return sum(1 for line in stream if line.strip()) != sum(gt_all.SIZES.values())
    return False


def _of_emotic(path: Path, found: Format | None, split: str | None) -> list[TruthRow]:
    options = {}
    if found is not None and found.splits is None:
        said = split_named(path.stem)
        if said is None and split is None:
            raise InputError(
                f"{path.name}: neither the file nor its name says which split it holds",
                remedy="Name it with --split, or rename the file (such as test.csv).",
            )
        if said is None:
            options["split"] = split
    dataset = open_dataset("emotic", path, **options)
    if split is None and len(dataset.splits) > 1:
        raise _several(path, dataset.splits)
    return [_row(sample) for sample in dataset.samples(dataset.check_split(split or dataset.splits[0]))]


def _several(path: Path, splits: Iterable[str]) -> InputError:
    return InputError(
        f"{path.name} holds several splits, and none is named",
        value=", ".join(splits),
        remedy="Name one with --split: an id may stand in two of them.",
    )


def _row(sample: Sample) -> TruthRow:
    vad = sample.target_vad
    return TruthRow(
        id=sample.id,
        group=sample.group or sample.source or sample.id,
        split=sample.split,
        labels=sample.target,
        vad=None if vad is None else (vad.valence, vad.arousal, vad.dominance),
        annotations=tuple(each.labels for each in sample.annotations),
        attributes=sample.attributes,
        picture=str(sample.picture) if isinstance(sample.picture, str | Path) else "",
        box=None if sample.box is None else sample.box.as_tuple(),
        text=sample.text or "",
    )


# --- rows ---


def _of_rows(file: Path, labels: LabelSpace, split: str | None) -> list[TruthRow]:
    reading = Reading(labels)
    source = layout_of(file, reading)
    rows: list[TruthRow] = []
    seen: dict[tuple[str, str], Place] = {}
    ones: list[Entry] = []
    for entry in source.entries():
        row = _known(entry, reading)
        there = seen.setdefault((row.split, row.id), entry.place)
        if there is not entry.place:
            raise entry.place.error(
                f"this person stands twice, first in {there.unit} {there.row}", row.id, "Keep one of the two."
            )
        if entry.ones:
            ones.append(entry)
        rows.append(row)
    if not rows:
        raise InputError(f"{file.name}: the file holds no people", remedy="Write one row a person.")
    _no_other_label(ones, source.not_binary if isinstance(source, Table) else set(), reading)
    return list(_of_split(file, rows, split))


def _known(entry: Entry, reading: Reading) -> TruthRow:
    place = entry.place
    if entry.row is not None or entry.text is not None:
        raise place.error(
            "this is an answer, and says nothing of what is known",
            entry.ids[0],
            "Give the known labels as --truth, and answers as --predictions.",
        )
    name, more = entry.ids[0], entry.more
    return TruthRow(
        id=name,
        group=entry.group or _group(name, reading.space),
        split=entry.split or "",
        labels=_labels(entry, reading),
        vad=None if entry.vad is None else (entry.vad.valence, entry.vad.arousal, entry.vad.dominance),
        annotations=_annotations(more, reading, place),
        attributes=_attributes(more, place),
        picture=str(more.get("picture") or ""),
        box=_box(more, place),
        text=str(more.get("text") or ""),
    )


def _labels(entry: Entry, reading: Reading) -> frozenset[str] | None:
    """The labels that hold; None where nothing is said: an empty cell, or null."""
    if entry.scores is None:
        if not entry.labels and not isinstance(entry.more.get("labels"), list):
            return None
        return reading.ids(entry.labels or (), entry.place)
    if entry.strangers:
        raise reading.stranger(entry.strangers[0], entry.place)
    for label, score in entry.scores.items():
        if score not in (0, 1):
            raise entry.place.error(
                f"the known value of {label} is neither 0 nor 1",
                f"{score:g}",
                "Write 0 or 1; scores are answers (--predictions).",
            )
    return frozenset(label for label, score in entry.scores.items() if score)


def _no_other_label(ones: Iterable[Entry], no_labels: set[str], reading: Reading) -> None:
    for entry in ones:
        for name in entry.ones:
            if name not in no_labels:
                raise reading.stranger(name, entry.place)


def _group(name: str, labels: LabelSpace) -> str:
    person = _EMOTIC_ID.fullmatch(name) if labels.name == "emotic" else None
    return name if person is None else person["picture"]


def _annotations(more: Mapping[str, Any], reading: Reading, place: Place) -> tuple[frozenset[str], ...]:
    said = more.get("annotations") or []
    if not isinstance(said, list) or not all(
        isinstance(each, list) and all(isinstance(name, str) for name in each) for each in said
    ):
        raise place.error("annotations are no lists of labels", said, 'Write [["anger"], ["anger", "fear"]].')
    return tuple(reading.ids(each, place) for each in said)


def _attributes(more: Mapping[str, Any], place: Place) -> dict[str, str]:
    said = more.get("attributes") or {}
    if not isinstance(said, dict) or not all(isinstance(each, str) for each in said.values()):
        raise place.error("attributes are no object of texts", said, 'Write {"gender": "Female"}.')
    return said


def _box(more: Mapping[str, Any], place: Place) -> tuple[float, float, float, float] | None:
    said = more.get("box")
    if said is None:
        return None
    if (
        not isinstance(said, list)
        or len(said) != 4
        or not all(isinstance(each, int | float) for each in said)
    ):
        raise place.error("a box has four numbers", said, "Write [x1, y1, x2, y2].")
    return (float(said[0]), float(said[1]), float(said[2]), float(said[3]))


def _of_split(file: Path, rows: list[TruthRow], split: str | None) -> Iterator[TruthRow]:
    splits = list(dict.fromkeys(row.split for row in rows))
    if split is None:
        if len(splits) > 1:
            raise _several(file, splits)
        return iter(rows)
    if splits == [""]:
        _no_splits(file, split)
    if split not in splits:
        raise OptionError(
            f"{file.name} has no such split",
            value=split,
            remedy=f"There are: {', '.join(filter(None, splits))}.",
        )
    return (row for row in rows if row.split == split)


def _no_splits(file: Path, split: str | None) -> None:
    if split is not None:
        raise OptionError(
            f"{file.name} does not say which split a person is of",
            value=split,
            remedy="Leave out --split, or add a column split.",
        )
