"""How entries of the vocabularies become English: articles, prepositions, and the pronoun that goes on.

Nobody's gender is guessed: "The person" does what follows, unless the chosen `who` itself says woman, boy, ...
"""

from __future__ import annotations

import re

__all__ = ["activity", "place", "pronoun", "thing_at", "with_article"]

_DETERMINED = frozenset("a an the some this that one another my our your his her their its".split())
#: Written with a vowel, said with a consonant: a unit, a European, a one-way street; and silent h: an hour.
_CONSONANT = re.compile(r"u(?:ni(?![dmn])|s[eu]|ti|rin|fo\b|bi[qr])|eu|ew|on(?:e|ce)\b")
_VOWEL = re.compile(r"[aeiou]|hour|honest|hono|heir|(?:8|1[18](?!\d))")
#: Letters whose names begin with a vowel: an MRI scanner, an X-ray room.
_VOWEL_NAMES = frozenset("AEFHILMNORSX")
_INITIALS = re.compile(r"([A-Z])(?:[A-Z0-9]{1,2}\b|-|\b)")
_PREPOSITION = re.compile(
    r"(on top of|in front of|next to|(?:in|on|at|by|under|inside|outside|near|beside|behind|above|below|aboard|along"
    r"|across|over|between|among|against))\s+(?=\S)",
    re.IGNORECASE,
)
_NO_PARTICIPLES = frozenset("bring cling fling ring sing sling spring sting string swing wring".split())
_WOMEN = frozenset(
    "woman women girl girls lady female mother mum mom grandmother grandma daughter sister wife aunt bride schoolgirl "
    "actress waitress businesswoman policewoman nun queen princess she her".split()
)
_MEN = frozenset(
    "man men boy boys gentleman male father dad grandfather grandpa son brother husband uncle groom schoolboy actor "
    "waiter businessman policeman monk king prince he him".split()
)


def with_article(noun: str) -> str:
    """`a kitchen`, `an elderly person`, `a university`, `an hour`; a noun that brings its own is left alone."""
    first = noun.split()[0]
    if first.lower() in _DETERMINED:
        return noun
    return f"{'an' if _sounds_like_a_vowel(first) else 'a'} {noun}"


def _sounds_like_a_vowel(word: str) -> bool:
    word = word.lstrip("\"'([")
    if initials := _INITIALS.match(word):
        return initials[1] in _VOWEL_NAMES
    word = word.lower()
    return bool(_VOWEL.match(word)) and not _CONSONANT.match(word)


def place(entry: str) -> str:
    """Where it is: `in a kitchen`, `on a beach`."""
    return f"{_preposition(entry) or 'in'} {thing_at(entry)}"


def thing_at(entry: str) -> str:
    """The place itself, as a picture of it is called: `a kitchen`, `a beach`."""
    own = _PREPOSITION.match(entry)
    return with_article(entry[own.end() :] if own else entry)


def _preposition(entry: str) -> str:
    own = _PREPOSITION.match(entry)
    return own[1].lower() if own else ""


def activity(entry: str) -> str:
    """What follows "who": `is reading a book`; verbs that are no participles stay, `reads a book`."""
    first = entry.split()[0].lower()
    return f"is {entry}" if first.endswith("ing") and first not in _NO_PARTICIPLES else entry


def pronoun(who: str) -> str:
    """`The person`; `She` or `He` only where the phrase itself says so."""
    words = set(re.findall(r"[a-z]+", who.lower()))
    women, men = bool(words & _WOMEN), bool(words & _MEN)
    if women == men:
        return "The person"
    return "She" if women else "He"
