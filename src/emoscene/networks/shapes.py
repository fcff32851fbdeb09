"""What a network looks like, as plain data that a recipe and a model folder hold. Nothing here imports torch.

Ablations are two fields: `modalities` (which of picture and words a network is given) and `view` (which part of the
picture). The network stays the same; what it is not given is left blank.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["EmoticCnn", "Modalities", "Shape", "Sight", "Stream", "UnifiedVlp", "View", "Vilbert"]

Modalities = Literal["both", "text", "image"]
View = Literal["both", "body", "scene"]
Share = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Sight(_Part):
    """How the picture is looked at.

    Attributes:
        tower: The configuration of a vision model of transformers, with its `model_type`.
        size: The side of the square that the whole picture is scaled to, in pixels.
        body_size: That of the person's crop; None takes `size`.
        mean, std: What pixels from 0 to 1 are shifted and divided by.
        body_mean, body_std: Those of the crop; None takes the others.
        view: The person's crop (`body`), the whole picture (`scene`), or both.
        cells: Each view is cut into cells x cells regions (0: only its mean). Of no use to the EMOTIC CNN.
        red_box: Draw the person's box into the whole picture.
        margin: The crop shows this much more than the box, as a share of its sides.
        frozen: The tower is not trained.
        detector: A folder with a detector of transformers, whose regions take the place of the tower's.
        detections: How many of its boxes are taken beside the person and the whole picture.
    """

    tower: dict[str, Any] | None = None
    size: Annotated[int, Field(ge=16, le=1024)] = 112
    body_size: Annotated[int, Field(ge=16, le=1024)] | None = None
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    body_mean: tuple[float, float, float] | None = None
    body_std: tuple[float, float, float] | None = None
    view: View = "both"
    cells: Annotated[int, Field(ge=0, le=32)] = 4
    red_box: bool = False
    margin: Annotated[float, Field(ge=0, le=2)] = 0.1
    frozen: bool = False
    detector: str | None = None
    detections: Annotated[int, Field(ge=1, le=100)] = 10

    @model_validator(mode="after")
    def _has_one_eye(self) -> Self:
        if self.tower is not None and not isinstance(self.tower.get("model_type"), str):
            raise ValueError("the tower's configuration lacks its model_type, such as resnet")
        return self

    @property
    def regions(self) -> int:
        """The most regions that a person is told by; the person is one, and the whole picture another."""
        if self.detector:
            return self.detections + 2
        views = 2 if self.view == "both" else 1
        return (2 if self.view != "body" else 1) + views * self.cells**2


class Stream(_Part):
    """One stream of Transformer layers as in BERT."""

    width: Count
    heads: Count
    layers: Count
    intermediate: Count

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"the width {self.width} cannot be divided among {self.heads} heads")
        return self


class _Reading(_Part):
    """What networks with words have in common. `vocabulary` is set from the tokenizer; `longest` counts tokens."""

    modalities: Modalities = "both"
    vocabulary: Annotated[int, Field(ge=0)] = 0
    longest: Annotated[int, Field(ge=4)] = 64
    dropout: Share = 0.1
    sight: Sight = Sight()

    @model_validator(mode="after")
    def _has_one_size(self) -> Self:
        if self.sight.body_size not in (None, self.sight.size):
            raise ValueError("one tower sees both views, so that body_size must be size")
        return self


class EmoticCnn(_Part):
    """The EMOTIC CNN: `fused` is the width of the layer that joins body and picture."""

    name: Literal["emotic-cnn"] = "emotic-cnn"
    fused: Count = 256
    dropout: Share = 0.5
    sight: Sight = Sight(cells=0)

    @property
    def modalities(self) -> Modalities:
        return "image"


class Vilbert(_Reading):
    """ViLBERT.

    Attributes:
        text, visual: The two streams.
        joint, joint_heads: Width of the co-attention and of the pooled streams.
        connections: For each co-attention layer, how many layers of the text and of the visual stream go before.
        fusion: How the pooled streams meet: `mul` as in the paper, or `sum`.
        eps: Of the layer norms.
    """

    name: Literal["vilbert"] = "vilbert"
    text: Stream = Stream(width=128, heads=4, layers=3, intermediate=256)
    visual: Stream = Stream(width=128, heads=4, layers=2, intermediate=256)
    joint: Count = 128
    joint_heads: Count = 4
    connections: tuple[tuple[int, int], ...] = ((1, 0), (2, 1))
    fusion: Literal["mul", "sum"] = "mul"
    eps: float = 1e-12

    @model_validator(mode="after")
    def _connects(self) -> Self:
        before = (0, 0)
        for text, visual in self.connections:
            deep_enough = text <= self.text.layers and visual <= self.visual.layers
            if text < before[0] or visual < before[1] or not deep_enough:
                raise ValueError("connections must be in order, and not deeper than the streams")
            before = (text, visual)
        if self.joint % self.joint_heads:
            raise ValueError(f"the joint width {self.joint} cannot be divided among {self.joint_heads} heads")
        return self


class UnifiedVlp(_Reading):
    """Unified-VLP.

    Attributes:
        stream: The one stream.
        positions: How many positions there are; at least the regions and the words.
        segments: 6 in the paper's second layout, which tells the two masks apart; else 2.
        classes: How many class shares of a detector go with a region (0: none).
        grown: Width of the hidden layer that region features pass; None doubles the stream's width.
        eps: Of the layer norms.
    """

    name: Literal["unified-vlp"] = "unified-vlp"
    stream: Stream = Stream(width=128, heads=4, layers=3, intermediate=256)
    positions: Count = 256
    segments: Literal[2, 6] = 6
    classes: Annotated[int, Field(ge=0)] = 0
    grown: Count | None = None
    eps: float = 1e-5

    @model_validator(mode="after")
    def _fits(self) -> Self:
        needed = self.sight.regions + self.longest + 1
        if needed > self.positions:
            raise ValueError(
                f"{needed} positions are needed for regions and words; there are {self.positions}"
            )
        return self


Shape = Annotated[EmoticCnn | Vilbert | UnifiedVlp, Field(discriminator="name")]
