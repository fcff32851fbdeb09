"""Adapters of the original LLaVA code, told in the names of transformers.

    original                                                   transformers
    base_model.model.model.layers.N.self_attn.q_proj.lora_A    base_model.model.model.language_model.layers.N....
    base_model.model.model.mm_projector.{0,2}.{weight,bias}    model.multi_modal_projector.linear_{1,2}.{weight,bias}

The original trains LoRA on the linear layers of the language model, whose modules stand at `model.layers` there, and
the whole projector, which it saves apart in `non_lora_trainables.bin` (haotian-liu/LLaVA, llava/train/train.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from emoscene.errors import ModelFilesError, shorten

__all__ = ["base_of", "is_original", "lora_names", "projector_names", "target_modules"]

_LORA = re.compile(
    r"base_model\.model\.model\.layers\.(?P<layer>\d+)\.(?P<module>[a-z_.]+)"
    r"\.lora_(?P<side>[AB])(?:\.default)?\.weight"
)
_PROJECTOR = re.compile(
    r"(?:module\.)?(?:base_model\.model\.)?(?:model\.)?mm_projector\.([02])\.(weight|bias)"
)
#: Buffers that are computed anew wherever they are needed.
_COMPUTED = re.compile(r".*\.(rotary_emb\.inv_freq|position_ids)")
_BASES = {
    "llava-v1.5-7b": "llava-hf/llava-1.5-7b-hf",
    "llava-v1.5-13b": "llava-hf/llava-1.5-13b-hf",
    "llava-v1.6-mistral-7b": "llava-hf/llava-v1.6-mistral-7b-hf",
    "llava-v1.6-vicuna-7b": "llava-hf/llava-v1.6-vicuna-7b-hf",
    "llava-v1.6-vicuna-13b": "llava-hf/llava-v1.6-vicuna-13b-hf",
}


def is_original(adapter: Mapping[str, Any], config: Mapping[str, Any], others: Iterable[str]) -> bool:
    """Whether an adapter comes from the original code: its own files say so, or the name of its base.

    Args:
        adapter: `adapter_config.json`.
        config: The `config.json` beside it, if any.
        others: Names of the tensors that were trained whole.
    """
    base = str(adapter.get("base_model_name_or_path") or "").rstrip("/").rsplit("/", 1)[-1]
    original = any("mm_projector" in name for name in others) or "mm_vision_tower" in config
    return base in _BASES or original


def base_of(adapter: Mapping[str, Any], asked: str | None) -> str:
    """The hub id in transformers' layout of the model that an adapter was trained on.

    Raises:
        ModelFilesError: if it is none that is published in that layout.
    """
    if asked:
        return asked
    named = str(adapter.get("base_model_name_or_path") or "").rstrip("/")
    base = _BASES.get(named.rsplit("/", 1)[-1])
    if base is None:
        raise ModelFilesError(
            "it is not known which model in transformers' layout this adapter belongs to",
            value=named or "no base named",
            remedy="If you know it: --base HUB_ID, such as llava-hf/llava-1.5-13b-hf",
        )
    return base


def lora_names(names: Iterable[str]) -> dict[str, str]:
    """Old name to new name of each low-rank tensor.

    Raises:
        ModelFilesError: if a name is not of the language model's layers.
    """
    renamed = {}
    for name in names:
        match = _LORA.fullmatch(name)
        if match is None:
            raise _untold(name)
        where = f"base_model.model.model.language_model.layers.{match['layer']}.{match['module']}"
        renamed[name] = f"{where}.lora_{match['side']}.weight"
    return renamed


def projector_names(names: Iterable[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Old name to new name of the projector's tensors, and the names that nobody needs.

    Raises:
        ModelFilesError: if something else was trained too, which would be lost.
    """
    renamed, unused = {}, []
    for name in names:
        if match := _PROJECTOR.fullmatch(name):
            layer = {"0": "linear_1", "2": "linear_2"}[match[1]]
            renamed[name] = f"model.multi_modal_projector.{layer}.{match[2]}"
        elif _COMPUTED.fullmatch(name):
            unused.append(name)
        else:
            raise _untold(name)
    return renamed, tuple(unused)


def target_modules(names: Iterable[str]) -> str:
    """A pattern that finds exactly the modules of these tensors (new names): bare names would also find those of
    the same name in the vision tower, which the original never adapts."""
    inside = re.compile(r"base_model\.model\.model\.language_model\.layers\.\d+\.(.+)\.lora_[AB]\.weight")
    modules = sorted({match[1] for name in names if (match := inside.fullmatch(name))})
    return rf"model\.language_model\.layers\.\d+\.({'|'.join(re.escape(module) for module in modules)})"


def _untold(name: str) -> ModelFilesError:
    return ModelFilesError(
        "this adapter trained a part that has no place in transformers' layout",
        value=shorten(name, 100),
        remedy="Merge it into its base model with the original code, and give that folder.",
    )
