"""The domain rule against scipy's Mahalanobis distance, and its limit on held-out rows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis

from emoscene.scoring.domain import fit_domain


def test_the_distance_is_mahalanobis_over_the_root_of_the_dimension() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(500, 5)) @ rng.normal(size=(5, 5)) + 3
    domain = fit_domain(features, features, 0.99)
    covariance = np.cov(features, rowvar=False)
    inverse = np.linalg.inv(covariance + 1e-3 * np.trace(covariance) / 5 * np.eye(5))
    row = rng.normal(size=5) * 4
    expected = mahalanobis(row, features.mean(axis=0), inverse) / np.sqrt(5)
    assert domain.distance(row[None])[0] == pytest.approx(expected, rel=1e-9)


def test_the_limit_keeps_the_stated_share_and_leaves_the_strange_outside() -> None:
    rng = np.random.default_rng(1)
    domain = fit_domain(rng.normal(size=(4000, 8)), rng.normal(size=(2000, 8)), 0.99)
    fresh = domain.distance(rng.normal(size=(4000, 8))) <= domain.limit
    assert 0.98 < fresh.mean() < 0.998
    assert not (domain.distance(rng.normal(size=(200, 8)) + 4) <= domain.limit).any()


def test_features_that_never_vary_do_not_break_it() -> None:
    features = np.concatenate([np.random.default_rng(2).normal(size=(300, 2)), np.ones((300, 1))], axis=1)
    domain = fit_domain(features, features, 1.0)
    assert (domain.distance(features) <= domain.limit).all()
    assert not (domain.distance(np.array([[0.0, 0.0, 3.0]])) <= domain.limit).any()
