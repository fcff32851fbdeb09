"""The EMOTIC CNN: one branch sees the person, the other the whole picture; both are joined by a small network.

    person's crop --tower--> mean --.
                                     >-- linear, batch norm, ReLU, dropout --> emotions; valence, arousal, dominance
    whole picture --tower--> mean --'

Kosti, Alvarez, Recasens, Lapedriza: Emotion Recognition in Context (CVPR 2017), and Context Based Emotion Recognition
using EMOTIC Dataset (TPAMI 2019). The branches there were low-rank AlexNets pretrained on ImageNet and Places; here
they are any vision model of transformers.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from emoscene.networks.layers import Outputs, levels
from emoscene.networks.shapes import EmoticCnn

__all__ = ["EmoticCnnHead"]


class EmoticCnnHead(nn.Module):
    """The fusion network on the mean features of the branches.

    Args:
        shape: Its width and dropout.
        features: How many features come in, from all branches together.
        labels: How many emotions there are.
    """

    def __init__(self, shape: EmoticCnn, features: int, labels: int) -> None:
        super().__init__()
        self.fuse = nn.Linear(features, shape.fused)
        self.norm = nn.BatchNorm1d(shape.fused)
        self.dropout = nn.Dropout(shape.dropout)
        self.emotions = nn.Linear(shape.fused, labels)
        self.vad = nn.Linear(shape.fused, 3)

    def forward(self, scene: Tensor | None, body: Tensor | None) -> Outputs:
        """Grids (batch, width, rows, columns) of the whole picture and of the person; what is not seen is None."""
        seen = [grid.flatten(2).mean(dim=-1) for grid in (scene, body) if grid is not None]
        fused = self.dropout(torch.relu(self._normed(self.fuse(torch.cat(seen, dim=-1)))))
        return Outputs(self.emotions(fused), levels(self.vad(fused)))

    def _normed(self, fused: Tensor) -> Tensor:
        """Batch norm; one person alone has no spread, and is normed by the running one."""
        norm = self.norm
        if self.training and len(fused) == 1:
            return nn.functional.batch_norm(
                fused, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps
            )
        return cast(Tensor, norm(fused))
