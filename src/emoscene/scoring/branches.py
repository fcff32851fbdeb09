"""Many continuations of one prefix in a single sequence: a tree of segments under a block mask.

Asking 26 questions about one picture repeats picture and prompt 26 times, or shares them. A tree of segments is
laid out in one sequence: each token sees the segments on its own path to the root and what stands before it in its
own segment, and its position is counted along that path. The logits are those of each path run alone.

A tree may hold its prefix as its root, or hang on one that stands elsewhere (a cache): then several segments have no
parent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Collated", "Packed", "Segment", "beside", "collate", "pack", "path", "pieces"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Segment:
    """Tokens that follow the segment number `parent` (None: the prefix, or nothing). Parents stand before children."""

    tokens: tuple[int, ...]
    parent: int | None = None


@dataclass(frozen=True)
class Packed:
    """A tree in one sequence of `length` tokens.

    tokens (length,), positions (length,); mask (length, length), True where the row's token sees the column's;
    `spans[i]` is where segment i begins and ends (exclusive).
    """

    tokens: Ints
    positions: Ints
    mask: Bools
    spans: tuple[tuple[int, int], ...]

    def last(self, segment: int) -> int:
        """Where the last token of the segment stands: the place to read the answer that follows it."""
        return self.spans[segment][1] - 1


def pack(segments: Sequence[Segment]) -> Packed:
    """Lay the tree out in one sequence, in the order given.

    Raises:
        ValueError: if there is no segment, one is empty, or a parent does not stand before its child.
    """
    if not segments:
        raise ValueError("a tree has at least one segment")
    spans: list[tuple[int, int]] = []
    depths: list[int] = []
    start = 0
    for index, segment in enumerate(segments):
        if not segment.tokens:
            raise ValueError(f"segment {index} has no tokens")
        if segment.parent is not None and not 0 <= segment.parent < index:
            raise ValueError(f"the parent of segment {index} does not stand before it")
        before = 0 if segment.parent is None else depths[segment.parent]
        spans.append((start, start + len(segment.tokens)))
        depths.append(before + len(segment.tokens))
        start += len(segment.tokens)
    positions = np.empty(start, dtype=np.int64)
    mask = np.zeros((start, start), dtype=np.bool_)
    for segment, (begin, end), depth in zip(segments, spans, depths, strict=True):
        positions[begin:end] = np.arange(depth - (end - begin), depth)
        mask[begin:end, begin:end] = np.tri(end - begin, dtype=np.bool_)
        if segment.parent is not None:
            parent_end = spans[segment.parent][1]
            # What the parent's last token sees is exactly the path from the root to the parent.
            mask[begin:end] |= mask[parent_end - 1]
    tokens = np.concatenate([np.asarray(s.tokens, dtype=np.int64) for s in segments])
    return Packed(tokens, positions, mask, tuple(spans))


def beside(trees: Sequence[Sequence[Segment]]) -> tuple[tuple[Segment, ...], tuple[int, ...]]:
    """Trees that hang on one prefix as one; with the index at which each of them begins."""
    together: list[Segment] = []
    begins = []
    for tree in trees:
        begin = len(together)
        begins.append(begin)
        together += [Segment(s.tokens, None if s.parent is None else s.parent + begin) for s in tree]
    return tuple(together), tuple(begins)


def path(segments: Sequence[Segment], index: int) -> tuple[int, ...]:
    """All tokens from the root to the end of segment `index`: what the tree stands for, written out."""
    segment = segments[index]
    before = () if segment.parent is None else path(segments, segment.parent)
    return before + segment.tokens


def pieces(
    segments: Sequence[Segment], reads: Sequence[int], most: int
) -> list[tuple[tuple[Segment, ...], tuple[int, ...]]]:
    """The tree in parts that hold at most `most` tokens each, to bound memory; every read stands in one of them.

    A part repeats the ancestors of what it reads. A single path longer than `most` is a part of its own. The reads
    come in the order given.

    Returns:
        For each part its segments, and its reads as indices into them.
    """
    parts: list[tuple[tuple[Segment, ...], tuple[int, ...]]] = []
    places: dict[int, int] = {}
    chosen: list[Segment] = []
    asked: list[int] = []
    for read in reads:
        lacking = [i for i in _ancestry(segments, read) if i not in places]
        size = sum(len(s.tokens) for s in chosen) + sum(len(segments[i].tokens) for i in lacking)
        if chosen and size > most:
            parts.append((tuple(chosen), tuple(asked)))
            places, chosen, asked = {}, [], []
            lacking = _ancestry(segments, read)
        for i in lacking:
            parent = segments[i].parent
            places[i] = len(chosen)
            chosen.append(Segment(segments[i].tokens, None if parent is None else places[parent]))
        asked.append(places[read])
    parts.append((tuple(chosen), tuple(asked)))
    return parts


def _ancestry(segments: Sequence[Segment], index: int) -> list[int]:
    """The segments from the root to `index`, both included."""
    parent = segments[index].parent
    return [*([] if parent is None else _ancestry(segments, parent)), index]


@dataclass(frozen=True)
class Collated:
    """Trees side by side: tokens, positions (batch, longest); mask (batch, longest, longest); reads (batch, n).

    Padding stands on the right, sees itself alone and is never read.
    """

    tokens: Ints
    positions: Ints
    mask: Bools
    reads: Ints


def collate(packed: Sequence[Packed], reads: Sequence[Sequence[int]], pad: int = 0) -> Collated:
    """Packed trees as one batch; `reads` names the segments after which an answer is read, equally many a tree."""
    longest = max(len(p.tokens) for p in packed)
    tokens = np.full((len(packed), longest), pad, dtype=np.int64)
    positions = np.zeros((len(packed), longest), dtype=np.int64)
    mask = np.tile(np.eye(longest, dtype=np.bool_), (len(packed), 1, 1))
    for i, p in enumerate(packed):
        n = len(p.tokens)
        tokens[i, :n], positions[i, :n], mask[i, :n, :n] = p.tokens, p.positions, p.mask
    places = [[p.last(segment) for segment in each] for p, each in zip(packed, reads, strict=True)]
    return Collated(tokens, positions, mask, np.array(places, dtype=np.int64))
