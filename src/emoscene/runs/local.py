"""The engine of one process: samples that have no row yet go to the recognizer, and its rows to the record."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from emoscene.recognizers.base import Recognizer
from emoscene.runs.record import Record
from emoscene.types import Sample

__all__ = ["answer"]


def answer(
    recognizer: Recognizer,
    samples: Iterable[Sample],
    record: Record,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Ask the recognizer about every sample that the record has no row of.

    Args:
        recognizer: Who answers.
        samples: The samples of the record, in the same order as when it was opened.
        record: Where the rows go.
        progress: Called with the rows that are there and the people of the run, after every row.

    Raises:
        AssertionError: if the recognizer's rows are not one for one and in order.
    """
    waiting: deque[str] = deque()

    def missing() -> Iterator[Sample]:
        for sample in samples:
            if sample.id not in record.done:
                waiting.append(sample.id)
                yield sample

    if progress is not None:
        progress(len(record.done), record.people)
    for row in recognizer.predict(missing()):
        expected = waiting.popleft() if waiting else None
        if row.id != expected:
            raise AssertionError(f"{recognizer.name} answered {row.id!r} where {expected!r} was asked")
        record.append(row)
        if progress is not None:
            progress(len(record.done), record.people)
    if waiting:
        raise AssertionError(f"{recognizer.name} left {len(waiting)} samples without a row")
