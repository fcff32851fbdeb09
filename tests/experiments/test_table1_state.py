"""Steps that remember what is finished, and captions that are kept as they come."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from experiments.table1.rows import keep_captions, kept_captions
from experiments.table1.state import read_step, step

from emoscene.errors import InputError, OptionError

_HERE = {"seed": 0, "people": {"test": 5}}


def test_a_finished_step_stays_finished(tmp_path: Path) -> None:
    with step(tmp_path / "a", _HERE) as now, now.phase("make"):
        assert not now.finished
    there = read_step(tmp_path / "a")
    assert there is not None
    assert there.finished
    assert there.sessions == 1
    with step(tmp_path / "a", _HERE) as again:
        assert again.finished
    assert again.sessions == 1


def test_a_step_that_was_cut_off_keeps_its_seconds(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), step(tmp_path, _HERE) as now, now.phase("make"):
        raise KeyboardInterrupt
    there = read_step(tmp_path)
    assert there is not None
    assert not there.finished
    now.seconds["make"] = 100.0
    now.write()
    with step(tmp_path, _HERE) as again, again.phase("make"):
        pass
    assert again.finished
    assert again.total >= 100
    assert again.sessions == 2


def test_an_error_of_emoscene_is_noted_and_raised_on(tmp_path: Path) -> None:
    with pytest.raises(InputError), step(tmp_path, _HERE):
        raise InputError("nothing here", value="x", remedy="Bring something.")
    there = read_step(tmp_path)
    assert there is not None
    assert not there.finished
    assert "Bring something." in there.error
    with step(tmp_path, _HERE):
        pass
    assert read_step(tmp_path).error == ""  # type: ignore[union-attr]


def test_a_step_of_another_table_is_refused(tmp_path: Path) -> None:
    with step(tmp_path, _HERE):
        pass
    with pytest.raises(OptionError, match="another size, seed"), step(tmp_path, {**_HERE, "seed": 1}):
        pass


def test_a_damaged_state_is_told(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{", "utf-8")
    with pytest.raises(InputError, match="no state"):
        read_step(tmp_path)
    assert read_step(tmp_path / "nowhere") is None


def test_captions_are_asked_for_once_also_after_a_kill(tmp_path: Path) -> None:
    asked: list[str] = []

    def tell(ids: Sequence[str]) -> list[str]:
        if "c" in ids and not asked[2:]:
            asked.extend(ids)
            raise KeyboardInterrupt
        asked.extend(ids)
        return [f"told of {name}" for name in ids]

    with pytest.raises(KeyboardInterrupt):
        keep_captions(tmp_path, "val", ["a", "b", "c", "d"], tell, at_once=2)
    with (tmp_path / "val.jsonl").open("a", encoding="utf-8") as stream:
        stream.write('{"id": "c", "capt')
    keep_captions(tmp_path, "val", ["a", "b", "c", "d"], tell, at_once=2)
    assert kept_captions(tmp_path, "val") == {name: f"told of {name}" for name in "abcd"}
    assert asked == ["a", "b", "c", "d", "c", "d"]
    lines = (tmp_path / "val.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["a", "b", "c", "d"]


def test_one_caption_a_person_is_demanded(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="zip"):
        keep_captions(tmp_path, "val", ["a", "b"], lambda ids: ["only one"])
