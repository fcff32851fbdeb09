"""What tests of datasets compare."""

from __future__ import annotations

from emoscene.types import Sample


def target_of(sample: Sample) -> set[str] | None:
    """The target as a plain set, which is easy to write down."""
    return None if sample.target is None else set(sample.target)
