"""Shares and levels read from logits, against a plain softmax."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from emoscene.scoring.reads import expected_level, yes_share

logits = st.lists(st.floats(-40, 40), min_size=12, max_size=12).map(np.array)


@given(logits)
def test_the_share_of_yes_is_that_of_a_softmax(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    share, mass = yes_share(values, (1, 2), (5,))
    p = softmax(values)
    assert share == pytest.approx(p[[1, 2]].sum() / p[[1, 2, 5]].sum(), rel=1e-9)
    assert mass == pytest.approx(p[[1, 2, 5]].sum(), rel=1e-9)


@given(logits)
def test_the_level_is_the_mean_under_a_softmax(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    level, mass = expected_level(values, [[0], [3, 4], [7]])
    p = softmax(values)
    parts = np.array([p[0], p[3] + p[4], p[7]])
    assert level == pytest.approx((parts * [1, 2, 3]).sum() / parts.sum(), rel=1e-9)
    assert mass == pytest.approx(parts.sum(), rel=1e-9)


def test_far_apart_logits_neither_overflow_nor_leave_the_range() -> None:
    share, mass = yes_share(np.array([3e4, -3e4, 0.0]), (0,), (1,))
    assert share == 1.0
    assert 0.0 <= mass <= 1.0
    assert yes_share(np.array([-3e4, 3e4, 0.0]), (0,), (1,))[0] < 1e-300
