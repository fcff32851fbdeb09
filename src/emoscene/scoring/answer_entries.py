"""Entries of a list: `happiness, no anger, peace`, `Happiness: yes`, `Fear (0.1)`, `1. Peace - she is at rest`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from emoscene.labels import normal_form
from emoscene.scoring.answer_phrases import LINKING, NEGATORS, PRESENT, RESTARTS, named_in
from emoscene.scoring.answer_prose import Reading
from emoscene.scoring.answer_words import Lexicon, Mention, Word, words_of

__all__ = ["Entries", "number_verdict", "read_entries", "scale_of", "value_verdict"]

_SEPARATOR = re.compile(r"[,、،/|·•・∙‧—–\n;&+#\"«»\\]|\s-+\s|->|→")
_DASH = re.compile(r"\s-+\s|[—–→]|->")
_HEAD_END = re.compile(r"[:=—–(|→]|\s-+\s|->")
_FILLERS = frozenset(
    "and or also with the a an feeling feelings of some possibly maybe perhaps likely slightly somewhat very mild "
    "strong deep sense hint bit little emotion emotions etc slight both as well primarily mainly mostly moderate "
    "intense pure genuine high great general overall top label labels then finally extreme extremely quite "
    "probably definitely potential potentially subtle clear obvious signs sign secondary primary even much lots "
    "is are".split()
)
_DENIERS = frozenset({"no", "not", "without", "non", "zero"})
_MOST_WORDS_UNKNOWN = 3

_YES = frozenset(
    "yes true present high strong moderate likely y visible evident applicable applies selected".split()
)
_NO = frozenset("no false absent none n unlikely inapplicable".split())
_OPEN = frozenset("low minimal weak unclear unknown uncertain possibly maybe slight neutral medium".split())
_SIGNS = frozenset(
    "sign signs evidence indication indications indicator indicators hint trace traces cue cues".split()
)
_SIGN_FILLERS = frozenset(
    "clear visible obvious strong apparent real direct specific particular such any overt".split()
)
_MARKS = {"✅": True, "✔": True, "✓": True, "☑": True, "❌": False, "✗": False, "✘": False, "✖": False}
_SCALE = re.compile(r"(?:\bscale (?:of|from) [01](?:\.0)? ?(?:to|-|–) ?|\bout of |\(0 ?[-–] ?)(\d{1,3})\b")


@dataclass
class Entries:
    """What a list says: its readings in order, and the entries that name no label."""

    readings: list[Reading] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def scale_of(text: str) -> float | None:
    """The top of the scale that a text states (`on a scale of 1 to 10`), else None."""
    match = _SCALE.search(text)
    top = 0.0 if match is None else float(match.group(1))
    return top if top > 0 else None


def number_verdict(number: float, scale: float | None) -> bool | None:
    """Whether a score affirms: from half of its scale on. None for a score above 1 on a scale that nobody states."""
    if scale is None and number > 1:
        return None
    return number / (scale or 1.0) >= 0.5


def read_entries(text: str, lexicon: Lexicon, scale: float | None = None) -> Entries | None:
    """The entries that a sentence consists of; None if it is no list but prose."""
    words, _ = words_of(text)
    mentions = named_in(words, lexicon)
    if not mentions:
        return None
    return (
        _pairs(text, lexicon, scale)
        or _list(words, mentions, scale)
        or _head_and_tail(text, words, mentions, lexicon, scale)
        or _behind_colon(words, mentions, scale)
    )


def _pairs(text: str, lexicon: Lexicon, scale: float | None) -> Entries | None:
    """`happiness: yes, anger: no, fear: 0.2`: several heads with values on one line."""
    if text.count(":") + text.count("=") < 2:
        return None
    out = Entries()
    for part in re.split(r"[,|]|\band\b", text):
        if not part.strip():
            continue
        words, _ = words_of(part)
        mentions = lexicon.mentions(words)
        if not mentions or mentions[0].start != 0 or len(mentions) != 1 or mentions[0].end == len(words):
            return None
        answered, verdict = value_verdict(
            _after(part, words, mentions[0].end), mentions[0].label, lexicon, scale
        )
        if not answered:
            return None
        _add(out, mentions, verdict)
    return out


def _list(words: Sequence[Word], mentions: Sequence[Mention], scale: float | None) -> Entries | None:
    """A list whose entries are labels, at most with a word of degree or a bracketed remark."""
    if any(":" in word.gap or "=" in word.gap for word in words[1:]):
        return None
    out = Entries()
    chunks = _chunks(words, mentions)
    for chunk, named, remark, dashed in chunks:
        left = [word for word in chunk if word not in _FILLERS and not word[0].isdecimal()]
        if named:
            denied = bool(left) and left[0] in _DENIERS
            if len(left) > denied or (denied and len(chunks) > 1):
                return None  # how far a negation reaches is for prose to say
            verdict = _remark_verdict(remark, scale)
            _add(out, named, None if verdict is None else verdict and not denied)
        elif left:
            if dashed or len(left) > _MOST_WORDS_UNKNOWN or any(word in _VERBAL for word in left):
                return None
            out.unknown.append(" ".join(left))
    return out if len(out.readings) + 1 > len(out.unknown) and out.readings else None


_PROSE = "based on in at by of from into first second third next".split()
_VERBAL = (RESTARTS | LINKING | PRESENT | _YES | _NO | _OPEN | {"not", "because", "pick", *_PROSE}) - {
    "more",
    "possibly",
    "perhaps",
}


def _chunks(
    words: Sequence[Word], mentions: Sequence[Mention]
) -> list[tuple[list[str], list[Mention], list[str], bool]]:
    """Per entry: words that name nothing, mentions, words in brackets behind a mention, and whether a dash leads."""
    chunks: list[tuple[list[str], list[Mention], list[str], bool]] = [([], [], [], False)]
    by_start = {mention.start: mention for mention in mentions}
    bracketed = False
    i = 0
    while i < len(words):
        word = words[i]
        mention = by_start.get(i)
        if ")" in word.gap:
            bracketed = False
        if "(" in word.gap and chunks[-1][1]:
            bracketed = mention is None
        if not bracketed and i > 0 and (_SEPARATOR.search(word.gap) or word.text in ("and", "or")):
            chunks.append(([], [], [], _DASH.search(word.gap) is not None))
        if mention is not None and not bracketed:
            chunks[-1][1].append(mention)
            i = mention.end
            continue
        (chunks[-1][2] if bracketed else chunks[-1][0]).append(word.text)
        i += 1
    return chunks


def _remark_verdict(remark: Sequence[str], scale: float | None) -> bool | None:
    """What a bracket behind a label says: a score, yes or no; any other remark leaves the label picked."""
    if not remark:
        return True
    if remark[0][0].isdecimal():
        return _score(remark[0], remark[1] if len(remark) == 2 else "", scale)
    if remark[0] == "not" and (len(remark) == 1 or remark[1] in PRESENT):
        return False
    if len(remark) <= 2 and remark[0] in _NO | _YES | _OPEN:
        return None if remark[0] in _OPEN else remark[0] in _YES
    return True


def _behind_colon(words: Sequence[Word], mentions: Sequence[Mention], scale: float | None) -> Entries | None:
    """`The person feels: happiness (8/10), fear (1/10)`: a list behind an opening that names and denies nothing."""
    cut = next((i for i in range(1, len(words)) if ":" in words[i].gap), 0)
    if not cut or mentions[0].start < cut or any(NEGATORS.at(words, i) for i in range(cut)):
        return None
    tail = [Word(words[cut].text, ""), *words[cut + 1 :]]
    return _list(tail, [replace(m, start=m.start - cut, end=m.end - cut) for m in mentions], scale)


def _head_and_tail(
    text: str, words: Sequence[Word], mentions: Sequence[Mention], lexicon: Lexicon, scale: float | None
) -> Entries | None:
    inside = {i for mention in mentions for i in range(mention.start + 1, mention.end)}
    cut = next(
        (i for i in range(1, len(words)) if i not in inside and _HEAD_END.search(words[i].gap)), len(words)
    )
    named = [mention for mention in mentions if mention.end <= cut]
    head = _list(words[:cut], named, scale) if named else None
    if head is None or head.unknown:
        return None
    if cut == len(words):
        return head
    tail = _after(text, words, cut)
    if any(_is_definition(tail, lexicon, mention.label) for mention in named):
        return Entries()
    _, verdict = value_verdict(tail, named[0].label, lexicon, scale)
    out = Entries()
    _add(out, named, verdict)
    return out


def _after(text: str, words: Sequence[Word], i: int) -> str:
    """The text from the gap before word `i` on."""
    at = sum(len(word.gap) + len(word.text) for word in words[:i])
    return text[at:]


def _is_definition(tail: str, lexicon: Lexicon, label: str) -> bool:
    """The tail repeats the definition of the label, which stood in the question."""
    definition = normal_form(lexicon.labels[label].definition)[:40]
    return len(definition) >= 12 and normal_form(tail).startswith(definition)


def value_verdict(tail: str, label: str, lexicon: Lexicon, scale: float | None) -> tuple[bool, bool | None]:
    """Whether what stands behind a label is a value at all, and what it says; an explanation affirms."""
    for mark, verdict in _MARKS.items():
        if tail.lstrip(" :=-–—|(").startswith(mark):
            return True, verdict
    words, _ = words_of(tail)
    if not words:
        return False, True
    first, following = words[0].text, words[1:]
    if first[0].isdecimal():
        divided = bool(following) and following[0].gap.strip() == "/"
        named = following[0].text if following and (divided or following[0].text == "percent") else ""
        return True, _score(first, named, scale)
    ends = not following or following[0].gap.strip() != "" or len(following) == 1
    if ends and first in _OPEN and not following:
        return True, None
    if ends and first in _YES | _NO and (first in ("yes", "no", "true", "false") or len(following) <= 1):
        return True, first in _YES
    return _denied(words, label, lexicon)


def _denied(words: Sequence[Word], label: str, lexicon: Lexicon) -> tuple[bool, bool | None]:
    """`not present`, `no clear sign of it`; `no smile` and `not looking at anybody` are explanations."""
    first, following = words[0].text, [word.text for word in words[1:]]
    if first == "not" and following and following[0] in PRESENT | {"clearly", "really", "at"}:
        return True, False
    if first == "no":
        rest = [word for word in following if word not in _SIGN_FILLERS]
        if rest and rest[0] in _SIGNS:
            named = lexicon.mentions(words)
            about = rest[1:2] != ["of"] or rest[2:3] in (["it"], ["this"], ["that"])
            if about or any(mention.label == label for mention in named):
                return True, False
    return False, True


def _score(first: str, second: str, scale: float | None) -> bool | None:
    """What `0.8`, `80%`, `80 percent` and `8/10` say; `second` is the word behind the number, if it belongs to it."""
    number = float(first.rstrip("%"))
    if first.endswith("%") or second == "percent":
        return number >= 50
    if second.isdecimal() and float(second) > 0:
        return number / float(second) >= 0.5
    return number_verdict(number, scale)


def _add(out: Entries, mentions: Sequence[Mention], verdict: bool | None) -> None:
    if verdict is not None:
        for mention in mentions:
            out.readings.append(Reading(mention.label, mention.family, verdict and not mention.denying))
