"""ViLBERT: words and regions in two streams that look at each other in co-attention layers.

    words   --embed--> [text layers] ----.        .---- [text layers] ---> pooled --.
                                          co-attention                               >-- fused --> emotions; VAD
    regions --embed--> [visual layers] --'        '---- [visual layers] -> pooled --'

Lu, Batra, Parikh, Lee: ViLBERT (NeurIPS 2019). In a co-attention layer each stream asks with its own queries and looks
at the keys and values of the other. A stream is pooled at its first place: [CLS], and region 0, which is the person
(in the published checkpoints it was the whole picture).
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from emoscene.networks.layers import Layer, Outputs, initialise, levels
from emoscene.networks.regions import Regions
from emoscene.networks.shapes import Vilbert

__all__ = ["VilbertCore"]

#: A place is x1, y1, x2, y2 and the area, in shares of the picture.
_PLACE = 5


class VilbertCore(nn.Module):
    """Everything behind the tower.

    Args:
        shape: The streams and where they meet.
        features: How many features a region has.
        labels: How many emotions there are.
    """

    def __init__(self, shape: Vilbert, features: int, labels: int) -> None:
        super().__init__()
        self.shape = shape
        text, visual = shape.text, shape.visual
        self.words = nn.Embedding(shape.vocabulary, text.width, padding_idx=0)
        self.positions = nn.Embedding(shape.longest, text.width)
        self.segments = nn.Embedding(2, text.width)
        self.words_norm = nn.LayerNorm(text.width, shape.eps)
        self.features = nn.Linear(features, visual.width)
        self.places = nn.Linear(_PLACE, visual.width)
        self.regions_norm = nn.LayerNorm(visual.width, shape.eps)
        self.dropout = nn.Dropout(shape.dropout)
        self.text = nn.ModuleList(
            Layer(text.width, text.heads, text.intermediate, dropout=shape.dropout, eps=shape.eps)
            for _ in range(text.layers)
        )
        self.visual = nn.ModuleList(
            Layer(visual.width, visual.heads, visual.intermediate, dropout=shape.dropout, eps=shape.eps)
            for _ in range(visual.layers)
        )
        self.connections = nn.ModuleList(Connection(shape) for _ in shape.connections)
        self.text_pool = nn.Linear(text.width, shape.joint)
        self.visual_pool = nn.Linear(visual.width, shape.joint)
        self.head = nn.Sequential(
            nn.Linear(shape.joint, 2 * shape.joint), nn.ReLU(), nn.Dropout(shape.dropout)
        )
        self.emotions = nn.Linear(2 * shape.joint, labels)
        self.vad = nn.Linear(2 * shape.joint, 3)
        self.apply(initialise)

    def forward(self, ids: Tensor, words: Tensor, regions: Regions) -> Outputs:
        """ids (batch, n) with [CLS] first; words (batch, n), True where there is a token."""
        told, seen = self.streams(ids, words, regions)
        text = torch.relu(self.text_pool(told[:, 0]))
        visual = torch.relu(self.visual_pool(seen[:, 0]))
        fused = text * visual if self.shape.fusion == "mul" else text + visual
        joined = self.head(self.dropout(fused))
        return Outputs(self.emotions(joined), levels(self.vad(joined)))

    def streams(self, ids: Tensor, words: Tensor, regions: Regions) -> tuple[Tensor, Tensor]:
        """Both streams behind the last layer: (batch, n, width) of the words, and of the regions."""
        places = torch.arange(ids.shape[1], device=ids.device)
        told = self.words(ids) + self.positions(places) + self.segments.weight[0]
        told = self.dropout(self.words_norm(told))
        seen = self.dropout(self.regions_norm(self.features(regions.features) + self.places(regions.places)))
        of_words, of_regions = words[:, None], regions.mask[:, None]
        text_done = visual_done = 0
        for connection, (text_depth, visual_depth) in zip(
            self.connections, self.shape.connections, strict=True
        ):
            told = _through(self.text, text_done, text_depth, told, of_words)
            seen = _through(self.visual, visual_done, visual_depth, seen, of_regions)
            told, seen = connection(told, of_words, seen, of_regions)
            text_done, visual_done = text_depth, visual_depth
        told = _through(self.text, text_done, len(self.text), told, of_words)
        seen = _through(self.visual, visual_done, len(self.visual), seen, of_regions)
        return told, seen


class Connection(nn.Module):
    """A co-attention layer: each stream looks at the other as that was before the layer."""

    def __init__(self, shape: Vilbert) -> None:
        super().__init__()
        text, visual = shape.text, shape.visual
        inner, heads = shape.joint, shape.joint_heads
        self.text = Layer(
            text.width, heads, text.intermediate, of_width=visual.width, inner=inner,
            dropout=shape.dropout, eps=shape.eps,
        )  # fmt: skip
        self.visual = Layer(
            visual.width, heads, visual.intermediate, of_width=text.width, inner=inner,
            dropout=shape.dropout, eps=shape.eps,
        )  # fmt: skip

    def forward(
        self, told: Tensor, of_words: Tensor, seen: Tensor, of_regions: Tensor
    ) -> tuple[Tensor, Tensor]:
        return self.text(told, of_regions, of=seen), self.visual(seen, of_words, of=told)


def _through(layers: nn.ModuleList, first: int, last: int, hidden: Tensor, mask: Tensor) -> Tensor:
    for layer in layers[first:last]:
        hidden = cast(Tensor, layer(hidden, mask))
    return hidden
