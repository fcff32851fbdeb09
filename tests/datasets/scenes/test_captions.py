from __future__ import annotations

import re

import numpy as np

from emoscene.datasets.scenes import EMOTIONS, Scene, caption, label_word, read, reason, sample_scene, words
from emoscene.datasets.scenes.appraisal import tables
from emoscene.datasets.scenes.sayings import TELLING_WORDS, word_chance
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


def test_about_three_in_ten_say_something_that_tells_the_reaction() -> None:
    said = [(scene.people[i], words(scene, i)) for scene, i in PEOPLE]
    spoken = [(actor, text) for actor, text in said if text is not None]
    assert 0.26 < len(spoken) / len(said) < 0.34
    assert all(text == text.lower() for _, text in spoken)
    telling = [actor.words in TELLING_WORDS[actor.reaction] for actor, _ in spoken]
    assert 0.8 < np.mean(telling) < 0.9


def test_the_chances_of_words_sum_to_one() -> None:
    utterances = {a.words for s in SCENES for a in s.people if a.words is not None}
    total = np.sum([word_chance(u) for u in utterances], axis=0)
    assert np.allclose(total, np.ones(len(tables().reactions)))
