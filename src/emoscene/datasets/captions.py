"""The caption study: narrative captions written by people, one of 13 emotions for each.

A CSV file with the columns `image`, `emotion`, `full`, `minus_interactions` and `minus_environments`: the
whole caption, the caption without what passes between people, and without the surroundings. Captions, and the
names of people in them, are data and are passed on as they stand.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from emoscene.errors import InputError, MissingFileError, OptionError
from emoscene.labels import label_space
from emoscene.types import Sample

__all__ = ["COLUMNS", "LABELS", "read_captions"]

#: The caption columns of the file.
COLUMNS = ("full", "minus_interactions", "minus_environments")
#: The label space of the targets.
LABELS = "caption-study"
_LONGEST_CAPTION = 100_000


def read_captions(path: str | Path, column: str = "full") -> Iterator[Sample]:
    """The captions of one column as samples with text and target, in the order of the file.

    Args:
        path: The CSV file, UTF-8, with a header line.
        column: Which caption: `full`, `minus_interactions` or `minus_environments`.

    Yields:
        One sample a row. `source` is the name of its picture, which is not opened; `id` is that name too,
        with `#2` and so on for further rows of the same picture, which are not independent of the first. An
        empty caption stays a sample without text: it counts, and a recognizer says that it had nothing to read.

    Raises:
        OptionError: if there is no such column by definition.
        MissingFileError: if the file does not exist.
        InputError: if a column is missing or an emotion is none of the 13; it names the line.
    """
    if column not in COLUMNS:
        raise OptionError(
            "the caption study has no such column", value=column, remedy=f"One of: {', '.join(COLUMNS)}."
        )
    file = Path(path)
    if not file.is_file():
        raise MissingFileError("there is no such file", value=path, remedy="Check the path of the CSV file.")
    return _rows(file, column)


def _rows(file: Path, column: str) -> Iterator[Sample]:
    labels = label_space(LABELS)
    rows_of: Counter[str] = Counter()
    with file.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream, strict=True)
        try:
            missing = [name for name in ("image", "emotion", column) if name not in (reader.fieldnames or ())]
            if missing:
                raise _faulty(file, 1, "columns are missing", ", ".join(missing))
            for row in reader:
                image, emotion, caption = (row[name] for name in ("image", "emotion", column))
                if not image or not emotion or caption is None or None in row:
                    raise _faulty(file, reader.line_num, "the row has too few or too many columns", image)
                label = labels.find(emotion)
                if label is None:
                    raise _faulty(file, reader.line_num, "this emotion is none of the 13", emotion)
                rows_of[image] += 1
                row_id = image if rows_of[image] == 1 else f"{image}#{rows_of[image]}"
                text = caption.strip()[:_LONGEST_CAPTION]
                yield Sample(id=row_id, source=image, text=text or None, target=frozenset({label.id}))
        except UnicodeDecodeError:
            raise _faulty(file, reader.line_num + 1, "this is not UTF-8 text", None) from None
        except csv.Error:
            raise _faulty(file, reader.line_num, "this is not CSV", None) from None


def _faulty(file: Path, line: int, what: str, value: str | None) -> InputError:
    expected = f"Expected a header and the columns image, emotion, {', '.join(COLUMNS)}."
    return InputError(f"{file.name}, line {line}: {what}", value=value, remedy=expected)
