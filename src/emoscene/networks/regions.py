"""A picture as regions: features, boxes, and which are there. Region 0 is always the person, region 1 the picture.

grids of the person's crop and of the picture --> the person, the picture, cells of both       (grid_regions)
a detector's boxes and its backbone's map     --> the person, the picture, what was detected  (DetectorEyes)
no picture                                    --> one region of zeros                         (no_regions)
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from emoscene.errors import ModelFilesError
from emoscene.networks.towers import pooled
from emoscene.people.detector import best_of_overlapping

__all__ = ["DetectorEyes", "Regions", "grid_regions", "no_regions", "stacked"]

_WHOLE = (0.0, 0.0, 1.0, 1.0)
#: Detections that overlap more than this tell the same twice.
_OVERLAP = 0.7


@dataclass(frozen=True)
class Regions:
    """The regions of a batch of people.

    Attributes:
        features: (batch, n, d).
        places: (batch, n, 5): x1, y1, x2, y2 and area, in shares of the picture.
        scores: (batch, n), a detector's; 1 for what nobody detected.
        mask: (batch, n), True where there is a region.
        classes: (batch, n, c), a detector's shares of its classes; zeros for what nobody detected.
    """

    features: Tensor
    places: Tensor
    scores: Tensor
    mask: Tensor
    classes: Tensor | None = None

    def to(self, device: str | torch.device) -> Regions:
        """The same on another device."""
        moved = {name: getattr(self, name).to(device) for name in ("features", "places", "scores", "mask")}
        return replace(self, **moved, classes=None if self.classes is None else self.classes.to(device))


def no_regions(count: int, features: int, device: torch.device | str = "cpu") -> Regions:
    """For people without a picture: one region of zeros each."""
    return Regions(
        torch.zeros(count, 1, features, device=device),
        torch.zeros(count, 1, 5, device=device),
        torch.zeros(count, 1, device=device),
        torch.ones(count, 1, dtype=torch.bool, device=device),
    )


def grid_regions(scene: Tensor | None, body: Tensor | None, boxes: Tensor, cells: int) -> Regions:
    """Regions from the grids of a tower.

    Args:
        scene: (batch, d, rows, columns) of the whole picture, or None.
        body: The same of the person's crop, or None. One of them is there.
        boxes: (batch, 4), the person's box in shares of the picture.
        cells: Each grid is averaged to cells x cells regions; 0 leaves them out.

    The person's features are those of the crop where it is seen, else the mean of the picture's grid over the box.
    """
    count = len(boxes)
    whole = boxes.new_tensor([_WHOLE]).expand(count, 1, -1)
    own = boxes[:, None]
    features, places = [], []
    if body is not None:
        features.append(body.flatten(2).mean(dim=-1)[:, None])
    elif scene is not None:
        features.append(pooled(scene, own))
    places.append(own)
    if scene is not None:
        features.append(scene.flatten(2).mean(dim=-1)[:, None])
        places.append(whole)
    for grid, frame in ((body, own), (scene, whole)):
        if grid is not None and cells:
            features.append(nn.functional.adaptive_avg_pool2d(grid, cells).flatten(2).transpose(1, 2))
            places.append(_cells_of(frame, cells))
    found = torch.cat(features, dim=1)
    there = torch.ones(found.shape[:2], dtype=torch.bool, device=found.device)
    return Regions(found, _with_area(torch.cat(places, dim=1)), there.to(found.dtype), there)


def _cells_of(frame: Tensor, cells: int) -> Tensor:
    """The boxes of cells x cells parts of a frame (batch, 1, 4), row by row: (batch, cells * cells, 4)."""
    edges = torch.linspace(0, 1, cells + 1, device=frame.device)
    top, left = torch.meshgrid(edges[:-1], edges[:-1], indexing="ij")
    bottom, right = torch.meshgrid(edges[1:], edges[1:], indexing="ij")
    parts = torch.stack([left, top, right, bottom], dim=-1).reshape(1, -1, 4)
    corner, size = frame[..., :2].repeat(1, 1, 2), (frame[..., 2:] - frame[..., :2]).repeat(1, 1, 2)
    return corner + parts * size


def _with_area(boxes: Tensor) -> Tensor:
    area = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    return torch.cat([boxes, area[..., None]], dim=-1)


class DetectorEyes:
    """Regions by any object detector of transformers: its boxes, and the mean of its backbone's last map over them.

    The detector is never trained. One picture goes through at a time, so that nobody depends on another's size.

    Args:
        model: A loaded detector, in evaluation mode.
        processor: Its picture processor.
        detections: How many boxes are taken at most, the surest first.
    """

    def __init__(self, model: nn.Module, processor: Any, detections: int) -> None:
        self._model = model.requires_grad_(False)
        self._processor = processor
        self._detections = detections
        self._maps: list[Tensor] = []
        self._lock = threading.Lock()
        backbone = _backbone(model)
        if backbone is not None:
            backbone.register_forward_hook(lambda module, given, out: self._maps.append(_last_map(out)))
        self._has_backbone = backbone is not None
        probe = self(Image.new("RGB", (64, 64)), _WHOLE)
        self.width = probe.features.shape[-1]
        self.classes = 0 if probe.classes is None else probe.classes.shape[-1]

    @torch.no_grad()
    def __call__(self, image: Image.Image, box: Sequence[float]) -> Regions:
        """The regions of one person: a batch of one, on the CPU. `box` is in shares of the picture."""
        with self._lock:
            return self._look(image, box)

    def _look(self, image: Image.Image, box: Sequence[float]) -> Regions:
        self._maps.clear()
        inputs = self._processor(images=[image], return_tensors="pt")
        device = next(self._model.parameters()).device
        taken = inspect.signature(self._model.forward).parameters
        out = self._model(**{k: v.to(device) for k, v in inputs.items() if k in taken})
        grid = self._maps[-1] if self._has_backbone else _token_map(self._model, inputs["pixel_values"], out)
        scores, classes = _sureness(out.logits[0].float())
        seen = _corners(out.pred_boxes[0].float()).clamp(0, 1)
        kept = self._best(seen.cpu(), scores.cpu())
        boxes = torch.cat([seen.new_tensor([list(box), _WHOLE]), seen[kept]])
        return Regions(
            pooled(grid.float(), boxes[None]),
            _with_area(boxes)[None],
            torch.cat([scores.new_ones(2), scores[kept]])[None],
            torch.ones(1, len(boxes), dtype=torch.bool, device=device),
            torch.cat([classes.new_zeros(2, classes.shape[-1]), classes[kept]])[None],
        ).to("cpu")

    def _best(self, boxes: Tensor, scores: Tensor) -> Tensor:
        """The surest boxes that tell different things and have a size, surest first."""
        size = (boxes[:, 2:] - boxes[:, :2]).min(dim=-1).values
        real = torch.nonzero(size > 1e-3).flatten()
        kept = best_of_overlapping(
            boxes[real].numpy().astype(np.float32), scores[real].numpy().astype(np.float32), _OVERLAP
        )
        chosen = real[torch.as_tensor(np.asarray(kept).copy(), dtype=torch.long)]
        order = scores[chosen].argsort(descending=True, stable=True)
        return chosen[order[: self._detections]]


def stacked(people: Sequence[Regions], most: int) -> Regions:
    """The regions of many people as one batch; all are padded to `most`, so that nobody's neighbours matter."""

    def padded(part: Tensor) -> Tensor:
        room = most - part.shape[1]
        widths = [0, 0] * (part.ndim - 2) + [0, room]
        return nn.functional.pad(part[:, :most], widths)

    names = ["features", "places", "scores", "mask"]
    parts = {name: torch.cat([padded(getattr(one, name)) for one in people]) for name in names}
    with_classes = [one.classes for one in people if one.classes is not None]
    classes = torch.cat([padded(c) for c in with_classes]) if len(with_classes) == len(people) else None
    return Regions(**parts, classes=classes)


def _backbone(model: nn.Module) -> nn.Module | None:
    """The part of a detector that makes maps of the picture; None for those that are one Transformer (YOLOS)."""
    inner: Any = getattr(model, "model", model)
    part = getattr(inner, "backbone", None)
    return part if isinstance(part, nn.Module) else None


def _last_map(out: Any) -> Tensor:
    """The last map (1, d, rows, columns) among whatever a backbone gives."""
    found: list[Tensor] = []

    def look(part: Any) -> None:
        if isinstance(part, Tensor):
            if part.ndim == 4 and part.is_floating_point():
                found.append(part)
        elif isinstance(part, dict):
            for value in part.values():
                look(value)
        elif isinstance(part, list | tuple):
            for value in part:
                look(value)

    look(getattr(out, "feature_maps", None) or out)
    if not found:
        raise ModelFilesError(
            "this detector's backbone gives no map to take regions from",
            value=type(out).__name__,
            remedy="Take another detector, such as RT-DETR, DETR or YOLOS, or the patch grid of a vision tower.",
        )
    # Deeper maps are smaller.
    return min(reversed(found), key=lambda grid: grid.shape[-1] * grid.shape[-2])


def _token_map(model: Any, pixels: Tensor, out: Any) -> Tensor:
    """The picture's tokens of a detector without a backbone, as a map: between [CLS] and the detection tokens."""
    patch = getattr(model.config, "patch_size", None)
    tokens = getattr(out, "last_hidden_state", None)
    if not isinstance(patch, int) or tokens is None:
        raise ModelFilesError(
            "regions cannot be taken from a detector of this kind",
            value=type(model).__name__,
            remedy="Take another detector, such as RT-DETR, DETR or YOLOS, or the patch grid of a vision tower.",
        )
    rows, columns = pixels.shape[-2] // patch, pixels.shape[-1] // patch
    grid = tokens[:, 1 : 1 + rows * columns].transpose(1, 2)
    return cast(Tensor, grid.reshape(*grid.shape[:2], rows, columns))


def _sureness(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Score (n,) and class shares (n, c) of each query by the sigmoid; order is all that the score is used for."""
    shares = logits.sigmoid()
    return shares.max(dim=-1).values, shares


def _corners(boxes: Tensor) -> Tensor:
    """Centre and size to corners."""
    centre, half = boxes[..., :2], boxes[..., 2:] / 2
    return torch.cat([centre - half, centre + half], dim=-1)
