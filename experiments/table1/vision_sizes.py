"""How large every vision row is, in one place: seconds are traded here.

`Context.sizes.of` scales steps down for the smoke test, which also takes one epoch for any number of them; batches and
shapes stay, so that the same code runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["SIZES", "VisionSizes"]


@dataclass(frozen=True)
class VisionSizes:
    """Steps of the optimiser, epochs, and people a step.

    Attributes:
        side: Of the pictures that the towers see, in pixels.
        batch: People a step, where nothing else is said.
        base_steps: Of the tower that all vision rows begin from.
        instructed_steps: Of the vision language model on web captions, and questions made from them.
        clip_steps, clip_batch: Of the dual encoder on web captions.
        head_epochs: Of the head on the dual encoder's features.
        train_epochs, val_epochs, val_aug_epochs: Of fine-tuning on the splits.
        few, few_epochs: People of the row with few samples, and its epochs.
        fine_tuning: `lora` trains matrices beside the decoder's, and the projector; `full` everything, tower included.
        lora_rank, lora_rate, full_rate: Of the two.
        network_epochs: Of the networks (EMOTIC CNN, ViLBERT, Unified-VLP and what they are compared with).
        validated: People on whom training is watched.
        rules_from_train: People of train on whom rows that learnt from val have their rules fitted.
    """

    side: int = 168
    batch: int = 32
    base_steps: int = 1_500
    instructed_steps: int = 800
    clip_steps: int = 300
    clip_batch: int = 64
    head_epochs: float = 20
    train_epochs: float = 3
    val_epochs: float = 8
    val_aug_epochs: float = 6
    few: int = 100
    few_epochs: float = 40
    fine_tuning: Literal["lora", "full"] = "lora"
    lora_rank: int = 32
    lora_rate: float = 2e-3
    full_rate: float = 4e-4
    network_epochs: float = 2
    validated: int = 192
    rules_from_train: int = 1_000


SIZES = VisionSizes()
