"""JSON lines in the form that LLaVA is asked and taught with: `question_id` or `id`, `image`, words.

The picture is named `<database>/<stem>_<person>.jpg`, with a red box drawn on it where the file of pictures was made
for that. Only what is plainly the truth is one: a list under `labels`, or what `gpt` says in the `conversations` that
a model is taught with. `text` is the question; a file of answers (`text` without `image`) is no dataset.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from emoscene.datasets.emotic.people import EmoticPerson
from emoscene.datasets.emotic.reading import Names, Place, database_of, parts_of, read_list
from emoscene.errors import InputError

__all__ = ["is_llava", "read_llava"]

_LONGEST_LINE = 1_000_000
_NAME = re.compile(r"(?P<stem>.+)_(?P<index>\d{1,4})(?P<ending>\.\w{1,5})")


def is_llava(first_line: str) -> bool:
    """Whether a file that begins so is one of these."""
    try:
        row = json.loads(first_line)
    except (ValueError, RecursionError):
        return False
    return (
        isinstance(row, dict)
        and bool({"question_id", "id"} & set(row))
        and bool({"image", "text"} & set(row))
    )


def read_llava(file: Path, split: str, names: Names) -> Iterator[EmoticPerson]:
    """The people of the file, in its order.

    Raises:
        InputError: if a line is no such row, stands twice, or the file holds answers.
    """
    seen: dict[str, int] = {}
    with file.open(encoding="utf-8-sig") as stream:
        for number, line in enumerate(iter(lambda: stream.readline(_LONGEST_LINE), ""), 1):
            if not line.strip():
                continue
            place = Place(file, number, "line")
            person = _person(_row(line, place), split, names, place)
            if person.annotation_id in seen:
                raise place.error(
                    f"this person stands twice, first in line {seen[person.annotation_id]}",
                    person.annotation_id,
                    "Keep one of the two.",
                )
            seen[person.annotation_id] = number
            yield person


def _row(line: str, place: Place) -> Mapping[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        raise place.error("this is no JSON object", line, "Write one object a line.")
    return row


def _person(row: Mapping[str, Any], split: str, names: Names, place: Place) -> EmoticPerson:
    if "image" not in row:
        raise InputError(
            f"{place.file.name}: this is a file of answers, not of questions",
            remedy="Score it with: emoscene eval score --truth TRUTH --predictions FILE.",
        )
    parts = parts_of(row["image"], place)
    name = _NAME.fullmatch(parts[-1])
    if name is None or len(parts) < 2:
        raise place.error(
            "the picture names no person", row["image"], "Write mscoco/COCO_val2014_000000562243_0.jpg."
        )
    labels, faults = names.ids(_truth(row, place), place)
    return EmoticPerson(
        split,
        database_of("/".join(parts[:-1]), place),
        f"{name['stem']}{name['ending']}",
        int(name["index"]),
        labels,
        faults=faults,
    )


def _truth(row: Mapping[str, Any], place: Place) -> list[str]:
    """The labels that a row plainly gives as the truth; none where it gives none."""
    said = row.get("labels")
    if said is None and isinstance(row.get("conversations"), list):
        turns = [each for each in row["conversations"] if isinstance(each, Mapping)]
        said = next((each.get("value") for each in turns if each.get("from") == "gpt"), None)
        said = (
            None
            if said is None
            else [each for each in re.split(r"[,;\n]", str(said)[:10_000]) if each.strip()]
        )
    if said is None:
        return []
    if isinstance(said, str):
        return read_list(said, place, "labels")
    if not isinstance(said, list) or not all(isinstance(each, str) for each in said):
        raise place.error("labels are no list of texts", said, "Write ['anger', 'fear'].")
    return [each.strip(" .'\"[]") for each in said]
