"""Captions in other words: sentences of equal rank change places, a scene's place moves to the front, and function
words are exchanged. Every other word stays, letter by letter: none that could name or hint at an emotion is touched.

    This person is a child who is crying in a kitchen. The person frowns. The person turns away.
    In a kitchen, a child is crying. The person turns away. The person frowns.
"""

from __future__ import annotations

import random
import re

__all__ = ["paraphrase"]

#: Function words, and what may stand for them without a change of meaning.
_EXCHANGED: dict[str, tuple[str, ...]] = {
    "next to": ("beside",),
    "beside": ("next to",),
    "close to": ("near",),
    "near": ("close to",),
    "underneath": ("beneath",),
    "beneath": ("underneath",),
    "toward": ("towards",),
    "towards": ("toward",),
    "among": ("amongst",),
    "amongst": ("among",),
    "while": ("whilst",),
    "whilst": ("while",),
    "although": ("even though",),
    "even though": ("although",),
    "as well as": ("and also",),
    "this person": ("the person",),
    "the person": ("this person",),
}
#: Not "a while", not "near to", and not "beside herself", which is no place.
_FUNCTION = re.compile(
    rf"(?<!\ba )\b(?:{'|'.join(sorted(_EXCHANGED, key=len, reverse=True))})\b(?! to\b)(?! \w*sel(?:f|ves)\b)",
    re.IGNORECASE,
)
#: The chance that one such place changes.
_EXCHANGE = 0.4
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
#: As the narration writes it: who it is, and what they do.
_SCENE = re.compile(r"(?P<who>(?:This|The) person is (?P<what>an? [^.,;:]+?)) who (?P<does>is [^.,;:]+)\.")
#: What they do, and where; only where the place is surely the end of the sentence and no part of what is done.
_PLACED = re.compile(
    r"(?P<does>is [^.,;:]+?) (?P<where>(?:in|on|inside|outside|by|near) (?:an?|the) [^.,;:]+)"
)
_PREPOSITION = re.compile(
    r"\b(?:in|on|at|by|inside|outside|near|beside|under|with|from|to|for|of|into|who|and)\b"
)
#: A sentence that stands by itself: somebody, and what they do. One that leans on others keeps its place.
_SIGNAL = re.compile(r"(?:(?:The|This) person|She|He|They) ")
_LEANS = re.compile(
    r"\b(?:then|now|but|yet|because|since|so|still|again|after|before|until|later|instead|however|therefore|first|"
    r"finally|it|that|this(?! person\b)|these|those|also|too|once)\b",
    re.IGNORECASE,
)
_SAID = re.compile(r"[\"“”«»]")


def paraphrase(text: str, key: str) -> str:
    """The text in other words; what the key draws may be the same text. Words in quotation marks are never changed:
    a text with any is left as it is.
    """
    if _SAID.search(text):
        return text
    rng = random.Random(f"paraphrase {key}")
    sentences = _SENTENCE.split(text)
    if rng.random() < 0.5:
        sentences = [_scene(sentences[0], rng.random()), *sentences[1:]]
    if rng.random() < 0.5:
        sentences = _reordered(sentences, rng)
    return _FUNCTION.sub(lambda found: _exchanged(found[0], rng), " ".join(sentences))


def _scene(sentence: str, chance: float) -> str:
    """The scene's sentence in another form, if it is the narration's."""
    found = _SCENE.fullmatch(sentence)
    if found is None:
        return sentence
    what, placed = found["what"], _PLACED.fullmatch(found["does"])
    plain = placed and not any(_PREPOSITION.search(part) for part in (placed["does"], placed["where"][3:]))
    if not placed or not plain or chance < 1 / 3:
        return f"{_capital(what)} {found['does']}."
    if chance < 2 / 3:
        return f"{_capital(placed['where'])}, {what} {placed['does']}."
    return f"{found['who']}. {_capital(placed['where'])}, the person {placed['does']}."


def _reordered(sentences: list[str], rng: random.Random) -> list[str]:
    """Neighbouring sentences that stand by themselves, in another order. The first one stays."""
    changed, run = sentences[:1], list[str]()
    for sentence in sentences[1:]:
        if _SIGNAL.match(sentence) and not _LEANS.search(sentence):
            run.append(sentence)
            continue
        rng.shuffle(run)
        changed += [*run, sentence]
        run = []
    rng.shuffle(run)
    return [*changed, *run]


def _exchanged(words: str, rng: random.Random) -> str:
    if rng.random() >= _EXCHANGE:
        return words
    other = rng.choice(_EXCHANGED[words.lower()])
    return _capital(other) if words[0].isupper() else other


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
