"""`emoscene scenes make`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

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
