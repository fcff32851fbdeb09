"""Which parts of a model of transformers are trained: by what they are called in its family."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from emoscene.errors import OptionError
from emoscene.training.tuning_recipe import Layers, Lora

__all__ = ["decoder_name", "lora_targets", "projectors", "train_parts"]

#: The last names of linear layers in the decoders of transformers.
_NAMES: dict[Layers, tuple[str, ...]] = {
    "attention": (
        "q_proj", "k_proj", "v_proj", "o_proj", "out_proj", "qkv_proj", "query_key_value", "c_attn", "in_proj_qkv",
    ),
    "mlp": (
        "gate_proj", "up_proj", "down_proj", "gate_up_proj", "fc1", "fc2", "c_fc", "c_proj", "dense_h_to_4h",
        "dense_4h_to_h",
    ),
}  # fmt: skip
_NAMES["all"] = _NAMES["attention"] + _NAMES["mlp"]
#: What stands between vision tower and decoder: LLaVA and InternVL, Idefics and SmolVLM, Qwen.
_PROJECTORS = ("multi_modal_projector", "connector", "merger")


def decoder_name(model: Any) -> str:
    """Where the decoder stands in the model."""
    decoder = model.get_decoder()
    return str(next(name for name, module in model.named_modules() if module is decoder))


def lora_targets(model: Any, lora: Lora) -> str:
    """The linear layers that get an adapter, as one regular expression: bare names would hit the vision tower too.

    Raises:
        OptionError: if the decoder has no such layers; says which it has.
    """
    decoder = decoder_name(model)
    wanted = lora.modules or _NAMES[lora.layers]
    there = set(_linear_layers(model.get_decoder()))
    chosen = sorted(there & set(wanted))
    if not chosen or (lora.modules and len(chosen) < len(set(wanted))):
        raise OptionError(
            "the decoder has no layers of these names",
            value=", ".join(sorted(set(wanted) - there)),
            remedy=f"Name some of these in lora.modules: {', '.join(sorted(there))}.",
        )
    return rf"{re.escape(decoder)}\..*\.({'|'.join(map(re.escape, chosen))})"


def projectors(model: Any) -> list[str]:
    """What stands between vision tower and decoder.

    Raises:
        OptionError: if nothing of the model is called so.
    """
    found = [name for name, _ in model.named_modules() if name.rpartition(".")[2] in _PROJECTORS]
    if not found:
        raise OptionError(
            "no projector was found in this model",
            value=model.config.model_type,
            remedy="Leave the projector out of what is trained.",
        )
    return found


def train_parts(model: Any, parts: str) -> None:
    """Let gradients reach the `decoder` (with its head), that and the `projector`, or `all`."""
    model.requires_grad_(parts == "all")
    if parts == "all":
        return
    model.get_decoder().requires_grad_(True)
    model.get_output_embeddings().requires_grad_(True)
    if parts == "projector":
        for name in projectors(model):
            model.get_submodule(name).requires_grad_(True)


def _linear_layers(module: Any) -> Iterator[str]:
    """The last names of linear layers (GPT-2 calls its own Conv1D)."""
    for name, part in module.named_modules():
        if type(part).__name__ in ("Linear", "Conv1D") and name:
            yield name.rpartition(".")[2]
