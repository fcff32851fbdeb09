"""What the plots show is what was counted."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve

from emoscene.evaluation.report.plots import curve, named_instead
from emoscene.metrics.ranking import average_precision


def test_the_curve_goes_through_scikit_learns_points() -> None:
    rng = np.random.default_rng(0)
    held = rng.random(60) < 0.3
    scores = np.round(rng.random(60) + np.where(held, 0.4, 0.0), 1)  # many people of one score
    found = curve(held, scores, most=1000)
    precision, recall, _ = precision_recall_curve(held, scores)
    known = {(round(float(r), 9), round(float(p), 9)) for r, p in zip(recall, precision, strict=True)}
    points = [
        (round(float(r), 9), round(float(p), 9)) for r, p in zip(found.recall, found.precision, strict=True)
    ]
    assert set(points[1:]) <= known
    assert found.recall[0] == 0
    assert found.recall[-1] == 1
    assert (np.diff(found.recall) >= 0).all()


def test_a_thinned_curve_has_the_same_area_and_few_points() -> None:
    rng = np.random.default_rng(1)
    held = rng.random(50_000) < 0.2
    scores = rng.random(50_000) + 0.5 * held
    found = curve(held, scores)
    assert len(found.recall) <= 102
    area = float((np.diff(found.recall) * found.precision[1:]).sum())
    assert area == pytest.approx(average_precision(held, scores), abs=0.01)


def test_the_order_of_people_does_not_matter() -> None:
    rng = np.random.default_rng(2)
    held, scores = rng.random(200) < 0.4, np.round(rng.random(200), 1)
    order = rng.permutation(200)
    one, two = curve(held, scores), curve(held[order], scores[order])
    assert np.array_equal(one.recall, two.recall)
    assert np.allclose(one.precision, two.precision)


def test_named_instead_is_what_a_loop_counts() -> None:
    rng = np.random.default_rng(3)
    truth, chosen = rng.random((80, 4)) < 0.4, rng.random((80, 4)) < 0.5
    truth[:, 3] = False
    truth[:3, 3] = True  # too few people to say anything about
    shares, anybody = named_instead(truth, chosen)
    for i in range(4):
        for j in range(4):
            meant = [n for n in range(80) if truth[n, i] and (i == j or not truth[n, j])]
            if len(meant) < 5:
                assert np.isnan(shares[i, j])
            else:
                assert shares[i, j] == pytest.approx(np.mean([chosen[n, j] for n in meant]))
    for j in range(4):
        assert anybody[j] == pytest.approx(np.mean([chosen[n, j] for n in range(80) if not truth[n, j]]))
