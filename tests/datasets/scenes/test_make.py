from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from emoscene.datasets.scenes import EMOTIONS, READERS, draw_scene, people_of, sample_scene
from emoscene.datasets.scenes.make import make_dataset, read_manifest
from emoscene.errors import OptionError

REQUEST = {"people": 30, "seed": 3, "size": 64, "gate_people": 60}


def make(out: Path, **changes: Any) -> dict[str, str]:
    """Makes a small dataset; gives the hash of every file."""
    given: dict[str, Any] = {"workers": 1, **REQUEST, **changes}
    make_dataset(out, **given)
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }


def test_any_number_of_workers_gives_the_same_files(tmp_path: Path) -> None:
    assert make(tmp_path / "one") == make(tmp_path / "two", workers=2)


def test_the_files_say_what_was_drawn(tmp_path: Path) -> None:
    make(tmp_path)
    manifest = read_manifest(tmp_path)
    assert manifest.version == "scenes-2"
    assert manifest.people == {"train": 24, "val": 3, "test": 3}
    assert set(manifest.gates["gates"]) == {"context", "face_pose", "others"}
    assert (tmp_path / "README.md").read_text().startswith("# Drawn scenes")
    arrays = np.load(tmp_path / "readers.npz")
    for split, count in manifest.people.items():
        rows = [json.loads(line) for line in (tmp_path / f"{split}.jsonl").read_text().splitlines()]
        assert len(rows) == count
        assert len({row["image"] for row in rows}) == manifest.pictures[split]
        assert all(arrays[f"{split}/{reader}"].shape == (count, 26) for reader in READERS)
        assert arrays[f"{split}/id"].tolist() == [row["id"] for row in rows]
        for row in rows:
            x1, y1, x2, y2 = row["box"]
            assert 0 <= x1 < x2 <= 64
            assert 0 <= y1 < y2 <= 64
            assert set(row["labels"]) <= set(EMOTIONS)
            assert set(row["probabilities"]["picture"]) == set(EMOTIONS)


def test_a_row_and_its_picture_belong_together(tmp_path: Path) -> None:
    make(tmp_path)
    row = json.loads((tmp_path / "test.jsonl").read_text().splitlines()[0])
    scene = sample_scene(3, 0, split="test")
    with Image.open(tmp_path / row["image"]) as image:
        stored = np.asarray(image).astype(float)
    assert np.abs(stored - np.asarray(draw_scene(scene, 64))).mean() < 6
    assert row["causes"]["reaction"] == scene.people[0].reaction
    assert row["labels"] == sorted(scene.people[0].labels)
    assert row["caption"].startswith(("A ", "An "))


def test_a_run_that_was_cut_off_is_taken_up_again(tmp_path: Path) -> None:
    whole = make(tmp_path / "whole")
    make(tmp_path / "cut")
    (tmp_path / "cut" / "manifest.json").unlink()
    (tmp_path / "cut" / "test.jsonl").unlink()
    identity = {"version": "scenes-2", "tables": read_manifest(tmp_path / "whole").tables}
    request = read_manifest(tmp_path / "whole").request
    (tmp_path / "cut" / ".pending.json").write_text(json.dumps({**identity, "request": request}))
    assert make(tmp_path / "cut") == whole


def test_the_same_request_again_changes_nothing(tmp_path: Path) -> None:
    assert make(tmp_path) == make(tmp_path)


@pytest.mark.parametrize("change", [{"seed": 4}, {"people": 31}, {"size": 65}])
def test_a_different_dataset_is_never_overwritten(tmp_path: Path, change: dict[str, int]) -> None:
    make(tmp_path)
    with pytest.raises(OptionError, match="different dataset"):
        make(tmp_path, **change)


def test_a_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(OptionError, match="not empty"):
        make(tmp_path)
    with pytest.raises(OptionError, match="in the way"):
        make(tmp_path / "thesis.txt")


@pytest.mark.parametrize("change", [{"people": 0}, {"size": 8}, {"seed": -1}])
def test_impossible_numbers_are_refused(tmp_path: Path, change: dict[str, int]) -> None:
    with pytest.raises(OptionError):
        make(tmp_path, **change)


def test_splits_can_be_chosen(tmp_path: Path) -> None:
    manifest = make_dataset(
        tmp_path, people=7, seed=1, workers=1, size=64, splits={"test": 1}, gate_people=60
    )
    assert manifest.people == {"test": 7}
    with pytest.raises(OptionError, match="splits"):
        make_dataset(tmp_path / "b", people=7, seed=1, splits={"dev": 1})


CONTROLLED_SPLITS = {"train": 0.4, "conflict": 0.2, "counterfactual": 0.2, "bias_reversed": 0.2}


def test_controlled_splits_are_written_with_pairs_whole_and_readers_of_their_own(tmp_path: Path) -> None:
    made = make_dataset(
        tmp_path, people=25, seed=2, workers=1, size=64, splits=CONTROLLED_SPLITS, gate_people=60
    )
    assert made.people == {"train": 11, "conflict": 5, "counterfactual": 4, "bias_reversed": 5}
    assert made.figures == {
        "train": "mean_ap", "conflict": "mean_ap", "counterfactual": "ranked", "bias_reversed": "label_ap",
    }  # fmt: skip
    assert made.readers["counterfactual"]["person"] == 0.5
    assert "picture_colour" in made.readers["bias_reversed"]
    assert "picture_colour" not in made.readers["train"]
    arrays = np.load(tmp_path / "readers.npz")
    for split, count in made.people.items():
        rows = [json.loads(line) for line in (tmp_path / f"{split}.jsonl").read_text().splitlines()]
        assert [(row["id"], row["pair"], row["side"]) for row in rows] == [
            (f"{p.scene.id}-{p.subject}", p.pair, p.side) for p in people_of(split, 2, count)
        ]
        assert all(len(row["annotators"]) == 5 for row in rows)
        assert all((tmp_path / row["image"]).is_file() for row in rows)
        assert all(arrays[f"{split}/{reader}"].shape == (count, 26) for reader in made.readers[split])
    assert len(list((tmp_path / "images").iterdir())) == sum(made.pictures.values())
    assert "picture_colour" in (tmp_path / "README.md").read_text()


@pytest.mark.slow
def test_controlled_splits_are_the_same_for_any_number_of_workers(tmp_path: Path) -> None:
    one, two = (
        make(tmp_path / str(workers), workers=workers, splits=CONTROLLED_SPLITS) for workers in (1, 2)
    )
    assert one == two


def test_only_pairs_need_an_even_number(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="pairs"):
        make_dataset(tmp_path, people=5, seed=2, splits={"two_people": 1})
