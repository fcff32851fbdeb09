"""Branches behind one prefix give what separate full passes give, in every family."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from emoscene.recognizers.loading import Placement, load_model, load_processor, load_tokenizer
from emoscene.recognizers.shared_prefix import TESTED, Row, SharedPrefix
from emoscene.recognizers.tokens import chat_frame, plain_encoder
from emoscene.scoring.branches import Segment
from tests.tiny_vlms import FAMILIES, save_tiny_vlm

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

BRANCH = sorted(set(FAMILIES) & TESTED)
WHOLE = sorted(set(FAMILIES) - TESTED)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Any:
    @cache
    def load(family: str) -> tuple[Any, Any]:
        folder = save_tiny_vlm(tmp_path_factory.mktemp(family), family)
        return load_model(folder, "AutoModelForImageTextToText", Placement()), load_processor(folder)

    return load


def rows(processor: Any) -> list[Row]:
    """Three prefixes of different lengths, with trees of different sizes."""
    frame = chat_frame(processor)
    encode = plain_encoder(processor.tokenizer)
    rng = np.random.default_rng(5)

    def row(height: int, width: int, stem: str, branches: int) -> Row:
        picture = Image.fromarray(rng.integers(0, 255, (height, width, 3), dtype=np.uint8))
        segments = [Segment(tuple(encode(stem)))]
        segments += [Segment(tuple(encode(f" number {i}?" + frame.tail)), 0) for i in range(branches)]
        segments += [Segment(tuple(encode(" how high is it?" + frame.tail)))]
        return Row(frame.head, (picture,), tuple(segments), tuple(range(1, branches + 2)))

    return [
        row(60, 80, "Does the person seem to feel", 5),
        row(90, 40, "Is it", 2),
        row(30, 120, "Answer yes or no, please. Does the person", 4),
    ]


def gap(one: list[torch.Tensor], other: list[torch.Tensor]) -> float:
    return max(float((a - b).abs().max()) for a, b in zip(one, other, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("family", BRANCH)
def test_branches_equal_separate_full_passes(family: str, loaded: Any) -> None:
    model, processor = loaded(family)
    asked = rows(processor)
    separate = SharedPrefix(model, processor, share=False).logits(asked)
    shared = SharedPrefix(model, processor)
    assert shared.shares
    together = shared.logits(asked)
    assert gap(together, separate) < 1e-5
    assert gap([shared.logits([row])[0] for row in asked], separate) < 1e-5
    in_parts = SharedPrefix(model, processor, most_tokens=40)
    assert gap(in_parts.logits(asked), separate) < 1e-5
    assert float((together[0][0] - together[0][1]).abs().max()) > 1e-2, "branches differ from one another"


@pytest.mark.parametrize("family", WHOLE)
def test_states_that_cannot_branch_are_run_whole(family: str, loaded: Any) -> None:
    model, processor = loaded(family)
    shared = SharedPrefix(model, processor)
    assert not shared.shares
    assert "attention" in shared.why_not
    asked = rows(processor)
    alone = [shared.logits([row])[0] for row in asked]
    assert gap(shared.logits(asked), alone) < 1e-5


def test_the_prefix_runs_once_and_its_cache_is_never_copied(
    loaded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, processor = loaded("llava")
    asked = rows(processor)[:1]
    lengths: list[tuple[int, int]] = []
    forward = type(model).forward

    def counted(self: Any, *args: Any, **given: Any) -> Any:
        lengths.append(tuple(given["input_ids"].shape))
        return forward(self, *args, **given)

    monkeypatch.setattr(type(model), "forward", counted)
    SharedPrefix(model, processor).logits(asked)
    prefix, tree = lengths
    assert tree == (1, sum(len(s.tokens) for s in asked[0].segments))
    assert prefix[0] == 1


def test_a_family_that_was_never_tested_proves_itself_first(loaded: Any) -> None:
    model, processor = loaded("llava_next")
    asked = rows(processor)
    plain = SharedPrefix(model, processor).logits(asked)
    doubted = SharedPrefix(model, processor)
    doubted._doubted = True
    assert gap(doubted.logits(asked), plain) < 1e-5
    assert doubted.shares


def test_a_family_whose_branches_differ_is_run_whole(loaded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model, processor = loaded("llava_next")
    asked = rows(processor)
    separate = SharedPrefix(model, processor, share=False).logits(asked)
    doubted = SharedPrefix(model, processor)
    doubted._doubted = True
    branches = SharedPrefix._branches

    def wrong(self: Any, prefix: Any, *rest: Any) -> Any:
        # A model that counts positions otherwise.
        from dataclasses import replace

        return branches(self, replace(prefix, following=prefix.following + 7), *rest)

    monkeypatch.setattr(SharedPrefix, "_branches", wrong)
    assert gap(doubted.logits(asked), separate) < 1e-5
    assert "differ from separate runs" in doubted.why_not


@pytest.mark.slow
@pytest.mark.parametrize("family", ["qwen2_5_vl", "smolvlm"])
def test_half_precision_stays_near(family: str, tmp_path: Path) -> None:
    folder = save_tiny_vlm(tmp_path, family)
    model = load_model(folder, "AutoModelForImageTextToText", Placement(dtype="bfloat16"))
    processor = load_processor(folder)
    asked = rows(processor)
    shared = [r.softmax(-1) for r in SharedPrefix(model, processor).logits(asked)]
    separate = [r.softmax(-1) for r in SharedPrefix(model, processor, share=False).logits(asked)]
    assert gap(shared, separate) < 2e-2


def test_written_text_does_not_depend_on_the_batch(loaded: Any) -> None:
    model, processor = loaded("internvl")
    asked = rows(processor)
    tails = [row.segments[0].tokens for row in asked]
    shared = SharedPrefix(model, processor)
    together = shared.write(asked, tails, 12)
    assert together == [shared.write([row], [tail], 12)[0] for row, tail in zip(asked, tails, strict=True)]
    assert any(together)


def test_a_text_model_needs_no_pictures(reference_data: Path) -> None:
    folder = reference_data / "weights" / "stories260K" / "hf"
    tokenizer = load_tokenizer(folder)
    model = load_model(folder, "AutoModelForCausalLM", Placement())
    encode = plain_encoder(tokenizer)
    texts = [" there was a girl", " there was a boy who", " a dog"]
    asked = [
        Row(
            "Once upon a time" + " and so on" * i,
            (),
            tuple(Segment(tuple(encode(t))) for t in texts),
            (0, 1, 2),
        )
        for i in range(3)
    ]
    shared = SharedPrefix(model, tokenizer)
    assert shared.shares
    assert gap(shared.logits(asked), SharedPrefix(model, tokenizer, share=False).logits(asked)) < 1e-4
