"""What a sentence says of each label that it names: that the person seems to feel it, that they do not, or neither.

Rules, not a model. A negation reaches to the end of its clause; a reason, a condition, the model talking of itself
and a sentence about other people say nothing of the person. Where two readings are possible, there is none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from emoscene.scoring.answer_phrases import (
    ABSENT,
    BOUNDARIES,
    COMPOUND_TAILS,
    FOLLOWERS,
    IDIOMS,
    LINKING,
    MUTED,
    NEGATORS,
    NOMINAL,
    OTHERS,
    PERSON_NOUNS,
    PRESENT,
    RESTARTS,
    SCENES,
    SHOWING,
    Phrases,
)
from emoscene.scoring.answer_words import Lexicon, Mention, Word

__all__ = ["Reading", "read_sentence"]


@dataclass(frozen=True, slots=True)
class Reading:
    """A label, the family of the word that named it, and whether the answer affirms or denies it."""

    label: str
    family: str
    affirmed: bool


class _Pole(Enum):
    YES = "affirmed"
    NO = "denied"
    OPEN = "two readings are possible"
    MUTE = "not about the person"


def read_sentence(words: Sequence[Word], lexicon: Lexicon) -> list[Reading]:
    """The readings of one sentence, in the order of mention."""
    mentions = lexicon.mentions(words)
    if not mentions:
        return []
    poles = _Walk(words, mentions).poles()
    listed = _options(words, mentions, lexicon)
    described = _describes_something_else(words, mentions)
    said: list[tuple[Mention, _Pole]] = []
    for number, mention in enumerate(mentions):
        pole = poles[mention.start]
        if mention.start in listed or described[number] or _is_object(words, mentions, number):
            pole = _Pole.MUTE
        said.append((mention, pole))
    said = _denied_behind(words, said)
    readings: list[Reading] = []
    for mention, pole in said:
        if pole in (_Pole.YES, _Pole.NO) and not (mention.denying and pole is _Pole.NO):
            affirmed = pole is _Pole.YES and not mention.denying
            readings.append(Reading(mention.label, mention.family, affirmed))
    return readings


class _Walk:
    """Goes through the words once and says under which pole each of them stands."""

    def __init__(self, words: Sequence[Word], mentions: Sequence[Mention]) -> None:
        self.words = words
        self.named = {i for mention in mentions for i in range(mention.start, mention.end)}
        self.pole = _Pole.YES
        self.cue = ""  # the words of the negation in force
        self.entry = (
            False  # that negation stands at the head of an entry of a list: "happiness, no anger, peace"
        )
        self.affirmed = False  # something was affirmed before in this sentence
        self.muted = ""  # why what follows is not about the person
        self.brackets: list[tuple[_Pole, str]] = []

    def poles(self) -> list[_Pole]:
        poles: list[_Pole] = []
        i = 0
        while i < len(self.words):
            taken = self._step(i)
            pole = _Pole.MUTE if self.muted else self.pole
            poles += [pole] * taken
            self.affirmed |= pole is _Pole.YES and i in self.named
            i += taken
        return poles

    def _step(self, i: int) -> int:
        """Take in the word at `i` and what stands before it; the number of words that were taken."""
        self._gap(i)
        if i in self.named:
            return 1
        words = self.words
        if taken := IDIOMS.at(words, i):
            return taken
        if taken := NEGATORS.at(words, i):
            return self._negator(i, taken)
        word = words[i].text
        if word in BOUNDARIES and not self._continues(i):
            self._restart(all_=True)
            self._subject(i + 1)
        elif word == "and" and i + 1 < len(words):
            self._and(i)
        elif self.pole is not _Pole.YES and word in SHOWING and self._finite(i):
            self._restart()
        elif taken := MUTED.at(words, i):
            self._mute(i, taken)
            return taken
        elif self.muted == "speaker" and word == "that":
            self.muted = ""
        elif i == 0:
            self._subject(0)
        return 1

    def _gap(self, i: int) -> None:
        gap = self.words[i].gap
        for char in gap:
            if char == "(":
                self.brackets.append((self.pole, self.muted))
            elif char == ")" and self.brackets:
                self.pole, self.muted = self.brackets.pop()
        if _DASH.search(gap):
            self._restart()
        elif _COMMA.search(gap) and i > 0:
            self._comma(i)

    def _comma(self, i: int) -> None:
        if self.words[i].text in RESTARTS:
            self._restart(all_=True)
            self._subject(i)
        elif self.muted == "lead" and not self._restarts_later(i):
            self.muted = ""
        elif self.pole is _Pole.NO:
            joined = self._conjunction(i)
            nominal = self.cue in NOMINAL
            if joined == "or" or (joined == "and" and nominal):
                return
            if self.entry and self.affirmed and i in self.named:
                self._restart()
            elif joined == "and" or not nominal or self.entry:
                self.pole = _Pole.OPEN

    def _and(self, i: int) -> None:
        following = self.words[i + 1].text
        if following in RESTARTS or following in SHOWING:
            self._restart()
            if self.muted == "others":
                self.muted = ""
            self._subject(i + 1)
        elif self.pole is _Pole.NO and (self.cue not in NOMINAL or following in ("a", "an", "the")):
            self.pole = _Pole.OPEN

    def _negator(self, i: int, taken: int) -> int:
        after = i + taken
        if after < len(self.words) and "," in self.words[after].gap and taken == 1:
            return taken  # "No, he is happy"
        self.pole = _Pole.NO
        self.cue = " ".join(word.text for word in self.words[i:after])
        self.entry = i == 0 or _COMMA.search(self.words[i].gap) is not None
        return taken

    def _mute(self, i: int, taken: int) -> None:
        phrase = " ".join(word.text for word in self.words[i : i + taken])
        leading = i == 0 or _COMMA.search(self.words[i].gap) is not None
        if phrase in ("given", "considering", "judging") and not leading:
            return
        if phrase in ("i am", "i'm", "we are", "we're", "i hope", "i would love"):
            self.muted = self.muted or "speaker"
        elif phrase == "if" and i > 0 and self.words[i - 1].text in ("as", "even"):
            return
        elif not self.muted or self.muted == "speaker":
            self.muted = "lead" if i == 0 else "rest"

    def _subject(self, i: int) -> None:
        """Whether the clause that begins at `i` is about other people."""
        if OTHERS.at(self.words, i):
            self.muted = "others"

    def _restart(self, all_: bool = False) -> None:
        self.pole = _Pole.YES
        self.cue = ""
        if all_:
            self.muted = ""

    def _continues(self, i: int) -> bool:
        """`instead of`, `rather than`, `so happy`, `still sad` are no boundaries."""
        word = self.words[i].text
        following = self.words[i + 1].text if i + 1 < len(self.words) else ""
        if word in ("so", "still", "yet"):
            return "," not in self.words[i].gap or i + 1 in self.named
        return (word, following) in (("instead", "of"), ("rather", "than"))

    def _finite(self, i: int) -> bool:
        """A verb with a subject of its own: `who is not smiling feels sad`, not `I do not think she feels sad`."""
        return i > 0 and self.words[i - 1].text not in _COMPLEMENT_SUBJECTS and i - 1 not in self.named

    def _conjunction(self, i: int) -> str:
        """The conjunction that closes the list which goes on at `i`: `or`, `and` or none."""
        for k in range(i, len(self.words)):
            word = self.words[k].text
            if k > i and (word in BOUNDARIES or (word in RESTARTS and "," in self.words[k].gap)):
                return ""
            if word in ("or", "nor", "and"):
                return "and" if word == "and" else "or"
            if word in SHOWING or word in LINKING:
                return ""
        return ""

    def _restarts_later(self, i: int) -> bool:
        return any(word.text in RESTARTS and "," in word.gap for word in self.words[i:])


_DASH = re.compile(r"\s[-–—]+\s|[—–]|--")
_COMMA = re.compile(r"[,、،]")
_COMPLEMENT_SUBJECTS = frozenset("that he she they it person one man woman".split())


def _options(words: Sequence[Word], mentions: Sequence[Mention], lexicon: Lexicon) -> set[int]:
    """The words of a list that repeats the question: what could be picked, not what was."""
    named = {mention.start: number for number, mention in enumerate(mentions)}
    out: set[int] = set()
    for opener, at_start in ((_FROM, True), (_PICK_FROM, False), (_OPTIONS_ARE, False)):
        for i in range(1 if at_start else len(words)):
            taken = opener.at(words, i)
            if not taken or i in out:
                continue
            first = _skip(words, i + taken, _OPTION_WORDS) if opener is not _OPTIONS_ARE else i + taken
            first = _skip(words, first, _ARTICLES)
            if first not in named or (at_start and _is_range(words, mentions[named[first]])):
                continue
            stop = _list_end(words, first)
            count = sum(first <= start < stop for start in named)
            colon = ":" in words[first].gap
            whole = count >= 0.75 * len(lexicon.labels)
            if colon and opener is not _OPTIONS_ARE and not whole and stop == len(words):
                continue  # "From the list: happiness, peace"
            if at_start and stop == len(words) and not whole and first == i + taken:
                continue
            out.update(range(i, stop))
    return out | _instruction(words)


_FROM = Phrases("from|among|amongst|between|out of|of")
_PICK_FROM = Phrases(
    "from the list|from this list|from the labels|from the options|from the following|from the set"
    "|from the choices|from the categories|among the options|among the labels|among the following"
    "|among the choices|out of the options|out of the list"
)
_OPTIONS_ARE = Phrases(
    "options are|options include|options given are|options provided are|choices are|choices include"
    "|candidates are|candidate labels are|available labels are|available emotions are|given labels are"
    "|provided labels are|labels to choose from are|list of labels is|list of emotions is|list includes"
    "|labels provided are|labels given are|to choose from are|given options|question|options|choices"
)
_OPTION_WORDS = frozenset(
    "the these those following given provided listed list of set labels label emotions options categories "
    "choices available possible above below candidate emotion 26 13 8 7".split()
)
_ARTICLES = frozenset({"the", "a", "an", "of"})
_PICKING = frozenset(
    "pick choose select identify i i'd i'll i'm he she they it the this that my we person answer which".split()
)
_IMPERATIVES = frozenset({"pick", "choose", "select", "list", "identify", "name"})


def _skip(words: Sequence[Word], i: int, passing: frozenset[str]) -> int:
    while i < len(words) and words[i].text in passing:
        i += 1
    return i


def _is_range(words: Sequence[Word], first: Mention) -> bool:
    return first.end < len(words) and words[first.end].text == "to"


def _list_end(words: Sequence[Word], first: int) -> int:
    """Where a list of options ends: at a closing bracket, or where somebody picks."""
    for i in range(first + 1, len(words)):
        gap = words[i].gap
        if ")" in gap or (gap.strip(" ") in (",", ":", "),", "") and _picks(words, i)):
            return i
    return len(words)


def _picks(words: Sequence[Word], i: int) -> bool:
    return words[i].text in _PICKING and (words[i].gap.strip() != "" or words[i].text not in ("the", "it"))


def _instruction(words: Sequence[Word]) -> set[int]:
    """`Pick the top labels that ...`, repeated from the question, up to a colon."""
    for i, word in enumerate(words):
        if word.text in _IMPERATIVES and (i == 0 or "," in word.gap):
            stop = next((k for k in range(i + 1, len(words)) if ":" in words[k].gap), len(words))
            return set(range(i, stop))
    return set()


def _describes_something_else(words: Sequence[Word], mentions: Sequence[Mention]) -> list[bool]:
    """For each mention: whether it describes a thing (`peaceful park`, `the game is exciting`, `peace sign`)."""
    named = {i: mention for mention in mentions for i in range(mention.start, mention.end)}
    described = [_describes(words, mention, named) for mention in mentions]
    for number in range(len(mentions) - 2, -1, -1):
        this, following = mentions[number], mentions[number + 1]
        between = [word.text for word in words[this.end : following.start]]
        if this.adjective and described[number + 1] and between in ([], ["and"]):
            described[number] = not _predicative(words, this.start, named)
    return described


def _describes(words: Sequence[Word], mention: Mention, named: dict[int, Mention]) -> bool:
    start, end = mention.start, mention.end
    if end < len(words) and words[end].gap == " " and words[end].text in COMPOUND_TAILS:
        return True
    if not mention.adjective:
        return False
    if _predicative(words, start, named):
        subject = _before(words, start, LINKING | _ADVERBS, named)
        return subject >= 0 and words[subject].text in SCENES
    if end >= len(words) or words[end].gap.strip() or end in named:
        return False
    following = words[end].text
    fits = following in FOLLOWERS or following in PERSON_NOUNS or following.endswith("ly")
    return not fits and not following[0].isdigit()


_ADVERBS = frozenset(
    "very quite rather somewhat slightly really so too also both a bit little not to be being been more extremely "
    "still just clearly and or visibly genuinely deeply fairly mostly likely possibly probably".split()
)


def _before(words: Sequence[Word], start: int, passing: frozenset[str], named: dict[int, Mention]) -> int:
    """The nearest word before `start` that is neither in `passing` nor names a label; -1 if there is none."""
    i = start - 1
    while i >= 0 and (words[i].text in passing or i in named):
        i -= 1
    return i


def _predicative(words: Sequence[Word], start: int, named: dict[int, Mention]) -> bool:
    i = _before(words, start, _ADVERBS, named)
    return i >= 0 and (words[i].text in LINKING or words[i].text.endswith(("'s", "'re", "n't")))


def _is_object(words: Sequence[Word], mentions: Sequence[Mention], number: int) -> bool:
    """`fear of pain`, `sympathy for the suffering child`: the second word is what the first is about."""
    if number == 0:
        return False
    between = [word.text for word in words[mentions[number - 1].end : mentions[number].start]]
    about = ("of", "about", "for", "toward", "towards", "at", "over", "from")
    return bool(between) and between[0] in about and set(between[1:]) <= _DETERMINERS


_DETERMINERS = frozenset("the a an her his their its someone others possible any some physical more".split())


def _denied_behind(
    words: Sequence[Word], said: Sequence[tuple[Mention, _Pole]]
) -> list[tuple[Mention, _Pole]]:
    """Deny what a predicate behind it denies: `anger and fear are not present`, `sadness is absent`."""
    out = list(said)
    subject: list[int] = []
    by_start = {mention.start: number for number, (mention, _) in enumerate(said)}
    i = 0
    while i < len(words):
        if i in by_start:
            subject.append(by_start[i])
            i = said[by_start[i]][0].end
            continue
        if subject and (words[i].text in LINKING or words[i].text in _AUXILIARIES or _is_not(words[i].text)):
            if (stop := _denying_predicate(words, i)) > i:
                for number in subject:
                    mention, pole = out[number]
                    if pole in (_Pole.YES, _Pole.OPEN):
                        out[number] = (mention, _Pole.NO)
                i = stop
            subject = []
        elif words[i].text in BOUNDARIES or (words[i].text in RESTARTS and "," in words[i].gap):
            subject = []
        i += 1
    return out


_AUXILIARIES = frozenset({"do", "does", "did", "can", "could", "may", "might", "would"})
_FILLING = frozenset(
    "to be being been also clearly really strongly very particularly especially immediately currently readily as "
    "directly seem appear any much strong".split()
)


def _is_not(word: str) -> bool:
    return word == "not" or word.endswith("n't") or word == "cannot"


def _denying_predicate(words: Sequence[Word], i: int) -> int:
    """The end of `is not present`, `don't apply`, `seems absent` at `i`; `i` itself if nothing is denied there."""
    negated = False
    k = i
    while k < len(words) and (k == i or not words[k].gap.strip(" *")):
        word = words[k].text
        if taken := ABSENT.at(words, k):
            return i if negated else k + taken
        if _is_not(word):
            negated = True
        elif word in PRESENT:
            return k + 1 if negated else i
        elif word not in LINKING and word not in _AUXILIARIES and word not in _FILLING:
            return i
        k += 1
    return k if negated else i
