"""The first stage: the tower learns what stands in each cell of the picture, and the subject's emotions.

The heads are thrown away. Dense targets come free from the generator and make a small tower learn in minutes what
picture-level labels would not teach it in hours.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from emoscene.datasets.scenes import EMOTIONS
from emoscene.training.scenes_llava.people import Example, Shape, dense_classes, subject_classes
from emoscene.training.scenes_llava.shape import Recipe
from emoscene.training.scenes_llava.stages import Progress, Stream, run_stage

__all__ = ["Heads", "build_heads", "heads_loss", "pixel_tensor", "train_tower"]

_EMPTY_CELL = 0.15


class Heads(nn.Module):
    """Throw-away heads on the tower's cells (batch, grid * grid, width): dense maps, and one look at the subject."""

    def __init__(self, width: int, dense: dict[str, int], whole: dict[str, int], labels: int) -> None:
        super().__init__()
        self.dense = nn.ModuleDict({name: nn.Linear(width, n) for name, n in dense.items()})
        self.whole = nn.ModuleDict({name: nn.Linear(width, n) for name, n in whole.items()})
        self.feeling = nn.Linear(width, labels)
        self.emotion = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, labels))
        self.vad = nn.Linear(width, 3)
        self.look = nn.Linear(width, 4)
        self.value = nn.Linear(width, width)

    def forward(self, cells: Tensor) -> dict[str, Tensor]:
        """Logits by name: `dense.*`, `feeling` (batch, cells, n), `whole.*` (batch, n), `emotion`, `vad`."""
        weights = self.look(cells).softmax(dim=1)
        values = self.value(cells).unflatten(-1, (4, -1))
        pooled = (weights[..., None] * values).sum(dim=1).flatten(1)
        out = {f"dense.{name}": head(cells) for name, head in self.dense.items()}
        out |= {f"whole.{name}": head(pooled) for name, head in self.whole.items()}
        return out | {
            "feeling": self.feeling(cells),
            "emotion": self.emotion(pooled),
            "vad": self.vad(pooled),
        }


def heads_loss(
    out: dict[str, Tensor], examples: Sequence[Example], *, emotions: bool = True
) -> tuple[Tensor, dict[str, float]]:
    """The sum of all heads' losses, and figures to show. Painted-over pictures have no dense targets; without
    `emotions` nothing is taught of what people feel."""
    functional = nn.functional
    rows = [i for i, e in enumerate(examples) if e.dense]
    loss, figures = _emotion_loss(out, examples, rows) if emotions else (torch.zeros(()), {})
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


def _emotion_loss(
    out: dict[str, Tensor], examples: Sequence[Example], rows: Sequence[int]
) -> tuple[Tensor, dict[str, float]]:
    """What the subject feels, from the whole picture, and what everybody feels, from each cell where they stand."""
    functional = nn.functional
    targets = torch.from_numpy(np.stack([e.targets for e in examples]))
    vad = torch.from_numpy(np.stack([e.vad for e in examples]))
    emotion = functional.binary_cross_entropy_with_logits(out["emotion"], targets)
    loss = 10 * emotion + 0.1 * functional.mse_loss(out["vad"], (vad - 5.5) / 2)
    cells, feelings = [], []
    for i in rows:
        whose = examples[i].dense["whose"].ravel()
        there = np.flatnonzero(whose)
        cells.append(there + i * len(whose))
        feelings.append(examples[i].feelings[whose[there] - 1])
    picked = out["feeling"].flatten(0, 1)[torch.from_numpy(np.concatenate(cells))]
    told = torch.from_numpy(np.concatenate(feelings))
    feeling = functional.binary_cross_entropy_with_logits(picked, told)
    figures = {"emotion": float(emotion.detach()), "feeling": float(feeling.detach())}
    return loss + 10 * feeling, figures


def pixel_tensor(examples: Sequence[Example]) -> Tensor:
    """Pictures (batch, 3, size, size), scaled to -1..1 as the processor does."""
    pixels = torch.from_numpy(np.stack([e.pixels for e in examples])).permute(0, 3, 1, 2)
    return pixels.float().div(127.5).sub(1.0)


def build_heads(width: int, labels: int) -> Heads:
    """Heads for the targets that the generator gives."""
    return Heads(width, dense_classes(), subject_classes(), labels)


def train_tower(
    tower: Any, recipe: Recipe, *, grid: int, first: int, progress: Progress, kept: Path | None = None
) -> Heads:
    """Train the tower in place on drawn people from scene number `first` on; returns the heads as they ended.

    `kept` is where the stage is kept while it runs, to be gone on with after a cut.
    """
    stage = recipe.tower_stage
    shape = Shape(recipe.tower.size, grid, stage.painted_share, stage.moved_share)
    torch.manual_seed(recipe.seed)
    heads = build_heads(tower.config.hidden_size, len(EMOTIONS))
    tower.train()

    def loss_of(examples: Sequence[Example], _step: int) -> tuple[Tensor, dict[str, float]]:
        cells = tower(pixel_tensor(examples)).last_hidden_state
        return heads_loss(heads(cells), examples, emotions=stage.emotions)

    stream = Stream(recipe.seed, first, shape, kept)
    run_stage({"tower": tower, "heads": heads}, loss_of, stage, stream, progress)
    return heads
