"""How large every vision row is, in one place: seconds are traded here.

`Context.sizes.of` scales steps down for the smoke test; batches and shapes stay, so that the same code runs.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SIZES", "VisionSizes"]


@dataclass(frozen=True)
class VisionSizes:
    """Steps of the optimiser and people a step.

    Attributes:
        side: Of the pictures that the towers see, in pixels.
        base_steps: Of the tower that all vision rows begin from.
        instructed_steps: Of the vision language model on web captions, and questions made from them.
        clip_steps, clip_batch: Of the dual encoder on web captions.
        train_epochs, val_epochs, val_aug_epochs: Of fine-tuning on the splits.
        few: People of the row with few samples, and `few_epochs` on them.
        network_epochs: Of the networks (EMOTIC CNN, ViLBERT, Unified-VLP and what they are compared with).
        validated: People of val on whom training is watched.
    """

    side: int = 168
    batch: int = 32
    base_steps: int = 1_500
    instructed_steps: int = 600
    clip_steps: int = 300
    clip_batch: int = 64
    train_epochs: float = 2
    val_epochs: float = 6
    val_aug_epochs: float = 4
    few: int = 100
    few_epochs: float = 24
    network_epochs: float = 2
    validated: int = 256


SIZES = VisionSizes()
