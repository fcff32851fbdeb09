"""One person as plain arrays, and many as a batch of tensors.

picture + box --views--> squares of uint8, box in shares      words --Words--> ids      --> Example
Example(s) --batched--> Batch, pixels shifted and scaled
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from emoscene.images import regions as drawn
from emoscene.networks.regions import Regions, stacked
from emoscene.networks.shapes import Sight
from emoscene.types import BoundingBox

__all__ = ["Batch", "Example", "batched", "shares_of", "views"]

Pixels = npt.NDArray[np.uint8]
_WHOLE = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class Example:
    """What a network is given of one person; what it is not given is None, and words are then empty.

    Attributes:
        scene, body: (side, side, 3) uint8, the whole picture and the person's crop.
        box: x1, y1, x2, y2 in shares of the picture.
        ids: Tokens, [CLS] and [SEP] among them; empty for networks without words.
        detected: Regions by a detector, a batch of one, in place of pixels.
    """

    scene: Pixels | None = None
    body: Pixels | None = None
    box: tuple[float, float, float, float] = _WHOLE
    ids: tuple[int, ...] = ()
    detected: Regions | None = None


@dataclass(frozen=True)
class Batch:
    """Many examples. `scene` and `body` are (batch, 3, side, side) or None; `ids` is (batch, n), padded with 0, and
    `words` says where there are tokens."""

    boxes: Tensor
    scene: Tensor | None = None
    body: Tensor | None = None
    ids: Tensor = field(default_factory=lambda: torch.zeros(0, 0, dtype=torch.long))
    words: Tensor = field(default_factory=lambda: torch.zeros(0, 0, dtype=torch.bool))
    detected: Regions | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    def to(self, device: str | torch.device) -> Batch:
        """The same on another device."""
        moved = (self.scene, self.body, self.detected)
        scene, body, detected = (None if part is None else part.to(device) for part in moved)
        boxes, ids, words = (part.to(device) for part in (self.boxes, self.ids, self.words))
        return Batch(boxes, scene, body, ids, words, detected)  # type: ignore[arg-type]


def shares_of(box: BoundingBox | None, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """A box in shares of a picture of (width, height); without one, the whole picture."""
    if box is None:
        return _WHOLE
    inside = box.clamp(*size)
    return (inside.x1 / size[0], inside.y1 / size[1], inside.x2 / size[0], inside.y2 / size[1])


def views(image: Image.Image, box: BoundingBox | None, sight: Sight) -> tuple[Pixels | None, Pixels | None]:
    """The whole picture and the person's crop as squares, each None where `sight.view` leaves it out."""
    scene = body = None
    if sight.view != "body":
        whole = drawn.red_box(image, box) if sight.red_box and box is not None else image
        scene = _square(whole, sight.size)
    if sight.view != "scene":
        close = image if box is None else drawn.crop(image, box, sight.margin)
        body = _square(close, sight.body_size or sight.size)
    return scene, body


def _square(image: Image.Image, side: int) -> Pixels:
    fitted = image.convert("RGB").resize((side, side), Image.Resampling.BICUBIC, reducing_gap=3.0)
    return np.asarray(fitted, dtype=np.uint8)


def batched(examples: Sequence[Example], sight: Sight) -> Batch:
    """Examples that were all made for the same network as one batch, on the CPU."""
    longest = max(len(one.ids) for one in examples)
    ids = torch.zeros(len(examples), longest, dtype=torch.long)
    words = torch.zeros(len(examples), longest, dtype=torch.bool)
    for row, one in enumerate(examples):
        ids[row, : len(one.ids)] = torch.tensor(one.ids, dtype=torch.long)
        words[row, : len(one.ids)] = True
    detected = [one.detected for one in examples if one.detected is not None]
    return Batch(
        boxes=torch.tensor([one.box for one in examples], dtype=torch.float32),
        scene=_pixels([one.scene for one in examples], sight.mean, sight.std),
        body=_pixels(
            [one.body for one in examples], sight.body_mean or sight.mean, sight.body_std or sight.std
        ),
        ids=ids,
        words=words,
        detected=stacked(detected, sight.regions) if detected else None,
    )


def _pixels(squares: Sequence[Pixels | None], mean: Sequence[float], std: Sequence[float]) -> Tensor | None:
    given = [square for square in squares if square is not None]
    if not given:
        return None
    # With channels last, the backward pass of a strided 1 x 1 convolution crashes torch 2.13 on several CPU threads.
    pixels = torch.from_numpy(np.stack(given)).permute(0, 3, 1, 2).contiguous().float().div_(255.0)
    shift, scale = (torch.tensor(part).view(1, 3, 1, 1) for part in (mean, std))
    return pixels.sub_(shift).div_(scale)
