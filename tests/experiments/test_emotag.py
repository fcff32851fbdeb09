"""The EmoTag table: figures, folds, and the command on a small file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from experiments.emotag.features import glyph_features
from experiments.emotag.table import ROWS, Emoji, figures, left_out, make_table, read_emoji
from PIL import Image, ImageDraw

from emoscene.datasets.emotag_glyphs import USUAL_FONTS
from emoscene.metrics.interval import Resampling


def _emoji(n: int = 60) -> tuple[Emoji, dict[str, np.ndarray]]:
    """Emoji whose strengths follow from their names; glyphs are noise."""
    rng = np.random.default_rng(0)
    names = rng.normal(size=(n, 4))
    strengths = np.clip(0.5 + 0.1 * names @ rng.normal(size=(4, 3)), 0, 1)
    fold = np.arange(n) % 10 + 1
    noise = rng.normal(size=(n, 50))
    kernels = {"name": names @ names.T / 4, "glyph": noise @ noise.T / 50}
    return Emoji([str(i) for i in range(n)], ["a", "b", "c"], strengths, fold, []), kernels


def test_figures_of_a_perfect_answer_and_of_the_mean() -> None:
    truth = np.random.default_rng(0).random((20, 3))
    assert figures(truth, truth) == {"r": pytest.approx(1), "explained": 1, "rmse": 0}
    mean = np.tile(truth.mean(axis=0), (20, 1))
    found = figures(truth, mean)
    assert found["explained"] == pytest.approx(0)
    assert np.isnan(found["r"])


def test_what_tells_is_found_and_noise_is_not() -> None:
    emoji, kernels = _emoji()
    said = left_out(emoji, kernels)
    assert set(said) == set(ROWS)
    lines, differences = make_table(emoji.strengths, said, Resampling(200))
    by_row = {line.row: line for line in lines}
    assert by_row["name"].values["r"] > 0.9
    assert by_row["glyph"].intervals["explained"].low < 0.05
    assert "r" not in by_row["mean"].values
    assert differences["name - glyph"].low > 0


def test_an_emoji_is_never_among_those_that_speak_of_it() -> None:
    emoji, kernels = _emoji()
    said = left_out(emoji, kernels)
    changed = emoji.strengths.copy()
    changed[emoji.fold == 3] = 9.0
    again = left_out(Emoji(emoji.names, emoji.emotions, changed, emoji.fold, []), kernels)
    for row in ROWS:
        np.testing.assert_array_equal(said[row][emoji.fold == 3], again[row][emoji.fold == 3])
        assert not np.array_equal(said[row][emoji.fold != 3], again[row][emoji.fold != 3])


def test_glyphs_differ_by_colour_and_by_edges() -> None:
    def drawn(colour: str, box: tuple[int, int, int, int]) -> np.ndarray:
        picture = Image.new("RGB", (100, 100), "white")
        ImageDraw.Draw(picture).rectangle(box, fill=colour)
        return glyph_features(picture)

    same, other_colour, other_shape = (
        drawn("red", (20, 20, 80, 80)),
        drawn("blue", (20, 20, 80, 80)),
        drawn("red", (45, 5, 55, 95)),
    )
    assert same.shape == other_shape.shape
    assert np.isfinite(same).all()
    colours = slice(0, 108)
    assert np.abs(same[colours] - other_colour[colours]).max() > 0.5
    assert np.abs(same[108:] - other_shape[108:]).max() > 0.5


@pytest.mark.skipif(not any(Path(font).is_file() for font in USUAL_FONTS), reason="no font with emoji here")
def test_the_file_is_read_with_folds_and_pictures(reference_data: Path) -> None:
    emoji = read_emoji(reference_data / "emotag1200")
    assert emoji.strengths.shape == (150, 8)
    assert set(emoji.fold.tolist()) == set(range(1, 11))
    assert len(emoji.pictures) == len(set(emoji.names)) == 150
