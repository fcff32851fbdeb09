"""What next-token logits say: the share of yes, the expected level, the mass on allowed answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["expected_level", "log_probabilities", "yes_share"]

Floats = npt.NDArray[np.floating]


def yes_share(logits: Floats, yes: Sequence[int], no: Sequence[int]) -> tuple[float, float]:
    """The share of yes among yes and no, and the probability mass that fell on either; both 0 to 1.

    Args:
        logits: Next-token logits of shape (vocabulary,).
        yes, no: Token ids of the spellings of each answer.
    """
    log_yes, log_no, log_all = _mass(logits, yes), _mass(logits, no), _mass(logits, None)
    share = 1.0 / (1.0 + np.exp(np.clip(log_no - log_yes, -700, 700)))
    return float(share), float(np.exp(np.logaddexp(log_yes, log_no) - log_all))


def expected_level(logits: Floats, levels: Sequence[Sequence[int]], first: int = 1) -> tuple[float, float]:
    """The mean of ordered levels under the model's shares, and the mass that fell on them.

    Args:
        logits: Next-token logits of shape (vocabulary,).
        levels: Token ids of the spellings of level `first`, `first + 1`, and so on.
    """
    logs = np.array([_mass(logits, ids) for ids in levels])
    top = float(logs.max())
    weights = np.exp(logs - top)
    mean = float((weights * np.arange(first, first + len(levels))).sum() / weights.sum())
    return mean, float(np.exp(top + np.log(weights.sum()) - _mass(logits, None)))


def log_probabilities(logits: Floats) -> npt.NDArray[np.float64]:
    """Log-probabilities, natural, along the last axis of logits of any shape."""
    values = np.asarray(logits, dtype=np.float64)
    shifted = values - values.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def _mass(logits: Floats, ids: Sequence[int] | None) -> float:
    chosen = np.asarray(logits if ids is None else logits[list(ids)], dtype=np.float64)
    top = float(chosen.max())
    return top + float(np.log(np.exp(chosen - top).sum()))
