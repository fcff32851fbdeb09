"""The recipe of a small LLaVA on drawn scenes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from emoscene.training.recipe import Part

__all__ = ["DecoderShape", "Recipe", "Stage", "TowerShape"]


class TowerShape(Part):
    """A Swin tower; `size` is the side of the square picture in pixels, `patch` that of a patch."""

    size: Annotated[int, Field(ge=32, le=448)]
    patch: int
    embed: int
    depths: tuple[int, ...]
    heads: tuple[int, ...]
    window: int


class DecoderShape(Part):
    """A Llama decoder."""

    hidden: int
    intermediate: int
    layers: int
    heads: int
    context: int


class Stage(Part):
    """One training stage: how many drawn people it sees, and the step size (cosine to a twentieth, warmed up).

    `painted_share` of them have the context or the person painted over, `moved_share` stand in a setting where the
    event never happens. Without `emotions` no label is ever seen: what is drawn is all that is taught. In the stage
    of language the tower is left as it is for the first `tower_rests` of the steps.
    """

    people: Annotated[int, Field(ge=1)]
    batch: Annotated[int, Field(ge=1)]
    rate: float
    warm_up: int
    weight_decay: float = 0.05
    dense_weight: float = 1.0
    painted_share: Annotated[float, Field(ge=0, le=1)] = 0.1
    moved_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    emotions: bool = True
    tower_rests: Annotated[float, Field(ge=0, le=1)] = 0.0


class DomainPictures(Part):
    """How many pictures the domain rule is fitted on, and how many others set its limit."""

    fit: Annotated[int, Field(ge=2)] = 6_000
    limit: Annotated[int, Field(ge=2)] = 3_000


class Recipe(Part):
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
