"""Ridge regression of the EmoTag table, against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from experiments.emotag import ridge
from experiments.emotag.ridge import kernel, predict
from sklearn.kernel_ridge import KernelRidge


def _data(n: int = 40, d: int = 6, seed: int = 0, noise: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, d))
    return features, features @ rng.normal(size=(d, 2)) + noise * rng.normal(size=(n, 2)) + 5


def test_kernel_is_one_on_average_with_oneself_and_passes_constant_features_over() -> None:
    features, _ = _data()
    constant = np.column_stack([features, np.full(len(features), 3.0)])
    assert np.diag(kernel(features)).mean() == pytest.approx(1)
    np.testing.assert_allclose(kernel(constant), kernel(features))


def test_no_kernel_gives_the_mean_of_those_trained_on() -> None:
    _, targets = _data()
    train = np.arange(len(targets)) < 30
    np.testing.assert_allclose(predict([], targets, train), np.tile(targets[:30].mean(axis=0), (10, 1)))


def _ridge(product: np.ndarray, targets: np.ndarray, train: np.ndarray, strength: float) -> np.ndarray:
    """What scikit-learn says of those not in `train`, features and targets measured from the middle of `train`."""
    n = len(targets)
    middle = np.eye(n) - np.outer(np.ones(n), train / train.sum())
    centred, mean = middle @ product @ middle.T, targets[train].mean(axis=0)
    model = KernelRidge(alpha=strength, kernel="precomputed")
    model.fit(centred[np.ix_(train, train)], targets[train] - mean)
    return np.asarray(model.predict(centred[np.ix_(~train, train)]) + mean)


@pytest.mark.parametrize("noise", [0.1, 3.0])
def test_the_strength_is_that_with_the_least_error_of_those_left_out_singly(noise: float) -> None:
    features, targets = _data(noise=noise)
    product, train = kernel(features), np.arange(len(targets)) < 30
    said = predict([product], targets, train)
    errors = []
    for strength in ridge._STRENGTHS:
        left_out = np.empty((30, 2))
        for i in range(30):
            others = train[:30] & (np.arange(30) != i)
            left_out[i] = _ridge(product[:30, :30], targets[:30], others, strength)[0]
        errors.append(((left_out - targets[:30]) ** 2).mean(axis=0))
    best = np.argmin(errors, axis=0)
    for k in range(2):
        expected = _ridge(product, targets, train, ridge._STRENGTHS[best[k]])[:, k]
        np.testing.assert_allclose(said[:, k], expected, rtol=1e-9)


def test_left_out_people_move_nothing() -> None:
    features, targets = _data()
    train = np.arange(len(targets)) < 30
    changed = targets.copy()
    changed[~train] += 100
    np.testing.assert_array_equal(
        predict([kernel(features)], targets, train), predict([kernel(features)], changed, train)
    )
