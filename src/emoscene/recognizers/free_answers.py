"""From what a model wrote freely to an answer: a set of labels, or a row that says why there is none."""

from __future__ import annotations

from typing import Literal

from emoscene.errors import EmosceneError
from emoscene.labels import LabelSpace
from emoscene.recognizers.base import Answer, Refusal
from emoscene.scoring.parse import parse_answer, substring_match
from emoscene.types import ScoreKind, Status

__all__ = ["Parser", "answer_from_text"]

#: `strict` reads words and negation; `substring` is the paper's matcher, for numbers that are to be compared with it.
Parser = Literal["strict", "substring"]


def answer_from_text(text: str, labels: LabelSpace, parser: Parser = "strict") -> Answer | EmosceneError:
    """The set of labels that a free answer names, as `membership` scores of 0 and 1.

    What cannot be read is a `Refusal` with the status `unparsed`, an answer that declines one with the status
    `refused`; both keep the text. In a space of single labels the one named first counts.
    """
    if parser == "substring":
        return _members(substring_match(text, labels), text, labels)
    read = parse_answer(text, labels)
    if read.outcome == "unparsed":
        return Refusal(
            "the model's answer names no label that could be read",
            status=Status.UNPARSED,
            remedy="See raw_text; -o mode=score asks for every label without free text.",
            raw_text=text,
        )
    if read.outcome == "refused":
        return Refusal(
            "the model declined to answer",
            status=Status.REFUSED,
            remedy="See raw_text; try another model, or -o mode=score.",
            raw_text=text,
        )
    strangers = f"named, but no label of {labels.name}: {', '.join(read.unknown[:8])}"
    return _members(read.labels, text, labels, (strangers,) if read.unknown else ())


def _members(named: tuple[str, ...], text: str, labels: LabelSpace, warnings: tuple[str, ...] = ()) -> Answer:
    chosen = named if labels.multi_label else named[:1]
    scores = dict.fromkeys(labels.ids, 0.0) | dict.fromkeys(chosen, 1.0)
    return Answer(scores, ScoreKind.MEMBERSHIP, labels=chosen, raw_text=text, warnings=warnings)
