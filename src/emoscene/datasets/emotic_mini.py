"""A miniature of EMOTIC: drawn scenes in the layout in which the authors hand EMOTIC out.

    python -m emoscene.datasets.emotic_mini --people 300 --out EMOTIC

Everything that reads EMOTIC reads it, so the way from the download to a report can be rehearsed, and tested, before
the data are there. Nothing in it is EMOTIC's: pictures, boxes and labels are those of the drawn scenes.

What it shares with EMOTIC, beside the files: people in a ratio of 69 : 10 : 21; one annotator in train, five in val
and three in test, whose union is the label set; pictures of val that are in train too, there with the first of the
five; a person without a category in test, one without valence, arousal and dominance, and a box that reaches beyond
its picture in train.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from emoscene.datasets.scenes import EMOTIONS, Scene, draw_scene, sample_scene
from emoscene.errors import EmosceneError, MissingExtraError, OptionError
from emoscene.labels import label_space

__all__ = [
    "LAYOUTS",
    "Layout",
    "MiniPerson",
    "MiniPicture",
    "draw_pictures",
    "sample_pictures",
    "write_emotic",
]

#: `mat` is the authors' file; `csv` and `arrays` are what the most used PyTorch port makes of it.
Layout = Literal["mat", "csv", "arrays"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)

#: People of EMOTIC's splits, and how many annotators each person has there.
_PEOPLE = {"train": 23_706, "val": 3_334, "test": 7_280}
_ANNOTATORS = {"train": 1, "val": 5, "test": 3}
#: Shares of people by the collection that their picture comes from.
_DATABASES = {"mscoco": 0.604, "framesdb": 0.307, "emodb_small": 0.070, "ade20k": 0.019}
#: Of val's people, how many are in train too.
_LEAKED = 0.28
_VAD = ("valence", "arousal", "dominance")
_VAD_NOISE = 0.8
_HEADER = b"MATLAB 5.0 MAT-file, a miniature of EMOTIC with drawn scenes"

Said = tuple[tuple[str, ...], tuple[float, float, float]]


@dataclass(frozen=True)
class MiniPerson:
    """A person: box x1, y1, x2, y2 in MATLAB's pixels, and what each annotator said (names, and VAD or NaN)."""

    box: tuple[int, int, int, int]
    said: tuple[Said, ...]
    gender: str
    age: str

    @property
    def labels(self) -> tuple[str, ...]:
        """The union of the annotators', in the order in which they were named."""
        return tuple(dict.fromkeys(name for names, _ in self.said for name in names))

    @property
    def vad(self) -> tuple[float, float, float]:
        """The mean over the annotators."""
        first, second, third = np.mean([vad for _, vad in self.said], axis=0).tolist()
        return first, second, third


@dataclass(frozen=True)
class MiniPicture:
    """A drawn scene under a name of EMOTIC's kind; every one is a square of `size` pixels."""

    scene: Scene
    database: str
    filename: str
    size: int
    people: tuple[MiniPerson, ...]

    @property
    def folder(self) -> str:
        return f"{self.database}/images"


Splits = dict[str, list[MiniPicture]]


def sample_pictures(people: int, *, seed: int = 0, size: int = 224) -> Splits:
    """The pictures of each split, as data. The same arguments give the same pictures.

    Raises:
        OptionError: if there are too few people for three splits, or the size is none for a picture.
    """
    if people < 30:
        raise OptionError(
            "too few people for train, val and test", value=people, remedy="Ask for at least 30."
        )
    if not 32 <= size <= 4096:
        raise OptionError("a picture must be 32 to 4096 pixels wide", value=size, remedy="Try 224.")
    whole = sum(_PEOPLE.values())
    splits = {
        split: list(_pictures(split, round(people * count / whole), seed, size))
        for split, count in _PEOPLE.items()
    }
    leaked = _leak(splits, round(_LEAKED * people * _PEOPLE["val"] / whole), seed)
    splits["train"] += [replace(each, people=tuple(map(_first_alone, each.people))) for each in leaked]
    _plant_faults(splits, size)
    return splits


def write_emotic(
    out: Path, *, people: int = 300, seed: int = 0, size: int = 224, layout: Layout = "mat"
) -> Splits:
    """Write the miniature: pictures in `out/emotic/<database>/images`, annotations beside them.

    Args:
        out: A new or an empty folder.
        people: How many, over the three splits; those of val that are in train too come on top.
        seed: Which scenes.
        size: The side of a picture in pixels.
        layout: `mat`: `Annotations/Annotations.mat`; `csv`: `emotic_pre/{split}.csv`; `arrays`:
            `emotic_pre/{split}_{context,body,cat,cont}_arr.npy`, without pictures as files.

    Raises:
        OptionError: if the folder holds something, or a value is impossible.
        MissingExtraError: if scipy is not installed, for `mat`.
    """
    if layout not in LAYOUTS:
        raise OptionError("there is no such layout", value=layout, remedy=f"One of: {', '.join(LAYOUTS)}.")
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise OptionError("the folder is not empty", value=out, remedy="Choose an empty or a new folder.")
    splits = sample_pictures(people, seed=seed, size=size)
    packed = _mat(splits) if layout == "mat" else b""
    out.mkdir(parents=True, exist_ok=True)
    (out / "README.md").write_text(_card(splits, seed), "utf-8")
    if layout == "arrays":
        _write_arrays(out / "emotic_pre", splits)
        return splits
    draw_pictures(out / "emotic", splits)
    if layout == "csv":
        _write_csv(out / "emotic_pre", splits)
        return splits
    (out / "Annotations").mkdir(exist_ok=True)
    (out / "Annotations" / "Annotations.mat").write_bytes(packed)
    return splits


def draw_pictures(out: Path, splits: Splits) -> None:
    """Every picture once, as JPEG under `out/<database>/images`."""
    for picture in (each for pictures in splits.values() for each in pictures):
        file = out / picture.folder / picture.filename
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            draw_scene(picture.scene, picture.size).save(file, "JPEG", quality=92, subsampling=0)


# --- people -----------------------------------------------------------------------------------------------------


def _pictures(split: str, people: int, seed: int, size: int) -> Iterator[MiniPicture]:
    index = 0
    while people > 0:
        scene = sample_scene(seed, index, split=split)
        rng = random.Random(f"emotic-mini/{seed}/{split}/{index}")
        told = tuple(
            _person(scene, subject, split, size, rng) for subject in range(min(len(scene.people), people))
        )
        shares = _DATABASES | ({"framesdb": 0.0} if split == "val" else {})
        database = rng.choices(list(shares), list(shares.values()))[0]
        yield MiniPicture(scene, database, _filename(database, split, rng), size, told)
        people -= len(told)
        index += 1


def _person(scene: Scene, subject: int, split: str, size: int, rng: random.Random) -> MiniPerson:
    actor = scene.people[subject]
    names = {label.id: label.name for label in label_space("emotic")}
    said = []
    for _ in range(_ANNOTATORS[split]):
        found = [e for e, p in zip(EMOTIONS, actor.probabilities.tolist(), strict=True) if rng.random() < p]
        found = found or [EMOTIONS[int(np.argmax(actor.probabilities))]]
        vad = [float(min(max(round(v + rng.gauss(0, _VAD_NOISE)), 1), 10)) for v in actor.vad]
        said.append((tuple(names[each] for each in found), (vad[0], vad[1], vad[2])))
    x1, y1, x2, y2 = (round(min(max(v, 0.0), 1.0) * size) for v in actor.box)
    box = (x1 + 1, y1 + 1, max(x2, x1 + 1), max(y2, y1 + 1))
    # A drawn figure has no gender. The field is there as in EMOTIC; whatever differs by it does so by chance.
    return MiniPerson(
        box, tuple(said), rng.choice(("Female", "Male")), "Kid" if actor.age == "child" else "Adult"
    )


def _filename(database: str, split: str, rng: random.Random) -> str:
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    half = "train" if split == "train" else "val"
    return {
        "mscoco": f"COCO_{half}2014_{rng.randrange(10**6):012d}.jpg",
        "framesdb": f"frame_{''.join(rng.choices(letters, k=16))}.jpg",
        "emodb_small": f"{''.join(rng.choices(letters, k=18))}.jpg",
        "ade20k": f"ADE_{half}_{rng.randrange(10**5):08d}.jpg",
    }[database]


def _leak(splits: Splits, people: int, seed: int) -> list[MiniPicture]:
    """Pictures of val that train is to have too, as many as hold so many people: as in EMOTIC all those of framesdb."""
    leaked: list[MiniPicture] = []
    rng = random.Random(f"emotic-mini/{seed}/leaked")
    while people > 0:
        picture = splits["val"][len(leaked)]
        picture = replace(picture, database="framesdb", filename=_filename("framesdb", "val", rng))
        splits["val"][len(leaked)] = picture
        leaked.append(picture)
        people -= len(picture.people)
    return leaked


def _first_alone(person: MiniPerson) -> MiniPerson:
    return replace(person, said=person.said[:1])


def _plant_faults(splits: Splits, size: int) -> None:
    """The faults that EMOTIC has: a person without labels, one without VAD, a box that is too large."""
    nan = float("nan")

    def change(split: str, at: int, **changed: Any) -> None:
        first, *others = splits[split][at].people
        splits[split][at] = replace(splits[split][at], people=(replace(first, **changed), *others))

    silent = tuple(((), vad) for _, vad in splits["test"][0].people[0].said)
    change("test", 0, said=silent)
    train = splits["train"]
    change("train", 0, said=tuple((names, (nan, nan, nan)) for names, _ in train[0].people[0].said))
    x1, y1, _, _ = train[1].people[0].box
    change("train", 1, box=(x1, y1, size + 9, size + 4))


# --- files ------------------------------------------------------------------------------------------------------


def _structs(rows: Sequence[dict[str, Any]]) -> npt.NDArray[Any]:
    """A 1 x N struct array with the fields of the first row, in their order."""
    fields = list(rows[0])
    array = np.empty((1, len(rows)), dtype=[(name, object) for name in fields])
    for i, row in enumerate(rows):
        for name in fields:
            array[0, i][name] = row[name]
    return array


def _cell(texts: Sequence[str]) -> npt.NDArray[Any]:
    cell = np.empty((1, len(texts)) if texts else (0, 0), dtype=object)
    for i, text in enumerate(texts):
        cell[0, i] = text
    return cell


def _vad(values: tuple[float, float, float]) -> dict[str, float]:
    return dict(zip(_VAD, values, strict=True))


def _mat_person(person: MiniPerson, split: str) -> dict[str, Any]:
    """The fields in the order of the authors' file, which differ by split."""
    categories = _structs([{"categories": _cell(names)} for names, _ in person.said])
    continuous = _structs([_vad(vad) for _, vad in person.said])
    combined = split != "train"
    return {
        "body_bbox": np.array([person.box], dtype=float),
        "annotations_categories": categories,
        **({"combined_categories": _cell(person.labels)} if combined else {}),
        "annotations_continuous": continuous,
        **({"combined_continuous": _vad(person.vad)} if combined else {}),
        "gender": person.gender,
        "age": person.age,
    }


def _mat(splits: Splits) -> bytes:
    """`Annotations.mat`: the same bytes every time, for its header holds no date."""
    try:
        from scipy.io import savemat
    except ImportError:
        raise MissingExtraError.of("emotic", "scipy") from None
    variables = {
        split: _structs(
            [
                {
                    "filename": picture.filename,
                    "folder": picture.folder,
                    "image_size": {"n_col": float(picture.size), "n_row": float(picture.size)},
                    "original_database": {"name": picture.database, "info": {}},
                    "person": _structs([_mat_person(person, split) for person in picture.people]),
                }
                for picture in pictures
            ]
        )
        for split, pictures in splits.items()
    }
    stream = BytesIO()
    savemat(stream, variables, do_compression=True)
    return _HEADER.ljust(116) + stream.getvalue()[116:]


def _everybody(pictures: Sequence[MiniPicture]) -> list[tuple[MiniPicture, MiniPerson]]:
    """Who has labels and VAD: the port drops the others, and so numbers those who are left."""
    return [
        (picture, person)
        for picture in pictures
        for person in picture.people
        if person.labels and not np.isnan(person.vad).any()
    ]


def _inside(person: MiniPerson, size: int) -> list[int]:
    x1, y1, x2, y2 = person.box
    return [x1, y1, min(x2, size), min(y2, size)]


def _write_csv(folder: Path, splits: Splits) -> None:
    import csv

    folder.mkdir()
    header = "Index,Folder,Filename,Image Size,BBox,Categorical_Labels,Continuous_Labels,Gender,Age"
    for split, pictures in splits.items():
        with (folder / f"{split}.csv").open("w", newline="", encoding="utf-8") as stream:
            table = csv.writer(stream)
            table.writerow(header.split(","))
            for i, (picture, person) in enumerate(_everybody(pictures)):
                lists = [
                    [picture.size] * 2,
                    _inside(person, picture.size),
                    list(person.labels),
                    list(person.vad),
                ]
                table.writerow([i, picture.folder, picture.filename, *lists, person.gender, person.age])


def _write_arrays(folder: Path, splits: Splits) -> None:
    """Whole pictures at 224, people at 128 pixels a side, 26 columns in alphabetical order, VAD from 1 to 10."""
    folder.mkdir()
    names = [label_space("emotic")[label].name for label in EMOTIONS]
    for split, pictures in splits.items():
        told = _everybody(pictures)
        arrays: dict[str, list[Any]] = {"context": [], "body": [], "cat": [], "cont": []}
        for picture, person in told:
            drawn = draw_scene(picture.scene, picture.size)
            x1, y1, x2, y2 = _inside(person, picture.size)
            arrays["context"].append(np.asarray(drawn.resize((224, 224)), np.uint8))
            arrays["body"].append(
                np.asarray(drawn.crop((x1 - 1, y1 - 1, x2, y2)).resize((128, 128)), np.uint8)
            )
            arrays["cat"].append([float(name in person.labels) for name in names])
            arrays["cont"].append(person.vad)
        for kind, values in arrays.items():
            np.save(folder / f"{split}_{kind}_arr.npy", np.array(values), allow_pickle=False)


def _card(splits: Splits, seed: int) -> str:
    rows = [
        f"| {split} | {len(pictures)} | {sum(len(each.people) for each in pictures)} | {_ANNOTATORS[split]} |"
        for split, pictures in splits.items()
    ]
    return "\n".join(
        [
            "# A miniature of EMOTIC with drawn scenes",
            "",
            "Made by emoscene, in the layout of EMOTIC's download. Nothing in it is EMOTIC's: people and pictures are",
            f"drawn (seed {seed}), and labels are drawn from a written table. Figures on it say nothing about",
            "photographs.",
            "",
            "| split | pictures | people | annotators |",
            "|---|---|---|---|",
            *rows,
            "",
            "Gender is drawn by lot and means nothing.",
            "",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: writes a miniature, and says how many people it holds."""
    parser = argparse.ArgumentParser(
        prog="python -m emoscene.datasets.emotic_mini",
        description="Write drawn scenes in the layout of EMOTIC's download.",
    )
    parser.add_argument("--out", type=Path, required=True, help="a new or an empty folder")
    parser.add_argument("--people", type=int, default=300, help="how many people (300)")
    parser.add_argument("--seed", type=int, default=0, help="which scenes (0)")
    parser.add_argument("--size", type=int, default=224, help="side of a picture in pixels (224)")
    parser.add_argument("--layout", choices=LAYOUTS, default="mat", help="mat is the authors'")
    given = parser.parse_args(arguments)
    try:
        splits = write_emotic(
            given.out, people=given.people, seed=given.seed, size=given.size, layout=given.layout
        )
    except EmosceneError as error:
        print(error, file=sys.stderr)
        return 2
    for split, pictures in splits.items():
        print(f"{split}: {sum(len(each.people) for each in pictures)} people in {len(pictures)} pictures")
    return 0


if __name__ == "__main__":
    sys.exit(main())
