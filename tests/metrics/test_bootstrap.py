"""Bootstrap intervals against scipy and against what statistics says they must be."""

from __future__ import annotations

import math
import time

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from emoscene.metrics.bootstrap import (
    Resampling,
    bootstrap_ci,
    mean_ap_ci,
    paired_mean_ap_ci,
    row_weights,
)
from emoscene.metrics.ranking import mean_ap

Rows = npt.NDArray[np.intp]


def _scores(rows: int = 300, classes: int = 6) -> tuple[npt.NDArray[np.int_], npt.NDArray[np.float64]]:
    rng = np.random.default_rng(5)
    targets = (rng.random((rows, classes)) < 0.3).astype(int)
    return targets, targets + rng.normal(size=(rows, classes))


def test_the_interval_of_a_mean_equals_scipy_within_its_noise() -> None:
    values = np.random.default_rng(1).gamma(2.0, size=400)
    found = bootstrap_ci(lambda rows: float(values[rows].mean()), 400, rounds=4000)
    expected = stats.bootstrap(
        (values,), np.mean, n_resamples=4000, method="percentile", random_state=np.random.default_rng(2)
    )
    width = expected.confidence_interval.high - expected.confidence_interval.low
    assert found.low == pytest.approx(expected.confidence_interval.low, abs=0.05 * width)
    assert found.high == pytest.approx(expected.confidence_interval.high, abs=0.05 * width)
    assert found.sd == pytest.approx(expected.standard_error, rel=0.05)
    assert found.sd == pytest.approx(values.std() / math.sqrt(400), rel=0.06)


def test_rows_of_a_group_are_drawn_together() -> None:
    values = np.repeat(np.random.default_rng(3).normal(size=100), 4)
    groups = [f"picture {number}" for number in np.repeat(np.arange(100), 4)]
    for weights in row_weights(groups, rounds=5):
        assert (weights.reshape(100, 4) == weights[::4, None]).all()
        assert weights.sum() == 400

    def mean(rows: Rows) -> float:
        return float(values[rows].mean())

    together, apart = bootstrap_ci(mean, groups), bootstrap_ci(mean, 400)
    assert together.sd == pytest.approx(2 * apart.sd, rel=0.15)  # a quarter as many independent values


def test_groups_of_numpy_arrays_work_as_lists_do() -> None:
    ids = np.array([3, 3, 1, 2])
    from_array, from_list = row_weights(ids, 8), row_weights(ids.tolist(), 8)
    assert all((a == b).all() for a, b in zip(from_array, from_list, strict=True))


def test_the_seed_decides_and_the_level_widens() -> None:
    values = np.arange(50.0)

    def mean(rows: Rows) -> float:
        return float(values[rows].mean())

    assert bootstrap_ci(mean, 50) == bootstrap_ci(mean, 50)
    assert bootstrap_ci(mean, 50, seed=1) != bootstrap_ci(mean, 50)
    narrow, wide = bootstrap_ci(mean, 50, level=0.5), bootstrap_ci(mean, 50, level=0.99)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_the_mean_ap_interval_equals_the_one_over_row_numbers() -> None:
    targets, scores = _scores()
    groups = np.arange(300) // 3
    plan = Resampling(rounds=60, seed=4)
    fast = mean_ap_ci(targets, scores, groups, plan)
    slow = bootstrap_ci(lambda rows: mean_ap(targets[rows], scores[rows]).value, groups, rounds=60, seed=4)
    assert (fast.low, fast.high, fast.sd) == pytest.approx((slow.low, slow.high, slow.sd), abs=1e-12)
    assert fast.low < mean_ap(targets, scores).value < fast.high


def test_a_paired_interval_is_narrower_than_two_apart() -> None:
    targets, scores = _scores()
    other = scores + np.random.default_rng(6).normal(scale=0.1, size=scores.shape)
    plan = Resampling(rounds=200)
    paired = paired_mean_ap_ci(targets, (scores, other), None, plan)
    slow = bootstrap_ci(
        lambda rows: mean_ap(targets[rows], scores[rows]).value - mean_ap(targets[rows], other[rows]).value,
        300,
        rounds=200,
    )
    assert (paired.low, paired.high, paired.sd) == pytest.approx((slow.low, slow.high, slow.sd), abs=1e-12)
    assert paired.sd < 0.5 * mean_ap_ci(targets, scores, None, plan).sd
    same = paired_mean_ap_ci(targets, (scores, scores), None, plan)
    assert (same.low, same.high, same.sd) == (0.0, 0.0, 0.0)


def test_undefined_rounds_are_counted_and_left_out() -> None:
    targets = np.zeros((4, 1), dtype=int)
    targets[0] = 1
    found = mean_ap_ci(targets, np.arange(4.0)[:, None], None, Resampling(rounds=400))
    assert found.undefined == pytest.approx(400 * (3 / 4) ** 4, rel=0.2)
    assert found.reason is None
    assert 0.25 <= found.low <= found.high <= 1

    nothing = mean_ap_ci(np.zeros((4, 1)), np.zeros((4, 1)), None, Resampling(rounds=10))
    assert math.isnan(nothing.low)
    assert math.isnan(nothing.high)
    assert math.isnan(nothing.sd)
    assert nothing.undefined == 10
    assert nothing.reason == "the figure was undefined in every round"


def test_one_row_gives_a_point() -> None:
    found = bootstrap_ci(lambda rows: float(rows.size), 1, rounds=10)
    assert (found.low, found.high, found.sd) == (1.0, 1.0, 0.0)


def test_impossible_plans_are_refused() -> None:
    with pytest.raises(ValueError, match="rounds"):
        Resampling(rounds=0)
    with pytest.raises(ValueError, match="level"):
        Resampling(level=95)
    with pytest.raises(ValueError, match="at least one row"):
        bootstrap_ci(lambda rows: 0.0, 0)
    with pytest.raises(ValueError, match="at least one row"):
        bootstrap_ci(lambda rows: 0.0, [])
    with pytest.raises(ValueError, match="one group a row"):
        mean_ap_ci([[1], [0]], [[1.0], [0.0]], ["a"])


def test_a_thousand_people_in_a_thousand_rounds_take_seconds() -> None:
    targets, scores = _scores(1000, 26)
    started = time.process_time()
    mean_ap_ci(targets, scores, np.arange(1000) // 2, Resampling(rounds=1000))
    assert time.process_time() - started < 4.5
