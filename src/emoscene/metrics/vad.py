"""How far predicted valence, arousal and dominance are from the annotated ones, on the scale from 1 to 10.

Some papers report errors on 0 to 1; multiply those by 10 before comparing. The concordance correlation coefficient is
Lin's (1989): 2 cov(x, y) / (var(x) + var(y) + (mean(x) - mean(y))^2), with variances over n.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from emoscene.metrics.figure import Figure

__all__ = ["DIMENSIONS", "vad_metrics"]

#: The columns of the arrays, in this order.
DIMENSIONS = ("valence", "arousal", "dominance")

FloatArray = npt.NDArray[np.float64]
_NO_PAIR = "nobody has both annotated and predicted values"


def vad_metrics(truth: npt.ArrayLike, predicted: npt.ArrayLike) -> dict[str, Figure]:
    """Mean absolute error, root mean squared error and concordance, of each dimension and their mean.

    Args:
        truth: Shape (n, 3), from 1 to 10; nan where nothing is known.
        predicted: Shape (n, 3), likewise; nan where there is no answer.

    Returns:
        `vad_mae`, `vad_rmse` and `vad_ccc`: the mean over the three dimensions, nan if one is undefined. Each of them
        with `_valence`, `_arousal` and `_dominance` behind it. `vad_pairs`: how many people have all values twice.
        In each dimension, pairs with a nan are left out.

    Raises:
        ValueError: if the shapes differ, or a value lies outside of 1 to 10 (such as those of papers that use 0 to 1).
    """
    true, said = np.asarray(truth, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    if true.shape != said.shape or true.ndim != 2 or true.shape[1] != len(DIMENSIONS):
        raise ValueError(f"truth {true.shape} and predicted {said.shape} must share one shape (n, 3)")
    for values in (true, said):
        if ((values < 1) | (values > 10)).any():
            raise ValueError("values must lie from 1 to 10, or be nan where there is none")
    found: dict[str, Figure] = {}
    for name, measure in (("mae", _mae), ("rmse", _rmse), ("ccc", _ccc)):
        each = {}
        for column, dimension in enumerate(DIMENSIONS):
            both = ~np.isnan(true[:, column]) & ~np.isnan(said[:, column])
            each[f"vad_{name}_{dimension}"] = measure(true[both, column], said[both, column])
        undefined = [figure.reason for figure in each.values() if figure.reason is not None]
        mean = math.nan if undefined else sum(figure.value for figure in each.values()) / len(DIMENSIONS)
        found[f"vad_{name}"] = Figure.of(mean, undefined[0] if undefined else "")
        found |= each
    pairs = (~np.isnan(true) & ~np.isnan(said)).all(axis=1).sum()
    return {**found, "vad_pairs": Figure(float(pairs))}


def _mae(true: FloatArray, said: FloatArray) -> Figure:
    return Figure(float(np.abs(true - said).mean())) if true.size else Figure(math.nan, _NO_PAIR)


def _rmse(true: FloatArray, said: FloatArray) -> Figure:
    return Figure(float(np.sqrt(((true - said) ** 2).mean()))) if true.size else Figure(math.nan, _NO_PAIR)


def _ccc(true: FloatArray, said: FloatArray) -> Figure:
    if true.size < 2:
        return Figure(math.nan, _NO_PAIR if not true.size else "one person has no variance")
    spread = true.var() + said.var() + (true.mean() - said.mean()) ** 2
    # Equal constants leave nothing but rounding.
    if spread <= 1e-24:
        return Figure(math.nan, "annotated and predicted values are one and the same constant")
    return Figure(float(2 * ((true - true.mean()) * (said - said.mean())).mean() / spread))
