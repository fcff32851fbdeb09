"""Calibrators against scikit-learn and scipy, on random and on degenerate labels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.optimize import minimize
from sklearn.calibration import _SigmoidCalibration
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import average_precision_score, log_loss

from emoscene.scoring.calibrators import (
    CALIBRATIONS,
    Sigmoid,
    Staircase,
    feature_of,
    fit_isotonic,
    fit_maps,
    fit_sigmoids,
    odds,
)
from emoscene.types import ScoreKind

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def _people(seed: int, n: int = 400, share: float = 0.3, signal: float = 1.5) -> tuple[Floats, Bools]:
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < share
    return rng.normal(size=n) + signal * truth, truth


def _alone(x: Floats, truth: Bools) -> Sigmoid:
    """The sigmoid of one label with a slope of its own."""
    return fit_sigmoids(x[:, None], truth[:, None], np.array([True]), np.array([True]))[0][0]


# --- Platt ---


@pytest.mark.parametrize(
    ("share", "signal", "shift", "scale"), [(0.3, 1.5, 0, 1), (0.02, 2, -8, 3), (0.9, 0.5, 0, 0.01)]
)
def test_platt_is_scikit_learns(share: float, signal: float, shift: float, scale: float) -> None:
    x, truth = _people(1, 3000, share, signal)
    x = x * scale + shift
    theirs = _SigmoidCalibration().fit(x, truth.astype(float))
    mine = _alone(x, truth)
    np.testing.assert_allclose(mine(x, "score"), theirs.predict(x), atol=2e-4)

    def smoothed_loss(slope: float, bias: float) -> float:
        p, m = truth.sum(), (~truth).sum()
        targets = np.where(truth, (p + 1) / (p + 2), 1 / (m + 2))
        logits = slope * x + bias
        return float((np.logaddexp(0, logits) - targets * logits).sum())

    # Both minimise one function: whoever is lower is right.
    assert smoothed_loss(mine.slope, mine.bias) <= smoothed_loss(-theirs.a_, -theirs.b_) + 1e-9


def test_separable_labels_have_a_finite_slope() -> None:
    truth = np.arange(200) >= 150
    x = np.linspace(-1, 1, 200)
    mine = _alone(x, truth)
    theirs = _SigmoidCalibration().fit(x, truth.astype(float))
    np.testing.assert_allclose(mine(x, "score"), theirs.predict(x), atol=1e-3)
    assert 0 < mine.slope < 1e4


@pytest.mark.parametrize("shift", [0.0, 1e6])
@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_platt_does_not_depend_on_the_unit_of_the_scores(shift: float, scale: float) -> None:
    x, truth = _people(2)
    expected = _alone(x, truth)(x, "score")
    moved = x * scale + shift * scale
    np.testing.assert_allclose(_alone(moved, truth)(moved, "score"), expected, atol=1e-7)


def test_scores_worse_than_chance_are_flattened_to_the_smoothed_share_not_turned_round() -> None:
    x, truth = _people(3, signal=-1.0)
    maps, notes = fit_maps(x[:, None], truth[:, None], "platt", "score", rare=10)
    assert isinstance(maps[0], Sigmoid)
    assert maps[0].slope == 0
    assert notes == [["scores worse than chance: slope held at 0"]]
    p, n = truth.sum(), len(truth)
    targets = (p * (p + 1) / (p + 2) + (n - p) / (n - p + 2)) / n
    assert maps[0](x, "score") == pytest.approx(np.full(n, targets), abs=1e-9)


# --- log-odds ---


def test_bounded_scores_are_taken_as_log_odds_and_others_as_they_are() -> None:
    assert {kind: feature_of(kind) for kind in ScoreKind} == {
        ScoreKind.PROBABILITY: "logit",
        ScoreKind.YES_SHARE: "logit",
        ScoreKind.ACTIVATION: "logit",
        ScoreKind.LABEL_LIKELIHOOD: "score",
        ScoreKind.SIMILARITY: "score",
        ScoreKind.MEMBERSHIP: "score",
    }
    assert odds([0.5, 0.8], "logit") == pytest.approx([0, np.log(4)])
    assert odds([-3.0, 8.0], "score").tolist() == [-3, 8]


def test_log_odds_of_zero_and_one_are_finite_and_keep_their_places() -> None:
    found = odds([0.0, 1e-10, 0.5, 1 - 1e-10, 1.0], "logit")
    assert np.isfinite(found).all()
    assert (np.diff(found) > 0).all()


def test_a_model_that_doubles_its_log_odds_is_halved() -> None:
    rng = np.random.default_rng(4)
    true_odds = rng.normal(size=20000)
    truth = rng.random(20000) < 1 / (1 + np.exp(-true_odds))
    boasting = 1 / (1 + np.exp(-2 * true_odds))
    for kind in ("platt", "temperature"):
        maps, _ = fit_maps(boasting[:, None], truth[:, None], kind, "logit", rare=10)
        assert isinstance(maps[0], Sigmoid)
        assert maps[0].slope == pytest.approx(0.5, abs=0.03)
        assert log_loss(truth, maps[0](boasting, "logit")) < log_loss(truth, boasting) - 0.02


# --- isotonic ---


@pytest.mark.parametrize("decimals", [0, 1, 8])
def test_isotonic_is_scikit_learns_ties_and_ends_included(decimals: int) -> None:
    x, truth = _people(5, 500)
    x = np.round(x, decimals)
    margin = 1 / 502
    theirs = IsotonicRegression(y_min=margin, y_max=1 - margin, out_of_bounds="clip").fit(x, truth)
    fresh = np.concatenate([x, np.linspace(-9, 9, 1001)])
    np.testing.assert_allclose(fit_isotonic(x, truth)(fresh, "score"), theirs.predict(fresh), atol=1e-12)


@given(st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=1, max_size=60))
def test_isotonic_is_scikit_learns_on_anything(people: list[tuple[int, bool]]) -> None:
    x, truth = np.array([float(v) for v, _ in people]), np.array([t for _, t in people])
    margin = 1 / (len(people) + 2)
    theirs = IsotonicRegression(y_min=margin, y_max=1 - margin, out_of_bounds="clip").fit(x, truth)
    fresh = np.linspace(-6, 6, 49)
    np.testing.assert_allclose(fit_isotonic(x, truth)(fresh, "score"), theirs.predict(fresh), atol=1e-9)


def test_isotonic_of_constant_or_backward_scores_is_the_share_and_says_so() -> None:
    truth = np.arange(40) < 10
    for scores, said in (
        (np.full(40, 0.7), "scores do not vary: share only"),
        (np.arange(40) / 40, "scores worse than chance: flat"),
    ):
        maps, notes = fit_maps(scores[:, None], truth[:, None], "isotonic", "score", rare=5)
        assert isinstance(maps[0], Staircase)
        assert maps[0](np.array([-1.0, 0.5, 2.0]), "score") == pytest.approx([0.25] * 3)
        assert notes == [[said]]


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        ((1.0, 1.0), (0.1, 0.2), "must ascend"),
        ((1.0, 2.0), (0.2, 0.1), "must not descend"),
        ((1.0, 2.0), (0.1,), "same number"),
        ((), (), "at least 1"),
        ((float("nan"),), (0.5,), "finite"),
    ],
)
def test_a_staircase_that_is_none_is_refused(x: tuple[float, ...], y: tuple[float, ...], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Staircase(x=x, y=y)


# --- temperature and rare labels ---


def test_temperature_is_the_joint_minimum_over_one_slope_and_all_biases() -> None:
    columns = [_people(seed, 300, share, 1.2) for seed, share in ((6, 0.5), (7, 0.2), (8, 0.1))]
    x, truth = (np.stack(parts, axis=1) for parts in zip(*columns, strict=True))
    maps, notes = fit_maps(x, truth, "temperature", "score", rare=10)
    p = truth.sum(axis=0)
    targets = np.where(truth, (p + 1) / (p + 2), 1 / (len(truth) - p + 2))

    def loss(parameters: Floats) -> float:
        logits = parameters[0] * x + parameters[1:]
        return float((np.logaddexp(0, logits) - targets * logits).sum())

    theirs = minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-3}).x
    mine = [m for m in maps if isinstance(m, Sigmoid)]
    assert {m.slope for m in mine} == {mine[0].slope}
    assert [mine[0].slope, *(m.bias for m in mine)] == pytest.approx(theirs.tolist(), abs=1e-4)
    assert notes == [[], [], []]


def test_a_shared_slope_of_scores_worse_than_chance_is_held_at_0_too() -> None:
    columns = [_people(seed, signal=-1.0) for seed in (6, 7)]
    x, truth = (np.stack(parts, axis=1) for parts in zip(*columns, strict=True))
    maps, notes = fit_maps(x, truth, "temperature", "score", rare=10)
    assert [m.slope for m in maps if isinstance(m, Sigmoid)] == [0, 0]
    assert notes == [["scores worse than chance: shared slope held at 0"]] * 2


@pytest.mark.parametrize("kind", ["platt", "isotonic"])
def test_a_rare_label_borrows_the_slope_of_the_others_and_keeps_a_bias_of_its_own(kind: str) -> None:
    columns = [_people(seed, 1000, 0.3, 1.2) for seed in (9, 10)]
    rare = _people(11, 1000, 0.005, 1.2)
    x, truth = (np.stack(parts, axis=1) for parts in zip(*columns, rare, strict=True))
    assert 0 < truth[:, 2].sum() < 10
    maps, notes = fit_maps(x, truth, kind, "score", rare=10)  # type: ignore[arg-type]
    assert notes[2] == ["few examples: shared slope"]
    assert notes[:2] == [[], []]
    shared, _ = fit_maps(x[:, :2], truth[:, :2], "temperature", "score", rare=10)
    assert isinstance(maps[2], Sigmoid)
    assert isinstance(shared[0], Sigmoid)
    assert maps[2].slope == pytest.approx(shared[0].slope)
    p, n = int(truth[:, 2].sum()), 1000
    expected = (p * (p + 1) / (p + 2) + (n - p) / (n - p + 2)) / n
    assert maps[2](x[:, 2], "score").mean() == pytest.approx(expected, abs=1e-8)


def test_without_positives_or_without_negatives_the_share_is_small_or_large_but_never_certain() -> None:
    good, truth_of_good = _people(12, 100)
    x = np.stack([good, good, good], axis=1)
    truth = np.stack([truth_of_good, np.zeros(100, bool), np.ones(100, bool)], axis=1)
    for kind in ("platt", "isotonic", "temperature"):
        maps, _ = fit_maps(x, truth, kind, "score", rare=10)
        assert maps[1](good, "score").mean() == pytest.approx(1 / 102)
        assert maps[2](good, "score").mean() == pytest.approx(101 / 102)
        assert len(set(maps[1](good, "score"))) == len(set(good))


def test_where_nothing_can_be_learnt_it_is_said() -> None:
    x = _people(13, 50)[0][:, None]
    maps, notes = fit_maps(x, np.zeros((50, 1), bool), "platt", "score", rare=10)
    assert notes == [["no label has both kinds of people: share only"]]
    assert maps[0](x[:, 0], "score") == pytest.approx(np.full(50, 1 / 52))
    constant = np.full((50, 1), 0.1)
    maps, notes = fit_maps(constant, (np.arange(50) < 20)[:, None], "platt", "score", rare=10)
    assert notes == [["scores do not vary: share only"]]
    assert maps[0](constant[:, 0], "score") == pytest.approx(np.full(50, 0.4), abs=0.01)


# --- what all have in common ---


@pytest.mark.parametrize("kind", [k for k in CALIBRATIONS if k != "none"])
def test_average_precision_does_not_move_but_for_ties_of_the_isotonic(kind: str) -> None:
    columns = [_people(seed, 600, share, 1.0) for seed, share in ((14, 0.4), (15, 0.1), (16, 0.01))]
    x, truth = (np.stack(parts, axis=1) for parts in zip(*columns, strict=True))
    maps, _ = fit_maps(x, truth, kind, "score", rare=10)  # type: ignore[arg-type]
    for k, found in enumerate(maps):
        calibrated = found(x[:, k], "score")
        order = np.argsort(x[:, k])
        assert (np.diff(calibrated[order]) >= 0).all()
        if isinstance(found, Sigmoid):
            before, after = (average_precision_score(truth[:, k], s) for s in (x[:, k], calibrated))
            assert after == pytest.approx(before, abs=1e-12)


@given(
    st.lists(st.tuples(st.sampled_from([0.0, 1e-9, 0.2, 0.5, 1.0]), st.booleans()), min_size=1, max_size=30)
)
def test_every_map_is_a_probability_and_never_descends(people: list[tuple[float, bool]]) -> None:
    scores = np.array([s for s, _ in people])[:, None]
    truth = np.array([t for _, t in people])[:, None]
    fresh = np.linspace(0, 1, 21)
    for kind in ("platt", "isotonic", "temperature"):
        for feature in ("logit", "score"):
            maps, _ = fit_maps(scores, truth, kind, feature, rare=3)
            shares = maps[0](fresh, feature)
            assert ((shares >= 0) & (shares <= 1)).all()
            assert (np.diff(shares) >= -1e-15).all()
