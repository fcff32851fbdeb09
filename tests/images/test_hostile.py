"""Harmful files end as rows: the behaviour that `benchmarks/hostile.py` measures, on fewer cases."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from benchmarks.hostile import MUTATIONS, Case, mutations, named_files, row_of, seeds

from emoscene.types import Status

ALLOWED = (Status.OK, Status.UNREADABLE)


def test_the_unharmed_pictures_are_read() -> None:
    for name, data in seeds().items():
        assert row_of(Case(name, data)).status is Status.OK, name


def test_every_mutation_ends_as_a_row_without_a_word_of_the_decoder() -> None:
    count = len(seeds()) * len(MUTATIONS) * 2
    statuses: Counter[Status] = Counter()
    for case in mutations(count, seed=1):
        row = row_of(case)
        statuses[row.status] += 1
        assert row.status in ALLOWED, case.name
        if row.error is not None:
            assert row.error.code in ("picture", "picture_limit")
            assert row.error.remedy
            assert "0x" not in row.error.message
    # Both ends are reached often: the harm is neither harmless nor always noticed at the door.
    assert min(statuses[status] for status in ALLOWED) > count / 10


def test_mutations_are_the_same_for_the_same_seed() -> None:
    assert list(mutations(60, seed=3)) == list(mutations(60, seed=3))
    assert list(mutations(60, seed=3)) != list(mutations(60, seed=4))


def test_files_that_broke_image_libraries_are_unreadable(reference_data: Path) -> None:
    files = named_files(reference_data / "hostile-images")
    assert len(files) == 22
    for case in files:
        row = row_of(case)
        assert row.status is Status.UNREADABLE, case.name
        assert row.error is not None
        assert row.error.remedy
