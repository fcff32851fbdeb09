"""Unified-VLP: regions and words in one stream, read in both directions or written from left to right.

    [CLS] region 0 (the person) ... region n [SEP] word ... word [SEP]
      '--> emotions; VAD                             '--> masked words, captions

Zhou, Palangi, Zhang, Hu, Corso, Gao: Unified Vision-Language Pre-Training (AAAI 2020). The mask alone tells the two
uses apart. `bidirectional`: everybody sees everybody. `seq2seq`: the picture's part sees itself, a word sees the
picture's part, the words before it and itself. A region's position is told by its box, its score and its classes.
"""

from __future__ import annotations

from typing import Literal, cast

import torch
from torch import Tensor, nn

from emoscene.networks.layers import Layer, Outputs, initialise, levels
from emoscene.networks.regions import Regions
from emoscene.networks.shapes import UnifiedVlp

__all__ = ["Mask", "UnifiedVlpCore", "who_sees"]

Mask = Literal["bidirectional", "seq2seq"]
#: x1, y1, x2, y2, area and score.
_BOX = 6
#: Segments of the picture's part and of the words, by mask and number of segments.
_SEGMENTS = {
    ("bidirectional", 2): (0, 1),
    ("seq2seq", 2): (0, 1),
    ("bidirectional", 6): (0, 1),
    ("seq2seq", 6): (4, 5),
}


def who_sees(kind: Mask, regions: Tensor, words: Tensor) -> Tensor:
    """Which place may look at which, (batch, places, places), rows looking at columns.

    Args:
        kind: See above.
        regions: (batch, n), True where there is a region.
        words: (batch, m) of [CLS] word ... word [SEP], True where there is a token.

    Places are [CLS], n regions, [SEP], and the m - 1 tokens behind [CLS]. Nobody sees padding.
    """
    there = torch.cat([words[:, :1], regions, torch.ones_like(words[:, :1]), words[:, 1:]], dim=1)
    places, picture = there.shape[1], regions.shape[1] + 2
    if kind == "bidirectional":
        return there[:, None].expand(-1, places, -1)
    allowed = torch.ones(places, places, dtype=torch.bool, device=words.device).tril()
    allowed[:, :picture] = True
    return there[:, None] & allowed


class UnifiedVlpCore(nn.Module):
    """Everything behind the tower.

    Args:
        shape: The stream.
        features: How many features a region has.
        labels: How many emotions there are.
        separator: The id of [SEP].
    """

    def __init__(self, shape: UnifiedVlp, features: int, labels: int, separator: int) -> None:
        super().__init__()
        self.shape, self.separator = shape, separator
        stream, width = shape.stream, shape.stream.width
        self.words = nn.Embedding(shape.vocabulary, width)
        self.positions = nn.Embedding(shape.positions, width)
        self.segments = nn.Embedding(shape.segments, width)
        self.norm = nn.LayerNorm(width, shape.eps)
        self.dropout = nn.Dropout(shape.dropout)
        grown = shape.grown or 2 * width
        self.features = nn.Sequential(
            nn.Linear(features, grown),
            nn.ReLU(),
            nn.Linear(grown, width),
            nn.ReLU(),
            nn.Dropout(shape.dropout),
        )
        self.places = nn.Sequential(
            nn.Linear(_BOX + shape.classes, width), nn.ReLU(), nn.Dropout(shape.dropout)
        )
        self.layers = nn.ModuleList(
            Layer(width, stream.heads, stream.intermediate, dropout=shape.dropout, eps=shape.eps)
            for _ in range(stream.layers)
        )
        self.pool = nn.Linear(width, width)
        self.emotions = nn.Linear(width, labels)
        self.vad = nn.Linear(width, 3)
        self.guess = nn.Linear(width, width)
        self.guess_norm = nn.LayerNorm(width, shape.eps)
        self.guess_bias = nn.Parameter(torch.zeros(shape.vocabulary))
        self.apply(initialise)

    def forward(self, ids: Tensor, words: Tensor, regions: Regions) -> Outputs:
        """ids (batch, n) as [CLS] word ... word [SEP]; words (batch, n), True where there is a token."""
        first = self.stream(ids, words, regions)[:, 0]
        summary = self.dropout(torch.tanh(self.pool(first)))
        return Outputs(self.emotions(summary), levels(self.vad(summary)))

    def stream(self, ids: Tensor, words: Tensor, regions: Regions, kind: Mask = "bidirectional") -> Tensor:
        """The stream behind the last layer, (batch, places, width); places as in `who_sees`."""
        hidden = self._embedded(ids, regions, kind)
        mask = who_sees(kind, regions.mask, words)
        for layer in self.layers:
            hidden = layer(hidden, mask)
        return hidden

    def guesses(self, hidden: Tensor) -> Tensor:
        """Logits over the vocabulary of places of the stream, (..., vocabulary); the word embeddings read them."""
        changed = self.guess_norm(nn.functional.gelu(self.guess(hidden)))
        return nn.functional.linear(changed, self.words.weight, self.guess_bias)

    def word_guesses(self, ids: Tensor, words: Tensor, regions: Regions, kind: Mask) -> Tensor:
        """Logits for the tokens behind [CLS], (batch, n - 1, vocabulary)."""
        hidden = self.stream(ids, words, regions, kind)
        return self.guesses(hidden[:, regions.mask.shape[1] + 2 :])

    @torch.inference_mode()
    def write(self, regions: Regions, start: int, blank: int, longest: int) -> list[list[int]]:
        """Captions, greedily, one token at a time: each place is first blank and then what fits best there.

        Args:
            regions: What is told of.
            start, blank: The ids of [CLS] and [MASK].
            longest: The most tokens of a caption.
        """
        count = len(regions.mask)
        ids = torch.full((count, 1), start, device=regions.mask.device)
        ended = torch.zeros(count, dtype=torch.bool, device=ids.device)
        for _ in range(longest):
            asked = torch.cat([ids, torch.full_like(ids[:, :1], blank)], dim=1)
            logits = self.word_guesses(asked, torch.ones_like(asked, dtype=torch.bool), regions, "seq2seq")
            found = logits[:, -1].argmax(dim=-1).masked_fill(ended, self.separator)
            ids = torch.cat([ids, found[:, None]], dim=1)
            ended |= found == self.separator
            if ended.all():
                break
        rows = cast(list[list[int]], ids[:, 1:].tolist())
        return [row[: row.index(self.separator)] if self.separator in row else row for row in rows]

    def _embedded(self, ids: Tensor, regions: Regions, kind: Mask) -> Tensor:
        count = regions.mask.shape[1]
        told = self.words(ids)
        end = self.words.weight[self.separator].expand(len(ids), 1, -1)
        what = torch.cat([told[:, :1], self.features(regions.features), end, told[:, 1:]], dim=1)
        # Words stand behind the most regions that there can be, so that nobody's neighbours move them.
        behind = self.shape.sight.regions + 1
        after = torch.arange(behind, behind + ids.shape[1], device=ids.device)
        start = self.positions.weight[:1].expand(len(ids), -1, -1)
        where = torch.cat(
            [start, self.places(self._places(regions)), self.positions(after).expand(len(ids), -1, -1)], dim=1
        )
        picture, words = _SEGMENTS[kind, self.shape.segments]
        segment = torch.full((what.shape[1],), words, device=ids.device)
        segment[: count + 2] = picture
        return cast(Tensor, self.dropout(self.norm(what + where + self.segments(segment))))

    def _places(self, regions: Regions) -> Tensor:
        """Box, area and score, and the classes, each normed by itself as in the original."""
        box = torch.cat([regions.places, regions.scores[..., None]], dim=-1)
        parts = [nn.functional.layer_norm(box, box.shape[-1:])]
        if self.shape.classes:
            shares = regions.classes
            if shares is None:
                shares = box.new_zeros(*box.shape[:2], self.shape.classes)
            parts.append(nn.functional.layer_norm(shares, shares.shape[-1:]))
        return torch.cat(parts, dim=-1)
