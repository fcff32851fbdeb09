"""Graphs that go on behind an earlier call: the same numbers and texts as in one go, for less."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from transformers import LlavaForConditionalGeneration

from emoscene import embedded, load
from emoscene.recognizers.embedded import EmbeddedRecognizer, GraphFiles
from emoscene.recognizers.exported import Exported, Floats
from emoscene.scoring.branches import Collated, Segment, collate, pack
from emoscene.training.scenes_llava.export import export_graph
from emoscene.types import Prediction, Sample
from tests.recognizers.test_embedded import EMOTIC, drawn, gap

HEAD = (2, *[4] * 49, 6, 7)
BRANCHES = ((10, 11, 12), (13, 14))


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights that ship, exported now."""
    model = LlavaForConditionalGeneration.from_pretrained(embedded.model_folder(), dtype=torch.float32).eval()
    file = tmp_path_factory.mktemp("exported") / "graph.onnx"
    export_graph(model, 112, file)
    return file


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return list(drawn(3))


def ask(graph: Path, samples: list[Sample], **options: object) -> list[Prediction]:
    recognizer = EmbeddedRecognizer(GraphFiles(embedded.model_folder(), graph), EMOTIC, **options)  # type: ignore[arg-type]
    return list(recognizer.predict(samples))


def tree(*further: tuple[int, ...]) -> Collated:
    """The branches behind the picture, each with further tokens; read at both ends."""
    more = further or ((), ())
    ends = [Segment((*b, *m), 0) for b, m in zip(BRANCHES, more, strict=True)]
    return collate([pack([Segment(HEAD), *ends])], [(1, 2)])


def pixels() -> Floats:
    return np.random.default_rng(0).uniform(-1, 1, (1, 3, 112, 112)).astype(np.float32)


def test_going_on_equals_asking_anew(graph: Path) -> None:
    exported = Exported(graph)
    logits, _, present = exported.ask(pixels(), tree())
    assert present is not None
    seen = exported.behind(tree(), present, 2)
    written: list[list[int]] = [[], []]
    for _ in range(3):
        tokens = logits.argmax(axis=-1)
        for branch, token in zip(written, tokens[0].tolist(), strict=True):
            branch.append(token)
        logits, seen = exported.go_on(seen, tokens)
        anew, _, _ = exported.ask(pixels(), tree(*map(tuple, written)))
        np.testing.assert_allclose(logits, anew, atol=1e-4)


def test_rows_go_on_by_themselves(graph: Path) -> None:
    exported = Exported(graph)
    two = collate([pack([Segment(HEAD), *(Segment(b, 0) for b in BRANCHES)])] * 2, [(1, 2)] * 2)
    pictures = np.concatenate([pixels(), -pixels()])
    logits, _, present = exported.ask(pictures, two)
    assert present is not None
    seen = exported.behind(two, present, 2)
    tokens = logits.argmax(axis=-1)
    both, _ = exported.go_on(seen, tokens)
    second, _ = exported.go_on(seen.of([1]), tokens[1:])
    np.testing.assert_allclose(both[1:], second, atol=1e-5)
    assert np.abs(both[0] - both[1]).max() > 1e-2, "the pictures differ"


def test_the_tower_runs_for_pictures_only(graph: Path) -> None:
    """What is left outside of the `If` holds no weight of the tower."""
    outer = onnx.load(str(graph)).graph
    (look,) = [node for node in outer.node if node.op_type == "If"]
    inner = look.attribute[0].g if look.attribute[0].name == "then_branch" else look.attribute[1].g
    assert any("vision_tower" in node.name for node in inner.node)
    assert not any("vision_tower" in tensor.name for tensor in outer.initializer)
    assert not any(node.op_type == "Conv" for node in outer.node)


def test_scores_and_texts_are_those_of_a_graph_that_keeps_nothing(graph: Path, samples: list[Sample]) -> None:
    """And those of people asked one by one."""
    few = samples[:2]
    whole = ask(embedded.graph_file(), few, reason=True)
    kept, single = ask(graph, few, reason=True), ask(graph, few, reason=True, batch_size=1)
    for a, b, c in zip(whole, kept, single, strict=True):
        assert gap(a, b) < 1e-4
        assert gap(b, c) < 1e-4
        assert (a.caption, a.reason) == (b.caption, b.reason) == (c.caption, c.reason)


@pytest.mark.slow
def test_texts_are_those_of_torch(graph: Path, samples: list[Sample]) -> None:
    torch_says = load(embedded.model_folder(), dtype="float32", device="cpu", reason=True).predict(samples)
    for a, b in zip(ask(graph, samples, reason=True), torch_says, strict=True):
        assert gap(a, b) < 1e-4
        assert (a.caption, a.reason) == (b.caption, b.reason)
        assert a.caption


def test_refused_pictures_get_no_text(graph: Path, samples: list[Sample]) -> None:
    from PIL import Image

    grey = Sample(id="grey", picture=Image.new("RGB", (100, 100), (128, 128, 128)))
    refused, answered = ask(graph, [grey, samples[0]], reason=True)
    assert not refused.ok
    assert refused.caption is None
    (alone,) = ask(graph, samples[:1], reason=True)
    assert (answered.caption, answered.reason) == (alone.caption, alone.reason)


def test_the_graph_stays_small(graph: Path) -> None:
    assert graph.stat().st_size < 6_000_000
