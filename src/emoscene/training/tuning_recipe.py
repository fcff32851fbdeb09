"""Recipes that fine-tune generative models: `lora` adds small matrices to the decoder, `full` trains its weights.

Both take what recognizers ask: vision language models and causal language models. The person is pointed at, the
prompt is written and the tokens are laid out by the recognizer itself, so that what is trained is what is asked.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from emoscene.recognizers.free_answers import Parser
from emoscene.recognizers.picking import Prompt
from emoscene.recognizers.pointing import Point
from emoscene.training.data import Data
from emoscene.training.losses import Bce, Loss
from emoscene.training.recipe import Part
from emoscene.training.schedule import Schedule
from emoscene.training.targets import Order, Teaching

__all__ = ["Aim", "Asking", "Full", "Layers", "Lora", "Recipe", "Tuning"]

Layers = Literal["attention", "mlp", "all"]
_MOST_PIXELS = 1_048_576


class Asking(Part):
    """How the model is asked, in training and afterwards: options of the recognizers `vlm` and `language`."""

    point: Point = "redbox"
    prompt: Prompt = "paper"
    parser: Parser = "strict"
    max_pixels: int = Field(default=_MOST_PIXELS, ge=1024)


class Aim(Part):
    """What the model is taught to answer.

    Attributes:
        answer: `label_list`: the paper's prompt, and the labels as text. `yes_no`: one question a label behind a shared
            prefix, all in one step, and one each for valence, arousal and dominance.
        order: Of a label list: `alphabetical`, by `prior` (frequent first), or `shuffled` each time.
        teaching: Of yes/no: known sets, or the annotators' votes as shares.
        loss: Of yes/no: between the logits of yes and of no. The share of all probability that falls on neither is
            taught to be nothing, too.
        levels: The weight of valence, arousal and dominance beside the labels; 0: none.
    """

    answer: Literal["label_list", "yes_no"] = "label_list"
    order: Order = "alphabetical"
    teaching: Teaching = Field(default_factory=Teaching)
    loss: Loss = Bce()
    levels: float = Field(default=0.3, ge=0)


class Lora(Part):
    """The adapter.

    Attributes:
        rank, alpha, dropout: As in LoRA (Hu et al. 2022); the product is scaled by alpha / rank.
        layers: Which linear layers of the decoder get one: of `attention`, of the `mlp`, or `all`. The vision tower
            gets none.
        modules: The last names of other layers, in place of `layers`.
        projector: Also train what stands between vision tower and decoder, whole.
    """

    rank: int = Field(default=16, ge=1, le=1024)
    alpha: float = Field(default=32, gt=0)
    dropout: float = Field(default=0.05, ge=0, lt=1)
    layers: Layers = "all"
    modules: tuple[str, ...] = ()
    projector: bool = False


class Tuning(Part):
    """What `lora` and `full` share.

    Attributes:
        name: What rows of the trained model are signed with.
        model: A name, hub id or folder, as `--model` takes it.
        dtype: The numbers of the base model's weights: `auto` is float32 on the CPU, else bfloat16.
        device: `auto` takes a GPU if there is one.
        gradient_checkpointing: Less memory, more time; for label lists.
        unreadable: Whether a person who cannot be trained on (a broken picture, too many tokens) stops the run
            before its first step (`refuse`), or is left out (`skip`).
        keep_checkpoints: Whether they stay when the run is complete.
    """

    name: str = "fine-tuned"
    model: str
    seed: int = 0
    data: Data
    ask: Asking = Asking()
    target: Aim = Aim()
    schedule: Schedule = Schedule()
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    device: str = "auto"
    gradient_checkpointing: bool = False
    unreadable: Literal["refuse", "skip"] = "refuse"
    keep_checkpoints: bool = False

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.gradient_checkpointing and self.target.answer == "yes_no":
            raise ValueError(
                "yes_no shares a prefix through the cache, which gradient_checkpointing does without"
            )
        return self


class Recipe(Tuning):
    """Kind `lora`. `merge`: also write RUN/merged/, a plain model with the adapter in its weights."""

    kind: Literal["lora"]
    lora: Lora = Lora()
    merge: bool = False


class Full(Tuning):
    """Kind `full`: the weights themselves, in float32. `parts`: the `decoder`, with the `projector`, or `all`."""

    kind: Literal["full"]
    parts: Literal["decoder", "projector", "all"] = "decoder"
