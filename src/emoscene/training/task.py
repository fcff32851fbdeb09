"""What the loop trains: a module, its loss on some people, its figures on validation people."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from torch import Tensor, nn

__all__ = ["Draw", "Task"]

ExampleT = TypeVar("ExampleT")


@dataclass(frozen=True)
class Draw:
    """One use of one person: the `index` among those of the task, and the epoch.

    `key` seeds whatever is drawn for it (augmentation, dropout of words, order of labels), as in
    `random.Random(draw.key)`: a run that goes on after a kill sees the same again.
    """

    seed: int
    epoch: int
    index: int

    @property
    def key(self) -> str:
        return f"{self.seed}/{self.epoch}/{self.index}"


class Task(ABC, Generic[ExampleT]):
    """A training task.

    The parameters of `module` that require gradients are trained; put it on its device first (`loop.training_device`).
    """

    @property
    @abstractmethod
    def module(self) -> nn.Module: ...

    @property
    @abstractmethod
    def size(self) -> int:
        """People (or their repeats) an epoch."""

    @abstractmethod
    def example(self, draw: Draw) -> ExampleT:
        """One person made ready. Depends on nothing but the draw; may run in another thread."""

    @abstractmethod
    def loss(self, batch: Sequence[ExampleT]) -> tuple[Tensor, dict[str, float]]:
        """The mean over the examples of each one's loss, and figures to log (means over the examples, too)."""

    @abstractmethod
    def validate(self) -> dict[str, float]:
        """Figures on the validation people, with the module in evaluation mode and without gradients; {}: none."""

    def groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """Groups of parameters as optimisers of torch take them. A group's `lr` is a factor of the schedule's rate."""
        trained = [p for p in self.module.parameters() if p.requires_grad]
        return [
            {"params": [p for p in trained if p.ndim >= 2], "weight_decay": weight_decay, "lr": 1.0},
            {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0, "lr": 1.0},
        ]

    def state(self) -> dict[str, Any]:
        """What a checkpoint must keep beside weights and optimiser, as plain JSON values."""
        return {}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take up what `state` gave."""
