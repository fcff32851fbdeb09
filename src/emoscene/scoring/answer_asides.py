"""Words of a sentence that name a label and yet say nothing of what the person feels.

A repeated question lists what could be picked; a park may be peaceful, a game exciting; what is feared is not felt.
"""

from __future__ import annotations

from collections.abc import Sequence

from emoscene.scoring.answer_phrases import (
    COMPOUND_TAILS,
    FIRST_SIGHT,
    FOLLOWERS,
    LINKING,
    PERSON_NOUNS,
    SCENES,
    Phrases,
)
from emoscene.scoring.answer_words import Lexicon, Mention, Word

__all__ = ["about_something_else", "repeated_question", "taken_back"]


def repeated_question(words: Sequence[Word], mentions: Sequence[Mention], lexicon: Lexicon) -> set[int]:
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
            if (
                first not in named
                or "," in words[first].gap
                or (at_start and _is_range(words, mentions[named[first]]))
            ):
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


def about_something_else(words: Sequence[Word], mentions: Sequence[Mention]) -> set[int]:
    """The first words of mentions that describe a thing (`peaceful park`, `the game is exciting`, `peace sign`)
    or that another mention is about (`fear of pain`)."""
    named = {i: mention for mention in mentions for i in range(mention.start, mention.end)}
    described = [_describes(words, mention, named) for mention in mentions]
    for number in range(len(mentions) - 2, -1, -1):
        this, following = mentions[number], mentions[number + 1]
        between = [word.text for word in words[this.end : following.start]]
        if this.adjective and described[number + 1] and between in ([], ["and"]):
            described[number] = not _predicative(words, this.start, named)
    return {
        mention.start
        for number, mention in enumerate(mentions)
        if described[number] or _is_object(words, mentions, number)
    }


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
    return not fits and not following[0].isdecimal()


_ADVERBS = frozenset(
    "very quite rather somewhat slightly really so too also both a bit little not to be being been more extremely "
    "still just clearly and or visibly genuinely deeply fairly mostly likely possibly probably".split()
)


_FARTHEST = 24


def _before(words: Sequence[Word], start: int, passing: frozenset[str], named: dict[int, Mention]) -> int:
    """The nearest word before `start` that is neither in `passing` nor names a label; -1 if there is none."""
    i = start - 1
    while i >= max(0, start - _FARTHEST) and (words[i].text in passing or i in named):
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


def taken_back(words: Sequence[Word]) -> set[int]:
    """The words of a clause that is true at first sight only: `he may seem angry at first glance, but ...`."""
    for i in range(len(words)):
        if FIRST_SIGHT.at(words, i):
            stop = next((k for k in range(i, len(words)) if words[k].text in ("but", "however", "yet")), None)
            return set() if stop is None else set(range(stop))
    return set()
