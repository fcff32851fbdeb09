"""What a sentence reasoner adds up: priors, sentences and cues by hand, on a tiny encoder of a real architecture."""

from __future__ import annotations

import numpy as np
import pytest

from emoscene.errors import OptionError
from emoscene.labels import Label, LabelSpace, label_space
from emoscene.prompts import template
from emoscene.recognizers.base import Answer, Refusal
from emoscene.recognizers.sentence_reasoner import (
    SentenceAsk,
    SentenceReasoner,
    generic_captions,
    label_texts,
    subject_as_person,
)
from emoscene.recognizers.sentences import SentenceEncoder, find_encoder
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
