"""Rows of a table file, one at a time: CSV and other separated text, JSON lines, JSON, Parquet.

Each row comes with its place, for errors. What is not text, not UTF-8, ragged or endless ends in one sentence.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from emoscene.datasets.table_layout import TableLayout
from emoscene.errors import InputError, MissingExtraError

__all__ = ["ENDINGS", "Row", "columns_in", "rows_in"]

_SEPARATED = (".csv", ".tsv", ".txt", ".ann")
_JSON_LINES = (".jsonl", ".ndjson")
#: Files that can be read.
ENDINGS = (*_SEPARATED, *_JSON_LINES, ".json", ".parquet")

_LONGEST_LINE = 16 * 2**20
_LARGEST_JSON = 512 * 2**20
_MOST_COLUMNS = 10_000
_LOOKED_AT = 200
_BATCH = 64


@dataclass(frozen=True)
class Row:
    """A row: its place for errors, its number among the rows (from 1), and its cells by the name of the column."""

    where: str
    number: int
    cells: Mapping[str, Any]


def rows_in(file: Path, layout: TableLayout) -> Iterator[Row]:
    """The rows of a file, one by one.

    Raises:
        InputError: if the file is no table; it names the line.
        MissingExtraError: for Parquet, if pyarrow is not installed.
    """
    ending = file.suffix.lower()
    if ending in _SEPARATED:
        return _separated(file, layout)
    if ending in _JSON_LINES:
        return _numbered(file, _json_lines(file), layout)
    if ending == ".json":
        return _numbered(file, _json(file), layout)
    if ending == ".parquet":
        return _parquet(file)
    raise InputError(
        f"{file.name}: a table of this kind cannot be read",
        value=file.suffix or "no ending",
        remedy=f"Use one of: {', '.join(ENDINGS)}.",
    )


def columns_in(file: Path, layout: TableLayout) -> tuple[str, ...]:
    """The names of the columns: of the header, or of all keys in the first rows.

    Raises:
        InputError: also if there is no row.
    """
    names: dict[str, None] = {}
    for row in islice(rows_in(file, layout), _LOOKED_AT):
        names.update(dict.fromkeys(row.cells))
    if not names:
        raise InputError(f"{file.name}: the table has no rows", remedy="Check that it is the right file.")
    return tuple(names)


def _separated(file: Path, layout: TableLayout) -> Iterator[Row]:
    with file.open("rb") as stream:
        lines = _lines(file, stream)
        first = next(lines, "")
        separator = layout.separator or _separator(first)
        reader = csv.reader(_again(first, lines), delimiter=separator, strict=True)
        header: list[str] | None = None
        number = 0
        try:
            for cells in reader:
                if not any(cell.strip() for cell in cells):
                    continue
                where = f"{file.name}, line {reader.line_num}"
                if header is None and not layout.columns:
                    header = _header(cells, where)
                    continue
                number += 1
                names = header if header is not None else _names(cells, layout, where)
                if len(cells) != len(names):
                    raise InputError(
                        f"{where}: {len(cells)} cells under {len(names)} columns",
                        value=separator.join(cells),
                        remedy="Put cells that contain the separator in quotes, or name it: separator=tab.",
                    )
                yield Row(where, number, dict(zip(names, cells, strict=True)))
        except csv.Error as error:
            raise _not_csv(file, reader.line_num, error) from None


def _not_csv(file: Path, line: int, error: csv.Error) -> InputError:
    if "field larger" in str(error):
        return InputError(
            f"{file.name}, line {line}: a cell has more than {csv.field_size_limit():,} characters",
            remedy="Check for a quotation mark that is never closed; shorten the text otherwise.",
        )
    return InputError(
        f"{file.name}, line {line}: quotation marks or line ends are not those of a CSV file",
        remedy="Double a quotation mark inside of a quoted cell, and close every one.",
    )


def _again(first: str, rest: Iterator[str]) -> Iterator[str]:
    if first:
        yield first
    yield from rest


def _separator(line: str) -> str:
    """Which of comma, tab and semicolon stands most often in the line, outside of quotation marks."""
    bare = "".join(line.split('"')[::2])
    return max(",\t;", key=bare.count)


def _header(cells: Sequence[str], where: str) -> list[str]:
    names = [cell.strip() for cell in cells]
    if len(names) > _MOST_COLUMNS:
        raise InputError(f"{where}: a table has at most {_MOST_COLUMNS:,} columns", value=len(names))
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        raise InputError(
            f"{where}: two columns have the same name",
            value=twice or "(empty)",
            remedy="Give each column its own name.",
        )
    return names


def _names(cells: Sequence[object], layout: TableLayout, where: str) -> Sequence[str]:
    """The given names that fit a row of this length."""
    for names in layout.columns:
        if len(names) == len(cells):
            return names
    lengths = " or ".join(str(len(names)) for names in layout.columns) or "no"
    raise InputError(
        f"{where}: {len(cells)} values, and names are given for {lengths}",
        value=cells,
        remedy="Name all columns of the file: columns=image,label.",
    )


def _lines(file: Path, stream: BinaryIO) -> Iterator[str]:
    """The lines as text, decoded one by one, so that a wrong byte is found in its line."""
    number = 0
    while raw := stream.readline(_LONGEST_LINE + 1):
        number += 1
        where = f"{file.name}, line {number}"
        if len(raw) > _LONGEST_LINE:
            raise InputError(
                f"{where}: a line is longer than {_LONGEST_LINE:,} bytes", remedy="Check the file."
            )
        if number == 1 and raw.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise InputError(f"{file.name}: the file is UTF-16", remedy="Save it as UTF-8.")
        if b"\0" in raw:
            raise InputError(f"{where}: there is a null byte: this is no text", remedy="Check the file.")
        try:
            yield raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise InputError(
                f"{where}: this is not UTF-8 text",
                value=f"byte 0x{raw[error.start]:02x}",
                remedy="Save the table as UTF-8 (spreadsheets offer it as 'CSV UTF-8').",
            ) from None


def _json_lines(file: Path) -> Iterator[tuple[str, object]]:
    with file.open("rb") as stream:
        for number, line in enumerate(_lines(file, stream), 1):
            if line.strip():
                where = f"{file.name}, line {number}"
                yield where, _parse(line, where)


def _json(file: Path) -> Iterator[tuple[str, object]]:
    if file.stat().st_size > _LARGEST_JSON:
        raise InputError(
            f"{file.name}: a JSON file is read whole, and this one is too large",
            value=f"{file.stat().st_size:,} bytes",
            remedy="Write one object a line, as .jsonl.",
        )
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{file.name}: byte {error.start:,} is not UTF-8 text", remedy="Save it as UTF-8."
        ) from None
    items = _parse(text, file.name)
    if not isinstance(items, list):
        raise InputError(
            f"{file.name}: expected a list of rows", remedy="Write [{...}, {...}], or JSON lines."
        )
    for number, item in enumerate(items, 1):
        yield f"{file.name}, item {number}", item


def _parse(text: str, where: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{where}: this is not JSON", value=error.msg, remedy="Write one JSON object a line."
        ) from None
    except (RecursionError, ValueError):
        raise InputError(
            f"{where}: this is nested too deeply, or holds a number that is too long",
            remedy="Write one flat JSON object a line.",
        ) from None


def _numbered(file: Path, items: Iterator[tuple[str, object]], layout: TableLayout) -> Iterator[Row]:
    for number, (where, item) in enumerate(items, 1):
        if isinstance(item, dict):
            yield Row(where, number, item)
        elif isinstance(item, list) and layout.columns:
            yield Row(where, number, dict(zip(_names(item, layout, where), item, strict=True)))
        else:
            raise InputError(
                f"{where}: a row must be an object with the names of the columns",
                value=item,
                remedy='Write {"image": "a.jpg", "labels": ["joy"]}, or name the columns: columns=label,image.',
            )


def _parquet(file: Path) -> Iterator[Row]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError.of("datasets", "pyarrow") from None
    number = 0
    try:
        with pyarrow.parquet.ParquetFile(file) as table:
            for batch in table.iter_batches(batch_size=_BATCH):
                for cells in batch.to_pylist():
                    number += 1
                    yield Row(f"{file.name}, row {number}", number, cells)
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(
            f"{file.name}: this is no Parquet file, or it is damaged after row {number}",
            value=type(error).__name__,
            remedy="Write it again.",
        ) from None
