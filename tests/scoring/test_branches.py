"""Packing a tree: every token sees exactly its own path, at its own place on it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoscene.scoring.branches import Segment, collate, pack, path


@st.composite
def trees(draw: st.DrawFn) -> list[Segment]:
    count = draw(st.integers(1, 8))
    lengths = [draw(st.integers(1, 4)) for _ in range(count)]
    parents = [None, *(draw(st.none() | st.integers(0, i - 1)) for i in range(1, count))]
    tokens = iter(range(100))
    return [Segment(tuple(next(tokens) for _ in range(n)), p) for n, p in zip(lengths, parents, strict=True)]


@given(trees())
def test_each_segment_sees_its_path_and_nothing_else(segments: list[Segment]) -> None:
    packed = pack(segments)
    for index in range(len(segments)):
        alone = path(segments, index)
        last = packed.last(index)
        seen = packed.tokens[packed.mask[last]]
        order = packed.positions[packed.mask[last]]
        assert tuple(seen[np.argsort(order)].tolist()) == alone
        assert sorted(order.tolist()) == list(range(len(alone)))


@given(trees())
def test_no_token_sees_what_comes_later(segments: list[Segment]) -> None:
    packed = pack(segments)
    for i in range(len(packed.tokens)):
        assert packed.mask[i, i]
        assert not packed.mask[i, i + 1 :].any()


def test_siblings_start_at_the_same_place() -> None:
    packed = pack([Segment((1, 2, 3)), Segment((4, 5), 0), Segment((6,), 0), Segment((7,), 1)])
    assert packed.positions.tolist() == [0, 1, 2, 3, 4, 3, 5]
    assert packed.spans == ((0, 3), (3, 5), (5, 6), (6, 7))


@pytest.mark.parametrize(
    ("segments", "said"),
    [
        ([], "at least one"),
        ([Segment(())], "no tokens"),
        ([Segment((1,), 0)], "before it"),
        ([Segment((1,)), Segment((2,), 1)], "before it"),
        ([Segment((1,)), Segment((2,), -1)], "before it"),
    ],
)
def test_what_is_no_tree_is_refused(segments: list[Segment], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        pack(segments)


def test_padding_stands_on_the_right_and_sees_itself_alone() -> None:
    short, long = pack([Segment((1, 2))]), pack([Segment((3, 4, 5)), Segment((6,), 0)])
    batch = collate([short, long], [[0], [1]], pad=9)
    assert batch.tokens.tolist() == [[1, 2, 9, 9], [3, 4, 5, 6]]
    assert batch.mask[0, 2].tolist() == [False, False, True, False]
    assert not batch.mask[0, :2, 2:].any()
    assert batch.reads.tolist() == [[1], [3]]
