"""`emoscene scenes make` and `sheet`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import Run


@pytest.mark.slow
def test_scenes_are_drawn_and_the_gates_printed(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "scenes"
    done = run("scenes", "make", "--people", "4", "--seed", "5", "--out", out, "--workers", "1")
    assert done.code == 0, done.err
    lines = {line.split()[0]: line for line in done.out.splitlines() if line}
    assert lines["picture"].split()[2] == "1.000"
    for reader in ("context", "face_pose", "others"):
        assert lines[reader].endswith("holds")
    rows = [json.loads(line) for path in out.glob("*.jsonl") for line in path.read_text().splitlines()]
    assert len(rows) == 4
    assert list((out / "images").iterdir())
    again = run("scenes", "make", "--people", "4", "--seed", "5", "--out", out, "--json")
    assert again.rows[0]["request"]["seed"] == 5


def test_splits_are_chosen_by_name_with_a_share_where_one_is_given(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "scenes"
    done = run(
        "scenes", "make", "--people", "10", "--out", out, "--workers", "1",
        "--splits", "test, conflict=0.2,two_people=0.2",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert {path.stem for path in out.glob("*.jsonl")} == {"test", "conflict", "two_people"}
    counts = {line.split()[0]: line.split()[1] for line in done.out.splitlines() if " people, " in line}
    assert counts == {"test": "2", "conflict": "4", "two_people": "4"}


@pytest.mark.parametrize(("splits", "told"), [("test,dev", "no such split"), ("test=much", "share")])
def test_a_wrong_split_is_told(run: Run, tmp_path: Path, splits: str, told: str) -> None:
    done = run("scenes", "make", "--people", "4", "--out", tmp_path / "s", "--splits", splits)
    assert done.code == 2
    assert told in done.err


def test_a_contact_sheet_is_a_picture(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "sheet.png"
    assert run("scenes", "sheet", "--split", "conflict", "--people", "3", "--out", file).code == 0
    with Image.open(file) as sheet:
        assert sheet.size[0] > 900
    for wrong in (tmp_path / "sheet.jpg", tmp_path / "nowhere" / "sheet.png"):
        assert run("scenes", "sheet", "--split", "conflict", "--out", wrong).code == 2
