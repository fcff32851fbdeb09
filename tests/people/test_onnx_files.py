"""ONNX files: known and fitting ones run, all others are refused with a remedy."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from emoscene.errors import MissingFileError, ModelFilesError
from emoscene.people.fastestdet import FASTESTDET
from emoscene.people.onnx_files import open_onnx
from emoscene.people.yunet import YUNET


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.onnx", "a\x00b"):
        with pytest.raises(MissingFileError) as caught:
            open_onnx(path, YUNET)
        assert caught.value.remedy


def test_unknown_files_are_refused_before_they_are_read_as_a_network(tmp_path: Path) -> None:
    path = tmp_path / "some.onnx"
    path.write_bytes(b"no network")
    with pytest.raises(ModelFilesError, match="allow_unknown_hash=true"):
        open_onnx(path, YUNET)
    with pytest.raises(ModelFilesError, match="no ONNX network"):
        open_onnx(path, YUNET, allow_unknown_hash=True)


def test_the_wrong_network_is_refused_even_when_allowed(reference_data: Path) -> None:
    path = reference_data / "weights/person-detector-fastestdet/FastestDet.onnx"
    assert open_onnx(path, FASTESTDET).known is FASTESTDET.known[0]
    with pytest.raises(ModelFilesError, match="none of the YuNet"):
        open_onnx(path, YUNET)
    with pytest.raises(ModelFilesError, match=r"needs float32 inputs input \[1, 3, 640, 640\]"):
        open_onnx(path, YUNET, allow_unknown_hash=True)
    other = dataclasses.replace(FASTESTDET, outputs={"758": (1, 6, 22, 22)})
    with pytest.raises(ModelFilesError, match="the outputs of this network"):
        open_onnx(path, other, allow_unknown_hash=True)


def test_a_changed_file_is_unknown_but_can_be_allowed(reference_data: Path, tmp_path: Path) -> None:
    data = (reference_data / "weights/person-detector-fastestdet/FastestDet.onnx").read_bytes()
    path = tmp_path / "changed.onnx"
    # An unknown protobuf field at the end: the same network in other bytes.
    path.write_bytes(data + b"\xfa\x7f\x01x")
    with pytest.raises(ModelFilesError):
        open_onnx(path, FASTESTDET)
    assert open_onnx(path, FASTESTDET, allow_unknown_hash=True).known is None
