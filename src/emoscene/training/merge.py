"""What training leaves behind: an adapter in PEFT's layout, a whole model, or a base model with the adapter merged."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emoscene.recognizers.adapters import ADAPTER_WEIGHTS, apply_adapter
from emoscene.recognizers.folders import ModelFolder
from emoscene.recognizers.loading import Placement, quiet
from emoscene.training.asker import load_base

__all__ = ["save_adapter", "save_merged", "save_whole", "written_whole"]

#: Files beside the weights: configuration, tokenizer, templates, licences, a domain rule.
_BESIDE = (".json", ".jinja", ".model", ".txt", ".npz", ".md")
_NOT_BESIDE = (
    "model.safetensors.index.json",
    "pytorch_model.bin.index.json",
    "README.md",
    "emoscene-run.json",
)


def written_whole(folder: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a folder that is there whole or not at all. One of an earlier attempt is replaced."""
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    write(part)
    for file in part.rglob("*"):
        if file.is_file():
            with file.open("rb") as stream:
                os.fsync(stream.fileno())
    shutil.rmtree(folder, ignore_errors=True)
    part.replace(folder)


def save_adapter(adapted: Any, base: str, folder: Path) -> None:
    """The adapter of a PEFT model, as `PeftModel.save_pretrained` lays it out, with the name of its base."""
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    config = adapted.peft_config["default"]
    config.inference_mode, config.base_model_name_or_path = True, base
    tensors = get_peft_model_state_dict(adapted)
    save_file({name: t.detach().contiguous().cpu() for name, t in tensors.items()}, folder / ADAPTER_WEIGHTS)
    config.save_pretrained(folder)


def save_whole(model: Any, base: ModelFolder, folder: Path) -> None:
    """A model in the hub's layout: its weights, and the base's files for pictures and text."""
    import transformers

    for file in sorted(base.path.iterdir()):
        if file.suffix in _BESIDE and file.name not in _NOT_BESIDE and file.is_file():
            shutil.copyfile(file, folder / file.name)
    with quiet(transformers):
        model.save_pretrained(folder)


def save_merged(base: ModelFolder, adapter: Path, folder: Path, dtype: str) -> None:
    """The base model with the adapter added to its weights, on the CPU."""
    model, _ = load_base(base, Placement("cpu", dtype))
    save_whole(apply_adapter(model, adapter, merge=True), base, folder)
