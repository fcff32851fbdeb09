"""The processes that train together: mostly one, which needs nothing but torch; several go through accelerate."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from emoscene.training.task import Task

__all__ = ["Team"]


class _Step(nn.Module):
    """The task's loss as a forward pass, which is what torch's data parallelism wraps."""

    def __init__(self, task: Task[Any]) -> None:
        super().__init__()
        self.inner, self.task = task.module, task

    def forward(self, batch: Sequence[Any]) -> tuple[Tensor, dict[str, float]]:
        return self.task.loss(batch)


class Team:
    """This process and those beside it."""

    def __init__(self, task: Task[Any]) -> None:
        self.task, self.size, self.rank = task, int(os.environ.get("WORLD_SIZE", "1")), 0
        self._accelerator: Any = None
        if self.size > 1:
            from accelerate import Accelerator, DistributedDataParallelKwargs

            on_cpu = next(task.module.parameters()).device.type == "cpu"
            unused = DistributedDataParallelKwargs(find_unused_parameters=True)
            self._accelerator = Accelerator(cpu=on_cpu, device_placement=False, kwargs_handlers=[unused])
            self.rank = int(self._accelerator.process_index)
            self._step = self._accelerator.prepare(_Step(task))

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def loss(self, batch: Sequence[Any]) -> tuple[Tensor, dict[str, float]]:
        if self._accelerator is None:
            return self.task.loss(batch)
        loss, figures = self._step(batch)
        return loss, figures

    def sums_up(self, *, last: bool) -> Any:
        """Gradients of a step's parts add up; they are exchanged with the last."""
        if self._accelerator is None or last:
            return nullcontext()
        return self._accelerator.no_sync(self._step)

    def total(self, sums: dict[str, float]) -> dict[str, float]:
        """Sums over the processes."""
        if self._accelerator is None:
            return sums
        values = torch.tensor(list(sums.values()), dtype=torch.float64)
        values = values.to(next(self.task.module.parameters()).device)
        return dict(zip(sums, self._accelerator.reduce(values, "sum").tolist(), strict=True))

    def agreed(self, figures: dict[str, float]) -> dict[str, float]:
        """The figures of the leading process, so that all decide alike."""
        if self._accelerator is None:
            return figures
        from accelerate.utils import broadcast_object_list

        held = [figures]
        broadcast_object_list(held)
        return held[0]

    def any(self, said: bool) -> bool:
        return said if self._accelerator is None else self.total({"said": float(said)})["said"] > 0

    def wait(self) -> None:
        if self._accelerator is not None:
            self._accelerator.wait_for_everyone()
