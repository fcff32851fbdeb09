"""One row of somebody's file, as it was understood but not yet judged; and how labels and numbers in it are read."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from emoscene.datasets.emotic.reading import Names, Place, read_list
from emoscene.errors import InputError
from emoscene.labels import LabelSpace
from emoscene.labels.space import normal_form
from emoscene.types import VAD, Prediction

__all__ = ["VAD_NAMES", "Entry", "Reading", "number", "parts_of_labels", "vad_of_three"]

VAD_NAMES = ("valence", "arousal", "dominance")
_BARE_LISTS = ";", "|", ","


@dataclass(slots=True)
class Entry:
    """What a row says.

    Attributes:
        place: Where it stands.
        ids: The person, as written; where there are several ways, the preferred first.
        labels: Labels as they are written, in their order; None where the row has no list of them.
        scores: A number for each label of the space, by id; None where there are none.
        strangers: Names of scores that are no label of the space.
        ones: Names of columns of no label that hold a 1.
        text: What a model wrote freely.
        vad: Valence, arousal and dominance.
        split: The split that the row names.
        group: The group that the row names.
        score_kind: What the row says that its scores are.
        status: What the row says became of the person.
        said: Why, where the status is not `ok`.
        row: The whole row, where it is one of ours.
        more: Other values, of known labels of ours.
    """

    place: Place
    ids: tuple[str, ...] = ()
    labels: list[str] | None = None
    scores: dict[str, float] | None = None
    strangers: tuple[str, ...] = ()
    ones: tuple[str, ...] = ()
    text: str | None = None
    vad: VAD | None = None
    split: str | None = None
    group: str | None = None
    score_kind: str | None = None
    status: str | None = None
    said: str | None = None
    row: Prediction | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


class Reading:
    """A label space for reading: labels by their spelling (a synonym is none), and the nearest to what is none."""

    def __init__(self, labels: LabelSpace) -> None:
        self.space = labels
        self.names = Names(labels)
        self._found: dict[str, str | None] = {}
        self._hints: dict[str, str] = {}
        self._spelled = {
            normal_form(text): label.name
            for label in labels
            for text in (label.name, label.id, *label.variants)
        }

    def find(self, text: str) -> str | None:
        """The id of the label that is written so."""
        if text not in self._found:
            self._found[text] = self.names.find(text)
        return self._found[text]

    def near(self, text: str) -> str | None:
        """The name of the label whose spelling is nearest, if one is near."""
        name = normal_form(text[:100])
        close = difflib.get_close_matches(name, self._spelled, n=1, cutoff=0.7)
        return self._spelled[close[0]] if close else None

    def stranger(self, text: str, place: Place) -> InputError:
        """The error for a text that names no label."""
        if text not in self._hints:
            near = self.near(text)
            hint = f"Did you mean {near!r}? " if near else ""
            self._hints[text] = f"{hint}The labels: {', '.join(self.space.ids)}."
        return place.error(f"this is none of the labels of {self.space.name}", text, self._hints[text])

    def ids(self, texts: Iterable[str], place: Place) -> frozenset[str]:
        """The ids of labels that are known to hold.

        Raises:
            InputError: for one that is none of the space.
        """
        found = set()
        for text in texts:
            label = self.find(text)
            if label is None:
                raise self.stranger(text, place)
            found.add(label)
        return frozenset(found)


def parts_of_labels(text: str, reading: Reading, place: Place) -> list[str]:
    """Labels that stand in one cell: `anger;fear`, `['anger', 'fear']`, or one alone. An empty cell names none.

    Raises:
        InputError: if it is a list that is not closed, or much too long.
    """
    inner = text.strip()
    if not inner:
        return []
    if inner[0] in "[(":
        return read_list(inner, place, "the list of labels")
    if reading.find(inner) is not None:
        return [inner]
    separator = next((each for each in _BARE_LISTS if each in inner), None)
    parts = [inner] if separator is None else [part.strip() for part in inner.split(separator)]
    if len(parts) > 1_000:
        raise place.error("a cell names more than 1,000 labels", text, "Separate labels with ';'.")
    return [part for part in parts if part]


def number(value: object, place: Place, what: str) -> float:
    """A finite number.

    Raises:
        InputError: for anything else.
    """
    remedy = "Write a finite number; leave out the row of a person without an answer, and score with --missing empty."
    if value is None or (isinstance(value, str) and not value.strip()):
        raise place.error(f"{what} is empty", None, remedy)
    if not isinstance(value, str | int | float):
        raise place.error(f"{what} is no number", value, remedy)
    try:
        found = float(value)
    except (ValueError, OverflowError):
        raise place.error(f"{what} is no number", value, remedy) from None
    if not math.isfinite(found):
        raise place.error(f"{what} is no finite number", value, remedy)
    return found


def vad_of_three(values: Iterable[object], place: Place) -> VAD | None:
    """Valence, arousal and dominance; None where all three are empty.

    Raises:
        InputError: if they are not three numbers from 1 to 10.
    """
    said = [None if isinstance(value, str) and not value.strip() else value for value in values]
    if all(value is None for value in said):
        return None
    if len(said) != len(VAD_NAMES):
        raise place.error(
            "expected valence, arousal and dominance", said, "Write three numbers from 1 to 10."
        )
    found = [number(value, place, name) for name, value in zip(VAD_NAMES, said, strict=True)]
    for name, value in zip(VAD_NAMES, found, strict=True):
        if not 1 <= value <= 10:
            raise place.error(
                f"{name} is not from 1 to 10", value, "EMOTIC's scale runs from 1 to 10; 5.5 is its middle."
            )
    return VAD(valence=found[0], arousal=found[1], dominance=found[2])
