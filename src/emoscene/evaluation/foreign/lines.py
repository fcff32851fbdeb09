"""Files of rows as other programs write them: lines of text, rows of a table, values of JSON, each with its place.

A file is read once, line by line (JSON that is one value, whole). What is not text, not UTF-8, ragged, endless or
nested without end is one sentence that names file and row; a row is counted as a text editor counts lines, the header
being the first.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from emoscene.datasets.emotic.reading import Place
from emoscene.errors import InputError, MissingFileError

__all__ = ["SEPARATORS", "cells_of", "check_file", "first_line", "json_lines", "json_whole", "table_rows"]

#: What may stand between the cells of a table.
SEPARATORS = (",", "\t", ";")

_LONGEST_LINE = 16 * 2**20
_LARGEST_JSON = 256 * 2**20
_MOST_COLUMNS = 10_000
_ONCE = "Keep one of the two."


def check_file(file: Path) -> None:
    """Raises MissingFileError if there is no such file, InputError if it is empty."""
    if not file.is_file():
        raise MissingFileError("there is no such file", value=file, remedy="Check the path.")
    if file.stat().st_size == 0:
        raise InputError(f"{file.name}: the file is empty", remedy="Write it again: one row a person.")


def first_line(file: Path) -> tuple[int, str]:
    """The first line that holds anything, and its number.

    Raises:
        InputError: if there is none, or it is no text.
    """
    for number, line in _lines(file):
        if line.strip():
            return number, line.strip("\r\n")
    raise InputError(f"{file.name}: there are only empty lines", remedy="Write one row a person.")


def cells_of(line: str, separator: str) -> list[str]:
    """A line as the cells of a table; none where it is no row of one."""
    try:
        return next(csv.reader([line], delimiter=separator, strict=True), [])
    except csv.Error:
        return []


def table_rows(file: Path, separator: str) -> Iterator[tuple[Place, list[str]]]:
    """The rows of a table, empty ones passed over. A row has the number of the line on which it begins.

    Raises:
        InputError: if it is no such table.
    """
    reader = csv.reader((line for _, line in _lines(file)), delimiter=separator, strict=True)
    start = 1
    try:
        for row in reader:
            place = Place(file, start)
            start = reader.line_num + 1
            if len(row) > _MOST_COLUMNS:
                remedy = "Check the separators and line ends."
                raise place.error(f"a table has at most {_MOST_COLUMNS:,} columns", f"{len(row):,}", remedy)
            if any(cell.strip() for cell in row):
                yield place, row
    except csv.Error as error:
        raise _not_csv(Place(file, start), error) from None


def _not_csv(place: Place, error: csv.Error) -> InputError:
    if "field larger" in str(error):
        return place.error(
            f"a cell has more than {csv.field_size_limit():,} characters",
            None,
            "Look for a quotation mark that is never closed; shorten the text otherwise.",
        )
    return place.error(
        "quotation marks or line ends are not those of a CSV file",
        None,
        "Close every quotation mark, double those inside of a quoted cell, and end lines with a line feed.",
    )


def json_lines(file: Path) -> Iterator[tuple[Place, Any]]:
    """The values of a file that has one on each line, empty lines passed over.

    Raises:
        InputError: for the first line that is no JSON.
    """
    for number, line in _lines(file):
        if line.strip():
            place = Place(file, number, "line")
            yield place, _value(line, place)


def json_whole(file: Path) -> Iterator[tuple[Place, str | None, Any]]:
    """The items of a file that is one JSON list or object, each with its line; the key too where it is an object.

    Raises:
        InputError: if it is neither, too large, or no JSON.
    """
    size = file.stat().st_size
    if size > _LARGEST_JSON:
        raise InputError(
            f"{file.name}: JSON that is one value is read whole, and this is too large",
            value=f"{size:,} bytes",
            remedy="Write one object a line, as JSON lines.",
        )
    text = "".join(line for _, line in _lines(file))
    yield from _Items(file, text)


class _Items:
    """The items of a list or object one by one, so that each is known by its line."""

    def __init__(self, file: Path, text: str) -> None:
        self.file = file
        self.text = text
        self.at = 0
        self.line = 1
        self.item = 0
        self.on_one_line = "\n" not in text.strip()

    def __iter__(self) -> Iterator[tuple[Place, str | None, Any]]:
        opening = self._next()
        if opening not in ("{", "["):
            raise self._error("expected a list or an object")
        closing = "}" if opening == "{" else "]"
        self._pass(1)
        while self._next() != closing:
            self.item += 1
            place = self._place()
            key = self._key() if opening == "{" else None
            value, end = self._read(place)
            self._pass(end - self.at)
            yield place, key, value
            after = self._next()
            if after == ",":
                self._pass(1)
                if self._next() == closing:
                    raise self._error("a comma stands before the end")
            elif after != closing:
                raise self._error("expected a comma or the end")
        self._pass(1)
        if self._next():
            raise self._error("something stands behind the end")

    def _next(self) -> str:
        """The next character that is no space; nothing at the end."""
        end = self.at
        while end < len(self.text) and self.text[end] in " \t\r\n":
            end += 1
        self._pass(end - self.at)
        return self.text[self.at : self.at + 1]

    def _pass(self, count: int) -> None:
        self.line += self.text.count("\n", self.at, self.at + count)
        self.at += count

    def _key(self) -> str:
        if self._next() != '"':
            raise self._error("expected a key in double quotes")
        try:
            key, end = _DECODER.raw_decode(self.text, self.at)
        except ValueError:
            raise self._error("this key is not closed") from None
        self._pass(end - self.at)
        if self._next() != ":":
            raise self._error("expected a colon behind the key")
        self._pass(1)
        self._next()
        return str(key)

    def _read(self, place: Place) -> tuple[Any, int]:
        try:
            return _DECODER.raw_decode(self.text, self.at)
        except _TwiceError as error:
            raise place.error("a key stands twice in one object", error.key, _ONCE) from None
        except json.JSONDecodeError as error:
            self._pass(max(0, error.pos - self.at))
            raise self._error(error.msg[:1].lower() + error.msg[1:]) from None
        except (RecursionError, ValueError):
            raise place.error(*_ENDLESS) from None

    def _place(self) -> Place:
        if self.on_one_line:
            return Place(self.file, self.item, "item")
        return Place(self.file, self.line, "line")

    def _error(self, what: str) -> InputError:
        found = self.text[self.at : self.at + 40]
        place = Place(self.file, self.line, "line")
        return place.error(
            f"this is not JSON: {what}", found or "the end of the file", "Write it with a JSON library."
        )


def _value(line: str, place: Place) -> Any:
    try:
        return _DECODER.decode(line)
    except _TwiceError as error:
        raise place.error("a key stands twice in one object", error.key, _ONCE) from None
    except json.JSONDecodeError:
        raise place.error(
            "this is not JSON", line.strip(), "Write one JSON object a line, and finish the last one."
        ) from None
    except (RecursionError, ValueError):
        raise place.error(*_ENDLESS) from None


_ENDLESS = (
    "this is nested too deeply, or holds a number that is too long",
    None,
    'Write plain rows, like {"id": "a", "labels": ["anger"]}.',
)


class _TwiceError(Exception):
    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """An object, in which the second of two equal keys does not win in silence."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [key for key, _ in pairs]
        raise _TwiceError(next(name for at, name in enumerate(names) if name in names[:at]))
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_unique)


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """The lines, decoded one by one, so that a wrong byte is found on its line."""
    with file.open("rb") as stream:
        for number, raw in enumerate(_bounded(file, stream), 1):
            place = Place(file, number, "line")
            if number == 1 and raw.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise place.error("this is UTF-16", None, "Save the file as UTF-8.")
            if b"\0" in raw:
                raise place.error(
                    "there is a null byte: this is no text", None, "Check that it is the right file."
                )
            try:
                yield number, raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise place.error(
                    "this is not UTF-8 text",
                    f"byte 0x{raw[error.start]:02x}",
                    "Save the file as UTF-8 (spreadsheets offer it as 'CSV UTF-8').",
                ) from None


def _bounded(file: Path, stream: Any) -> Iterable[bytes]:
    number = 0
    while raw := stream.readline(_LONGEST_LINE + 1):
        number += 1
        if len(raw) > _LONGEST_LINE:
            place = Place(file, number, "line")
            raise place.error(f"a line is longer than {_LONGEST_LINE:,} bytes", None, "Check the line ends.")
        yield raw
