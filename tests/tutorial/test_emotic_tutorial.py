"""The tutorial's commands, one after the other, on a miniature of EMOTIC with a tiny model of the real architecture.

Only the model's name is another, and where recipes look for it; paths are as on the page, below a folder of the test.
The first training is killed, so that the second, which the page gives again, has to go on.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from emoscene.catalogue.entry import known
from emoscene.cli import main
from emoscene.training.recipe import read_recipe
from tests.tiny_llava import save_tiny_llava
from tests.tutorial.page import Typed, typed

PAGE = Path(__file__).resolve().parents[2] / "docs" / "emotic-tutorial.md"
MODEL = "llava-1.5-7b"
#: What a machine without a network cannot do.
NOT_RUN = {"pip install", "emoscene models"}


def everything() -> list[Typed]:
    return list(typed(PAGE))


def is_training(command: Typed) -> bool:
    return command.words[:2] == ["emoscene", "train"] and "--dry-run" not in command.words


def substituted(words: list[str], model: Path) -> list[str]:
    """The command with the tiny model in place of the page's."""
    changed = [str(model) if word == MODEL else word for word in words]
    return [*changed, "--set", f"model={model}"] if words[:2] == ["emoscene", "train"] else changed


def test_only_what_needs_a_network_is_not_run() -> None:
    left_out = [each for each in everything() if not each.run]
    assert left_out
    assert {" ".join(each.words[:2]) for each in left_out} <= NOT_RUN
    assert all(known(each.words[-1]) for each in left_out if each.words[:2] == ["emoscene", "models"])


def test_the_training_stands_there_twice_word_for_word() -> None:
    first, second, other = (
        each.text for each in everything() if each.kind == "console" and is_training(each)
    )
    assert first == second != other


@pytest.mark.slow
def test_every_command_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    model = save_tiny_llava(tmp_path / "tiny")
    killed = False
    said: dict[str, str] = {}
    for command in everything():
        if not command.run:
            continue
        if command.kind == "python" or command.words[0] == "python":
            run_python(command, tmp_path)
            continue
        words = substituted(command.words, model)
        if is_training(command) and not killed:
            run_until_killed(words, tmp_path)
            killed = True
            continue
        code = main(words[1:])
        told = capsys.readouterr()
        # What a tiny model writes is no list that can be read: those rows are `unparsed`.
        allowed = {0, 1} if "runs/llava-val-aug" in words else {0}
        assert code in allowed, f"{command.text}\n{told.err}"
        said[command.text] = told.out
    assert killed
    check_the_end(tmp_path, said)


def run_python(command: Typed, folder: Path) -> None:
    words = command.words[1:] if command.kind == "console" else ["-c", command.text]
    done = subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def run_until_killed(words: list[str], folder: Path) -> None:
    """Start the training, and kill it when it has taken its first steps."""
    code = "import sys; from emoscene.cli import main; sys.exit(main(sys.argv[1:]))"
    out = folder / words[words.index("--out") + 1]
    with (folder / "killed.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *words[1:]], cwd=folder, stdout=log, stderr=log, env=os.environ
        )
        try:
            deadline = time.monotonic() + 600
            while not any((out / "checkpoints").glob("*")) and process.poll() is None:
                assert time.monotonic() < deadline, (folder / "killed.log").read_text()
                time.sleep(0.05)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    assert process.returncode == -signal.SIGKILL, (folder / "killed.log").read_text()


def check_the_end(folder: Path, said: dict[str, str]) -> None:
    """The trained model is there with all that the page promises, and the report shows every run."""
    run = folder / "runs" / "llava"
    manifest: dict[str, Any] = json.loads((run / "manifest.json").read_text())
    assert manifest["finished"] is True
    assert len(manifest["sessions"]) == 2
    promised = re.findall(r"^\| `([\w.]+/?)` \|", PAGE.read_text("utf-8"), re.M)
    assert {"model/", "MODEL_CARD.md"} <= set(promised)
    assert all((run / name).exists() for name in promised)
    report = (folder / "report" / "report.md").read_text("utf-8")
    assert "PAMI mat" in report
    runs = {each.name for each in (folder / "runs").iterdir() if (each / "rows.jsonl").is_file()}
    asked = {"test-majority", "test-zero-shot", "test-llava", "test-llava-val-aug", "val-llava"}
    assert runs == asked
    assert (folder / "rules.json").is_file()
    assert any("annotations" in text or "layout mat" in text for text in said.values())


def test_recipes_that_the_page_names_ship() -> None:
    named = {each.words[2] for each in everything() if each.kind == "console" and each.words[1] == "train"}
    assert {"emotic-llava-1.5-7b-scores", "emotic-llava-1.5-7b-val-aug"} == named
    assert all(read_recipe(name) for name in named)
