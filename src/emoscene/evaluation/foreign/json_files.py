"""Rows of JSON: one object a line, a list of objects, or one object from ids to labels, scores or rows.

A row has `id` (or `question_id`, `image`), and `labels`, `scores`, or `text` as a model wrote it. A row of our own
(`rows.jsonl`) is taken as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from emoscene.datasets.emotic.reading import Place
from emoscene.errors import InputError
from emoscene.evaluation.foreign.entries import (
    VAD_NAMES,
    Entry,
    Reading,
    number,
    parts_of_labels,
    vad_of_three,
)
from emoscene.evaluation.foreign.lines import first_line, json_lines, json_whole
from emoscene.types import Prediction

__all__ = ["Lines", "Whole", "json_of"]

_IDS = (
    "id",
    "question_id",
    "sample_id",
    "person_id",
    "annotation_id",
    "image",
    "image_id",
    "image_path",
    "file_name",
)
_LABELS = (
    "labels",
    "label",
    "predicted_labels",
    "predictions",
    "prediction",
    "emotions",
    "emotion",
    "categories",
)
_SCORES = ("scores", "probabilities", "probs", "label_scores")
_TEXTS = ("text", "answer", "response", "output", "completion")
_ROW = 'A row is like {"id": "a", "labels": ["anger", "fear"]}.'


@dataclass(frozen=True)
class Lines:
    """One object a line."""

    file: Path
    reading: Reading
    layout: str

    def entries(self) -> Iterator[Entry]:
        """Raises InputError for a line that is no row."""
        for place, value in json_lines(self.file):
            yield entry_of(value, place, self.reading)


@dataclass(frozen=True)
class Whole:
    """One list of objects, or one object with a key a person."""

    file: Path
    reading: Reading
    layout: str

    def entries(self) -> Iterator[Entry]:
        """Raises InputError for an item that is no row."""
        for place, key, value in json_whole(self.file):
            yield entry_of(value, place, self.reading) if key is None else self._keyed(key, value, place)

    def _keyed(self, key: str, value: Any, place: Place) -> Entry:
        if not key.strip():
            raise place.error("the key is empty", None, "Write the id of a person as the key.")
        if isinstance(value, list | str):
            return Entry(place, (key,), labels=_labels(value, place, self.reading))
        if isinstance(value, Mapping) and not {*_LABELS, *_SCORES, *_TEXTS, "status"} & set(value):
            entry = Entry(place, (key,))
            _scores(value, entry, self.reading)
            return entry
        if isinstance(value, Mapping):
            return entry_of({**value, "id": key}, place, self.reading)
        raise place.error("expected labels or scores", value, 'Write {"ID": ["anger", "fear"], ...}.')


def json_of(file: Path, reading: Reading) -> Lines | Whole | None:
    """The JSON that a file holds, known by how it begins; None where it does not begin like JSON."""
    _, first = first_line(file)
    begin = first.lstrip()
    if begin[:1] == "[":
        # A table may begin with a list too: of texts in single quotes, or with a cell behind it.
        return Whole(file, reading, "JSON list") if begin[1:].lstrip()[:1] in ("", "{", "]") else None
    if begin[:1] != "{":
        return None
    try:
        _, value = next(json_lines(file))
    except InputError:
        if begin.rstrip().endswith("}") or set(begin.split('"')[1:2]) & {*_IDS, "schema_version"}:
            return Lines(file, reading, "JSON lines")  # which says what is wrong with the line
        return Whole(file, reading, "JSON object from ids")
    if isinstance(value, dict) and not set(_IDS) & set(value):
        return Whole(file, reading, "JSON object from ids")
    return Lines(file, reading, _kind_of(value))


def _kind_of(row: Any) -> str:
    if not isinstance(row, dict):
        return "JSON lines"
    if {"schema_version", "status"} <= set(row):
        return "rows.jsonl"
    return "JSON lines, free text" if _first(row, _TEXTS) and not _first(row, _LABELS) else "JSON lines"


def entry_of(row: Any, place: Place, reading: Reading) -> Entry:
    """What an object says.

    Raises:
        InputError: if it is none, or does not say whom it is about or what the answer is.
    """
    if not isinstance(row, dict):
        raise place.error("this is no JSON object", row, _ROW)
    if {"schema_version", "status"} <= set(row):
        return _ours(row, place)
    ids = tuple(
        str(row[name]).strip()
        for name in _IDS
        if isinstance(row.get(name), str | int) and not isinstance(row[name], bool) and str(row[name]).strip()
    )
    if not ids:
        raise place.error("the row does not say whom it is about", ", ".join(row), _ROW)
    entry = Entry(place, ids, more=row)
    label, score, text = _first(row, _LABELS), _first(row, _SCORES), _first(row, _TEXTS)
    if label is not None:
        entry.labels = _labels(row[label], place, reading) if row[label] is not None else None
    if score is not None and row[score] is not None:
        _scores(row[score], entry, reading)
    if label is None and score is None:
        if text is None:
            raise place.error("the row has no answer", ", ".join(row), _ROW)
        entry.text = _text(row[text], place)
    entry.vad = _vad(row, place)
    entry.split, entry.group = (_word(row.get(name)) for name in ("split", "group"))
    entry.score_kind, entry.status = (_word(row.get(name)) for name in ("score_kind", "status"))
    return entry


def _ours(row: dict[str, Any], place: Place) -> Entry:
    try:
        ours = Prediction.from_row(row)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise place.error(
            "this is no row of a run",
            f"{where}: {first['msg']}".removeprefix(": "),
            "Remove the line or mend it.",
        ) from None
    except InputError as error:
        raise place.error(error.what, error.value, error.remedy) from None
    return Entry(place, (ours.id,), row=ours)


def _first(row: Mapping[str, Any], names: Sequence[str]) -> str | None:
    return next((name for name in names if name in row), None)


def _word(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _text(value: object, place: Place) -> str:
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return "\n".join(value)
    if not isinstance(value, str):
        raise place.error("the answer is no text", value, "Write what the model said, as text.")
    return value


def _labels(value: object, place: Place, reading: Reading) -> list[str]:
    if isinstance(value, str):
        return parts_of_labels(value, reading, place)
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise place.error("labels are no list of texts", value, _ROW)
    return [each.strip() for each in value]


def _scores(value: object, entry: Entry, reading: Reading) -> None:
    """The scores of an entry by label, and the names of those that are none of the space."""
    if not isinstance(value, dict):
        raise entry.place.error(
            "scores are no object from labels to numbers", value, 'Write {"anger": 0.2, ...}.'
        )
    found: dict[str, float] = {}
    strangers = []
    for name, said in value.items():
        score = number(said, entry.place, f"the score of {name[:100]!r}")
        label = reading.find(name)
        if label is None:
            strangers.append(name)
        elif label in found:
            raise entry.place.error("two scores are of one label", name, "Keep one of the two.")
        else:
            found[label] = score
    entry.scores = {label: found[label] for label in reading.space.ids if label in found}
    entry.strangers = tuple(strangers)


def _vad(row: Mapping[str, Any], place: Place) -> Any:
    said = row.get("vad")
    if isinstance(said, Mapping):
        return vad_of_three([said.get(name) for name in VAD_NAMES], place)
    if isinstance(said, list):
        return vad_of_three(said, place)
    if said is not None:
        raise place.error("vad is no list of three numbers", said, "Write [5.5, 5.5, 5.5].")
    if set(VAD_NAMES) <= set(row):
        return vad_of_three([row[name] for name in VAD_NAMES], place)
    return None
