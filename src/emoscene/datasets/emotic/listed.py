"""A row a person with labels in one column: Parquet files, or the same columns as CSV.

Columns `image_path`, or `folder` and `filename`; `categories`; and where there are any `bbox`, `valence`, `arousal`,
`dominance`, `split`, `gender`, `age`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from emoscene.datasets.emotic.people import EmoticPerson, Numbering
from emoscene.datasets.emotic.reading import (
    Names,
    Place,
    box_of,
    columns_of,
    database_of,
    filename_of,
    parts_of,
    read_list,
    split_named,
    table_rows,
    vad_of,
)
from emoscene.errors import InputError, MissingExtraError

__all__ = ["is_listed", "listed_splits", "read_listed"]

_VAD = ("valence", "arousal", "dominance")


def is_listed(header: Sequence[str]) -> bool:
    """Whether a table with this header is one of these."""
    named = {cell.strip() for cell in header}
    return "categories" in named and ("image_path" in named or {"folder", "filename"} <= named)


def listed_splits(file: Path) -> tuple[str, ...]:
    """The splits that the column `split` names, in the order in which they come; none without that column."""
    return tuple(dict.fromkeys(split for _, row in _rows(file) if (split := _split(row)) is not None))


def read_listed(file: Path, split: str, names: Names) -> Iterator[EmoticPerson]:
    """The people of the split, in the order of the file.

    Raises:
        MissingExtraError: if a Parquet file cannot be read for want of a package.
        InputError: if a column is missing or a row malformed.
    """
    numbering = Numbering()
    for place, row in _rows(file):
        if _split(row) in (None, split):
            yield _person(row, split, names, place, numbering)


def _person(
    row: Mapping[str, Any], split: str, names: Names, place: Place, numbering: Numbering
) -> EmoticPerson:
    labels, faults = names.ids(map(str, _items(row.get("categories"), place, "categories")), place)
    vad, missing = vad_of([row.get(each) for each in _VAD], place) if set(_VAD) <= set(row) else (None, ())
    box = _items(row.get("bbox"), place, "bbox")
    picture = _picture(row, place)
    return EmoticPerson(
        split,
        *picture,
        numbering.next(*picture),
        labels,
        box=box_of(box, place) if box else None,
        vad=vad,
        attributes={key: row[key] for key in ("gender", "age") if isinstance(row.get(key), str) and row[key]},
        faults=faults + missing,
    )


def _picture(row: Mapping[str, Any], place: Place) -> tuple[str, str]:
    if "folder" in row and "filename" in row:
        return database_of(row["folder"], place), filename_of(row["filename"], place)
    parts = parts_of(row.get("image_path"), place)
    if len(parts) < 2:
        raise place.error(
            "the path names no database", row.get("image_path"), "Write mscoco/images/NAME.jpg."
        )
    return database_of("/".join(parts[:-1]), place), parts[-1]


def _items(value: Any, place: Place, what: str) -> list[Any]:
    """A list that is one, or is written as text; nothing is an empty one."""
    if isinstance(value, str):
        return read_list(value, place, what)
    if value is None or value != value:
        return []
    if not isinstance(value, Iterable):
        raise place.error(f"{what} is no list", value, "Write a list.")
    return list(value)


def _split(row: Mapping[str, Any]) -> str | None:
    said = row.get("split")
    return split_named(said) or str(said) if isinstance(said, str) and said else None


def _rows(file: Path) -> Iterator[tuple[Place, dict[str, Any]]]:
    if file.suffix.lower() == ".parquet":
        yield from _parquet(file)
        return
    rows = table_rows(file)
    columns = columns_of(next(rows)[1], (), Place(file, 1))
    for line, row in rows:
        place = Place(file, line)
        yield place, dict(columns.cells(row, place))


def _parquet(file: Path) -> Iterator[tuple[Place, dict[str, Any]]]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise MissingExtraError.of("datasets", "pyarrow") from None
    try:
        table = parquet.ParquetFile(file)
        number = 0
        for batch in table.iter_batches():
            for row in batch.to_pylist():
                yield Place(file, number), row
                number += 1
    except (pyarrow.ArrowException, OSError):
        raise InputError(f"{file.name}: this is no Parquet file", remedy="Get the file again.") from None
