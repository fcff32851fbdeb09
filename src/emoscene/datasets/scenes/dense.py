"""Dense targets: what each cell of a grid over the picture shows. Free supervision for a vision tower."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from emoscene.datasets.scenes.appraisal import AGES, EXPRESSIONS, MARKS, POSES, SLOTS, tables
from emoscene.datasets.scenes.draw import prop_box
from emoscene.datasets.scenes.scene import Box, Scene

# Classes of each target; 0 always means that the cell shows none.
DENSE_CLASSES: dict[str, int] = {
    "setting": len(tables().settings) + 1,
    "prop": len(tables().events) + 1,
    "role": len(MARKS) + 1,
    "pose": len(POSES) + 1,
    "age": len(AGES) + 1,
    "person": SLOTS + 1,
    "expression": len(EXPRESSIONS) + 1,
    "head": SLOTS + 1,
}


def dense_targets(scene: Scene, grid: int = 7) -> dict[str, npt.NDArray[np.int64]]:
    """Integer maps (grid, grid), rows from the top, under the keys of `DENSE_CLASSES`.

    `setting` fills cells with neither prop nor person; `prop` is the event's prop; `role` (the mark), `pose`,
    `age` and `person` (index + 1) fill the body, `expression` and `head` (index + 1) the head; who stands in
    front wins.
    """
    maps = {name: np.zeros((grid, grid), np.int64) for name in DENSE_CLASSES}
    maps["setting"][:] = tables().settings.index(scene.setting) + 1
    rows, columns = _cells(prop_box(scene), grid)
    maps["prop"][rows, columns] = tables().events.index(scene.event) + 1
    maps["setting"][rows, columns] = 0
    for i, actor in enumerate(scene.people):
        x1, y1, x2, _ = actor.head
        body = _cells((x1, y1, x2, actor.box[3]), grid)
        for name in maps:
            maps[name][body] = 0
        values = {
            "role": MARKS.index(actor.mark), "pose": POSES.index(actor.pose), "age": AGES.index(actor.age), "person": i,
        }  # fmt: skip
        for name, value in values.items():
            maps[name][body] = value + 1
        head = _cells(actor.head, grid)
        maps["expression"][head] = EXPRESSIONS.index(actor.expression) + 1
        maps["head"][head] = i + 1
    return maps


def _cells(box: Box, grid: int) -> tuple[slice, slice]:
    """The cells whose middle lies in the box, at least the one that holds the box's middle."""

    def span(low: float, high: float) -> slice:
        first = int(np.ceil(low * grid - 0.5))
        last = int(np.floor(high * grid - 0.5))
        if last < first:
            first = last = min(int((low + high) / 2 * grid), grid - 1)
        return slice(max(first, 0), min(last + 1, grid))

    return span(box[1], box[3]), span(box[0], box[2])
