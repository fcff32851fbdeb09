"""The benchmark of scoring writes a real run and scores it."""

from __future__ import annotations

import json

import pytest

from benchmarks import scoring


def test_it_runs_small(capsys: pytest.CaptureFixture[str]) -> None:
    assert scoring.main(["--people", "60", "--rounds", "10", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["people"] == 60
    assert found["scoring_seconds"] == pytest.approx(found["read_seconds"] + found["figures_seconds"])
    assert scoring.main(["--people", "60", "--rounds", "10"]) == 0
    assert "scoring, both" in capsys.readouterr().out
