"""Which detector an .onnx file is."""

from __future__ import annotations

from pathlib import Path

import pytest

from emoscene.errors import MissingFileError, ModelFilesError
from emoscene.images import open_picture
from emoscene.people import DetectionOptions, FastestDet, YuNet, open_onnx_detector


def test_a_file_is_known_by_its_bytes_and_not_by_its_name(reference_data: Path, tmp_path: Path) -> None:
    weights = reference_data / "weights"
    misnamed = tmp_path / "yunet.onnx"
    misnamed.write_bytes((weights / "person-detector-fastestdet/FastestDet.onnx").read_bytes())
    faces = weights / "face-detector-yunet/yunet_n_640_640.onnx"
    assert isinstance(open_onnx_detector(misnamed, DetectionOptions()), FastestDet)
    assert isinstance(open_onnx_detector(faces, DetectionOptions()), YuNet)


def test_score_and_overlap_reach_the_detector(reference_data: Path) -> None:
    path = reference_data / "weights/person-detector-fastestdet/FastestDet.onnx"
    picture = open_picture(reference_data / "photos/group.jpeg")
    counts = [
        len(open_onnx_detector(path, options).detect(picture))
        for options in (
            DetectionOptions(),
            DetectionOptions(score=0.3),
            DetectionOptions(score=0.3, overlap=1),
            DetectionOptions(score=0.95),
        )
    ]
    assert counts[0] == 5
    assert counts[3] == 0 < counts[0] < counts[1] < counts[2]


def test_unknown_files(reference_data: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="no detector here"):
        open_onnx_detector(tmp_path / "absent.onnx", DetectionOptions())
    other = reference_data / "weights/face-expression/face_expression.onnx"
    with pytest.raises(ModelFilesError, match="--detect allow_unknown_hash=true"):
        open_onnx_detector(other, DetectionOptions())
    allowed = DetectionOptions(allow_unknown_hash=True)
    with pytest.raises(ModelFilesError, match="no network of a kind"):
        open_onnx_detector(other, allowed)
    for kind, name in (
        (FastestDet, "person-detector-fastestdet/FastestDet.onnx"),
        (YuNet, "face-detector-yunet/yunet_n_640_640.onnx"),
    ):
        changed = tmp_path / "changed.onnx"
        # An unknown protobuf field at the end: the same network in other bytes.
        changed.write_bytes((reference_data / "weights" / name).read_bytes() + b"\xfa\x7f\x01x")
        with pytest.raises(ModelFilesError, match="none of the detectors"):
            open_onnx_detector(changed, DetectionOptions())
        assert isinstance(open_onnx_detector(changed, allowed), kind)
