"""What the readers share: places for errors, labels by name, lists written as text, numbers, and safe paths."""

from __future__ import annotations

import csv
import difflib
import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from emoscene.errors import InputError
from emoscene.labels import LabelSpace
from emoscene.labels.space import normal_form
from emoscene.types import VAD

__all__ = [
    "ALPHABETICAL",
    "Names",
    "Place",
    "box_of",
    "columns_of",
    "database_of",
    "filename_of",
    "json_bytes",
    "number_of",
    "parts_of",
    "read_json",
    "read_list",
    "size_of",
    "split_named",
    "table_rows",
    "vad_of",
]

#: The 26 labels by position, where a file has no names. The paper's own tables use another order.
ALPHABETICAL = (
    "affection anger annoyance anticipation aversion confidence disapproval disconnection disquietment "
    "doubt_confusion embarrassment engagement esteem excitement fatigue fear happiness pain peace pleasure "
    "sadness sensitivity suffering surprise sympathy yearning"
).split()

_SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
_LARGEST_JSON = 256 * 2**20
_LONGEST_CELL = 10_000
_MOST_ITEMS = 200
_PLAIN = r"""'[^'\\]*'|"[^"\\]*"|[^\s,;'"()\[\]\\]+"""
#: An item of a list as Python or numpy prints it: a text, a number, or `np.float64(5.0)`.
_ITEM = re.compile(rf"(?:np|numpy)\.[a-z_]+\d*\(\s*({_PLAIN})\s*\)|({_PLAIN})")
_SEPARATOR = re.compile(r"\s*[,;]\s*|\s+")


@dataclass(frozen=True)
class Place:
    """Where in a file something stands, for the error that names it."""

    file: Path
    row: int | str
    unit: str = "row"

    def error(self, what: str, value: object, remedy: str) -> InputError:
        row = f"{self.row:,}" if isinstance(self.row, int) else self.row
        return InputError(f"{self.file.name}, {self.unit} {row}: {what}", value=value, remedy=remedy)


# --- labels -----------------------------------------------------------------------------------------------------


class Names:
    """The labels of a space by the way they are written.

    Synonyms are no spelling: `worried` in a file of labels is a mistake, not disquietment.
    """

    def __init__(self, labels: LabelSpace) -> None:
        self.space = labels
        self._usual = {
            text: label.id for label in labels for text in (label.id, label.name, label.name.lower())
        }
        self._spelled = {
            normal_form(text): label.id
            for label in labels
            for text in (label.id, label.name, *label.variants)
        }

    def ids(self, texts: Iterable[str], place: Place) -> tuple[frozenset[str], tuple[str, ...]]:
        """The ids of labels as they are written, and the fault `respelled` for each that is not spelled as usual.

        Raises:
            InputError: for a text that names none of the labels, with the nearest one.
        """
        found: set[str] = set()
        faults: tuple[str, ...] = ()
        for each in texts:
            text = each.strip()
            label = self._usual.get(text)
            if label is None:
                label = self.find(text)
                if label is None:
                    raise self._unknown(text, place)
                faults += ("respelled",)
            found.add(label)
        return frozenset(found), faults

    def find(self, text: str) -> str | None:
        """The id of the label that is written so, in any of its spellings."""
        return self._spelled.get(normal_form(text))

    def _unknown(self, text: str, place: Place) -> InputError:
        near = difflib.get_close_matches(normal_form(text)[:100], self._spelled, n=1, cutoff=0.6)
        hint = f"Did you mean {self.space[self._spelled[near[0]]].name!r}? " if near else ""
        known = f"{hint}One of: {', '.join(self.space.ids)}."
        return place.error(f"this is none of the labels of {self.space.name}", text, known)


# --- values -----------------------------------------------------------------------------------------------------


def read_list(text: str, place: Place, what: str) -> list[str]:
    """A flat list that was written as text: `['Peace', 'Fear']`, `[1, 2]`, `["a" "b"]`, or one bare word.

    It is taken apart, never evaluated.

    Raises:
        InputError: if the text is too long, nested, or not closed.
    """
    remedy = f"{what} is written as ['Anger', 'Fear'] or [1, 2]."
    if len(text) > _LONGEST_CELL:
        raise place.error(f"{what} is longer than {_LONGEST_CELL:,} characters", text, remedy)
    inner = text.strip()
    for first, last in ("[]", "()"):
        if inner.startswith(first) and inner.endswith(last) and len(inner) > 1:
            inner = inner[1:-1].strip()
            break
    items: list[str] = []
    at = 0
    while at < len(inner):
        found = _ITEM.match(inner, at)
        if found is None or len(items) >= _MOST_ITEMS:
            raise place.error(f"{what} is no flat list of at most {_MOST_ITEMS} items", text, remedy)
        item = found[1] or found[2]
        items.append(item[1:-1] if item[0] in "'\"" else item)
        at = found.end()
        if at < len(inner):
            gap = _SEPARATOR.match(inner, at)
            if gap is None:
                raise place.error(f"{what} is no flat list", text, remedy)
            at = gap.end()
    return items


def number_of(value: object, place: Place, what: str) -> float:
    """A number, NaN for nothing: an empty text, `nan`, `None`.

    Raises:
        InputError: if it is no number.
    """
    if value is None or (isinstance(value, str) and value.strip().lower() in ("", "nan", "none", "null")):
        return math.nan
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise place.error(
            f"{what} is no number", value, "Write a number, or nothing where it is missing."
        ) from None


def box_of(
    values: Sequence[object], place: Place, *, xywh: bool = False
) -> tuple[float, float, float, float]:
    """Four numbers as x1, y1, x2, y2; they may be NaN or make no box.

    Raises:
        InputError: if there are not four.
    """
    if len(values) != 4:
        raise place.error("a box has four numbers", list(values), "Write x1, y1, x2, y2.")
    a, b, c, d = (number_of(each, place, "a corner of the box") for each in values)
    return (a, b, a + c, b + d) if xywh else (a, b, c, d)


def size_of(width: float, height: float) -> tuple[int, int] | None:
    """A width and height in pixels, or None where they cannot be one."""
    if not (math.isfinite(width) and math.isfinite(height)) or min(width, height) < 1:
        return None
    return int(width), int(height)


def vad_of(values: Sequence[object], place: Place) -> tuple[VAD | None, tuple[str, ...]]:
    """Valence, arousal and dominance, or None and the fault that says why.

    Raises:
        InputError: if there are numbers, but not three, or something is no number.
    """
    if not values:
        return None, ("vad_missing",)
    if len(values) != 3:
        raise place.error(
            "expected valence, arousal and dominance", list(values), "Write three numbers from 1 to 10."
        )
    numbers = [number_of(each, place, "valence, arousal or dominance") for each in values]
    if not all(map(math.isfinite, numbers)):
        return None, ("vad_missing",)
    if not all(1 <= each <= 10 for each in numbers):
        return None, ("vad_out_of_range",)
    return _vad(*numbers), ()


@lru_cache(maxsize=4096)
def _vad(valence: float, arousal: float, dominance: float) -> VAD:
    """One object for all who were given the same three numbers: there are few of them, and many people."""
    return VAD(valence=valence, arousal=arousal, dominance=dominance)


# --- paths ------------------------------------------------------------------------------------------------------


def database_of(folder: object, place: Place) -> str:
    """The database of a folder such as `mscoco/images`, `emotic/mscoco/images` or `mscoco`.

    Raises:
        InputError: if the folder is no plain relative path.
    """
    parts = [part for part in parts_of(folder, place) if part not in ("images", "emotic", ".")]
    if not parts:
        raise place.error("the folder names no database", folder, "Write it as mscoco/images.")
    return "/".join(parts)


def filename_of(name: object, place: Place) -> str:
    """A file name without folders.

    Raises:
        InputError: if it is empty or holds a folder.
    """
    parts = parts_of(name, place)
    if len(parts) != 1 or parts[0] == ".":
        raise place.error(
            "this is no plain file name", name, "Write the name alone; its folder has a column of its own."
        )
    return parts[0]


def parts_of(path: object, place: Place) -> list[str]:
    """The parts of a relative path that stays below where it starts.

    Raises:
        InputError: for anything else: absolute, with `..`, a drive, a back slash, or unprintable.
    """
    text = path.strip() if isinstance(path, str) else ""
    parts = text.split("/")
    if (
        not text
        or len(text) > 500
        or any(part in ("", "..") for part in parts)
        or not text.isprintable()
        or "\\" in text
        or ":" in text
    ):
        raise place.error(
            "this is no path below the folder of pictures",
            path,
            "Write a relative path with '/', without '..', such as mscoco/images.",
        )
    return parts


def split_named(text: str) -> str | None:
    """`train`, `val`, `test` or `extra_train`, where a text such as a file's name says one of them, else None."""
    words = re.split(r"[^a-z]+", text.lower())
    if "extra" in words and "train" in words:
        return "extra_train"
    said = {_SPLIT_WORDS[word] for word in words if word in _SPLIT_WORDS}
    return said.pop() if len(said) == 1 else None


# --- files ------------------------------------------------------------------------------------------------------


def json_bytes(file: Path) -> bytes:
    """The bytes of a JSON file.

    Raises:
        InputError: if the file is too large.
    """
    if file.stat().st_size > _LARGEST_JSON:
        raise InputError(
            f"{file.name}: the file is longer than {_LARGEST_JSON:,} bytes",
            remedy="Split it; the known annotation files of EMOTIC have a few megabytes.",
        )
    return file.read_bytes()


def read_json(file: Path) -> Any:
    """The value of a JSON file.

    Raises:
        InputError: if the file is too large, nested too deeply, or not JSON.
    """
    try:
        return json.loads(json_bytes(file).decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise InputError(
            f"{file.name}: this is not JSON, or it is nested too deeply", remedy="Get the file again."
        ) from None


def table_rows(file: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of a table with their line numbers: commas or tabs, UTF-8 with or without a mark, empty ones skipped.

    Raises:
        InputError: if it is no such table.
    """
    with file.open(encoding="utf-8-sig", newline="") as stream:
        line = 0
        try:
            first = stream.readline(_LONGEST_CELL * 10)
            stream.seek(0)
            delimiter = "\t" if first.count("\t") > first.count(",") else ","
            reader = csv.reader(stream, delimiter=delimiter, strict=True)
            for row in reader:
                line = reader.line_num
                if any(cell.strip() for cell in row):
                    yield line, row
        except UnicodeDecodeError:
            raise Place(file, _first_bad_line(file)).error(
                "this is not UTF-8 text", None, "Save the file as UTF-8."
            ) from None
        except csv.Error:
            raise Place(file, line + 1).error(
                "this is not CSV", None, "Put texts that hold the separator in double quotes."
            ) from None


def _first_bad_line(file: Path) -> int:
    """The line of the first byte that is not UTF-8: text is decoded in pieces, so the reader itself does not know."""
    data = file.read_bytes()
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return data.count(b"\n", 0, error.start) + 1
    return 1


@dataclass(frozen=True)
class Columns:
    """The columns of a table by name, in whatever order they stand."""

    names: tuple[str, ...]

    def cells(self, row: Sequence[str], place: Place) -> dict[str, str]:
        """The cells of a row by column.

        Raises:
            InputError: if the row has more or fewer cells than the header.
        """
        if len(row) != len(self.names):
            raise place.error(
                f"expected {len(self.names)} columns as in the header, found {len(row)}",
                ",".join(row),
                "Put texts that hold the separator in double quotes.",
            )
        return dict(zip(self.names, row, strict=True))


def columns_of(header: Sequence[str], needed: Sequence[str], place: Place) -> Columns:
    """The columns that a header names.

    Raises:
        InputError: if one that is needed is missing, or one stands twice.
    """
    names = tuple(cell.strip() for cell in header)
    missing = [name for name in needed if name not in names]
    if missing:
        raise place.error(
            "columns are missing", ", ".join(missing), f"Expected a header with {', '.join(needed)}."
        )
    if len(set(names)) != len(names):
        raise place.error("a column stands twice", ",".join(names), "Keep one of them.")
    return Columns(names)
