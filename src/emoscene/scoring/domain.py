"""Does an input look like what the model was trained on? A distance in the space of the model's own features.

The rule is measured, not guessed: mean and covariance of the features of training pictures, and a limit that a
stated share of fresh pictures of the same kind keeps. Mahalanobis distance: Lee et al., NeurIPS 2018.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Domain", "fit_domain"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Domain:
    """mean (d,), whitening (d, d) with `whitening @ whitening.T` the inverse covariance, and the largest distance
    that counts as inside."""

    mean: Floats
    whitening: Floats
    limit: float

    def distance(self, features: npt.NDArray[np.floating]) -> Floats:
        """Mahalanobis distance of each row of features (n, d), divided by sqrt(d): about 1 for the familiar."""
        centred = np.asarray(features, dtype=np.float64) - self.mean
        whitened = centred @ self.whitening
        return np.asarray(np.sqrt((whitened**2).mean(axis=1)))


def fit_domain(
    features: npt.NDArray[np.floating], held_out: npt.NDArray[np.floating], share: float
) -> Domain:
    """Fit on features (n, d); set the limit so that `share` of the held-out rows (m, d) lie inside.

    A small multiple of the mean variance is added to the diagonal, since some features hardly vary.
    """
    values = np.asarray(features, dtype=np.float64)
    mean = values.mean(axis=0)
    covariance = np.cov(values, rowvar=False)
    ridge = 1e-3 * float(np.trace(covariance)) / len(mean)
    eigenvalues, vectors = np.linalg.eigh(covariance + ridge * np.eye(len(mean)))
    whitening = vectors / np.sqrt(eigenvalues)
    unlimited = Domain(mean, whitening, np.inf)
    return Domain(mean, whitening, float(np.quantile(unlimited.distance(held_out), share)))
