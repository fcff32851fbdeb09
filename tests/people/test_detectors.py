"""Detectors on real weights and photographs, held against OpenCV and against known boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emoscene.images import open_picture
from emoscene.people import FastestDet, YuNet
from emoscene.people.yunet import letterbox
from emoscene.types import BoundingBox, Picture

PHOTOS = ["000000000785.jpg", "group.jpeg", "happy-baby.jpeg", "sad-baby.jpeg", "two_people.jpg"]


@pytest.fixture(scope="session")
def yunet_path(reference_data: Path) -> Path:
    return reference_data / "weights/face-detector-yunet/yunet_n_640_640.onnx"


@pytest.fixture(scope="session")
def yunet(yunet_path: Path) -> YuNet:
    return YuNet(yunet_path)


@pytest.fixture(scope="session")
def fastestdet(reference_data: Path) -> FastestDet:
    return FastestDet(reference_data / "weights/person-detector-fastestdet/FastestDet.onnx")


def photo(reference_data: Path, name: str) -> Picture:
    return open_picture(reference_data / "photos" / name)


@pytest.mark.parametrize("name", PHOTOS)
def test_faces_are_those_that_opencv_finds(name: str, reference_data: Path, yunet_path: Path) -> None:
    cv2 = pytest.importorskip("cv2", reason="OpenCV is only needed to compare with it")
    picture = photo(reference_data, name)
    pixels = letterbox(picture.image, 640 / max(picture.width, picture.height))
    reference = cv2.FaceDetectorYN.create(str(yunet_path), "", (640, 640), 0.6, 0.3, 500)
    _, wanted = reference.detect(np.ascontiguousarray(pixels[:, :, ::-1]))
    wanted = wanted[np.argsort(-wanted[:, 14], kind="stable")]

    boxes, scores = YuNet(yunet_path).faces(pixels)
    assert len(boxes) == len(wanted) >= 1
    corners = np.concatenate([wanted[:, :2], wanted[:, :2] + wanted[:, 2:4]], axis=1)
    np.testing.assert_allclose(boxes, corners, atol=0.05)
    np.testing.assert_allclose(scores, wanted[:, 14], atol=1e-4)


def test_faces_of_a_baby_and_of_two_people(reference_data: Path, yunet: YuNet) -> None:
    (baby,) = yunet.detect(photo(reference_data, "happy-baby.jpeg"))
    assert baby.id == "p0"
    assert baby.score is not None
    assert baby.score > 0.8
    left, right = yunet.detect(photo(reference_data, "two_people.jpg"))
    assert (left.id, right.id) == ("p0", "p1")
    assert left.box.x1 < right.box.x1


def test_people_lie_where_the_annotation_says(reference_data: Path, fastestdet: FastestDet) -> None:
    picture = photo(reference_data, "000000000785.jpg")
    (skier,) = fastestdet.detect(picture)
    # COCO's own box of this photograph: x, y, width, height = 281, 45, 219, 347.
    assert skier.box.iou(BoundingBox(x1=281, y1=45, x2=500, y2=392)) > 0.7
    people = fastestdet.detect(photo(reference_data, "two_people.jpg"))
    assert len(people) == 2
    for name in PHOTOS:
        picture = photo(reference_data, name)
        for person in fastestdet.detect(picture):
            assert person.box.clamp(picture.width, picture.height) == person.box


def test_nobody_in_noise_and_in_nothing(yunet: YuNet, fastestdet: FastestDet) -> None:
    rng = np.random.default_rng(0)
    for pixels in (
        np.zeros((64, 64, 3), np.uint8),
        rng.integers(0, 256, (480, 640, 3), dtype=np.uint8),
        np.full((2, 3000, 3), 255, np.uint8),
    ):
        assert yunet.detect(open_picture(pixels)) == []
        assert fastestdet.detect(open_picture(pixels)) == []


def test_the_same_picture_gives_the_same_people(reference_data: Path, yunet: YuNet) -> None:
    picture = photo(reference_data, "group.jpeg")
    once = yunet.detect(picture)
    assert len(once) >= 2
    assert [person.id for person in once] == [f"p{i}" for i in range(len(once))]
    assert yunet.detect(open_picture(picture.array.copy())) == once
