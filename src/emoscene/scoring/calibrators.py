"""Calibrators: monotone maps from one label's score to the share of people who carry the label.

Two shapes. A sigmoid has a slope and a bias (Platt, Advances in Large Margin Classifiers, 2000, with his smoothed
targets, minimised by Newton's method). A staircase is isotonic regression (pool adjacent violators, ties pooled),
straight between its blocks and flat beyond its ends; its values stay 1 / (n + 2) away from 0 and 1, because n people
prove no certainty.

Sigmoids work on log-odds where scores are bounded by 0 and 1, and on the score itself where they are not. Slopes are
never negative: scores that rank a label worse than chance are not turned round but flattened, which is the best fit
that does not. A label with few positives or few negatives borrows the slope shared by the others and fits its bias
alone. So the order of people is kept, up to ties, and with it the average precision.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from emoscene.types import ScoreKind

__all__ = [
    "CALIBRATIONS",
    "Bools",
    "CalibrationKind",
    "Feature",
    "Floats",
    "Map",
    "Sigmoid",
    "Staircase",
    "feature_of",
    "fit_isotonic",
    "fit_maps",
    "fit_sigmoids",
    "odds",
]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
CalibrationKind = Literal["none", "platt", "isotonic", "temperature"]
Feature = Literal["logit", "score"]

CALIBRATIONS: Final[tuple[CalibrationKind, ...]] = ("none", "platt", "isotonic", "temperature")

#: How near to 0 and 1 a bounded score may come before its log-odds are taken; nearer ones become ties.
NEAREST: Final = 1e-12
_BOUNDED = frozenset({ScoreKind.PROBABILITY, ScoreKind.YES_SHARE, ScoreKind.ACTIVATION})
_MOST_STEPS = 100
_CONVERGED = 1e-10


def feature_of(kind: ScoreKind) -> Feature:
    """What a sigmoid works on: log-odds of scores between 0 and 1, the score itself otherwise."""
    return "logit" if kind in _BOUNDED else "score"


def odds(scores: npt.ArrayLike, feature: Feature) -> Floats:
    """The numbers that sigmoids take, of the same shape as the scores."""
    values = np.ascontiguousarray(scores, dtype=np.float64)
    if feature == "score":
        return values
    inside = np.clip(values, NEAREST, 1 - NEAREST)
    return np.asarray(np.log(inside) - np.log1p(-inside))


class Sigmoid(BaseModel):
    """`1 / (1 + exp(-(slope * x + bias)))`, with x from `odds` and a slope of at least 0."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["sigmoid"] = "sigmoid"
    slope: Annotated[FiniteFloat, Field(ge=0)]
    bias: FiniteFloat

    def __call__(self, scores: Floats, feature: Feature) -> Floats:
        return _sigmoid(self.slope * odds(scores, feature) + self.bias)


class Staircase(BaseModel):
    """Isotonic: straight lines between the knots `x` (ascending scores) and `y` (shares), flat beyond the ends."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["isotonic"] = "isotonic"
    x: tuple[FiniteFloat, ...] = Field(min_length=1)
    y: tuple[Annotated[FiniteFloat, Field(ge=0, le=1)], ...]

    @model_validator(mode="after")
    def _climbs(self) -> Staircase:
        if len(self.x) != len(self.y):
            raise ValueError("x and y need the same number of knots")
        if any(b <= a for a, b in zip(self.x, self.x[1:], strict=False)):
            raise ValueError("the knots x must ascend")
        if any(b < a for a, b in zip(self.y, self.y[1:], strict=False)):
            raise ValueError("the knots y must not descend")
        return self

    def __call__(self, scores: Floats, feature: Feature) -> Floats:
        """`feature` changes nothing: isotonic regression takes scores as they are."""
        return np.asarray(np.interp(scores, self.x, self.y), dtype=np.float64)


Map = Annotated[Sigmoid | Staircase, Field(discriminator="kind")]


def fit_maps(
    scores: Floats,
    truth: Bools,
    kind: Literal["platt", "isotonic", "temperature"],
    feature: Feature,
    rare: int,
) -> tuple[list[Sigmoid | Staircase], list[list[str]]]:
    """One map a label, and for each what a reader must know of it.

    Args:
        scores: Shape (n, k), finite.
        truth: Shape (n, k).
        kind: `temperature` fits one slope for all labels (its inverse is the temperature) and a bias for each.
        feature: What sigmoids work on.
        rare: A label with fewer positives, or fewer negatives, borrows the shared slope.
    """
    positives = truth.sum(axis=0)
    fewest = np.minimum(positives, len(truth) - positives)
    enough = fewest >= max(rare, 1)
    own = enough if kind != "temperature" else np.zeros_like(enough)
    sigmoids, notes = fit_sigmoids(odds(scores, feature), truth, own, enough)
    maps: list[Sigmoid | Staircase] = list(sigmoids)
    if kind == "isotonic":
        for k in np.flatnonzero(enough):
            staircase = fit_isotonic(scores[:, k], truth[:, k])
            maps[k], notes[k] = staircase, _flat(staircase)
    return maps, notes


def _flat(staircase: Staircase) -> list[str]:
    if len(staircase.x) == 1:
        return ["scores do not vary: share only"]
    return ["scores worse than chance: flat"] if staircase.y[0] == staircase.y[-1] else []


def fit_isotonic(scores: Floats, truth: Bools) -> Staircase:
    """Isotonic regression of one label's truth (n,) on its scores (n,)."""
    x, inverse, weights = np.unique(scores, return_inverse=True, return_counts=True)
    sums = np.bincount(inverse, weights=truth.astype(np.float64))
    blocks: list[tuple[int, int, float, float]] = []  # first, last, sum, weight
    for i, (total, weight) in enumerate(zip(sums.tolist(), weights.tolist(), strict=True)):
        block = (i, i, total, float(weight))
        while blocks and blocks[-1][2] * block[3] >= block[2] * blocks[-1][3]:
            first, _, before, heavy = blocks.pop()
            block = (first, block[1], before + block[2], heavy + block[3])
        blocks.append(block)
    margin = 1 / (len(scores) + 2)
    knots_x, knots_y = [], []
    for first, last, total, weight in blocks:
        share = min(max(total / weight, margin), 1 - margin)
        for at in dict.fromkeys((first, last)):
            knots_x.append(float(x[at]))
            knots_y.append(share)
    return Staircase(x=tuple(knots_x), y=tuple(knots_y))


def fit_sigmoids(x: Floats, truth: Bools, own: Bools, lends: Bools) -> tuple[list[Sigmoid], list[list[str]]]:
    """One sigmoid a label: with a slope of its own where `own`, else with the slope shared by those that lend.

    Args:
        x: Shape (n, k), from `odds`.
        truth: Shape (n, k).
        own: Shape (k,).
        lends: Shape (k,), the labels the shared slope is fitted on; if none, all that have both kinds of people.
    """
    targets = _smoothed(truth)
    shared, said = _shared_slope(x, truth, targets, lends)
    sigmoids: list[Sigmoid] = []
    notes: list[list[str]] = []
    for k in range(x.shape[1]):
        column, target = x[:, [k]], targets[:, [k]]
        if own[k]:
            slope, biases = _newton(column, target)
            note = ["scores do not vary: share only"] if np.ptp(column) == 0 else []
            if slope < 0:
                slope, note = 0.0, ["scores worse than chance: slope held at 0"]
        else:
            slope, note = shared, [] if lends[k] and said is None else [said or "few examples: shared slope"]
        if not own[k] or slope == 0:
            biases = _newton(column, target, slope)[1]
        sigmoids.append(Sigmoid(slope=float(slope), bias=float(biases[0])))
        notes.append(note)
    return sigmoids, notes


def _shared_slope(x: Floats, truth: Bools, targets: Floats, lends: Bools) -> tuple[float, str | None]:
    mixed = truth.any(axis=0) & ~truth.all(axis=0)
    from_these = lends & mixed if (lends & mixed).any() else mixed
    if not from_these.any():
        return 0.0, "no label has both kinds of people: share only"
    slope, _ = _newton(x[:, from_these], targets[:, from_these])
    if slope < 0:
        return 0.0, "scores worse than chance: shared slope held at 0"
    return slope, None


def _smoothed(truth: Bools) -> Floats:
    """Platt's targets: (p + 1) / (p + 2) for a positive, 1 / (m + 2) for a negative, of p positives and m negatives."""
    positives = truth.sum(axis=0)
    negatives = len(truth) - positives
    return np.asarray(np.where(truth, (positives + 1) / (positives + 2), 1 / (negatives + 2)))


def _newton(x: Floats, targets: Floats, fixed: float | None = None) -> tuple[float, Floats]:
    """One slope for all columns and a bias for each: the least log loss of targets (n, k) given x (n, k).

    Newton's method with halved steps. Targets lie strictly between 0 and 1, so the minimum is finite. Columns are
    centred and put on one scale first. With `fixed` the slope is given and only biases are fitted.
    """
    centre = x.mean(axis=0)
    spread = float((x - centre).std())
    # Rounding in the mean of equal numbers is no spread.
    scale = spread if spread > 1e-12 * (1 + float(np.abs(centre).max())) else 0.0
    if scale == 0:
        fixed = 0.0 if fixed is None else fixed
    unit = scale or 1.0
    z = (x - centre) / unit
    start = targets.mean(axis=0)
    slope, bias = (0.0 if fixed is None else fixed * unit), np.log(start) - np.log1p(-start)
    loss = _loss(slope * z + bias, targets)
    for _ in range(_MOST_STEPS):
        d_slope, d_bias, decrease = _step(z, targets, slope, bias, fixed is None)
        if decrease <= _CONVERGED:
            break
        share = 1.0
        while share > 1e-10:
            trial = _loss((slope - share * d_slope) * z + bias - share * d_bias, targets)
            if trial <= loss - 1e-4 * share * decrease:
                break
            share /= 2
        else:
            break
        slope, bias, loss = slope - share * d_slope, bias - share * d_bias, trial
    return slope / unit, np.asarray(bias - slope * centre / unit)


def _step(
    z: Floats, targets: Floats, slope: float, bias: Floats, with_slope: bool
) -> tuple[float, Floats, float]:
    """Newton's step for slope and biases, and how fast the loss falls along it. The Hessian is an arrow: solved by
    elimination of the biases."""
    shares = _sigmoid(slope * z + bias)
    error, weight = shares - targets, np.maximum(shares * (1 - shares), 1e-300)
    g_bias, h_bias = error.sum(axis=0), weight.sum(axis=0)
    if not with_slope:
        d_bias = g_bias / h_bias
        return 0.0, d_bias, float(g_bias @ d_bias)
    g_slope, h_cross = float((error * z).sum()), (weight * z).sum(axis=0)
    curvature = float((weight * (z - h_cross / h_bias) ** 2).sum())
    d_slope = (g_slope - float((h_cross / h_bias) @ g_bias)) / max(curvature, 1e-300)
    d_bias = (g_bias - h_cross * d_slope) / h_bias
    return d_slope, d_bias, float(g_slope * d_slope + g_bias @ d_bias)


def _loss(logits: Floats, targets: Floats) -> float:
    return float((np.logaddexp(0, logits) - targets * logits).sum())


def _sigmoid(logits: Floats) -> Floats:
    small = np.exp(-np.abs(logits))
    return np.asarray(np.where(logits >= 0, 1 / (1 + small), small / (1 + small)))
