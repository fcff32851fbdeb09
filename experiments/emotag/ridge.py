"""Kernel ridge regression whose strength of shrinking is chosen by leaving out one at a time, in closed form."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["kernel", "predict"]

Floats = npt.NDArray[np.float64]
#: Shrinking that is tried, against a kernel whose diagonal is 1 on average.
_STRENGTHS = tuple(10.0**e for e in np.arange(-2.0, 3.01, 0.5))


def kernel(features: Floats) -> Floats:
    """Similarities (n, n) of features (n, d), each feature with mean 0 and variance 1; 1 on average with oneself."""
    spread = features.std(axis=0)
    scaled = (features - features.mean(axis=0))[:, spread > 1e-9] / spread[spread > 1e-9]
    product = scaled @ scaled.T
    return np.asarray(product / np.diag(product).mean())


def predict(kernels: Sequence[Floats], targets: Floats, train: npt.NDArray[np.bool_]) -> Floats:
    """What ridge regression on `train` says of the others, from the mean of some kernels.

    Args:
        kernels: Each (n, n); none gives the mean of the targets.
        targets: (n, k); only the rows of `train` are looked at.
        train: (n,).

    Returns:
        (others, k). Each target has a shrinking of its own, the one with the least error of those left out singly.
    """
    known, mean = targets[train], targets[train].mean(axis=0)
    if not kernels:
        return np.tile(mean, (int((~train).sum()), 1))
    # Similarities are measured from the middle of those trained on: the others move nothing.
    whole: Floats = np.mean(kernels, axis=0)
    centre = whole[:, train].mean(axis=1, keepdims=True)
    middle = whole[np.ix_(train, train)].mean()
    centred = whole - centre - centre.T + middle
    inner, across = centred[np.ix_(train, train)], centred[np.ix_(~train, train)]
    values, vectors = np.linalg.eigh(inner)
    turned = vectors.T @ (known - mean)
    errors, weights = [], []
    for strength in _STRENGTHS:
        inverse = 1 / (np.maximum(values, 0) + strength)
        alpha = vectors @ (inverse[:, None] * turned)
        # The mean is fitted too: its share of the hat matrix is no shrinking.
        held = (vectors**2) @ inverse - 1 / (len(known) * strength)
        errors.append(((alpha / held[:, None]) ** 2).mean(axis=0))
        weights.append(alpha)
    best = np.argmin(errors, axis=0)
    chosen = np.stack([weights[b][:, k] for k, b in enumerate(best)], axis=1)
    return np.asarray(across @ chosen + mean)
