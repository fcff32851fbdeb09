"""Every format gives the same people, whatever the order of its columns, and is known by its content."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from emoscene.datasets.emotic import gt_all, open_emotic
from emoscene.errors import InputError, OptionError
from emoscene.types import Sample
from tests.datasets.emotic import write
from tests.datasets.emotic.write import Told, ToldPicture, one, some_scenes


def _mat(root: Path) -> Path:
    write.mat(root / "Annotations" / "Annotations.mat", some_scenes())
    return root


def _cvpr(root: Path) -> Path:
    write.mat(root / "CVPR17_Annotations.mat", some_scenes())
    return root


def _listed(root: Path) -> Path:
    return write.listed_csv(root / "emotic.csv", some_scenes())


def _parquet(root: Path) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = write.listed_rows(some_scenes())
    parquet.write_table(pyarrow.Table.from_pylist(rows), root / "emotic.parquet")
    return root


SHUFFLED = [write.TANDON_HEADER[at] for at in (8, 2, 5, 4, 3, 6, 1, 0, 7)]
#: Each writer, the layout that must be found, and what the format can tell: b box, v VAD, g gender and age.
WRITERS: dict[str, tuple[Callable[[Path], Path], str, str]] = {
    "mat": (_mat, "mat", "bvg"),
    "mat of the older release": (_cvpr, "mat-cvpr17", "bvg"),
    "table": (lambda root: write.tandon_csv(root / "emotic_pre", some_scenes()), "tandon-csv", "bvg"),
    "table in another order": (
        lambda root: write.tandon_csv(root, some_scenes(), SHUFFLED),
        "tandon-csv",
        "bvg",
    ),
    "archive": (lambda root: write.archive(root, some_scenes()), "archive", "bvg"),
    "archive with tabs": (lambda root: write.archive(root, some_scenes(), delimiter="\t"), "archive", "bvg"),
    "archive in alphabetical order": (
        lambda root: write.archive(root, some_scenes(), order=write.ALPHABETICAL),
        "archive",
        "bvg",
    ),
    "one-hot without names": (lambda root: write.one_hot(root, some_scenes()), "one-hot", "b"),
    "one-hot, Peace first": (
        lambda root: write.one_hot(root, some_scenes(), header=write.PEACE_FIRST),
        "one-hot",
        "b",
    ),
    "COCO with corners": (lambda root: write.corners(root, some_scenes()), "coco-corners", "bvg"),
    "COCO with bits": (lambda root: write.bits(root, some_scenes()), "coco-bits", "b"),
    "listed": (_listed, "listed", "bv"),
    "Parquet": (_parquet, "listed", "bv"),
    "questions with answers": (lambda root: write.llava(root, some_scenes()), "llava", ""),
    "questions with labels": (
        lambda root: write.llava(root, some_scenes(), truth="labels"),
        "llava",
        "",
    ),
}


def everyone(root: Path, **options: str) -> dict[str, Sample]:
    dataset = open_emotic(root, **options)  # type: ignore[arg-type]
    return {sample.id: sample for split in dataset.splits for sample in dataset.samples(split)}


def targets(samples: Iterable[Sample]) -> list[set[str]]:
    return [set(sample.target or ()) for sample in samples]


def slug(name: str) -> str:
    return name.lower().replace("/", "_")


@pytest.mark.parametrize("name", WRITERS)
def test_the_same_people_from_every_format(name: str, tmp_path: Path) -> None:
    writer, layout, tells = WRITERS[name]
    root = writer(tmp_path)
    dataset = open_emotic(root)
    assert dataset.layout == layout
    assert dataset.splits == ("train", "val", "test")
    found = everyone(root)
    expected = {
        f"emotic/{split}/{picture.database}/{picture.filename[:-4]}_{i}": (picture, told)
        for split, pictures in some_scenes().items()
        for picture in pictures
        for i, told in enumerate(picture.people)
    }
    assert list(found) == list(expected)
    for sample_id, (picture, told) in expected.items():
        sample = found[sample_id]
        assert targets([sample]) == [{slug(label) for label in told.labels}]
        assert sample.group == sample.source == f"{picture.database}/{picture.filename}"
        assert sample.split == sample_id.split("/")[1]
        if "b" in tells:
            x1, y1, x2, y2 = told.box
            assert sample.box is not None
            assert sample.box.as_tuple() == (x1 - 1, y1 - 1, x2, y2)
            assert len(sample.others) == len(picture.people) - 1
        else:
            assert sample.box is None
        if "v" in tells:
            assert sample.target_vad is not None
            assert tuple(sample.target_vad.model_dump().values()) == pytest.approx(told.vad)
        if "g" in tells:
            assert sample.attributes == {"gender": told.gender, "age": told.age}


def test_the_file_of_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gt_all, "SIZES", {"train": 3, "val": 1, "test": 3})
    found = everyone(write.gt_all(tmp_path / "labels.csv", some_scenes()))
    assert targets(found.values()) == [
        {"happiness", "doubt_confusion"},
        {"anger"},
        {"peace"},
        {"fear", "pain"},
        {"esteem", "sympathy"},
        {"yearning"},
        {"affection"},
    ]
    assert list(found)[1] == "emotic/train/mscoco/COCO_train2014_000000000001_1"
    assert {sample.picture for sample in found.values()} == {None}


def test_arrays_are_mapped_and_never_read(tmp_path: Path) -> None:
    write.tandon_arrays(tmp_path, some_scenes())
    people = list(everyone(tmp_path).values())
    assert targets(people[:2]) == [{"happiness", "doubt_confusion"}, {"anger"}]
    assert people[1].id == "emotic/train/arrays/train_000001_0"
    assert people[1].picture.shape == (8, 8, 3)
    assert people[1].picture.dtype == np.uint8
    assert isinstance(people[1].picture, np.memmap)
    assert people[1].picture[0, 0, 0] == 1
    assert people[1].box is None
    assert people[1].target_vad is not None
    assert people[1].target_vad.valence == 2
    bodies = list(everyone(tmp_path, view="body").values())
    assert bodies[1].picture.shape == (4, 4, 3)


def test_arrays_without_pictures(tmp_path: Path) -> None:
    write.tandon_arrays(tmp_path, some_scenes())
    for kind in ("context", "body"):
        for split in write.SPLITS:
            (tmp_path / f"{split}_{kind}_arr.npy").unlink()
    assert {sample.picture for sample in everyone(tmp_path).values()} == {None}


def test_the_archive_has_its_pictures_as_arrays(tmp_path: Path) -> None:
    scenes = {"test": [ToldPicture("a.jpg", [Told((33, 1, 70, 24), one(["Fear"]))], size=(64, 48))]}
    write.archive(tmp_path, scenes)
    write.archive_arrays(tmp_path, scenes)
    (sample,) = everyone(tmp_path).values()
    assert isinstance(sample.picture, np.memmap)
    assert sample.picture.shape == (16, 16, 3)
    assert sample.box is not None
    assert sample.box.as_tuple() == (8, 0, 16, 8), "a quarter across, a third down"
    assert {each.defect for each in open_emotic(tmp_path).findings()} == {"box_clamped"}
    write.pictures(tmp_path, scenes)
    (whole,) = everyone(tmp_path).values()
    assert whole.picture == tmp_path / "mscoco/images/a.jpg", "the picture itself is better"
    assert whole.box is not None
    assert whole.box.as_tuple() == (32, 0, 64, 24)


def test_an_array_of_the_archive_that_is_no_picture(tmp_path: Path) -> None:
    scenes = {"test": some_scenes()["test"]}
    write.archive(tmp_path, scenes)
    write.archive_arrays(tmp_path, scenes)
    np.save(tmp_path / "img_arrs" / "img_1.npy", np.zeros((4, 4)))
    assert len(everyone(tmp_path)) == 3, (
        "img_1 is of the second person of a picture, and stands for nobody else"
    )
    np.save(tmp_path / "img_arrs" / "img_0.npy", np.zeros((4, 4)))
    with pytest.raises(InputError, match=r"img_0.npy: this array is no picture: \(4, 4\)"):
        everyone(tmp_path)


def test_the_mat_wins_and_another_layout_can_be_asked_for(tmp_path: Path) -> None:
    scenes = some_scenes()
    write.corners(tmp_path, {"test": scenes["test"]})
    write.tandon_csv(tmp_path / "emotic_pre", scenes)
    write.mat(tmp_path / "Annotations" / "Annotations.mat", scenes)
    dataset = open_emotic(tmp_path)
    assert dataset.layout == "mat"
    others = [finding for finding in dataset.findings() if finding.defect == "other_files"]
    assert others[0].examples == (
        "coco-corners: EMOTIC_test_x1y1x2y2.json",
        "tandon-csv: test.csv, train.csv, val.csv",
    )
    asked = open_emotic(tmp_path, layout="coco-corners")
    assert (asked.layout, asked.splits) == ("coco-corners", ("test",))
    assert asked.options["layout"] == "coco-corners"
    with pytest.raises(OptionError, match=r"no such layout: benet.*One of: mat, "):
        open_emotic(tmp_path, layout="benet")
    with pytest.raises(InputError, match="no annotations in the layout arrays found here"):
        open_emotic(tmp_path, layout="arrays")


def test_a_file_is_known_by_its_content(tmp_path: Path) -> None:
    write.tandon_csv(tmp_path, some_scenes())
    (tmp_path / "train.csv").rename(tmp_path / "gt_all.csv")
    with pytest.raises(
        InputError, match=r"gt_all.csv: the name of the file does not say which split.*split=NAME"
    ):
        open_emotic(tmp_path / "gt_all.csv")
    dataset = open_emotic(tmp_path / "gt_all.csv", split="train")
    assert (dataset.layout, dataset.splits) == ("tandon-csv", ("train",))


def test_the_archive_has_a_split_of_its_own(tmp_path: Path) -> None:
    write.archive(tmp_path, some_scenes())
    folder = tmp_path / "annots_arrs"
    (folder / "annot_arrs_val.csv").rename(folder / "annot_arrs_extra_train.csv")
    dataset = open_emotic(tmp_path)
    assert dataset.splits == ("train", "extra_train", "test")
    assert targets(dataset.samples("extra_train")) == [{"fear", "pain"}]


def test_which_ground_truth_it_is(tmp_path: Path) -> None:
    scenes = some_scenes()
    assert open_emotic(write.mat(tmp_path / "Annotations.mat", scenes)).variant == "PAMI mat"
    assert open_emotic(write.mat(tmp_path / "CVPR17_Annotations.mat", scenes)).variant == "CVPR'17 mat"
    assert open_emotic(write.bits(tmp_path / "bits", scenes)).variant == "t7-type"
    assert open_emotic(write.tandon_csv(tmp_path / "pre", scenes)).variant == "PAMI mat, filtered"
    assert open_emotic(write.one_hot(tmp_path / "hot", scenes)).variant == "unknown (3 people in test)"
    only = {"train": scenes["train"]}
    assert open_emotic(write.one_hot(tmp_path / "one", only)).variant == "not stated by this format"


def many(count: int) -> dict[str, list[ToldPicture]]:
    return {"test": [ToldPicture(f"{i}.jpg", [Told((1, 1, 20, 20), one(["Fear"]))]) for i in range(count)]}


@pytest.mark.parametrize(
    ("count", "variant"),
    [(7280, "PAMI mat"), (7275, "PAMI mat"), (7203, "PAMI mat, filtered"), (5369, "t7-type")],
)
def test_the_ground_truth_by_its_count(count: int, variant: str, tmp_path: Path) -> None:
    found = open_emotic(write.one_hot(tmp_path, many(count)))
    assert found.variant == f"{variant} (by its {count:,} people in test)"


@pytest.mark.parametrize(("count", "times"), [(999, 0), (7203, 0), (7000, 1)])
def test_a_count_that_no_version_has_is_said(count: int, times: int, tmp_path: Path) -> None:
    write.tandon_csv(tmp_path, many(count))
    found = {finding.defect: finding for finding in open_emotic(tmp_path).findings()}
    assert ("other_count" in found) is bool(times)
    if times:
        assert found["other_count"].examples == ("7,000 people",)


def test_nothing_of_emotic(tmp_path: Path) -> None:
    (tmp_path / "notes.csv").write_text("name,grade\nA,1\n")
    (tmp_path / "thresholds.mat").write_bytes(b"no mat at all")
    with pytest.raises(
        InputError, match=r"no annotations of EMOTIC found here \(looked at notes.csv, thresh"
    ):
        open_emotic(tmp_path)
    with pytest.raises(InputError, match=r"no annotations of EMOTIC found here: .*notes.csv"):
        open_emotic(tmp_path / "notes.csv")


def test_torch_files_are_said_to_be_unread(tmp_path: Path) -> None:
    (tmp_path / "DiscreteContinuousAnnotations26_test.t7").write_bytes(b"\x03\x00\x00\x00")
    with pytest.raises(InputError, match=r"Torch 7 files are not read.*coco-bits"):
        open_emotic(tmp_path)
