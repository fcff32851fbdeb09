"""A label space and its loader: a name or a YAML file in, named labels with definitions out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Label", "LabelSpace", "label_space", "label_space_names"]


@dataclass(frozen=True)
class Label:
    """One emotion. `id` is a slug such as `doubt_confusion`; `valence` is typical, from 1 to 10, or None."""

    id: str
    name: str
    definition: str
    synonyms: tuple[str, ...] = ()
    family: str = ""
    valence: float | None = None


@dataclass(frozen=True)
class LabelSpace:
    """The labels an answer is made of, in the order of the file; look them up by id."""

    name: str
    title: str
    labels: tuple[Label, ...]
    source: str = ""
    multi_label: bool = True

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(label.id for label in self.labels)

    def __iter__(self) -> Iterator[Label]:
        return iter(self.labels)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, label_id: str) -> Label:
        for label in self.labels:
            if label.id == label_id:
                return label
        raise KeyError(label_id)


def label_space_names() -> list[str]:
    """The names of the label spaces that ship with emoscene."""
    raise NotImplementedError


def label_space(name: str | Path) -> LabelSpace:
    """A label space by name (`emotic`, `caption-study`, `ekman`, `plutchik`, `mikels`) or from a YAML file."""
    raise NotImplementedError
