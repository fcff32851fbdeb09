"""Low-rank adapters (LoRA in PEFT's layout) on a loaded model: every tensor is used and every layer filled, or it is
an error.

Of `adapter_config.json` only the numbers and module names of LoRA are read. What could import or run something
(`auto_mapping`, `megatron_core`, files named by an initialisation) is never looked at, and tensors come from
safetensors alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emoscene.errors import MissingExtraError, ModelFilesError, OptionError, shorten
from emoscene.recognizers.folders import Kind, look_into, read_json

__all__ = [
    "ADAPTER_CONFIG",
    "ADAPTER_WEIGHTS",
    "PROJECTOR_WEIGHTS",
    "adapter_folder",
    "apply_adapter",
    "base_remark",
]

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
#: Beside an adapter that was converted: the projector that was trained with it, in the base model's names.
PROJECTOR_WEIGHTS = "projector.safetensors"

#: What decides the answers of a LoRA, and is passed on.
_READ = frozenset(
    "r lora_alpha target_modules exclude_modules fan_in_fan_out bias use_rslora use_dora modules_to_save"
    " layers_to_transform layers_pattern rank_pattern alpha_pattern".split()
)
#: What decides nothing once the tensors are there.
_IGNORED = frozenset(
    "peft_type task_type peft_version auto_mapping base_model_name_or_path revision inference_mode lora_dropout"
    " init_lora_weights runtime_config loftq_config eva_config lora_ga_config megatron_config megatron_core"
    " qalora_group_size ensure_weight_tying corda_config".split()
)
#: Initialisations that change the base model's own weights, which must then be changed in the same way.
_CHANGE_THE_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga", "mica")
_HIGHEST_RANK = 8192
_AGAIN = "Take the adapter's folder whole, and the base model that it was trained on."


def adapter_folder(path: str | Path) -> Path:
    """The folder of an adapter, looked into before the model is loaded.

    Raises:
        OptionError: if it holds a whole model.
        ModelNotHereError, ModelFilesError, UnknownModelError: as `look_into` does.
    """
    folder = look_into(path)
    if folder.kind is not Kind.ADAPTER:
        raise OptionError(
            f"this is a {folder.kind} model and no adapter", value=path, remedy="Give it as --model instead."
        )
    return folder.path


def apply_adapter(model: Any, folder: Path, *, merge: bool) -> Any:
    """A model with an adapter on it.

    Args:
        model: A loaded model of transformers; it is changed.
        folder: With `adapter_config.json` and `adapter_model.safetensors`, and if the projector was trained too,
            `projector.safetensors`.
        merge: Add the adapter to the model's weights: faster answers, equal up to rounding. Otherwise it runs beside.

    Returns:
        A model of the same class, in evaluation mode.

    Raises:
        MissingExtraError: if peft is not installed.
        ModelFilesError: if files are missing or broken, or the adapter does not fit the model tensor by tensor.
    """
    peft, torch = _peft()
    config = _lora_config(peft, folder)
    tensors = _tensors(folder / ADAPTER_WEIGHTS)
    if (folder / PROJECTOR_WEIGHTS).is_file():
        _replace(model, _tensors(folder / PROJECTOR_WEIGHTS), folder)
    # The adapter's first values are drawn and then all replaced; that draw must not shift anyone else's.
    with _fitting(folder), torch.random.fork_rng(devices=[]):
        adapted = peft.get_peft_model(model, config)
        _fill(adapted, tensors, folder)
        whole = adapted.merge_and_unload(safe_merge=True) if merge else adapted.get_base_model()
    return whole.requires_grad_(False).eval()


def base_remark(folder: Path, base: Path) -> str:
    """A sentence if the base model's folder does not look like the one that the adapter names; else nothing."""
    named = read_json(folder / ADAPTER_CONFIG).get("base_model_name_or_path")
    if not isinstance(named, str) or not named:
        return ""
    parts = base.absolute().parts
    last = Path(named).name
    if last in parts or f"models--{named.replace('/', '--')}" in parts or Path(named) == base:
        return ""
    return f"this adapter was trained on {shorten(named, 60)}, not on {shorten(base.name, 60)}"


def _lora_config(peft: Any, folder: Path) -> Any:
    given = read_json(folder / ADAPTER_CONFIG)
    if given.get("peft_type") != "LORA":
        raise ModelFilesError(
            "only adapters of the type LORA can be loaded", value=given.get("peft_type"), remedy=_merge_it()
        )
    for name, value in given.items():
        if name not in _READ | _IGNORED and value:
            raise ModelFilesError(
                f"this adapter uses {shorten(name, 40)!r}, which is not read", remedy=_merge_it()
            )
    first = given.get("init_lora_weights")
    if isinstance(first, str) and first.startswith(_CHANGE_THE_BASE):
        raise ModelFilesError(
            "this adapter changed the base model's own weights when its training began",
            value=first,
            remedy="Save it again with PEFT's path_initial_model_for_weight_conversion.",
        )
    rank = given.get("r")
    if type(rank) is not int or not 0 < rank <= _HIGHEST_RANK or not given.get("target_modules"):
        raise ModelFilesError(
            f"the adapter's {ADAPTER_CONFIG} has no rank or no modules", value=folder, remedy=_AGAIN
        )
    try:
        return peft.LoraConfig(**{name: value for name, value in given.items() if name in _READ})
    except (TypeError, ValueError):
        raise ModelFilesError(
            f"the adapter's {ADAPTER_CONFIG} cannot be read", value=folder, remedy=_AGAIN
        ) from None


def _merge_it() -> str:
    return "Merge it into its base model with the library that trained it, and give that folder."


def _tensors(file: Path) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(file, device="cpu"))
    except (SafetensorError, OSError):
        raise ModelFilesError(
            f"the adapter's {file.name} is missing or cannot be read",
            value=file.parent,
            remedy=f"Copy the folder whole; if it has a .bin instead: emoscene models convert {file.parent}",
        ) from None


def _fill(adapted: Any, tensors: dict[str, Any], folder: Path) -> None:
    """Load the tensors; whatever was not replaced is still not a number afterwards, and that is how it is found."""
    import torch
    from peft import set_peft_model_state_dict

    own = {name: p for name, p in adapted.named_parameters() if p.requires_grad}
    with torch.no_grad():
        for parameter in own.values():
            parameter.fill_(float("nan"))
    result = set_peft_model_state_dict(adapted, tensors)
    if result.unexpected_keys:
        raise _does_not_fit("have no place in the model", list(result.unexpected_keys), folder)
    unfilled = [name for name, parameter in own.items() if not torch.isfinite(parameter).all()]
    if unfilled:
        raise _does_not_fit("are missing from the adapter, or are no numbers", unfilled, folder)


def _replace(model: Any, tensors: dict[str, Any], folder: Path) -> None:
    """Put the projector's tensors over the base model's."""
    import torch

    own = {name: p for name, p in model.named_parameters() if ".multi_modal_projector." in f".{name}"}
    if unknown := sorted(set(tensors) - set(own)):
        raise _does_not_fit("of the projector have no place in the model", unknown, folder)
    if lacking := sorted(set(own) - set(tensors)):
        raise _does_not_fit("of the projector are missing", lacking, folder)
    for name, parameter in own.items():
        if parameter.shape != tensors[name].shape or not torch.isfinite(tensors[name]).all():
            raise _does_not_fit("of the projector have another shape, or are no numbers", [name], folder)
        with torch.no_grad():
            parameter.copy_(tensors[name])


def _does_not_fit(how: str, names: list[str], folder: Path) -> ModelFilesError:
    return ModelFilesError(
        f"the adapter does not fit this model: {len(names)} tensors {how}, such as {shorten(names[0], 90)}",
        value=folder.name,
        remedy=_AGAIN,
    )


@contextmanager
def _fitting(folder: Path) -> Iterator[None]:
    """PEFT says in errors of many kinds that modules or shapes do not fit; here they are one. Its warnings are about
    training, or about what is checked here tensor by tensor."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (ValueError, KeyError, RuntimeError, TypeError, AttributeError) as error:
        said = str(error).strip().splitlines() or [""]
        raise ModelFilesError(
            f"the adapter does not fit this model ({shorten(said[0], 160)})", value=folder.name, remedy=_AGAIN
        ) from error


def _peft() -> tuple[Any, Any]:
    try:
        import peft
        import torch
    except ImportError as missing:
        raise MissingExtraError.of("models", missing.name or "peft") from None
    return peft, torch
