"""Faces by YuNet, a small face detector, through onnxruntime.

The picture goes in as BGR from 0 to 255, scaled to fit 640 x 640 with its aspect kept, at the top left, black
elsewhere. For every cell of three grids (strides 8, 16 and 32 pixels) the network gives two shares, whose
geometric mean is the score, and a box relative to the cell: the centre's offset and the logarithm of the
size, in strides.

Source: Wu, Peng, Yu: YuNet: A Tiny Millisecond-level Face Detector (Machine Intelligence Research, 2023).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from emoscene.people.detector import Reals, best_of_overlapping, persons
from emoscene.people.onnx_files import KnownFile, OnnxLayout, Shape, open_onnx
from emoscene.types import Person, Picture

__all__ = ["YUNET", "YuNet"]

_SIDE = 640
_STRIDES = (8, 16, 32)
_SIZES = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}


def _outputs() -> dict[str, Shape]:
    return {
        f"{part}_{stride}": (1, (_SIDE // stride) ** 2, size)
        for part, size in _SIZES.items()
        for stride in _STRIDES
    }


YUNET = OnnxLayout(
    what="YuNet face detector",
    known=(
        KnownFile(
            sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
            name="face_detection_yunet_2023mar.onnx",
            licence="MIT",
            source="https://github.com/opencv/opencv_zoo/tree/main/models/face_detection_yunet",
        ),
        KnownFile(
            sha256="25a606a145a5b6d7271ae138fbd00eba91dad8b83222ae3f2c7ecd0f4a7b0e31",
            name="yunet_n_640_640.onnx",
            licence="Apache-2.0",
            source="https://github.com/ShiqiYu/libfacedetection.train",
        ),
    ),
    inputs={"input": (1, 3, _SIDE, _SIDE)},
    outputs=_outputs(),
)


class YuNet:
    """A face detector; the box of a `Person` it finds is that of the face.

    Args:
        path: The network's .onnx file.
        score: Faces below this score (0 to 1) are left out.
        overlap: Of faces that overlap more than this (intersection over union) the better one stays.
        allow_unknown_hash: See `open_onnx`.
    """

    def __init__(
        self, path: str | Path, *, score: float = 0.6, overlap: float = 0.3, allow_unknown_hash: bool = False
    ) -> None:
        self._network = open_onnx(path, YUNET, allow_unknown_hash=allow_unknown_hash)
        self._score = score
        self._overlap = overlap

    def detect(self, picture: Picture) -> list[Person]:
        """The faces in the picture, clamped to it, named from left to right."""
        scale = _SIDE / max(picture.width, picture.height)
        boxes, scores = self.faces(letterbox(picture.image, scale))
        return persons(boxes / np.float32(scale), scores, picture)

    def faces(self, pixels: npt.NDArray[np.uint8]) -> tuple[Reals, Reals]:
        """Boxes (n, 4) as x1, y1, x2, y2 and scores (n,) in RGB pixels of shape (640, 640, 3), best first."""
        planes = np.ascontiguousarray(pixels[:, :, ::-1].transpose(2, 0, 1)[None].astype(np.float32))
        raw = self._network.run(planes)
        grids = [_decoded(raw, stride) for stride in _STRIDES]
        boxes = np.concatenate([boxes for boxes, _ in grids])
        scores = np.concatenate([scores for _, scores in grids])
        good = scores >= self._score
        boxes, scores = boxes[good], scores[good]
        kept = best_of_overlapping(boxes, scores, self._overlap)
        return boxes[kept], scores[kept]


def letterbox(image: Image.Image, scale: float) -> npt.NDArray[np.uint8]:
    """The picture scaled, at the top left of a black square of 640 pixels, as uint8 RGB."""
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    square = Image.new("RGB", (_SIDE, _SIDE))
    square.paste(image.resize(size, Image.Resampling.BILINEAR), (0, 0))
    return np.asarray(square)


def _decoded(raw: dict[str, Reals], stride: int) -> tuple[Reals, Reals]:
    share = np.clip(raw[f"cls_{stride}"][0, :, 0], 0, 1) * np.clip(raw[f"obj_{stride}"][0, :, 0], 0, 1)
    x, y, log_w, log_h = raw[f"bbox_{stride}"][0].T
    cells = _SIDE // stride
    row, column = np.divmod(np.arange(cells * cells, dtype=np.float32), np.float32(cells))
    centre_x, centre_y = (column + x) * stride, (row + y) * stride
    # Bounded, so that a wild output gives a box as large as the picture and not an overflow.
    half_w, half_h = (np.exp(np.minimum(v, 8)) * stride / 2 for v in (log_w, log_h))
    corners = (centre_x - half_w, centre_y - half_h, centre_x + half_w, centre_y + half_h)
    return np.stack(corners, axis=1).astype(np.float32), np.sqrt(share).astype(np.float32)
