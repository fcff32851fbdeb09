"""Calibration figures against scikit-learn and by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from emoscene.metrics.calibration import LOWEST, calibration_metrics, reliability_curve


def _two(n: int = 300, k: int = 3) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    shares = rng.random((n, k))
    return rng.random((n, k)) < shares**2, shares


def test_brier_and_log_loss_are_scikit_learns() -> None:
    truth, shares = _two()
    found = calibration_metrics(truth, shares)
    for at in range(3):
        assert found.per_class["brier"][at] == pytest.approx(brier_score_loss(truth[:, at], shares[:, at]))
        assert found.per_class["log_loss"][at] == pytest.approx(log_loss(truth[:, at], shares[:, at]))
    for name in ("ece", "brier", "log_loss"):
        assert found.figures[name].value == pytest.approx(found.per_class[name].mean())


def test_bins_of_equal_people_are_scikit_learns() -> None:
    truth, shares = _two()
    curve = reliability_curve(truth[:, 0], shares[:, 0], bins=10)
    came_true, claimed = calibration_curve(truth[:, 0], shares[:, 0], n_bins=10, strategy="quantile")
    assert curve.count.tolist() == [30.0] * 10
    assert curve.claimed == pytest.approx(claimed, abs=1e-12)
    assert curve.came_true == pytest.approx(came_true, abs=1e-12)
    assert curve.error == pytest.approx(np.abs(came_true - claimed).mean())


@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.5, 1.0])), min_size=1, max_size=40),
    st.integers(1, 9),
)
def test_people_of_one_score_stay_together_and_nobody_is_lost(
    pairs: list[tuple[bool, float]], bins: int
) -> None:
    truth, shares = (np.array(column) for column in zip(*pairs, strict=True))
    curve = reliability_curve(truth, shares, bins=bins)
    assert curve.count.sum() == len(pairs)
    assert len(curve.count) <= bins
    assert (np.diff(curve.claimed) > 0).all()
    assert (curve.claimed * curve.count).sum() == pytest.approx(shares.sum())
    assert (curve.came_true * curve.count).sum() == pytest.approx(truth.sum())


def test_a_well_calibrated_score_has_no_error_and_a_constant_one_its_distance() -> None:
    truth = np.array([[1], [0], [1], [0]])
    assert calibration_metrics(truth, np.full((4, 1), 0.5)).figures["ece"].value == 0
    assert calibration_metrics(truth, np.full((4, 1), 0.9)).figures["ece"].value == pytest.approx(0.4)
    assert calibration_metrics(truth, truth).figures["ece"].value == 0


def test_one_wrong_certainty_is_not_infinite() -> None:
    found = calibration_metrics([[1]], [[0.0]])
    assert found.figures["log_loss"].value == pytest.approx(-math.log(LOWEST))
    assert found.figures["brier"].value == 1


def test_nobody_has_no_calibration() -> None:
    found = calibration_metrics(np.zeros((0, 2)), np.zeros((0, 2)))
    assert {figure.reason for figure in found.figures.values()} == {"nobody was answered"}
    assert np.isnan(found.per_class["brier"]).all()
    assert math.isnan(reliability_curve([], []).error)


@pytest.mark.parametrize(
    ("truth", "shares", "bins", "what"),
    [
        ([[1]], [[1.2]], 5, "from 0 to 1"),
        ([[1]], [[math.nan]], 5, "from 0 to 1"),
        ([[2]], [[0.2]], 5, "0 or 1"),
        ([[1, 0]], [[0.2]], 5, "share one shape"),
        ([[1]], [[0.2]], 0, "bins"),
    ],
)
def test_what_claims_no_shares_is_refused(truth: Any, shares: Any, bins: int, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        calibration_metrics(truth, shares, bins=bins)
