"""A folder per class: `root/Class/picture.jpg`, or `root/split/Class/picture.jpg`."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from emoscene.datasets.base import Dataset, Defect, Facts, Finding, Ledger
from emoscene.datasets.table_people import note
from emoscene.datasets.table_pictures import PICTURE_DEFECTS, findings_of
from emoscene.errors import InputError, OptionError
from emoscene.labels import Label, LabelSpace, label_space
from emoscene.types import BoundingBox, Sample

__all__ = [
    "DEFECTS",
    "FACTS",
    "ClassFolders",
    "ClassPicture",
    "class_folders",
    "open_folder",
    "pictures_under",
]

FACTS = Facts(
    name="folder",
    title="a folder per class, with or without folders of splits above",
    licence="yours to know",
    access="your own folder; FI and the copies of FER2013 and Emotion6 with a folder per class are read so too",
    traps=("There are no boxes: the whole picture is the person.",),
)

DEFECTS: Mapping[str, Defect] = {
    "unknown_class": Defect("a folder that is none of the labels", "its pictures are left out", "warning"),
    "other_file": Defect("a file that is no picture", "left out", "note"),
    "whole_picture": Defect("a picture without a box", "the whole picture is the person", "warning"),
}
_ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp"})
_ONE_SPLIT = "all"
_USUAL_ORDER = ("train", "val", "test")


@dataclass(frozen=True)
class ClassPicture:
    """A picture under the folder of its class: the path below the split's folder, with `/`."""

    name: str
    path: Path
    label: str


@dataclass
class ClassFolders(Dataset):
    """A folder per class that was opened. `folders` maps each split to its class folders and their labels."""

    folders: Mapping[str, Mapping[Path, str | None]] = field(kw_only=True)

    def defects(self) -> Mapping[str, Defect]:
        return {**DEFECTS, **PICTURE_DEFECTS}

    def findings(self, *, pictures: bool = True) -> list[Finding]:
        return findings_of(self, pictures=pictures)

    def box_of(self, split: str, picture: ClassPicture, ledger: Ledger | None) -> BoundingBox | None:
        """The box of the person; a folder per class has none."""
        note(ledger, "whole_picture", picture.name)
        return None

    def samples(self, split: str, ledger: Ledger | None = None) -> Iterator[Sample]:
        self.check_split(split)
        return self._samples(split, ledger)

    def _samples(self, split: str, ledger: Ledger | None) -> Iterator[Sample]:
        for folder, label in self.folders[split].items():
            if label is None:
                note(ledger, "unknown_class", folder.name)
                continue
            for picture in pictures_under(folder, label, ledger):
                yield Sample(
                    id=f"{self.facts.name}/{split}/{picture.name}",
                    picture=str(picture.path),
                    box=self.box_of(split, picture, ledger),
                    source=picture.name,
                    target=frozenset({label}),
                    split=split,
                    group=picture.name,
                )


def pictures_under(folder: Path, label: str, ledger: Ledger | None) -> Iterator[ClassPicture]:
    """The pictures of a class, by name; folders inside are gone through, links to folders are not."""
    for here, inner, names in os.walk(folder):
        inner.sort()
        for name in sorted(names):
            path = Path(here, name)
            if path.suffix.lower() in _ENDINGS:
                yield ClassPicture(path.relative_to(folder.parent).as_posix(), path, label)
            elif not name.startswith("."):
                note(ledger, "other_file", path.relative_to(folder.parent).as_posix())


def class_folders(root: Path, space: LabelSpace, *, leave_out: bool) -> dict[str, dict[Path, str | None]]:
    """The splits below a root, and the class folders of each with the ids of their labels, by name.

    Args:
        root: The folder.
        space: Where the names of classes are looked up.
        leave_out: Whether a folder that is no label gets None and is no error.

    Raises:
        InputError: if the folder holds no class.
        OptionError: if a folder is none of the labels.
    """
    first = _folders_in(root)
    if any(space.find(folder.name) for folder in first):
        return {_ONE_SPLIT: {folder: _label_id(folder, space, leave_out=leave_out) for folder in first}}
    splits = {folder.name: _folders_in(folder) for folder in first}
    splits = {
        name: inside for name, inside in splits.items() if any(space.find(each.name) for each in inside)
    }
    if not splits:
        seen = ", ".join(folder.name for folder in first[:10]) or "no folders"
        raise InputError(
            f"{root.name}: no folder here is named like a label of {space.name}",
            value=seen,
            remedy=f"Name folders by labels ({', '.join(space.ids[:10])}), or give the space: space=NAME.",
        )
    order = [
        *(name for name in _USUAL_ORDER if name in splits),
        *(n for n in splits if n not in _USUAL_ORDER),
    ]
    return {
        name: {folder: _label_id(folder, space, leave_out=leave_out) for folder in splits[name]}
        for name in order
    }


def _folders_in(root: Path) -> list[Path]:
    if not root.is_dir():
        raise InputError(
            "this is no folder", value=root.name, remedy="Give the folder that holds the classes."
        )
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))


def _label_id(folder: Path, space: LabelSpace, *, leave_out: bool) -> str | None:
    label: Label | None = space.find(folder.name)
    if label is not None:
        return label.id
    if leave_out:
        return None
    near = difflib.get_close_matches(
        folder.name.lower(), [term for each in space for term in each.terms], n=1
    )
    hint = f"Did you mean {near[0]!r}? " if near else ""
    raise OptionError(
        f"{folder.parent.name}: this folder is none of the labels of {space.name}",
        value=folder.name,
        remedy=f"{hint}Rename it, or set unknown=leave_out. Labels: {', '.join(space.ids[:12])}.",
    )


def open_folder(
    root: Path, *, space: str = "ekman", called: str = "folder", unknown: str = "error"
) -> Dataset:
    """Open a folder per class.

    Args:
        root: `root/Class/...` or `root/split/Class/...`; names of classes are labels, their variants or synonyms.
        space: The label space.
        called: What the dataset is called in the ids of its samples.
        unknown: `error`, or `leave_out` for folders that are no label.
    """
    if unknown not in ("error", "leave_out"):
        raise OptionError("unknown is `error` or `leave_out`", value=unknown, remedy="Give one of the two.")
    labels = label_space(space)
    folders = class_folders(root, labels, leave_out=unknown == "leave_out")
    return ClassFolders(
        facts=Facts(called, FACTS.title, FACTS.licence, FACTS.access, FACTS.traps),
        root=root,
        labels=labels,
        splits=tuple(folders),
        layout="split/class/picture" if tuple(folders) != (_ONE_SPLIT,) else "class/picture",
        options={"space": space, "called": called, "unknown": unknown},
        folders=folders,
    )
