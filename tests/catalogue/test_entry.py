"""The catalogue: its entries hold together, it knows what is here, and it pulls only what is safe."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest

from emoscene import catalogue
from emoscene.errors import ModelError, ModelFilesError, ModelNotHereError, UnknownModelError
from emoscene.recognizers import registry

COMMIT = "89abcdef01" * 4
FILES = ("config.json", "tokenizer.json", "chat_template.jinja", "model.safetensors")
UNSAFE = (
    "pytorch_model.bin",
    "modeling_own.py",
    "training_args.pkl",
    "onnx/model.onnx",
    "weights.pt",
    "a/b.json",
)


def test_entries_hold_together() -> None:
    entries = catalogue.entries()
    assert len({entry.name for entry in entries}) == len(entries)
    for entry in entries:
        assert entry.hub or entry.address or entry.kind == "embedded"
        assert entry.megabytes > 0
        assert entry.recognizer in {None, *registry.names()}
        assert bool(entry.files) == (entry.kind in {"detector", "face"})
        assert not entry.photographs or (entry.recognizer == "vlm" and entry.hub)
        assert catalogue.card(entry.name).startswith("#")
    ranks = [entry.photographs for entry in catalogue.for_photographs()]
    assert ranks == list(range(1, len(ranks) + 1))


def test_options_of_single_files_are_options_of_their_recognizer() -> None:
    for entry in catalogue.entries():
        if entry.option:
            assert entry.recognizer is not None
            assert entry.option in inspect.signature(registry.factory(entry.recognizer)).parameters


def test_find_takes_names_and_hub_ids() -> None:
    by_name = catalogue.find("SmolVLM-256M")
    assert by_name is not None
    assert by_name is catalogue.find(by_name.hub)
    assert catalogue.find("nothing") is None
    with pytest.raises(UnknownModelError, match="Did you mean 'minilm'"):
        catalogue.known("minlm")


@pytest.mark.parametrize("name", ["a/b", "Qwen/Qwen2.5-VL-3B-Instruct", "a.b/c_d-e"])
def test_hub_ids(name: str) -> None:
    assert catalogue.is_hub_id(name)


@pytest.mark.parametrize("name", ["a", "a/b/c", "../b", "./b", "/a/b", "a/", "a/..", "a b/c", "a/b\n", ""])
def test_no_hub_ids(name: str) -> None:
    assert not catalogue.is_hub_id(name)


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


class Hub:
    """Stands for the hub: answers what it is told to, and notes what was asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, files: tuple[str, ...]) -> None:
        self.files = files
        self.sha = COMMIT
        self.bytes = 1000
        self.downloads: list[dict[str, Any]] = []
        self.folder = tmp_path / COMMIT
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "not" / "there" / "yet"))
        monkeypatch.setattr(huggingface_hub, "HfApi", lambda: self)
        monkeypatch.setattr(huggingface_hub, "snapshot_download", self.download)

    def model_info(self, repo_id: str, **asked: Any) -> SimpleNamespace:
        assert asked["timeout"] <= 10
        siblings = [SimpleNamespace(rfilename=name, size=self.bytes) for name in self.files]
        return SimpleNamespace(sha=self.sha, siblings=siblings)

    def download(self, repo_id: str, **asked: Any) -> str:
        self.downloads.append({"repo_id": repo_id, **asked})
        return str(self.folder)


def test_pull_takes_safe_files_only_and_says_which_commit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hub = Hub(monkeypatch, tmp_path, FILES + UNSAFE)
    said: list[str] = []
    pulled = catalogue.pull("smolvlm-256m", say=said.append)
    (download,) = hub.downloads
    assert set(download["allow_patterns"]) == set(FILES)
    assert download["etag_timeout"] <= 10
    assert pulled.revision == COMMIT
    assert COMMIT in said[0]
    assert "Apache-2.0" in said[1]


def test_pull_refuses_models_without_safetensors(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hub = Hub(monkeypatch, tmp_path, ("config.json", "pytorch_model.bin"))
    with pytest.raises(ModelFilesError, match="no safetensors"):
        catalogue.pull("someone/model")
    assert hub.downloads == []


def test_pull_looks_at_the_disk_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hub = Hub(monkeypatch, tmp_path, FILES)
    hub.bytes = 10**18
    with pytest.raises(ModelFilesError, match="MB are free"):
        catalogue.pull("smolvlm-256m")
    assert hub.downloads == []


@pytest.mark.parametrize("error", [TimeoutError(), ConnectionError()])
def test_pull_without_a_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception) -> None:
    hub = Hub(monkeypatch, tmp_path, FILES)

    def fail(*given: Any, **asked: Any) -> None:
        raise error

    monkeypatch.setattr(hub, "model_info", fail)
    with pytest.raises(ModelNotHereError, match="cannot be reached") as caught:
        catalogue.pull("smolvlm-256m")
    assert caught.value.retryable


def test_pull_of_what_is_no_download() -> None:
    with pytest.raises(ModelError, match="comes with emoscene"):
        catalogue.pull("embedded")
    with pytest.raises(ModelError, match="opencv_zoo"):
        catalogue.pull("yunet")
    with pytest.raises(UnknownModelError):
        catalogue.pull("nothing")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, ModelNotHereError), (403, ModelNotHereError), (404, UnknownModelError), (503, ModelNotHereError)],
)
def test_what_the_hub_answers(status: int, kind: type[ModelError]) -> None:
    entry = catalogue.known("someone/model")
    assert type(catalogue._refused(entry, status)) is kind
