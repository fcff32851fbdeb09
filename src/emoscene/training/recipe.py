"""Recipes: a YAML file, validated, that with its seed says everything a training run needs.

`kind` names the way of training; each way has its own fields. One line in `_KINDS` adds a way.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from emoscene.errors import MissingFileError, OptionError

__all__ = ["Part", "kinds", "read_recipe", "run_recipe"]

#: kind -> the module of its recipe class (`Recipe`), and the module whose `train(recipe, out)` runs it.
_KINDS = {
    "scenes-llava": ("emoscene.training.scenes_llava.shape", "emoscene.training.scenes_llava.run"),
}


class Part(BaseModel):
    """A recipe, or a part of one: frozen, and with no field that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def kinds() -> list[str]:
    """The ways of training."""
    return list(_KINDS)


def run_recipe(recipe: Part, out: Path) -> None:
    """Run a recipe into the folder `out`; what is there already of the same recipe is gone on with.

    Raises:
        OptionError: if the folder holds a run of another recipe.
    """
    import_module(_KINDS[getattr(recipe, "kind")][1]).train(recipe, out)  # noqa: B009


def read_recipe(recipe: str | Path, changes: Sequence[str] = ()) -> Part:
    """Read and validate a recipe.

    Args:
        recipe: A YAML file, or the name of a recipe that ships, such as `embedded`.
        changes: `key=value` pairs that replace fields; a dot leads into a part, as in `tower_stage.people=9`.

    Raises:
        MissingFileError: if there is no such file and no such recipe.
        OptionError: if it is not YAML, or a field is missing, unknown or impossible; says which.
    """
    path = _find(recipe)
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        raise OptionError("the recipe is not YAML", value=path, remedy="Mend its syntax.") from None
    if not isinstance(content, dict):
        raise OptionError(
            "the recipe is no mapping of fields", value=path, remedy="Start from one that ships."
        )
    for change in changes:
        _change(content, change)
    kind = content.get("kind")
    if kind not in _KINDS:
        raise OptionError(
            "the recipe's field kind names no way of training",
            value=kind,
            remedy=f"Choose one of {', '.join(_KINDS)}.",
        )
    shape = import_module(_KINDS[kind][0]).Recipe
    try:
        return cast(Part, shape.model_validate(content))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise OptionError(
            f"the recipe's field {where} cannot be used", value=first["msg"], remedy=f"Mend it in {path}."
        ) from None


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
    key, equals, value = change.partition("=")
    *parents, last = key.split(".")
    part: Any = content
    for parent in parents:
        part = part.get(parent) if isinstance(part, dict) else None
    if not equals or not isinstance(part, dict):
        raise OptionError(
            "this changes no field of the recipe", value=change, remedy="Write --set tower_stage.people=9."
        )
    part[last] = yaml.safe_load(value)
