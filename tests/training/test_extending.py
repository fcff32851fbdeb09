"""A recipe that extends another."""

from __future__ import annotations

from pathlib import Path

import pytest

from emoscene.errors import MissingFileError, OptionError
from emoscene.training.recipe import read_recipe
from emoscene.training.tuning_recipe import Recipe

BASE = """\
kind: lora
model: nowhere
data: {dataset: emotic, root: EMOTIC, train: train}
schedule: {epochs: 2, batch: 8}
"""


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, "utf-8")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(name: str, *changes: str) -> Recipe:
    found = read_recipe(name, changes)
    assert isinstance(found, Recipe)
    return found


def test_own_fields_stand_over_those_that_are_extended(here: Path) -> None:
    write(here, base=BASE)
    write(here, middle="extends: base.yaml\ndata: {train: val}\nschedule: {epochs: 4}\n")
    write(here, top="extends: middle.yaml\nmodel: elsewhere\n")
    top = read("top.yaml", "schedule.batch=3")
    assert (top.model, top.data.train, top.data.root) == ("elsewhere", "val", "EMOTIC")
    assert (top.schedule.epochs, top.schedule.batch) == (4, 3)
    assert (read("base.yaml").schedule.epochs, read("middle.yaml").schedule.batch) == (2, 8)


def test_a_circle_is_refused(here: Path) -> None:
    write(here, a="extends: b.yaml\n", b="extends: a.yaml\n")
    with pytest.raises(OptionError, match="extends itself"):
        read_recipe("a.yaml")


def test_what_is_extended_must_be_there(here: Path) -> None:
    write(here, a="extends: nobody\n")
    with pytest.raises(MissingFileError, match="no recipe of this name"):
        read_recipe("a.yaml")
