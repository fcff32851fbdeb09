"""Every family's frame, there and back, through resizing and padding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from emoscene.recognizers.frames import (
    Frame,
    PaddedUnit,
    ResizedPixels,
    Thousandths,
    Unit,
    frame_of,
)
from emoscene.recognizers.loading import load_processor
from emoscene.recognizers.pointing import _padded
from emoscene.types import BoundingBox
from tests.tiny_vlms import save_tiny_vlm

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

#: Each frame with how far rounding may move an edge, as a share of the picture's longer side.
FRAMES: list[tuple[Frame, float]] = [
    (Unit(), 0.0051),
    (PaddedUnit(), 0.0051),
    (Thousandths(), 0.00051),
    (ResizedPixels(lambda size: (round(size[0] / 28) * 28 or 28, round(size[1] / 28) * 28 or 28)), 0.02),
]


@st.composite
def pictures(draw: st.DrawFn) -> tuple[BoundingBox, tuple[int, int]]:
    wide, high = draw(st.integers(60, 4000)), draw(st.integers(60, 4000))
    x = sorted(draw(st.lists(st.integers(0, wide), min_size=2, max_size=2, unique=True)))
    y = sorted(draw(st.lists(st.integers(0, high), min_size=2, max_size=2, unique=True)))
    return BoundingBox(x1=x[0], y1=y[0], x2=x[1], y2=y[1]), (wide, high)


@pytest.mark.parametrize(("frame", "tolerance"), FRAMES, ids=lambda v: type(v).__name__)
@given(given_box=pictures())
def test_there_and_back(
    frame: Frame, tolerance: float, given_box: tuple[BoundingBox, tuple[int, int]]
) -> None:
    box, size = given_box
    numbers = frame.numbers(box, size)
    if numbers[0] == numbers[2] or numbers[1] == numbers[3]:
        return  # Narrower than the frame's smallest step.
    back = frame.box(numbers, size)
    for before, after in zip(box.as_tuple(), back.as_tuple(), strict=True):
        assert abs(before - after) <= tolerance * max(size) + 1e-9


def test_known_numbers() -> None:
    box = BoundingBox(x1=100, y1=50, x2=300, y2=200)
    assert Unit().text(box, (400, 200)) == "[0.25, 0.25, 0.75, 1]"
    assert Thousandths().text(box, (400, 200)) == "[250, 250, 750, 1000]"
    # 400 x 200 is centred in 400 x 400: 100 pixels above.
    assert PaddedUnit().text(box, (400, 200)) == "[0.25, 0.38, 0.75, 0.75]"
    assert ResizedPixels(lambda size: (420, 196)).text(box, (400, 200)) == "[105, 49, 315, 196]"


@pytest.mark.parametrize(
    ("family", "kind"),
    [
        ("llava", PaddedUnit),
        ("llava_next", Unit),
        ("qwen2_vl", Thousandths),
        ("qwen2_5_vl", ResizedPixels),
        ("qwen3_vl", Thousandths),
        ("internvl", Thousandths),
        ("smolvlm", Unit),
        ("idefics3", Unit),
    ],
)
def test_families_have_their_own(family: str, kind: type[Frame], tmp_path: Path) -> None:
    processor = load_processor(save_tiny_vlm(tmp_path, family))
    assert isinstance(frame_of(family, processor), kind)


@pytest.mark.parametrize("size", [(80, 60), (33, 200), (640, 480), (17, 19)])
def test_qwen_pixels_are_those_of_its_own_processor(size: tuple[int, int], tmp_path: Path) -> None:
    """The box of a painted rectangle, written in the frame, finds the rectangle in the resized picture."""
    processor = load_processor(save_tiny_vlm(tmp_path, "qwen2_5_vl"))
    frame = frame_of("qwen2_5_vl", processor)
    wide, high = size
    image = Image.new("RGB", size)
    grid = processor.image_processor(images=[image], return_tensors="np")["image_grid_thw"][0]
    patch = processor.image_processor.patch_size
    corner = BoundingBox(x1=0, y1=0, x2=wide, y2=high)
    assert frame.numbers(corner, size) == (0, 0, grid[2] * patch, grid[1] * patch)


def test_padding_moves_pixels_where_the_frame_says() -> None:
    image = Image.new("RGB", (300, 100), (10, 20, 30))
    box = BoundingBox(x1=200, y1=10, x2=260, y2=90)
    image.paste((250, 0, 0), (200, 10, 260, 90))
    square = np.asarray(_padded(image))
    assert square.shape == (300, 300, 3)
    x1, y1, x2, y2 = (round(n * 300) for n in PaddedUnit().numbers(box, (300, 100)))
    red = np.argwhere(square[..., 0] > 200)
    top, left = red.min(axis=0)
    bottom, right = red.max(axis=0) + 1
    assert np.allclose((x1, y1, x2, y2), (left, top, right, bottom), atol=2)
