from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from emoscene.images import open_picture
from emoscene.labels import LabelSpace
from emoscene.render.overlay import overlay, overlay_size
from emoscene.types import BoundingBox, Picture, Status
from tests.render.conftest import failed, prediction


@pytest.mark.parametrize(
    ("size", "drawn"),
    [
        ((200, 150), (1000, 750)),
        ((640, 425), (1000, 664)),
        ((1500, 900), (1500, 900)),
        ((8000, 4000), (2000, 1000)),
        ((2, 3000), (1, 2000)),
    ],
)
def test_size(size: tuple[int, int], drawn: tuple[int, int], emotic: LabelSpace) -> None:
    assert overlay_size(*size) == drawn
    picture = open_picture(Image.new("RGB", size))
    assert overlay(picture, [prediction(box=None)], emotic).size == drawn


def changed(picture: Picture, image: Image.Image) -> npt.NDArray[np.bool_]:
    """Which pixels differ from the plain picture at the same size."""
    plain = np.asarray(picture.image.resize(image.size, Image.Resampling.LANCZOS)).astype(int)
    return np.asarray(np.abs(np.asarray(image).astype(int) - plain).max(axis=2) > 8)


def test_the_box_is_drawn_where_it_is(picture: Picture, emotic: LabelSpace) -> None:
    row = prediction(box=BoundingBox(x1=20, y1=30, x2=90, y2=140))
    where = changed(picture, overlay(picture, [row], emotic))
    x1, y1, x2, y2 = 100, 150, 449, 699
    assert where[y1 + 1, x1:x2].all()
    assert where[y2 - 1, x1:x2].all()
    assert where[y1:y2, x1 + 1].all()
    assert where[y1:y2, x2 - 1].all()
    assert not where[y1 + 20 : y2 - 20, x1 + 20 : x2 - 20].any(), (
        "the panel hides the person, with room beside"
    )


def test_the_picture_itself_stays_as_it_was(picture: Picture, emotic: LabelSpace) -> None:
    before = picture.array.copy()
    overlay(picture, [prediction()], emotic)
    assert np.array_equal(picture.array, before)


def test_panels_of_two_people_do_not_cover_each_other_or_their_heads(emotic: LabelSpace) -> None:
    picture = open_picture(Image.new("RGB", (1200, 700), (90, 120, 90)))
    boxes = [BoundingBox(x1=50, y1=60, x2=550, y2=690), BoundingBox(x1=620, y1=60, x2=1150, y2=690)]
    drawn = overlay(picture, [prediction(box=box) for box in boxes], emotic)
    where = changed(picture, drawn)
    for box in boxes:
        x1, y1, x2, y2 = (int(c) for c in box.as_tuple())
        head = where[y1 + 60 : y1 + (y2 - y1) * 2 // 5 - 10, x1 + 60 : x2 - 20]
        assert not head.any()
    both = [overlay(picture, [prediction(box=box)], emotic) for box in boxes]
    assert changed(picture, drawn).sum() > 0.8 * sum(changed(picture, one).sum() for one in both)


@pytest.mark.parametrize("size", [(2, 2), (600, 20), (20, 600), (64, 64)])
@pytest.mark.parametrize("people", [1, 2, 7])
def test_small_and_narrow_pictures(size: tuple[int, int], people: int, emotic: LabelSpace) -> None:
    picture = open_picture(Image.new("RGB", size, (90, 120, 90)))
    rows = [prediction(box=BoundingBox(x1=0, y1=0, x2=size[0], y2=size[1])) for _ in range(people)]
    drawn = overlay(picture, rows, emotic)
    assert drawn.size == overlay_size(*size)
    assert changed(picture, drawn).any()


def test_rows_that_are_not_ok_show_their_status(picture: Picture) -> None:
    plain = overlay(picture, [])
    drawn = overlay(picture, [failed(Status.OUT_OF_DOMAIN)])
    assert not np.array_equal(np.asarray(plain), np.asarray(drawn))


def test_labels_without_their_space_show_ids(picture: Picture) -> None:
    assert overlay(picture, [prediction(label_space="somebody's own")], None).size == (1000, 750)
