"""One person of EMOTIC as every format tells it, before it becomes a sample."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emoscene.types import VAD, Annotation

__all__ = ["EmoticPerson", "Numbering"]


@dataclass(frozen=True)
class EmoticPerson:
    """A person as it stands in a file.

    Attributes:
        split: `train`, `val` or `test`.
        database: `mscoco`, `framesdb`, `emodb_small` or `ade20k`.
        filename: The picture's file name, with its ending.
        index: The person's number within the picture and split, from 0.
        labels: Ids of the labels that hold; empty where nobody said any.
        box: x1, y1, x2, y2 as it stands in the file, in MATLAB's pixels, of which the first is 1; None where the
            format has none. Not checked: it may be empty or reach beyond the picture.
        vad: Mean over the annotators; None where any of the three is missing.
        annotations: What each annotator said, where the format has them.
        size: Width and height as the file says; not to be trusted where the picture is there.
        attributes: `gender` and `age` as annotated, where the format has them.
        faults: The defects (of `defects.DEFECTS`) that the reader met in this person's row, one entry each time.
        pixels: The picture itself, of formats that hold arrays: mapped, not read.
        array: The file that holds the picture as an array, scaled to another size, where there is one.
    """

    split: str
    database: str
    filename: str
    index: int
    labels: frozenset[str]
    box: tuple[float, float, float, float] | None = None
    vad: VAD | None = None
    annotations: tuple[Annotation, ...] = ()
    size: tuple[int, int] | None = None
    attributes: dict[str, str] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    pixels: Any = None
    array: Path | None = None

    @property
    def picture(self) -> str:
        """Database and file name: what people of one picture share."""
        return f"{self.database}/{self.filename}"

    @property
    def annotation_id(self) -> str:
        """The same in every format: database, the file's stem, the person's number."""
        stem = self.filename.rpartition(".")[0] or self.filename
        return f"{self.database}/{stem}_{self.index}"


class Numbering:
    """Numbers the people of each picture in the order in which a file tells them, from 0."""

    def __init__(self) -> None:
        self._next: Counter[str] = Counter()

    def next(self, database: str, filename: str) -> int:
        picture = f"{database}/{filename}"
        self._next[picture] += 1
        return self._next[picture] - 1
