"""The model that ships: torch and the exported graph agree, and it knows what it does not know."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from emoscene import embedded, load
from emoscene.catalogue import find
from emoscene.datasets.scenes import draw_scene, sample_scene, words
from emoscene.errors import ModelFilesError, OptionError
from emoscene.labels import label_space
from emoscene.recognizers.conformance import check_recognizer
from emoscene.recognizers.embedded import EmbeddedRecognizer, GraphFiles, make
from emoscene.recognizers.notes import read_notes
from emoscene.types import BoundingBox, Prediction, Sample, Status

EMOTIC = label_space("emotic")


def drawn(scenes: int, seed: int = 31, size: int = 300) -> Iterator[Sample]:
    for index in range(scenes):
        scene = sample_scene(seed, index, split="test")
        picture = draw_scene(scene, size)
        for k, actor in enumerate(scene.people):
            box = BoundingBox.model_validate([c * size for c in actor.box])
            yield Sample(id=f"{scene.id}/{k}", picture=picture, box=box, text=words(scene, k))


def gap(a: Prediction, b: Prediction) -> float:
    assert a.status is Status.OK
    assert a.vad is not None
    assert b.vad is not None
    levels = [
        abs(x - y) for x, y in zip(a.vad.model_dump().values(), b.vad.model_dump().values(), strict=True)
    ]
    return float(max([abs(a.scores[k] - b.scores[k]) for k in a.scores] + levels))


def test_the_graph_equals_torch() -> None:
    samples = list(drawn(4))
    light = list(make(EMOTIC).predict(samples))
    torch = list(load(embedded.model_folder(), dtype="float32", device="cpu").predict(samples))
    for a, b in zip(light, torch, strict=True):
        assert gap(a, b) < 1e-4
        assert a.labels == b.labels
        assert a.model == b.model


@pytest.mark.slow
def test_both_write_the_same_caption_and_reason() -> None:
    samples = list(drawn(2))
    light = list(make(EMOTIC, reason=True).predict(samples))
    torch = list(load(embedded.model_folder(), dtype="float32", device="cpu", reason=True).predict(samples))
    for a, b in zip(light, torch, strict=True):
        assert a.caption == b.caption
        assert a.reason == b.reason
        assert a.caption is not None
        assert a.caption.startswith("A")
        assert a.reason is not None
        assert "suggest" in a.reason


@pytest.mark.slow
def test_it_keeps_every_promise() -> None:
    report = check_recognizer(make, list(drawn(3)), labels=EMOTIC, tolerance=1e-4)
    report.raise_if_failed()


def test_words_change_the_answer() -> None:
    sample = next(iter(drawn(1)))
    told = sample.model_copy(update={"text": 'they said "this is so good"'})
    grieving = sample.model_copy(update={"text": 'they said "it hurts so much"'})
    glad, sad = make(EMOTIC).predict([told, grieving])
    assert glad.vad is not None
    assert sad.vad is not None
    assert glad.vad.valence > sad.vad.valence


def test_words_it_never_read_are_counted() -> None:
    sample = next(iter(drawn(1))).model_copy(update={"text": "what a quagmire <image> </s>"})
    (answer,) = make(EMOTIC).predict([sample])
    assert answer.status is Status.OK
    assert any("does not know" in w for w in answer.warnings)


def test_noise_is_out_of_domain_and_the_row_says_how_to_go_on() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8))
    (answer,) = make(EMOTIC).predict([Sample(id="noise", picture=noise)])
    assert answer.status is Status.OUT_OF_DOMAIN
    assert not answer.scores
    assert answer.error is not None
    command = answer.error.remedy.split("with: ")[1].split(" (")[0]
    assert command.startswith("emoscene models pull ")
    assert find(command.split()[-1]) is not None, "the model to pull stands in the catalogue"


def test_photographs_are_out_of_domain(reference_data: Path) -> None:
    photographs = sorted((reference_data / "photos").glob("*.jp*g"))
    assert photographs
    answers = list(make(EMOTIC).predict(Sample(id=p.name, picture=p) for p in photographs))
    assert [a.status for a in answers] == [Status.OUT_OF_DOMAIN] * len(photographs)


def test_another_label_space_is_refused() -> None:
    with pytest.raises(OptionError, match="ekman"):
        make(label_space("ekman"))
    renamed = dataclasses.replace(label_space("plutchik"), name="emotic")
    with pytest.raises(OptionError, match="does not know"):
        make(renamed)


@pytest.mark.parametrize(
    "options", [{"check_domain": "no"}, {"batch_size": 0}, {"batch_size": 2.5}, {"reason": 1}]
)
def test_options_of_the_wrong_kind_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=next(iter(options))):
        load("embedded", **options)


def test_missing_files_are_said(tmp_path: Path) -> None:
    with pytest.raises(ModelFilesError, match="missing"):
        EmbeddedRecognizer(GraphFiles(tmp_path, tmp_path / "graph.onnx"), EMOTIC)


def test_the_files_keep_their_size() -> None:
    sizes = [f.stat().st_size for f in embedded.model_folder().iterdir()]
    assert sum(sizes) < 6_000_000
    assert embedded.graph_file().stat().st_size < 6_000_000
    notes = read_notes(embedded.model_folder())
    assert notes is not None
    assert notes.figures, "the card has figures"
    assert "apparent" in embedded.card_file().read_text("utf-8")
