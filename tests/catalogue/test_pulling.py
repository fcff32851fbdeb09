"""Pulls from a hub on loopback: what is taken, from which commit, and how a pull goes on after a misfortune."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest

from emoscene import catalogue
from emoscene.catalogue import hub as hub_module
from emoscene.errors import (
    MissingExtraError,
    ModelError,
    ModelFilesError,
    ModelNotHereError,
    UnknownModelError,
)
from tests.catalogue.stand_in_hub import COMMIT, NEXT_COMMIT, StandInHub, git_hash, serving

REPO = "someone/model"
WEIGHTS = random.Random(0).randbytes(300_000)
WANTED = {
    "config.json": b'{"model_type": "llava", "vision_config": {}}',
    "tokenizer.json": b"{}" * 900,
    "chat_template.jinja": b"{{ x }}",
    "merges.txt": b"a b",
    "1_Pooling/config.json": b"{}",
    "model.safetensors": WEIGHTS,
}
UNWANTED = {
    "pytorch_model.bin": b"x",
    "modeling_own.py": b"x",
    "training_args.pkl": b"x",
    "onnx/model.onnx": b"x",
    "weights.pt": b"x",
    "a/b.json": b"x",
    "consolidated.safetensors": b"x",
    "model.fp16.safetensors": b"x",
    ".gitattributes": b"x",
}


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The network allowed as far as loopback, and an empty cache."""
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("EMOSCENE_CACHE", str(tmp_path / "own"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    huggingface_hub.close_session()
    yield
    huggingface_hub.close_session()


@pytest.fixture
def hub(online: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInHub]:
    with serving(StandInHub(REPO, {**WANTED, **UNWANTED})) as served:
        monkeypatch.setenv("HF_ENDPOINT", served.endpoint)
        monkeypatch.setattr("emoscene.catalogue.hub.time.sleep", lambda seconds: None)
        yield served


def files_of(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_pull_takes_safe_files_at_the_commit_that_it_names(hub: StandInHub, tmp_path: Path) -> None:
    said: list[str] = []
    seen: list[tuple[int, int]] = []
    pulled = catalogue.pull(REPO, say=said.append, progress=lambda came, total: seen.append((came, total)))
    assert files_of(pulled.folder) == WANTED
    assert pulled.revision == COMMIT
    assert pulled.folder == tmp_path / "hub" / "models--someone--model" / "snapshots" / COMMIT
    assert COMMIT in said[0]
    assert "6 files" in said[1]
    total = sum(len(data) for data in WANTED.values())
    assert seen[-1] == (total, total)
    assert [came for came, _ in seen] == sorted(came for came, _ in seen)
    assert catalogue.hub_folder(REPO) == pulled.folder
    assert hub.log[-1][0].endswith("model.safetensors"), "the tensors come last"


def test_the_cache_is_as_the_hubs_own_client_writes_it(hub: StandInHub, tmp_path: Path) -> None:
    folder = catalogue.pull(REPO).folder
    assert (folder / "config.json").is_symlink()
    assert (folder / "config.json").resolve().name == git_hash(WANTED["config.json"])
    assert len((folder / "model.safetensors").resolve().name) == 64
    cache = str(tmp_path / "hub")
    found = huggingface_hub.snapshot_download(REPO, cache_dir=cache, local_files_only=True)
    assert Path(found) == folder
    assert huggingface_hub.try_to_load_from_cache(REPO, "1_Pooling/config.json", cache_dir=cache) is not None


def test_main_that_moves_while_it_is_pulled(hub: StandInHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files are those of the commit that was named, although `main` has moved on since."""
    listing = hub_module.listing

    def then_main_moves(*asked: Any) -> Any:
        found = listing(*asked)
        hub.moved_files = {name: data[::-1] for name, data in WANTED.items()}
        return found

    monkeypatch.setattr("emoscene.catalogue.pulling.listing", then_main_moves)
    pulled = catalogue.pull(REPO)
    assert files_of(pulled.folder) == WANTED
    assert catalogue.hub_folder(REPO) == pulled.folder
    monkeypatch.undo()
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)


def test_a_later_pull_takes_what_main_is_then(hub: StandInHub) -> None:
    first = catalogue.pull(REPO)
    hub.moved_files = {**WANTED, "config.json": b'{"model_type": "clip"}'}
    before = len(hub.log)
    second = catalogue.pull(REPO)
    assert (first.revision, second.revision) == (COMMIT, NEXT_COMMIT)
    assert catalogue.hub_folder(REPO) == second.folder
    fetched = [path for path, _ in hub.log[before:] if "/cdn/" in path]
    assert [path.rsplit("/", 1)[1] for path in fetched] == ["config.json"], (
        "unchanged files are not fetched again"
    )


def test_pinned_models_are_pulled_at_their_commit(hub: StandInHub, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = catalogue.known("smolvlm-256m")
    assert entry.revision
    hub.repo = entry.hub
    hub.moved_files = {name: data[::-1] for name, data in WANTED.items()}
    pulled = catalogue.pull("smolvlm-256m")
    assert pulled.revision == entry.revision
    assert files_of(pulled.folder) == WANTED
    assert catalogue.is_here(entry)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    said: list[str] = []
    assert catalogue.pull("smolvlm-256m", say=said.append).folder == pulled.folder
    assert "is here already" in said[0]


def test_what_is_here_is_not_asked_for_offline(hub: StandInHub, monkeypatch: pytest.MonkeyPatch) -> None:
    pulled = catalogue.pull(REPO)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    before = len(hub.log)
    said: list[str] = []
    assert catalogue.pull(REPO, say=said.append).folder == pulled.folder
    assert said == [f"{REPO} at commit {COMMIT} is here already"]
    assert len(hub.log) == before


def test_hashes_that_the_hub_says(hub: StandInHub) -> None:
    """A copy without the cache's links has no hashes of its own; the hub still knows them."""
    folder = catalogue.pull(REPO).folder
    for file in list(folder.rglob("*")):
        if file.is_symlink():
            data = file.read_bytes()
            file.unlink()
            file.write_bytes(data)
    alone = catalogue.verify(REPO, load=False)
    assert {check.what for check in alone.checks if check.outcome == "unknown"} == {"files"}
    asked = catalogue.verify(REPO, online=True, load=False)
    assert {check.what for check in asked.checks if check.outcome == "ok"} >= set(WANTED)
    (folder / "merges.txt").write_bytes(b"a c")
    assert not catalogue.verify(REPO, online=True, load=False).ok


def test_published_adapters_come_with_their_listed_pickles(hub: StandInHub) -> None:
    entry = catalogue.known("llava-13b-emotic")
    hub.repo = entry.hub
    own = {
        "adapter_config.json": b"{}",
        "config.json": b"{}",
        "adapter_model.bin": b"a",
        "non_lora_trainables.bin": b"b",
    }
    other = catalogue.known("llava-13b-emotic-aug").subfolder
    hub.files = {
        **{f"{entry.subfolder}/{name}": data for name, data in own.items()},
        f"{entry.subfolder}/optimizer.bin": b"x",
        f"{entry.subfolder}/trainer_state.pt": b"x",
        f"{other}/adapter_model.bin": b"x",
        "run.py": b"x",
    }
    pulled = catalogue.pull(entry.name)
    assert files_of(pulled.folder) == own
    assert catalogue.pulled_folder(entry) == pulled.folder
    assert not catalogue.is_here(entry), "it is to be converted first"
    hub.files[f"{entry.subfolder}/adapter_model.safetensors"] = b"s"
    hub.moved_files = hub.files
    again = files_of(catalogue.pull(entry.name).folder)
    assert "adapter_model.bin" not in again
    assert again["adapter_model.safetensors"] == b"s"


def test_models_without_safetensors_are_refused(hub: StandInHub) -> None:
    hub.files = {"config.json": b"{}", "pytorch_model.bin": b"x"}
    with pytest.raises(ModelFilesError, match="no safetensors"):
        catalogue.pull(REPO)
    assert not [path for path, _ in hub.log if "/resolve/" in path]


def test_paths_that_lead_out_of_the_folder(hub: StandInHub, tmp_path: Path) -> None:
    hub.files = {**WANTED, "../../../out.json": b"x", "/tmp/out.json": b"x", "a\\..\\out.json": b"x"}
    assert files_of(catalogue.pull(REPO).folder) == WANTED
    assert not list(tmp_path.rglob("out.json"))


def test_the_disk_is_looked_at_first(hub: StandInHub, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("emoscene.catalogue.pulling.shutil.disk_usage", lambda path: usage)
    with pytest.raises(ModelFilesError, match="MB are free"):
        catalogue.pull(REPO)
    assert not [path for path, _ in hub.log if "/resolve/" in path]


def test_a_line_that_breaks_is_taken_up_again(hub: StandInHub) -> None:
    hub.cut_after, hub.cuts = 100_000, 2
    assert files_of(catalogue.pull(REPO).folder) == WANTED
    ranges = [
        asked for path, asked in hub.log if path.startswith("/cdn/") and path.endswith("model.safetensors")
    ]
    assert ranges[0] == ""
    begins = [int(asked.removeprefix("bytes=").rstrip("-")) for asked in ranges[1:]]
    assert len(begins) == 2
    assert 0 < begins[0] < begins[1]


def test_a_server_that_knows_no_ranges(hub: StandInHub) -> None:
    hub.cut_after, hub.cuts, hub.ignore_range = 200_000, 1, True
    seen: list[int] = []
    pulled = catalogue.pull(REPO, progress=lambda came, total: seen.append(came))
    assert files_of(pulled.folder) == WANTED
    assert seen[-1] == sum(len(data) for data in WANTED.values())


def test_a_line_that_always_breaks_ends_clearly_and_keeps_what_came(hub: StandInHub) -> None:
    hub.cut_after, hub.cuts = 50_000, 10**6
    hub.ignore_range = True
    with pytest.raises(ModelNotHereError, match="what has come stays") as caught:
        catalogue.pull(REPO)
    assert caught.value.retryable
    assert catalogue.hub_folder(REPO) is None
    hub.cuts, hub.ignore_range = 0, False
    assert files_of(catalogue.pull(REPO).folder) == WANTED
    assert hub.downloads("model.safetensors")[-1].startswith("bytes=")


def test_bytes_that_are_not_those_announced(hub: StandInHub) -> None:
    hub.spoil = "model.safetensors"
    with pytest.raises(ModelFilesError, match="not what it announced"):
        catalogue.pull(REPO)
    assert catalogue.hub_folder(REPO) is None
    hub.spoil = ""
    assert files_of(catalogue.pull(REPO).folder) == WANTED


def test_a_damaged_part_from_before_is_thrown_away(hub: StandInHub, tmp_path: Path) -> None:
    catalogue.pull(REPO)
    (pointer,) = (tmp_path / "hub").rglob("model.safetensors")
    blob = pointer.resolve()
    blob.rename(blob.with_name(f"{blob.name}.emoscene.incomplete"))
    pointer.unlink()
    partial = blob.with_name(f"{blob.name}.emoscene.incomplete")
    partial.write_bytes(b"?" * 1000)
    seen: list[int] = []
    pulled = catalogue.pull(REPO, progress=lambda came, total: seen.append(came))
    assert files_of(pulled.folder) == WANTED
    assert seen[-1] == sum(len(data) for data in WANTED.values())
    assert not partial.exists()


def test_several_pulls_at_once(hub: StandInHub) -> None:
    hub.bytes_a_second = 3e6
    folders: list[Path] = []
    threads = [threading.Thread(target=lambda: folders.append(catalogue.pull(REPO).folder)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(folders) == 4
    assert files_of(folders[0]) == WANTED
    fetched = [path for path, _ in hub.log if path.startswith("/cdn/") and path.endswith("model.safetensors")]
    assert len(fetched) == 1, "one fetches, the others wait for it"


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (401, ModelNotHereError, "hf auth login"),
        (403, ModelNotHereError, "hf auth login"),
        (404, UnknownModelError, "no such model"),
        (503, ModelNotHereError, "status 503"),
    ],
)
def test_what_the_hub_answers(hub: StandInHub, status: int, kind: type[ModelError], said: str) -> None:
    hub.status = status
    with pytest.raises(kind, match=said):
        catalogue.pull(REPO)


def test_offline_is_said_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    begin = time.monotonic()
    with pytest.raises(ModelNotHereError, match="HF_HUB_OFFLINE forbids"):
        catalogue.pull(REPO)
    assert time.monotonic() - begin < 1


def test_the_light_core_says_what_a_pull_needs(online: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match="huggingface-hub") as caught:
        catalogue.pull("some/model")
    assert "emoscene[models]" in caught.value.remedy


def test_nobody_at_the_hubs_address(online: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{free.getsockname()[1]}")
    begin = time.monotonic()
    with pytest.raises(ModelNotHereError, match="cannot be reached") as caught:
        catalogue.pull(REPO)
    assert time.monotonic() - begin < 5
    assert caught.value.retryable


@pytest.mark.parametrize("way", ["hub", "proxy", "name"])
def test_a_line_that_swallows_everything(hub: StandInHub, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """Connected but never answered; through a proxy; or a name that is never looked up: given up in seconds."""
    hub.silent = True
    if way == "proxy":
        monkeypatch.delenv("NO_PROXY")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.setenv("HTTP_PROXY", hub.endpoint)
        monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")
    if way == "name":
        monkeypatch.setattr(socket, "getaddrinfo", lambda *asked, **more: threading.Event().wait(30))
        monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")
    monkeypatch.setattr(hub_module, "SECONDS_TO_ANSWER", 0.5)
    begin = time.monotonic()
    with pytest.raises(ModelNotHereError, match="cannot be reached"):
        catalogue.pull(REPO)
    assert time.monotonic() - begin < 4


def test_what_is_no_download() -> None:
    with pytest.raises(ModelError, match="comes with emoscene"):
        catalogue.pull("embedded")
    with pytest.raises(ModelError, match="opencv_zoo"):
        catalogue.pull("yunet")
    with pytest.raises(UnknownModelError):
        catalogue.pull("nothing")


def start_pull(hub: StandInHub, cache: Path) -> subprocess.Popen[str]:
    environment = {k: v for k, v in os.environ.items() if k not in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")}
    environment |= {"HF_ENDPOINT": hub.endpoint, "HF_HUB_CACHE": str(cache), "NO_PROXY": "127.0.0.1"}
    command = [sys.executable, "-c", "import sys; from emoscene.cli import main; sys.exit(main())"]
    return subprocess.Popen(
        [*command, "models", "pull", REPO],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_pull_that_is_ended_goes_on_where_it_stopped(tmp_path: Path, how: signal.Signals) -> None:
    weights = random.Random(1).randbytes(4_000_000)
    with serving(StandInHub(REPO, {**WANTED, "model.safetensors": weights})) as hub:
        hub.bytes_a_second = 2e6
        first = start_pull(hub, tmp_path)
        until = time.monotonic() + 20
        while time.monotonic() < until and not any(
            partial.stat().st_size > 1_000_000 for partial in tmp_path.rglob("*.incomplete")
        ):
            time.sleep(0.02)
        first.send_signal(how)
        _, said = first.communicate(timeout=20)
        if how is signal.SIGINT:
            assert first.returncode == 130
            assert "run it again to go on" in said
        (partial,) = tmp_path.rglob("*.incomplete")
        came = partial.stat().st_size
        assert 1_000_000 < came < len(weights)
        hub.bytes_a_second = 0
        second = start_pull(hub, tmp_path)
        out, said = second.communicate(timeout=20)
        assert second.returncode == 0, said
        assert "of it already here" in said
        assert hub.downloads("model.safetensors")[-1] == f"bytes={came}-"
        folder = tmp_path / "models--someone--model" / "snapshots" / COMMIT
        assert (folder / "model.safetensors").read_bytes() == weights
        assert out == f"emoscene analyze IMAGE --model {REPO}\n"
        assert not list(tmp_path.rglob("*.incomplete"))
