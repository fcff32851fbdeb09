"""Command line tests run it in this process, with the stand-in recognizer registered."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from emoscene.cli import main
from tests import stand_in


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Outcome]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line and get its exit code, stdout and stderr."""
    stand_in.register(monkeypatch)
    monkeypatch.delenv("EMOSCENE_PERSON_DETECTOR", raising=False)
    monkeypatch.setenv("COLUMNS", "80")

    def run_it(*words: str | Path) -> Outcome:
        capsys.readouterr()
        code = main([str(word) for word in words])
        said = capsys.readouterr()
        return Outcome(code, said.out, said.err)

    return run_it


@pytest.fixture
def grey(tmp_path: Path) -> Path:
    """A picture of 120 x 80 pixels, dark on the left and light on the right."""
    pixels = np.full((80, 120, 3), 50, dtype=np.uint8)
    pixels[:, 60:] = 200
    path = tmp_path / "grey.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def dark(tmp_path: Path) -> Path:
    """A picture that the stand-in cannot answer."""
    path = tmp_path / "dark.png"
    Image.new("RGB", (40, 40)).save(path)
    return path


@pytest.fixture
def no_picture(tmp_path: Path) -> Path:
    """Text named .jpg."""
    path = tmp_path / "notes.jpg"
    path.write_text("no picture at all")
    return path
