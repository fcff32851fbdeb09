"""Bounds against every answer that those without one could have given."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from emoscene.metrics.coverage import bounds
from emoscene.metrics.sets import SET_KEYS, set_metrics


@pytest.mark.parametrize("seed", range(12))
def test_no_possible_answer_lies_outside(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, chosen = (rng.random((4, 3)) < 0.45 for _ in range(2))
    answered = np.array([True, True, False, False])
    found = bounds(truth, chosen, answered)
    lowest, highest = dict.fromkeys(SET_KEYS, math.inf), dict.fromkeys(SET_KEYS, -math.inf)
    for guess in itertools.product([False, True], repeat=6):
        chosen[2:] = np.array(guess).reshape(2, 3)
        for key, figure in set_metrics(truth, chosen).figures.items():
            lowest[key] = min(lowest[key], figure.value)
            highest[key] = max(highest[key], figure.value)
    for key, (worst, best) in found.items():
        assert (best, worst) == pytest.approx(
            (lowest[key], highest[key]) if key == "hamming" else (highest[key], lowest[key]), nan_ok=True
        )


def test_where_everybody_is_answered_both_ends_are_the_figure() -> None:
    truth = np.array([[1, 0], [0, 1]])
    chosen = np.array([[1, 1], [0, 1]])
    figures = set_metrics(truth, chosen).figures
    for key, (worst, best) in bounds(truth, chosen, [True, True]).items():
        assert worst == best == figures[key].value
    with pytest.raises(ValueError, match="fit together"):
        bounds(truth, chosen, [True])


@pytest.mark.parametrize("entry", [2, math.nan])
def test_what_is_no_label_matrix_is_refused(entry: float) -> None:
    with pytest.raises(ValueError, match="0 or 1"):
        bounds([[entry, 1]], [[0, 1]], [True])
