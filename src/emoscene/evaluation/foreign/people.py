"""Whom an answer is about: an id as somebody else wrote it becomes the id of a person whose labels are known.

The known id is `{dataset}/{split}/{annotation id}`. An answer may name all of it, or the annotation id, with or
without the ending of a picture, `images` folders or folders before it; or its last part, or the picture, where only
one person has that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from emoscene.datasets.emotic.reading import Place
from emoscene.runs.truth import TruthRow

__all__ = ["People"]

_ENDING = re.compile(r"\.(?:jpe?g|png|webp|bmp|gif|tiff?)(?=#\d+$|$)", re.IGNORECASE)
_SPLITS = frozenset({"train", "val", "test", "extra_train", "training", "validation", "testing"})
_Places = dict[str, tuple[str, ...]]


class People:
    """The people whose labels are known, found by any of the ways in which an id is written.

    Attributes:
        example: One of the ids; empty without people.
    """

    def __init__(self, truth: Iterable[TruthRow]) -> None:
        self._by_annotation: _Places = {}
        self._by_end: _Places = {}
        self._by_picture: _Places = {}
        self._split: dict[str, str] = {}
        self._folders: set[str] = set()
        self.example = ""
        for row in truth:
            self.example = self.example or row.id
            self._split[row.id] = row.split
            annotation = _annotation(row)
            _add(self._by_annotation, _plain(row.id), row.id)
            _add(self._by_annotation, annotation, row.id)
            _add(self._by_end, annotation.rpartition("/")[2], row.id)
            if row.group:
                _add(self._by_picture, _plain(row.group), row.id)
            if "/" in annotation:
                self._folders.add(annotation.partition("/")[0])

    def __contains__(self, person: str) -> bool:
        return person in self._split

    def find(self, written: str, place: Place, split: str | None = None) -> str | None:
        """The id of the person that is written so; None where it is nobody whose labels are known.

        Args:
            written: The id as it stands in the file.
            place: Where it stands.
            split: The split that the row names, if it does: people of others are not meant.

        Raises:
            InputError: if two people are meant; names both.
        """
        if written in self._split and split in (None, self._split[written]):
            return written
        name = _plain(written)
        for candidates in self._candidates(name):
            fitting = [each for each in candidates if split in (None, "", self._split[each])]
            if len(fitting) > 1:
                raise place.error(
                    f"this id may mean {fitting[0]} or {fitting[1]}", written, "Write the whole id."
                )
            if fitting:
                return fitting[0]
        return None

    def _candidates(self, name: str) -> Iterable[Sequence[str]]:
        yield self._by_annotation.get(name, ())
        parts = [part for part in name.split("/") if part != "images"]
        for start in range(len(parts)):
            before = parts[:start]
            known = self._by_annotation.get("/".join(parts[start:]), ())
            yield [each for each in known if self._may_precede(before, each)]
        if len(parts) == 1:
            yield self._by_end.get(name, ())
        yield self._by_picture.get("/".join(parts), ())

    def _may_precede(self, folders: Sequence[str], person: str) -> bool:
        """Whether these folders say nothing else about the person: no other split, no other folder of people."""
        return not any(
            folder in self._folders or (folder in _SPLITS and folder != self._split[person])
            for folder in folders
        )


def _annotation(row: TruthRow) -> str:
    """The id without dataset and split."""
    parts = row.id.split("/", 2)
    return _plain(parts[2] if len(parts) == 3 and row.split and parts[1] == row.split else row.id)


def _plain(text: str) -> str:
    """An id or path without the ending of a picture, with slashes."""
    return _ENDING.sub("", text.strip().replace("\\", "/").removeprefix("./").strip("/"))


def _add(places: _Places, key: str, person: str) -> None:
    there = places.get(key, ())
    if person not in there and len(there) < 32:
        places[key] = (*there, person)
