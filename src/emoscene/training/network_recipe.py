"""The recipe of the kind `network`: the EMOTIC CNN, ViLBERT or Unified-VLP, from a tower, words and people.

Ablations stand in one place, the network: `modalities` (both, text, image) and `sight.view` (both, body, scene).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from emoscene.networks.shapes import EmoticCnn, Shape, UnifiedVlp, Vilbert
from emoscene.training.data import Data
from emoscene.training.losses import Bce, Loss
from emoscene.training.recipe import Part
from emoscene.training.schedule import Schedule
from emoscene.training.targets import Teaching

__all__ = ["Recipe"]


class Recipe(Part):
    """How a network is trained.

    Attributes:
        name: Of the run.
        network: The shape; of its sight, `tower` may be left out where `tower` below names a folder.
        tower: A folder whose vision model is the tower, weights and all; else it starts from random weights.
        tokenizer: A folder with a tokenizer of BERT's kind; else a vocabulary is made of the training people's words.
        vocabulary: The most tokens of such a vocabulary.
        weights: A folder of a converted published network, or of an earlier run, whose weights are taken where names
            and shapes agree; the manifest names those that were not.
        teaching: What stands for the labels.
        loss: Of the emotions; `weighted_euclidean` is the EMOTIC paper's.
        dominant: One emotion is told, by a softmax, and `loss` is not used; None: as the label space is.
        vad_weight: Of the error of valence, arousal and dominance beside that of the emotions.
        captions: Weight of guessing a part of the words from the picture and the words before them (Unified-VLP).
        masked: The share of words that is guessed.
        drop_words: How often a person's words are left out in training.
        missing_words: People without words are answered all the same, or refused.
        flip: Half of the pictures are seen mirrored, unless their words name a side. With `data.augment`, which opens
            pictures each time, that decides.
        keep_checkpoints: They stay when the run is over.
        cache_mb: Memory for squares of pixels, so that pictures are opened once.
    """

    kind: Literal["network"]
    name: str
    seed: int = 0
    data: Data
    network: Shape
    tower: str | None = None
    tokenizer: str | None = None
    vocabulary: int = Field(4000, ge=10)
    weights: str | None = None
    teaching: Teaching = Field(default_factory=lambda: Teaching(smoothing=0.0))
    loss: Loss = Bce()
    dominant: bool | None = None
    vad_weight: float = Field(0.5, ge=0)
    captions: float = Field(0.0, ge=0)
    masked: float = Field(0.25, gt=0, le=1)
    drop_words: float = Field(0.0, ge=0, le=1)
    missing_words: Literal["answer", "refuse"] = "answer"
    flip: bool = True
    keep_checkpoints: bool = False
    cache_mb: int = Field(400, ge=0)
    schedule: Schedule = Schedule(batch=32, at_once=32, rate=5e-4, weight_decay=0.01, epochs=10, warm_up=0.05)

    @property
    def reads_words(self) -> bool:
        """Whether the network has a stream for words."""
        return isinstance(self.network, Vilbert | UnifiedVlp)

    @property
    def is_cnn(self) -> bool:
        return isinstance(self.network, EmoticCnn)
