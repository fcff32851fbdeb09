"""The lists that a narrative caption is picked from: who, where, what and how, one entry a line.

The lists that ship are written for emoscene. A folder with files of the same names puts a user's own in their place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final, Literal, get_args

from emoscene.errors import MissingFileError, OptionError

__all__ = ["SLOTS", "Slot", "Vocabularies", "load_vocabulary", "read_entries"]

Slot = Literal["who", "where", "what", "how"]
SLOTS: Final[tuple[Slot, ...]] = get_args(Slot)

_LARGEST_FILE = 1024 * 1024
_MOST_ENTRIES = 10_000
_LONGEST_ENTRY = 200
_REMEDY = "Write one entry a line; lines that begin with '#' are remarks."


@dataclass(frozen=True)
class Vocabularies:
    """Candidates by slot.

    Attributes:
        who: Noun phrases, `young child`. An article is put in front of those that bring none.
        where: Noun phrases, `kitchen` ("in a" is put in front), or with their own preposition, `on a beach`.
        what: Activities, `reading a book` ("is" is put in front), or verbs as they are, `reads a book`.
        how: Physical signals in the third person, `clenches both fists`.
    """

    who: tuple[str, ...]
    where: tuple[str, ...]
    what: tuple[str, ...]
    how: tuple[str, ...]

    def __post_init__(self) -> None:
        for slot in SLOTS:
            if not self[slot]:
                raise OptionError(
                    "a vocabulary needs at least one entry in each list", value=slot, remedy=_REMEDY
                )

    def __getitem__(self, slot: Slot) -> tuple[str, ...]:
        return {"who": self.who, "where": self.where, "what": self.what, "how": self.how}[slot]


def load_vocabulary(folder: str | Path | None = None) -> Vocabularies:
    """The lists that ship, or those of a folder: any of `who.txt`, `where.txt`, `what.txt`, `how.txt`.

    A list that the folder does not have is the one that ships.

    Raises:
        MissingFileError: if there is no such folder, or none of the four files is in it.
        OptionError: if a file is no list of entries; says the line.
    """
    if folder is None:
        return _shipped()
    path = Path(folder)
    try:
        found = {slot: path / f"{slot}.txt" for slot in SLOTS if (path / f"{slot}.txt").is_file()}
    except (OSError, ValueError):  # a name too long for the file system, or with a null character
        found = {}
    if not found:
        raise MissingFileError(
            "there is no vocabulary in this folder",
            value=folder,
            remedy="Put who.txt, where.txt, what.txt or how.txt there, one entry a line.",
        )
    return replace(_shipped(), **{slot: read_entries(file) for slot, file in found.items()})


def read_entries(file: Path) -> tuple[str, ...]:
    """The entries of a list: UTF-8 text, one a line; empty lines and lines that begin with `#` are skipped.

    Raises:
        MissingFileError: if the file cannot be opened.
        OptionError: if it is too large, no UTF-8, has no entry or too many, or one that is too long, not printable,
            or stands twice; says the line.
    """
    try:
        with file.open("rb") as stream:
            data = stream.read(_LARGEST_FILE + 1)
    except (OSError, ValueError):
        raise MissingFileError("this list cannot be read", value=file, remedy="Check the path.") from None
    if len(data) > _LARGEST_FILE:
        raise OptionError(
            f"{file.name}: the file is too large for a list",
            value=f"more than {_LARGEST_FILE} bytes",
            remedy=f"A list has at most {_MOST_ENTRIES} entries.",
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise OptionError(
            f"{file.name}: byte {error.start} is not UTF-8 text", remedy="Save the file as UTF-8."
        ) from None
    return _entries(text, file.name)


@cache
def _shipped() -> Vocabularies:
    folder = resources.files("emoscene.narration").joinpath("data")
    lists = {
        slot: _entries(folder.joinpath(f"{slot}.txt").read_text("utf-8"), f"{slot}.txt") for slot in SLOTS
    }
    return Vocabularies(**lists)


def _entries(text: str, name: str) -> tuple[str, ...]:
    lines: dict[str, int] = {}
    entries = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        entry = " ".join(line.split())
        _check_entry(entry, f"{name}, line {number}")
        earlier = lines.setdefault(entry.casefold(), number)
        if earlier != number:
            raise OptionError(
                f"{name}: this entry stands in lines {earlier} and {number}",
                value=entry,
                remedy="Remove one: the two would share what one of them should get.",
            )
        entries.append(entry)
        if len(entries) > _MOST_ENTRIES:
            raise OptionError(f"{name}: more than {_MOST_ENTRIES} entries", remedy="Shorten the list.")
    if not entries:
        raise OptionError(f"{name}: there is no entry in this list", remedy=_REMEDY)
    return tuple(entries)


def _check_entry(entry: str, place: str) -> None:
    if len(entry) > _LONGEST_ENTRY:
        raise OptionError(
            f"{place}: an entry of {len(entry)} characters",
            value=entry,
            remedy=f"At most {_LONGEST_ENTRY}; one entry a line.",
        )
    if not entry.isprintable():
        raise OptionError(
            f"{place}: the entry holds control characters",
            value=entry,
            remedy="Save the list as plain text.",
        )
    if not any(c.isalnum() for c in entry):
        raise OptionError(f"{place}: the entry has no letter", value=entry, remedy=_REMEDY)
