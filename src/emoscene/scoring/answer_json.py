"""JSON inside an answer, read as models write it: fenced, with prose around, single quotes, cut off at the end.

Linear in the length of the text: a bracket that opens no value is skipped, and only so many are tried.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

__all__ = ["json_values"]

_MOST_TRIES = 24
_DEEPEST = 12
_SPACE = re.compile(r"\s*")
_BARE = re.compile(r"[^\s,:\[\]{}\"][^,:\[\]{}\"\n]*")
_SINGLE_END = re.compile(r"'(?=\s*(?:[,:\]}]|$))")
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
_CONSTANTS: dict[str, object] = {"true": True, "false": False, "null": None, "none": None}


class _NotJson(Exception):
    """The bracket opened something else."""


def json_values(text: str) -> Iterator[tuple[int, int, object]]:
    """Objects and lists in a folded text: start, end and value, from left to right.

    Strings may stand in single quotes or none, a comma may close a list, and a value may break off at the end of
    the text: what was complete by then is kept.
    """
    position = tries = 0
    while tries < _MOST_TRIES:
        starts = [at for at in (text.find("{", position), text.find("[", position)) if at >= 0]
        if not starts:
            return
        start = min(starts)
        tries += 1
        reader = _Reader(text, start)
        try:
            value = reader.value()
        except _NotJson:
            position = start + 1
            continue
        yield start, reader.at, value
        position = reader.at


class _Reader:
    def __init__(self, text: str, at: int) -> None:
        self.text = text
        self.at = at

    def value(self, depth: int = 0) -> object:
        if depth > _DEEPEST:
            raise _NotJson
        char = self._peek()
        if char == "{":
            return self._object(depth)
        if char == "[":
            return self._list(depth)
        if char in ('"', "'"):
            return self._string(char)
        return self._bare()

    def _peek(self) -> str:
        """The next character that is not space; empty at the end of the text."""
        match = _SPACE.match(self.text, self.at)
        self.at = self.at if match is None else match.end()
        return self.text[self.at : self.at + 1]

    def _list(self, depth: int) -> list[object]:
        self.at += 1
        items: list[object] = []
        while (char := self._peek()) not in ("", "]"):
            if char == ",":
                self.at += 1
                continue
            item = self.value(depth + 1)
            if self._peek() not in (",", "]", ""):
                raise _NotJson
            if item is not _CUT:
                items.append(item)
        self.at += 1
        return items

    def _object(self, depth: int) -> dict[str, object]:
        self.at += 1
        members: dict[str, object] = {}
        while (char := self._peek()) not in ("", "}"):
            if char == ",":
                self.at += 1
                continue
            key = self._string(char) if char in ('"', "'") else self._bare()
            following = self._peek()
            if following == "" or key is _CUT:
                break
            if following != ":":
                raise _NotJson
            self.at += 1
            if self._peek() == "":
                break
            value = self.value(depth + 1)
            if self._peek() not in (",", "}", ""):
                raise _NotJson
            if value is not _CUT:
                members[str(key)] = value
        self.at += 1
        return members

    def _string(self, quote: str) -> object:
        start = self.at + 1
        end = self._closing(quote, start)
        if end < 0:
            self.at = len(self.text)
            return _CUT
        self.at = end + 1
        body = self.text[start:end]
        if "\\" not in body:
            return body
        try:
            plain = json.loads(f'"{body}"', strict=False)
        except ValueError:
            return body
        return str(plain)

    def _closing(self, quote: str, start: int) -> int:
        if quote == "'":  # an apostrophe inside a word does not close
            match = _SINGLE_END.search(self.text, start)
            return -1 if match is None else match.start()
        end = self.text.find('"', start)
        while end > 0 and _escaped(self.text, end):
            end = self.text.find('"', end + 1)
        return end

    def _bare(self) -> object:
        match = _BARE.match(self.text, self.at)
        if match is None:
            raise _NotJson
        self.at = match.end()
        word = match.group().strip()
        if self.at >= len(self.text):
            return _CUT
        if word in _CONSTANTS:
            return _CONSTANTS[word]
        return float(word) if _NUMBER.fullmatch(word) else word


_CUT = object()


def _escaped(text: str, at: int) -> bool:
    slashes = 0
    while at - slashes > 0 and text[at - slashes - 1] == "\\":
        slashes += 1
    return slashes % 2 == 1
