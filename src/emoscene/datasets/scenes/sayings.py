"""Words that belong to a picture: what the subject says, or what somebody outside writes about the subject.

| kind | whose | what it tells of the hidden reaction |
|---|---|---|
| said | the subject's | 0.85 the reaction, in earnest or in irony; 0.15 what anybody may say |
| caption | of somebody outside | 0.65 the reaction, 0.20 one that an onlooker takes for it, 0.15 nothing |

An ironic subject says what somebody of another reaction would say in earnest, at a chance that depends on the
reaction (`IRONY`). **Irony shows in nothing of its own**: the same words, the same face and pose as without it.
What gives it away is only that the words do not fit the face, the pose, the role and the event. So words alone
mislead where a picture with the words does not. Captions are never ironic.
"""

from __future__ import annotations

import hashlib
import random
from functools import cache
from typing import Literal

import numpy as np

from emoscene.datasets.scenes.appraisal import Array, tables

Kind = Literal["said", "caption"]

# A person has words with this chance, and then their own (else a caption) with that one.
SPEAKS = 0.50
OWN = 0.70
# What is said follows the reaction with this chance; else it is something anybody may say.
TELLING = 0.85
# An onlooker's caption follows the reaction, follows one that looks like it, or tells nothing.
SEEN, TAKEN_FOR = 0.65, 0.20

TELLING_WORDS: dict[str, tuple[str, ...]] = {
    "welcomes": ("this is so good", "yes, at last", "what a good day", "i could not ask for more"),
    "moved": ("i will keep this in my heart", "you are so dear to me", "this means so much to me"),
    "resists": ("stop this now", "this is not right", "i will not have this"),
    "rejects": ("i do not like this", "this is no good", "keep that away from me"),
    "dreads": ("what will come now", "i do not dare to look", "this may end badly"),
    "grieves": ("it is all over", "it hurts so much", "nothing is left now"),
    "startled": ("oh, what is that", "i did not see that coming", "how can that be"),
    "detached": ("is it over now", "i do not mind at all", "wake me at the end"),
}
PLAIN_WORDS = ("here we are", "look at this", "it is as it is")

CAPTIONS: dict[str, tuple[str, ...]] = {
    "welcomes": ("this is what they asked for", "nothing could be better for them"),
    "moved": ("they will keep this day in mind", "this goes right to their heart"),
    "resists": ("they will not have it", "they want this to stop"),
    "rejects": ("they want nothing of this", "this is not to their taste"),
    "dreads": ("they do not know what will come", "they see no good end to this"),
    "grieves": ("they have lost much today", "this is a hard day for them"),
    "startled": ("they did not see this coming", "nobody told them of this"),
    "detached": ("their mind is far away", "they have seen all this before"),
}
PLAIN_CAPTIONS = ("this was today", "here they are")

# Chance that a telling utterance is ironic, and the reactions whose words are borrowed then.
IRONY: dict[str, tuple[float, tuple[str, ...]]] = {
    "welcomes": (0.08, ("rejects",)),
    "moved": (0.0, ()),
    "resists": (0.40, ("welcomes", "moved")),
    "rejects": (0.40, ("welcomes", "moved")),
    "dreads": (0.20, ("welcomes", "detached")),
    "grieves": (0.20, ("welcomes", "detached")),
    "startled": (0.10, ("welcomes",)),
    "detached": (0.30, ("welcomes",)),
}
# What an onlooker takes a reaction for.
LOOKS_LIKE: dict[str, str] = {
    "welcomes": "moved", "moved": "welcomes", "resists": "rejects", "rejects": "resists",
    "dreads": "grieves", "grieves": "dreads", "startled": "dreads", "detached": "rejects",
}  # fmt: skip

FRAMES: dict[Kind, tuple[str, ...]] = {
    "said": ('they said "{}"', 'the note says "{}"'),
    "caption": ('a caption says "{}"', 'a friend says of them "{}"'),
}


@cache
def _chances() -> dict[str, Array]:
    """Each utterance and caption -> its chance given each reaction, there being words: (8,)."""
    t = tables()
    found: dict[str, Array] = {}

    def add(said: tuple[str, ...], chance: float, r: int) -> None:
        for text in said:
            found.setdefault(text, np.zeros(len(t.reactions)))[r] += chance / len(said)

    for r, reaction in enumerate(t.reactions):
        ironic, borrowed = IRONY[reaction]
        add(TELLING_WORDS[reaction], OWN * TELLING * (1 - ironic), r)
        for other in borrowed:
            add(TELLING_WORDS[other], OWN * TELLING * ironic / len(borrowed), r)
        add(PLAIN_WORDS, OWN * (1 - TELLING), r)
        add(CAPTIONS[reaction], (1 - OWN) * SEEN, r)
        add(CAPTIONS[LOOKS_LIKE[reaction]], (1 - OWN) * TAKEN_FOR, r)
        add(PLAIN_CAPTIONS, (1 - OWN) * (1 - SEEN - TAKEN_FOR), r)
    return found


def word_chance(utterance: str) -> Array:
    """Chance of these words given each reaction, there being words: (8,)."""
    return _chances()[utterance]


def irony_chance(utterance: str) -> Array:
    """Chance of these words *and* of irony given each reaction, there being words: (8,)."""
    t = tables()
    ironic = np.zeros(len(t.reactions))
    for r, reaction in enumerate(t.reactions):
        chance, borrowed = IRONY[reaction]
        for other in borrowed:
            if utterance in TELLING_WORDS[other]:
                ironic[r] += OWN * TELLING * chance / len(borrowed) / len(TELLING_WORDS[other])
    return ironic


def kind_of(utterance: str) -> Kind:
    """Whether these words are the subject's own or a caption from outside."""
    own = utterance in PLAIN_WORDS or any(utterance in said for said in TELLING_WORDS.values())
    return "said" if own else "caption"


def choose_words(reaction: str, rng: random.Random) -> tuple[str | None, bool]:
    """The words that go with somebody of this reaction, or None, and whether they are ironic."""
    if rng.random() >= SPEAKS:
        return None, False
    if rng.random() >= OWN:
        u = rng.random()
        if u >= SEEN + TAKEN_FOR:
            return rng.choice(PLAIN_CAPTIONS), False
        return rng.choice(CAPTIONS[reaction if u < SEEN else LOOKS_LIKE[reaction]]), False
    if rng.random() >= TELLING:
        return rng.choice(PLAIN_WORDS), False
    chance, borrowed = IRONY[reaction]
    ironic = rng.random() < chance
    meant = rng.choice(borrowed) if ironic else reaction
    return rng.choice(TELLING_WORDS[meant]), ironic


def sayings_digest() -> str:
    """A hash over everything that decides which words are chosen."""
    decided = (SPEAKS, OWN, TELLING, SEEN, TAKEN_FOR, TELLING_WORDS, PLAIN_WORDS, CAPTIONS, PLAIN_CAPTIONS,
               IRONY, LOOKS_LIKE, FRAMES)  # fmt: skip
    return hashlib.sha256(repr(decided).encode()).hexdigest()[:12]
