"""The first stage: the tower learns what stands in each cell of the picture, and the subject's emotions.

The heads are thrown away. Dense targets come free from the generator and make a small tower learn in minutes what
picture-level labels would not teach it in hours.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from emoscene.training.scenes_llava.people import Example, Shape, batches, dense_classes, subject_classes
from emoscene.training.scenes_llava.shape import Recipe, Stage

__all__ = ["Heads", "Progress", "optimiser", "pixel_tensor", "train_tower"]

#: Called after each step with (step, steps, figures of the step).
Progress = Callable[[int, int, dict[str, float]], None]

_EMPTY_CELL = 0.15


class Heads(nn.Module):
    """Throw-away heads on the tower's cells (batch, grid * grid, width): dense maps, and one look at the subject."""

    def __init__(self, width: int, dense: dict[str, int], whole: dict[str, int], labels: int) -> None:
        super().__init__()
        self.dense = nn.ModuleDict({name: nn.Linear(width, n) for name, n in dense.items()})
        self.whole = nn.ModuleDict({name: nn.Linear(width, n) for name, n in whole.items()})
        self.emotion = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, labels))
        self.vad = nn.Linear(width, 3)
        self.look = nn.Linear(width, 4)
        self.value = nn.Linear(width, width)

    def forward(self, cells: Tensor) -> dict[str, Tensor]:
        """Logits by name: `dense.*` (batch, cells, n), `whole.*` (batch, n), `emotion`, `vad`."""
        weights = self.look(cells).softmax(dim=1)
        values = self.value(cells).unflatten(-1, (4, -1))
        pooled = (weights[..., None] * values).sum(dim=1).flatten(1)
        out = {f"dense.{name}": head(cells) for name, head in self.dense.items()}
        out |= {f"whole.{name}": head(pooled) for name, head in self.whole.items()}
        return out | {"emotion": self.emotion(pooled), "vad": self.vad(pooled)}


def heads_loss(out: dict[str, Tensor], examples: Sequence[Example]) -> tuple[Tensor, dict[str, float]]:
    """The sum of all heads' losses, and figures to show. Painted-over pictures have no dense targets."""
    functional = nn.functional
    targets = torch.from_numpy(np.stack([e.targets for e in examples]))
    vad = torch.from_numpy(np.stack([e.vad for e in examples]))
    emotion = functional.binary_cross_entropy_with_logits(out["emotion"], targets)
    loss = 10 * emotion + 0.1 * functional.mse_loss(out["vad"], (vad - 5.5) / 2)
    figures = {"emotion": float(emotion.detach())}
    rows = [i for i, e in enumerate(examples) if e.dense]
    for name, logits in out.items():
        kind, _, key = name.partition(".")
        if kind == "dense":
            ids = torch.from_numpy(np.stack([examples[i].dense[key].ravel() for i in rows]))
            cell = functional.cross_entropy(logits[rows].transpose(1, 2), ids, reduction="none")
            weight = torch.where(ids > 0, 1.0, _EMPTY_CELL)
            loss = loss + (cell * weight).sum() / weight.sum()
        elif kind == "whole":
            ids = torch.tensor([examples[i].whole[key] for i in rows])
            loss = loss + 0.5 * functional.cross_entropy(logits[rows], ids)
            figures[key] = float((logits[rows].argmax(dim=1) == ids).float().mean())
    return loss, figures


def pixel_tensor(examples: Sequence[Example]) -> Tensor:
    """Pictures (batch, 3, size, size), scaled to -1..1 as the processor does."""
    pixels = torch.from_numpy(np.stack([e.pixels for e in examples])).permute(0, 3, 1, 2)
    return pixels.float().div(127.5).sub(1.0)


def optimiser(
    parameters: Sequence[nn.Parameter], stage: Stage, steps: int
) -> tuple[torch.optim.AdamW, torch.optim.lr_scheduler.LambdaLR]:
    """AdamW, warmed up, then along a cosine to a twentieth; no decay on vectors."""
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": stage.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    adam = torch.optim.AdamW(groups, lr=stage.rate, betas=(0.9, 0.98))

    def scale(step: int) -> float:
        if step < stage.warm_up:
            return (step + 1) / stage.warm_up
        done = (step - stage.warm_up) / max(1, steps - stage.warm_up)
        return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

    return adam, torch.optim.lr_scheduler.LambdaLR(adam, scale)


def build_heads(width: int, labels: int) -> Heads:
    """Heads for the targets that the generator gives."""
    return Heads(width, dense_classes(), subject_classes(), labels)


def train_tower(tower: Any, recipe: Recipe, *, grid: int, first: int, progress: Progress) -> Heads:
    """Train the tower in place on drawn people from scene number `first` on; returns the heads as they ended."""
    stage = recipe.tower_stage
    steps = stage.people // stage.batch
    shape = Shape(recipe.tower.size, grid, stage.painted_share)
    stream = batches(recipe.seed, first, stage.people, batch=stage.batch, shape=shape)
    heads: Heads | None = None
    tower.train()
    for step, examples in enumerate(stream):
        if heads is None:
            torch.manual_seed(recipe.seed)
            heads = build_heads(tower.config.hidden_size, len(examples[0].targets))
            adam, schedule = optimiser([*tower.parameters(), *heads.parameters()], stage, steps)
        cells = tower(pixel_tensor(examples)).last_hidden_state
        loss, figures = heads_loss(heads(cells), examples)
        adam.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_([*tower.parameters(), *heads.parameters()], 1.0)
        adam.step()
        schedule.step()
        progress(step + 1, steps, {"loss": float(loss.detach()), **figures})
    return cast(Heads, heads)
