"""EMOTIC (Kosti et al., PAMI 2019), in every format in which people have it. One file a format; see `open_emotic`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from emoscene.datasets.base import Dataset, Facts, Ledger
from emoscene.datasets.emotic.gt_all import SIZES, is_gt_all, read_gt_all
from emoscene.datasets.emotic.people import EmoticPerson
from emoscene.errors import InputError
from emoscene.labels import label_space
from emoscene.types import Sample

__all__ = ["FACTS", "open_emotic"]

FACTS = Facts(
    name="emotic",
    title="EMOTIC: 34,320 people in 23,571 pictures, 26 categories, valence, arousal and dominance",
    licence="non-commercial research and education; COCO and ADE20K pictures keep their own terms",
    access="ask through the form at https://s3.sunai.uoc.edu/emotic/",
)


class Emotic(Dataset):
    def samples(self, split: str, ledger: Ledger | None = None) -> Iterator[Sample]:
        self.check_split(split)
        for person in read_gt_all(self.root, split, self.labels):
            yield _sample(person)


def _sample(person: EmoticPerson) -> Sample:
    return Sample(
        id=f"emotic/{person.split}/{person.annotation_id}",
        source=person.picture,
        group=person.picture,
        split=person.split,
        target=person.labels,
        target_vad=person.vad,
        annotations=person.annotations,
        attributes=person.attributes,
    )


def open_emotic(root: Path) -> Dataset:
    """Open EMOTIC wherever it lies and in whatever format."""
    if root.is_file():
        with root.open(encoding="utf-8", errors="replace") as stream:
            if is_gt_all(stream.readline(2000)):
                return Emotic(
                    FACTS,
                    root,
                    label_space("emotic"),
                    tuple(SIZES),
                    layout="gt_all.csv (labels only)",
                    variant="PAMI mat",
                )
    raise InputError("this is none of EMOTIC's formats", value=root, remedy="See docs/datasets.md.")
