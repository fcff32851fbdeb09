"""What stands in a cell: labels, numbers, boxes, names of pictures. Each error names the row and the remedy."""

from __future__ import annotations

import ast
import difflib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from emoscene.errors import BoxError, InputError
from emoscene.labels import LabelSpace, normal_form
from emoscene.types import BoundingBox

__all__ = ["LabelReader", "LabelsRead", "UnknownLabelError", "box_in", "number_in", "picture_in", "text_in"]

_LONGEST_LIST = 100_000
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:", re.IGNORECASE)


class UnknownLabelError(InputError):
    """A label that the space does not have. Kept apart so that a reader may leave the row out, and count it."""


def is_empty(cell: object) -> bool:
    """Nothing, blank, or NaN."""
    return (
        cell is None
        or (isinstance(cell, str) and not cell.strip())
        or (isinstance(cell, float) and math.isnan(cell))
    )


def text_in(cell: object) -> str:
    """The cell as text; whole numbers without `.0`."""
    if is_empty(cell):
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def number_in(cell: object, where: str, column: str) -> float | None:
    """The number in a cell, or None if it is empty.

    Raises:
        InputError: if it is no finite number.
    """
    if is_empty(cell) or (isinstance(cell, str) and cell.strip().lower() in ("nan", "none", "null")):
        return None
    try:
        number = float(cell) if isinstance(cell, str | int | float) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(
            f"{where}: {column} must be a number", value=cell, remedy="Write a number with a decimal point."
        )
    return number


def box_in(cells: Sequence[object], where: str, *, sized: bool) -> BoundingBox | None:
    """The box in one cell of four numbers or in four cells; None where they are empty.

    Args:
        cells: One cell or four.
        where: The row, for errors.
        sized: Whether the numbers are a corner, width and height, and not two corners.

    Raises:
        BoxError: with the row.
    """
    if all(is_empty(cell) for cell in cells):
        return None
    if len(cells) == 1:
        cell = cells[0]
        cells = cell if isinstance(cell, list | tuple) else re.split(r"[\s,;]+", str(cell).strip(" \t()[]"))
    shape = "x,y,width,height" if sized else "x1,y1,x2,y2"
    try:
        numbers = [float(cell) for cell in cells if isinstance(cell, str | int | float)]
        if len(numbers) != 4 or len(cells) != 4:
            raise BoxError("a box is four numbers", value=cells, remedy=f"Write {shape} in pixels.")
        x, y, a, b = numbers
        return BoundingBox(x1=x, y1=y, x2=x + a if sized else a, y2=y + b if sized else b)
    except ValueError:
        raise BoxError(
            f"{where}: a box is four numbers", value=cells, remedy=f"Write {shape} in pixels."
        ) from None
    except BoxError as error:
        remedy = (
            "Widths and heights are above 0." if sized else "Is it x,y,width,height? Set box_format=xywh."
        )
        raise BoxError(f"{where}: {error.what}", value=error.value, remedy=remedy) from None


def picture_in(cell: object, where: str, *, outside: bool) -> str:
    """The name of a picture as a relative path with `/`; empty where there is none.

    Raises:
        InputError: for an address, an absolute path, or one that leaves the folder, unless `outside`.
    """
    name = text_in(cell).replace("\\", "/")
    if not name:
        return ""
    if "://" in name or (_ADDRESS.match(name) and name[1:2] != ":"):
        raise InputError(
            f"{where}: this is an address, and pictures are never fetched",
            value=name,
            remedy="Download the pictures and write their file names.",
        )
    if not name.isprintable():
        raise InputError(
            f"{where}: a file name with control characters", value=name, remedy="Rename the file."
        )
    path = PurePosixPath(name)
    if not outside and (path.is_absolute() or ".." in path.parts or name[1:2] == ":"):
        raise InputError(
            f"{where}: this picture lies outside of the pictures' folder",
            value=name,
            remedy="Name their folder with pictures=FOLDER and write names relative to it, or set outside=true.",
        )
    return str(path)


@dataclass(frozen=True)
class LabelsRead:
    """What a cell said: ids of labels; words that are synonyms of labels; whether a label to be ignored was there."""

    ids: tuple[str, ...]
    by_synonym: tuple[str, ...] = ()
    ignored: str = ""


@dataclass(frozen=True)
class LabelReader:
    """Reads labels from cells.

    Attributes:
        space: The label space.
        separator: Between several labels of one cell.
        codes: What stands in the table -> label.
        ignore: What stands for no label of the space.
    """

    space: LabelSpace
    separator: str = ";"
    codes: Mapping[str, str] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()

    def read(self, cell: object, where: str) -> LabelsRead | None:
        """The labels of a cell, each once, in the order of the cell; None where it is empty.

        Raises:
            UnknownLabelError: if the space has no such label; it names the nearest one.
            InputError: if a list is malformed, or a space of one label a person is given several.
        """
        if is_empty(cell):
            return None
        ids: dict[str, None] = {}
        by_synonym: list[str] = []
        ignored = ""
        for word in self._words(cell, where):
            if word in self.ignore or normal_form(word) in map(normal_form, self.ignore):
                ignored = word
                continue
            label_id, exact = self.label_of(word, where)
            ids[label_id] = None
            if not exact:
                by_synonym.append(f"{word} as {label_id}")
        if len(ids) > 1 and not self.space.multi_label:
            raise InputError(
                f"{where}: several labels, and {self.space.name} has one a person",
                value=", ".join(ids),
                remedy="Keep one, or name a label space with multi_label: true.",
            )
        return LabelsRead(tuple(ids), tuple(by_synonym), ignored)

    def label_of(self, word: str, where: str) -> tuple[str, bool]:
        """The id of the label that a word stands for, and whether it is its code, id, name or spelling variant."""
        meant = self.codes.get(word, word)
        label = self.space.find(meant)
        if label is None:
            raise UnknownLabelError(
                f"{where}: this is none of the labels of {self.space.name}",
                value=word,
                remedy=self._near(word),
            )
        names = map(normal_form, (label.id, label.name, *label.variants))
        return label.id, normal_form(meant) in names

    def _near(self, word: str) -> str:
        names = {normal_form(term): label.id for label in self.space for term in label.terms}
        near = difflib.get_close_matches(normal_form(word), names, n=1)
        hint = f"Did you mean {names[near[0]]!r}? " if near else ""
        many = "," in word and self.separator != ","
        split = "Are these several? Set label_separator=,. " if many else ""
        shown = ", ".join(self.space.ids[:12]) + (", ..." if len(self.space) > 12 else "")
        return f"{hint}{split}Labels: {shown}. Another space: space=NAME; rows left out: unknown=leave_out."

    def _words(self, cell: object, where: str) -> list[str]:
        if isinstance(cell, list | tuple):
            items: Any = cell
        elif isinstance(cell, str) and cell.lstrip().startswith("["):
            items = _list_in(cell.strip(), where)
        else:
            text = text_in(cell)
            if text in self.codes or text in self.ignore or self.space.find(text) is not None:
                return [text]
            items = text.split(self.separator)
        return [text_in(item) for item in items if not is_empty(item)]


def _list_in(text: str, where: str) -> Sequence[object]:
    """A JSON list, or the text of a Python list of strings."""
    found: object = None
    if len(text) <= _LONGEST_LIST:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            try:
                found = ast.literal_eval(text)
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                found = None
    if not isinstance(found, list) or not all(isinstance(item, str | int | float) for item in found):
        raise InputError(
            f"{where}: this is no list of labels", value=text, remedy="""Write ["joy", "fear"] or joy;fear."""
        )
    return found
