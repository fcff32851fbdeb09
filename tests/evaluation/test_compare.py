"""Two runs on the same people: differences have the right sign, size and certainty."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emoscene.errors import OptionError
from emoscene.evaluation.compare import compare, compare_runs
from emoscene.evaluation.score import Settings, run_table, score
from tests.evaluation.people import made_run

HOW = Settings(rounds=300)


def test_a_better_model_is_found_better(tmp_path: Path) -> None:
    good, bad = made_run(tmp_path / "good", people=120), made_run(tmp_path / "bad", people=120, noise=0.9)
    found = compare_runs(good, bad, HOW)
    for key in ("macro_f1", "micro_f1", "mean_ap"):
        difference = found.figures[key]
        assert difference.value > 0
        assert 0 < difference.interval.low < difference.value < difference.interval.high
    assert found.figures["hamming"].interval.high < 0
    assert found.figures["macro_f1"].p == pytest.approx(1 / 301)
    needed = found.figures["macro_f1"].people_for_this
    assert needed is not None
    assert needed < 120
    one, two = (score(run_table(each)).figures["macro_f1"].value for each in (good, bad))
    assert found.figures["macro_f1"].value == pytest.approx(one - two)
    back = compare_runs(bad, good, HOW).figures["macro_f1"]
    assert back.value == pytest.approx(-found.figures["macro_f1"].value)
    assert back.interval.low == pytest.approx(-found.figures["macro_f1"].interval.high)


def test_a_model_does_not_differ_from_itself(tmp_path: Path) -> None:
    made = made_run(tmp_path / "run")
    found = compare_runs(made, made, HOW)
    for difference in found.figures.values():
        assert difference.value == difference.interval.low == difference.interval.high == 0
    assert found.figures["macro_f1"].people_for_a_point is None
    assert found.to_json()["figures"]["mean_ap"]["p_reason"]
    assert {row["p_holm"] for row in found.per_class.values() if row["p"] == row["p"]} == {1.0}
    assert any("No label's F1 differs" in line for line in found.lines())


def test_it_is_json_and_fits_80_columns(tmp_path: Path) -> None:
    good, bad = made_run(tmp_path / "good"), made_run(tmp_path / "bad", noise=0.9, refuse=True)
    found = compare_runs(good, bad, HOW)
    said = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert said["figures"]["macro_f1"]["people_needed"]["one_point"] > 0
    assert len(said["per_class"]) == 26
    assert all(len(line) <= 80 for line in found.lines() if not line.startswith("To see"))
    assert any("bad" in warning and "not answered" in warning for warning in said["warnings"])


def test_few_rounds_can_still_tell_labels_apart(tmp_path: Path) -> None:
    """Corrected for 26 labels, p of 50 exchanges could never be below 0.5: the test of labels makes more."""
    good, bad = made_run(tmp_path / "good", people=120), made_run(tmp_path / "bad", people=120, noise=0.9)
    found = compare_runs(good, bad, Settings(rounds=50))
    assert any("Labels whose F1 differs" in line for line in found.lines())


def test_other_people_are_not_compared(tmp_path: Path) -> None:
    one, two = made_run(tmp_path / "one"), made_run(tmp_path / "two", people=38)
    with pytest.raises(OptionError, match="not about the same people"):
        compare_runs(one, two, HOW)
    val = made_run(tmp_path / "val", split="val")
    with pytest.raises(OptionError, match="not about the same people"):
        compare_runs(one, val, HOW)
    assert compare(run_table(one), run_table(one), HOW).names == ("first", "second")
