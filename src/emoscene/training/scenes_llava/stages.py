"""The loop of a training stage, kept on disk every few hundred steps: a run that is cut off goes on from there.

Examples, questions and noise of a step depend on the seed and the step's number alone, so a run that was cut off ends
as it would have ended.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from emoscene.training.scenes_llava.people import Example, Shape, batches
from emoscene.training.scenes_llava.shape import Stage

__all__ = ["Progress", "Stream", "run_stage"]

#: Called after each step with (step, steps, figures of the step).
Progress = Callable[[int, int, dict[str, float]], None]

#: A step's examples and number to its loss and figures.
Loss = Callable[[Sequence[Example], int], tuple[Tensor, dict[str, float]]]

_KEEP_EVERY = 200


@dataclass(frozen=True)
class Stream:
    """Which drawn people a stage sees: the run's seed, the first scene's number, what examples look like; and where
    the stage is kept while it runs (None keeps nothing)."""

    seed: int
    first: int
    shape: Shape
    kept: Path | None = None


def run_stage(
    modules: dict[str, nn.Module], loss_of: Loss, stage: Stage, stream: Stream, progress: Progress
) -> None:
    """Train the modules in place with AdamW, warmed up, then along a cosine to a twentieth; no decay on vectors.

    Args:
        modules: What is trained, by names that tell them apart on disk.
        loss_of: The loss of a step.
        stage: How long, how fast.
        stream: On whom.
        progress: Told of every step.
    """
    steps = stage.people // stage.batch
    parameters = [p for module in modules.values() for p in module.parameters()]
    adam = _optimiser(parameters, stage)
    begun = _restore(stream.kept, modules, adam)
    first = stream.first + begun * stage.batch
    count = (steps - begun) * stage.batch
    people = batches(stream.seed, first, count, batch=stage.batch, shape=stream.shape)
    for step, examples in enumerate(people, begun):
        loss, figures = loss_of(examples, step)
        adam.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(parameters, 1.0)
        for group in adam.param_groups:
            group["lr"] = _rate(stage, step, steps)
        adam.step()
        progress(step + 1, steps, {"loss": float(loss.detach()), **figures})
        if (step + 1) % _KEEP_EVERY == 0 and stream.kept is not None:
            _keep(stream.kept, modules, adam, step + 1)


def _optimiser(parameters: Sequence[nn.Parameter], stage: Stage) -> torch.optim.AdamW:
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": stage.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=stage.rate, betas=(0.9, 0.98))


def _rate(stage: Stage, step: int, steps: int) -> float:
    if step < stage.warm_up:
        return stage.rate * (step + 1) / stage.warm_up
    done = (step - stage.warm_up) / max(1, steps - stage.warm_up)
    return stage.rate * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


def _keep(kept: Path, modules: dict[str, nn.Module], adam: Any, step: int) -> None:
    """Write weights, moments and the step's number as one file, or not at all."""
    tensors = {f"{name}.{k}": v for name, module in modules.items() for k, v in module.state_dict().items()}
    for number, moments in adam.state_dict()["state"].items():
        tensors |= {f"adam.{number}.{k}": v for k, v in moments.items()}
    part = kept.with_suffix(".part")
    # Tensors that share their memory are written once each.
    save_file({name: tensor.clone() for name, tensor in tensors.items()}, part, {"step": str(step)})
    part.replace(kept)


def _restore(kept: Path | None, modules: dict[str, nn.Module], adam: Any) -> int:
    """Put back what is kept; the number of steps that are done."""
    if kept is None or not kept.is_file():
        return 0
    with safe_open(kept, "pt") as file:
        step = int(file.metadata()["step"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    for name, module in modules.items():
        own = {k.removeprefix(f"{name}."): v for k, v in tensors.items() if k.startswith(f"{name}.")}
        module.load_state_dict(own)
    state = adam.state_dict()
    for name, tensor in tensors.items():
        if name.startswith("adam."):
            _, number, moment = name.split(".")
            state["state"].setdefault(int(number), {})[moment] = tensor
    adam.load_state_dict(state)
    return step
