"""A figure, or why there is none."""

from __future__ import annotations

import math
from typing import NamedTuple

__all__ = ["Figure"]


class Figure(NamedTuple):
    """A number; where it is undefined, nan and the reason.

    `reason` is set exactly where `value` is nan: what is undefined is never 0.
    """

    value: float
    reason: str | None = None

    @classmethod
    def of(cls, value: float, why_undefined: str) -> Figure:
        """The number, or nan with the reason."""
        return cls(float("nan"), why_undefined) if math.isnan(value) else cls(float(value))
