"""Accuracy against scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from emoscene.metrics.sets import accuracy


@pytest.mark.parametrize("seed", range(5))
def test_accuracy_equals_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = [str(label) for label in rng.integers(0, 4, 60)]
    said = [str(label) for label in rng.integers(0, 4, 60)]
    assert accuracy(truth, said) == pytest.approx(accuracy_score(truth, said))


def test_no_answer_is_wrong_and_no_row_is_undefined() -> None:
    assert accuracy(["a", "b"], ["a", None]) == 0.5
    assert math.isnan(accuracy([], []))
    with pytest.raises(ValueError, match="one prediction a row"):
        accuracy(["a"], [])
