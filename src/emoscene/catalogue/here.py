"""What is on this machine: read from the folders of the Hugging Face cache and emoscene's own, without a network."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from emoscene.catalogue.entry import Entry, entries, find, is_commit
from emoscene.errors import ModelError, ModelNotHereError, shorten
from emoscene.recognizers.folders import Kind, look_into
from emoscene.recognizers.text_cache import cache_folder

__all__ = [
    "Found",
    "conversion_target",
    "converted_folder",
    "folder_of",
    "hub_cache",
    "hub_folder",
    "is_here",
    "is_runnable",
    "main_commit",
    "others_here",
    "pulled_folder",
    "ready_folder",
    "repository_folder",
    "safe_name",
    "snapshot_at",
    "where_here",
]

#: The recognizer that asks models of a kind; detectors are named by --detector, adapters with their base.
ASKED_BY = {
    Kind.DUAL_ENCODER: "dual_encoder",
    Kind.VLM: "vlm",
    Kind.CAPTIONER: "narrated",
    Kind.LANGUAGE: "language",
    Kind.SENTENCES: "text",
    Kind.DETECTOR: "--detector",
    Kind.ADAPTER: "vlm",
}


def hub_cache() -> Path:
    """The folder of the Hugging Face cache, as its own environment variables set it."""
    if folder := os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE"):
        return Path(folder).expanduser()
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface"
    return Path(home).expanduser() / "hub"


def conversion_target(entry: Entry, commit: str) -> Path:
    """Where `models convert NAME` puts a model of the catalogue that was pulled at a commit."""
    return cache_folder() / "converted" / entry.name / commit


def converted_folder(entry: Entry) -> Path | None:
    """The complete converted folder of an entry, or None: of its commit, or if it has none, the newest."""
    where = cache_folder() / "converted" / entry.name
    if entry.revision:
        folders = [where / entry.revision]
    else:
        folders = sorted((f for f in where.glob("*") if is_commit(f.name)), key=lambda f: f.stat().st_mtime)
    return next((folder for folder in reversed(folders) if _is_complete(folder)), None)


def repository_folder(hub_id: str) -> Path:
    """The folder of a hub repository in the cache, whether or not it is there."""
    return hub_cache() / f"models--{hub_id.replace('/', '--')}"


def hub_folder(hub_id: str) -> Path | None:
    """The folder of a model's complete files, or None if it is not wholly there.

    The catalogue's revision is taken where it has one and that is here; else what `main` was when the model was
    pulled, by whomever. Of a model whose pickles had to be converted it is the converted folder.
    """
    entry = find(hub_id)
    if entry and entry.revision and (pinned := snapshot_at(hub_id, entry.revision)):
        return pinned
    if entry and entry.pickles and not entry.subfolder and (converted := converted_folder(entry)):
        return converted
    main = main_commit(hub_id)
    return snapshot_at(hub_id, main) if main else None


def snapshot_at(hub_id: str, commit: str) -> Path | None:
    """The folder of a model's complete files at a commit in the hub's cache, or None."""
    snapshot = repository_folder(hub_id) / "snapshots" / commit
    return snapshot if _is_complete(snapshot) else None


def folder_of(entry: Entry) -> Path | None:
    """The folder of an entry that is ready to be loaded, or None."""
    if entry.subfolder:
        return converted_folder(entry)
    return hub_folder(entry.hub) if entry.hub else None


def ready_folder(entry: Entry) -> Path:
    """The folder of an entry that is ready to be loaded.

    Raises:
        ModelNotHereError: with the command that makes it ready.
    """
    folder = folder_of(entry)
    if folder is not None:
        return folder
    remedy = f"Download it with: emoscene models pull {shorten(entry.name)}"
    if pulled_folder(entry):
        remedy = f"It was pulled; convert it once with: emoscene models convert {entry.name}"
    raise ModelNotHereError("this model is not on this machine", value=entry.hub or entry.name, remedy=remedy)


def pulled_folder(entry: Entry) -> Path | None:
    """The pulled folder of an entry whose pickles must be converted first, or None if its files are not all there."""
    commit = entry.revision or main_commit(entry.hub)
    if commit is None or not entry.pickles:
        return None
    folder = repository_folder(entry.hub) / "snapshots" / commit / entry.subfolder
    config = "adapter_config.json" if entry.kind == "adapter" else "config.json"
    whole = (folder / config).is_file() and all(_has(folder, name) for name in entry.pickles)
    return folder if whole else None


def _has(folder: Path, pickle: str) -> bool:
    return (folder / pickle).is_file() or (folder / safe_name(pickle)).is_file()


def safe_name(pickle: str) -> str:
    """What a file of pickled tensors is called in safetensors."""
    stem = pickle.removesuffix(".bin")
    return f"{stem.replace('pytorch_model', 'model')}.safetensors"


def main_commit(hub_id: str) -> str | None:
    """The commit that `main` was when the model was pulled."""
    try:
        commit = (repository_folder(hub_id) / "refs" / "main").read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return commit if is_commit(commit) else None


def _is_complete(snapshot: Path) -> bool:
    """Whether a snapshot has its configuration and every tensor file (an interrupted pull has not)."""
    stem = "model"
    if not (snapshot / "config.json").is_file():
        if not (snapshot / "adapter_config.json").is_file():
            return False
        stem = "adapter_model"
    index = snapshot / f"{stem}.safetensors.index.json"
    if index.is_file():
        try:
            shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
            return bool(shards) and all((snapshot / shard).is_file() for shard in shards)
        except (ValueError, KeyError, AttributeError, TypeError):
            return False
    return (snapshot / f"{stem}.safetensors").is_file()


def is_here(entry: Entry) -> bool:
    """Whether a model's files are on this machine, ready to be asked; of single files, whether their variable
    names one."""
    return where_here(entry) != ""


def where_here(entry: Entry) -> Literal["shipped", "package", "variable", "cache", ""]:
    """How a model's files are on this machine: with emoscene, in an installed package, named by their variable, in a
    cache; nothing if they are not."""
    if entry.kind == "embedded":
        return "shipped" if any((Path(__file__).parents[1] / "embedded").glob("*.onnx")) else ""
    if entry.package and find_spec(entry.package):
        return "package"
    if entry.variable:
        return "variable" if Path(os.environ.get(entry.variable) or "no such file").is_file() else ""
    return "cache" if folder_of(entry) is not None else ""


def is_runnable(entry: Entry) -> bool:
    """Whether the packages that running it needs are installed; found without importing them."""
    return not entry.extra or all(find_spec(package) for package in ("torch", "transformers"))


@dataclass(frozen=True)
class Found:
    """A model in the hub cache that the catalogue does not have."""

    hub: str
    kind: Kind
    folder: Path
    megabytes: float

    @property
    def recognizer(self) -> str:
        """What asks it."""
        return ASKED_BY[self.kind]


def others_here() -> Iterator[Found]:
    """Models in the hub cache, not in the catalogue, that emoscene could ask."""
    known = {entry.hub.casefold() for entry in entries() if entry.hub}
    for repository in sorted(hub_cache().glob("models--*--*")):
        hub_id = "/".join(repository.name.split("--")[1:])
        folder = None if hub_id.casefold() in known else hub_folder(hub_id)
        if folder is None:
            continue
        try:
            kind = look_into(folder).kind
        except ModelError:
            continue
        bytes_here = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
        yield Found(hub_id, kind, folder, bytes_here / 1e6)
