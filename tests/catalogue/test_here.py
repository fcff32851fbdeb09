"""What is on this machine is told from the folders of the caches alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from emoscene import catalogue
from emoscene.errors import ModelNotHereError
from tests.catalogue.stand_in_hub import COMMIT, NEXT_COMMIT


def test_cache_folder_follows_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    assert catalogue.hub_cache() == Path("~/.cache/huggingface/hub").expanduser()
    monkeypatch.setenv("HF_HOME", "/somewhere")
    assert catalogue.hub_cache() == Path("/somewhere/hub")
    monkeypatch.setenv("HF_HUB_CACHE", "/elsewhere")
    assert catalogue.hub_cache() == Path("/elsewhere")


def snapshot(hub: Path, hub_id: str, files: dict[str, str]) -> Path:
    repository = hub / f"models--{hub_id.replace('/', '--')}"
    folder = repository / "snapshots" / COMMIT
    folder.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


INDEX = '{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}'


@pytest.mark.parametrize(
    ("files", "whole"),
    [
        ({"config.json": "{}", "model.safetensors": ""}, True),
        ({"config.json": "{}"}, False),
        ({"model.safetensors": ""}, False),
        ({"config.json": "{}", "pytorch_model.bin": ""}, False),
        ({"config.json": "{}", "model.safetensors.index.json": INDEX, "model-1.safetensors": ""}, False),
        (
            {
                "config.json": "{}",
                "model.safetensors.index.json": INDEX,
                "model-1.safetensors": "",
                "model-2.safetensors": "",
            },
            True,
        ),
    ],
)
def test_only_whole_models_are_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], whole: bool
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert catalogue.hub_folder("someone/model") is None
    folder = snapshot(tmp_path, "someone/model", files)
    assert catalogue.hub_folder("someone/model") == (folder if whole else None)


def test_single_files_are_here_when_their_variable_names_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = catalogue.find("yunet")
    assert entry is not None
    monkeypatch.delenv(entry.variable, raising=False)
    assert not catalogue.is_here(entry)
    monkeypatch.setenv(entry.variable, str(tmp_path / "yunet.onnx"))
    assert not catalogue.is_here(entry)
    (tmp_path / "yunet.onnx").write_bytes(b"")
    assert catalogue.is_here(entry)


def test_adapters_on_the_hub_are_whole_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    folder = snapshot(tmp_path, "someone/adapter", {"adapter_config.json": "{}"})
    assert catalogue.hub_folder("someone/adapter") is None
    (folder / "adapter_model.safetensors").write_text("")
    assert catalogue.hub_folder("someone/adapter") == folder


def test_models_that_must_be_converted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("EMOSCENE_CACHE", str(tmp_path / "own"))
    entry = catalogue.known("clip-vit-base")
    assert entry.revision
    pulled = snapshot(tmp_path / "hub", entry.hub, {"config.json": "{}"})
    pulled = pulled.rename(pulled.with_name(entry.revision))
    assert catalogue.pulled_folder(entry) is None
    (pulled / "pytorch_model.bin").write_text("")
    assert catalogue.pulled_folder(entry) == pulled
    assert catalogue.where_here(entry) == ""
    assert "emoscene models convert clip-vit-base" in catalogue.card(entry.name)
    converted = tmp_path / "own" / "converted" / "clip-vit-base" / entry.revision
    converted.mkdir(parents=True)
    (converted / "config.json").write_text("{}")
    assert catalogue.folder_of(entry) is None
    (converted / "model.safetensors").write_text("")
    assert catalogue.folder_of(entry) == converted
    assert catalogue.hub_folder(entry.hub) == converted
    assert catalogue.where_here(entry) == "cache"
    assert str(converted) in catalogue.card(entry.name)
    (pulled / "model.safetensors").write_text("")
    assert catalogue.folder_of(entry) == pulled, "what needs no conversion comes first"


def test_the_newest_conversion_of_a_model_without_a_pin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    monkeypatch.setenv("EMOSCENE_CACHE", str(tmp_path))
    entry = catalogue.known("llava-13b-emotic")
    for age, commit in enumerate((COMMIT, NEXT_COMMIT)):
        folder = tmp_path / "converted" / entry.name / commit
        folder.mkdir(parents=True)
        (folder / "adapter_config.json").write_text("{}")
        (folder / "adapter_model.safetensors").write_text("")
        os.utime(folder, (1000 - age, 1000 - age))
    found = catalogue.folder_of(entry)
    assert found is not None
    assert found.name == COMMIT


def test_other_models_in_the_cache_that_can_be_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    clip = '{"model_type": "clip"}'
    folder = snapshot(tmp_path, "someone/clip", {"config.json": clip, "model.safetensors": "x" * 2_000_000})
    snapshot(tmp_path, "someone/voice", {"config.json": '{"model_type": "vits"}', "model.safetensors": ""})
    snapshot(tmp_path, "someone/half", {"config.json": clip})
    snapshot(tmp_path, "someone/broken", {"config.json": "{", "model.safetensors": ""})
    snapshot(tmp_path, "google/siglip2-base-patch16-224", {"config.json": clip, "model.safetensors": ""})
    (found,) = catalogue.others_here()
    assert (found.hub, found.kind.value, found.folder) == ("someone/clip", "dual-encoder", folder)
    assert found.recognizer == "dual_encoder"
    assert found.megabytes == pytest.approx(2, abs=0.01)


def test_a_copy_of_another_commit_counts_until_the_pinned_one_is_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    entry = catalogue.known("smolvlm-256m")
    assert entry.revision not in (None, COMMIT)
    files = {"config.json": "{}", "model.safetensors": ""}
    older = snapshot(tmp_path, entry.hub, files)
    assert catalogue.folder_of(entry) == older
    pinned = older.with_name(str(entry.revision))
    pinned.mkdir()
    (pinned / "config.json").write_text("{}")
    assert catalogue.folder_of(entry) == older
    (pinned / "model.safetensors").write_text("")
    assert catalogue.folder_of(entry) == pinned


def test_a_model_that_is_not_ready_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("EMOSCENE_CACHE", str(tmp_path / "own"))
    entry = catalogue.known("clip-vit-base")
    with pytest.raises(ModelNotHereError, match="models pull clip-vit-base"):
        catalogue.ready_folder(entry)
    pulled = snapshot(tmp_path / "hub", entry.hub, {"config.json": "{}", "pytorch_model.bin": ""})
    pulled.rename(pulled.with_name(str(entry.revision)))
    with pytest.raises(ModelNotHereError, match="models convert clip-vit-base"):
        catalogue.ready_folder(entry)
