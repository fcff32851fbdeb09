"""What a model wrote freely, read as labels: `parse_answer`; and the paper's matcher, `substring_match`.

`parse_answer` never guesses. Words count whole; "not happy" denies; a reason, a condition, a repeated question and
a sentence about others say nothing. What names no label that way is `unparsed`.

What is read, in this order; the first that affirms a label is the answer:

1. JSON;
2. what stands behind "Final answer:", then behind "Labels:" and the like;
3. entries of a list, with or without bullets. The head of an entry counts, not its explanation;
4. sentences;
5. sentences in bullets, then what stands behind "Explanation:".

A score behind a label affirms it from half of its scale on. Where a word is affirmed and later denied, or the other
way about, the later counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from emoscene.labels import LabelSpace
from emoscene.scoring.answer_entries import number_verdict, read_entries, scale_of
from emoscene.scoring.answer_json import json_values
from emoscene.scoring.answer_layout import Part, Sentence, layout
from emoscene.scoring.answer_phrases import named_in
from emoscene.scoring.answer_prose import Reading, read_sentence
from emoscene.scoring.answer_words import Lexicon, folded, lexicon_of, words_of

__all__ = ["LONGEST_ANSWER", "Outcome", "Parsed", "parse_answer", "substring_match"]

#: Only so many characters of an answer are read.
LONGEST_ANSWER = 20_000

Outcome = Literal["labels", "none", "refused", "unparsed"]


@dataclass(frozen=True)
class Parsed:
    """A free answer as it was read.

    Attributes:
        outcome: `labels` (at least one is named), `none` (the answer says that none applies), `refused` (the model
            declines), `unparsed` (nothing that could be read).
        labels: Ids of the labels that are affirmed, in the order of mention.
        denied: Ids of labels that are denied and not affirmed, in the order of mention.
        unknown: Entries of the list that name no label of the space, in folded spelling.
    """

    outcome: Outcome
    labels: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def substring_match(text: str, labels: LabelSpace) -> tuple[str, ...]:
    """The ids of the labels whose name occurs anywhere in the lower-cased text, in the order of occurrence.

    This is how the paper read its answers, and it is wrong on purpose: `danger` holds anger, `unhappiness` and
    `not happiness` hold happiness. It exists so that published numbers can be scored again; use `parse_answer`.
    """
    lower = text.lower()
    found = [(lower.find(label.name.lower()), label.id) for label in labels]
    return tuple(label for at, label in sorted(found, key=lambda hit: hit[0]) if at >= 0)


def parse_answer(text: str, labels: LabelSpace) -> Parsed:
    """Read a free answer; see the head of this module for the rules."""
    lexicon = lexicon_of(labels)
    answer = folded(_bounded(text))
    levels = _Levels(len(labels))
    nothing_listed = _read_json(answer, lexicon, levels)
    if not levels.answered:
        _read_text(answer, lexicon, levels)
    named, denied, unknown = levels.result()
    if named:
        return Parsed("labels", named, denied, unknown)
    if nothing_listed or _NONE.search(answer) or len(denied) == len(labels):
        return Parsed("none", (), denied)
    if _REFUSED.search(answer):
        return Parsed("refused", (), denied, unknown)
    return Parsed("none" if _NO_EMOTION.search(answer) else "unparsed", (), denied, unknown)


_CUT_WORD = re.compile(r"\w{1,40}\Z")
_END_OF_THOUGHT = re.compile(r"</think(?:ing)?>", re.IGNORECASE)


def _bounded(text: str) -> str:
    """What is said after thinking aloud, cut at the limit between two words."""
    thoughts = list(_END_OF_THOUGHT.finditer(text))
    spoken = text[thoughts[-1].end() :] if thoughts else text
    if spoken.lstrip()[:10].lower().startswith("<think"):
        return ""  # the thought was never finished
    if len(spoken) <= LONGEST_ANSWER:
        return spoken
    cut = spoken[:LONGEST_ANSWER]
    return _CUT_WORD.sub("", cut) if spoken[LONGEST_ANSWER].isalnum() else cut


_CERTAINTY = re.compile(
    r"[(,;]? ?\bconfidence(?:[ _]score|[ _]level)?(?: ?[:=] ?(\d+(?:\.\d+)?%?|high|medium|low)\b%?| (0?\.\d+|\d+%))\)?"
)
_VALUE = re.compile(r"[a-z][*]*\s*[:=(-]\s*(?:\d|(?:high|medium|low|true|false|yes|no)\b)")


def _without_certainty(answer: str, lexicon: Lexicon) -> str:
    """ "Confidence: 0.9" is how sure the model is, and no label, where no other label has a value.

    Once, it is left out; behind each of several labels, it is the value of that label.
    """
    rest, times = _CERTAINTY.subn(" ", answer)
    if not times or _VALUE.search(rest) or not lexicon.mentions(words_of(rest)[0]):
        return answer
    return rest if times == 1 else _CERTAINTY.sub(lambda value: f" ({value[1] or value[2]})", answer)


_NONE = re.compile(
    r"\bnone of (?:these|the|them|those|your)\b[^.]{0,40}\b(?:labels?|emotions?|options|above|listed|categories|"
    r"appl\w+|fits?|match\w*|feelings)\b|\bnone of (?:these|them|those)\b"
    r"|\bnone (?:apply|applies|fits?|match(?:es)?|is applicable|are applicable|listed)\b"
    r"|^\W*(?:none|n/a|not applicable|no labels?|no emotions?|nothing)\W*$"
    r"|\b(?:labels?|answers?|emotions?|feelings?|output|response|results?)\W{1,4}"
    r"(?:none|n/a|nothing|not applicable)\W*$"
    r"|\bno (?:labels?|emotions?|categor(?:y|ies)) (?:from the list |listed )?(?:apply|applies|fits?|match(?:es)?)\b"
    r"|\b(?:does not|doesn't|do not|don't|is not|isn't)(?: \w+){0,6} any of (?:these|the|those)\b"
)
_REFUSED = re.compile(
    r"\b(?:i|we)(?: am|'m| are|'re)?(?: really| very| truly| so)? "
    r"(?:sorry|unable|not able|not allowed|not permitted|not comfortable|afraid i can(?:'t|not))\b"
    r"|\b(?:i|we) (?:can't|cannot|can not|won't|will not) (?!see (?:any|a|much)\b)"
    r"|\b(?:i|we) (?:don't|do not) (?:know|have|feel comfortable|possess|speculate)\b"
    r"|\b(?:i|we) (?:must decline|decline|apologi[sz]e)\b|\bi(?:'d| would) rather not\b|\bas an ai\b"
    r"|^\W*(?:sorry|my apologies|apologies)\b|\bagainst my (?:policy|guidelines)\b"
    r"|\b(?:not enough|insufficient) (?:information|context)\b"
    r"|\b(?:unable|not possible|impossible|difficult|hard|cannot be|can't be|can not be) (?:to )?(?:be )?"
    r"(?:accurately |reliably |definitively )?"
    r"(?:determined?|identif(?:y|ied)|sa(?:y|id)|tell|infer(?:red)?|assess(?:ed)?|know|known|discern(?:ed)?)\b"
)
_NO_EMOTION = re.compile(
    r"\b(?:no|without|without any|lacks? (?:any )?)\s*(?:(?:clear|visible|strong|discernible|specific|particular|"
    r"obvious|apparent|real|notable|of the listed)\s+)*(?:emotions?|feelings?)\b"
    r"|\b(?:not|n't)(?: \w+){0,4} any (?:(?:\w+) ){0,2}(?:emotions?|feelings?|labels?)\b"
)


@dataclass
class _Levels:
    """The readings of each level, kept apart until the first level that affirms something is taken."""

    size: int
    said: dict[int, list[list[Reading]]] = field(default_factory=dict)
    strange: dict[int, list[str]] = field(default_factory=dict)

    def add(self, level: int, readings: Iterable[Reading], unknown: Iterable[str] = ()) -> None:
        """Add what one sentence says."""
        self.said.setdefault(level, []).append(list(readings))
        self.strange.setdefault(level, []).extend(unknown)

    @property
    def answered(self) -> bool:
        return any(reading for sentences in self.said.values() for reading in sentences)

    def result(self) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        """Labels that are affirmed, labels that are denied, and entries that name none."""
        self._drop_repeated_question()
        everything = [reading for level in sorted(self.said) for reading in self._at(level)]
        for level in sorted(self.said):
            named = _standing(self._at(level))
            if named:
                break
        else:
            named, level = (), -1
        denied = dict.fromkeys(r.label for r in everything if not r.affirmed and r.label not in named)
        strange = (
            self.strange.get(level) if named else [s for level in self.strange for s in self.strange[level]]
        )
        return named, tuple(denied), tuple(dict.fromkeys(strange or ()))

    def _at(self, level: int) -> list[Reading]:
        return [reading for sentence in self.said[level] for reading in sentence]

    def _drop_repeated_question(self) -> None:
        """A sentence that lists every label is the question if another one picks some of them."""
        if self.size < 5:
            return
        for sentences in self.said.values():
            for number, sentence in enumerate(sentences):
                if len({r.label for r in sentence if r.affirmed}) == self.size and self._others_affirm(
                    sentence
                ):
                    sentences[number] = []

    def _others_affirm(self, sentence: list[Reading]) -> bool:
        return any(
            reading.affirmed
            for sentences in self.said.values()
            for other in sentences
            if other is not sentence
            for reading in other
        )


def _standing(readings: Iterable[Reading]) -> tuple[str, ...]:
    """Labels of which a word stands affirmed after its last mention, in the order of mention."""
    last: dict[tuple[str, str], bool] = {}
    for reading in readings:
        last[reading.label, reading.family] = reading.affirmed
    return tuple(dict.fromkeys(label for (label, _), affirmed in last.items() if affirmed))


# --- text ---

_LISTED, _PROSE, _BULLETS = 2, 3, 4


def _read_text(answer: str, lexicon: Lexicon, levels: _Levels) -> None:
    def names_label(head: str) -> bool:
        return bool(named_in(words_of(head)[0], lexicon))

    scale = scale_of(answer)
    for sentence in layout(_without_certainty(answer, lexicon), names_label):
        if not sentence.question and sentence.part is not Part.OPTIONS:
            _read_sentence(sentence, lexicon, levels, scale)


def _read_sentence(sentence: Sentence, lexicon: Lexicon, levels: _Levels, scale: float | None) -> None:
    entries = read_entries(sentence.text, lexicon, scale)
    if entries is not None:
        readings, level = entries.readings, _LISTED
    else:
        words, _ = words_of(sentence.text)
        readings, level = read_sentence(words, lexicon), _BULLETS if sentence.bullet else _PROSE
    if sentence.denied or sentence.marked is False:
        readings = [Reading(r.label, r.family, False) for r in readings if r.affirmed]
    plain = sentence.part is Part.PLAIN or (
        entries is None and sentence.answered and sentence.part < Part.PLAIN
    )
    if entries is not None:
        levels.add(level if plain else int(sentence.part), readings, entries.unknown)
    else:
        levels.add(level if plain else int(sentence.part), readings)
        levels.add(_LISTED if plain else int(sentence.part), (), _stranger(sentence))


def _stranger(sentence: Sentence) -> list[str]:
    """A short entry that names no label: `- Boredomness`, or the answer `neutral`."""
    words, _ = words_of(sentence.text)
    listed = sentence.bullet or sentence.part in (Part.FINAL, Part.ANSWER)
    return [" ".join(word.text for word in words)] if listed and len(words) in (1, 2) else []


# --- JSON ---

_PICKS = re.compile(
    r"label|emotion|feeling|answer|predict|categor|result|output|top|dominant|primary|secondary|selected|present|tags"
    r"|sentiment|name|mood|applicable|applies|yes"
)
_REFUTED = re.compile(r"absent|excluded|denied|rejected|not_|not |unlikely|ruled|inapplicable|^no$|false")
_TALK = re.compile(
    r"reason|expla|rational|caption|descri|evidence|justif|comment|note|thought|analysis|cues|definition"
)
_SCORES = (
    "score",
    "confidence",
    "probability",
    "intensity",
    "value",
    "present",
    "level",
    "rating",
    "likelihood",
)


def _read_json(answer: str, lexicon: Lexicon, levels: _Levels) -> bool:
    """Read the JSON of an answer into `levels`; whether it lists nothing at all."""
    scale = scale_of(answer)
    nothing = False
    for _, _, value in json_values(answer):
        nothing |= _is_empty_list(value)
        for name, verdict in _members(value, lexicon, True, scale):
            _read_member(name, verdict, lexicon, levels)
    if levels.answered:
        return False
    levels.said.clear()
    if not nothing:
        levels.strange.clear()
    return nothing


def _is_empty_list(value: object) -> bool:
    if isinstance(value, dict):
        return any(_PICKS.search(key) and _is_empty_list(member) for key, member in value.items())
    return value == []


def _read_member(name: str, verdict: bool | None, lexicon: Lexicon, levels: _Levels) -> None:
    entries = read_entries(name, lexicon)
    readings = entries.readings if entries is not None else read_sentence(words_of(name)[0], lexicon)
    if verdict is not True:
        readings = [Reading(r.label, r.family, False) for r in readings if r.affirmed and verdict is False]
    strange = (
        entries.unknown if entries is not None else [] if readings or verdict is not True else [name.strip()]
    )
    levels.add(0, readings, [word for word in strange if word])


def _members(
    value: object, lexicon: Lexicon, verdict: bool, scale: float | None
) -> Iterator[tuple[str, bool | None]]:
    """Texts that name labels, each with what the value says of it (None: a score on an unknown scale)."""
    if isinstance(value, str):
        yield value, verdict
    elif isinstance(value, list):
        for item in value:
            yield from _members(item, lexicon, verdict, scale)
    elif isinstance(value, dict):
        named = _named_object(value, scale)
        if named is not None:
            yield named[0], verdict and named[1] if named[1] is not None else None
            return
        certainty = _certainty(value, lexicon)
        for key, member in value.items():
            if key not in certainty:
                yield from _member(key, member, lexicon, verdict, scale)


def _certainty(value: dict[str, object], lexicon: Lexicon) -> set[str]:
    """`{"labels": [...], "confidence": 0.9}`: the key that names a label and yet is how sure the model is."""
    named = {key for key in value if lexicon.labels.find(key) is not None}
    numbers = all(isinstance(value[key], float) for key in named)
    return named if numbers and named <= set(_SCORES) and len(value) > len(named) else set()


def _named_object(value: dict[str, object], scale: float | None) -> tuple[str, bool | None] | None:
    """`{"label": "happiness", "score": 0.9}`: the name and what its score says."""
    name = next((value[key] for key in ("label", "emotion", "name", "category") if key in value), None)
    if not isinstance(name, str):
        return None
    score = next((value[key] for key in _SCORES if key in value), True)
    return name, _verdict(score, scale)


def _member(
    key: str, member: object, lexicon: Lexicon, verdict: bool, scale: float | None
) -> Iterator[tuple[str, bool | None]]:
    label = lexicon.labels.find(key)
    if label is not None:
        said = _verdict(member, scale)
        yield key, verdict and said if said is not None else None
    elif _TALK.search(key):
        return
    elif _REFUTED.search(key):
        yield from _members(member, lexicon, False, scale)
    elif _PICKS.search(key) or isinstance(member, dict):
        yield from _members(member, lexicon, verdict, scale)


def _verdict(member: object, scale: float | None) -> bool | None:
    if isinstance(member, bool):
        return member
    if isinstance(member, int | float):
        return number_verdict(float(member), scale)
    if isinstance(member, dict):
        return _verdict(next((member[key] for key in _SCORES if key in member), True), scale)
    if isinstance(member, str):
        word = member.strip(" .!")
        return word not in ("no", "false", "absent", "not present", "none", "n/a", "")
    return None if member is None else True
