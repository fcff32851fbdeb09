"""From a picture and its people to samples, and from samples to rows, with a row for nobody too.

opened picture + boxes --samples_of--> Sample(s)
opened picture + a finder --find--> Sample(s), or Nobody --answers--> rows in the same order
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from emoscene.errors import AnswerError, EmosceneError, PersonNotFoundError
from emoscene.people import Finder
from emoscene.recognizers.base import Recognizer, status_of
from emoscene.types import BoundingBox, ErrorInfo, Picture, Prediction, Sample

__all__ = ["FoundSample", "Nobody", "Which", "answers", "find", "samples_of"]

#: Who is to be found.
Which = Literal["all", "largest"]


def samples_of(
    picture: Any, source: str, *, boxes: Sequence[BoundingBox] | None = None, text: str | None = None
) -> list[Sample]:
    """One sample a box (one for the whole picture without boxes), keyed by source and box index."""
    if boxes is None:
        return [Sample(id=f"{source}#0", picture=picture, text=text, source=source)]
    return [
        Sample(
            id=f"{source}#{index}",
            picture=picture,
            box=box,
            text=text,
            others=(*boxes[:index], *boxes[index + 1 :]),
            source=source,
        )
        for index, box in enumerate(boxes)
    ]


@dataclass(frozen=True)
class Nobody:
    """A picture in which nobody was found: it becomes a row without being asked about."""

    source: str
    error: EmosceneError


class FoundSample(Sample):
    """A sample of somebody who was found, with what is to be said of how."""

    warnings: tuple[str, ...] = ()


def find(
    picture: Any, source: str, which: Which, finder: Finder, *, text: str | None = None
) -> list[Sample | Nobody]:
    """A sample for each person that is found; a picture that could not be opened stays a sample.

    Whom the finder left out is said with the first person of the picture.
    """
    if not isinstance(picture, Picture):
        return [*samples_of(picture, source, text=text)]
    try:
        found = finder.find(picture, which)
    except (PersonNotFoundError, AnswerError) as error:
        return [Nobody(source, error)]
    said = (finder.warning,) if finder.warning else ()
    boxes = [person.box for person in found.people]
    return [
        FoundSample(
            **dict(sample) | {"others": (*sample.others, *found.others)},
            warnings=(*found.notes, *said) if index == 0 else said,
        )
        for index, sample in enumerate(samples_of(picture, source, boxes=boxes, text=text))
    ]


def answers(recognizer: Recognizer, asked: Iterable[Sample | Nobody]) -> Iterator[Prediction]:
    """The recognizer's rows in the order of `asked`, with a row `no_person` wherever nobody was found."""
    for is_nobody, run in itertools.groupby(asked, key=lambda each: isinstance(each, Nobody)):
        if not is_nobody:
            yield from _with_warnings(recognizer, (each for each in run if isinstance(each, Sample)))
            continue
        for each in run:
            assert isinstance(each, Nobody)
            yield Prediction(
                id=f"{each.source}#0",
                source=each.source,
                status=status_of(each.error),
                error=ErrorInfo.of(each.error),
                model=recognizer.name,
                label_space=recognizer.labels.name,
            )


def _with_warnings(recognizer: Recognizer, samples: Iterable[Sample]) -> Iterator[Prediction]:
    """The recognizer's rows, with the warnings of their samples before its own."""
    waiting: deque[tuple[str, ...]] = deque()

    def passing() -> Iterator[Sample]:
        for sample in samples:
            waiting.append(sample.warnings if isinstance(sample, FoundSample) else ())
            yield sample

    for row in recognizer.predict(passing()):
        said = waiting.popleft()
        yield row.model_copy(update={"warnings": (*said, *row.warnings)}) if said else row
