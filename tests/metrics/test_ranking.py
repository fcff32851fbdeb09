"""Average precision against scikit-learn, on random and on degenerate inputs."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from emoscene.metrics.ranking import RankedTargets, average_precision, mean_ap


def _problem(seed: int, rows: int, classes: int, levels: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    targets = (rng.random((rows, classes)) < rng.random(classes)).astype(int)
    return targets, np.round(rng.normal(size=(rows, classes)) * levels) / levels


@pytest.mark.parametrize("levels", [1, 3, 1000])
@pytest.mark.parametrize("seed", range(10))
def test_average_precision_equals_scikit_learn(seed: int, levels: int) -> None:
    targets, scores = _problem(seed, 200, 5, levels)
    targets[0] = 1
    for column in range(5):
        expected = average_precision_score(targets[:, column], scores[:, column])
        assert average_precision(targets[:, column], scores[:, column]) == pytest.approx(expected, abs=1e-12)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([-1.0, 0.0, 0.5, 1e300])), min_size=1, max_size=30))
@settings(deadline=None, max_examples=150)
def test_small_inputs_with_many_ties_equal_scikit_learn(rows: list[tuple[bool, float]]) -> None:
    truth = np.array([positive for positive, _ in rows])
    score = np.array([value for _, value in rows])
    found = average_precision(truth, score)
    if truth.any():
        assert found == pytest.approx(average_precision_score(truth, score), abs=1e-12)
    else:
        assert math.isnan(found)


@pytest.mark.parametrize("seed", range(5))
def test_weighted_rows_equal_scikit_learn_and_repeated_rows(seed: int) -> None:
    targets, scores = _problem(seed, 120, 4, 5)
    targets[:40] |= 1
    weights = np.random.default_rng(seed).integers(0, 4, 120)
    found = RankedTargets(targets, scores).average_precisions(weights)
    rows = np.repeat(np.arange(120), weights)
    for column in range(4):
        weighted = average_precision_score(targets[:, column], scores[:, column], sample_weight=weights)
        assert found[column] == pytest.approx(weighted, abs=1e-12)
        assert found[column] == pytest.approx(average_precision(targets[rows, column], scores[rows, column]))


def test_known_values() -> None:
    assert average_precision([1, 0, 1], [3, 2, 1]) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision([0, 1], [1, 0]) == 0.5
    assert average_precision([1, 0, 0, 1], [5, 5, 5, 5]) == 0.5
    assert average_precision([True], [0.0]) == 1.0


def test_no_positive_is_undefined_and_not_zero() -> None:
    assert math.isnan(average_precision([0, 0], [1, 2]))
    assert math.isnan(average_precision([], []))


def test_mean_ap_counts_only_classes_with_positives() -> None:
    targets, scores = _problem(1, 50, 4, 7)
    targets[:, 2] = 0
    result = mean_ap(targets, scores)
    expected = [average_precision_score(targets[:, c], scores[:, c]) for c in (0, 1, 3)]
    assert result.value == pytest.approx(np.mean(expected))
    assert result.classes == 3
    assert math.isnan(result.per_class[2])
    assert result.reason is None


@pytest.mark.parametrize("shape", [(0, 3), (5, 3), (0, 0), (5, 0)])
def test_mean_ap_without_any_positive_has_a_reason_and_no_warning(shape: tuple[int, int]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = mean_ap(np.zeros(shape), np.zeros(shape))
    assert math.isnan(result.value)
    assert result.classes == 0
    assert result.reason == "no class has a positive"


def test_the_order_of_rows_does_not_matter_even_with_ties() -> None:
    targets, scores = _problem(3, 100, 3, 1)
    order = np.random.default_rng(0).permutation(100)
    assert mean_ap(targets, scores).value == pytest.approx(
        mean_ap(targets[order], scores[order]).value, abs=1e-12
    )


@pytest.mark.parametrize(
    ("targets", "scores", "said"),
    [
        ([[1, 0]], [[1.0]], "share one shape"),
        ([1, 0], [1.0, 2.0], "share one shape"),
        ([[1, 0]], [[math.nan, 1.0]], "finite"),
        ([[1, 0]], [[math.inf, 1.0]], "finite"),
        ([[2, 0]], [[0.5, 1.0]], "0 or 1"),
        ([[0.5, 0]], [[0.5, 1.0]], "0 or 1"),
    ],
)
def test_impossible_inputs_are_refused(targets: list[object], scores: list[object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        mean_ap(targets, scores)  # type: ignore[arg-type]


def test_weights_need_one_value_a_row() -> None:
    with pytest.raises(ValueError, match="shape"):
        RankedTargets([[1], [0]], [[1.0], [2.0]]).average_precisions([1.0])
