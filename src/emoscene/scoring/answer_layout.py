"""The layout of an answer: its sentences, which of them are entries of a list, and under which heading they stand.

"1. Happiness: she smiles although the others look angry" is an entry: its head names the label, the rest explains
and is not read. "Explanation:" opens a part that counts only if nothing else names a label.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from itertools import pairwise

__all__ = ["Part", "Sentence", "layout"]


class Part(IntEnum):
    """Where a sentence stands; the lower, the more it is the answer itself."""

    FINAL = 0  # behind "Final answer:"
    ANSWER = 1  # behind "Labels:" or "The top emotions are:"
    PLAIN = 2
    EXPLAINED = 5  # behind "Explanation:"
    OPTIONS = 9  # repeats the question


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence or entry.

    `marked`: what a mark before it says (a tick, a cross). `denied`: by its heading. `answered`: the heading was
    followed by an answer on its own line, so that only entries of a list still belong to it.
    """

    text: str
    part: Part
    bullet: bool = False
    question: bool = False
    denied: bool = False
    marked: bool | None = None
    answered: bool = False


_TAG = re.compile(r"<(br)[^<>\n]{0,10}>|<[/|]?[a-z_|][^<>\n]{0,40}>|\[/?inst\]")
_ROLE = re.compile(r"^ ?\**(?:assistant|response|output)\** ?:", re.M)
_ENUMERATOR = re.compile(r"(?:(?<=\s)|^)\(?(\d{1,2})[.):]\s+(?=\D)")
_BULLET = re.compile(
    r"\s*(?:[>#|]\s*)*(?:(?:[-*+–—]+(?=[\s\[✓✔✗✘])|[•●▪◦‣∙·○■□★☆➤➢→]|\(?\d{1,2}(?:[.):](?![\d])|、|\s*[-–—]\s)\)?|\(?[a-z]\)|[a-z]\.(?=\s))\s*)?"
    r"(?P<mark>(?:[✅✔✓☑☒❌✗✘✖☐⬜]|\[[x✓✔ ]\]|\*\*(?=[✓✔]))\s*)?"
)
_SENTENCE = re.compile(r"(?:[^.!?。！？｡।;；…\n]|(?<=\d)\.(?=\d)|\.(?=[^\s\"'*)\]]))+")
_MARKS_NO = ("❌", "✗", "✘", "✖", "☒", "☐", "⬜", "[ ]")
_EMPHASIS = re.compile(r"[*`~#]+|__+")
_TABLE_RULE = re.compile(r"[\s|:+=\-–—_]*")
_ABBREVIATIONS = re.compile(r"\b(e\.g|i\.e|etc|vs|mr|mrs|ms|dr|approx)\.")

_FINAL_HEAD = re.compile(r"\b(?:final|answer|conclusion|in summary|overall)\b")
_ANSWER_HEAD = re.compile(
    r"\b(?:labels?|emotions?|feelings?|categor(?:y|ies)|top|prediction|predicted|results?|selected|selection|picks?"
    r"|classification|sentiments?|dominant|primary|secondary|response|output|mood|emotional state)\b"
)
_EXPLAIN_HEAD = re.compile(
    r"^\s*(?:(?:the|my|brief|visual|step|detailed|short|key|image|scene|facial|contextual|supporting)\s+)*"
    r"(?:explanations?|reason(?:s|ing)?|rationale|justification|because|analysis|description|caption|evidence|context"
    r"|notes?|observations?|cues|image|scene|thoughts?|why|details|setting|background|step \d+|body language"
    r"|facial expression|posture|disclaimer)\b"
)
_OPTIONS_HEAD = re.compile(
    r"\b(?:options|choices|candidates?|available|allowed|to choose from|possible labels|categories to consider)\b"
    r"|^\W*(?:the )?(?:question|user|human|prompt|definitions|input|instructions?|task)\W*$"
)
_PICKED = re.compile(r"\b(?:i|i'd|my|chosen|selected|picked|best)\b")
_DENY_HEAD = re.compile(
    r"\b(?:(?:do|does|is|are|were|was|did)(?: not|n't)|not|absent|excluded|ruled out|unlikely|least likely|less likely"
    r"|rejected|missing|without|none)\b"
)
_DENIED_INLINE = re.compile(
    r"\W*(?:rejected|excluded|absent|ruled out|not present|not applicable|not selected|unlikely|discarded|not felt)\W*"
)
_NO_DENIAL = re.compile(r"\bnot (?:only|just|limited to|necessarily limited)\b|\bin no \w+ order\b")


def layout(text: str, names_label: Callable[[str], bool]) -> Iterator[Sentence]:
    """The sentences of a folded text, in order. What names a label by itself is no heading."""
    part, denied, ended, answered = Part.PLAIN, False, False, False
    for line in _lines(text):
        if not line.strip():
            ended = True
            continue
        lead = _BULLET.match(line)
        assert lead is not None
        mark = (lead.group("mark") or "").strip()
        content = line[lead.end() :]
        bullet = bool(line[: lead.end()].strip(" \t>#|"))
        if ended and not bullet and part is not Part.EXPLAINED:
            part, denied = (part if part is Part.FINAL and not answered else Part.PLAIN), False
        ended = False
        marked = None if not mark else mark not in _MARKS_NO
        for sentence in _sentences(content):
            heading = _heading(sentence.text) if not bullet or _is_bare_heading(sentence.text) else None
            if heading is None or names_label(sentence.text.partition(":")[0]):
                yield replace(
                    sentence, part=part, bullet=bullet, denied=denied, marked=marked, answered=answered
                )
                continue
            part, denied, rest = heading
            answered = bool(rest.strip())
            if answered:
                yield replace(sentence, text=rest, part=part, bullet=bullet, denied=denied)
                denied = False


def _lines(text: str) -> list[str]:
    text = _TAG.sub(lambda tag: "\n" if tag.group(1) else " ", text)
    roles = list(_ROLE.finditer(text))
    if roles:
        text = text[roles[-1].end() :]
    lines: list[str] = []
    for line in text.splitlines():
        if line.strip().startswith("```") or _TABLE_RULE.fullmatch(line):
            if not line.strip():
                lines.append("")
            continue
        lines += _split_enumerated(_ABBREVIATIONS.sub(lambda m: m.group(1).replace(".", ""), line))
    return lines


def _split_enumerated(line: str) -> list[str]:
    """`1. Happiness 2. Peace` on one line, as a line for each number."""
    marks = list(_ENUMERATOR.finditer(line))
    numbers = [int(mark.group(1)) for mark in marks]
    if len(marks) < 2 or numbers != list(range(numbers[0], numbers[0] + len(marks))):
        return [line]
    cuts = [0] * bool(line[: marks[0].start()].strip()) + [mark.start() for mark in marks] + [len(line)]
    return [line[a:b] for a, b in pairwise(cuts)]


def _sentences(line: str) -> Iterator[Sentence]:
    line = _EMPHASIS.sub("", line)
    for match in _SENTENCE.finditer(line):
        end = line[match.end() : match.end() + 2]
        if match.group().strip():
            yield Sentence(match.group(), Part.PLAIN, question="?" in end or "？" in end)


def _is_bare_heading(text: str) -> bool:
    """A bullet may be a heading only if it is one that we know: `- Labels: happiness`."""
    head, colon, _ = text.partition(":")
    return bool(colon) and _kind(head) is not None and len(head.split()) <= 5


def _heading(text: str) -> tuple[Part, bool, str] | None:
    """The part that a heading opens, whether it denies what stands under it, and what follows on its line."""
    head, colon, rest = text.partition(":")
    if not colon or len(head) > 200:
        return None
    kind = _kind(head)
    if kind is None:
        if not (_DENIED_INLINE.fullmatch(head) if rest.strip() else _denies(head)):
            return None
        kind = Part.ANSWER
    return kind, _denies(head) and kind in (Part.FINAL, Part.ANSWER), rest


def _kind(head: str) -> Part | None:
    if _EXPLAIN_HEAD.search(head) and len(head.split()) <= 6:
        return Part.EXPLAINED
    if _OPTIONS_HEAD.search(head) and not _PICKED.search(head):
        return Part.OPTIONS
    if _FINAL_HEAD.search(head):
        return Part.FINAL
    return Part.ANSWER if _ANSWER_HEAD.search(head) else None


def _denies(head: str) -> bool:
    return _DENY_HEAD.search(_NO_DENIAL.sub("", head)) is not None
