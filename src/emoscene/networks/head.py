"""A head: from the features of one person to emotions and valence, arousal, dominance; linear or with one hidden layer.

The folder holds `head.json` (whose features, which labels, the shape), `model.safetensors` and `labels.yaml`, the label
space as it was in training.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from emoscene.errors import ModelFilesError
from emoscene.labels import LabelSpace

__all__ = [
    "CONFIG_FILE",
    "LABELS_FILE",
    "WEIGHTS_FILE",
    "About",
    "Head",
    "load_head",
    "read_about",
    "save_head",
]

CONFIG_FILE, WEIGHTS_FILE, LABELS_FILE = "head.json", "model.safetensors", "labels.yaml"
_AGAIN = "Train or copy the folder again."
_SMALLEST_SPREAD = 1e-6


class About(BaseModel):
    """What `head.json` says.

    Attributes:
        name: What rows are signed with.
        base, base_sha256: The model whose features it takes, by name or folder, and a hash of its weights and settings.
        features: How a person becomes features, as `recognizers.head_features` reads it.
        label_space, labels: The ids of the labels in the order of the outputs, and the space that they come from.
        width, hidden: Numbers a person, and of the hidden layer (0: none).
        card: What training says of it: `data`, `licence`, `figures`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    name: str
    base: str
    base_sha256: str
    features: dict[str, Any]
    label_space: str
    labels: tuple[str, ...]
    width: int = Field(ge=1)
    hidden: int = Field(default=0, ge=0)
    card: dict[str, Any] = Field(default_factory=dict)


class Head(nn.Module):
    """Features, standardised, to logits (n, labels) and levels (n, 3) from 0 to 1.

    Args:
        width: Numbers a person.
        labels: How many.
        hidden: Units of the hidden layer; 0: the head is linear.
        dropout: Of features and hidden units, in training.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, width: int, labels: int, hidden: int = 0, dropout: float = 0.0) -> None:
        super().__init__()
        self.labels = labels
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("spread", torch.ones(width))
        self.dropout = nn.Dropout(dropout)
        self.inner = nn.Linear(width, hidden) if hidden else None
        self.outer = nn.Linear(hidden or width, labels + 3)

    def standardise(self, features: Tensor) -> None:
        """Take mean and spread of these features, (n, width), as those of all; what never varies counts nothing."""
        self.mean.copy_(features.mean(dim=0))
        spread = features.std(dim=0, correction=0)
        self.spread.copy_(spread.masked_fill(spread < _SMALLEST_SPREAD, torch.inf))

    def begin_at(self, prior: Tensor) -> None:
        """Let everybody's first scores be near the labels' shares, (labels,)."""
        with torch.no_grad():
            self.outer.bias[: self.labels].copy_(prior.clamp(1e-3, 1 - 1e-3).logit())
            self.outer.bias[self.labels :].zero_()

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        states = self.dropout((features - self.mean) / self.spread)
        if self.inner is not None:
            states = self.dropout(nn.functional.gelu(self.inner(states)))
        outputs = self.outer(states)
        return outputs[:, : self.labels], outputs[:, self.labels :].sigmoid()


def save_head(head: Head, about: About, space: LabelSpace, folder: Path) -> None:
    """Write the folder's files."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: t.contiguous().cpu() for name, t in head.state_dict().items()}, folder / WEIGHTS_FILE)
    (folder / LABELS_FILE).write_text(space.to_yaml(), "utf-8")
    (folder / CONFIG_FILE).write_text(
        json.dumps(about.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n", "utf-8"
    )


def read_about(folder: Path) -> About:
    """What the folder's `head.json` says.

    Raises:
        ModelFilesError: if it is missing or cannot be read.
    """
    try:
        return About.model_validate_json((folder / CONFIG_FILE).read_text("utf-8"))
    except (OSError, ValueError, ValidationError):
        raise ModelFilesError(
            f"this folder has no {CONFIG_FILE} that can be read", value=folder, remedy=_AGAIN
        ) from None


def load_head(folder: Path) -> tuple[Head, About]:
    """The head of a folder, in evaluation mode.

    Raises:
        ModelFilesError: if a file is missing or broken, or they do not belong together.
    """
    about = read_about(folder)
    head = Head(about.width, len(about.labels), about.hidden)
    try:
        tensors: Mapping[str, Tensor] = load_file(folder / WEIGHTS_FILE)
        head.load_state_dict(tensors)
    except (OSError, SafetensorError, RuntimeError):
        raise ModelFilesError(
            f"the head's {WEIGHTS_FILE} is missing, broken or of another shape", value=folder, remedy=_AGAIN
        ) from None
    if not all(bool((t == t).all()) for t in tensors.values()):
        raise ModelFilesError("the head's weights are no numbers", value=folder, remedy=_AGAIN)
    return head.eval(), about
