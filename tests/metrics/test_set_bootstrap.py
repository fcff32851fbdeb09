"""Intervals by counts against plain loops over the same draws, and against scipy's bootstrap."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from emoscene.metrics import set_bootstrap
from emoscene.metrics.interval import Resampling, bca_interval, percentile_interval
from emoscene.metrics.set_bootstrap import class_intervals, draws, paired_set_intervals, set_intervals
from emoscene.metrics.sets import SET_KEYS, SetTotals, set_metrics

PLAN = Resampling(rounds=60, seed=3)


def _people(seed: int = 0, n: int = 50, k: int = 4) -> tuple[Any, Any, Any, list[int]]:
    rng = np.random.default_rng(seed)
    truth = rng.random((n, k)) < 0.4
    first = truth ^ (rng.random((n, k)) < 0.2)
    second = truth ^ (rng.random((n, k)) < 0.4)
    return truth, first, second, [int(g) for g in rng.integers(0, 20, n)]


def _loop(truth: Any, chosen: Any, groups: list[int], plan: Resampling) -> dict[str, list[float]]:
    """Round by round: people of the drawn groups are gathered one by one and scored from the start."""
    order = list(dict.fromkeys(groups))
    members = [[i for i, g in enumerate(groups) if g == group] for group in order]
    found: dict[str, list[float]] = {key: [] for key in SET_KEYS}
    for weights in draws(len(order), plan, held=1000):
        for counts in weights:
            rows = [
                i for place, count in enumerate(counts) for _ in range(int(count)) for i in members[place]
            ]
            for key, figure in set_metrics(truth[rows], chosen[rows]).figures.items():
                found[key].append(figure.value)
    return found


def test_intervals_by_counts_are_those_of_the_loop() -> None:
    truth, first, _, groups = _people()
    ours = set_intervals(SetTotals.of(truth, first, groups), PLAN)
    for key, values in _loop(truth, first, groups, PLAN).items():
        expected = percentile_interval(values, PLAN)
        assert (ours[key].low, ours[key].high) == pytest.approx((expected.low, expected.high), abs=1e-12)
        assert ours[key].sd == pytest.approx(expected.sd, abs=1e-12)


def test_paired_intervals_draw_the_same_people_for_both() -> None:
    truth, first, second, groups = _people()
    a, b = SetTotals.of(truth, first, groups), SetTotals.of(truth, second, groups)
    ours = paired_set_intervals(a, b, PLAN)
    loop_a, loop_b = _loop(truth, first, groups, PLAN), _loop(truth, second, groups, PLAN)
    for key in SET_KEYS:
        expected = percentile_interval(np.subtract(loop_a[key], loop_b[key]), PLAN)
        assert (ours[key].low, ours[key].high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    same = paired_set_intervals(a, a, PLAN)
    assert {(i.low, i.high) for i in same.values()} == {(0.0, 0.0)}
    with pytest.raises(ValueError, match="same groups"):
        paired_set_intervals(a, SetTotals.of(truth, second), PLAN)


def test_draws_do_not_depend_on_how_many_are_held() -> None:
    one = np.concatenate(list(draws(37, PLAN, held=1)))
    many = np.concatenate(list(draws(37, PLAN, held=10**6)))
    assert (one == many).all()
    assert one.shape == (60, 37)
    assert (one.sum(axis=1) == 37).all()
    assert not (one == np.concatenate(list(draws(37, Resampling(60, seed=4), held=1000)))).all()


def test_a_group_is_drawn_whole() -> None:
    """Five pictures of ten like people hold less than fifty people alone: the interval is wider."""
    truth = np.repeat([[1], [0], [1], [0], [1]], 10, axis=0)
    chosen = np.repeat([[1], [1], [1], [0], [0]], 10, axis=0)
    plan = Resampling(2000, seed=0)
    groups = [i // 10 for i in range(50)]
    grouped = set_intervals(SetTotals.of(truth, chosen, groups), plan)["hamming"]
    alone = set_intervals(SetTotals.of(truth, chosen), plan)["hamming"]
    assert grouped.sd > 2.5 * alone.sd


def test_class_intervals_leave_out_rounds_in_which_a_class_is_undefined() -> None:
    truth = np.zeros((30, 2), dtype=bool)
    truth[0, 0] = truth[:15, 1] = True
    found = class_intervals(SetTotals.of(truth, truth), Resampling(200))
    assert 0 < found[0].undefined < 200
    assert (found[1].low, found[1].high, found[1].undefined) == (1.0, 1.0, 0)


def test_bca_is_scipys() -> None:
    rng = np.random.default_rng(5)
    hits = rng.random(80) < 0.15
    truth = np.ones((80, 1), dtype=bool)
    plan = Resampling(4000, seed=1)
    totals = SetTotals.of(truth, hits[:, None])
    ours = set_intervals(totals, plan, keys=("subset_accuracy",), method="bca")["subset_accuracy"]
    theirs = stats.bootstrap(
        (hits.astype(float),), np.mean, n_resamples=4000, method="BCa", rng=np.random.default_rng(1)
    ).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.015)
    plain = set_intervals(totals, plan, keys=("subset_accuracy",))["subset_accuracy"]
    assert (ours.low, ours.high) != (plain.low, plain.high)


def test_bca_on_given_rounds_is_scipys_formula() -> None:
    """The same rounds through both formulas, so that nothing but rounding may differ."""
    rng = np.random.default_rng(2)
    sample = rng.exponential(size=40)
    resampled = np.array([rng.choice(sample, 40).mean() for _ in range(999)])
    left_out = np.array([np.delete(sample, i).mean() for i in range(40)])
    ours = bca_interval(resampled, Resampling(999), float(sample.mean()), left_out)
    z0 = stats.norm.ppf(np.mean(resampled < sample.mean()))
    d = left_out.mean() - left_out
    a = (d**3).sum() / (6 * (d**2).sum() ** 1.5)
    ends = [stats.norm.cdf(z0 + (z0 + z) / (1 - a * (z0 + z))) for z in stats.norm.ppf([0.025, 0.975])]
    assert (ours.low, ours.high) == pytest.approx(tuple(np.quantile(resampled, ends)))


def test_where_nothing_varies_bca_is_the_percentile_interval() -> None:
    found = bca_interval([0.5, 0.5, 0.5], Resampling(3), 0.5, [0.5, 0.5])
    assert (found.low, found.high) == (0.5, 0.5)
    undefined = bca_interval([float("nan")] * 3, Resampling(3), float("nan"), [])
    assert undefined.undefined == 3
    assert undefined.reason is not None


def test_nobody_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        set_intervals(SetTotals.of(np.zeros((0, 2)), np.zeros((0, 2))), PLAN)


def test_chunks_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    truth, first, _, groups = _people()
    totals = SetTotals.of(truth, first, groups)
    whole = set_intervals(totals, PLAN)
    monkeypatch.setattr(set_bootstrap, "_HELD", 1)
    for key, interval in set_intervals(totals, PLAN).items():
        assert (interval.low, interval.high) == pytest.approx((whole[key].low, whole[key].high), abs=1e-12)


def test_an_interval_says_how_it_was_found() -> None:
    """An estimate outside of all rounds cannot be corrected for; that is said, not hidden."""
    rounds = [1.0, 2.0, 3.0, 4.0]
    plan = Resampling(4)
    assert bca_interval(rounds, plan, 2.5, [1.0, 2.0, 3.5]).method == "bca"
    outside = bca_interval(rounds, plan, 9.0, [1.0, 2.0, 3.5])
    assert outside == percentile_interval(rounds, plan)
    assert outside.method == "percentile"


def test_an_unknown_method_is_refused_before_a_round_is_drawn() -> None:
    truth, first, second, _ = _people()
    a, b = SetTotals.of(truth, first), SetTotals.of(truth, second)
    with pytest.raises(ValueError, match="percentile, bca, not 'BCA'"):
        set_intervals(a, PLAN, method="BCA")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not 'BCA'"):
        paired_set_intervals(a, b, PLAN, method="BCA")  # type: ignore[arg-type]
