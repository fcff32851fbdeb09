"""Kind `head`: people --frozen model--> features, kept --loop--> a head in a run's folder."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from emoscene.catalogue.choosing import resolve
from emoscene.catalogue.entry import is_hub_id
from emoscene.errors import OptionError
from emoscene.networks.head import About, Head, save_head
from emoscene.recognizers.folders import ModelFolder, look_into
from emoscene.recognizers.head_features import Features, default_look, open_features
from emoscene.recognizers.loading import Placement
from emoscene.training.checkpoints import Checkpoints
from emoscene.training.data import People, load_people
from emoscene.training.folder import RunFolder
from emoscene.training.head_cache import FeatureStore, describe
from emoscene.training.head_card import write_card
from emoscene.training.head_recipe import Recipe
from emoscene.training.head_task import Gathered, HeadTask, gather
from emoscene.training.loop import Event, Fitted, Progress, fit, training_device
from emoscene.training.losses import check_parts
from emoscene.training.merge import written_whole

__all__ = ["dry_run", "train"]

Counting = Callable[[int, int], None]


def train(
    recipe: Recipe, out: Path, progress: Progress | None = None, counting: Counting | None = None
) -> None:
    """Run a recipe of the kind `head` into the folder `out`; what is there of it already is gone on with.

    Raises:
        OptionError: if the folder holds another run, or the recipe asks for what the model or data do not have.
        InputError: if people cannot be looked at.
        MissingExtraError, UnknownModelError, ModelNotHereError, ModelFilesError: as loading the model does.
    """
    people = load_people(recipe.data, recipe.seed)
    _check(recipe, people)
    with RunFolder.claim(
        out, recipe, people.describe(), free=("features_batch", "cache", "keep_checkpoints")
    ) as folder:
        if not folder.finished:
            _train(recipe, people, folder, progress, counting)


def dry_run(recipe: Recipe, counting: Counting | None = None) -> dict[str, Any]:
    """What the recipe would train, and on whom, as plain JSON values. Everybody's features are computed and kept.

    Raises as `train` does.
    """
    people = load_people(recipe.data, recipe.seed)
    _check(recipe, people)
    features, _ = _features(recipe, people)
    store = _store(recipe, features)
    gathered = gather(people, features, store, recipe, counting)
    head = _head(recipe, gathered)
    return {
        "data": people.describe(),
        "labels": people.label_counts(),
        "features": {**describe(store), "width": gathered.train.shape[2], "faulty": list(gathered.faulty)},
        "steps": recipe.schedule.all_steps(len(gathered.train)),
        "trained": sum(p.numel() for p in head.parameters()),
    }


def _check(recipe: Recipe, people: People) -> None:
    check_parts(recipe.loss, batch=recipe.schedule.batch, at_once=recipe.schedule.at_once)
    if recipe.schedule.patience is not None and not people.val:
        raise OptionError(
            "early stopping needs people who judge", value="val", remedy="Name a split in data.val."
        )


def _train(
    recipe: Recipe, people: People, folder: RunFolder, progress: Progress | None, counting: Counting | None
) -> None:
    features, base = _features(recipe, people)
    store = _store(recipe, features)
    gathered = gather(people, features, store, recipe, counting)
    told = {**describe(store), "width": gathered.train.shape[2], "faulty": list(gathered.faulty)}
    folder.say(features=told)
    if progress is not None:
        steps = recipe.schedule.all_steps(len(gathered.train))
        progress(Event(0, steps, 0, line={"features": told}))
    head = _head(recipe, gathered)
    task = HeadTask(head, gathered, recipe)
    fitted = fit(task, recipe.schedule, folder, seed=recipe.seed, progress=progress)
    if not folder.leads:
        return
    about = _about(recipe, people, gathered, features, base, fitted)
    written_whole(folder.model, lambda part: _save(recipe, people, head, about, folder, part))
    write_card(folder, recipe, people, gathered, about, fitted)
    folder.finish(fitted=asdict(fitted))
    if not recipe.keep_checkpoints:
        Checkpoints(folder.path / "checkpoints").remove()


def _features(recipe: Recipe, people: People) -> tuple[Features, ModelFolder]:
    folder = _base(recipe.model)
    look = recipe.features or default_look(folder)
    placement = Placement(training_device(recipe.device), recipe.dtype)
    return open_features(folder.path, look, people.labels, placement, recipe.features_batch), folder


def _base(model: str) -> ModelFolder:
    """The folder of the model that a recipe names, as `--model` finds it."""
    choice = resolve(model)
    if choice.recognizer not in ("dual_encoder", "vlm", "language") or "adapter" in choice.options:
        raise OptionError(
            "heads are trained on features of whole dual encoders, vision language and language models",
            value=model,
            remedy="Name such a model; one with an adapter is merged first.",
        )
    return look_into(str(choice.options["model"]))


def _store(recipe: Recipe, features: Features) -> FeatureStore:
    return FeatureStore(features.fingerprint, None if recipe.cache is None else Path(recipe.cache))


def _head(recipe: Recipe, gathered: Gathered) -> Head:
    """A new head; its first weights depend on the seed alone."""
    labels = len(gathered.people.labels)
    with torch.random.fork_rng():
        torch.manual_seed(random.Random(f"head/{recipe.seed}").getrandbits(63))
        head = Head(gathered.train.shape[2], labels, recipe.hidden, recipe.dropout)
    return head.to(training_device(recipe.device))


def _about(
    recipe: Recipe, people: People, gathered: Gathered, features: Features, base: ModelFolder, fitted: Fitted
) -> About:
    look = recipe.features or default_look(base)
    figures = {name: f"{value:.4f}" for name, value in (fitted.best or fitted.last).items()}
    dataset = people.dataset
    return About(
        name=recipe.name,
        base=_base_name(recipe.model, base),
        base_sha256=features.sha256,
        features=look.model_dump(mode="json"),
        label_space=people.labels.name,
        labels=people.labels.ids,
        width=gathered.train.shape[2],
        hidden=recipe.hidden,
        card={
            "data": f"{len(gathered.people.train)} people of {dataset.facts.name}, split {recipe.data.train}",
            "licence": f"that of the data ({dataset.facts.licence}) and of the base model",
            "figures": figures,
        },
    )


def _base_name(model: str, base: ModelFolder) -> str:
    """What to find the base by: its hub id, or else its folder."""
    is_folder = Path(model).expanduser().exists()
    return model if is_hub_id(model) and not is_folder else os.path.abspath(base.path)


def _save(recipe: Recipe, people: People, head: Head, about: About, folder: RunFolder, part: Path) -> None:
    save_head(head, about, people.labels, part)
    folder.write_model_note("head", {"head": "./", "model": about.base}, part, recipe.name)
