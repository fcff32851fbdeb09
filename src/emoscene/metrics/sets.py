"""How often chosen labels are right."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

__all__ = ["accuracy"]


def accuracy(truth: Sequence[Hashable], predicted: Sequence[Hashable | None]) -> float:
    """The share of rows whose one predicted label is the true one.

    Args:
        truth: The true label of each row.
        predicted: The predicted label of each row; None (no answer) counts as wrong.

    Returns:
        A number from 0 to 1, or nan if there is no row.

    Raises:
        ValueError: if the two differ in length.
    """
    if len(truth) != len(predicted):
        raise ValueError(f"one prediction a row is needed: {len(predicted)} for {len(truth)} rows")
    if not truth:
        return float("nan")
    right = sum(true == said for true, said in zip(truth, predicted, strict=True) if said is not None)
    return right / len(truth)
