"""Words that belong to a picture: short utterances whose choice depends on the hidden reaction."""

from __future__ import annotations

from functools import cache

import numpy as np

from emoscene.datasets.scenes.appraisal import Array, tables

# With words, what is said follows the reaction with this chance; else it is something anybody may say.
TELLING = 0.85
SPEAKS = 0.30

TELLING_WORDS: dict[str, tuple[str, ...]] = {
    "welcomes": ("this is so good", "yes, at last", "what a good day"),
    "moved": ("i will keep this in my heart", "you are so dear to me"),
    "resists": ("stop this now", "this is not right"),
    "rejects": ("i do not like this", "this is no good"),
    "dreads": ("what will come now", "i do not dare to look"),
    "grieves": ("it is all over", "it hurts so much"),
    "startled": ("oh, what is that", "i did not see that coming"),
    "detached": ("is it over now", "i do not mind at all"),
}
PLAIN_WORDS = ("here we are", "look at this", "it is as it is")
FRAMES = ('they said "{}"', 'the note says "{}"')


@cache
def _chances() -> dict[str, Array]:
    """Each utterance -> its chance given each reaction, somebody speaking: (8,)."""
    reactions = tables().reactions
    plain = {w: np.full(len(reactions), (1 - TELLING) / len(PLAIN_WORDS)) for w in PLAIN_WORDS}
    telling = {
        w: TELLING / len(said) * (np.array(reactions) == reaction).astype(float)
        for reaction, said in TELLING_WORDS.items()
        for w in said
    }
    return plain | telling


def word_chance(utterance: str) -> Array:
    """Chance of the utterance given each reaction: (8,)."""
    return _chances()[utterance]


def choose_words(reaction: str, speaks: float, tells: float, which: float) -> str | None:
    """The utterance of somebody with this reaction, or None; three uniform numbers decide."""
    if speaks >= SPEAKS:
        return None
    said = TELLING_WORDS[reaction] if tells < TELLING else PLAIN_WORDS
    return said[int(which * len(said))]
