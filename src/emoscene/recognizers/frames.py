"""How a box is written for a model: every family was trained on coordinates of its own.

A frame turns a box in pixels of the picture into the numbers that a model knows, and back. A wrong frame is never an
error: the model silently answers about somebody else. So there is one class a frame, and each is tested there and back.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from emoscene.types import BoundingBox

__all__ = ["Frame", "PaddedUnit", "ResizedPixels", "Thousandths", "Unit", "frame_of"]

Size = tuple[int, int]


class Frame(ABC):
    """Coordinates of one kind. Sizes are (width, height) in pixels of the picture that the model is given."""

    @abstractmethod
    def numbers(self, box: BoundingBox, size: Size) -> tuple[float, float, float, float]:
        """The box x1, y1, x2, y2 in this frame."""

    @abstractmethod
    def box(self, numbers: Sequence[float], size: Size) -> BoundingBox:
        """The box in pixels of the picture: the inverse of `numbers`, up to their rounding."""

    def text(self, box: BoundingBox, size: Size) -> str:
        """The box as it is written into a prompt, such as `[120, 40, 380, 900]`."""
        return "[" + ", ".join(f"{n:g}" for n in self.numbers(box, size)) + "]"


@dataclass(frozen=True)
class Unit(Frame):
    """Shares of the picture's width and height from 0 to 1, two decimals: what models without a frame of their own
    understand best."""

    def numbers(self, box: BoundingBox, size: Size) -> tuple[float, float, float, float]:
        wide, high = size
        return _four(round(v / s, 2) for v, s in zip(box.as_tuple(), (wide, high, wide, high), strict=True))

    def box(self, numbers: Sequence[float], size: Size) -> BoundingBox:
        wide, high = size
        return _box(n * s for n, s in zip(numbers, (wide, high, wide, high), strict=True))


@dataclass(frozen=True)
class PaddedUnit(Frame):
    """Shares of the square that the picture is centred in, from 0 to 1, two decimals (LLaVA-1.5)."""

    def numbers(self, box: BoundingBox, size: Size) -> tuple[float, float, float, float]:
        side, left, top = _square(size)
        offsets = (left, top, left, top)
        return _four(round((v + o) / side, 2) for v, o in zip(box.as_tuple(), offsets, strict=True))

    def box(self, numbers: Sequence[float], size: Size) -> BoundingBox:
        side, left, top = _square(size)
        return _box(n * side - o for n, o in zip(numbers, (left, top, left, top), strict=True))


@dataclass(frozen=True)
class Thousandths(Frame):
    """Whole thousandths of the picture's width and height (Qwen2-VL, Qwen3-VL, InternVL)."""

    def numbers(self, box: BoundingBox, size: Size) -> tuple[float, float, float, float]:
        wide, high = size
        return _four(
            round(1000 * v / s) for v, s in zip(box.as_tuple(), (wide, high, wide, high), strict=True)
        )

    def box(self, numbers: Sequence[float], size: Size) -> BoundingBox:
        wide, high = size
        return _box(n * s / 1000 for n, s in zip(numbers, (wide, high, wide, high), strict=True))


@dataclass(frozen=True)
class ResizedPixels(Frame):
    """Whole pixels of the picture as the model's processor resizes it (Qwen2.5-VL).

    `resized` tells the (width, height) that a picture of some (width, height) becomes.
    """

    resized: Callable[[Size], Size]

    def numbers(self, box: BoundingBox, size: Size) -> tuple[float, float, float, float]:
        (wide, high), (new_wide, new_high) = size, self.resized(size)
        x, y = new_wide / wide, new_high / high
        return _four(round(v * s) for v, s in zip(box.as_tuple(), (x, y, x, y), strict=True))

    def box(self, numbers: Sequence[float], size: Size) -> BoundingBox:
        (wide, high), (new_wide, new_high) = size, self.resized(size)
        x, y = wide / new_wide, high / new_high
        return _box(n * s for n, s in zip(numbers, (x, y, x, y), strict=True))


#: Sources: the families' own grounding examples. LLaVA-1.5: the boxes of its training data refer to the padded square.
_THOUSANDTHS = frozenset({"qwen2_vl", "qwen3_vl", "qwen3_vl_moe", "qwen3_5", "qwen3_5_moe", "internvl"})
_PADDED = frozenset({"llava", "vipllava"})


def frame_of(model_type: str, processor: Any) -> Frame:
    """The frame of a family. Those without a documented one get `Unit`."""
    if model_type in _THOUSANDTHS:
        return Thousandths()
    images = processor.image_processor
    if model_type in _PADDED and (
        getattr(images, "do_center_crop", False) or getattr(images, "do_pad", False)
    ):
        return PaddedUnit()
    if model_type == "qwen2_5_vl":
        return ResizedPixels(_qwen_resize(images))
    return Unit()


def _qwen_resize(images: Any) -> Callable[[Size], Size]:
    smart_resize = sys.modules[type(images).__module__].smart_resize
    limits = dict(images.size)

    def resized(size: Size) -> Size:
        wide, high = size
        new_high, new_wide = smart_resize(
            high, wide, factor=images.patch_size * images.merge_size,
            min_pixels=limits["shortest_edge"], max_pixels=limits["longest_edge"],
        )  # fmt: skip
        return int(new_wide), int(new_high)

    return resized


def _square(size: Size) -> tuple[int, int, int]:
    """Side of the square, and where the picture's left and upper edge stand in it."""
    wide, high = size
    side = max(wide, high)
    return side, (side - wide) // 2, (side - high) // 2


def _four(values: Any) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = values
    return (x1, y1, x2, y2)


def _box(values: Any) -> BoundingBox:
    x1, y1, x2, y2 = values
    return BoundingBox(x1=x1, y1=y1, x2=x2, y2=y2)
