"""The benchmark of intervals compares what it says it compares."""

from __future__ import annotations

import json
from random import Random

import numpy as np
import pytest

from benchmarks import bootstrap
from emoscene.metrics.sets import set_metrics


def test_the_plain_round_scores_as_the_package_does() -> None:
    rng = np.random.default_rng(0)
    truth, chosen = (rng.random((30, 5)) < 0.4 for _ in range(2))
    drawn = rng.integers(0, 30, 30).tolist()
    plain = bootstrap.plain_round(truth.astype(int).tolist(), chosen.astype(int).tolist(), drawn)
    figures = set_metrics(truth[drawn], chosen[drawn]).figures
    assert plain == pytest.approx([figures[key].value for key in bootstrap.KEYS])


def test_the_papers_round_scores_what_it_draws() -> None:
    """With everybody alike, whatever is drawn gives one result."""
    names, labels = ["a", "b", "c"], ["anger", "fear", "peace"]
    known, said = {name: ["anger", "fear"] for name in names}, dict.fromkeys(names, "anger, peace")
    found = bootstrap.paper_round(names, known, said, labels, Random(0))
    assert found == pytest.approx((1 / 3, 1 / 3, 1 / 3, 2 / 3, 0))


def test_it_runs_small_and_says_what_is_extrapolated(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--rounds", "50", "--loop-rounds", "1", "--repeat", "1", "--check", "10"]
    bootstrap.main([*words, "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["people"] == 7275
    assert bootstrap.same(found)
    assert any("extrapolated from 1 rounds" in line for line in bootstrap.lines(found))


def test_a_differing_interval_is_noticed() -> None:
    ends = {"checked": [0.1, 0.2], "loop": [0.1, 0.2001]}
    assert not bootstrap.same({"intervals": {"macro_f1": ends}})
