"""Recipes: a YAML file, validated, that with its seed says everything a training run needs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from emoscene.errors import MissingFileError, OptionError

__all__ = ["DecoderShape", "Recipe", "Stage", "TowerShape", "read_recipe"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TowerShape(_Part):
    """A Swin tower; `size` is the side of the square picture in pixels, `patch` that of a patch."""

    size: Annotated[int, Field(ge=32, le=448)]
    patch: int
    embed: int
    depths: tuple[int, ...]
    heads: tuple[int, ...]
    window: int


class DecoderShape(_Part):
    """A Llama decoder."""

    hidden: int
    intermediate: int
    layers: int
    heads: int
    context: int


class Stage(_Part):
    """One training stage: how many drawn people it sees, and the step size (cosine to a twentieth, warmed up)."""

    people: Annotated[int, Field(ge=1)]
    batch: Annotated[int, Field(ge=1)]
    rate: float
    warm_up: int
    weight_decay: float = 0.05
    dense_weight: float = 1.0
    painted_share: float = 0.1


class DomainPictures(_Part):
    """How many pictures the domain rule is fitted on, and how many others set its limit."""

    fit: Annotated[int, Field(ge=2)] = 6_000
    limit: Annotated[int, Field(ge=2)] = 3_000


class Recipe(_Part):
    """The recipe of a small vision language model trained from nothing on drawn scenes."""

    kind: Literal["scenes-llava"]
    name: str
    seed: int
    vocabulary_scenes: Annotated[int, Field(ge=1)] = 6_000
    tower: TowerShape
    decoder: DecoderShape
    tower_stage: Stage
    language_stage: Stage
    domain: DomainPictures = DomainPictures()


def read_recipe(recipe: str | Path, changes: Sequence[str] = ()) -> Recipe:
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
    try:
        return Recipe.model_validate(content)
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
