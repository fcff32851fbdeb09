"""Reads label spaces from YAML, and says exactly what is wrong in a file that is none.

A label file is data: no tags, no anchors, bounded in size and depth, so a hostile file ends in one sentence.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from emoscene.errors import LabelSpaceError, MissingFileError
from emoscene.labels.space import Label, LabelSpace, normal_form

__all__ = ["label_space", "label_space_names"]

_SHIPPED = (
    "emotic",
    "caption-study",
    "ekman",
    "plutchik",
    "mikels",
    "caer",
    "fer-plus",
    "heco",
    "finding-emo",
)
_LARGEST_FILE = 256 * 1024
_MOST_LABELS = 1000
_LONGEST_TEXT = 2000
_LONGEST_NAME = 100
_DEEPEST = 6
_SLUG = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_SPACE_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")


def label_space_names() -> list[str]:
    """The names of the label spaces that ship with emoscene."""
    return list(_SHIPPED)


def label_space(name: str | Path) -> LabelSpace:
    """A label space by the name of a shipped one (see `label_space_names`) or from a YAML file.

    A text that ends in `.yaml` or `.yml`, or that names an existing file, is read as a file. Spaces are
    cached; a file that has changed is read again.

    Raises:
        LabelSpaceError: for an unknown name or a faulty file; says the file, the entry and the remedy.
        MissingFileError: if the file does not exist.
    """
    if isinstance(name, str) and name in _SHIPPED:
        return _shipped(name)
    path = Path(name)
    if isinstance(name, str) and path.suffix.lower() not in {".yaml", ".yml"} and not _is_file(path):
        near = difflib.get_close_matches(name.lower(), _SHIPPED, n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        raise LabelSpaceError(
            "there is no label space of this name",
            value=name,
            remedy=f"{hint}Known: {', '.join(_SHIPPED)}; or give the path of a .yaml file.",
        )
    if not _is_file(path):
        raise MissingFileError(
            "this label file does not exist or is not a file", value=path, remedy="Check the path."
        )
    state = path.stat()
    return _from_file(path.resolve(), state.st_mtime_ns, state.st_size)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name too long for the file system, or with a null character
        return False


@cache
def _shipped(name: str) -> LabelSpace:
    text = resources.files("emoscene.labels").joinpath("data", f"{name}.yaml").read_text("utf-8")
    # What ships is checked by the tests, not at every start; libyaml, where it is there, reads it faster.
    return _space(yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)), f"{name}.yaml")


@lru_cache(maxsize=64)
def _from_file(path: Path, _mtime_ns: int, size: int) -> LabelSpace:
    where = path.name
    if size > _LARGEST_FILE:
        raise LabelSpaceError(
            f"{where}: the file is too large for a label space",
            value=f"{size} bytes",
            remedy=f"A label file has at most {_LARGEST_FILE} bytes.",
        )
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabelSpaceError(
            f"{where}: byte {error.start} is not UTF-8 text", remedy="Save the file as UTF-8."
        ) from None
    except OSError as error:
        raise LabelSpaceError(f"{where}: the file cannot be read", value=error.strerror) from None
    return _parse(text, where)


def _parse(text: str, where: str) -> LabelSpace:
    _check_events(text, where)
    try:
        data = yaml.load(text, Loader=_UniqueKeyLoader)
    except _DoubleKey as error:
        raise LabelSpaceError(
            f"{where}, line {error.line}: the key stands twice in one entry",
            value=error.key,
            remedy="Keep one of them.",
        ) from None
    except (yaml.YAMLError, ValueError) as error:
        raise _not_yaml(where, error) from None
    return _space(data, where)


class _DoubleKey(Exception):
    def __init__(self, key: str, line: int) -> None:
        super().__init__(key)
        self.key = key
        self.line = line


class _UniqueKeyLoader(yaml.SafeLoader):
    """A SafeLoader that does not let the second of two equal keys win in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise _DoubleKey(key.value, key.start_mark.line + 1)
                seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def _check_events(text: str, where: str) -> None:
    """Refuse tags, anchors, deep nesting and second documents before anything is built from the text."""
    depth = documents = 0
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            line = event.start_mark.line + 1 if event.start_mark is not None else 1
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            documents += isinstance(event, yaml.DocumentStartEvent)
            tagged = isinstance(event, yaml.NodeEvent) and getattr(event, "tag", None) is not None
            anchored = isinstance(event, yaml.NodeEvent) and event.anchor is not None
            for found, what in (
                (tagged, "tags (words that begin with '!') are not allowed in a label file"),
                (anchored, "anchors and aliases ('&', '*') are not allowed in a label file"),
                (depth > _DEEPEST, "the file is nested too deeply for a label file"),
                (documents > 1, "a label file holds one document, and here a second one starts ('---')"),
            ):
                if found:
                    raise LabelSpaceError(f"{where}, line {line}: {what}", remedy=_REMEDY_SHAPE)
    except (yaml.YAMLError, ValueError) as error:
        raise _not_yaml(where, error) from None


def _not_yaml(where: str, error: Exception) -> LabelSpaceError:
    mark = getattr(error, "problem_mark", None)
    place = f"{where}, line {mark.line + 1}, column {mark.column + 1}" if mark is not None else where
    return LabelSpaceError(
        f"{place}: this is not YAML",
        remedy="Check the indentation, and put texts that contain ': ' or '#' in quotes.",
    )


_REMEDY_SHAPE = "Write name, title and labels; each label with id, name and definition."


@dataclass(frozen=True)
class _Entry:
    """One mapping of the file with its place, and the checks that its values share."""

    data: Mapping[str, Any]
    place: str

    @classmethod
    def of(cls, data: object, place: str, needed: tuple[str, ...], allowed: tuple[str, ...]) -> _Entry:
        if not isinstance(data, dict):
            raise LabelSpaceError(
                f"{place}: expected keys with values, found {_kind(data)}", remedy=_REMEDY_SHAPE
            )
        entry = cls(data, place)
        for key in data:
            if key not in allowed:
                near = difflib.get_close_matches(str(key), allowed, n=1)
                hint = f"Did you mean {near[0]!r}? " if near else ""
                raise entry.error("unknown key", key, f"{hint}Allowed keys: {', '.join(allowed)}.")
        for key in needed:
            if data.get(key) is None:
                raise entry.error("a key is missing or empty", key, f"Add a line '{key}: ...' to this entry.")
        return entry

    def error(self, what: str, value: object, remedy: str) -> LabelSpaceError:
        return LabelSpaceError(f"{self.place}: {what}", value=value, remedy=remedy)

    def text(self, key: str, longest: int = _LONGEST_TEXT) -> str:
        value = self.data.get(key)
        return "" if value is None else self._checked(value, key, longest)

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.data.get(key)
        if value is None:
            return ()
        if not isinstance(value, list):
            remedy = f"Write a list: {key}: [first, second]."
            raise self.error(f"{key} must be a list of texts, found {_kind(value)}", None, remedy)
        return tuple(self._checked(item, f"an item of {key}", _LONGEST_NAME) for item in value)

    def _checked(self, value: object, what: str, longest: int) -> str:
        if not isinstance(value, str):
            remedy = "Put it in quotes if it is meant as text (yes, no, on and off are not texts in YAML)."
            raise self.error(f"{what} must be a text, found {_kind(value)}", _shown(value), remedy)
        stripped = value.strip()
        if not stripped:
            raise self.error(f"{what} is empty", None, "Write a text, or leave the key out.")
        if len(stripped) > longest:
            remedy = f"At most {longest} characters."
            raise self.error(f"{what} is too long ({len(stripped)} characters)", stripped, remedy)
        if not stripped.isprintable():
            remedy = "Use printable characters on one line."
            raise self.error(f"{what} holds control characters or line breaks", stripped, remedy)
        return stripped

    def flag(self, key: str, default: bool) -> bool:
        value = self.data.get(key, default)
        if not isinstance(value, bool):
            raise self.error(
                f"{key} must be true or false, found {_kind(value)}", None, f"Write {key}: true."
            )
        return value


def _space(data: object, where: str) -> LabelSpace:
    allowed = ("name", "title", "source", "multi_label", "labels")
    top = _Entry.of(data, where, ("name", "title", "labels"), allowed)
    name = top.text("name", _LONGEST_NAME)
    if not _SPACE_NAME.fullmatch(name):
        raise top.error(
            "the name of the space must be a slug", name, "Use a-z, 0-9 and '-', for example my-emotions."
        )
    entries = top.data["labels"]
    if not isinstance(entries, list) or not 2 <= len(entries) <= _MOST_LABELS:
        found = f"{len(entries)} entries" if isinstance(entries, list) else _kind(entries)
        remedy = "Write each label as an entry that begins with '- id: ...'."
        raise top.error(f"labels must be a list of 2 to {_MOST_LABELS} entries, found {found}", None, remedy)
    labels = tuple(_label(entry, f"{where}, label {i}", i) for i, entry in enumerate(entries, 1))
    _check_distinct(labels, where)
    return LabelSpace(name, top.text("title"), labels, top.text("source"), top.flag("multi_label", True))


def _label(data: object, place: str, number: int) -> Label:
    allowed = ("id", "name", "definition", "synonyms", "variants", "family", "valence")
    if isinstance(data, dict) and isinstance(data.get("id"), str) and _SLUG.fullmatch(data["id"]):
        place = f"{place} ({data['id'][:_LONGEST_NAME]})"
    entry = _Entry.of(data, place, ("id", "name", "definition"), allowed)
    label_id = entry.text("id", _LONGEST_NAME)
    if not _SLUG.fullmatch(label_id):
        raise entry.error(
            "the id must be a slug", label_id, "Use a-z, 0-9 and '_', begin with a letter: doubt_confusion."
        )
    name = entry.text("name", _LONGEST_NAME)
    if not normal_form(name):
        raise entry.error("the name needs at least one letter or digit", name, "Give it a readable name.")
    return Label(
        id=label_id,
        name=name,
        definition=entry.text("definition"),
        synonyms=_named(entry, "synonyms"),
        family=entry.text("family", _LONGEST_NAME),
        valence=_valence(entry),
        variants=_named(entry, "variants"),
    )


def _named(entry: _Entry, key: str) -> tuple[str, ...]:
    texts = entry.texts(key)
    for text in texts:
        if not normal_form(text):
            raise entry.error(f"an item of {key} has no letter or digit", text, "Remove it.")
    return texts


def _valence(entry: _Entry) -> float | None:
    value = entry.data.get("valence")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= 10:
        remedy = "1 is most unpleasant, 5.5 the middle, 10 most pleasant; leave it out if unknown."
        raise entry.error("valence must be a number from 1 to 10", _shown(value), remedy)
    return float(value)


def _check_distinct(labels: tuple[Label, ...], where: str) -> None:
    """No id twice, and no name, variant or synonym that two labels claim."""
    owners: dict[str, Label] = {}
    seen: set[str] = set()
    for number, label in enumerate(labels, 1):
        if label.id in seen:
            raise LabelSpaceError(
                f"{where}, label {number}: this id stands twice",
                value=label.id,
                remedy="Rename one.",
            )
        seen.add(label.id)
    claims: tuple[Callable[[Label], tuple[str, ...]], ...] = (
        lambda label: (label.id, label.name),
        lambda label: label.variants,
        lambda label: label.synonyms,
    )
    for claim in claims:
        for number, label in enumerate(labels, 1):
            for term in claim(label):
                owner = owners.setdefault(normal_form(term), label)
                if owner is not label:
                    raise LabelSpaceError(
                        f"{where}, label {number} ({label.id}): a name or synonym that {owner.id!r} has too",
                        value=term,
                        remedy="A word stands for one label of a space only: remove it from one of the two.",
                    )


def _kind(value: object) -> str:
    kinds = (
        (bool, "true/false"),
        (int | float, "a number"),
        (str, "a text"),
        (list, "a list"),
        (dict, "keys"),
    )
    if value is None:
        return "nothing"
    return next((name for kind, name in kinds if isinstance(value, kind)), "a date or another value")


def _shown(value: object) -> object:
    """Scalars as they are; what could be large is not spelt out."""
    return value if isinstance(value, str | int | float | bool) else None
