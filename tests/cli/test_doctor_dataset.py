"""`emoscene doctor --dataset`: what is there, what is wrong with it, and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Run
from tests.datasets.emotic import write
from tests.datasets.emotic.write import Told, ToldPicture, one


def faulty(root: Path) -> Path:
    """A download with one of several faults: a missing picture, boxes, missing numbers, a leak, nobody's labels."""
    shared = ToldPicture("frame_aaaaaaaaaaaaaaaa.jpg", [Told((1, 1, 30, 30), one(["Peace"]))], "framesdb")
    scenes = {
        "train": [
            shared,
            ToldPicture("gone.jpg", [Told((1, 1, 30, 30), one(["Fear"], (float("nan"), 5, 5)))]),
        ],
        "val": [shared],
        "test": [
            ToldPicture("a.jpg", [Told((-4, 1, 30, 30), one(["Fear"])), Told((9, 9, 5, 30), one(["Pain"]))]),
            ToldPicture("b.jpg", [Told((1, 1, 30, 30), [])]),
        ],
    }
    write.pictures(root / "emotic", scenes)
    (root / "emotic/mscoco/images/gone.jpg").unlink()
    write.mat(root / "Annotations/Annotations.mat", scenes)
    return root


def test_every_fault_is_counted(run: Run, tmp_path: Path) -> None:
    done = run("doctor", "--dataset", "emotic", "--root", faulty(tmp_path), "--json")
    assert done.code == 0, done.err
    said = json.loads(done.out)
    assert said["usable"] is True
    assert (said["layout"], said["variant"]) == ("mat", "PAMI mat")
    assert said["splits"]["test"] == {
        "people": 2,
        "pictures": 1,
        "with_labels": 2,
        "labels_each": 1.0,
        "with_vad": 2,
        "with_box": 1,
        "with_picture": 2,
    }
    assert {each["defect"]: each["count"] for each in said["findings"]} == {
        "missing_picture": 1,
        "box_clamped": 1,
        "box_unusable": 1,
        "unlabelled": 1,
        "vad_missing": 1,
        "leaked_picture": 1,
        "leaked_person": 1,
    }
    assert all(each["action"] for each in said["findings"])
    assert "https://" in said["access"]
    assert "research" in said["licence"]


def test_the_table_can_be_read(run: Run, tmp_path: Path) -> None:
    done = run("doctor", "--dataset", "emotic", "--root", faulty(tmp_path))
    assert done.code == 0
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert "train 2 2 2 1.00 1 2 2" in lines
    assert {"warnings", "notes", "to know", "usable"} <= set(lines)
    assert max(map(len, done.out.splitlines())) <= 80
    whole = " ".join(lines)
    assert "1 person without a category (such as mscoco/b_0): left out; --data unlabelled=keep" in whole


def test_options_of_the_dataset(run: Run, tmp_path: Path) -> None:
    words = ("doctor", "--dataset", "emotic", "--root", faulty(tmp_path), "--json")
    said = json.loads(run(*words, "--data", "unlabelled=keep", "--data", "leaked=leave_out").out)
    assert said["splits"]["test"]["people"] == 3
    assert said["splits"]["train"]["people"] == 1
    assert said["options"] == {"leaked": "leave_out", "unlabelled": "keep"}
    done = run(*words, "--data", "layot=mat")
    assert done.code == 2
    assert "layout" in done.err


def test_a_malformed_split_is_an_error_and_the_others_are_counted(run: Run, tmp_path: Path) -> None:
    write.tandon_csv(tmp_path, write.some_scenes())
    table = tmp_path / "val.csv"
    table.write_text(table.read_text().replace("'Fear', 'Pain'", "'Fear', 'Pian'"))
    done = run("doctor", "--dataset", "emotic", "--root", tmp_path, "--json")
    assert done.code == 1
    said = json.loads(done.out)
    assert said["usable"] is False
    assert set(said["splits"]) == {"train", "test"}
    assert len(said["errors"]) == 1
    assert "val.csv, row 2" in said["errors"][0]
    assert "Did you mean 'Pain'?" in said["errors"][0]
    assert "not usable" in run("doctor", "--dataset", "emotic", "--root", tmp_path).out


def test_usage(run: Run, tmp_path: Path) -> None:
    assert run("doctor", "--dataset", "emotic").code == 2
    assert run("doctor", "--root", tmp_path).code == 2
    unknown = run("doctor", "--dataset", "emotik", "--root", tmp_path)
    assert unknown.code == 2
    assert "Did you mean 'emotic'?" in unknown.err
    nothing = run("doctor", "--dataset", "emotic", "--root", tmp_path / "nowhere")
    assert nothing.code == 2
    assert "no such file or folder" in nothing.err
    assert run("doctor", "--dataset", "emotic", "--root", tmp_path).code == 2


def test_the_authors_label_file(run: Run, reference_data: Path) -> None:
    file = reference_data / "emotic-labels" / "gt_all.csv"
    said = json.loads(run("doctor", "--dataset", "emotic", "--root", file, "--json").out)
    counts = {
        split: (each["people"], each["pictures"], each["labels_each"])
        for split, each in said["splits"].items()
    }
    assert counts == {
        "train": (23_706, 17_077, 1.96),
        "val": (3_333, 2_089, 6.16),
        "test": (7_275, 4_386, 4.41),
    }
    found = {each["defect"]: each["count"] for each in said["findings"]}
    assert (found["leaked_picture"], found["leaked_person"]) == (383, 937)
