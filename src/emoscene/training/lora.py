"""Kinds `lora` and `full`: a generative model, fine-tuned into a run's folder.

people --> folder claimed --> model, adapter --> dry run over everybody --> loop --> model/, card, merged/
"""

from __future__ import annotations

import os
import random
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from emoscene.catalogue.entry import find, is_hub_id
from emoscene.errors import MissingExtraError
from emoscene.recognizers.folders import Kind, ModelFolder
from emoscene.recognizers.loading import Placement
from emoscene.training.asker import base_of, load_base, make_asker, options_of
from emoscene.training.card import write_card
from emoscene.training.checkpoints import Checkpoints
from emoscene.training.data import People, load_people
from emoscene.training.folder import RunFolder
from emoscene.training.layers import lora_targets, projectors, train_parts
from emoscene.training.loop import Progress, fit, training_device
from emoscene.training.merge import save_adapter, save_merged, save_whole, written_whole
from emoscene.training.rehearsal import check_validation, rehearse, without
from emoscene.training.tuning import TuningTask
from emoscene.training.tuning_recipe import Full, Lora, Recipe, Tuning

__all__ = ["Start", "add_lora", "dry_run", "start_tuning", "train"]

Counting = Callable[[int, int], None]


@dataclass(frozen=True)
class Start:
    """The model, ready to be trained; `adapted` is PEFT's model round it, where there is an adapter."""

    base: ModelFolder
    model: Any
    adapted: Any
    task: TuningTask


def train(
    recipe: Tuning, out: Path, progress: Progress | None = None, counting: Counting | None = None
) -> None:
    """Run a recipe of the kind `lora` or `full` into the folder `out`; what is there of it already is gone on with.

    Raises:
        OptionError: if the folder holds another run, or the recipe asks for what the model or data do not have.
        InputError: if people cannot be trained on.
        MissingExtraError, UnknownModelError, ModelNotHereError, ModelFilesError: as loading the model does.
    """
    people = load_people(recipe.data, recipe.seed)
    check_validation(people, recipe)
    with RunFolder.claim(out, recipe, people.describe(), free=("merge", "keep_checkpoints")) as folder:
        if not folder.finished:
            _train(recipe, people, folder, progress, counting)
        merged = folder.path / "merged"
        if isinstance(recipe, Recipe) and recipe.merge and not merged.is_dir() and folder.leads:
            written_whole(merged, lambda part: _merge(recipe, folder, part))


def dry_run(recipe: Tuning, counting: Counting | None = None) -> dict[str, Any]:
    """What the recipe would train, and on whom, as plain JSON values. Raises as `train` does."""
    people = load_people(recipe.data, recipe.seed)
    check_validation(people, recipe)
    start = start_tuning(recipe, people)
    return {
        "data": people.describe(),
        "labels": people.label_counts(),
        "rehearsal": rehearse(start.task, recipe, counting).plain(),
    }


def add_lora(model: Any, lora: Lora, seed: int) -> Any:
    """PEFT's model round `model`, whose own weights no longer train. The adapter's first values depend on the seed."""
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as missing:
        raise MissingExtraError.of("train", missing.name or "peft") from None
    config = LoraConfig(
        r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=lora_targets(model, lora),
        modules_to_save=projectors(model) if lora.projector else None, bias="none",
    )  # fmt: skip
    with torch.random.fork_rng(), warnings.catch_warnings():
        # PEFT asks the model by a name that transformers gives up.
        warnings.filterwarnings("ignore", ".*is_gradient_checkpointing", FutureWarning)
        torch.manual_seed(random.Random(f"adapter/{seed}").getrandbits(63))
        return get_peft_model(model, config)


def _train(
    recipe: Tuning, people: People, folder: RunFolder, progress: Progress | None, counting: Counting | None
) -> None:
    if (known := folder.manifest.get("rehearsal")) is not None:
        people = without(people, known["faulty"])
    start = start_tuning(recipe, people)
    if known is None:
        rehearsal = rehearse(start.task, recipe, counting)
        known = rehearsal.plain()
        folder.say(rehearsal=known, base={"model": recipe.model, "folder": start.base.path.name})
        if rehearsal.faulty:
            start.task.replace_people(without(people, rehearsal.faulty))
    fitted = fit(start.task, recipe.schedule, folder, seed=recipe.seed, progress=progress)
    if not folder.leads:
        return
    written_whole(folder.model, lambda part: _save(recipe, start, folder, part))
    about = {
        "what": _WHAT[start.base.kind], "base": recipe.model, "licence": people.dataset.facts.licence,
        "rehearsal": known, "data": people.describe(), "fitted": asdict(fitted),
    }  # fmt: skip
    write_card(folder, recipe, about)
    folder.finish(fitted=asdict(fitted))
    if not recipe.keep_checkpoints:
        Checkpoints(folder.path / "checkpoints").remove()


_WHAT = {Kind.VLM: "A vision language model", Kind.LANGUAGE: "A language model that reads words"}


def start_tuning(recipe: Tuning, people: People) -> Start:
    """The model loaded, with its adapter, and the task round it. Raises as `train` does."""
    base = base_of(recipe.model)
    dtype = "float32" if isinstance(recipe, Full) else recipe.dtype
    model, processor = load_base(base, Placement(training_device(recipe.device), dtype))
    adapted = None
    if isinstance(recipe, Recipe):
        adapted = add_lora(model, recipe.lora, recipe.seed)
    elif isinstance(recipe, Full):
        train_parts(model, recipe.parts)
    if recipe.gradient_checkpointing:
        _recompute_activations(model)
    asker = make_asker(recipe, base, model, processor, people.labels)
    return Start(base, model, adapted, TuningTask(model, asker, people, recipe))


def _recompute_activations(model: Any) -> None:
    """Gradient checkpointing, by the name that this release of transformers has for it."""
    how = {"use_reentrant": False}
    if hasattr(model, "activation_checkpointing_enable"):
        model.activation_checkpointing_enable(activation_checkpointing_kwargs=how)
    else:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs=how)


def _save(recipe: Tuning, start: Start, folder: RunFolder, part: Path) -> None:
    asked = options_of(recipe, start.base.kind)
    recognizer = "vlm" if start.base.kind is Kind.VLM else "language"
    if start.adapted is None:
        save_whole(start.model, start.base, part)
        folder.write_model_note(recognizer, {"model": "./", **asked}, part, recipe.name)
        return
    base = _base_name(recipe, start.base)
    save_adapter(start.adapted, base, part)
    folder.write_model_note(recognizer, {"model": base, "adapter": "./", **asked}, part, recipe.name)


def _merge(recipe: Recipe, folder: RunFolder, part: Path) -> None:
    base = base_of(recipe.model)
    save_merged(base, folder.model, part, recipe.dtype)
    recognizer = "vlm" if base.kind is Kind.VLM else "language"
    folder.write_model_note(recognizer, {"model": "./", **options_of(recipe, base.kind)}, part, recipe.name)


def _base_name(recipe: Tuning, base: ModelFolder) -> str:
    """What to find the base by: its hub id, or else its folder."""
    if Path(recipe.model).expanduser().exists():
        return os.path.abspath(base.path)
    entry = find(recipe.model)
    if entry is not None and entry.hub and not entry.subfolder:
        return entry.hub
    return recipe.model if is_hub_id(recipe.model) else os.path.abspath(base.path)
