"""Permutation tests against every possible exchange, Holm by hand, and the number of people by simulation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoscene.metrics import testing
from emoscene.metrics.sets import SET_KEYS, SetTotals, set_metrics
from emoscene.metrics.testing import class_permutation_test, holm, people_needed, permutation_test


def _two(n: int, seed: int = 0, noise: float = 0.4) -> tuple[SetTotals, SetTotals]:
    rng = np.random.default_rng(seed)
    truth = rng.random((n, 3)) < 0.5
    a, b = truth ^ (rng.random((n, 3)) < 0.2), truth ^ (rng.random((n, 3)) < noise)
    return SetTotals.of(truth, a), SetTotals.of(truth, b)


def test_p_is_that_of_every_possible_exchange() -> None:
    rng = np.random.default_rng(1)
    truth = rng.random((8, 3)) < 0.5
    a, b = truth ^ (rng.random((8, 3)) < 0.1), truth ^ (rng.random((8, 3)) < 0.6)
    here = {key: set_metrics(truth, a).figures[key].value - set_metrics(truth, b).figures[key].value
            for key in SET_KEYS}  # fmt: skip
    larger = dict.fromkeys(SET_KEYS, 0)
    for swaps in itertools.product([False, True], repeat=8):
        swap = np.array(swaps)[:, None]
        first, second = np.where(swap, b, a), np.where(swap, a, b)
        one, two = set_metrics(truth, first).figures, set_metrics(truth, second).figures
        for key in SET_KEYS:
            larger[key] += abs(one[key].value - two[key].value) >= abs(here[key]) - 1e-12
    found = permutation_test(SetTotals.of(truth, a), SetTotals.of(truth, b), rounds=20_000)
    for key in SET_KEYS:
        assert found[key] == pytest.approx(larger[key] / 256, abs=0.015)


def test_p_is_uniform_where_nothing_differs() -> None:
    """Two systems of one quality: of 200 tests at 10 %, about 20 call them different."""
    p = [
        permutation_test(*_two(60, seed, 0.2), keys=("micro_f1",), rounds=199)["micro_f1"]
        for seed in range(200)
    ]
    assert 8 <= sum(value <= 0.1 for value in p) <= 34


def test_a_system_is_not_better_than_itself_and_a_good_one_is_better_than_a_bad_one() -> None:
    a, b = _two(200)
    assert set(permutation_test(a, a, rounds=50).values()) == {1.0}
    assert permutation_test(a, b, rounds=999)["macro_f1"] == pytest.approx(0.001)


def test_exchanges_do_not_depend_on_how_many_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = _two(30, noise=0.25)
    whole = permutation_test(a, b, rounds=77), class_permutation_test(a, b, rounds=77).tolist()
    monkeypatch.setattr(testing, "_HELD", 1)
    assert (permutation_test(a, b, rounds=77), class_permutation_test(a, b, rounds=77).tolist()) == whole


def test_a_class_that_nobody_carries_has_no_p() -> None:
    truth = np.array([[1, 0], [1, 0], [0, 0]])
    totals = SetTotals.of(truth, truth)
    p = class_permutation_test(totals, totals, rounds=9)
    assert p[0] == 1
    assert math.isnan(p[1])


def test_rounds_without_a_figure_never_make_a_difference_sure() -> None:
    truth = np.array([[1], [0]])
    a, b = SetTotals.of(truth, np.array([[1], [0]])), SetTotals.of(truth, np.array([[0], [1]]))
    assert permutation_test(a, b, keys=("micro_precision",), rounds=200)["micro_precision"] == 1.0


def test_what_cannot_be_tested_is_refused() -> None:
    a, b = _two(10)
    with pytest.raises(ValueError, match="same groups"):
        permutation_test(a, SetTotals.of(np.ones((3, 3)), np.ones((3, 3))))
    with pytest.raises(ValueError, match="rounds"):
        permutation_test(a, b, rounds=0)
    with pytest.raises(ValueError, match="at least one row"):
        permutation_test(*[SetTotals.of(np.zeros((0, 2)), np.zeros((0, 2)))] * 2)


def test_holm_by_hand() -> None:
    # Sorted 0.01 0.02 0.03 0.04, times 4 3 2 1 and never falling: 0.04 0.06 0.06 0.06.
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.5, float("nan"), 0.9]).tolist()[0] == 1.0
    assert np.isnan(holm([0.5, float("nan")])[1])
    assert holm([0.02, float("nan"), 0.5]).tolist()[0] == pytest.approx(0.04)
    assert holm([]).size == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_keeps_the_order_and_never_lowers(p: list[float]) -> None:
    adjusted = holm(p)
    assert (adjusted >= np.array(p) - 1e-15).all()
    assert (adjusted <= 1).all()
    order = np.argsort(p, kind="stable")
    assert (np.diff(adjusted[order]) >= 0).all()
    bonferroni = np.minimum(np.array(p) * len(p), 1)
    assert (adjusted <= bonferroni + 1e-15).all()


def test_so_many_people_see_the_difference_four_times_of_five() -> None:
    """A paired difference of mean 0.1 and deviation 1 a person."""
    sd_of_1000 = 1 / math.sqrt(1000)
    n = people_needed(0.1, sd_of_1000, 1000)
    assert n == 785  # (1.959964 + 0.841621)^2 / 0.1^2
    rng = np.random.default_rng(0)
    z = rng.normal(0.1, 1, (2000, n)).mean(axis=1) * math.sqrt(n)
    assert (np.abs(z) > 1.959964).mean() == pytest.approx(0.8, abs=0.03)
    assert people_needed(0.1, float("nan"), 10) is None
    assert people_needed(0.1, 0.0, 10) is None
    assert people_needed(1e-200, 0.1, 100) is None
    with pytest.raises(ValueError, match="above 0"):
        people_needed(0, 0.1, 10)
    with pytest.raises(ValueError, match="above 0"):
        people_needed(math.nan, 0.1, 10)
