"""`emoscene models` and `emoscene doctor`."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Run


def test_list_shows_what_answers_and_what_is_here(run: Run) -> None:
    done = run("models", "list")
    assert done.code == 0
    words = {line.split()[0]: line for line in done.out.splitlines() if line.strip()}
    assert " yes " in words["llava-1.5-7b"]
    assert "not yet" in words["smolvlm-256m"]
    assert "not yet" in words["clip-vit-base"]
    assert "by path" in words["yunet"]
    assert all(len(line) <= 80 for line in done.out.splitlines())


def test_list_as_json(run: Run) -> None:
    rows = run("models", "list", "--json").rows
    assert {row["name"] for row in rows} >= {"embedded", "llava-1.5-7b", "minilm"}
    assert all(isinstance(row["here"], bool) for row in rows)


def test_card(run: Run) -> None:
    said = run("models", "card", "llava-emotic-adapters").out
    assert said.startswith("# llava-emotic-adapters\n")
    assert "none stated" in said
    assert "- answers now: not yet" in said


def test_card_of_an_unknown_model(run: Run) -> None:
    done = run("models", "card", "smolvlm-255m")
    assert done.code == 2
    assert "Did you mean 'smolvlm-256m'?" in done.err


def test_pull_without_a_network_is_clear_at_once(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    begin = time.monotonic()
    done = run("models", "pull", "smolvlm-256m")
    assert time.monotonic() - begin < 4
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert "cannot be reached" in line
    assert "--model" in line


def test_pull_of_single_files_says_where_they_are(run: Run) -> None:
    done = run("models", "pull", "yunet")
    assert done.code == 2
    assert "https://github.com/opencv/opencv_zoo" in done.err
    assert "EMOSCENE_FACE_DETECTOR" in done.err


def test_doctor_names_versions_extras_and_checks(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from emoscene.cli import doctor

    monkeypatch.setattr(doctor, "_embedded", lambda: "ok")
    done = run("doctor", "--json")
    said = json.loads(done.out)
    assert done.code == 0
    assert said["checks"] == {"pictures": "ok", "label spaces": "ok", "embedded model": "ok"}
    assert set(said["extras"]) == {"models", "text", "train", "report", "pandas"}
    assert "check pictures: ok" in run("doctor").out


def test_doctor_reports_a_fault(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from emoscene.cli import doctor

    monkeypatch.setattr(doctor, "_embedded", lambda: "it is broken")
    done = run("doctor")
    assert done.code == 1
    assert "check embedded model: it is broken" in done.out
