"""What a model folder in Hugging Face layout holds, read from its small files alone.

Nothing here imports torch or transformers: a folder that cannot be used is refused in milliseconds, with the remedy.
"""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emoscene.errors import ModelFilesError, ModelNotHereError, UnknownModelError, shorten

__all__ = ["ADAPTER_FILE", "HOW_TO_ASK", "Kind", "ModelFolder", "look_into", "read_json"]


class Kind(enum.StrEnum):
    """What a model takes and gives."""

    DUAL_ENCODER = "dual-encoder"
    VLM = "vlm"
    CAPTIONER = "captioner"
    LANGUAGE = "language"
    SENTENCES = "sentence-encoder"
    DETECTOR = "detector"
    ADAPTER = "adapter"


#: By `model_type`, where the architecture's name does not say it.
_DUAL_ENCODERS = frozenset(
    {"clip", "siglip", "siglip2", "chinese_clip", "altclip", "metaclip_2", "vision-text-dual-encoder"}
)
_CAPTIONERS = frozenset({"blip", "blip-2", "git", "vision-encoder-decoder"})
_SENTENCES = frozenset({"bert", "mpnet", "roberta", "xlm-roberta", "distilbert", "nomic_bert", "modernbert"})
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_OTHER_RUNTIMES = ("*.h5", "*.msgpack", "*.gguf", "*.onnx")
ADAPTER_FILE = "adapter_config.json"
#: In the folder of a model that emoscene trained: which recognizer asks it, and with which options.
HOW_TO_ASK = "emoscene-run.json"


@dataclass(frozen=True)
class ModelFolder:
    """A folder whose configuration could be read and whose weights are safetensors.

    `base` names the model that an adapter was trained on: a folder or a hub id; empty for whole models.
    """

    path: Path
    kind: Kind
    model_type: str
    config: dict[str, Any]
    base: str = ""


def look_into(folder: str | Path) -> ModelFolder:
    """What a folder holds.

    Raises:
        ModelNotHereError: if there is no such folder.
        UnknownModelError: if it holds no model, or one of a kind that nothing here can ask.
        ModelFilesError: if its weights are missing, incomplete or not safetensors, or its configuration is broken.
    """
    path = Path(folder)
    if not path.is_dir():
        raise ModelNotHereError(
            "there is no model folder here",
            value=folder,
            remedy="Check the path, or download a model with: emoscene models pull NAME",
        )
    if (path / ADAPTER_FILE).is_file():
        config = read_json(path / ADAPTER_FILE)
        _check_weights(path, "adapter_model.safetensors")
        base = config.get("base_model_name_or_path")
        return ModelFolder(path, Kind.ADAPTER, "", config, base if isinstance(base, str) else "")
    if not (path / "config.json").is_file():
        raise UnknownModelError(
            "this folder holds no model: it has no config.json",
            value=folder,
            remedy="Give the folder of a model in Hugging Face layout.",
        )
    config = read_json(path / "config.json")
    model_type = str(config.get("model_type", ""))
    kind = _kind(config, model_type)
    if kind is None:
        raise UnknownModelError(
            f"models of the type {shorten(model_type, 40)!r} are of no kind that emoscene can ask",
            value=path.name,
            remedy="It asks dual encoders, vision language models, captioners, language models and detectors.",
        )
    _check_weights(path, "model.safetensors")
    return ModelFolder(path, kind, model_type, config)


def _kind(config: dict[str, Any], model_type: str) -> Kind | None:
    named = config.get("architectures")
    architecture = str(named[0]) if isinstance(named, list) and named else ""
    if model_type in _DUAL_ENCODERS:
        return Kind.DUAL_ENCODER
    if model_type in _CAPTIONERS:
        return Kind.CAPTIONER
    if architecture.endswith("ForObjectDetection"):
        return Kind.DETECTOR
    if "vision_config" in config or architecture.endswith("ForImageTextToText"):
        return Kind.VLM
    if architecture.endswith(("ForCausalLM", "LMHeadModel")):
        return Kind.LANGUAGE
    if model_type in _SENTENCES:
        return Kind.SENTENCES
    return None


def _check_weights(path: Path, single: str) -> None:
    index = path / f"{single}.index.json"
    if index.is_file():
        wanted = read_json(index).get("weight_map")
        shards = sorted({str(s) for s in wanted.values()}) if isinstance(wanted, dict) else []
        lacking = [shard for shard in shards if not (path / shard).is_file()]
        if not shards or lacking:
            raise ModelFilesError(
                "a part of the model's weights is missing",
                value=path / (lacking[0] if lacking else index.name),
                remedy="Run `emoscene models pull` again, or copy the folder whole.",
            )
        return
    if (path / single).is_file():
        return
    if any(next(path.glob(pattern), None) for pattern in _PICKLES):
        raise ModelFilesError(
            "this folder has its weights only as pickles (.bin, .pt), which can run code when they are read",
            value=path,
            remedy=f"Convert them once with: emoscene models convert {shorten(path)}",
        )
    others = [p for pattern in _OTHER_RUNTIMES for p in path.glob(pattern)]
    found = f" (only {others[0].name})" if others else ""
    raise ModelFilesError(
        f"this folder has no weights: there is no {single}{found}",
        value=path,
        remedy="Run `emoscene models pull` again, or copy the folder whole.",
    )


def read_json(file: Path) -> dict[str, Any]:
    """The settings in a JSON file.

    Raises:
        ModelFilesError: if it is no JSON object.
    """
    try:
        data = json.loads(file.read_text("utf-8"))
    except (ValueError, OSError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise ModelFilesError(
            f"the model's {file.name} cannot be read",
            value=file.parent,
            remedy="Copy or pull the folder again.",
        )
    return data
