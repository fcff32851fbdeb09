"""One person of EMOTIC as every format tells it, before it becomes a sample."""

from __future__ import annotations

from dataclasses import dataclass, field

from emoscene.types import VAD, Annotation

__all__ = ["EmoticPerson"]


@dataclass(frozen=True)
class EmoticPerson:
    """A person as it stands in a file.

    Attributes:
        split: `train`, `val` or `test`.
        database: `mscoco`, `framesdb`, `emodb_small` or `ade20k`.
        filename: The picture's file name, with its ending.
        index: The person's number within the picture and split, from 0.
        box: x1, y1, x2, y2 as it stands in the file, in pixels from 0; None where the format has none.
        labels: Ids of the labels that hold.
        vad: Mean over the annotators; None where any of the three is missing.
        annotations: What each annotator said, where the format has them.
        size: Width and height as the file says; not to be trusted where the picture is there.
        attributes: `gender` and `age` as annotated, where the format has them.
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

    @property
    def picture(self) -> str:
        """Database and file name: what people of one picture share."""
        return f"{self.database}/{self.filename}"

    @property
    def annotation_id(self) -> str:
        """The same in every format: database, the file's stem, the person's number."""
        stem = self.filename.rpartition(".")[0] or self.filename
        return f"{self.database}/{stem}_{self.index}"
