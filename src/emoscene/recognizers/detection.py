"""People by any object detector of transformers: DETR, RT-DETR, YOLOS, D-FINE and their kin, from a folder.

    folder --config.json: a detector, a class `person`, no missing package--> TransformersDetector
    first picture --> weights are loaded --> queries of the class person --> boxes in pixels

One picture goes through at a time, so that nobody's box depends on another picture's size.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from emoscene.errors import AnswerError, MissingExtraError, ModelFilesError, ModelNotHereError
from emoscene.people import (
    FACE_DETECTOR,
    FACES_ONLY,
    PERSON_DETECTOR,
    DetectionOptions,
    Detector,
    FaceFinder,
    Finder,
    YuNet,
    open_onnx_detector,
)
from emoscene.people.detector import Reals, best_of_overlapping, persons
from emoscene.recognizers.folders import Kind, look_into
from emoscene.recognizers.loading import Placement, load_model, load_processor
from emoscene.types import Person, Picture

__all__ = ["PERSON", "TransformersDetector", "make_finder", "open_detector"]

#: The name of the class, in any case.
PERSON = "person"

#: These have scores of a softmax over all classes, which are surer of themselves than the sigmoids of the others.
#: Both are the networks' usual cuts, not measured here.
_SOFTMAX = frozenset({"detr", "yolos", "table-transformer"})
_SOFTMAX_SCORE, _SIGMOID_SCORE = 0.7, 0.5
#: Such networks are trained to see nobody twice; what they do see twice overlaps nearly wholly.
_OVERLAP = 0.7
#: Of families that cut to the best queries before anything else, as many as there ever are.
_ALL_QUERIES = 10_000
#: These took a backbone of timm where their configuration says nothing of it.
_TIMM_BY_DEFAULT = frozenset({"detr", "conditional_detr", "deformable_detr", "table-transformer"})
#: Their picture processors exist for torchvision alone.
_NEED_TORCHVISION = frozenset({"rf_detr"})


class TransformersDetector:
    """A person detector. Its files are checked at once, its weights loaded with the first picture.

    Args:
        folder: In Hugging Face layout, with safetensors.
        options: `score` and `overlap` are used here.
        device: As for `Placement`; the numbers are always float32, for boxes need them.

    Raises:
        ModelNotHereError, UnknownModelError, ModelFilesError: as `look_into` raises them; also if the folder holds no
            detector, or one without a class `person`.
        MissingExtraError: if its backbone needs a package that is not installed.
    """

    def __init__(
        self, folder: str | Path, options: DetectionOptions | None = None, *, device: str = "auto"
    ) -> None:
        held = look_into(folder)
        if held.kind is not Kind.DETECTOR:
            raise ModelFilesError(
                f"this folder holds no object detector ({held.kind}: {held.model_type})",
                value=folder,
                remedy="Give the folder of a detector, such as RT-DETR, DETR or YOLOS.",
            )
        options = options or DetectionOptions()
        usual = _SOFTMAX_SCORE if held.model_type in _SOFTMAX else _SIGMOID_SCORE
        self.score = usual if options.score is None else options.score
        self.overlap = _OVERLAP if options.overlap is None else options.overlap
        self._person = _person_classes(held.config, held.path)
        _check_processor(held.model_type, held.path)
        _check_backbone(held.config, held.model_type, held.path)
        self._folder = held.path
        self._placement = Placement(device=device, dtype="float32")

    def detect(self, picture: Picture) -> list[Person]:
        """The people in the picture, clamped to it, named from left to right.

        Raises:
            AnswerError: if the detector cannot take this picture, or gives no numbers.
            ModelFilesError, MissingExtraError: if the weights cannot be loaded.
        """
        boxes, scores = self._seen(picture)
        good = scores >= self.score
        boxes, scores = boxes[good], scores[good]
        kept = best_of_overlapping(boxes, scores, self.overlap)
        return persons(boxes[kept], scores[kept], picture)

    def _seen(self, picture: Picture) -> tuple[Reals, Reals]:
        """Boxes (n, 4) in pixels and scores (n,) of all queries whose class is person."""
        import torch

        model, processor = self._loaded
        try:
            inputs = processor(images=[picture.image], return_tensors="pt")
            size = _canvas(picture, inputs)
            taken = inspect.signature(model.forward).parameters
            given = {name: value.to(model.device) for name, value in inputs.items() if name in taken}
            with torch.inference_mode():
                outputs = model(**given)
        except (ValueError, RuntimeError) as error:
            raise AnswerError(
                "the person detector cannot take this picture",
                value=f"{picture.source} ({picture.width} x {picture.height} pixels)",
                remedy="Give the person's box, or another detector.",
            ) from error
        (found,) = processor.post_process_object_detection(
            outputs, threshold=0.0, target_sizes=torch.tensor([size], device=model.device), **self._reading
        )
        labels = found["labels"].cpu().numpy()
        boxes = found["boxes"].float().cpu().numpy()
        scores = found["scores"].float().cpu().numpy()
        if not (np.isfinite(boxes).all() and np.isfinite(outputs.logits.float().cpu().numpy()).all()):
            raise AnswerError(
                "the person detector gives no numbers for this picture",
                value=picture.source,
                remedy="Get its weights again, or give the person's box.",
            )
        is_person = np.isin(labels, self._person)
        return boxes[is_person], scores[is_person]

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        model = load_model(self._folder, "AutoModelForObjectDetection", self._placement)
        processor = load_processor(self._folder)
        if not hasattr(processor, "post_process_object_detection"):
            raise ModelFilesError(
                "the picture processor of this folder is none of a detector",
                value=self._folder,
                remedy="Pull the folder again, or copy it whole.",
            )
        return model, processor

    @cached_property
    def _reading(self) -> dict[str, Any]:
        """How this family's outputs are to be read, where its processor asks."""
        model, processor = self._loaded
        asked = inspect.signature(processor.post_process_object_detection).parameters
        reading: dict[str, Any] = {}
        if "use_focal_loss" in asked and hasattr(model.config, "use_focal_loss"):
            reading["use_focal_loss"] = model.config.use_focal_loss
        if "top_k" in asked:
            reading["top_k"] = _ALL_QUERIES
        return reading


def _canvas(picture: Picture, inputs: Mapping[str, Any]) -> tuple[float, float]:
    """Height and width, in pixels of the picture, of what the network saw: the picture and its padding.

    Shares that a network gives are shares of that. With one picture at a time there is padding only where the folder's
    own processor asks for it, and such networks were trained on shares of the padded picture.
    """
    mask = inputs.get("pixel_mask")
    if mask is None:
        return float(picture.height), float(picture.width)
    rows, columns = int(mask[0, :, 0].sum()), int(mask[0, 0].sum())
    return picture.height * mask.shape[1] / rows, picture.width * mask.shape[2] / columns


def _person_classes(config: Mapping[str, Any], folder: Path) -> list[int]:
    """The numbers of the classes named person."""
    named = config.get("id2label")
    classes = {str(key): str(name) for key, name in named.items()} if isinstance(named, dict) else {}
    people = [int(key) for key, name in classes.items() if key.isdecimal() and name.strip().lower() == PERSON]
    if people:
        return people
    shown = ", ".join(classes.values()) or "none are named"
    raise ModelFilesError(
        f"this detector has no class `{PERSON}`; its classes: {shown[:200]}",
        value=folder.name,
        remedy="Give one that was trained to find people, for example on COCO.",
    )


def _check_processor(model_type: str, folder: Path) -> None:
    if model_type in _NEED_TORCHVISION and find_spec("torchvision") is None:
        raise MissingExtraError(
            f"detectors of the type {model_type} need the package 'torchvision', which is not installed",
            value=folder.name,
            remedy="Install torchvision for your torch, or take RT-DETR, D-FINE, DETR or YOLOS.",
        )


def _check_backbone(config: Mapping[str, Any], model_type: str, folder: Path) -> None:
    """Refuse now what would fail late, or reach for the network, while the model is built."""
    described = config.get("backbone_config")
    if isinstance(described, dict):
        needs_timm = described.get("model_type") == "timm_backbone"
    else:
        by_default = model_type in _TIMM_BY_DEFAULT
        needs_timm = bool(config.get("use_timm_backbone", by_default))
    if needs_timm and find_spec("timm") is None:
        raise MissingExtraError(
            "the backbone of this detector needs the package 'timm', which is not installed",
            value=folder.name,
            remedy="Take its revision without timm (facebook/detr-resnet-50 has `no_timm`), or RT-DETR, or: "
            "pip install timm",
        )
    if not needs_timm and not isinstance(described, dict) and config.get("backbone"):
        raise ModelFilesError(
            "this detector names its backbone instead of describing it, so it would be looked up on the network",
            value=f"{folder.name} ({config['backbone']})",
            remedy="Write the backbone's configuration into config.json as `backbone_config`.",
        )


def make_finder(
    spec: str | None, options: DetectionOptions, folder_of: Callable[[str], Path], *, faces: bool = False
) -> Finder:
    """What finds people in pictures, and with `faces` their faces too.

    Args:
        spec: As for `open_detector`; None takes what EMOSCENE_PERSON_DETECTOR names.
        options: Who is kept.
        folder_of: As for `open_detector`.
        faces: Look for faces with the detector that EMOSCENE_FACE_DETECTOR names, if it names one.

    Raises:
        ModelNotHereError: if no detector is named.
        ModelError, MissingFileError: as `open_detector` raises them.
    """
    named = spec or os.environ.get(PERSON_DETECTOR)
    if not named:
        raise ModelNotHereError(
            "finding people needs a person detector, and none is named",
            remedy=f"Give --detector, or set {PERSON_DETECTOR}, to FastestDet.onnx or to a detector's folder; "
            "or give the people's boxes.",
        )
    detector = open_detector(named, options, folder_of)
    if isinstance(detector, YuNet):
        return Finder(detector, options, FaceFinder(detector) if faces else None, FACES_ONLY)
    face_file = os.environ.get(FACE_DETECTOR) if faces else None
    return Finder(detector, options, FaceFinder(YuNet(face_file)) if face_file else None)


def open_detector(spec: str, options: DetectionOptions, folder_of: Callable[[str], Path]) -> Detector:
    """The detector that a spec names.

    Args:
        spec: An .onnx file, a folder, or a name that `folder_of` knows.
        options: `score`, `overlap` and `allow_unknown_hash` are used here.
        folder_of: Where the files of a hub id or a catalogue name lie; raises if nowhere.

    Raises:
        ModelError, MissingFileError: if it names nothing, or no detector that can be used.
    """
    path = Path(spec).expanduser()
    if not path.exists() and path.suffix.lower() != ".onnx":
        path = folder_of(spec)
    if path.is_dir():
        return TransformersDetector(path, options)
    if path.suffix.lower() in {".bin", ".pt", ".pth", ".ckpt", ".pkl"}:
        raise ModelFilesError(
            "this file holds weights as a pickle, which can run code when it is read",
            value=spec,
            remedy="Give a folder with safetensors, or a known .onnx file.",
        )
    if path.exists() and path.suffix.lower() == ".safetensors":
        raise ModelNotHereError(
            "a detector in safetensors is named by its folder", value=spec, remedy=f"Give {path.parent}."
        )
    return open_onnx_detector(path, options)
