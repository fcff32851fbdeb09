"""Regions: what is drawn or painted lies where the box says, and nothing else changes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from emoscene.errors import BoxError, OptionError
from emoscene.images import crop, mask, numbered_marks, open_picture, red_box
from emoscene.images.regions import line_width
from emoscene.types import BoundingBox

RNG = np.random.default_rng(0)
# Without pure red, so that what is drawn can be told from what was there.
PIXELS = RNG.integers(0, 200, (60, 80, 3), dtype=np.uint8)
PICTURE = open_picture(PIXELS)


def box(*corners: float) -> BoundingBox:
    return BoundingBox.model_validate(corners)


@st.composite
def boxes(draw: st.DrawFn) -> BoundingBox:
    x1, y1 = draw(st.floats(-10, 75)), draw(st.floats(-10, 55))
    return box(x1, y1, draw(st.floats(max(x1, 0) + 2.5, 95)), draw(st.floats(max(y1, 0) + 2.5, 75)))


def inside(of: BoundingBox) -> npt.NDArray[np.bool_]:
    y, x = np.mgrid[:60, :80]
    return np.asarray((x + 1 > of.x1) & (x < of.x2) & (y + 1 > of.y1) & (y < of.y2), dtype=np.bool_)


@settings(max_examples=60, deadline=None)
@given(of=boxes())
def test_a_red_box_stays_in_the_box_and_reaches_its_edges(of: BoundingBox) -> None:
    drawn = np.asarray(red_box(PICTURE, of))
    changed = (drawn != PIXELS).any(axis=2)
    assert not (changed & ~inside(of)).any()
    red = (drawn == (255, 0, 0)).all(axis=2)
    assert np.array_equal(red, changed)
    ys, xs = np.nonzero(inside(of))
    for edge in (red[ys.min(), xs], red[ys.max(), xs], red[ys, xs.min()], red[ys, xs.max()]):
        assert edge.all()
    assert np.array_equal(PICTURE.array, PIXELS)


@pytest.mark.parametrize("size", [(112, 80), (640, 425), (4000, 3000), (900, 2000)])
def test_the_line_is_visible_when_scaled_down_to_112_pixels(size: tuple[int, int]) -> None:
    image = Image.new("RGB", size, (90, 120, 90))
    drawn = red_box(image, box(size[0] * 0.25, size[1] * 0.25, size[0] * 0.75, size[1] * 0.75))
    scale = 112 / max(size)
    small = np.asarray(
        drawn.resize((round(size[0] * scale), round(size[1] * scale)), Image.Resampling.BICUBIC)
    )
    middle = small[small.shape[0] // 2].astype(int)
    redness = middle[:, 0] - middle[:, 1]
    left, right = redness[: len(redness) // 2].max(), redness[len(redness) // 2 :].max()
    assert min(left, right) > 120
    assert line_width(image) >= 2


def test_crop_with_and_without_margin() -> None:
    assert np.array_equal(np.asarray(crop(PICTURE, box(10, 20, 30, 50))), PIXELS[20:50, 10:30])
    assert np.array_equal(np.asarray(crop(PICTURE, box(10, 20, 30, 50), 0.5)), PIXELS[5:60, 0:40])
    assert np.array_equal(np.asarray(crop(PICTURE, box(10, 20, 30, 50), -0.25)), PIXELS[27:43, 15:25])
    assert np.array_equal(np.asarray(crop(PICTURE.image, box(9.5, 20, 30.2, 50))), PIXELS[20:50, 9:31])
    for margin in (float("nan"), float("inf"), -0.5):
        with pytest.raises(OptionError):
            crop(PICTURE, box(10, 20, 30, 50), margin)
    with pytest.raises(BoxError):
        crop(PICTURE, box(100, 20, 130, 50))


@settings(max_examples=30, deadline=None)
@given(of=boxes(), outside=st.booleans(), fill=st.sampled_from(["grey", "mean", (1, 2, 3)]))
def test_a_mask_hides_exactly_the_box_or_all_but_it(
    of: BoundingBox, outside: bool, fill: str | tuple[int, int, int]
) -> None:
    masked = np.asarray(mask(PICTURE, of, fill, outside=outside))
    hidden = ~inside(of) if outside else inside(of)
    assert np.array_equal(masked[~hidden], PIXELS[~hidden])
    mean = tuple(round(float(v)) for v in PIXELS.reshape(-1, 3).mean(axis=0))
    wanted = {"grey": (128, 128, 128), "mean": mean}.get(fill, fill) if isinstance(fill, str) else fill
    assert (masked[hidden] == wanted).all()


def test_a_blur_takes_the_detail_away() -> None:
    masked = np.asarray(mask(PICTURE, box(20, 10, 60, 50), "blur")).astype(float)
    assert masked[15:45, 25:55].std() < PIXELS[15:45, 25:55].std() / 4
    assert np.array_equal(masked[:10], PIXELS[:10])


def test_unknown_fills_are_refused() -> None:
    for fill in ("Grey", "", (1, 2), (1, 2, 256), (1.0, 2, 3)):
        with pytest.raises(OptionError, match="'grey', 'mean', 'blur'"):
            mask(PICTURE, box(10, 10, 20, 20), fill)  # type: ignore[arg-type]


def test_numbered_marks_number_in_the_order_given() -> None:
    people = [box(0, 0, 30, 30), box(40, 20, 79, 59)]
    one, other = (np.asarray(numbered_marks(PICTURE, order)) for order in (people, people[::-1]))
    assert not np.array_equal(one, other)
    # The tag of each mark lies at the upper left corner of its box, white on red.
    for of in people:
        corner = one[int(of.y1) : int(of.y1) + 12, int(of.x1) : int(of.x1) + 10].astype(int)
        assert ((corner[:, :, 0] > 240) & (corner[:, :, 1] > 200)).any()
        assert (corner == (255, 0, 0)).all(axis=2).mean() > 0.4
    # At the lower right corner the tag is moved into the picture.
    edge = np.asarray(numbered_marks(PICTURE, [box(76, 56, 80, 60)]))
    assert (edge[-12:, -10:] == (255, 0, 0)).all(axis=2).mean() > 0.4
    assert np.array_equal(np.asarray(numbered_marks(PICTURE, [])), PIXELS)
