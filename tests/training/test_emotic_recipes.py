"""The recipes for EMOTIC: every one is valid, and the settings differ in nothing but what makes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import emoscene.training
from emoscene.catalogue.entry import known
from emoscene.training.recipe import read_recipe
from emoscene.training.tuning_recipe import Recipe

FOLDER = Path(emoscene.training.__file__).parent / "recipes"
NAMES = sorted(file.stem for file in FOLDER.glob("emotic-*.yaml"))
MODELS = ("llava-1.5-7b", "llava-1.5-13b", "qwen2.5-vl-3b", "qwen2.5-vl-7b", "smolvlm-2.2b")
SETTINGS = ("train", "val", "val-aug", "scores")


def tuned(name: str) -> Recipe:
    recipe = read_recipe(name)
    assert isinstance(recipe, Recipe)
    return recipe


def plain(name: str) -> dict[str, Any]:
    """A recipe without what belongs to its model."""
    fields = tuned(name).model_dump(mode="json")
    fields["schedule"].pop("at_once")
    return {key: value for key, value in fields.items() if key not in ("name", "model", "lora")}


@pytest.mark.parametrize("model", MODELS)
def test_every_model_has_every_setting(model: str) -> None:
    assert known(model).recognizer == "vlm"
    for setting in SETTINGS:
        name = f"emotic-{model}-{setting}"
        recipe = tuned(name)
        assert (recipe.name, recipe.model, recipe.data.dataset) == (name, model, "emotic")
        assert plain(name) == plain(f"emotic-llava-1.5-7b-{setting}")


@pytest.mark.parametrize("name", NAMES)
def test_nobody_judges_who_is_trained_on_and_no_test_person_is_seen(name: str) -> None:
    recipe: Any = read_recipe(name)
    if recipe.data.dataset != "emotic":
        return
    splits = {recipe.data.train, recipe.data.val}
    assert splits == {"train", "val"}
    # Cut-offs are fitted on val afterwards, so that its pictures must not have been trained on.
    assert recipe.data.options["leaked"] == ("leave_out" if recipe.data.train == "train" else "keep")


def test_settings_are_the_papers() -> None:
    train, val, aug, few, scores = (
        tuned(f"emotic-llava-1.5-13b-{setting}")
        for setting in ("train", "val", "val-aug", "val-100", "scores")
    )
    assert [each.target.answer for each in (train, val, aug, few)] == ["label_list"] * 4
    assert all(each.ask.prompt == "paper" and each.ask.point == "redbox" for each in (train, val, aug, few))
    assert (train.data.balance, val.data.balance, few.data.samples) == (None, None, 100)
    assert aug.data.balance is not None
    assert aug.data.augment is not None
    assert (scores.target.answer, scores.schedule.watch) == ("yes_no", "mean_ap")
