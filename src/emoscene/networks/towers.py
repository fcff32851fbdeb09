"""Any vision model of transformers as a tower that gives a grid of features.

    pixels (batch, 3, side, side) --model--> tokens or maps --> grid (batch, width, rows, columns)

ResNet and ConvNeXt give maps; ViT, CLIP, SigLIP, DINOv2 and Swin give tokens, some with others in front.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from emoscene.errors import MissingExtraError, ModelFilesError, OptionError

__all__ = ["Tower", "build_tower", "pooled", "take_weights", "vision_part"]

#: Parts of models for pictures and text that look at the picture, and the name of their configuration.
_VISION = ("vision_model", "vision_tower", "visual")


class Tower(nn.Module):
    """A vision model whose features are laid out as a grid; `width` is their number.

    Args:
        model: A model of transformers that takes `pixel_values`.
        side: Pictures are this many pixels wide and high.
        frozen: It is never trained, and stays in evaluation mode.
    """

    def __init__(self, model: nn.Module, side: int, *, frozen: bool = False) -> None:
        super().__init__()
        self.model = model
        self.frozen = frozen
        if frozen:
            model.requires_grad_(False)
        was = model.training
        with torch.inference_mode():
            grid = self.eval()(torch.zeros(1, 3, side, side))
        self.train(was)
        self.width, self.rows, self.columns = grid.shape[1:]

    def train(self, mode: bool = True) -> Tower:
        super().train(mode)
        if self.frozen:
            self.model.eval()
        return self

    def forward(self, pixels: Tensor) -> Tensor:
        """Pixels, shifted and scaled, to the grid (batch, width, rows, columns)."""
        if self.frozen:
            with torch.no_grad():
                return self._grid(pixels)
        return self._grid(pixels)

    def _grid(self, pixels: Tensor) -> Tensor:
        found = self.model(pixel_values=pixels)
        maps = getattr(found, "feature_maps", None)
        features = cast(Tensor, maps[-1] if maps else found.last_hidden_state)
        return features if features.ndim == 4 else _grid_of(features, self._cells(pixels.shape[-1]))

    def _cells(self, side: int) -> int | None:
        """Cells a side, where the configuration says it."""
        config: Any = getattr(self.model, "config", None)
        patch = getattr(config, "patch_size", None)
        if not isinstance(patch, int):
            return None
        stages = len(getattr(config, "depths", [0]))
        return max(1, math.ceil(side / (patch * (1 << (stages - 1)))))


def _grid_of(tokens: Tensor, cells: int | None) -> Tensor:
    """Tokens (batch, n, width) as a square grid; tokens in front of it (class, registers) are left out."""
    count = tokens.shape[1]
    side = cells if cells and cells**2 <= count else math.isqrt(count)
    grid = tokens[:, count - side**2 :].transpose(1, 2)
    return grid.reshape(*grid.shape[:2], side, side)


def pooled(grid: Tensor, boxes: Tensor) -> Tensor:
    """The mean of the grid over boxes, each cell weighted with the share of it that lies in the box.

    Args:
        grid: (batch, width, rows, columns).
        boxes: (batch, n, 4) as x1, y1, x2, y2 in shares of the picture.

    Returns:
        (batch, n, width).
    """
    rows, columns = grid.shape[-2:]
    down = _overlap(boxes[..., 1], boxes[..., 3], rows)
    across = _overlap(boxes[..., 0], boxes[..., 2], columns)
    return torch.einsum("bdrc,bnr,bnc->bnd", grid, down.to(grid.dtype), across.to(grid.dtype))


def _overlap(start: Tensor, end: Tensor, cells: int) -> Tensor:
    """How the interval from start to end is shared among `cells` cells, (batch, n, cells); sums to 1."""
    edges = torch.linspace(0, 1, cells + 1, device=start.device)
    inside = torch.minimum(end[..., None], edges[1:]) - torch.maximum(start[..., None], edges[:-1])
    # An interval without length is shared as the point it is at.
    at = ((start + end) / 2 * cells).long().clamp(0, cells - 1)
    point = nn.functional.one_hot(at, cells).to(inside.dtype)
    inside = inside.clamp(min=0)
    total = inside.sum(dim=-1, keepdim=True)
    return torch.where(total > 1e-9, inside / total.clamp(min=1e-9), point)


def build_tower(config: Mapping[str, Any], side: int, *, frozen: bool = False) -> Tower:
    """A tower with fresh weights from the configuration of a vision model.

    Raises:
        OptionError: if it is no vision model that transformers knows, or takes no pictures of this size.
        MissingExtraError: if transformers is not installed.
    """
    try:
        import transformers
    except ImportError as missing:
        raise MissingExtraError.of("models", missing.name or "transformers") from None
    settings = {key: value for key, value in config.items() if key != "model_type"}
    kind = str(config["model_type"])
    try:
        model = transformers.AutoModel.from_config(transformers.AutoConfig.for_model(kind, **settings))
    except (ValueError, TypeError, KeyError, ImportError) as error:
        raise OptionError(
            f"no vision tower of the type {kind} can be built ({type(error).__name__})",
            value=str(error).splitlines()[0] if str(error) else kind,
            remedy="Give the configuration of a vision model of transformers, such as resnet, convnext, swin or vit.",
        ) from error
    try:
        return Tower(model, side, frozen=frozen)
    except (RuntimeError, ValueError, TypeError, AttributeError) as error:
        raise OptionError(
            f"the tower of the type {kind} takes no pictures of {side} x {side} pixels",
            value=str(error).splitlines()[0] if str(error) else kind,
            remedy="Give the size that it was made for.",
        ) from error


def vision_part(model: nn.Module) -> nn.Module:
    """The part of a model that looks at pictures: itself, or the vision tower of a model for pictures and text."""
    inner: Any = getattr(model, "model", model)
    for owner in (model, inner):
        for name in _VISION:
            part = getattr(owner, name, None)
            if isinstance(part, nn.Module):
                return part
    return model


def take_weights(tower: Tower, of: nn.Module) -> None:
    """Give a tower the weights of another vision model of the same configuration.

    Raises:
        ModelFilesError: if a weight is missing or of another shape.
    """
    given = of.state_dict()
    for target in (tower.model, getattr(tower.model, "vision_model", None)):
        if not isinstance(target, nn.Module):
            continue
        wanted = target.state_dict()
        if all(name in given and given[name].shape == value.shape for name, value in wanted.items()):
            target.load_state_dict({name: given[name] for name in wanted})
            return
    lacking = sorted(set(tower.model.state_dict()) - set(given))
    raise ModelFilesError(
        "the vision model's weights do not fit the tower",
        value=lacking[0] if lacking else type(of).__name__,
        remedy="Give the folder that the tower's configuration comes from.",
    )
