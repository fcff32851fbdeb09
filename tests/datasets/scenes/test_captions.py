from __future__ import annotations

import itertools
import random
import re

import numpy as np

from emoscene.datasets.scenes import EMOTIONS, Scene, caption, label_word, read, reason, sample_scene, words
from emoscene.datasets.scenes.appraisal import tables
from emoscene.datasets.scenes.sayings import (
    CAPTIONS,
    FRAMES,
    IRONY,
    LOOKS_LIKE,
    PLAIN_CAPTIONS,
    PLAIN_WORDS,
    TELLING_WORDS,
    choose_words,
    irony_chance,
    kind_of,
    word_chance,
)
from emoscene.labels import label_space

SCENES = [sample_scene(21, i, split="test") for i in range(700)]
PEOPLE: list[tuple[Scene, int]] = [(scene, i) for scene in SCENES for i in range(len(scene.people))]


def test_a_caption_has_four_slots_in_one_sentence_pair() -> None:
    told = caption(*PEOPLE[0])
    assert all((told.who, told.what, told.where, told.how))
    assert (
        told.text
        == f"{told.who[0].upper()}{told.who[1:]} is {told.what} {told.where}. The person {told.how}."
    )


GENDER = "he she man woman boy girl his her him mother father king queen"
FEELING = "confusion confused happy sad angry afraid scared surprised tired calm ashamed proud"
# Parts that people play at an event, which happen to be listed as synonyms of a label
PARTS = {"guilty", "honoured"}


def test_captions_name_no_emotion_and_no_gender() -> None:
    labels = {label_word(e) for e in EMOTIONS} | set(FEELING.split())
    synonyms = {word for label in label_space("emotic").labels for word in label.synonyms if " " not in word}
    said = {word for person in PEOPLE for word in re.findall(r"[a-z]+", caption(*person).text.lower())}
    assert not said & labels
    assert not said & set(GENDER.split())
    assert said & synonyms <= PARTS


def test_the_vocabulary_stays_small() -> None:
    texts = [text for p in PEOPLE for text in (caption(*p).text, reason(*p), words(*p) or "")]
    assert len({word for text in texts for word in re.findall(r"[a-z]+", text.lower())}) <= 350


def test_the_reason_ends_with_what_the_oracle_finds_likely() -> None:
    for scene, subject in PEOPLE[:100]:
        named = reason(scene, subject).split(" suggest ")[1].rstrip(".").replace(" and ", ", ").split(", ")
        order = np.argsort(-read(scene, subject, "picture"), kind="stable")
        assert 2 <= len(named) <= 3
        assert named == [label_word(EMOTIONS[i]) for i in order[: len(named)]]


EVERY_UTTERANCE = [
    text
    for said in (*TELLING_WORDS.values(), PLAIN_WORDS, *CAPTIONS.values(), PLAIN_CAPTIONS)
    for text in said
]


def test_half_of_all_people_come_with_words_in_a_frame_of_their_kind() -> None:
    said = [(scene.people[i], words(scene, i)) for scene, i in PEOPLE]
    spoken = [(actor.words, text) for actor, text in said if text is not None]
    assert all((actor.words is None) == (text is None) for actor, text in said)
    assert 0.46 < len(spoken) / len(said) < 0.54
    for plain, text in spoken:
        assert plain is not None
        assert text == text.lower()
        assert text in {frame.format(plain) for frame in FRAMES[kind_of(plain)]}
    own = [kind_of(plain) == "said" for plain, _ in spoken if plain is not None]
    assert 0.65 < np.mean(own) < 0.75


def test_no_utterance_is_of_two_kinds_or_two_reactions() -> None:
    assert len(set(EVERY_UTTERANCE)) == len(EVERY_UTTERANCE)
    assert set(LOOKS_LIKE) == set(IRONY) == set(TELLING_WORDS) == set(CAPTIONS) == set(tables().reactions)


def test_words_name_no_emotion_and_no_gender() -> None:
    labels = {label_word(e) for e in EMOTIONS} | set(FEELING.split())
    said = {word for text in EVERY_UTTERANCE for word in re.findall(r"[a-z]+", text)}
    assert not said & (labels | set(GENDER.split()))


def test_the_chances_of_words_sum_to_one() -> None:
    total = np.sum([word_chance(u) for u in EVERY_UTTERANCE], axis=0)
    assert np.allclose(total, np.ones(len(tables().reactions)))


def test_words_and_irony_come_as_often_as_the_table_says() -> None:
    """Monte Carlo, for every reaction: the share of each utterance, and of irony with it."""
    rounds = 4000
    for r, reaction in enumerate(tables().reactions):
        drawn = [choose_words(reaction, random.Random(f"{reaction}{i}")) for i in range(rounds)]
        spoken = [(text, ironic) for text, ironic in drawn if text is not None]
        for text, ironic in itertools.product(EVERY_UTTERANCE, (False, True)):
            chance = irony_chance(text)[r] if ironic else word_chance(text)[r] - irony_chance(text)[r]
            seen = sum(said == (text, ironic) for said in spoken)
            spread = np.sqrt(len(spoken) * chance * (1 - chance))
            assert abs(seen - len(spoken) * chance) <= 4.5 * spread + 1e-9, (reaction, text, ironic)


def test_irony_speaks_the_words_of_another_reaction_and_captions_never_do() -> None:
    ironic = [a for s in SCENES for a in s.people if a.ironic]
    assert ironic
    for actor in ironic:
        assert actor.words is not None
        assert kind_of(actor.words) == "said"
        assert actor.words not in TELLING_WORDS[actor.reaction]
        assert any(actor.words in TELLING_WORDS[other] for other in IRONY[actor.reaction][1])
