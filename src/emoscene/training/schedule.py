"""How long, how fast and how often: the fields of a recipe that every way of training shares."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from emoscene.training.recipe import Part

__all__ = ["Schedule"]


class Schedule(Part):
    """The course of a training.

    Attributes:
        epochs: Times that every person is seen; `steps`, if given, counts instead.
        steps: Steps of the optimiser in all.
        batch: People a step. The step's loss is the mean over them.
        at_once: People in memory together; a step adds up as many parts as it needs. Changes nothing but memory.
        rate: The highest learning rate.
        course: How the rate falls after the warm-up: along a `cosine`, `linear`, or not (`constant`).
        warm_up: The share of all steps in which the rate climbs from zero.
        weight_decay: Of matrices; vectors (norms, biases) have none.
        clip: The longest gradient; longer ones are scaled down. None: no limit.
        precision: What the forward pass calculates in. Trained weights are always kept in float32.
        validate_every: Steps between validations; None: at the end of each epoch.
        watch: The figure of validation that decides which weights are the best; higher is better.
        keep: The weights that the run ends with: the `best` by `watch`, or the `last`.
        patience: Validations without a better figure after which training stops; None: never.
        checkpoint_every: Steps between checkpoints, from which a run that was cut short goes on.
        log_every: Steps between lines of log.jsonl.
        workers: Threads that make examples ready ahead of time; 0: none.
    """

    epochs: float = Field(default=3, gt=0)
    steps: int | None = Field(default=None, ge=1)
    batch: int = Field(default=16, ge=1)
    at_once: int = Field(default=4, ge=1)
    rate: float = Field(default=2e-4, gt=0)
    course: Literal["cosine", "linear", "constant"] = "cosine"
    warm_up: float = Field(default=0.03, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    clip: float | None = Field(default=1.0, gt=0)
    precision: Literal["float32", "bfloat16"] = "float32"
    validate_every: int | None = Field(default=None, ge=1)
    watch: str = "mean_ap"
    keep: Literal["best", "last"] = "best"
    patience: int | None = Field(default=None, ge=1)
    checkpoint_every: int = Field(default=100, ge=1)
    log_every: int = Field(default=10, ge=1)
    workers: int = Field(default=1, ge=0)

    def steps_an_epoch(self, people: int) -> int:
        """Steps in which every one of `people` is seen once; the last may be smaller."""
        return math.ceil(people / self.batch)

    def all_steps(self, people: int) -> int:
        """Steps in all."""
        return self.steps or max(1, round(self.epochs * self.steps_an_epoch(people)))

    def share_of_rate(self, step: int, steps: int) -> float:
        """The share of `rate` in step 0, 1, ... of `steps`."""
        warm = round(self.warm_up * steps)
        if step < warm:
            return (step + 1) / (warm + 1)
        passed = (step - warm) / max(1, steps - warm)
        if self.course == "cosine":
            return 0.5 * (1 + math.cos(math.pi * passed))
        return 1.0 if self.course == "constant" else 1.0 - passed
