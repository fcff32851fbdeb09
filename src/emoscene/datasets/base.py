"""What a dataset is: named splits of samples with known labels, read as a stream, and an account of its faults.

root --open_dataset--> Dataset --samples(split)--> Sample(s), pictures unopened     findings() --> what is wrong in it
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from emoscene.errors import OptionError
from emoscene.labels import LabelSpace
from emoscene.types import Sample

__all__ = ["Dataset", "Defect", "Facts", "Finding", "Ledger"]

Level = Literal["note", "warning", "error"]

_MOST_EXAMPLES = 3


@dataclass(frozen=True)
class Facts:
    """What a user must know of a dataset before using it.

    Attributes:
        name: As `--dataset` takes it.
        title: What it is, in a line.
        licence: The terms of labels and pictures.
        access: Where and how to get it.
        traps: Known faults and confusions, one sentence each.
    """

    name: str
    title: str
    licence: str
    access: str
    traps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Defect:
    """A kind of fault that a reader meets: what it is, and what is done about it."""

    what: str
    action: str
    level: Level = "note"


@dataclass(frozen=True)
class Finding:
    """A fault that was met `count` times; `examples` names the first few."""

    defect: str
    count: int
    what: str
    action: str
    level: Level = "note"
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        shown = f" (such as {', '.join(self.examples)})" if self.examples else ""
        return f"{self.count:,} x {self.what}{shown}: {self.action}"


class Ledger:
    """Counts faults while a dataset streams by. One ledger a pass, so that a second pass does not count twice."""

    def __init__(self, defects: Mapping[str, Defect]) -> None:
        self._defects = defects
        self._counts: dict[str, int] = {}
        self._examples: dict[str, list[str]] = {}

    def note(self, defect: str, example: str = "", *, count: int = 1) -> None:
        """Count a fault; `example` says where it is."""
        if defect not in self._defects:
            raise KeyError(f"this dataset knows no defect {defect!r}")
        self._counts[defect] = self._counts.get(defect, 0) + count
        examples = self._examples.setdefault(defect, [])
        if example and len(examples) < _MOST_EXAMPLES:
            examples.append(example)

    def count(self, defect: str) -> int:
        return self._counts.get(defect, 0)

    def findings(self) -> list[Finding]:
        """What was met, in the order of the table of defects."""
        return [
            Finding(
                name, self._counts[name], known.what, known.action, known.level, tuple(self._examples[name])
            )
            for name, known in self._defects.items()
            if self._counts.get(name)
        ]


@dataclass
class Dataset(ABC):
    """A dataset that is there. A loader implements `samples`; it never holds pictures.

    Attributes:
        facts: Licence, access, traps.
        root: The file or folder that was named.
        labels: The label space of the targets.
        splits: The splits that are there, in their usual order.
        layout: Which of the formats on disk was found.
        variant: Which version of the ground truth it holds, where several are in use.
        options: The options it was opened with.
    """

    facts: Facts
    root: Path
    labels: LabelSpace
    splits: tuple[str, ...]
    layout: str = ""
    variant: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    @abstractmethod
    def samples(self, split: str, ledger: Ledger | None = None) -> Iterator[Sample]:
        """The people of a split in the order of the file, pictures unopened; faults are counted in `ledger`.

        Raises:
            OptionError: if there is no such split.
            InputError: if the file is faulty; it names file, row and remedy.
        """

    def ledger(self) -> Ledger:
        """A ledger that knows this dataset's faults."""
        return Ledger(self.defects())

    def defects(self) -> Mapping[str, Defect]:
        return {}

    def findings(self, *, pictures: bool = True) -> list[Finding]:
        """Every fault of every split that can be seen without a model.

        Args:
            pictures: Whether to look for the picture files and open them as well.
        """
        ledger = self.ledger()
        for split in self.splits:
            for _ in self.samples(split, ledger):
                pass
        return ledger.findings()

    def check_split(self, split: str) -> str:
        """The split's name as it stands here.

        Raises:
            OptionError: with the splits that are there.
        """
        if split in self.splits:
            return split
        raise OptionError(
            f"{self.facts.name} at {self.root.name} has no such split",
            value=split,
            remedy=f"There are: {', '.join(self.splits)}.",
        )

    def describe(self) -> dict[str, Any]:
        """What a manifest says of it; the root's name without the folders above it, which are private."""
        return {
            "name": self.facts.name,
            "root": self.root.name,
            "layout": self.layout,
            "variant": self.variant,
            "label_space": self.labels.name,
            "licence": self.facts.licence,
            "options": dict(self.options),
        }
