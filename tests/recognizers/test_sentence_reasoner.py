"""What a sentence reasoner adds up: priors, sentences and cues by hand, on a tiny encoder of a real architecture."""

from __future__ import annotations

import re

import numpy as np
import pytest

from emoscene.errors import AnswerError, OptionError
from emoscene.labels import Label, LabelSpace, label_space, label_space_names
from emoscene.prompts import template
from emoscene.recognizers.base import Answer, Refusal
from emoscene.recognizers.sentence_reasoner import (
    CUT,
    SentenceAsk,
    SentenceReasoner,
    generic_captions,
    label_texts,
    make_sentence_reasoner,
    subject_as_person,
)
from emoscene.recognizers.sentences import SentenceEncoder, Tokens, find_encoder
from tests.tiny_sentences import save_tiny_sentences

EKMAN = label_space("ekman")
TEXTS = [
    "The person is sad. Who feels this?",
    "That is happy.",
    "The person is angry, angry. This is that. Who?",
]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> SentenceEncoder:
    return SentenceEncoder(find_encoder(str(save_tiny_sentences(tmp_path_factory.mktemp("sentences")))))


def vectors(encoder: SentenceEncoder, texts: list[str]) -> np.ndarray:
    return np.concatenate([encoder.encode([encoder.tokens(text)]) for text in texts]).astype(float)


def scores(encoder: SentenceEncoder, ask: SentenceAsk, texts: list[str], batch_size: int = 32) -> np.ndarray:
    found = SentenceReasoner(EKMAN, encoder, ask, batch_size=batch_size).reason(texts)
    return np.array([[answer.scores[k] for k in EKMAN.ids] for answer in found if isinstance(answer, Answer)])


def answered(reasoner: SentenceReasoner, texts: list[str]) -> list[Answer]:
    return [answer for answer in reasoner.reason(texts) if isinstance(answer, Answer)]


def told(encoder: SentenceEncoder) -> np.ndarray:
    """The labels by their paraphrases, filled in by hand."""
    lines = template("text/label_paraphrases.v1").text.splitlines()
    return np.array(
        [
            vectors(
                encoder,
                [line.format(name=label.name.lower(), definition=label.definition) for line in lines],
            ).mean(axis=0)
            for label in EKMAN
        ]
    )


def test_scores_are_cosines_less_the_mean_over_generic_captions(encoder: SentenceEncoder) -> None:
    labels = told(encoder)
    plain = vectors(encoder, TEXTS) @ labels.T
    assert np.abs(scores(encoder, SentenceAsk(prior="none"), TEXTS) - plain).max() < 1e-5
    prior = (vectors(encoder, list(generic_captions())) @ labels.T).mean(axis=0)
    assert np.abs(scores(encoder, SentenceAsk(), TEXTS) - (plain - prior)).max() < 1e-5
    assert prior.std() > 1e-4, "a prior that is the same for all labels would show nothing"


@pytest.mark.parametrize("aggregate", ["mean", "max"])
def test_sentences_are_scored_one_by_one(encoder: SentenceEncoder, aggregate: str) -> None:
    sentences = ["The person is sad.", "Who feels this?"]
    ask = SentenceAsk("paraphrases", "none", "mean" if aggregate == "mean" else "max")
    alone = vectors(encoder, sentences) @ told(encoder).T
    wanted = alone.mean(axis=0) if aggregate == "mean" else alone.max(axis=0)
    assert np.abs(scores(encoder, ask, TEXTS[:1])[0] - wanted).max() < 1e-5


@pytest.mark.parametrize("ask", [SentenceAsk(), SentenceAsk("cues", "corrected", "max")])
def test_neither_batch_nor_company_matters(encoder: SentenceEncoder, ask: SentenceAsk) -> None:
    together = scores(encoder, ask, TEXTS, batch_size=32)
    for size, texts in ((1, TEXTS), (2, TEXTS[::-1])):
        again = scores(encoder, ask, texts, batch_size=size)
        assert np.abs(together - (again if texts is TEXTS else again[::-1])).max() < 1e-5
    assert np.abs(together[1] - scores(encoder, ask, TEXTS[1:2])[0]).max() < 1e-5


def test_blank_texts_are_refused_alone(encoder: SentenceEncoder) -> None:
    first, blank, last = SentenceReasoner(EKMAN, encoder).reason([TEXTS[0], " \n", TEXTS[1]])
    assert isinstance(blank, Refusal)
    assert isinstance(first, Answer)
    assert isinstance(last, Answer)
    assert all(isinstance(one, Refusal) for one in SentenceReasoner(EKMAN, encoder).reason(["", " "]))


def test_cues_are_written_for_every_label_that_ships_and_weigh_as_much_as_the_definition() -> None:
    for name in ("emotic", "caption-study", "ekman", "plutchik", "mikels"):
        for label in label_space(name):
            about, cues = label_texts(label, "cues")
            assert len(about) == 6
            assert len(cues) == 1
            assert cues[0].startswith("The person ")


def test_without_cues_the_remedy_is_said(encoder: SentenceEncoder) -> None:
    space = LabelSpace(
        "own", "Own", (Label("glee", "Glee", "is full of glee"), Label("gloom", "Gloom", "is glum"))
    )
    with pytest.raises(OptionError, match="prompt=paraphrases"):
        SentenceReasoner(space, encoder, SentenceAsk("cues"))
    assert isinstance(SentenceReasoner(space, encoder).reason(["Who is this?"])[0], Answer)


def test_generic_captions_name_no_label() -> None:
    """The prior must not lean to a label by its own words."""
    words = " ".join(generic_captions()).lower()
    assert len(generic_captions()) > 40
    for name in ("emotic", "caption-study", "ekman"):
        for label in label_space(name):
            for word in (label.name, *label.synonyms):
                assert f" {word.lower()} " not in f" {words.replace('.', ' ').replace(',', ' ')} ", word


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Ann waits. Ann's bag is red.", "The person waits. The person's bag is red."),
        ("Tom sits, and Tom sighs.", "The person sits, and the person sighs."),
        ("Children play. They laugh.", "Children play. They laugh."),
        ("she waits", "she waits"),
        ("", ""),
    ],
)
def test_the_name_a_text_opens_with(text: str, read: str) -> None:
    assert subject_as_person(text) == read


def test_sentences_are_read_behind_the_limit_of_the_encoder(encoder: SentenceEncoder) -> None:
    filler = "That is that, that is that, that is that, that is that. " * 60
    assert encoder.tokens(filler).cut
    ends = [filler + "The person is sad.", filler + "The person is happy, happy."]
    one, two = SentenceReasoner(EKMAN, encoder).reason(ends)
    assert isinstance(one, Answer)
    assert isinstance(two, Answer)
    assert one.warnings == (CUT,)
    assert one.scores == pytest.approx(two.scores, abs=1e-6)
    mean = SentenceAsk(aggregate="mean")
    first, second = scores(encoder, mean, ends)
    assert np.abs(first - second).max() > 1e-4
    assert all(answer.warnings == () for answer in answered(SentenceReasoner(EKMAN, encoder, mean), ends))


def test_very_many_sentences_are_bounded_and_said(encoder: SentenceEncoder) -> None:
    reasoner = SentenceReasoner(EKMAN, encoder, SentenceAsk(aggregate="mean"))
    most = "That is happy. " * 64
    short, long = answered(reasoner, [most, most + "The person is angry."])
    assert short.warnings == (), "a space at the end is no sentence"
    assert long.warnings == (CUT,)
    assert long.scores == pytest.approx(short.scores, abs=1e-6)


def test_a_vector_that_is_not_finite_fails_its_text_alone(
    encoder: SentenceEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    reasoner = SentenceReasoner(EKMAN, encoder)
    encode = encoder.encode

    def broken(batch: list[Tokens]) -> np.ndarray:
        vectors = encode(batch)
        vectors[1] = np.nan
        return vectors

    monkeypatch.setattr(encoder, "encode", broken)
    first, second, third = reasoner.reason(TEXTS)
    assert isinstance(second, AnswerError)
    assert isinstance(first, Answer)
    assert isinstance(third, Answer)


def test_with_names_read_as_the_person_no_name_matters(encoder: SentenceEncoder) -> None:
    texts = [f"{name} is sad. That is {name}'s." for name in ("Joy", "Hope", "Karl")]
    kept = scores(encoder, SentenceAsk(), texts)
    assert np.abs(kept[0] - kept[2]).max() > 1e-4
    same = scores(encoder, SentenceAsk(names="person"), texts)
    assert np.abs(same - same[0]).max() < 1e-6


def test_no_cue_names_its_label_and_labels_of_a_space_have_different_cues() -> None:
    for space in map(label_space, label_space_names()):
        told = {label: label_texts(label, "cues")[1][0].lower() for label in space}
        assert len(set(told.values())) == len(space)
        for label, cues in told.items():
            assert not set(re.findall("[a-z]+", cues)) & {label.id, label.name.lower()}


def test_labels_without_cues_are_refused_before_any_weights_are_read() -> None:
    space = LabelSpace(
        "own", "Own", (Label("glee", "Glee", "is full of glee"), Label("fear", "Fear", "is afraid"))
    )
    with pytest.raises(OptionError, match="glee"):
        make_sentence_reasoner(space, "no-such-encoder", SentenceAsk("cues"))


def test_a_definition_of_several_lines_stays_one_prompt() -> None:
    (texts,) = label_texts(Label("glee", "Glee", "laughs\nand claps"), "paraphrases")
    lines = template("text/label_paraphrases.v1").text.splitlines()
    assert len(texts) == len(lines)
    for text, line in zip(texts, lines, strict=True):
        assert ("laughs and claps" in text) == ("{definition}" in line)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Anna-Lena waits for Anna-Lena's son.", "The person waits for the person's son."),
        ("Ann waits. Anna's bag is Ann's.", "The person waits. Anna's bag is the person's."),
        ("Ann waits.", "Ann waits."),
        ("She waits. She sighs.", "She waits. She sighs."),
        ("Children play. Children laugh.", "Children play. Children laugh."),
        ("a man holds Ann's hand.", "a man holds Ann's hand."),
    ],
)
def test_other_words_and_other_names_stay(text: str, read: str) -> None:
    assert subject_as_person(text) == read
