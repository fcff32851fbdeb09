"""A detector from an .onnx file: which one it is, is told by the file's hash and never by its name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypedDict

from emoscene.errors import ModelFilesError
from emoscene.people.fastestdet import FASTESTDET, FastestDet
from emoscene.people.onnx_files import OnnxLayout, digest_of
from emoscene.people.options import DetectionOptions
from emoscene.people.yunet import YUNET, YuNet

__all__ = ["open_onnx_detector"]


def open_onnx_detector(path: str | Path, options: DetectionOptions) -> FastestDet | YuNet:
    """FastestDet or YuNet, whichever the file holds.

    Raises:
        MissingFileError: if there is no such file.
        ModelFilesError: if the file is no detector that emoscene knows.
    """
    digest = digest_of(path, "detector")
    if _knows(FASTESTDET, digest):
        return _fastestdet(path, options)
    if _knows(YUNET, digest):
        return _yunet(path, options)
    if not options.allow_unknown_hash:
        raise ModelFilesError(
            "this file is none of the detectors that emoscene knows (FastestDet, YuNet), by its SHA-256",
            value=f"{os.fspath(path)} {digest[:16]}",
            remedy="Give another, or, if you trust where it comes from: --detect allow_unknown_hash=true",
        )
    for make in (_fastestdet, _yunet):
        try:
            return make(path, options)
        except ModelFilesError:
            continue
    raise ModelFilesError(
        "this file is no network of a kind that emoscene can run as a detector",
        value=path,
        remedy="It runs FastestDet and YuNet as .onnx, others as folders in Hugging Face layout.",
    )


def _knows(layout: OnnxLayout, digest: str) -> bool:
    return any(file.sha256 == digest for file in layout.known)


def _fastestdet(path: str | Path, options: DetectionOptions) -> FastestDet:
    return FastestDet(path, allow_unknown_hash=options.allow_unknown_hash, **_settings(options))


def _yunet(path: str | Path, options: DetectionOptions) -> YuNet:
    return YuNet(path, allow_unknown_hash=options.allow_unknown_hash, **_settings(options))


class _Settings(TypedDict, total=False):
    score: float
    overlap: float


def _settings(options: DetectionOptions) -> _Settings:
    """What the options set; the detector's own defaults for the rest."""
    settings: _Settings = {}
    if options.score is not None:
        settings["score"] = options.score
    if options.overlap is not None:
        settings["overlap"] = options.overlap
    return settings
