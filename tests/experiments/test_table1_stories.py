"""Stories, and the small language model that learns from them: what it is taught is what it is asked."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from experiments.table1.stories import Telling, nth, story, vocabulary
from experiments.table1.story_model import Reading, StoryTask, _model, train_stories

from emoscene.datasets.scenes import EMOTIONS, sample_scene
from emoscene.labels import label_space
from emoscene.recognizers.base import Answer
from emoscene.recognizers.language_reasoner import LanguageAsk, LanguageReasoner
from emoscene.training.scenes_llava.build import build_tokenizer


@pytest.fixture(scope="module")
def model_and_tokenizer() -> tuple[object, object]:
    tokenizer = build_tokenizer(vocabulary(0, ["Nothing is said."]))
    tokenizer.chat_template = None
    model = _model(tokenizer, 0).eval()
    with torch.no_grad():
        # Large enough for a misplaced position or mask to show in the answers.
        for parameter in model.parameters():
            parameter.mul_(3 if parameter.ndim > 1 else 1)
    return model, tokenizer


def test_a_story_is_told_alike_each_time_and_differently_of_others() -> None:
    assert nth(0, 5).text == nth(0, 5).text
    assert len({nth(0, i).text for i in range(40)}) == 40
    assert nth(0, 5).text != nth(1, 5).text


def test_a_story_holds_the_labels_of_its_person() -> None:
    scene = sample_scene(3, 0, split="train")
    told = story(scene, 0, random.Random(0))
    held = {label for label, has in zip(EMOTIONS, told.labels, strict=True) if has}
    assert held == scene.people[0].labels
    assert told.vad == scene.people[0].vad
    assert scene.people[0].role in told.text


def test_the_labels_of_stories_are_in_the_order_of_the_label_space() -> None:
    assert tuple(EMOTIONS) == label_space("emotic").ids


def test_every_word_of_a_story_is_known(model_and_tokenizer: tuple[object, object]) -> None:
    _, tokenizer = model_and_tokenizer
    for index in range(2_000, 2_050):
        assert tokenizer.unk_token_id not in tokenizer(nth(0, index).text).input_ids  # type: ignore[attr-defined, operator]


def test_what_is_taught_is_what_is_asked(model_and_tokenizer: tuple[object, object]) -> None:
    """The yes/no answers of a packed lesson are those of `LanguageReasoner`, which asks behind a cache."""
    model, tokenizer = model_and_tokenizer
    space = label_space("emotic")
    told = nth(0, 7)
    # Every label holds, so each answer's first token is its yes, and all are asked in the order of the space.
    task = StoryTask(model, Reading(tokenizer, space, asked=26), 1, 0)
    lesson = Reading(tokenizer, space, asked=26).lesson(
        Telling(told.text, np.ones(26), told.vad), random.Random(1)
    )
    with torch.no_grad():
        hidden = task._hidden([lesson])
        logs = task._logs(hidden, [(0, place) for place, _, _ in lesson.ask[:26]])
    pairs = torch.tensor([pair for _, pair, _ in lesson.ask[:26]])
    said = logs.gather(1, pairs).softmax(dim=-1)[:, 0].numpy()
    reasoner = LanguageReasoner(model, tokenizer, space, "stories", LanguageAsk())
    (answer,) = reasoner.reason([told.text])
    assert isinstance(answer, Answer)
    asked = np.array([answer.scores[label] for label in space.ids])
    assert asked.std() > 1e-3
    # The reasoner counts all spellings of yes and no; of a lower-case vocabulary there is one each.
    np.testing.assert_allclose(said, asked, atol=2e-5)


def test_what_is_felt_may_follow_its_question(model_and_tokenizer: tuple[object, object]) -> None:
    _, tokenizer = model_and_tokenizer
    labels = np.zeros(26)
    labels[[EMOTIONS.index("doubt_confusion"), EMOTIONS.index("fear")]] = 1
    lesson = Reading(tokenizer, label_space("emotic"), asked=3).lesson(
        Telling("She waits.", labels, (5.0, 5.0, 5.0)), random.Random(0)
    )
    words = {tokenizer.decode([token]) for _, token in lesson.write}  # type: ignore[attr-defined]
    assert words == {"doubt/confusion", "fear"}
    for place, _ in lesson.write:
        assert tokenizer.decode(lesson.packed.tokens[place : place + 1]) == ":"  # type: ignore[attr-defined]
    for place, token in lesson.tell:
        assert lesson.packed.tokens[place + 1] == token


@pytest.mark.slow
def test_the_loss_falls_and_a_finished_training_is_not_done_again(tmp_path: Path) -> None:
    losses: list[float] = []
    folder = train_stories(
        tmp_path, 0, 5, progress=lambda event: losses.append(event.loss) if event.loss else None
    )
    assert losses[-1] < losses[0]
    before = (folder / "model.safetensors").read_bytes()
    again: list[object] = []
    assert train_stories(tmp_path, 0, 5, progress=again.append) == folder
    assert not again
    assert (folder / "model.safetensors").read_bytes() == before
