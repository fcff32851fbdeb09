"""`emoscene train`: what goes to stdout, what is refused, and a run that `--model` finds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import Run
from tests.training.people import save_base, told_people

pytest.importorskip("torch")
pytest.importorskip("peft")


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    content = {
        "kind": "lora",
        "model": str(save_base(tmp_path / "base", "language")),
        "data": {
            "dataset": "table",
            "root": str(told_people(tmp_path / "data", train=4, val=2)),
            "options": {"space": "ekman"},
        },
        "target": {"answer": "yes_no"},
    }
    file = tmp_path / "recipe.yaml"
    file.write_text(yaml.safe_dump(content), "utf-8")
    return file


def test_a_dry_run_shows_the_whole_recipe_and_what_was_found(run: Run, recipe: Path) -> None:
    done = run("train", recipe, "--dry-run", "--set", "schedule.epochs=7")
    assert done.code == 0
    assert "epochs: 7" in done.err
    assert "rank: 16" in done.err
    (found,) = done.rows
    assert found["rehearsal"]["train"] == 4
    assert found["data"]["train"]["people"] == 4


def test_a_run_prints_its_log_and_is_a_model(run: Run, recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = run("train", recipe, "--out", out, "--set", "schedule.steps=2", "--set", "schedule.log_every=1")
    assert done.code == 0
    assert [line["step"] for line in done.rows] == [0, 1, 1, 2, 2]
    kept = [json.loads(line) for line in (out / "log.jsonl").read_text("utf-8").splitlines()]
    assert done.rows == kept
    assert "loss" in done.err
    asked = run("analyze", "--text", "yes yes", "--model", out, "--labels", "ekman", "--json")
    assert asked.code == 0
    assert asked.rows[0]["model"] == "fine-tuned"


def test_a_run_needs_a_folder_and_fields_that_there_are(run: Run, recipe: Path) -> None:
    done = run("train", recipe)
    assert done.code == 2
    assert "--out DIR" in done.err
    done = run("train", recipe, "--dry-run", "--set", "schedule.nonsense=1")
    assert done.code == 2
    assert "schedule.nonsense" in done.err
