"""What a detector is, and what all share: letting the best of overlapping boxes stand, and naming."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from emoscene.types import BoundingBox, Person, Picture

__all__ = ["Detector", "best_of_overlapping", "named", "persons"]

Reals = npt.NDArray[np.float32]


class Detector(Protocol):
    """Finds people (or their faces) in a picture."""

    def detect(self, picture: Picture) -> list[Person]:
        """The people, named `p0`, `p1`, ... from left to right; an empty list if nobody is found."""


def named(found: Iterable[tuple[BoundingBox, float | None]]) -> list[Person]:
    """People named `p0`, `p1`, ... by the left edge of their box, then its upper, right and lower edge.

    The same boxes get the same names in whatever order a detector gives them.
    """
    ordered = sorted(found, key=lambda pair: (pair[0].x1, pair[0].y1, pair[0].x2, pair[0].y2))
    return [Person(id=f"p{i}", box=box, score=score) for i, (box, score) in enumerate(ordered)]


def best_of_overlapping(boxes: Reals, scores: Reals, threshold: float) -> list[int]:
    """Non-maximum suppression: indices of the boxes that stay, highest score first.

    Args:
        boxes: x1, y1, x2, y2, of shape (n, 4).
        scores: Of shape (n,).
        threshold: A box goes if its intersection over union with a better one is above this.
    """
    x1, y1, x2, y2 = boxes.T
    areas = np.maximum(x2 - x1, 0) * np.maximum(y2 - y1, 0)
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(int(best))
        wide = np.minimum(x2[best], x2[rest]) - np.maximum(x1[best], x1[rest])
        high = np.minimum(y2[best], y2[rest]) - np.maximum(y1[best], y1[rest])
        shared = np.maximum(wide, 0) * np.maximum(high, 0)
        union = areas[best] + areas[rest] - shared
        order = rest[shared <= threshold * union]
    return kept


def persons(boxes: Reals, scores: Reals, picture: Picture) -> list[Person]:
    """Boxes in pixels of the picture as named people; those that barely touch the picture are left out."""
    found: list[tuple[BoundingBox, float | None]] = []
    for corners, score in zip(boxes.tolist(), scores.tolist(), strict=True):
        x1, y1 = max(0.0, corners[0]), max(0.0, corners[1])
        x2, y2 = min(float(picture.width), corners[2]), min(float(picture.height), corners[3])
        if x2 - x1 >= 2 and y2 - y1 >= 2:
            found.append((BoundingBox(x1=x1, y1=y1, x2=x2, y2=y2), min(max(score, 0.0), 1.0)))
    return named(found)
