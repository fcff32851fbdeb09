"""Recipes: a YAML file, validated, that with its seed says everything a training run needs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

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


def read_recipe(path: Path) -> Recipe:
    """Read and validate a recipe.

    Raises:
        MissingFileError: if there is no such file.
        OptionError: if it is not YAML, or a field is missing, unknown or impossible; says which.
    """
    if not path.is_file():
        raise MissingFileError("there is no recipe file here", value=path, remedy="Give a YAML file.")
    try:
        return Recipe.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except yaml.YAMLError:
        raise OptionError("the recipe is not YAML", value=path, remedy="Mend its syntax.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise OptionError(
            f"the recipe's field {where} cannot be used", value=first["msg"], remedy=f"Mend it in {path}."
        ) from None
