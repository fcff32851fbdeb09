"""What is known about the people of a run, as a file beside their rows, so that scoring needs no dataset."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emoscene.errors import InputError
from emoscene.types import Sample

__all__ = ["TruthRow", "known_line", "read_truth_rows", "truth_line"]


@dataclass(frozen=True)
class TruthRow:
    """The known labels of one person.

    Attributes:
        id: The sample's id, which its row has too.
        group: People of one group (one picture) are not independent.
        labels: Ids of the labels that hold; None where nothing is known.
        vad: Valence, arousal and dominance from 1 to 10; None where any is missing.
        annotations: The labels that each annotator gave.
        picture: Where the picture lies, for reports; empty where there is none.
        box: The person, in pixels of the upright picture.
        text: The words that belong to the person, for reports; empty where there are none.
    """

    id: str
    group: str = ""
    split: str = ""
    labels: frozenset[str] | None = None
    vad: tuple[float, float, float] | None = None
    annotations: tuple[frozenset[str], ...] = ()
    attributes: dict[str, str] = field(default_factory=dict)
    picture: str = ""
    box: tuple[float, float, float, float] | None = None
    text: str = ""


def truth_line(sample: Sample) -> str:
    """What is known about a sample, and where its picture lies, as one line of JSON."""
    row = _known(sample)
    if isinstance(sample.picture, str | Path):
        row["picture"] = os.path.abspath(sample.picture)
    return json.dumps(row, ensure_ascii=False, allow_nan=False)


def known_line(sample: Sample) -> bytes:
    """What is known about a sample as bytes to be hashed: the same on every machine."""
    return json.dumps(_known(sample), ensure_ascii=True, allow_nan=False).encode() + b"\n"


def _known(sample: Sample) -> dict[str, Any]:
    vad = sample.target_vad
    row: dict[str, Any] = {
        "id": sample.id,
        "group": sample.group or sample.id,
        "split": sample.split,
        "labels": None if sample.target is None else sorted(sample.target),
    }
    if vad is not None:
        row["vad"] = [vad.valence, vad.arousal, vad.dominance]
    if sample.annotations:
        row["annotations"] = [sorted(each.labels) for each in sample.annotations]
    if sample.attributes:
        row["attributes"] = sample.attributes
    if sample.box is not None:
        row["box"] = list(sample.box.as_tuple())
    if sample.text:
        row["text"] = sample.text
    return row


def read_truth_rows(file: Path) -> Iterator[TruthRow]:
    """The rows of a `truth.jsonl`.

    Raises:
        InputError: if a line is none that `truth_line` wrote; names the line.
    """
    with file.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            try:
                row = json.loads(line.decode("utf-8"))
                yield TruthRow(
                    id=row["id"],
                    group=row.get("group") or row["id"],
                    split=row.get("split", ""),
                    labels=None if row["labels"] is None else frozenset(row["labels"]),
                    vad=None if row.get("vad") is None else tuple(row["vad"]),
                    annotations=tuple(frozenset(each) for each in row.get("annotations", ())),
                    attributes=row.get("attributes", {}),
                    picture=row.get("picture", ""),
                    box=None if row.get("box") is None else tuple(row["box"]),
                    text=row.get("text", ""),
                )
            except (ValueError, KeyError, TypeError, AttributeError):
                raise InputError(
                    f"{file.name}, line {number}: this is no line of known labels",
                    value=line.decode("utf-8", "backslashreplace").strip(),
                    remedy='A line is like {"id": "a", "group": "picture", "labels": ["anger"]}.',
                ) from None
