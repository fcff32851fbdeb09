"""What set figures could be if the people without an answer had one: from as wrong as can be to perfect."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from emoscene.metrics.sets import label_matrix, set_metrics

__all__ = ["bounds"]


def bounds(
    truth: npt.ArrayLike, chosen: npt.ArrayLike, answered: npt.ArrayLike
) -> dict[str, tuple[float, float]]:
    """The worst and the best value of each set figure over all possible answers of those who have none.

    Perfect answers are the best for every figure: they add a true positive wherever one is possible and nothing else.
    The opposite of the truth is the worst for every figure, since it adds no true positive and every false one. For
    Hamming loss the worst is the highest. An undefined figure is nan.

    Args:
        truth: Shape (n, k), bool or 0/1.
        chosen: Shape (n, k), bool or 0/1.
        answered: Shape (n,), bool: who was answered.

    Raises:
        ValueError: if the shapes differ or an entry is neither 0 nor 1.
    """
    true, said = label_matrix(truth, "truth"), label_matrix(chosen, "chosen")
    known = np.asarray(answered).astype(np.bool_)
    if true.shape != said.shape or known.shape != true.shape[:1]:
        raise ValueError(
            f"truth {true.shape}, chosen {said.shape} and answered {known.shape} must fit together"
        )
    best = set_metrics(true, np.where(known[:, None], said, true)).figures
    worst = set_metrics(true, np.where(known[:, None], said, ~true)).figures
    return {key: (worst[key].value, best[key].value) for key in best}
