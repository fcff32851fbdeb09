"""What is measured of an emoji: its name in a sentence encoder, its glyph in colours and edges."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

__all__ = ["glyph_features", "name_features"]

Floats = npt.NDArray[np.float64]
_SIDE, _CELL, _ANGLES = 48, 8, 8


def name_features(names: Sequence[str]) -> Floats:
    """Unit vectors (n, 384) of all-MiniLM-L6-v2; the name is all that is read.

    Raises:
        ModelNotHereError: if the encoder is not on this machine.
    """
    from emoscene.recognizers.sentences import SentenceEncoder, find_encoder

    encoder = SentenceEncoder(find_encoder(None))
    return np.asarray(encoder.encode([encoder.tokens(name) for name in names]), dtype=np.float64)


def glyph_features(picture: Image.Image) -> Floats:
    """Colours of a coarse grid, and how strongly edges of each direction run through each cell of a finer one."""
    small = picture.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    pixels = np.asarray(small, dtype=np.float64) / 255
    coarse = pixels.reshape(6, _SIDE // 6, 6, _SIDE // 6, 3).mean(axis=(1, 3))
    return np.concatenate([coarse.ravel(), _edges(pixels.mean(axis=2))])


def _edges(grey: Floats) -> Floats:
    """Histograms of gradient directions in cells (after Dalal and Triggs, 2005), each cell's brought to length 1."""
    down, right = np.gradient(grey)
    strength = np.hypot(down, right)
    angle = (np.arctan2(down, right) % np.pi) / np.pi * _ANGLES
    bins = np.minimum(angle.astype(np.int64), _ANGLES - 1)
    cells = _SIDE // _CELL
    found = np.zeros((cells, cells, _ANGLES))
    rows, columns = np.indices(grey.shape) // _CELL
    np.add.at(found, (rows, columns, bins), strength)
    return np.asarray(found / (np.linalg.norm(found, axis=2, keepdims=True) + 0.1)).ravel()
