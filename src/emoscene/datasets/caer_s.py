"""CAER-S (Lee et al., ICCV 2019): stills of television scenes, one of seven emotions each, a folder per class.

It has no boxes. Lists of faces made by others (`path,label,x1,y1,x2,y2` a line) may be given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from emoscene.datasets.base import Dataset, Facts, Ledger
from emoscene.datasets.folders import ClassFolders, ClassPicture, class_folders
from emoscene.datasets.table_cells import box_in
from emoscene.datasets.table_files import rows_in
from emoscene.datasets.table_layout import TableLayout
from emoscene.datasets.table_people import note
from emoscene.errors import InputError, MissingFileError
from emoscene.labels import LabelSpace, label_space
from emoscene.types import BoundingBox

__all__ = ["FACTS", "open_caer_s"]

FACTS = Facts(
    name="caer_s",
    title="CAER-S: about 70,000 stills of television scenes, one of seven emotions each",
    licence="research",
    access="https://caer-dataset.github.io",
    traps=(
        "There are no boxes, and often several people: without a list of faces the whole picture is the person.",
        "The folder of anger is named Anger in some copies and Angry in others; both are read.",
        "Stills of one series are in both splits, so scores are higher than on a new series.",
    ),
)
_LIST = TableLayout(columns=(("path", "label", "x1", "y1", "x2", "y2"),), separator=",")

#: split, label id and file name -> the box of the face.
_Boxes = Mapping[tuple[str, str, str], BoundingBox]


@dataclass
class CaerS(ClassFolders):
    """CAER-S that was opened, with the boxes of faces where a list was given."""

    boxes: _Boxes = field(kw_only=True)

    def box_of(self, split: str, picture: ClassPicture, ledger: Ledger | None) -> BoundingBox | None:
        box = self.boxes.get((split, picture.label, picture.path.name))
        if box is None:
            note(ledger, "whole_picture", f"{split}/{picture.name}")
        return box


def open_caer_s(root: Path, *, boxes: str | None = None) -> Dataset:
    """Open CAER-S.

    Args:
        root: The folder with `train` and `test`, or the one above.
        boxes: A list of faces, or a folder with `train.txt` and `test.txt`. A line is
            `train/Angry/0001.png,0,x1,y1,x2,y2`; pictures that no line names are shown whole.

    Raises:
        InputError: if the folder holds no classes, or a list is malformed.
        MissingFileError: if there is no such list.
    """
    labels = label_space("caer")
    inner = root / "CAER-S"
    folders = class_folders(inner if inner.is_dir() else root, labels, leave_out=False)
    return CaerS(
        facts=FACTS,
        root=root,
        labels=labels,
        splits=tuple(folders),
        layout="split/class/picture, " + ("boxes from a list" if boxes else "no boxes"),
        options={} if boxes is None else {"boxes": Path(boxes).name},
        folders=folders,
        boxes={} if boxes is None else _boxes(Path(boxes).expanduser(), labels),
    )


def _boxes(place: Path, space: LabelSpace) -> _Boxes:
    files = [place] if place.is_file() else [place / name for name in ("train.txt", "test.txt")]
    files = [file for file in files if file.is_file()]
    if not files:
        raise MissingFileError(
            "there is no list of faces",
            value=place,
            remedy="Name a file, or a folder with train.txt and test.txt.",
        )
    found: dict[tuple[str, str, str], BoundingBox] = {}
    for file in files:
        for row in rows_in(file, _LIST):
            path = PurePosixPath(row.cells["path"].strip())
            label = space.find(path.parts[-2]) if len(path.parts) >= 3 else None
            box = box_in([row.cells[c] for c in ("x1", "y1", "x2", "y2")], row.where, sized=False)
            if label is None or box is None:
                raise InputError(
                    f"{row.where}: expected split/Class/picture and a box",
                    value=str(path),
                    remedy="A line is like train/Angry/0001.png,0,12,8,60,70.",
                )
            found[path.parts[-3], label.id, path.name] = box
    return found
