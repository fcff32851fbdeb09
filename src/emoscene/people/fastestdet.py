"""People by FastestDet, a one-megabyte detector of the 80 COCO classes, through onnxruntime.

The picture goes in as BGR from 0 to 1, stretched to 352 x 352. For every cell of a 22 x 22 grid the
network gives a share that something is there, four numbers for its box, and shares of the 80 classes, of
which person is the first. The score is `object^0.6 x class^0.4`; the centre lies at `(cell + tanh) / 22`,
the size is `sigmoid`, both as shares of the picture.

Source: https://github.com/dog-qiuqiu/FastestDet (BSD-3-Clause).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from emoscene.people.detector import Reals, best_of_overlapping, persons
from emoscene.people.onnx_files import KnownFile, OnnxLayout, open_onnx
from emoscene.types import Person, Picture

__all__ = ["FASTESTDET", "FastestDet"]

_SIDE = 352
_CELLS = 22
_PERSON = 0

FASTESTDET = OnnxLayout(
    what="FastestDet person detector",
    known=(
        KnownFile(
            sha256="31cb14c017fce347cb4c846ec62fdf00d76bb3beecdf4be21e7116ac67feb880",
            name="FastestDet.onnx",
            licence="BSD-3-Clause",
            source="https://github.com/dog-qiuqiu/FastestDet",
        ),
    ),
    inputs={"input.1": (1, 3, _SIDE, _SIDE)},
    outputs={"758": (1, 85, _CELLS, _CELLS)},
)


class FastestDet:
    """A person detector.

    Args:
        path: The network's .onnx file.
        score: People below this score (0 to 1) are left out.
        overlap: Of boxes that overlap more than this (intersection over union) the better one stays.
        allow_unknown_hash: See `open_onnx`.
    """

    def __init__(
        self, path: str | Path, *, score: float = 0.6, overlap: float = 0.45, allow_unknown_hash: bool = False
    ) -> None:
        self._network = open_onnx(path, FASTESTDET, allow_unknown_hash=allow_unknown_hash)
        self._score = score
        self._overlap = overlap

    def detect(self, picture: Picture) -> list[Person]:
        """The people in the picture, clamped to it, named from left to right."""
        (raw,) = self._network.run(_stretched(picture.image)).values()
        boxes, scores = _people(raw[0])
        good = scores >= self._score
        boxes, scores = boxes[good], scores[good]
        kept = best_of_overlapping(boxes, scores, self._overlap)
        size = np.array([picture.width, picture.height] * 2, np.float32)
        return persons(boxes[kept] * size, scores[kept], picture)


def _stretched(image: Image.Image) -> npt.NDArray[np.float32]:
    pixels = np.asarray(image.resize((_SIDE, _SIDE), Image.Resampling.BILINEAR))
    return np.ascontiguousarray(pixels[:, :, ::-1].transpose(2, 0, 1)[None].astype(np.float32) / 255)


def _people(raw: Reals) -> tuple[Reals, Reals]:
    """Boxes (n, 4) in shares of the picture and scores (n,) of the cells whose best class is person."""
    something, box, classes = raw[0], raw[1:5], raw[5:]
    row, column = np.mgrid[:_CELLS, :_CELLS].astype(np.float32)
    is_person = classes.argmax(axis=0) == _PERSON
    scores = np.clip(something, 0, 1) ** 0.6 * np.clip(classes[_PERSON], 0, 1) ** 0.4
    centre_x, centre_y = (column + np.tanh(box[0])) / _CELLS, (row + np.tanh(box[1])) / _CELLS
    half_w, half_h = (1 / (1 + np.exp(-np.clip(v, -30, 30))) / 2 for v in (box[2], box[3]))
    corners = (centre_x - half_w, centre_y - half_h, centre_x + half_w, centre_y + half_h)
    boxes = np.stack([corner[is_person] for corner in corners], axis=1)
    return boxes.astype(np.float32), scores[is_person].astype(np.float32)
