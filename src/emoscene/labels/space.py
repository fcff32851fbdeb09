"""A label space: named emotions with definitions and synonyms, found by id or by any of their names."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml

__all__ = ["Label", "LabelSpace", "normal_form"]


def normal_form(text: str) -> str:
    """What names are compared by: compatibility form, lower case, letters and digits only.

    `Doubt/Confusion`, `doubt / confusion`, `DOUBT_CONFUSION` and `doubtconfusion` are the same name.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if c.isalnum())


@dataclass(frozen=True)
class Label:
    """One emotion. `id` is a slug such as `doubt_confusion`; `valence` is typical, from 1 to 10, or None.

    `synonyms` are other words for it, inflected forms included, each claimed by one label of a space only;
    `variants` are other spellings of its name.
    """

    id: str
    name: str
    definition: str
    synonyms: tuple[str, ...] = ()
    family: str = ""
    valence: float | None = None
    variants: tuple[str, ...] = ()

    @property
    def terms(self) -> tuple[str, ...]:
        """Everything that names this label: id, display name, variants, synonyms."""
        return (self.id, self.name, *self.variants, *self.synonyms)


@dataclass(frozen=True)
class LabelSpace:
    """The labels an answer is made of, in the order of the file; look them up by id.

    `multi_label` says whether a person may carry several of them at once.
    """

    name: str
    title: str
    labels: tuple[Label, ...]
    source: str = ""
    multi_label: bool = True

    @cached_property
    def ids(self) -> tuple[str, ...]:
        return tuple(label.id for label in self.labels)

    def __iter__(self) -> Iterator[Label]:
        return iter(self.labels)

    def __len__(self) -> int:
        return len(self.labels)

    def __contains__(self, item: object) -> bool:
        """Whether `item` is the id of one of the labels, or one of the labels."""
        return item in self._by_id if isinstance(item, str) else item in self.labels

    def __getitem__(self, label_id: str) -> Label:
        return self._by_id[label_id]

    def find(self, text: str) -> Label | None:
        """The label that `text` names: by id, display name, spelling variant or synonym, else None.

        Case, punctuation and spaces do not matter. The whole text must be the name: `painting` is not `pain`.
        """
        return self._by_term.get(normal_form(text))

    def to_yaml(self) -> str:
        """The space as the text of a label file, which `label_space` reads back to an equal space."""
        entries: list[dict[str, Any]] = []
        for label in self.labels:
            entry: dict[str, Any] = {"id": label.id, "name": label.name, "definition": label.definition}
            if label.synonyms:
                entry["synonyms"] = list(label.synonyms)
            if label.variants:
                entry["variants"] = list(label.variants)
            if label.family:
                entry["family"] = label.family
            if label.valence is not None:
                entry["valence"] = label.valence
            entries.append(entry)
        data: dict[str, Any] = {"name": self.name, "title": self.title}
        if self.source:
            data["source"] = self.source
        data |= {"multi_label": self.multi_label, "labels": entries}
        return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=110)

    @cached_property
    def _by_id(self) -> dict[str, Label]:
        return {label.id: label for label in self.labels}

    @cached_property
    def _by_term(self) -> dict[str, Label]:
        return {normal_form(term): label for label in self.labels for term in label.terms}
