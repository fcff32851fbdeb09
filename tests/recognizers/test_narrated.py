"""Narrator and reasoner joined: equal to the two steps by hand, errors kept to their row, options told apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from emoscene.errors import AnswerError, EmosceneError, ModelNotHereError, OptionError, UnknownModelError
from emoscene.images import open_picture
from emoscene.labels import label_space
from emoscene.narration import ChoiceRules, NarraCap, Narrative, View
from emoscene.recognizers import registry
from emoscene.recognizers.base import Answer, BatchRecognizer
from emoscene.recognizers.captioner import load_captioner
from emoscene.recognizers.conformance import check_recognizer
from emoscene.recognizers.conformance_samples import drawn_samples
from emoscene.recognizers.encoders import load_encoder
from emoscene.recognizers.free_answers import answer_from_text
from emoscene.recognizers.language_reasoner import LanguageAsk, make_language_reasoner
from emoscene.recognizers.loading import Placement
from emoscene.recognizers.narrated import Narrated, make
from emoscene.recognizers.reasoners import make_reasoner
from emoscene.recognizers.text import TextRecognizer
from emoscene.types import Prediction, Sample, ScoreKind, Status
from tests.tiny_captioners import save_tiny_captioner
from tests.tiny_clip import save_tiny_clip
from tests.tiny_languages import save_tiny_language
from tests.tiny_sentences import save_tiny_sentences
from tests.tiny_vlms import save_tiny_vlm

EKMAN = label_space("ekman")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Tiny models of every kind that takes part."""
    base = tmp_path_factory.mktemp("models")
    saved = {
        "clip": save_tiny_clip(base / "clip"),
        "blip": save_tiny_captioner(base / "blip", "blip"),
        "llama": save_tiny_language(base / "llama"),
        "sentences": save_tiny_sentences(base / "sentences"),
    }
    return {name: str(path) for name, path in saved.items()}


def views(samples: Sequence[Sample]) -> list[View]:
    found = []
    for sample in samples:
        assert sample.box is not None
        found.append(View(open_picture(sample.picture), sample.box, sample.text))
    return found


def captions(told: Sequence[Narrative | EmosceneError]) -> list[str]:
    return [narrative.text for narrative in told if isinstance(narrative, Narrative)]


def same(
    rows: Sequence[Prediction], answers: Sequence[Answer | EmosceneError], tolerance: float = 1e-5
) -> bool:
    return all(
        isinstance(answer, Answer)
        and row.score_kind is answer.score_kind
        and max(abs(row.scores[k] - answer.scores[k]) for k in EKMAN.ids) < tolerance
        for row, answer in zip(rows, answers, strict=True)
    )


def test_narracap_and_a_sentence_encoder_equal_the_two_steps_by_hand(models: dict[str, str]) -> None:
    samples = drawn_samples()
    recognizer = make(EKMAN, encoder=models["clip"], reasoner=models["sentences"], signals=2, device="cpu")
    rows = list(recognizer.predict(samples))
    told = captions(
        NarraCap(load_encoder(models["clip"]), rules=ChoiceRules(signals=2)).caption(views(samples))
    )
    reasoner = make_reasoner(EKMAN, models["sentences"], {})
    texts = [f"{caption} {sample.text}" for caption, sample in zip(told, samples, strict=True)]
    assert [row.caption for row in rows] == told
    assert same(rows, reasoner.reason(texts))
    assert not same(rows, reasoner.reason(told), 1e-6), "the words of the sample are read too"
    assert {row.score_kind for row in rows} == {ScoreKind.SIMILARITY}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("mode", ["score", "answer"])
def test_a_captioner_and_a_language_model_equal_the_two_steps_by_hand(
    models: dict[str, str], mode: Any
) -> None:
    samples = [sample.model_copy(update={"text": None}) for sample in drawn_samples()]
    recognizer = make(EKMAN, narrator=models["blip"], reasoner=models["llama"], mode=mode, device="cpu")
    rows = list(recognizer.predict(samples))
    told = captions(load_captioner(models["blip"], placement=Placement("cpu")).caption(views(samples)))
    answers = make_language_reasoner(EKMAN, models["llama"], LanguageAsk(mode), device="cpu").reason(told)
    if mode == "score":
        assert [row.caption for row in rows] == told
        assert same(rows, answers)
        assert all(row.vad is not None for row in rows)
    else:
        for row, answer in zip(rows, answers, strict=True):
            assert row.raw_text, "what the model wrote stays in the row"
            assert row.raw_text == answer.raw_text  # type: ignore[union-attr]


class Half:
    """Tells of the pictures that are wider than high; fails for others, as narrators do."""

    name, summary, licence, limits = "half", "Half a narrator.", "Apache-2.0", "Half."

    def __init__(self) -> None:
        self.asked: list[int] = []

    def caption(self, views: Sequence[View]) -> list[Narrative | EmosceneError]:
        self.asked.append(len(views))
        return [
            Narrative("A person laughs.", warnings=("a wide picture",))
            if view.picture.width > view.picture.height
            else AnswerError("wrote no caption")
            for view in views
        ]


def test_a_failing_caption_is_that_rows_error_alone(models: dict[str, str]) -> None:
    narrator = Half()
    recognizer = Narrated(narrator, make_reasoner(EKMAN, models["sentences"], {}))
    samples = drawn_samples()
    rows = list(recognizer.predict(samples))
    assert [row.status for row in rows] == [Status.OK, Status.FAILED, Status.OK, Status.FAILED]
    assert rows[0].caption == "A person laughs."
    assert rows[0].warnings == ("a wide picture",)
    assert narrator.asked == [4], "people of a batch are told of together"
    assert [row.status for row in recognizer.predict(samples[1:2])] == [Status.FAILED]


def test_a_failing_answer_is_that_rows_error_alone(models: dict[str, str]) -> None:
    class Mute:
        def __init__(self) -> None:
            self.inner = make_reasoner(EKMAN, models["sentences"], {})
            self.name, self.card, self.labels = "mute", self.inner.card, EKMAN

        def reason(self, texts: Sequence[str]) -> list[Answer | EmosceneError]:
            return [AnswerError("no"), *self.inner.reason(texts)[1:]]

        def closing_words(self) -> list[str]:
            return ["said at the end"]

    recognizer = Narrated(Half(), Mute())
    rows = list(recognizer.predict(drawn_samples()))
    assert [row.status for row in rows] == [Status.FAILED, Status.FAILED, Status.OK, Status.FAILED]
    assert recognizer.closing_words() == ["said at the end"]


def test_a_caption_that_was_read_in_vain_stays_in_the_row(models: dict[str, str]) -> None:
    class Mumbling:
        name, labels = "mumbling", EKMAN
        card = make_reasoner(EKMAN, models["sentences"], {}).card

        def reason(self, texts: Sequence[str]) -> list[Answer | EmosceneError]:
            return [answer_from_text("Hm.", EKMAN) for _ in texts]

    row = next(Narrated(Half(), Mumbling()).predict(drawn_samples()))
    assert row.status is Status.UNPARSED
    assert (row.caption, row.raw_text) == ("A person laughs.", "Hm.")


def test_without_a_box_the_whole_picture_is_told_of(models: dict[str, str]) -> None:
    seen: list[View] = []

    class Looks(Half):
        def caption(self, views: Sequence[View]) -> list[Narrative | EmosceneError]:
            seen.extend(views)
            return super().caption(views)

    recognizer = Narrated(Looks(), make_reasoner(EKMAN, models["sentences"], {}))
    (row,) = recognizer.predict([drawn_samples()[0].model_copy(update={"box": None})])
    assert seen[0].box.as_tuple() == (0, 0, seen[0].picture.width, seen[0].picture.height)
    assert any("no box was given" in warning for warning in row.warnings)


def test_words_alone_need_a_narrator_of_words(models: dict[str, str]) -> None:
    words = Sample(id="words", text="She weeps at a grave.")
    pictures = Narrated(Half(), make_reasoner(EKMAN, models["sentences"], {}))
    (refused,) = pictures.predict([words])
    assert refused.status is Status.MISSING_INPUT
    recognizer = make(EKMAN, narrator="words", reasoner=models["sentences"])
    assert isinstance(recognizer, TextRecognizer)
    (row,) = recognizer.predict([words])
    assert row.caption == words.text
    assert same([row], make_reasoner(EKMAN, models["sentences"], {}).reason(["She weeps at a grave."]))


def test_the_card_tells_of_both(models: dict[str, str]) -> None:
    recognizer = make(EKMAN, encoder=models["clip"], reasoner=models["llama"], mode="answer", device="cpu")
    card = recognizer.card
    assert recognizer.name == "narracap with clip + llama"
    assert "picked from lists" in card.summary
    assert "answered freely" in card.summary
    assert (card.uses_picture, card.uses_text, card.label_order_invariant) == (True, True, False)


@pytest.mark.parametrize("reasoner", ["sentences", "llama"])
def test_it_keeps_every_promise(models: dict[str, str], reasoner: str) -> None:
    report = check_recognizer(
        lambda labels: make(
            labels, encoder=models["clip"], reasoner=models[reasoner], signals=1, device="cpu", batch_size=3
        ),
        labels=EKMAN,
    )
    report.raise_if_failed()


def test_language_reads_words(models: dict[str, str]) -> None:
    recognizer = registry.create("language", EKMAN, {"model": models["llama"], "device": "cpu"})
    assert isinstance(recognizer, BatchRecognizer)
    rows = list(recognizer.predict([*drawn_samples()[:2], Sample(id="none")]))
    texts = [sample.text or "" for sample in drawn_samples()[:2]]
    assert same(
        rows[:2], make_language_reasoner(EKMAN, models["llama"], LanguageAsk(), device="cpu").reason(texts)
    )
    assert rows[0].caption is None
    assert rows[2].status is Status.MISSING_INPUT
    assert recognizer.card.name == recognizer.name == "llama"
    check_recognizer(
        lambda labels: registry.create("language", labels, {"model": models["llama"], "device": "cpu"}),
        labels=EKMAN,
    ).raise_if_failed()
    with pytest.raises(OptionError, match="which model"):
        registry.create("language", EKMAN, {})


def test_an_endpoint_is_asked_about_the_caption() -> None:
    recognizer = make(
        EKMAN,
        narrator="words",
        reasoner="endpoint",
        base_url="http://127.0.0.1:9/v1",
        model="small",
        mode="answer",
    )
    assert recognizer.name == "words + small (endpoint)"
    assert recognizer.closing_words() == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "encoder=FOLDER"),
        ({"narrator": "words", "encoder": "x"}, "no option 'encoder'"),
        ({"narrator": "words", "view": "crop"}, "no option 'view'"),
        ({"narrator": "words", "signals": 3}, "no option 'signals'"),
        ({"encoder": "x", "view": "crop"}, "no option 'view'"),
        ({"narrator": "words", "mode": "answer"}, "It belongs to a language model or an endpoint"),
        ({"narrator": "words", "prompt": "paper"}, "definition, paraphrases, cues"),
        ({"narrator": "words", "reasoner": "endpoint", "prior": "none"}, "It belongs to a sentence encoder"),
        ({"narrator": "words", "reasoner": "endpoint", "prompt": "cues"}, "paper, defined"),
        ({"narrator": "words", "batch_size": 0}, "batch_size"),
    ],
)
def test_options_of_another_narrator_or_reasoner_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        registry.create("narrated", EKMAN, options)


def test_models_that_cannot_take_their_part_are_refused(models: dict[str, str], tmp_path: Path) -> None:
    vlm = str(save_tiny_vlm(tmp_path / "vlm", "smolvlm"))
    with pytest.raises(UnknownModelError, match=r"vlm model.*--model FOLDER"):
        make(EKMAN, narrator="words", reasoner=vlm)
    with pytest.raises(UnknownModelError, match=r"dual-encoder model.*causal language model"):
        make(EKMAN, narrator="words", reasoner=models["clip"])
    with pytest.raises(UnknownModelError, match="give it as its encoder"):
        make(EKMAN, narrator=models["clip"], reasoner=models["sentences"])
    with pytest.raises(ModelNotHereError):
        make(EKMAN, narrator="words", reasoner=str(tmp_path / "none"))
