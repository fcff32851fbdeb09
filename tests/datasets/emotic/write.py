"""People as a test tells them, written in every format in which EMOTIC is on people's disks.

Nothing here is EMOTIC's: names, labels and boxes are made up, the layouts are the real ones.
"""

from __future__ import annotations

import csv
import json
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


# --- tables -----------------------------------------------------------------------------------------------------


def _table(
    file: Path, rows: Sequence[Sequence[Any]], *, delimiter: str = ",", encoding: str = "utf-8"
) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding=encoding) as stream:
        csv.writer(stream, delimiter=delimiter).writerows(rows)
    return file


def everybody(pictures: Sequence[ToldPicture]) -> list[tuple[ToldPicture, Told]]:
    return [(picture, told) for picture in pictures for told in picture.people]


def tandon_csv(folder: Path, scenes: Scenes, header: Sequence[str] = TANDON_HEADER) -> Path:
    """`{split}.csv` with lists as Python prints them, and columns in the order of `header`."""
    for split, pictures in scenes.items():
        rows: list[Sequence[Any]] = [header]
        for i, (picture, told) in enumerate(everybody(pictures)):
            row = {
                "Index": i,
                "Folder": picture.folder,
                "Filename": picture.filename,
                "Image Size": list(picture.size),
                "BBox": [int(each) for each in told.box],
                "Categorical_Labels": told.labels,
                "Continuous_Labels": list(told.vad),
                "Gender": told.gender,
                "Age": told.age,
            }
            rows.append([row[name] for name in header])
        _table(folder / f"{split}.csv", rows)
    return folder


def one_hot_of(labels: Sequence[str], order: Sequence[str]) -> list[int]:
    return [int(name in labels) for name in order]


def tandon_arrays(folder: Path, scenes: Scenes, side: int = 8) -> Path:
    """`{split}_{context,body,cat,cont}_arr.npy`; the pictures of person i are of the one colour i."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, pictures in scenes.items():
        people = [told for _, told in everybody(pictures)]
        labels = np.array([one_hot_of(told.labels, ALPHABETICAL) for told in people], dtype=float)
        arrays = {"cat": labels, "cont": np.array([told.vad for told in people], dtype=float)}
        for kind, edge in (("context", side), ("body", side // 2)):
            colours = np.arange(len(people), dtype=np.uint8)[:, None, None, None]
            arrays[kind] = np.tile(colours, (1, edge, edge, 3))
        for kind, array in arrays.items():
            np.save(folder / f"{split}_{kind}_arr.npy", array)
    return folder


def archive(
    folder: Path, scenes: Scenes, *, delimiter: str = ",", order: Sequence[str] = PEACE_FIRST
) -> Path:
    """`annots_arrs/annot_arrs_{split}.csv`: a byte order mark, label columns that begin with Peace."""
    header = ["", "Folder", "Filename", "Arr_name", "Crop_name", "Valence", "Arousal", "Dominance", *order]
    header += ["X_min", "Y_min", "X_max", "Y_max", "Width", "Height", "Gender", "Age"]
    for split, pictures in scenes.items():
        rows: list[Sequence[Any]] = [header]
        for i, (picture, told) in enumerate(everybody(pictures)):
            row = [i, picture.folder, picture.filename, f"img_{i}.npy", f"crop_{i}.npy", *told.vad]
            rows.append(
                [*row, *one_hot_of(told.labels, order), *told.box, *picture.size, told.gender, told.age]
            )
        file = folder / "annots_arrs" / f"annot_arrs_{split}.csv"
        _table(file, rows, delimiter=delimiter, encoding="utf-8-sig")
    return folder


def archive_arrays(folder: Path, scenes: Scenes, side: int = 16) -> Path:
    """`img_arrs/img_{i}.npy`: each person's whole picture, scaled to a square, of the one colour i."""
    arrays = folder / "img_arrs"
    arrays.mkdir(parents=True, exist_ok=True)
    for pictures in scenes.values():
        for i, _ in enumerate(everybody(pictures)):
            np.save(arrays / f"img_{i}.npy", np.full((side, side, 3), i, dtype=np.uint8))
    return folder


def one_hot(folder: Path, scenes: Scenes, *, header: Sequence[str] | None = None) -> Path:
    """`{split}_annot.csv`: path, box, 26 columns; alphabetical without a header, in the order of `header` with one."""
    for split, pictures in scenes.items():
        rows: list[Sequence[Any]] = []
        if header is not None:
            rows.append(["path", "x1", "y1", "x2", "y2", *header])
        for picture, told in everybody(pictures):
            columns = one_hot_of(told.labels, header or ALPHABETICAL)
            rows.append([f"emotic/{picture.folder}/{picture.filename}", *told.box, *columns])
        _table(folder / f"{split}_annot.csv", rows)
    return folder


def listed_rows(scenes: Scenes) -> list[dict[str, Any]]:
    return [
        {
            "image_path": f"{picture.folder}/{picture.filename}",
            "folder": picture.folder,
            "filename": picture.filename,
            "bbox": [float(each) for each in told.box],
            "categories": told.labels,
            **dict(zip(("valence", "arousal", "dominance"), told.vad, strict=True)),
            "split": split,
        }
        for split, pictures in scenes.items()
        for picture, told in everybody(pictures)
    ]


def listed_csv(file: Path, scenes: Scenes) -> Path:
    rows = listed_rows(scenes)
    return _table(file, [list(rows[0]), *[list(row.values()) for row in rows]])


def gt_all(file: Path, scenes: Scenes) -> Path:
    """`gt_all.csv`: no header, lower case, one person a row, the splits behind each other."""
    rows = []
    for split in SPLITS:
        for picture in scenes[split]:
            stem = picture.filename.rpartition(".")[0]
            for i, told in enumerate(picture.people):
                if told.labels:
                    labels = [name.lower() for name in told.labels]
                    rows.append([f"{picture.database}/{stem}_{i}.jpg", str(labels)])
    return _table(file, rows)


# --- JSON -------------------------------------------------------------------------------------------------------


def _coco(file: Path, images: list[dict[str, Any]], notes: list[dict[str, Any]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"images": images, "annotations": notes, "categories": []}))


def corners(folder: Path, scenes: Scenes) -> Path:
    """`EMOTIC_{split}_x1y1x2y2.json`; 'None' where valence, arousal and dominance are missing."""
    for split, pictures in scenes.items():
        images: list[dict[str, Any]] = []
        notes: list[dict[str, Any]] = []
        for i, picture in enumerate(pictures):
            image = {"database": picture.database, "file_name": picture.filename, "folder": picture.folder}
            size = {"width": picture.size[0], "height": picture.size[1]}
            images.append({**image, "name": picture.database, **size, "id": i, "coco_ids": []})
            for told in picture.people:
                names = ("valence", "arousal", "dominance")
                vad = None if any(map(math.isnan, told.vad)) else dict(zip(names, told.vad, strict=True))
                notes.append(
                    {
                        "image_id": i,
                        "id": len(notes),
                        "category_id": 1,
                        "bbox": list(told.box),
                        "annotations_categories": told.labels,
                        "annotations_continuous": vad or "None",
                        "gender": told.gender,
                        "age": told.age,
                    }
                )
        _coco(folder / f"EMOTIC_{split}_x1y1x2y2.json", images, notes)
    return folder


def bits(folder: Path, scenes: Scenes) -> Path:
    """`emotic_{split}_bi.json`: boxes as x, y, width, height, labels as a number of 26 bits, Affection in front."""
    for split, pictures in scenes.items():
        images: list[dict[str, Any]] = []
        notes: list[dict[str, Any]] = []
        for i, picture in enumerate(pictures, 1):
            path = f"{picture.folder}/{picture.filename}"
            images.append({"height": picture.size[1], "width": picture.size[0], "id": i, "file_name": path})
            for told in picture.people:
                number = int("".join(map(str, one_hot_of(told.labels, ALPHABETICAL))), 2)
                x1, y1, x2, y2 = told.box
                box = [x1, y1, x2 - x1, y2 - y1]
                notes.append(
                    {"id": len(notes), "image_id": i, "category_id": number, "bbox": box, "iscrowd": 0}
                )
        _coco(folder / f"emotic_{split}_bi.json", images, notes)
    return folder


def llava(folder: Path, scenes: Scenes, *, truth: str | None = "conversations") -> Path:
    """`{split}.jsonl`: questions, with the truth as `conversations`, as `labels`, or without."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, pictures in scenes.items():
        lines: list[str] = []
        for picture in pictures:
            for i, told in enumerate(picture.people):
                stem, _, ending = picture.filename.rpartition(".")
                row: dict[str, Any] = {
                    "question_id": len(lines),
                    "image": f"{picture.database}/{stem}_{i}.{ending}",
                }
                row["text"] = (
                    "Pick the labels that the person in the red bounding box is feeling, from pain and fear."
                )
                if truth == "conversations":
                    answer = ", ".join(name.lower() for name in told.labels)
                    row["conversations"] = [
                        {"from": "human", "value": "<image>\nWhich?"},
                        {"from": "gpt", "value": answer},
                    ]
                elif truth == "labels":
                    row["labels"] = told.labels
                lines.append(json.dumps(row))
        (folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
    return folder
