"""People as a test tells them, written in every format in which EMOTIC is on people's disks.

Nothing here is EMOTIC's: names, labels and boxes are made up, the layouts are the real ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SPLITS = ("train", "val", "test")
ALPHABETICAL = (
    "Affection,Anger,Annoyance,Anticipation,Aversion,Confidence,Disapproval,Disconnection,Disquietment,"
    "Doubt/Confusion,Embarrassment,Engagement,Esteem,Excitement,Fatigue,Fear,Happiness,Pain,Peace,Pleasure,"
    "Sadness,Sensitivity,Suffering,Surprise,Sympathy,Yearning"
).split(",")
PEACE_FIRST = (
    "Peace,Affection,Esteem,Anticipation,Engagement,Confidence,Happiness,Pleasure,Excitement,Surprise,Sympathy,"
    "Doubt/Confusion,Disconnection,Fatigue,Embarrassment,Yearning,Disapproval,Aversion,Annoyance,Anger,Sensitivity,"
    "Sadness,Disquietment,Fear,Pain,Suffering"
).split(",")
TANDON_HEADER = "Index,Folder,Filename,Image Size,BBox,Categorical_Labels,Continuous_Labels,Gender,Age".split(
    ","
)

#: What an annotator says: labels, and valence, arousal, dominance.
Said = tuple[Sequence[str], tuple[float, float, float]]


@dataclass(frozen=True)
class Told:
    """A person: box x1, y1, x2, y2 in pixels from 1, and what each annotator said."""

    box: tuple[float, float, float, float]
    said: Sequence[Said]
    gender: str = "Female"
    age: str = "Adult"

    @property
    def labels(self) -> list[str]:
        return list(dict.fromkeys(name for names, _ in self.said for name in names))

    @property
    def vad(self) -> tuple[float, float, float]:
        columns = list(zip(*(vad for _, vad in self.said), strict=True)) or [(math.nan,)] * 3
        first, second, third = (sum(column) / len(column) for column in columns)
        return first, second, third


@dataclass(frozen=True)
class ToldPicture:
    filename: str
    people: Sequence[Told]
    database: str = "mscoco"
    size: tuple[int, int] = (64, 48)

    @property
    def folder(self) -> str:
        return f"{self.database}/images"


Scenes = Mapping[str, Sequence[ToldPicture]]


def one(labels: Sequence[str], vad: tuple[float, float, float] = (5, 6, 7)) -> list[Said]:
    """What a single annotator says."""
    return [(labels, vad)]


def some_scenes() -> dict[str, list[ToldPicture]]:
    """A little of everything: several people and one, one label and several, several annotators."""
    return {
        "train": [
            ToldPicture(
                "COCO_train2014_000000000001.jpg",
                [
                    Told((1, 1, 20, 40), one(["Happiness", "Doubt/Confusion"])),
                    Told((21, 5, 40, 48), one(["Anger"], (2, 8, 6)), "Male", "Kid"),
                ],
            ),
            ToldPicture("frame_aaaaaaaaaaaaaaaa.jpg", [Told((5, 5, 60, 40), one(["Peace"]))], "framesdb"),
        ],
        "val": [
            ToldPicture(
                "COCO_val2014_000000000002.jpg",
                [Told((3, 4, 30, 40), [(["Fear"], (3, 7, 2)), (["Fear", "Pain"], (4, 8, 3))], "Male")],
            ),
        ],
        "test": [
            ToldPicture(
                "0aaaaaaaaaaaaaaaaa.jpg",
                [
                    Told((2, 2, 30, 30), [(["Esteem"], (6, 5, 5)), (["Sympathy", "Esteem"], (7, 5, 6))]),
                    Told((31, 2, 60, 30), [(["Yearning"], (6, 5, 5))]),
                ],
                "emodb_small",
            ),
            ToldPicture("ADE_train_00000003.jpg", [Told((4, 4, 50, 45), one(["Affection"]))], "ade20k"),
        ],
    }


def pictures(root: Path, scenes: Scenes) -> Path:
    """The pictures under `root/<database>/images`."""
    for told in (picture for split in scenes.values() for picture in split):
        folder = root / told.folder
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", told.size, (90, 120, 150)).save(folder / told.filename, "JPEG")
    return root


# --- MATLAB -----------------------------------------------------------------------------------------------------


def _structs(rows: Sequence[Mapping[str, Any]], fields: Sequence[str]) -> np.ndarray[Any, Any]:
    """A 1 x N struct array."""
    array = np.empty((1, len(rows)), dtype=[(name, object) for name in fields])
    for i, row in enumerate(rows):
        for name in fields:
            array[0, i][name] = row[name]
    return array


def _cell(texts: Sequence[str]) -> np.ndarray[Any, Any]:
    cell = np.empty((1, len(texts)) if texts else (0, 0), dtype=object)
    for i, text in enumerate(texts):
        cell[0, i] = text
    return cell


def _vad(values: tuple[float, float, float]) -> dict[str, float]:
    return dict(zip(("valence", "arousal", "dominance"), map(float, values), strict=True))


def _person(told: Told, split: str) -> dict[str, Any]:
    categories = _structs([{"categories": _cell(names)} for names, _ in told.said], ["categories"])
    continuous = _structs([_vad(vad) for _, vad in told.said], ["valence", "arousal", "dominance"])
    person = {
        "body_bbox": np.array([told.box], dtype=float),
        "annotations_categories": categories,
        "annotations_continuous": continuous,
        "gender": told.gender,
        "age": told.age,
    }
    if split == "train":
        return person
    return person | {"combined_categories": _cell(told.labels), "combined_continuous": _vad(told.vad)}


_TRAIN_FIELDS = ["body_bbox", "annotations_categories", "annotations_continuous", "gender", "age"]
_OTHER_FIELDS = [
    "body_bbox",
    "annotations_categories",
    "combined_categories",
    "annotations_continuous",
    "combined_continuous",
    "gender",
    "age",
]


def mat(file: Path, scenes: Scenes, *, size_fields: Sequence[str] = ("n_col", "n_row")) -> Path:
    """`Annotations.mat` of the PAMI release; the CVPR'17 release has the same fields."""
    from scipy.io import savemat

    variables = {}
    for split, told in scenes.items():
        fields = _TRAIN_FIELDS if split == "train" else _OTHER_FIELDS
        rows = []
        for picture in told:
            sides = {"n_col": float(picture.size[0]), "n_row": float(picture.size[1])}
            rows.append(
                {
                    "filename": picture.filename,
                    "folder": picture.folder,
                    "image_size": {name: sides[name] for name in size_fields},
                    "original_database": {"name": picture.database, "info": {}},
                    "person": _structs([_person(person, split) for person in picture.people], fields),
                }
            )
        variables[split] = _structs(rows, ["filename", "folder", "image_size", "original_database", "person"])
    file.parent.mkdir(parents=True, exist_ok=True)
    savemat(file, variables, do_compression=True)
    return file
