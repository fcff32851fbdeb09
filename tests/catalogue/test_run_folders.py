"""Folders of models that emoscene trained say how they are asked; what is said by hand wins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from emoscene.catalogue.choosing import resolve
from emoscene.errors import ModelFilesError, ModelNotHereError


def write_run(folder: Path, **changes: Any) -> Path:
    """A finished run without weights."""
    (folder / "model").mkdir(parents=True)
    (folder / "base").mkdir()
    note = {
        "format": 1,
        "recognizer": "vlm",
        "options": {"model": str(folder / "base"), "adapter": "./", "mode": "score", "point": "crop"},
        "name": "mine",
        **changes,
    }
    (folder / "model" / "emoscene-run.json").write_text(json.dumps(note), "utf-8")
    return folder


def test_the_run_and_its_model_are_the_same_choice(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    for spec in (run, run / "model"):
        choice = resolve(spec)
        assert choice.recognizer == "vlm"
        assert choice.title == "mine"
        assert choice.options == {
            "model": str(run / "base"),
            "adapter": str(run / "model"),
            "mode": "score",
            "point": "crop",
        }


def test_options_given_by_hand_win(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    choice = resolve(run, mode="answer", model=str(tmp_path))
    assert choice.options["mode"] == "answer"
    assert choice.options["model"] == str(tmp_path)
    assert choice.options["point"] == "crop"


def test_a_base_that_went_away_is_asked_for(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    (run / "base").rmdir()
    with pytest.raises(ModelNotHereError, match="-o model=FOLDER"):
        resolve(run)
    assert resolve(run, model=str(tmp_path)).options["model"] == str(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [{"format": 2}, {"recognizer": "os.system"}, {"options": "x"}, {"options": {"adapter": "./../.."}}],
)
def test_a_note_that_cannot_be_used_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(ModelFilesError, match=r"emoscene-run\.json"):
        resolve(write_run(tmp_path / "run", **changes))


def test_a_run_that_is_not_finished_says_so(tmp_path: Path) -> None:
    for name in ("recipe.yaml", "manifest.json"):
        (tmp_path / name).write_text("{}", "utf-8")
    with pytest.raises(ModelNotHereError, match="has not finished training"):
        resolve(tmp_path)
