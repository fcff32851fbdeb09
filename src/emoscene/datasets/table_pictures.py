"""Whether the pictures of samples are there and can be opened, and whether boxes lie inside: the costly half of
`findings`, which reads every picture once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from emoscene.datasets.base import Dataset, Defect, Finding, Ledger
from emoscene.errors import BoxError, PictureError
from emoscene.images import open_picture
from emoscene.types import Sample

__all__ = ["PICTURE_DEFECTS", "check_picture", "findings_of"]

#: What may be wrong with pictures, and what is done about it.
PICTURE_DEFECTS: Mapping[str, Defect] = {
    "no_picture": Defect("a picture that is not there", "the row's status will be `unreadable`", "error"),
    "unreadable": Defect("a picture that cannot be opened", "the row's status will be `unreadable`", "error"),
    "box_outside": Defect("a box outside of its picture", "the row's status will not be `ok`", "error"),
    "box_clamped": Defect(
        "a box partly outside of its picture", "cut to the picture when it is used", "note"
    ),
}


def findings_of(dataset: Dataset, *, pictures: bool) -> list[Finding]:
    """Every fault of a dataset whose samples hold paths; with `pictures`, each picture is opened once."""
    ledger = dataset.ledger()
    for split in dataset.splits:
        for sample in dataset.samples(split, ledger):
            if pictures:
                check_picture(sample, ledger)
    return ledger.findings()


def check_picture(sample: Sample, ledger: Ledger) -> None:
    """Count what is wrong with the picture of a sample."""
    if isinstance(sample.picture, str | Path) and not Path(sample.picture).is_file():
        ledger.note("no_picture", sample.source)
        return
    if sample.picture is None:
        return
    try:
        picture = open_picture(sample.picture)
    except PictureError:
        ledger.note("unreadable", sample.source)
        return
    if sample.box is None:
        return
    try:
        clamped = sample.box.clamp(picture.width, picture.height)
    except BoxError:
        ledger.note("box_outside", sample.id)
        return
    if clamped != sample.box:
        ledger.note("box_clamped", sample.id)
