"""Turning published pickles into safetensors, once and explicitly: models, and adapters in PEFT's or the original
LLaVA's layout. The source is never changed; the new folder appears whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from emoscene.catalogue import original_llava
from emoscene.catalogue.entry import find
from emoscene.catalogue.here import conversion_target, hub_cache, pulled_folder, safe_name
from emoscene.catalogue.pickles import read_tensors
from emoscene.catalogue.published_networks import PublishedNetwork, published_network
from emoscene.errors import ModelError, ModelFilesError, ModelNotHereError, OptionError, shorten
from emoscene.recognizers.adapters import ADAPTER_CONFIG, ADAPTER_WEIGHTS, PROJECTOR_WEIGHTS
from emoscene.recognizers.folders import HOW_TO_ASK, read_json

__all__ = ["RECORD", "Converted", "convert"]

#: In each converted folder: what it was made of, and the hashes of its files.
RECORD = "conversion.json"
_OTHERS = "non_lora_trainables"
_TEXT = (".json", ".jinja", ".txt", ".model")
_LONGEST_TEXT = 64 * 2**20
#: Of adapter_config.json, what names code or files; nothing here reads it, and it is not handed on.
_DROPPED = (
    "auto_mapping",
    "megatron_config",
    "megatron_core",
    "runtime_config",
    "corda_config",
    "eva_config",
)

Say = Callable[[str], None]


@dataclass(frozen=True)
class Converted:
    """What a conversion made.

    `renamed` counts tensors with new names, `kept` those with the old, `unused` names those left out;
    `already` says that the folder was there before, made of the same files.
    """

    folder: Path
    kind: str
    renamed: int
    kept: int
    unused: tuple[str, ...] = ()
    base: str = ""
    already: bool = False


@dataclass
class _Work:
    """The new folder while it grows, and what is counted."""

    folder: Path
    renamed: int = 0
    kept: int = 0
    unused: list[str] = field(default_factory=list)


def convert(
    source: str | Path, out: Path | None = None, *, base: str | None = None, say: Say = lambda line: None
) -> Converted:
    """Write the tensors of a folder with `.bin` files into a new folder as safetensors.

    Args:
        source: A folder; or a name of the catalogue whose files were pulled.
        out: The new folder; the default stands beside the source and is called like it, with `-safetensors` behind;
            of a name of the catalogue it stands in emoscene's cache, where `--model NAME` finds it.
        base: The base model of an adapter, if its own configuration does not name one that is known.
        say: Takes one line at a time about what happens.

    Raises:
        ModelNotHereError: if the source is no folder, or was not pulled.
        ModelFilesError: if it holds nothing to convert, or a file holds more than tensors.
        OptionError: if `out` is taken.
        MissingExtraError: if torch is not installed.
    """
    folder, target = _places(source, out)
    is_adapter = (folder / ADAPTER_CONFIG).is_file()
    network = None if is_adapter else published_network(folder)
    if network is not None:
        pickles = list(network.files)
    else:
        pickles = _adapter_files(folder) if is_adapter else _model_files(folder)
    made_of = {file.name: _sha256(file) for file in pickles}
    if target.exists():
        return _already(target, made_of)
    with _appearing(target) as growing:
        work = _Work(growing)
        if is_adapter:
            kind, base = _convert_adapter(folder, work, base, say)
        elif network is not None:
            kind, base = _convert_network(network, work, say), ""
        else:
            kind, base = "model", ""
            _convert_model(folder, pickles, work, say)
        done = Converted(target, kind, work.renamed, work.kept, tuple(work.unused), base)
        files = {file.name: _sha256(file) for file in sorted(growing.iterdir())}
        record = {**asdict(done), "folder": target.name, "made_of": made_of, "files": files}
        _write_json(growing / RECORD, record)
    return done


def _places(source: str | Path, out: Path | None) -> tuple[Path, Path]:
    """The folder to read and the one to write."""
    folder = Path(source)
    if folder.is_dir():
        folder = folder.resolve()
        if out is None and hub_cache().resolve() in folder.parents:
            raise OptionError(
                "a folder of the model hub's cache gets nothing beside it",
                value=source,
                remedy="Name the new folder with --out, or give the model's name in the catalogue.",
            )
        target = out or folder.with_name(f"{folder.name}-safetensors")
        if folder == target.absolute() or folder in target.absolute().parents:
            raise OptionError(
                "the new folder must stand outside of the old one",
                value=target,
                remedy="Choose another --out.",
            )
        return folder, target
    entry = find(str(source))
    if entry is None:
        raise ModelNotHereError(
            "there is no folder here to convert",
            value=source,
            remedy="Check the path, or pull the model first.",
        )
    if not entry.pickles:
        raise ModelError("this model needs no conversion", value=entry.name, remedy="Pull it and ask it.")
    pulled = pulled_folder(entry)
    if pulled is None:
        raise ModelNotHereError(
            "this model was not pulled yet", value=entry.name, remedy=f"emoscene models pull {entry.name}"
        )
    snapshot = pulled.parent if entry.subfolder else pulled
    return pulled, out or conversion_target(entry, snapshot.name)


def _already(target: Path, made_of: Mapping[str, str]) -> Converted:
    """The folder of an earlier conversion of the very same files; nothing is written twice."""
    record = read_json(target / RECORD) if (target / RECORD).is_file() else {}
    if record.get("made_of") != made_of:
        raise OptionError(
            "something else is there already, and nothing is written over",
            value=target,
            remedy="Name another folder with --out, or remove that one.",
        )
    return Converted(
        target, str(record["kind"]), int(record["renamed"]), int(record["kept"]), tuple(record["unused"]),
        str(record["base"]), already=True,
    )  # fmt: skip


def _model_files(folder: Path) -> list[Path]:
    """The `.bin` files of a model, one or those of its index."""
    if not (folder / "config.json").is_file():
        raise ModelFilesError(
            "this folder holds no model and no adapter: it has no config.json and no adapter_config.json",
            value=folder,
            remedy="Give the folder that has one.",
        )
    if next(folder.glob("model*.safetensors"), None):
        raise ModelFilesError("this model is in safetensors already", value=folder, remedy="Ask it as it is.")
    named = read_json(folder / "config.json").get("architectures")
    if isinstance(named, list) and any(
        "LlavaLlama" in str(name) or "LlavaMistral" in str(name) for name in named
    ):
        raise ModelFilesError(
            "this is a whole model of the original LLaVA code, which transformers has under other names",
            value=folder,
            remedy="Take its copy for transformers, such as: emoscene models pull llava-1.5-13b",
        )
    index = folder / "pytorch_model.bin.index.json"
    names = ["pytorch_model.bin"]
    if index.is_file():
        placed = read_json(index).get("weight_map")
        names = sorted({str(name) for name in placed.values()}) if isinstance(placed, dict) else []
    files = [folder / name for name in names if Path(name).name == name and name.endswith(".bin")]
    if not files or len(files) < len(names) or not all(file.is_file() for file in files):
        raise ModelFilesError(
            "there is no pytorch_model.bin here, or a part of it is missing",
            value=folder,
            remedy="Copy the folder whole.",
        )
    return files


def _adapter_files(folder: Path) -> list[Path]:
    """The adapter's tensors and, of the original LLaVA, those trained whole; `.bin` before safetensors."""
    files = [
        next((f for ending in ("safetensors", "bin") if (f := folder / f"{stem}.{ending}").is_file()), None)
        for stem in ("adapter_model", _OTHERS)
    ]
    if files[0] is None:
        raise ModelFilesError("this adapter has no tensors", value=folder, remedy="Copy the folder whole.")
    return [file for file in files if file is not None]


def _convert_model(folder: Path, pickles: list[Path], work: _Work, say: Say) -> None:
    from safetensors.torch import save_file

    placed: dict[str, str] = {}
    for file in pickles:
        tensors = _apart(read_tensors(file))
        new = safe_name(file.name)
        say(f"{file.name} -> {new}: {len(tensors)} tensors")
        save_file(tensors, work.folder / new, metadata={"format": "pt"})
        placed |= dict.fromkeys(tensors, new)
        work.kept += len(tensors)
    if len(pickles) > 1 or (folder / "pytorch_model.bin.index.json").is_file():
        size = sum((work.folder / name).stat().st_size for name in set(placed.values()))
        index = {"metadata": {"total_size": size}, "weight_map": placed}
        _write_json(work.folder / "model.safetensors.index.json", index)
    work.unused += _copy_text(folder, work.folder)


def _convert_adapter(folder: Path, work: _Work, base: str | None, say: Say) -> tuple[str, str]:
    """Writes the adapter, and returns its kind and its base model."""
    from safetensors.torch import save_file

    files = _adapter_files(folder)
    lora = _read(files[0])
    others = _read(files[1], may_be_empty=True) if len(files) > 1 else {}
    adapter = {key: value for key, value in read_json(folder / ADAPTER_CONFIG).items() if key not in _DROPPED}
    config = read_json(folder / "config.json") if (folder / "config.json").is_file() else {}
    if not original_llava.is_original(adapter, config, others):
        if files[0].suffix == ".safetensors":
            raise ModelFilesError("this adapter needs no conversion", value=folder, remedy="Ask it as it is.")
        say(f"{files[0].name} -> {ADAPTER_WEIGHTS}: {len(lora)} tensors")
        save_file(_apart(lora), work.folder / ADAPTER_WEIGHTS, metadata={"format": "pt"})
        work.kept = len(lora)
        if base:
            adapter["base_model_name_or_path"] = base
        _write_json(work.folder / ADAPTER_CONFIG, adapter)
        return "adapter", str(adapter.get("base_model_name_or_path") or "")

    if len(files) == 1:
        raise ModelFilesError(
            f"the original LLaVA saves its projector apart, and {_OTHERS}.bin is missing",
            value=folder,
            remedy="Copy the folder whole.",
        )
    base = original_llava.base_of(adapter, base)
    names = original_llava.lora_names(lora)
    projector, unused = original_llava.projector_names(others)
    say(f"{files[0].name} -> {ADAPTER_WEIGHTS}: {len(names)} tensors, with transformers' names")
    save_file(_apart(_renamed(lora, names)), work.folder / ADAPTER_WEIGHTS, metadata={"format": "pt"})
    if projector:
        say(f"{files[1].name} -> {PROJECTOR_WEIGHTS}: {len(projector)} tensors, with transformers' names")
        tensors = _apart(_renamed(others, projector))
        save_file(tensors, work.folder / PROJECTOR_WEIGHTS, metadata={"format": "pt"})
    adapter |= {
        "base_model_name_or_path": base,
        "target_modules": original_llava.target_modules(names.values()),
        "revision": None,
    }
    _write_json(work.folder / ADAPTER_CONFIG, adapter)
    work.renamed, work.unused = len(names) + len(projector), list(unused)
    return "adapter of the original LLaVA", base


def _convert_network(network: PublishedNetwork, work: _Work, say: Say) -> str:
    """Writes a published ViLBERT, Unified-VLP or EMOTIC CNN as a network of ours, and returns its kind."""
    from emoscene.networks.network import write_network

    found = network.shaped()
    say(f"{', '.join(file.name for file in network.files)} -> {network.kind}: {len(found.tensors)} tensors")
    write_network(work.folder, found.shape, found.about, _apart(found.tensors))
    work.renamed, work.unused = len(found.tensors), list(found.unused)
    if not found.about.labels:
        return f"{network.kind} without a head: name it as `weights` in a recipe of the kind network"
    note = {"format": 1, "recognizer": "network", "options": {"model": "./"}}
    _write_json(work.folder / HOW_TO_ASK, note)
    return network.kind


def _read(file: Path, *, may_be_empty: bool = False) -> dict[str, Any]:
    if file.suffix == ".bin":
        return read_tensors(file, may_be_empty=may_be_empty)
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(file))
    except (SafetensorError, OSError):
        raise ModelFilesError("this file cannot be read", value=file, remedy="Download it again.") from None


def _renamed(tensors: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    renamed = {new: tensors[old] for old, new in names.items()}
    empty = next((name for name, tensor in renamed.items() if not tensor.numel()), None)
    if empty or len(renamed) < len(names):
        raise ModelFilesError(
            "a tensor of this adapter is empty, or there twice: it was not saved whole",
            value=shorten(empty or next(iter(names)), 100),
            remedy="Ask its authors for the whole adapter.",
        )
    return renamed


def _apart(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Tensors with memory of their own: safetensors writes no two names of the same numbers."""
    seen: set[int] = set()
    apart = {}
    for name, tensor in tensors.items():
        storage = tensor.untyped_storage()
        whole = tensor.is_contiguous() and storage.nbytes() == tensor.numel() * tensor.element_size()
        shared = storage.data_ptr() in seen
        seen.add(storage.data_ptr())
        apart[name] = tensor if whole and not shared else tensor.clone(memory_format=_contiguous())
    return apart


def _contiguous() -> Any:
    import torch

    return torch.contiguous_format


def _copy_text(folder: Path, new: Path) -> list[str]:
    """Configuration, tokenizer and template beside the tensors; what else there is stays behind, and is named."""
    left = []
    for file in sorted(folder.iterdir()):
        if file.name == "pytorch_model.bin.index.json" or file.name.startswith("pytorch_model"):
            continue
        if file.suffix in _TEXT and file.is_file() and file.stat().st_size <= _LONGEST_TEXT:
            shutil.copyfile(file, new / file.name)
        else:
            left.append(file.name)
    return left


def _write_json(file: Path, content: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def _appearing(target: Path) -> Iterator[Path]:
    """A folder that gets its name once it is complete, and is gone if it never is."""
    target.parent.mkdir(parents=True, exist_ok=True)
    growing = Path(tempfile.mkdtemp(prefix=f".{target.name[:60]}.", dir=target.parent))
    try:
        yield growing
        growing.chmod(0o755)
        os.rename(growing, target)
    except BaseException:
        shutil.rmtree(growing, ignore_errors=True)
        raise
