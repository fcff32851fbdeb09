"""Checkpoints of a run: written whole or not at all, so that a kill at any moment leaves one to go on from.

    checkpoints/last-000120/   weights.safetensors, optimiser.pt, state.json      where a run goes on
    checkpoints/best-000080/   weights.safetensors                                the best by the watched figure

Only what is trained is kept (and buffers, such as the running means of norms): never a frozen base model.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from emoscene.errors import ModelFilesError

__all__ = ["Checkpoints", "trained_tensors"]

_WEIGHTS, _OPTIMISER, _STATE = "weights.safetensors", "optimiser.pt", "state.json"


def trained_tensors(module: nn.Module) -> dict[str, Tensor]:
    """Parameters that are trained, and persistent buffers, by name. Tied ones stand once."""
    parameters = dict(module.named_parameters())
    everything = {name for name, _ in module.named_parameters(remove_duplicate=False)}
    kept = {name: p.detach() for name, p in parameters.items() if p.requires_grad}
    return kept | {name: t for name, t in module.state_dict().items() if name not in everything}


class Checkpoints:
    """The checkpoints in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save_last(self, step: int, module: nn.Module, optimiser: Any, state: Mapping[str, Any]) -> None:
        """Write where the run stands after `step` steps; older ones go once it is there.

        `state["best"]` is the step of the best weights, or None.
        """
        part = self._begin()
        _save_weights(part / _WEIGHTS, module)
        torch.save(optimiser.state_dict(), part / _OPTIMISER)
        (part / _STATE).write_text(json.dumps({"step": step, **state}), "utf-8")
        self._finish(part, f"last-{step:06d}")
        self._keep({f"last-{step:06d}", f"best-{state['best'] or 0:06d}"})

    def save_best(self, step: int, module: nn.Module) -> None:
        """Write the weights after `step` steps as the best so far."""
        part = self._begin()
        _save_weights(part / _WEIGHTS, module)
        self._finish(part, f"best-{step:06d}")

    def load_last(self, module: nn.Module, optimiser: Any) -> dict[str, Any] | None:
        """Take up the last checkpoint: weights, optimiser; gives its state, or None if there is none.

        Raises:
            ModelFilesError: if its files are damaged or belong to another model.
        """
        found = list(self.folder.glob("last-*"))
        if not found:
            return None
        place = max(found, key=lambda p: int(p.name.removeprefix("last-")))
        try:
            state: dict[str, Any] = json.loads((place / _STATE).read_text("utf-8"))
            _load_weights(place / _WEIGHTS, module)
            optimiser.load_state_dict(torch.load(place / _OPTIMISER, map_location="cpu", weights_only=True))
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError, UnpicklingError) as error:
            raise _damaged(place) from error
        return state

    def load_best(self, step: int, module: nn.Module) -> None:
        """Put the best weights, those after `step` steps, into the module."""
        place = self.folder / f"best-{step:06d}"
        try:
            _load_weights(place / _WEIGHTS, module)
        except (OSError, KeyError, RuntimeError, SafetensorError) as error:
            raise _damaged(place) from error

    def remove(self) -> None:
        """Remove them all."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _begin(self) -> Path:
        part = self.folder / ".part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        return part

    def _finish(self, part: Path, name: str) -> None:
        for file in part.iterdir():
            with file.open("rb") as stream:
                os.fsync(stream.fileno())
        place = self.folder / name
        if (
            place.exists()
        ):  # Written by a run that was killed before it came as far as this one: equal, or torn.
            shutil.rmtree(place)
        part.replace(place)

    def _keep(self, names: set[str]) -> None:
        for place in self.folder.iterdir():
            if place.name not in names:
                shutil.rmtree(place)


def _save_weights(file: Path, module: nn.Module) -> None:
    save_file({name: t.contiguous().cpu() for name, t in trained_tensors(module).items()}, file)


def _load_weights(file: Path, module: nn.Module) -> None:
    own, kept = trained_tensors(module), load_file(file)
    if own.keys() != kept.keys():
        raise KeyError("other tensors")
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(kept[name])


def _damaged(place: Path) -> ModelFilesError:
    return ModelFilesError(
        "this checkpoint is damaged, or belongs to another model",
        value=place,
        remedy="Remove the run's folder checkpoints/ to begin anew.",
    )
