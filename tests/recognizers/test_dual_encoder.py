"""Dual encoders on tiny real models, and CLIP's own preprocessing on a real picture."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from emoscene.errors import ModelFilesError, OptionError, UnknownModelError
from emoscene.labels import label_space
from emoscene.recognizers.conformance import check_recognizer
from emoscene.recognizers.dual_encoder import Prompts, View, make
from emoscene.recognizers.encoders import DualEncoder, load_encoder
from emoscene.recognizers.loading import load_image_processor
from emoscene.recognizers.text_cache import cached_texts
from emoscene.types import BoundingBox, Sample, ScoreKind
from tests.tiny_clip import Kind, save_tiny_clip

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("EMOSCENE_CACHE", str(folder))
    return folder


@pytest.fixture(scope="module", params=["clip", "siglip", "siglip2"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    kind: Kind = request.param
    return save_tiny_clip(tmp_path_factory.mktemp(kind), kind)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_clip(tmp_path_factory.mktemp("clip"))


def pictures(count: int = 3) -> list[Image.Image]:
    rng = np.random.default_rng(5)
    sizes = [(60, 80, 3), (33, 120, 3), (100, 30, 3)]
    return [Image.fromarray(rng.integers(0, 255, sizes[i % 3], dtype=np.uint8)) for i in range(count)]


def people() -> list[Sample]:
    picture = pictures(1)[0]
    boxes = [BoundingBox(x1=5 + 9 * i, y1=4, x2=40 + 9 * i, y2=55) for i in range(4)]
    return [Sample(id=str(i), picture=picture, box=box) for i, box in enumerate(boxes)]


def test_it_keeps_every_promise(folder: Path) -> None:
    check_recognizer(lambda labels: make(labels, model=str(folder)), people()).raise_if_failed()


def test_scores_are_cosines_and_the_six_nearest_are_chosen(folder: Path) -> None:
    (row, *_) = make(label_space("emotic"), model=str(folder)).predict(people())
    assert row.score_kind is ScoreKind.SIMILARITY
    assert len(row.labels) == 6
    assert list(row.labels) == [label for label, _ in row.top(6)]
    assert len(set(row.scores.values())) > 20
    (single, *_) = make(label_space("ekman"), model=str(folder)).predict(people())
    assert len(single.labels) == 1


@pytest.mark.parametrize("prompts", ["templates", "definitions", "paper"])
def test_both_views_are_the_mean_of_each(clip: Path, prompts: Prompts) -> None:
    def scores(view: View) -> np.ndarray[Any, np.dtype[np.float64]]:
        rows = make(label_space("ekman"), model=str(clip), view=view, prompts=prompts).predict(people())
        return np.array([list(row.scores.values()) for row in rows])

    assert np.allclose(scores("both"), (scores("redbox") + scores("crop")) / 2, atol=1e-6)
    assert np.abs(scores("redbox") - scores("crop")).max() > 1e-3


def test_vectors_are_those_of_transformers(folder: Path) -> None:
    """The library's own pair scores, from one joint call, are the scaled cosines (and bias) of ours."""
    import torch
    from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

    encoder = load_encoder(folder)
    texts = ["a photo of a person", "calm at home in the red box"]
    model = AutoModel.from_pretrained(folder, local_files_only=True).eval()
    tokens = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    images = AutoImageProcessor.from_pretrained(folder, backend="pil", local_files_only=True)
    padding: dict[str, Any] = {"padding": True}
    if model.config.model_type != "clip":
        padding = {"padding": "max_length", "max_length": 64, "padding_side": "right"}
    said = tokens(texts, return_tensors="pt", **padding)
    if model.config.model_type != "clip":
        said = {"input_ids": said["input_ids"]}
    with torch.no_grad():
        expected = model(**said, **images(images=pictures(), return_tensors="pt")).logits_per_image.numpy()
    ours = encoder.scale * encoder.encode_pictures(pictures()) @ encoder.encode_texts(texts).T
    assert np.allclose(ours + (encoder.bias or 0.0), expected, atol=1e-4)


def test_the_batch_does_not_matter(folder: Path) -> None:
    together, alone = load_encoder(folder, batch_size=8), load_encoder(folder, batch_size=1)
    texts = ["a photo", "a photo of a person who seems to feel calm", "home"]
    many = pictures(3)
    assert np.allclose(together.encode_pictures(many), alone.encode_pictures(many), atol=1e-5)
    whole = together._in_batches(texts, together._texts)
    assert np.allclose(whole, alone._in_batches(texts, alone._texts), atol=1e-5)
    assert np.allclose(np.linalg.norm(whole, axis=1), 1, atol=1e-5)


def test_labels_are_encoded_once(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    texts = DualEncoder._texts

    def counted(self: DualEncoder, batch: Any) -> Any:
        calls.append(len(batch))
        return texts(self, batch)

    monkeypatch.setattr(DualEncoder, "_texts", counted)
    first = list(make(label_space("emotic"), model=str(clip)).predict(people()))
    assert sum(calls) == 26 * 4
    again = list(make(label_space("emotic"), model=str(clip)).predict(people()))
    assert sum(calls) == 26 * 4
    assert [r.scores for r in first] == [r.scores for r in again]
    list(make(label_space("emotic"), model=str(clip), prompts="paper").predict(people()[:1]))
    assert sum(calls) == 26 * 5, "other sentences are other vectors"


def test_another_model_never_gets_its_vectors(clip: Path, tmp_path: Path) -> None:
    for file in clip.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    assert load_encoder(clip).fingerprint == load_encoder(tmp_path).fingerprint
    config = tmp_path / "tokenizer_config.json"
    config.write_text(config.read_text().replace("{", '{"note": 1,', 1))
    assert load_encoder(clip).fingerprint != load_encoder(tmp_path).fingerprint


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 no archive", b"\x00" * 500])
def test_damaged_files_of_the_cache_are_computed_anew(own_cache: Path, damage: bytes) -> None:
    calls = []

    def encode(texts: Any) -> Any:
        calls.append(texts)
        return np.ones((len(texts), 3), np.float32)

    cached_texts(["a", "b"], "x", encode)
    (file,) = (own_cache / "texts").iterdir()
    file.write_bytes(damage)
    assert np.array_equal(cached_texts(["a", "b"], "x", encode), np.ones((2, 3)))
    cached_texts(["a", "b"], "x", encode)
    assert len(calls) == 2


def test_a_cache_that_holds_something_else_is_not_believed(own_cache: Path) -> None:
    cached_texts(["a"], "x", lambda t: np.zeros((1, 3), np.float32))
    (file,) = (own_cache / "texts").iterdir()
    np.savez(file, vectors=np.ones((1, 3), np.float32), key=np.array("another"))
    assert cached_texts(["a"], "x", lambda t: np.full((1, 3), 2, np.float32))[0, 0] == 2


def test_a_folder_that_cannot_be_written_to_costs_only_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("EMOSCENE_CACHE", str(tmp_path / "file"))
    assert cached_texts(["\ud800"], "x", lambda t: np.ones((1, 2), np.float32)).shape == (1, 2)


def test_definitions_that_are_cut_are_said(clip: Path) -> None:
    from dataclasses import replace

    ekman = label_space("ekman")
    long = replace(ekman.labels[0], definition="feels calm at home " * 60)
    space = replace(ekman, labels=(long, *ekman.labels[1:]))
    (row, *_) = make(space, model=str(clip), prompts="definitions").predict(people())
    assert any(long.id in warning for warning in row.warnings)


def test_wrong_folders_and_options(clip: Path, tmp_path: Path) -> None:
    ekman = label_space("ekman")
    with pytest.raises(OptionError, match="which model"):
        make(ekman)
    with pytest.raises(OptionError, match="batch_size"):
        make(ekman, model=str(clip), batch_size=0)
    for file in clip.iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    with pytest.raises(ModelFilesError, match="no weights"):
        make(ekman, model=str(tmp_path))
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(ModelFilesError, match="models convert"):
        make(ekman, model=str(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "llava", "vision_config": {}}')
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(UnknownModelError, match="vlm"):
        make(ekman, model=str(tmp_path))


def test_clips_preprocessing_gives_openais_own_tensor(reference_data: Path, tmp_path: Path) -> None:
    """The settings of openai/clip-vit-base-patch32, as its folder has them, on a real picture."""
    import json

    settings = {
        "crop_size": 224, "do_center_crop": True, "do_normalize": True, "do_resize": True, "size": 224,
        "feature_extractor_type": "CLIPFeatureExtractor", "resample": 3,
        "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711],
    }  # fmt: skip
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "clip"}))
    reference = reference_data / "weights" / "clip-reference"
    picture = Image.open(reference / "franz-kafka.jpg").convert("RGB")
    tensor = load_image_processor(tmp_path)(images=[picture], return_tensors="np")["pixel_values"]
    expected = np.load(reference / "expected_preprocessed_image.npy")
    assert np.abs(tensor - expected).max() < 1e-6


def test_nothing_heavy_is_imported_for_the_name() -> None:
    import subprocess
    import sys

    code = "import emoscene.recognizers.dual_encoder, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ)
