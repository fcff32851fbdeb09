"""Trees in parts, and trees beside one another."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from emoscene.scoring.branches import Segment, beside, path, pieces


@st.composite
def trees(draw: st.DrawFn) -> tuple[list[Segment], list[int]]:
    count = draw(st.integers(1, 12))
    segments = []
    for i in range(count):
        tokens = tuple(draw(st.lists(st.integers(1, 99), min_size=1, max_size=5)))
        segments.append(Segment(tokens, draw(st.sampled_from([None, *range(i)]))))
    reads = draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=8))
    return segments, reads


@given(trees(), st.integers(1, 30))
def test_parts_hold_every_path_in_order(tree: tuple[list[Segment], list[int]], most: int) -> None:
    segments, reads = tree
    parts = pieces(segments, reads, most)
    found = [path(part, read) for part, asked in parts for read in asked]
    assert found == [path(segments, read) for read in reads]
    for part, asked in parts:
        longest = max(len(path(part, read)) for read in asked)
        assert sum(len(s.tokens) for s in part) <= max(most, longest)


@given(st.lists(trees(), min_size=1, max_size=4))
def test_trees_side_by_side_keep_their_paths(many: list[tuple[list[Segment], list[int]]]) -> None:
    together, begins = beside([segments for segments, _ in many])
    for (segments, reads), begin in zip(many, begins, strict=True):
        for read in reads:
            assert path(together, begin + read) == path(segments, read)
