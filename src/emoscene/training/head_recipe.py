"""The recipe of the kind `head`: a small head on the features of a frozen model."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from emoscene.recognizers.head_features import Look
from emoscene.training.data import Data
from emoscene.training.losses import Bce, Loss
from emoscene.training.recipe import Part
from emoscene.training.schedule import Schedule
from emoscene.training.targets import Teaching

__all__ = ["Recipe"]


class Recipe(Part):
    """How a head is trained.

    Attributes:
        name: What rows of the trained head are signed with.
        model: The base model, as `--model` takes it: a dual encoder, a vision language or a language model.
        features: How people become features; None: red box and crop of a dual encoder, the last state behind a
            question of others.
        hidden: Units of a hidden layer; 0: the head is linear.
        dropout: Of features and hidden units.
        teaching: What stands for the labels.
        loss: Of the labels.
        vad_weight: Of valence, arousal and dominance beside the labels; 0: they are not learned.
        class_aware: People are drawn so that every label comes equally often, in place of everybody once an epoch.
        copies: With `data.augment`, in how many ways each person is seen; the first is as they are. An epoch takes one
            of them.
        features_batch: People whose features are computed together.
        cache: A folder for features; None: `features` in emoscene's cache. Features are found again by the bytes of
            picture, words and model, whatever the run.
        unreadable: Whether a person who cannot be looked at stops the run before its first step, or is left out.
        keep_checkpoints: Whether they stay when the run is complete.
    """

    kind: Literal["head"]
    name: str = "head"
    model: str
    seed: int = 0
    data: Data
    features: Look | None = None
    hidden: int = Field(default=0, ge=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    teaching: Teaching = Teaching()
    loss: Loss = Bce()
    vad_weight: float = Field(default=0.5, ge=0)
    class_aware: bool = False
    copies: int = Field(default=4, ge=1)
    features_batch: int = Field(default=8, ge=1)
    cache: str | None = None
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    device: str = "auto"
    unreadable: Literal["refuse", "skip"] = "refuse"
    keep_checkpoints: bool = False
    schedule: Schedule = Schedule(
        batch=64, at_once=64, rate=1e-3, weight_decay=0.01, epochs=20, warm_up=0.05, workers=0
    )
