"""Articles, prepositions and pronouns."""

from __future__ import annotations

import pytest

from emoscene.narration import NarraCap, load_vocabulary
from emoscene.narration.narracap import prompts_of, told
from emoscene.narration.wording import activity, place, pronoun, thing_at, with_article


@pytest.mark.parametrize(
    "phrase",
    [
        "a kitchen", "an attic", "a university", "an unfinished house", "a unit", "an uninhabited island", "a uniform",
        "an hour", "an honest person", "a house", "a European", "a one-way street", "an old person", "an MRI room",
        "an X-ray room", "a TV studio", "a UFO", "an underpass", "a used car", "an usher's box", "an umbrella",
        "a ewe", "an egg", "an 8-year-old", "an 11-year-old", "a 10-year-old", "a 110-year-old", "an 80-year-old",
        "an orchard", "a jeweller's", "an heir", "a heiress's room", "a ubiquitous thing", "an IT office",
    ],
)  # fmt: skip
def test_the_article_goes_by_the_sound(phrase: str) -> None:
    expected = "an heiress's room" if "heiress" in phrase else phrase
    assert with_article(phrase.split(" ", 1)[1]) == expected


def test_a_noun_that_brings_its_own_article_is_left_alone() -> None:
    assert [with_article(n) for n in ("the sea", "a woman", "An adult", "some woods")] == [
        "the sea", "a woman", "An adult", "some woods",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("entry", "thing", "told"),
    [
        ("kitchen", "a kitchen", "in a kitchen"),
        ("on a beach", "a beach", "on a beach"),
        ("at altar", "an altar", "at an altar"),
        ("in front of a town hall", "a town hall", "in front of a town hall"),
        ("the open sea", "the open sea", "in the open sea"),
        ("inn", "an inn", "in an inn"),
        ("on", "an on", "in an on"),
    ],
)
def test_a_place_has_its_preposition(entry: str, thing: str, told: str) -> None:
    assert thing_at(entry) == thing
    assert place(entry) == told


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("reading a book", "is reading a book"),
        ("Playing a harp", "is Playing a harp"),
        ("reads a book", "reads a book"),
        ("is reading", "is reading"),
        ("sing", "sing"),
        ("roller-skating", "is roller-skating"),
    ],
)
def test_participles_get_their_verb(entry: str, expected: str) -> None:
    assert activity(entry) == expected


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ("person", "The person"),
        ("elderly woman", "She"),
        ("a baby girl", "She"),
        ("Man", "He"),
        ("baby boy", "He"),
        ("human", "The person"),
        ("man and woman", "The person"),
        ("boyish adult", "The person"),
    ],
)
def test_a_pronoun_has_a_gender_only_if_the_entry_has(who: str, expected: str) -> None:
    assert pronoun(who) == expected


def test_a_caption_tells_all_four() -> None:
    slots = {
        "who": ["elderly person"],
        "what": ["reading a book"],
        "where": ["on a beach"],
        "how": ["nods", "smiles"],
    }
    assert told(slots) == (  # type: ignore[arg-type]
        "This person is an elderly person who is reading a book on a beach. The person nods. The person smiles."
    )
    slots = {"who": ["girl"], "what": ["sings"], "where": ["attic"], "how": []}
    assert told(slots) == "This person is a girl who sings in an attic."  # type: ignore[arg-type]


def test_prompts_are_those_of_the_paper() -> None:
    shipped = load_vocabulary()
    assert prompts_of("who", shipped)[-1] == "A photo of an elderly person"
    assert prompts_of("where", shipped)[shipped.where.index("on a beach")] == "A photo of a beach"
    assert "A photo of a person who is reading a book" in prompts_of("what", shipped)
    assert "A photo of a person who smiles" in prompts_of("how", shipped)
    assert NarraCap.summary
