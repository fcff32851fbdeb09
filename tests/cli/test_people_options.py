"""--people with --detector and --detect: which detector, who counts, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Outcome, Run

MODEL = ("-m", "brightness", "--json")


@pytest.fixture
def weights(reference_data: Path) -> Path:
    return reference_data / "weights"


@pytest.fixture
def group(reference_data: Path) -> Path:
    return reference_data / "photos/group.jpeg"


def assert_explained(done: Outcome, *words: str) -> None:
    assert (done.code, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert line.startswith("error: ")
    for word in words:
        assert word in line


def test_a_detector_and_who_counts(run: Run, weights: Path, group: Path) -> None:
    detector = weights / "person-detector-fastestdet/FastestDet.onnx"
    common = ("analyze", group, "--people", "all", "--detector", detector, *MODEL)
    assert len(run(*common).rows) == 5
    surer = run(*common, "--detect", "score=0.8")
    assert len(surer.rows) == 3
    assert surer.rows[0]["warnings"] == []
    most = run(*common, "--detect", "most=2")
    assert len(most.rows) == 2
    assert most.rows[0]["warnings"] == ["only the 2 most confident of 5 people are answered for"]
    assert most.rows[1]["warnings"] == []
    assert len(run(*common, "--detect", "score=0.3", "--detect", "overlap=0.9").rows) > 9
    small = run(*common, "--detect", "min-side=2000")
    assert small.code == 1
    assert [row["status"] for row in small.rows] == ["no_person"]


def test_faces_taken_as_people_are_said_in_every_row(run: Run, weights: Path, group: Path) -> None:
    faces = weights / "face-detector-yunet/yunet_n_640_640.onnx"
    done = run("analyze", group, "--people", "all", "--detector", faces, *MODEL)
    assert len(done.rows) == 5
    for row in done.rows:
        assert row["warnings"] == ["the detector finds faces only: the box is a face, not a whole person"]


def test_catalogue_names_mean_the_file_that_is_here(
    run: Run, weights: Path, group: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EMOSCENE_FACE_DETECTOR", raising=False)
    common = ("analyze", group, "--people", "largest", *MODEL)
    assert_explained(run(*common, "--detector", "yunet"), "EMOSCENE_FACE_DETECTOR")
    monkeypatch.setenv("EMOSCENE_FACE_DETECTOR", str(weights / "face-detector-yunet/yunet_n_640_640.onnx"))
    (row,) = run(*common, "--detector", "yunet").rows
    assert row["box"][0] == pytest.approx(949, abs=1)


def test_what_cannot_be_used(run: Run, grey: Path, tmp_path: Path) -> None:
    people = ("analyze", grey, "--people", "all", *MODEL)
    assert_explained(run(*people), "--detector", "EMOSCENE_PERSON_DETECTOR")
    assert_explained(run("analyze", grey, "--detector", "x.onnx", *MODEL), "--people")
    assert_explained(run("analyze", grey, "--detect", "score=1", *MODEL), "--people")
    assert_explained(run(*people, "--detector", "nowhere.onnx"), "no detector here", "nowhere.onnx")
    assert_explained(run(*people, "--detector", "nothing"), "no file, folder or known model")
    assert_explained(run(*people, "--detector", tmp_path / "empty"), "no file, folder or known model")
    assert_explained(run(*people, "--detector", grey), "none of the detectors")
    assert_explained(run(*people, "--detect", "scor=1"), "'score'")
    assert_explained(run(*people, "--detect", "score"), "KEY=VALUE")
    assert_explained(run(*people, "--detect", "score=2"), "from 0 to 1")
