"""What a sentence says of each label that it names: that the person seems to feel it, that they do not, or neither.

Rules, not a model. A negation reaches to the end of its clause; a reason, a condition, the model talking of itself
and a sentence about other people say nothing of the person. Where two readings are possible, there is none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from emoscene.scoring.answer_asides import about_something_else, repeated_question, taken_back
from emoscene.scoring.answer_phrases import (
    ABSENT,
    BOUNDARIES,
    COMPANIONS,
    IDIOMS,
    LINKING,
    MUTED,
    NEGATORS,
    NOMINAL,
    OTHERS,
    PRESENT,
    RESTARTS,
    SHOWING,
    named_in,
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
    mentions = named_in(words, lexicon)
    if not mentions:
        return []
    poles = _Walk(words, mentions).poles()
    aside = (
        repeated_question(words, mentions, lexicon)
        | about_something_else(words, mentions)
        | taken_back(words)
    )
    said: list[tuple[Mention, _Pole]] = []
    for mention in mentions:
        pole = poles[mention.start]
        if mention.start in aside:
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
        restarts = [i for i, word in enumerate(words) if word.text in RESTARTS and "," in word.gap]
        self.last_restart = restarts[-1] if restarts else -1
        self.pole = _Pole.YES
        self.cue_end = 0
        self.cue = ""  # the words of the negation in force
        self.entry = False  # that negation heads an entry of a list: "happiness, no anger, peace"
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
        if (taken := IDIOMS.at(words, i)) and self.named.isdisjoint(range(i, i + taken)):
            return taken
        if words[i].text == "less" and any(word.text == "than" for word in words[i : i + 6]):
            return self._negator(i, 1)
        muting = MUTED.at(words, i)
        if (taken := NEGATORS.at(words, i)) > muting or (taken and muting == 1):
            return self._negator(i, taken)
        word = words[i].text
        if word in BOUNDARIES and not self._continues(i):
            self._restart(all_=True)
            self._subject(i + 1)
        elif word == "and" and i + 1 < len(words):
            self._and(i)
        elif self.pole is not _Pole.YES and word in SHOWING and self._finite(i):
            if self.pole is _Pole.NO and self.words[i - 1].text in PRESENT:
                self.cue, self.entry = "none of", False  # "the labels that do not apply are anger, fear"
            else:
                self._restart()
        elif muting:
            self._mute(i, muting)
            return muting
        elif word == "than":  # "more tired than sad" leaves sad open, "less angry than sad" does not
            self.pole, self.cue = (_Pole.YES, "") if self.cue == "less" else (_Pole.OPEN, "")
        elif self.muted == "speaker" and word in _SAYING:
            self.muted = ""
        elif i == 0:
            self._subject(0)
        return 1

    def _gap(self, i: int) -> None:
        gap = self.words[i].gap
        for char in gap:
            if char == "(":
                self.brackets.append((self.pole, self.muted))
                if i - 1 in self.named and i not in self.named and not NEGATORS.at(self.words, i):
                    self.muted = "remark"  # "engagement (talking to a sad friend)"
            elif char == ")" and self.brackets:
                self.pole, self.muted = self.brackets.pop()
        if _DASH.search(gap):
            self._restart()
        elif ":" in gap and self.words[i].text in RESTARTS:
            self._restart(all_=True)
        elif ":" in gap and self.pole is _Pole.NO:
            self.cue, self.entry = "none of", False  # "does not feel: anger, fear" denies the whole list
        elif _COMMA.search(gap) and i > 0:
            self._comma(i)

    def _comma(self, i: int) -> None:
        if self.muted == "others" and self.words[i].text in ("who", "which", "whose"):
            return
        if self.words[i].text in RESTARTS:
            self._restart(all_=True)
            self._subject(i)
            if self.words[i].text == "who" and self.words[i - 1].text in COMPANIONS:
                self.muted = "others"  # "with his wife, who seems bored"
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
            self._restart(all_="," in self.words[i].gap)
            if self.muted == "others":
                self.muted = ""
            self._subject(i + 1)
        elif self.pole is _Pole.NO and (self.cue not in NOMINAL or following in ("a", "an", "the")):
            self.pole = _Pole.OPEN

    def _negator(self, i: int, taken: int) -> int:
        after = i + taken
        if after < len(self.words) and "," in self.words[after].gap and taken == 1:
            return taken  # "No, he is happy"
        if any(word.text.endswith("ier") for word in self.words[after : after + 2]):
            return taken  # "never been happier"
        self.pole = _Pole.NO
        self.cue_end = after
        self.cue = " ".join(word.text for word in self.words[i:after])
        self.entry = i == 0 or _COMMA.search(self.words[i].gap) is not None
        if self.cue == "unlike":
            self._subject(after)
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
            self.muted = "lead" if i == 0 and phrase.split()[0] in _REASONS else "rest"

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
        if i - 1 in self.named and self.words[i].text in _OF_THINGS:
            return False  # "no anger is visible"
        return i > self.cue_end and self.words[i - 1].text not in _COMPLEMENT_SUBJECTS

    def _conjunction(self, i: int) -> str:
        """The conjunction that closes the list which goes on at `i`: `or`, `and` or none."""
        for k in range(i, min(i + _FARTHEST, len(self.words))):
            word = self.words[k].text
            if k > i and (word in BOUNDARIES or (word in RESTARTS and "," in self.words[k].gap)):
                return ""
            if word in ("or", "nor", "and"):
                return "and" if word == "and" else "or"
            if word in SHOWING or word in LINKING:
                return ""
        return ""

    def _restarts_later(self, i: int) -> bool:
        return i < self.last_restart


#: A comma ends what these begin, where no main clause follows: "given the smile, happiness".
_REASONS = frozenset("because due based given considering judging owing thanks since as if".split())
_FARTHEST = 60  # words that are looked through for the conjunction of a list
_DASH = re.compile(r"\s[-–—]+\s|[—–]|--")
_COMMA = re.compile(r"[,、،]")
#: "I am sure that ...", "I'm going with ...": from here on the model no longer speaks of itself.
_SAYING = frozenset(
    "that say seeing see choosing choose picking pick going guessing thinking selecting".split()
)
_OF_THINGS = frozenset({"is", "are", "seems", "appears", "has"})
_COMPLEMENT_SUBJECTS = frozenset("that he she they it person one man woman".split())


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
