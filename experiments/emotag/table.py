"""The table: predictions of emoji that were left out, how near they are, and with which certainty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emoscene.datasets.registry import open_dataset
from emoscene.metrics.interval import Interval, Resampling, percentile_interval
from experiments.emotag.features import glyph_features, name_features
from experiments.emotag.ridge import kernel, predict

__all__ = ["ROWS", "Emoji", "Line", "figures", "left_out", "make_table", "read_emoji"]

Floats = npt.NDArray[np.float64]
#: The rows: which features each of them looks at.
ROWS: Mapping[str, tuple[str, ...]] = {
    "mean": (),
    "glyph": ("glyph",),
    "name": ("name",),
    "both": ("name", "glyph"),
}
FOLDS = 10


@dataclass(frozen=True)
class Emoji:
    """All emoji: names, strengths (n, emotions), the fold of each (n,), pictures."""

    names: Sequence[str]
    emotions: Sequence[str]
    strengths: Floats
    fold: npt.NDArray[np.int64]
    pictures: Sequence[Any]


def read_emoji(data: Path, font: str | None = None) -> Emoji:
    """EmoTag1200 with its own folds, drawn with a font of this machine; emoji that the font lacks are left out.

    Raises:
        MissingFileError, OptionError, InputError: as the dataset does.
    """
    dataset = open_dataset("emotag", data, modality="pair", folds=FOLDS, font=font)
    names, strengths, folds, pictures = [], [], [], []
    for k in range(1, FOLDS + 1):
        for sample in dataset.samples(f"fold-{k}"):
            if sample.picture is None or sample.target_scores is None:
                continue
            names.append(sample.text or "")
            strengths.append([sample.target_scores[label] for label in dataset.labels.ids])
            folds.append(k)
            pictures.append(sample.picture)
    return Emoji(names, dataset.labels.ids, np.array(strengths), np.array(folds), pictures)


def left_out(emoji: Emoji, kernels: Mapping[str, Floats]) -> dict[str, Floats]:
    """For each row of the table, what it says of every emoji (n, emotions) when that emoji's fold was left out."""
    said = {row: np.empty_like(emoji.strengths) for row in ROWS}
    for k in sorted(set(emoji.fold.tolist())):
        train = emoji.fold != k
        for row, looks in ROWS.items():
            said[row][~train] = predict([kernels[name] for name in looks], emoji.strengths, train)
    return said


def figures(truth: Floats, said: Floats) -> dict[str, float]:
    """`r`: the correlation over emoji, mean over emotions; `explained`: the share of the variance that is explained;
    `rmse`: the root of the mean squared error, of strengths from 0 to 1."""
    error = ((truth - said) ** 2).mean()
    variance = ((truth - truth.mean(axis=0)) ** 2).mean()
    return {
        "r": _correlation(truth, said),
        "explained": float(1 - error / variance),
        "rmse": float(np.sqrt(error)),
    }


def _correlation(truth: Floats, said: Floats) -> float:
    a, b = truth - truth.mean(axis=0), said - said.mean(axis=0)
    lengths = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    known = lengths > 1e-12
    return float(((a * b).sum(axis=0)[known] / lengths[known]).mean()) if known.any() else float("nan")


@dataclass(frozen=True)
class Line:
    """A row: its figures with their intervals, and those of its difference from the mean's `explained`."""

    row: str
    values: Mapping[str, float]
    intervals: Mapping[str, Interval]


def make_table(
    truth: Floats, said: Mapping[str, Floats], plan: Resampling
) -> tuple[list[Line], dict[str, Interval]]:
    """Figures of all rows with intervals over emoji drawn again, and the differences in `r` of both against each."""
    rng = np.random.default_rng(plan.seed)
    drawn: dict[str, list[dict[str, float]]] = {row: [] for row in said}
    for _ in range(plan.rounds):
        some = rng.integers(0, len(truth), len(truth))
        for row, values in said.items():
            drawn[row].append(figures(truth[some], values[some]))
    lines = []
    for row, values in said.items():
        here = figures(truth, values)
        # The mean of the others correlates with what it leaves out by construction, negatively: no figure of it.
        shown = {key: value for key, value in here.items() if row != "mean" or key != "r"}
        intervals = {key: percentile_interval([each[key] for each in drawn[row]], plan) for key in shown}
        lines.append(Line(row, shown, intervals))
    pairs = (("both", "name"), ("both", "glyph"), ("name", "glyph"))
    differences = {
        f"{a} - {b}": percentile_interval(
            [x["r"] - y["r"] for x, y in zip(drawn[a], drawn[b], strict=True)], plan
        )
        for a, b in pairs
    }
    return lines, differences


def kernels_of(emoji: Emoji) -> dict[str, Floats]:
    """The two kernels, of names and of glyphs."""
    glyphs = np.stack([glyph_features(picture) for picture in emoji.pictures])
    return {"name": kernel(name_features(emoji.names)), "glyph": kernel(glyphs)}
