"""The words of an answer, and which of them name a label.

A term counts only as whole words: `painting` is not `pain`, `disengagement` is not `engagement`. Spelling is folded
(case, width, quotes), plurals are known, and `un-`, `non-`, `-less` and `-free` in front of or behind a term deny it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from emoscene.labels import LabelSpace, normal_form

__all__ = ["Lexicon", "Mention", "Word", "folded", "lexicon_of", "words_of"]

_QUOTES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "´": "'", "′": "'", "“": '"', "”": '"', "„": '"'})
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe0e\ufe0f\ufeff]")
_SPACES = re.compile(r"[^\S\n]+")
# Scripts written without spaces: each character is a word of its own. Then numbers, then words with their marks.
_SPACELESS = "\u3041-\u3096\u30a1-\u30fa\u30fc-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_LETTER = (
    rf"(?:(?![{_SPACELESS}])[^\W\d_]|[\u0300-\u036f\u064b-\u065f\u0900-\u0963\u0966-\u0dff\u0e00-\u0eff])"
)
_WORD = re.compile(rf"[{_SPACELESS}]|\d+(?:\.\d+)?%?|{_LETTER}+(?:'{_LETTER}+)*")
#: What may stand between the words of one term: `doubt / confusion`, `pain/suffering (emotional)`, `self-conscious`.
_INNER_GAP = re.compile(r"[ \t\-‐‑–—_/\\()&*]{0,4}")
_ADJECTIVAL = re.compile(r".*(?:ful|[^tr]y|ed|ing|ous|ive|ent|ant|able|ible|al|ic|ome|ier)")
_ADJECTIVES = frozenset(
    "angry averse bold bored calm certain content delicate desperate drowsy fond fragile glad hostile hungry "
    "indifferent intimate lonely mad merry passionate remorseful sad serene sore tender tense upset weary worn "
    "desolate composed curious".split()
)
#: Look like adjectives and are verbs with an object: what follows is not what feels.
_VERBS = frozenset(
    "enjoying savoring savouring relishing admiring awaiting expecting anticipating craving desiring appreciating "
    "fearing dreading loathing disliking comforting consoling respecting pitying coveting preparing adoring".split()
)
_NOT_PLURALS = frozenset({"contents", "interests"})  # "the contents of the box", "her interests"
_REFLEXIVES = frozenset({"himself", "herself", "themselves", "themself", "oneself"})


@dataclass(frozen=True, slots=True)
class Word:
    """One word in folded spelling; `gap` is what stands between it and the word before it."""

    text: str
    gap: str


@dataclass(frozen=True, slots=True)
class Mention:
    """Words `start` to `end` (exclusive) name `label`. `denying`: the word itself denies it, as `painless` does.

    `family` holds together the forms of one word (`angry`, `anger`). `adjective`: it may describe something else
    than the person, as in `peaceful park`.
    """

    start: int
    end: int
    label: str
    family: str
    adjective: bool
    denying: bool = False


def folded(text: str) -> str:
    """The text as it is compared: compatibility form, lower case, plain quotes, single spaces, nothing invisible."""
    plain = unicodedata.normalize("NFKC", text.translate(_QUOTES)).casefold()
    return _SPACES.sub(" ", _INVISIBLE.sub("", plain.translate(_QUOTES)))


def words_of(text: str) -> tuple[list[Word], str]:
    """The words of a folded text, each with the gap before it, and the gap after the last one."""
    words: list[Word] = []
    end = 0
    for match in _WORD.finditer(text):
        words.append(Word(match.group(), text[end : match.start()]))
        end = match.end()
    return words, text[end:]


@dataclass(frozen=True, slots=True)
class _Term:
    words: tuple[str, ...]
    label: str
    adjective: bool


class Lexicon:
    """All terms of a label space, found in a list of words from left to right, the longest first."""

    def __init__(self, labels: LabelSpace) -> None:
        self.labels = labels
        terms: dict[tuple[str, ...], _Term] = {}
        for label in labels:
            for term in label.terms:
                words = tuple(word.text for word in words_of(folded(term))[0])
                if not words:
                    continue
                named = term in (label.id, label.name)
                adjective = (
                    not named
                    and words[-1] not in _VERBS
                    and (words[-1] in _ADJECTIVES or _ADJECTIVAL.fullmatch(words[-1]) is not None)
                )
                terms.setdefault(words, _Term(words, label.id, adjective))
                if len(words) > 1 and all(word.isascii() for word in words):
                    glued = (normal_form(term),)
                    terms.setdefault(glued, _Term(glued, label.id, adjective))
        for term_ in list(terms.values()):
            for plural in _plurals(term_.words[-1]):
                words = (*term_.words[:-1], plural)
                terms.setdefault(words, _Term(words, term_.label, False))
        self._single = {words[0]: term for words, term in terms.items() if len(words) == 1}
        self._by_first: dict[str, list[_Term]] = {}
        for words, term_ in sorted(terms.items(), key=lambda item: -len(item[0])):
            self._by_first.setdefault(words[0], []).append(term_)

    def mentions(self, words: Sequence[Word]) -> list[Mention]:
        """Where labels are named, in the order of the text; no two mentions share a word."""
        return list(self._mentions(words))

    def _mentions(self, words: Sequence[Word]) -> Iterator[Mention]:
        i = 0
        while i < len(words):
            found = self._at(words, i) or self._denying(words, i)
            if found is not None and not self._part_of_compound(words, found):
                yield found
            i = i + 1 if found is None else found.end

    def _at(self, words: Sequence[Word], i: int) -> Mention | None:
        for term in self._by_first.get(words[i].text, ()):
            end = i + len(term.words)
            if end > len(words) or not all(
                _same(words[i + k].text, term.words[k]) and _INNER_GAP.fullmatch(words[i + k].gap)
                for k in range(1, len(term.words))
            ):
                continue
            free = end < len(words) and words[end].text == "free" and words[end].gap in ("-", "‐", "‑")
            family = f"{term.label}:{term.words[0][:3]}"
            return Mention(i, end + free, term.label, family, term.adjective, denying=free)
        return None

    def _denying(self, words: Sequence[Word], i: int) -> Mention | None:
        word = words[i].text
        stems = [word.removeprefix(prefix) for prefix in ("un", "non", "dis") if word.startswith(prefix)]
        stems += [word.removesuffix("less")] if word.endswith("less") else []
        for stem in stems:
            term = self._single.get(stem)
            if term is not None:
                family = f"{term.label}:{stem[:3]}"
                return Mention(i, i + 1, term.label, family, term.adjective, denying=True)
        return None

    def _part_of_compound(self, words: Sequence[Word], mention: Mention) -> bool:
        """`self-esteem`, `pain-relief`, `love-seat`: the term is a part of another word."""
        before, after = mention.start - 1, mention.end
        if before >= 0 and words[before].text == "self" and words[mention.start].gap in ("-", "‐", "‑", " "):
            return True
        if after >= len(words) or words[after].gap not in ("-", "‐", "‑"):
            return False
        joined = words[after].text
        return joined not in _JOINS and self._at(words, after) is None and not joined.isdecimal()


#: Words that may follow a term after a hyphen without changing what it names.
_JOINS = frozenset("stricken struck filled ridden driven and or looking".split())


def _same(word: str, term_word: str) -> bool:
    return word == term_word or (term_word == "oneself" and word in _REFLEXIVES)


def _plurals(word: str) -> Iterator[str]:
    if len(word) < 3 or not word.isascii() or not word.isalpha():
        return
    forms = [f"{word}s"]
    if word.endswith("s"):
        forms = [f"{word}es"] if word.endswith("ness") else []
    elif word.endswith("y") and word[-2] not in "aeiou":
        forms = [f"{word[:-1]}ies"]
    elif word.endswith(("ch", "sh", "x", "z")):
        forms = [f"{word}es"]
    yield from (form for form in forms if form not in _NOT_PLURALS)


@lru_cache(maxsize=32)
def lexicon_of(labels: LabelSpace) -> Lexicon:
    """The lexicon of a label space, built once."""
    return Lexicon(labels)
