"""Recipes: a YAML file, validated, that with its seed says everything a training run needs.

`kind` names the way of training; each way has its own fields. One line in `_KINDS` adds a way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any, cast

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from emoscene.errors import MissingFileError, OptionError

__all__ = ["Part", "dry_run", "kinds", "read_recipe", "run_recipe"]

#: kind -> the module of its recipe class (`Recipe`, or the one behind a colon), and the module whose
#: `train(recipe, out)` runs it. Where that takes them, it is given `progress` and `counting` too, and may have a
#: `dry_run(recipe, counting)`.
_KINDS = {
    "lora": ("emoscene.training.tuning_recipe", "emoscene.training.lora"),
    "full": ("emoscene.training.tuning_recipe:Full", "emoscene.training.lora"),
    "head": ("emoscene.training.head_recipe", "emoscene.training.head"),
    "network": ("emoscene.training.network_recipe", "emoscene.training.network"),
    "scenes-llava": ("emoscene.training.scenes_llava.shape", "emoscene.training.scenes_llava.run"),
}


class Part(BaseModel):
    """A recipe, or a part of one: frozen, and with no field that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def kinds() -> list[str]:
    """The ways of training."""
    return list(_KINDS)


def run_recipe(recipe: Part, out: Path, **watching: Any) -> None:
    """Run a recipe into the folder `out`; what is there already of the same recipe is gone on with.

    Args:
        recipe: The recipe.
        out: The run's folder.
        **watching: `progress`, called with every `loop.Event`, and `counting`, called with people done and people in
            all while the data is looked through; ways of training that do not know them are run without.

    Raises:
        OptionError: if the folder holds a run of another recipe.
    """
    run = _way(recipe).train
    run(recipe, out, **{name: value for name, value in watching.items() if name in signature(run).parameters})


def dry_run(recipe: Part, counting: Callable[[int, int], None] | None = None) -> dict[str, Any]:
    """What a recipe would train, and on whom, as plain JSON values: all people are looked through, nothing is trained.

    Raises:
        OptionError: if this way of training has no dry run.
    """
    run = getattr(_way(recipe), "dry_run", None)
    if run is None:
        raise OptionError(
            "this way of training has no dry run", value=getattr(recipe, "kind", ""), remedy="Train it."
        )
    return cast(dict[str, Any], run(recipe, counting))


def _way(recipe: Part) -> Any:
    return import_module(_KINDS[getattr(recipe, "kind", "")][1])


def read_recipe(recipe: str | Path, changes: Sequence[str] = ()) -> Part:
    """Read and validate a recipe.

    A recipe with the field `extends` begins with what that one says: its own fields replace fields, and fields within
    parts.

    Args:
        recipe: A YAML file, or the name of a recipe that ships, such as `embedded`.
        changes: `key=value` pairs that replace fields; a dot leads into a part, as in `tower_stage.people=9`.

    Raises:
        MissingFileError: if there is no such file and no such recipe.
        OptionError: if it is not YAML, or a field is missing, unknown or impossible; says which.
    """
    path = _find(recipe)
    content = _content(path)
    for change in changes:
        _change(content, change)
    kind = content.get("kind")
    if kind not in _KINDS:
        raise OptionError(
            "the recipe's field kind names no way of training",
            value=kind,
            remedy=f"Choose one of {', '.join(_KINDS)}.",
        )
    module, _, name = _KINDS[kind][0].partition(":")
    shape = getattr(import_module(module), name or "Recipe")
    try:
        return cast(Part, shape.model_validate(content))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise OptionError(
            f"the recipe's field {where} cannot be used",
            value=first["msg"],
            remedy=f"Mend it in {path}{', or in --set' if changes else ''}.",
        ) from None


def _content(path: Path, *below: Path) -> dict[str, Any]:
    """The fields of a recipe over those of the one that it extends."""
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        raise OptionError("the recipe is not YAML", value=path, remedy="Mend its syntax.") from None
    if not isinstance(content, dict):
        raise OptionError(
            "the recipe is no mapping of fields", value=path, remedy="Start from one that ships."
        )
    extended = content.pop("extends", None)
    if extended is None:
        return content
    first = _find(str(extended))
    if first in (path, *below):
        raise OptionError("the recipe extends itself", value=path, remedy="Name another in extends.")
    return _over(_content(first, path, *below), content)


def _over(fields: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """`fields` with those of `own` in their place, part by part."""
    merged = dict(fields)
    for name, value in own.items():
        there = merged.get(name)
        merged[name] = _over(there, value) if isinstance(value, dict) and isinstance(there, dict) else value
    return merged


def _find(recipe: str | Path) -> Path:
    path = Path(recipe)
    if path.is_file():
        return path
    shipped = Path(__file__).parent / "recipes"
    named = shipped / f"{recipe}.yaml"
    if path.name == str(recipe) and named.is_file():
        return named
    names = ", ".join(sorted(f.stem for f in shipped.glob("*.yaml")))
    raise MissingFileError(
        "there is no recipe of this name",
        value=recipe,
        remedy=f"Give a YAML file, or one that ships: {names}.",
    )


def _change(content: dict[str, Any], change: str) -> None:
    """Set a field; parts that the file leaves to their defaults come into being."""
    key, equals, value = change.partition("=")
    *parents, last = key.split(".")
    part: Any = content
    for parent in parents:
        if isinstance(part, dict) and part.get(parent) is None:
            part[parent] = {}
        part = part[parent] if isinstance(part, dict) else None
    if not equals or not isinstance(part, dict):
        raise OptionError(
            "this changes no field of the recipe", value=change, remedy="Write --set schedule.epochs=1."
        )
    part[last] = yaml.safe_load(value)
