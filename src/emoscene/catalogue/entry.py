"""What the catalogue says of each model: the entries of `catalogue.yaml`, which explains their fields."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from emoscene.errors import UnknownModelError

__all__ = [
    "Entry",
    "entries",
    "find",
    "for_photographs",
    "is_commit",
    "is_hub_id",
    "known",
    "megabytes_in_words",
    "size",
    "terms",
]

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_BYTES_A_PARAMETER = 2
_ROOM_TO_WORK = 1.2


@dataclass(frozen=True)
class Entry:
    """A known model, as written in `catalogue.yaml`, which explains the fields.

    `megabytes` is about what the download takes, `parameters` counts millions; `revision` is a commit of 40
    hexadecimal digits, or None.
    """

    name: str
    kind: str
    family: str
    licence: str
    good_for: str
    megabytes: float
    parameters: float = 0
    hub: str = ""
    address: str = ""
    revision: str | None = None
    extra: str = ""
    recognizer: str | None = None
    photographs: int | None = None
    package: str = ""
    files: tuple[str, ...] = ()
    subfolder: str = ""
    pickles: tuple[str, ...] = ()
    base: str = ""
    option: str = ""
    variable: str = ""
    licence_note: str = ""

    @property
    def where(self) -> str:
        """The address to read about it."""
        if self.hub:
            return f"https://huggingface.co/{self.hub}"
        return self.address or "comes with emoscene"

    @property
    def memory_gb(self) -> float | None:
        """Gigabytes that the weights take in half precision, and a fifth more to work in; None if not known."""
        if not self.parameters:
            base = find(self.base) if self.base else None
            return base.memory_gb if base else None
        return self.parameters * 1e6 * _BYTES_A_PARAMETER * _ROOM_TO_WORK / 1e9


@functools.cache
def entries() -> tuple[Entry, ...]:
    """All known models, in the order of the catalogue."""
    text = Path(__file__).with_name("catalogue.yaml").read_text(encoding="utf-8")
    # libyaml, where it is there, reads it ten times faster: every cold start does.
    content = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return tuple(_entry(name, fields) for name, fields in content.items())


def _entry(name: str, fields: dict[str, Any]) -> Entry:
    lists = {key: tuple(fields.get(key, ())) for key in ("files", "pickles")}
    entry = Entry(name=name, **{**fields, **lists})
    if entry.revision is not None and not is_commit(entry.revision):
        raise ValueError(f"catalogue.yaml: the revision of {name} is no commit of 40 hexadecimal digits")
    return entry


def find(name: str) -> Entry | None:
    """The entry of this name or hub id; case does not matter.

    Of several models in one repository the first stands for its hub id.
    """
    wanted = name.casefold()
    return next((e for e in entries() if wanted in (e.name.casefold(), e.hub.casefold())), None)


def known(name: str) -> Entry:
    """The entry of this name, or for any hub id one that was made up on the spot.

    Raises:
        UnknownModelError: with the nearest known names.
    """
    entry = find(name)
    if entry is not None:
        return entry
    if is_hub_id(name):
        return Entry(
            name=name,
            kind="vlm",
            family="unknown",
            hub=name,
            licence="not known to emoscene: read its page",
            good_for="Not in the catalogue.",
            megabytes=0,
            extra="models",
            recognizer="vlm",
        )
    import difflib

    by_case = {e.name.casefold(): e.name for e in entries()}
    near = difflib.get_close_matches(name.casefold(), by_case, n=3)
    hint = f"Did you mean {' or '.join(repr(by_case[n]) for n in near)}? " if near else ""
    raise UnknownModelError(
        "the catalogue has no model of this name",
        value=name,
        remedy=f"{hint}`emoscene models list` shows the known ones.",
    )


def for_photographs() -> list[Entry]:
    """The models that `auto` takes for photographs, best first."""
    return sorted(
        (e for e in entries() if e.photographs is not None), key=lambda entry: entry.photographs or 0
    )


def is_commit(revision: str) -> bool:
    """Whether a revision is a commit, and not a branch or tag, which can move."""
    return _COMMIT.fullmatch(revision) is not None


def is_hub_id(name: str) -> bool:
    """Whether a name looks like `organisation/name`."""
    parts = ("..", "--", ".git")
    return _HUB_ID.fullmatch(name) is not None and not any(part in name for part in parts)


def terms(entry: Entry) -> str:
    """The licence, with what else to know of the terms."""
    return f"{entry.licence} ({entry.licence_note})" if entry.licence_note else entry.licence


def size(entry: Entry) -> str:
    """The download in words, such as `14.1 GB`."""
    return megabytes_in_words(entry.megabytes)


def megabytes_in_words(megabytes: float) -> str:
    """A size in words, such as `14.1 GB`."""
    if not megabytes:
        return "unknown"
    if megabytes >= 1000:
        return f"{megabytes / 1000:.1f} GB"
    return f"{megabytes:.0f} MB" if megabytes >= 1 else f"{megabytes:.1f} MB"
