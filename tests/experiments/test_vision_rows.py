"""The vision rows: captions that know no labels, lessons that ask what recognizers ask, heads.

That every row runs from end to end is tested with the table itself (`test_table1`).
"""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from experiments.table1 import web_captions
from experiments.table1.base import finished, new_model, new_processor, prompts
from experiments.table1.clip import _Contrastive, _tokenizer
from experiments.table1.network_rows import HeadBoxes
from experiments.table1.packed import Content, PackedTask, Teacher, live_recognizer
from experiments.table1.rows import Context
from experiments.table1.vision_sizes import SIZES
from experiments.table1.web_captions import all_texts, claims, vocabularies, web_picture
from PIL import Image
from torch import Tensor, nn

from emoscene.datasets.scenes import Scene, caption, sample_scene
from emoscene.images import open_picture
from emoscene.narration import load_vocabulary
from emoscene.recognizers.base import Subject
from emoscene.recognizers.encoders import load_encoder
from emoscene.recognizers.vlm import VisionLanguageRecognizer
from emoscene.scoring.branches import path
from emoscene.types import BoundingBox, Sample

SIDE = SIZES.side


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    return Context(tmp_path_factory.mktemp("table"), smoke=True)


@pytest.fixture(scope="module")
def processor(context: Context) -> Any:
    return new_processor(context)


@pytest.fixture(scope="module")
def model(context: Context, processor: Any) -> Any:
    return new_model(context, processor).eval()


@pytest.fixture(scope="module")
def recognizer(context: Context, model: Any, processor: Any) -> VisionLanguageRecognizer:
    return live_recognizer(model, processor, context.labels, Path("nowhere"))


# ------------------------------------------------------------------------------------------------ web captions


def test_a_web_picture_depends_on_seed_and_number_alone() -> None:
    one, again, other = (web_picture(3, n, SIDE, cut_out_share=0.5) for n in (5, 5, 6))

    assert one.told == again.told
    assert one.short == again.short
    assert np.array_equal(one.pixels, again.pixels)
    assert not np.array_equal(one.pixels, other.pixels)
    assert one.pixels.shape == (SIDE, SIDE, 3)


def test_captions_know_nothing_of_labels_reactions_and_chances(monkeypatch: pytest.MonkeyPatch) -> None:
    def blinded(seed: int, number: int, *, split: str) -> Scene:
        scene = sample_scene(seed, number, split=split)
        people = (
            replace(
                a,
                labels=frozenset(),
                reaction="?",
                probabilities=np.full(26, np.nan),
                vad=(1.0, 1.0, 1.0),
                words=None,
            )
            for a in scene.people
        )
        return replace(scene, people=tuple(people), climate="?")

    seen = [web_picture(4, n, 32) for n in range(25)]
    monkeypatch.setattr(web_captions, "sample_scene", blinded)
    blind = [web_picture(4, n, 32) for n in range(25)]

    assert [(w.told, w.short, w.feelings) for w in seen] == [(w.told, w.short, w.feelings) for w in blind]
    assert any(w.feelings for w in seen)


def test_feelings_come_from_the_displayed_face_or_the_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_captions, "draw_scene", lambda scene, size: Image.new("RGB", (size, size)))
    pictures = [web_picture(4, n, 32) for n in range(300)]

    for picture in pictures:
        face = picture.scene.people[picture.subject].expression
        possible = {*web_captions.ON_FACES[face], *web_captions.AT_EVENTS[picture.scene.event]}
        assert set(picture.feelings) <= possible
    told = Counter(bool(picture.feelings) for picture in pictures)
    assert 0.3 < told[True] / len(pictures) < 0.9


def test_claims_are_true_and_false() -> None:
    for number in range(40):
        scene = sample_scene(1, number)
        (true, yes), (false, no) = claims(scene, 0, random.Random(number))
        text = caption(scene, 0).text.lower()

        assert (yes, no) == (True, False)
        for claim, held in ((true, True), (false, False)):
            about = claim.removeprefix("have ").removeprefix("be the one who ").removeprefix("be ")
            assert (about in text) is held, (claim, text)


def test_every_word_of_captions_and_prompts_is_known(
    context: Context, processor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_captions, "draw_scene", lambda scene, size: Image.new("RGB", (size, size)))
    tokenizer, unknown = processor.tokenizer, processor.tokenizer.unk_token_id
    pictures = [web_picture(9, n, 32, cut_out_share=0.5) for n in range(200)]
    texts = [*prompts(context), *(p.told for p in pictures), *(p.short for p in pictures)]

    for text in texts:
        assert unknown not in tokenizer(text).input_ids, text
    clip = _tokenizer(context)
    for text in (*(p.short for p in pictures), *all_texts()):
        assert clip.unk_token_id not in clip(text).input_ids, text


def test_the_lists_of_the_drawn_world_load_as_a_vocabulary(tmp_path: Path) -> None:
    for slot, entries in vocabularies().items():
        (tmp_path / f"{slot}.txt").write_text("\n".join(entries) + "\n", "utf-8")

    lists = load_vocabulary(tmp_path)

    assert lists.where == tuple(vocabularies()["where"])
    assert len(lists.what) == len(vocabularies()["what"])


# ------------------------------------------------------------------------------------------------ lessons


def _sample(tmp_path: Path) -> Sample:
    pixels = np.random.default_rng(1).integers(0, 255, (96, 96, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    return Sample(id="a", picture=tmp_path / "a.png", box=BoundingBox(x1=10, y1=20, x2=60, y2=90))


def test_a_lesson_holds_the_tokens_that_the_recognizer_asks_with(
    context: Context, processor: Any, recognizer: VisionLanguageRecognizer, tmp_path: Path
) -> None:
    teacher, sample = Teacher(processor, context.labels), _sample(tmp_path)
    picture = open_picture(sample.picture)
    ready = recognizer.prepare(Subject(sample, picture, sample.box))
    asked = recognizer.scoring_row(ready)
    served = processor(images=list(asked.images), text=asked.text, return_tensors="pt")
    prefix = tuple(served["input_ids"][0].tolist())
    behind = [prefix + path(asked.segments, read) for read in asked.reads]

    shares = dict.fromkeys(context.labels.ids, 0.0)
    for dimension in range(3):
        lesson = teacher.lesson(np.zeros((SIDE, SIDE, 3), np.uint8), Content(shares, level=(dimension, 3.25)))
        taught = [_path_of(lesson, place) for place, _, _ in lesson.ask]
        assert taught == [*behind[:26], behind[26 + dimension]]


def _path_of(lesson: Any, place: int) -> tuple[int, ...]:
    """The tokens that the token at `place` sees, in the order of their positions."""
    seen = np.flatnonzero(lesson.mask[place])
    return tuple(lesson.tokens[seen[np.argsort(lesson.positions[seen], kind="stable")]].tolist())


def test_packed_answers_are_those_of_each_question_alone(
    context: Context, model: Any, processor: Any
) -> None:
    teacher = Teacher(processor, context.labels)
    pixels = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
    describe = teacher.question("describe the person in the red box.")
    content = Content(
        {"anger": 1.0, "fear": 0.0}, [("be in a park", True)], (1, 7.5), [(describe, "a child .")]
    )
    lesson = teacher.lesson(pixels, content)
    task = _Fixed(model, [lesson])

    with torch.no_grad():
        loss, figures = task.loss([lesson])
        alone = []
        scaled = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float().div(127.5).sub(1.0)
        for place, ids, weights in lesson.ask:
            tokens = torch.tensor([_path_of(lesson, place)])
            logits = model(input_ids=tokens, pixel_values=scaled).logits[0, -1].log_softmax(dim=-1)
            alone.append(-sum(w * float(logits[i]) for i, w in zip(ids, weights, strict=True)))

    assert len(lesson.ask) == 4
    assert figures["ask"] == pytest.approx(np.mean(alone), rel=1e-4)
    assert float(loss) == pytest.approx(8 * figures["ask"] + figures["write"], rel=1e-5)
    written = [token for _, token in lesson.write]
    assert written == [*processor.tokenizer("a child .", add_special_tokens=False).input_ids, 3]


def test_long_lessons_weigh_as_much_as_short_ones(context: Context, model: Any, processor: Any) -> None:
    teacher, black = Teacher(processor, context.labels), np.zeros((SIDE, SIDE, 3), np.uint8)
    words = " ".join(["person"] * 400)
    short = teacher.lesson(black, Content({"anger": 1.0}))
    long = teacher.lesson(black, Content({"anger": 1.0}, told=[(teacher.question(words), "a child")]))
    task = _Fixed(model, [])

    with torch.no_grad():
        both, one, other = (float(task.loss(batch)[0]) for batch in ([short, long], [short], [long]))

    assert both == pytest.approx((one + other) / 2, rel=1e-4)


def test_lessons_are_learnt(context: Context, processor: Any) -> None:
    model, teacher = new_model(context, processor).train(), Teacher(processor, context.labels)
    pictures = [np.full((SIDE, SIDE, 3), shade, np.uint8) for shade in (30, 220)]
    contents = [Content({"anger": 1.0, "fear": 0.0}), Content({"anger": 0.0, "fear": 1.0})]
    lessons = [teacher.lesson(pixels, content) for pixels, content in zip(pictures, contents, strict=True)]
    task = _Fixed(model, lessons)
    groups = [{**group, "lr": 1e-3 * group["lr"]} for group in task.groups(0.0)]
    adam = torch.optim.AdamW(groups)

    asked = []
    for _ in range(64):
        loss, figures = task.loss(lessons)
        asked.append(figures["ask"])
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()

    assert asked[0] > 2
    # Half of the answers are yes: below log 2, the pictures are told apart.
    assert asked[-1] < 0.5


class _Fixed(PackedTask):
    def __init__(self, model: Any, lessons: list[Any]) -> None:
        super().__init__(model)
        self._lessons = lessons

    @property
    def size(self) -> int:
        return len(self._lessons)

    def example(self, draw: Any) -> Any:
        return self._lessons[draw.index]

    def validate(self) -> dict[str, float]:
        return {}


def test_the_tower_moves_more_slowly_and_no_weight_is_left_out(model: Any) -> None:
    groups = _Fixed(model, []).groups(0.1)

    assert sum(p.numel() for g in groups for p in g["params"]) == sum(p.numel() for p in model.parameters())
    assert {(g["lr"], g["weight_decay"]) for g in groups} == {(0.5, 0.1), (0.5, 0.0), (1.0, 0.1), (1.0, 0.0)}


# ------------------------------------------------------------------------------------------------ dual encoder


class _Twins(nn.Module):
    """Gives the cosines of fixed vectors, in place of a dual encoder."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, **inputs: Tensor) -> Any:
        assert inputs["pixel_values"].shape[0] == inputs["input_ids"].shape[0]
        return type("Out", (), {"logits_per_image": self.logits})


def test_the_contrastive_loss_is_clips_and_equal_texts_are_both_right(context: Context) -> None:
    from transformers.models.clip.modeling_clip import image_text_contrastive_loss

    logits = torch.tensor([[2.0, 0.5, 0.1], [0.0, 1.0, 0.3], [0.2, 0.4, 3.0]])
    pixels = np.zeros((4, 4, 3), np.uint8)
    task = _Contrastive(_Twins(logits), _tokenizer(context), 3)

    loss, figures = task.loss([(pixels, "a child"), (pixels, "an adult"), (pixels, "a park")])
    twice, _ = task.loss([(pixels, "a child"), (pixels, "a child"), (pixels, "a park")])

    assert float(loss) == pytest.approx(float(image_text_contrastive_loss(logits)), rel=1e-6)
    assert figures["right"] == 1.0
    rows, columns = logits.log_softmax(dim=1), logits.T.log_softmax(dim=1)
    wanted = torch.tensor([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    by_hand = -((rows * wanted).sum() + (columns * wanted).sum()) / 6
    assert float(twice) == pytest.approx(float(by_hand), rel=1e-6)


def test_a_dual_encoder_of_swin_and_bert_loads_as_any_other(context: Context, tmp_path: Path) -> None:
    from experiments.table1.base import base_recipe
    from transformers import BertConfig, SwinConfig, VisionTextDualEncoderConfig, VisionTextDualEncoderModel

    from emoscene.training.scenes_llava.build import build_processor

    tokenizer = _tokenizer(context)
    swin = SwinConfig(
        image_size=SIDE, patch_size=6, embed_dim=8, depths=[1, 1, 1], num_heads=[1, 1, 1], window_size=7
    )
    bert = BertConfig(vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                      intermediate_size=16, max_position_embeddings=64, pad_token_id=0)  # fmt: skip
    config = VisionTextDualEncoderConfig.from_vision_text_configs(swin, bert, projection_dim=8)
    VisionTextDualEncoderModel(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    build_processor(base_recipe(context), tokenizer).image_processor.save_pretrained(tmp_path)

    encoder = load_encoder(tmp_path)
    texts = encoder.encode_texts(["a child", "a photo of a person who seems to feel anger"])
    pictures = encoder.encode_pictures([Image.new("RGB", (64, 48), (200, 30, 30))])

    assert texts.shape == (2, 8)
    assert np.linalg.norm(texts, axis=1) == pytest.approx([1, 1], abs=1e-5)
    assert pictures.shape == (1, 8)


# ------------------------------------------------------------------------------------------------ heads, folders


def test_head_boxes_take_the_place_of_bodies(tmp_path: Path) -> None:
    row = {"id": "x-0", "box": [1.0, 2.0, 3.0, 4.0]}
    (tmp_path / "test.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    given: list[Sample] = []

    class Listening:
        name = "listening"

        def predict(self, samples: Any) -> Any:
            given.extend(samples)
            return iter(())

    whole = Sample(id="scenes/test/x-0", box=BoundingBox(x1=0, y1=0, x2=9, y2=9), picture=tmp_path / "no.png")
    heads = HeadBoxes(Listening(), tmp_path)  # type: ignore[arg-type]
    list(heads.predict([whole]))

    assert given[0].box == BoundingBox(x1=1, y1=2, x2=3, y2=4)
    assert given[0].picture == whole.picture
    assert heads.name == "listening on heads"


def test_a_folder_bears_its_name_only_once_all_is_written(tmp_path: Path) -> None:
    def cut_off() -> None:
        with finished(tmp_path / "model") as part:
            (part / "half").touch()
            raise KeyError

    with pytest.raises(KeyError):
        cut_off()
    assert not (tmp_path / "model").exists()
    with finished(tmp_path / "model") as part:
        assert not (part / "half").exists()
        (part / "all").touch()
    assert [file.name for file in (tmp_path / "model").iterdir()] == ["all"]
