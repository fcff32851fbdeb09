"""The layers that ViLBERT and Unified-VLP are made of: BERT's, with the norm behind the sum (Devlin et al. 2019).

A layer looks at its own sequence, or, for co-attention, at another one.
"""

from __future__ import annotations

import math
from typing import cast

from torch import Tensor, nn

__all__ = ["Attention", "FeedForward", "Layer", "Outputs", "initialise", "levels"]

#: Valence, arousal and dominance go from 1 to 10; the heads say how many of these steps from the middle.
_MIDDLE, _STEP = 5.5, 2.0
_SPREAD, _WIDTH = 0.02, 768


class Outputs:
    """What a network says of a batch: `emotions` (batch, labels) as logits, `vad` (batch, 3) from 1 to 10."""

    def __init__(self, emotions: Tensor, vad: Tensor) -> None:
        self.emotions, self.vad = emotions, vad


def levels(raw: Tensor) -> Tensor:
    """Valence, arousal and dominance from what a linear head says; not cut to 1..10, so that gradients reach it."""
    return _MIDDLE + _STEP * raw


class Attention(nn.Module):
    """Multi-head attention of a sequence `width` wide to another `of_width` wide, added to it and normed."""

    def __init__(
        self, width: int, of_width: int, inner: int, heads: int, *, dropout: float, eps: float
    ) -> None:
        super().__init__()
        self.heads, self.drop = heads, dropout
        self.query = nn.Linear(width, inner)
        self.key = nn.Linear(of_width, inner)
        self.value = nn.Linear(of_width, inner)
        self.output = nn.Linear(inner, width)
        self.norm = nn.LayerNorm(width, eps)
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor, of: Tensor, mask: Tensor) -> Tensor:
        """hidden (batch, n, width), of (batch, m, of_width), mask (batch, 1 or n, m), True where to look."""
        query, key, value = (self._split(part) for part in (self.query(hidden), self.key(of), self.value(of)))
        found = nn.functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask[:, None], dropout_p=self.drop if self.training else 0.0
        )
        joined = found.transpose(1, 2).flatten(2)
        return cast(Tensor, self.norm(hidden + self.dropout(self.output(joined))))

    def _split(self, part: Tensor) -> Tensor:
        return part.reshape(*part.shape[:2], self.heads, -1).transpose(1, 2)


class FeedForward(nn.Module):
    """Two linear layers with a GELU between, added to what came in and normed."""

    def __init__(self, width: int, intermediate: int, *, dropout: float, eps: float) -> None:
        super().__init__()
        self.grow = nn.Linear(width, intermediate)
        self.shrink = nn.Linear(intermediate, width)
        self.norm = nn.LayerNorm(width, eps)
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor) -> Tensor:
        grown = nn.functional.gelu(self.grow(hidden))
        return cast(Tensor, self.norm(hidden + self.dropout(self.shrink(grown))))


class Layer(nn.Module):
    """Attention, then feed-forward. `of_width` and `inner` differ from `width` in co-attention only."""

    def __init__(
        self,
        width: int,
        heads: int,
        intermediate: int,
        *,
        of_width: int | None = None,
        inner: int | None = None,
        dropout: float,
        eps: float,
    ) -> None:
        super().__init__()
        self.attention = Attention(width, of_width or width, inner or width, heads, dropout=dropout, eps=eps)
        self.feed = FeedForward(width, intermediate, dropout=dropout, eps=eps)

    def forward(self, hidden: Tensor, mask: Tensor, of: Tensor | None = None) -> Tensor:
        """As `Attention`; without `of` the sequence looks at itself."""
        return cast(Tensor, self.feed(self.attention(hidden, hidden if of is None else of, mask)))


def initialise(module: nn.Module) -> None:
    """BERT's start, for `Module.apply`: normal weights, no biases. The spread is 0.02 at BERT's width of 768, and in
    narrower layers as much more as keeps their outputs as large."""
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=_SPREAD * math.sqrt(_WIDTH / module.in_features))
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    if isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=_SPREAD)
