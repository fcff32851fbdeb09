"""Against `transformers serve`, started by the tests: a tiny vision language model, and a language model of stories."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emoscene.labels import label_space
from emoscene.recognizers.conformance_samples import drawn_samples
from emoscene.types import Prediction, Sample, ScoreKind, Status
from tests.servers import transformers_serve
from tests.tiny_llava import save_tiny_llava

pytest.importorskip("torch", reason="needs the models extra")
pytest.importorskip("transformers.cli.serve", reason="needs transformers[serving]")
pytest.importorskip("openai", reason="needs the endpoint extra")

from emoscene.recognizers.endpoint import Settings, make, make_reasoner

pytestmark = pytest.mark.slow

EMOTIC = label_space("emotic")
STORY_TEMPLATE = "{% for m in messages %}{{ m['content'] }}\n{% endfor %}"


@pytest.fixture(scope="module")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = save_tiny_llava(tmp_path_factory.mktemp("served") / "tiny-llava")
    _decide_with(folder, "Y N", "A B C D E F G H I J")
    # Random weights would end every answer at once.
    settings = json.loads((folder / "generation_config.json").read_text("utf-8"))
    (folder / "generation_config.json").write_text(json.dumps(settings | {"eos_token_id": None}))
    with transformers_serve(folder) as url:
        yield url, folder


@pytest.fixture(scope="module")
def stories(reference_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("served") / "stories"
    folder.mkdir()
    for file in (reference_data / "weights" / "stories260K" / "hf").iterdir():
        shutil.copyfile(file, folder / file.name)
    (folder / "chat_template.jinja").write_text(STORY_TEMPLATE)
    _decide_with(folder, "y n", "a b he she the to and it of k")
    with transformers_serve(folder) as url:
        yield url, folder


def _decide_with(folder: Path, words: str, levels: str) -> None:
    """Labels of decisions that are single tokens for tokenizers as small as these."""
    labels = {"noul": words.split(), "score": levels.split()}
    (folder / "decision.json").write_text(json.dumps({"labels": labels}))


def _ask(
    served: tuple[str, Path], samples: list[Sample], **options: Any
) -> tuple[list[Prediction], list[str]]:
    url, folder = served
    recognizer = make(EMOTIC, base_url=url, model=str(folder), **options)
    rows = list(recognizer.predict(iter(samples)))
    words = recognizer.closing_words()
    recognizer.close()
    return rows, words


def test_a_picture_is_scored_in_one_request(llava: tuple[str, Path]) -> None:
    rows, words = _ask(llava, drawn_samples())
    assert [row.status for row in rows] == [Status.OK] * 4
    assert all(len(row.scores) == 26 and row.score_kind is ScoreKind.YES_SHARE for row in rows)
    assert all(row.vad is not None for row in rows)
    # Two small questions, with a picture and without, then one request a person.
    assert words[0].startswith("6 requests to 127.0.0.1; ")
    assert words[1] == "scores are the server's decisions (/systemone)"


def test_what_the_server_decides_is_what_the_model_itself_would(llava: tuple[str, Path]) -> None:
    """The same request put to the model in this process."""
    from transformers import AutoModelForImageTextToText, AutoProcessor
    from transformers.decision import DecisionConfig
    from transformers.pipelines import DecisionPipeline

    from emoscene.recognizers.endpoint_decisions import _SystemOne

    url, folder = llava
    [one, *_] = drawn_samples()
    recognizer = make(EMOTIC, base_url=url, model=str(folder))
    [row] = recognizer.predict([one])
    scene = recognizer.prepare(recognizer.settle(one))
    questions = list(recognizer._asking.asker.decisions._questions(scene.person))
    recognizer.close()
    processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
    model = AutoModelForImageTextToText.from_pretrained(folder, local_files_only=True).eval()
    config = DecisionConfig.from_file(folder / "decision.json")
    pipe = DecisionPipeline(
        model=model,
        tokenizer=processor.tokenizer,
        processor=processor,
        decision_config=config,
    )
    body = _SystemOne().body("", scene, questions)
    answers = pipe({name: body[name] for name in ("state", "questions", "assets")})
    expected = {label: answers[f"label_{label}"]["noul"] for label in EMOTIC.ids}
    assert row.scores == pytest.approx(expected, abs=1e-5)
    assert row.vad is not None
    assert row.vad.valence == pytest.approx(1 + answers["level_valence"]["score"], abs=1e-4)


def test_another_picture_gets_other_scores(llava: tuple[str, Path]) -> None:
    from PIL import Image

    same_words = [
        Sample(id=str(shade), picture=Image.new("RGB", (100, 80), (shade, shade, shade)), text="A scene.")
        for shade in (0, 255)
    ]
    rows, _ = _ask(llava, same_words)
    dark, light = rows
    assert max(abs(dark.scores[label] - light.scores[label]) for label in EMOTIC.ids) > 1e-5


def test_pictures_are_answered_about_freely_and_the_text_is_kept(llava: tuple[str, Path]) -> None:
    rows, words = _ask(llava, drawn_samples()[:2], mode="answer", max_tokens=12)
    assert {row.status for row in rows} <= {Status.OK, Status.UNPARSED}
    assert all(row.raw_text for row in rows)
    assert words == [words[0]]
    assert " 24 out" in words[0]


def test_reasons_are_written(llava: tuple[str, Path]) -> None:
    rows, _ = _ask(llava, drawn_samples()[:1], reason=True, max_tokens=8)
    [row] = rows
    assert row.ok
    assert row.warnings == ()
    assert row.caption
    assert row.reason


def test_a_server_without_log_probabilities_is_recognized(llava: tuple[str, Path]) -> None:
    rows, _ = _ask(llava, drawn_samples()[:1], decisions="never")
    [row] = rows
    assert row.status is Status.FAILED
    assert row.error is not None
    assert row.error.remedy == "Use -o mode=answer."


def test_another_model_than_the_served_one_is_refused_in_the_servers_words(llava: tuple[str, Path]) -> None:
    rows, _ = _ask((llava[0], Path("other")), drawn_samples()[:1])
    [row] = rows
    assert row.status is Status.FAILED
    assert row.error is not None
    assert "requested 'other'" in row.error.message


def test_a_language_model_is_the_reasoner(stories: tuple[str, Path]) -> None:
    url, folder = stories
    reasoner = make_reasoner(EMOTIC, Settings(url, str(folder)))
    happy, sad = reasoner.reason(["Lily laughs and plays.", "Tom cries. He lost his toy."])
    words = reasoner.closing_words()
    reasoner.close()
    assert not isinstance(happy, Exception)
    assert not isinstance(sad, Exception)
    assert len(happy.scores) == 26
    assert happy.vad is not None
    assert happy.scores != sad.scores
    assert words[1] == "scores are the server's decisions (/systemone)"


def test_a_story_is_no_answer_and_pictures_are_not_for_a_language_model(stories: tuple[str, Path]) -> None:
    [told], _ = _ask(
        stories,
        [Sample(id="one", text="Lily laughs.")],
        mode="answer",
        input="text",
        max_tokens=24,
        prompt="paper",
    )
    assert told.raw_text
    assert told.status in (Status.OK, Status.UNPARSED)
    [shown], _ = _ask(stories, drawn_samples()[:1])
    assert shown.status is Status.FAILED
