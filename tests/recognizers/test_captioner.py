"""Captioners of four families and asked models, tiny and real, loaded from folders as a user names them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from emoscene.errors import (
    AnswerError,
    BoxError,
    EmosceneError,
    ModelFilesError,
    ModelNotHereError,
    OptionError,
    UnknownModelError,
)
from emoscene.images import open_picture, regions
from emoscene.narration import Narrative, Narrator, View
from emoscene.recognizers.captioner import AskedCaptioner, Captioner, load_captioner
from emoscene.recognizers.loading import load_processor
from emoscene.types import BoundingBox
from tests.tiny_captioners import CAPTIONERS, save_tiny_captioner
from tests.tiny_clip import save_tiny_clip
from tests.tiny_vlms import save_tiny_vlm

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
_ASKED = ("llava_next", "qwen2_5_vl", "smolvlm")


@pytest.fixture(scope="module", params=[*CAPTIONERS, *_ASKED])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp(request.param)
    return (save_tiny_captioner if request.param in CAPTIONERS else save_tiny_vlm)(path, request.param)


@pytest.fixture(scope="module")
def blip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_captioner(tmp_path_factory.mktemp("blip"), "blip")


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_vlm(tmp_path_factory.mktemp("qwen"), "qwen2_5_vl")


def people() -> list[View]:
    """Two of one picture, and others of pictures of other shapes."""
    views: list[View] = []
    for seed, size in ((1, (80, 60)), (1, (80, 60)), (2, (50, 90)), (3, (64, 64))):
        pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
        left = 20 if len(views) == 1 else 4
        box = BoundingBox(x1=left, y1=6, x2=left + 25, y2=50)
        views.append(View(open_picture(Image.fromarray(pixels)), box))
    return views


def texts(found: Sequence[Narrative | EmosceneError]) -> list[str]:
    told = [each.text for each in found if isinstance(each, Narrative)]
    assert len(told) == len(found), [str(each) for each in found if not isinstance(each, Narrative)]
    return told


def test_captions_are_the_same_alone_together_and_again(folder: Path) -> None:
    views = people()
    narrator = load_captioner(folder, batch_size=3, most_tokens=8)
    together = texts(narrator.caption(views))
    assert len(set(together)) == len(views), "people, also of one picture, get captions of their own"
    assert texts(narrator.caption(views[::-1])) == together[::-1]
    alone = load_captioner(folder, batch_size=1, most_tokens=8)
    assert texts(alone.caption(views)) == together
    assert narrator.caption([]) == []


def test_a_narrator_says_what_it_is(folder: Path) -> None:
    narrator: Narrator = load_captioner(folder)
    assert narrator.name == folder.name
    assert narrator.summary.endswith(".")
    assert narrator.limits
    assert narrator.licence


def test_a_captioner_is_what_generate_writes(blip: Path) -> None:
    import transformers

    seen = people()[0]
    processor = transformers.AutoImageProcessor.from_pretrained(blip, backend="pil")
    tokenizer = transformers.AutoTokenizer.from_pretrained(blip)
    model = transformers.BlipForConditionalGeneration.from_pretrained(blip)
    pixels = processor(images=[seen.picture.image], return_tensors="pt")["pixel_values"]
    expected = tokenizer.decode(model.generate(pixels, max_new_tokens=8)[0], skip_special_tokens=True)
    (found,) = load_captioner(blip, view="whole", most_tokens=8).caption([seen])
    assert isinstance(found, Narrative)
    assert found.slots == {"whole": (expected,)}
    assert found.text == expected[0].upper() + expected[1:] + "."


def test_blip_2_is_what_its_processor_and_generate_write(tmp_path: Path) -> None:
    import torch
    import transformers

    folder = save_tiny_captioner(tmp_path / "blip2", "blip-2")
    seen = people()[0]
    model = transformers.Blip2ForConditionalGeneration.from_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    images = transformers.AutoImageProcessor.from_pretrained(folder, backend="pil")
    processor = transformers.Blip2Processor(images, tokenizer, num_query_tokens=4)
    inputs = processor(images=seen.picture.image, return_tensors="pt")
    # Its token for pictures stands before the beginning, once for every query.
    prompt = torch.tensor([[model.config.image_token_index] * 4 + [model.config.text_config.bos_token_id]])
    line = model.generate(**inputs, input_ids=prompt, max_new_tokens=8, do_sample=False)[0]
    expected = tokenizer.decode(line[prompt.shape[1] :], skip_special_tokens=True)
    (found,) = load_captioner(folder, view="whole", most_tokens=8).caption([seen])
    assert isinstance(found, Narrative)
    assert found.slots["whole"][0] == " ".join(expected.split()).rstrip(" .")


@pytest.mark.parametrize("family", _ASKED)
def test_an_asked_model_is_what_its_template_and_generate_write(family: str, tmp_path: Path) -> None:
    import transformers

    folder = save_tiny_vlm(tmp_path / family, family)
    seen = people()[0]
    processor = load_processor(folder)
    model = transformers.AutoModelForImageTextToText.from_pretrained(folder)
    asked = "In one or two sentences, describe the person in the red box and what is going on."
    turn = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": asked}]}]
    text = processor.apply_chat_template(turn, add_generation_prompt=True, tokenize=False)
    drawn = regions.red_box(seen.picture, seen.box)
    inputs = processor(text=[text], images=[[drawn]], return_tensors="pt")
    line = model.generate(**inputs, max_new_tokens=8, do_sample=False)[0]
    expected = processor.tokenizer.decode(line[inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    (found,) = load_captioner(folder, most_tokens=8).caption([seen])
    assert isinstance(found, Narrative)
    assert found.slots["redbox"][0] == " ".join(expected.split()).rstrip(" .")


def test_blip_2_without_its_token_for_pictures_is_refused(tmp_path: Path) -> None:
    folder = save_tiny_captioner(tmp_path / "old", "blip-2")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config["image_token_index"] = None
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    with pytest.raises(ModelFilesError, match="image_token_index"):
        load_captioner(folder)


def test_views_show_what_they_say(blip: Path) -> None:
    seen = people()[0]
    by_view = {
        view: load_captioner(blip, view=view, most_tokens=8).caption([seen])[0]
        for view in ("whole", "crop", "both", "redbox")
    }
    found = {view: each for view, each in by_view.items() if isinstance(each, Narrative)}
    whole, crop = found["whole"].slots["whole"], found["crop"].slots["crop"]
    assert whole != crop
    assert found["both"].slots == {"whole": whole, "crop": crop}
    assert found["both"].text == f"The whole picture shows {whole[0]}. This person: {crop[0]}."
    assert found["redbox"].slots["redbox"] != whole


def test_people_of_one_picture_share_its_caption(blip: Path) -> None:
    narrator = load_captioner(blip, most_tokens=4)
    assert isinstance(narrator, Captioner)
    shown: list[int] = []
    write = narrator._written

    def counted(pictures: Sequence[Image.Image]) -> list[str]:
        shown.append(len(pictures))
        return write(pictures)

    narrator._written = counted  # type: ignore[method-assign]
    narrator.caption(people())
    assert shown == [3 + 4], "three pictures, four people"


@pytest.mark.parametrize("point", ["redbox", "text", "crop"])
def test_asked_models_are_told_whom_to_describe(qwen: Path, point: str) -> None:
    narrator = load_captioner(qwen, view=point, most_tokens=8)
    assert isinstance(narrator, AskedCaptioner)
    first, second = texts(narrator.caption(people()[:2]))
    assert first != second
    assert point in narrator.summary


def test_the_question_is_the_prompt_behind_the_template(qwen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    narrator = load_captioner(qwen)
    assert isinstance(narrator, AskedCaptioner)
    asked: list[Any] = []

    def write(rows: Sequence[Any], tails: Sequence[Any], most: int) -> list[str]:
        asked.extend(rows)
        return [" a dog \n barks. And then"] * len(rows)

    monkeypatch.setattr(narrator._writer, "write", write)
    (found,) = narrator.caption(people()[:1])
    assert isinstance(found, Narrative)
    assert found.text == "A dog barks. And then", "no full stop hides that it was cut off"
    (row,) = asked
    assert "In one or two sentences, describe the person in the red box and what is going on." in row.text
    assert row.text.endswith("<|im_start|>assistant\n")
    red = np.asarray(row.images[0])[6:50, 4:29].reshape(-1, 3)
    assert (red == (255, 0, 0)).all(axis=1).any()


def test_one_bad_view_harms_no_other(folder: Path) -> None:
    views = people()[:2]
    outside = View(views[0].picture, BoundingBox(x1=500, y1=500, x2=600, y2=600))
    narrator = load_captioner(folder, most_tokens=8)
    first, bad, last = narrator.caption([views[0], outside, views[1]])
    assert isinstance(bad, BoxError)
    assert texts([first, last]) == texts(narrator.caption(views))
    assert isinstance(narrator.caption([outside])[0], BoxError)


def test_a_model_that_writes_nothing_is_an_error_for_the_row(
    blip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrator = load_captioner(blip, view="crop")
    monkeypatch.setattr(narrator, "_written", lambda pictures: [" . "] * len(pictures))
    (found,) = narrator.caption(people()[:1])
    assert isinstance(found, AnswerError)
    assert "wrote no caption" in str(found)


def test_other_folders_are_refused_with_the_remedy(blip: Path, qwen: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelNotHereError):
        load_captioner(tmp_path / "none")
    with pytest.raises(UnknownModelError, match="dual-encoder"):
        load_captioner(save_tiny_clip(tmp_path / "clip"))
    for view in ("marks", "whole"):
        with pytest.raises(OptionError, match="Choose one of redbox, text, crop"):
            load_captioner(qwen, view=view)
    with pytest.raises(OptionError, match="Choose one of both, whole, crop, redbox"):
        load_captioner(blip, view="text")
    for option in ({"batch_size": 0}, {"most_tokens": 0}, {"most_pixels": 0}):
        with pytest.raises(OptionError, match=next(iter(option))):
            load_captioner(blip, **option)  # type: ignore[arg-type]


def test_damaged_folders_are_refused(blip: Path, tmp_path: Path) -> None:
    for missing in ("model.safetensors", "preprocessor_config.json", "tokenizer.json"):
        copy = shutil.copytree(blip, tmp_path / missing)
        (copy / missing).unlink()
        with pytest.raises(ModelFilesError):
            load_captioner(copy)
    only_pickle = shutil.copytree(blip, tmp_path / "pickle")
    (only_pickle / "model.safetensors").rename(only_pickle / "pytorch_model.bin")
    with pytest.raises(ModelFilesError, match="pickles"):
        load_captioner(only_pickle)
