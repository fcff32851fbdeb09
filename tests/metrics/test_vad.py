"""VAD errors against scikit-learn and Lin's formula, with what is missing left out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from emoscene.metrics.vad import DIMENSIONS, vad_metrics


def _two(n: int = 40) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    truth = rng.integers(1, 11, (n, 3)).astype(float)
    return truth, np.clip(truth + rng.normal(0.5, 2, (n, 3)), 1, 10)


def test_errors_are_scikit_learns_and_concordance_is_lins() -> None:
    truth, said = _two()
    found = vad_metrics(truth, said)
    for at, name in enumerate(DIMENSIONS):
        x, y = truth[:, at], said[:, at]
        assert found[f"vad_mae_{name}"].value == pytest.approx(mean_absolute_error(x, y))
        assert found[f"vad_rmse_{name}"].value == pytest.approx(root_mean_squared_error(x, y))
        r = stats.pearsonr(x, y).statistic
        lin = 2 * r * x.std() * y.std() / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
        assert found[f"vad_ccc_{name}"].value == pytest.approx(lin)
    mean = np.mean([found[f"vad_ccc_{name}"].value for name in DIMENSIONS])
    assert found["vad_ccc"].value == pytest.approx(mean)
    assert found["vad_pairs"].value == 40


def test_pairs_with_a_nan_are_left_out() -> None:
    truth, said = _two()
    holed = said.copy()
    holed[:10, 1] = np.nan
    truth[35:] = np.nan
    found = vad_metrics(truth, holed)
    assert found["vad_pairs"].value == 25
    assert found["vad_mae_arousal"].value == pytest.approx(np.abs(truth[10:35, 1] - said[10:35, 1]).mean())
    assert found["vad_mae_valence"].value == pytest.approx(np.abs(truth[:35, 0] - said[:35, 0]).mean())


def test_what_is_undefined_has_a_reason() -> None:
    nothing = vad_metrics(np.full((4, 3), np.nan), np.ones((4, 3)))
    assert nothing["vad_mae"].reason == "nobody has both annotated and predicted values"
    assert math.isnan(nothing["vad_ccc"].value)
    one = vad_metrics(np.ones((1, 3)), np.ones((1, 3)))
    assert one["vad_mae"].value == 0
    assert one["vad_ccc"].reason == "one person has no variance"
    same = vad_metrics(np.full((5, 3), 4.1), np.full((5, 3), 4.1))
    assert same["vad_ccc"].reason == "annotated and predicted values are one and the same constant"
    constant = vad_metrics(_two()[0], np.full((40, 3), 5.0))
    assert constant["vad_ccc"].value == pytest.approx(0)


@pytest.mark.parametrize(
    ("truth", "said", "what"),
    [
        (np.ones((2, 2)), np.ones((2, 2)), "shape"),
        (np.ones((2, 3)), np.full((2, 3), np.inf), "1 to 10"),
        (np.ones((2, 3)), np.full((2, 3), 0.5), "1 to 10"),
    ],
)
def test_what_is_no_pair_of_vad_arrays_is_refused(truth: Any, said: Any, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        vad_metrics(truth, said)
