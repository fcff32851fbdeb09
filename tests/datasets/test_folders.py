"""A folder per class, and CAER-S, which is one with lists of faces made by others."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from emoscene.datasets.registry import open_dataset
from emoscene.errors import BoxError, InputError, MissingFileError, OptionError
from tests.datasets.reading import target_of


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 40)).save(path)


@pytest.fixture
def caer(tmp_path: Path) -> Path:
    root = tmp_path / "CAER-S"
    picture(root / "train/Angry/0002.png")
    picture(root / "train/Angry/0001.png")
    picture(root / "train/Happy/0001.png")
    picture(root / "test/Anger/0001.png")
    return root


def test_classes_with_splits_above(tmp_path: Path) -> None:
    picture(tmp_path / "val/Happy/b.jpg")
    picture(tmp_path / "train/happiness/deep/a.jpg")
    picture(tmp_path / "train/Angry/c.jpg")
    (tmp_path / "train/Angry/notes.txt").write_text("x")
    (tmp_path / "train/Angry/.DS_Store").write_text("x")
    dataset = open_dataset("folder", tmp_path)
    assert dataset.splits == ("train", "val")
    first, second = dataset.samples("train")
    assert (first.id, target_of(first)) == ("folder/train/Angry/c.jpg", {"anger"})
    assert (second.id, target_of(second)) == ("folder/train/happiness/deep/a.jpg", {"happiness"})
    assert second.picture == str(tmp_path / "train/happiness/deep/a.jpg")
    found = {each.defect: each.count for each in dataset.findings()}
    assert found == {"other_file": 1, "whole_picture": 3}


def test_classes_alone(tmp_path: Path) -> None:
    picture(tmp_path / "awe/a.jpg")
    dataset = open_dataset("folder", tmp_path, space="mikels", called="fi")
    (sample,) = dataset.samples("all")
    assert sample.id == "fi/all/awe/a.jpg"
    assert target_of(sample) == {"awe"}


def test_unknown_classes_are_an_error_or_left_out_and_counted(tmp_path: Path) -> None:
    picture(tmp_path / "happy/a.jpg")
    picture(tmp_path / "suprized/b.jpg")
    with pytest.raises(OptionError, match=r"suprized.*Did you mean 'surprise"):
        open_dataset("folder", tmp_path)
    dataset = open_dataset("folder", tmp_path, unknown="leave_out")
    assert [sample.source for sample in dataset.samples("all")] == ["happy/a.jpg"]
    assert {each.defect for each in dataset.findings()} == {"unknown_class", "whole_picture"}
    with pytest.raises(OptionError, match="leave_out"):
        open_dataset("folder", tmp_path, unknown="yes")


def test_folders_without_classes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    with pytest.raises(InputError, match=r"named like a label of ekman: one"):
        open_dataset("folder", tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="no folder"):
        open_dataset("folder", tmp_path / "file")


def test_caer_s_with_both_names_of_anger(caer: Path) -> None:
    for root in (caer, caer.parent):
        dataset = open_dataset("caer_s", root)
        assert dataset.splits == ("train", "test")
        assert [sample.id for sample in dataset.samples("train")] == [
            "caer_s/train/Angry/0001.png",
            "caer_s/train/Angry/0002.png",
            "caer_s/train/Happy/0001.png",
        ]
        (test,) = dataset.samples("test")
        assert (target_of(test), test.box) == ({"anger"}, None)
    (finding,) = dataset.findings()
    assert (finding.defect, finding.count, finding.level) == ("whole_picture", 4, "warning")


def test_caer_s_takes_boxes_of_faces_from_lists(caer: Path, tmp_path: Path) -> None:
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "train.txt").write_text("train/Anger/0001.png,0,1,2,30,39\ntrain/Happy/0001.png,3,1,2,90,39\n")
    (lists / "test.txt").write_text("test/Anger/0001.png,0,5,6,20,21\n")
    dataset = open_dataset("caer_s", caer, boxes=str(lists))
    boxes = [sample.box and sample.box.as_tuple() for sample in dataset.samples("train")]
    assert boxes == [(1, 2, 30, 39), None, (1, 2, 90, 39)]
    found = {each.defect: (each.count, each.examples) for each in dataset.findings()}
    assert found == {
        "whole_picture": (1, ("train/Angry/0002.png",)),
        "box_clamped": (1, ("caer_s/train/Happy/0001.png",)),
    }
    one = open_dataset("caer_s", caer, boxes=str(lists / "test.txt"))
    assert next(iter(one.samples("test"))).box is not None


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("0001.png,0,1,2,3,4", InputError),
        ("train/Smug/0001.png,0,1,2,3,4", InputError),
        ("train/Angry/0001.png,0,9,2,3,4", BoxError),
        ("train/Angry/0001.png,0,9,2", InputError),
    ],
)
def test_faulty_lists_are_said(line: str, error: type[InputError], caer: Path, tmp_path: Path) -> None:
    path = tmp_path / "train.txt"
    path.write_text(f"train/Happy/0001.png,3,1,2,30,39\n{line}\n")
    with pytest.raises(error, match=r"train\.txt, line 2"):
        open_dataset("caer_s", caer, boxes=str(path))
    with pytest.raises(MissingFileError, match="list of faces"):
        open_dataset("caer_s", caer, boxes=str(tmp_path / "none"))
