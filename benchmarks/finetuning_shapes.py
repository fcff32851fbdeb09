"""Shapes of the models that recipes for EMOTIC train, as far as they decide what training costs.

Nothing is built: weights and FLOPs follow from a handful of numbers. Weights are tested against the catalogue's.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MODELS", "RESNET_50", "Convolutions", "Language", "Model", "Tower"]


@dataclass(frozen=True)
class Language:
    """A decoder with gated feed-forward layers, as Llama, Qwen2 and SmolLM have."""

    layers: int
    hidden: int
    inner: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int
    tied: bool = False
    attention_bias: bool = False

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """(in, out) of the seven linear layers of a block."""
        queries, keys = self.heads * self.head_dim, self.kv_heads * self.head_dim
        attention = [(self.hidden, queries), (self.hidden, keys), (self.hidden, keys), (queries, self.hidden)]
        return [*attention, (self.hidden, self.inner), (self.hidden, self.inner), (self.inner, self.hidden)]

    @property
    def linear(self) -> int:
        return self.layers * sum(i * o for i, o in self.shapes)

    @property
    def weights(self) -> int:
        """All of them: linear layers, biases, norms, embedding, and the output layer where it is one of its own."""
        biases = (self.heads + 2 * self.kv_heads) * self.head_dim if self.attention_bias else 0
        words = self.vocab * self.hidden * (1 if self.tied else 2)
        return self.linear + self.layers * (2 * self.hidden + biases) + self.hidden + words

    def lora(self, rank: int) -> int:
        """Weights of LoRA on all seven."""
        return self.layers * rank * sum(i + o for i, o in self.shapes)


@dataclass(frozen=True)
class Tower:
    """A vision transformer.

    Attributes:
        matrices: Of the feed-forward layer: 2, or 3 where it is gated.
        patches: That go through it for one picture.
        seen: By each patch, on average over the layers.
        used: Of its layers; LLaVA takes the last but one.
    """

    layers: int
    hidden: int
    inner: int
    patches: int
    matrices: int = 2
    seen: float | None = None
    used: int | None = None

    @property
    def linear(self) -> int:
        return self.layers * (4 * self.hidden**2 + self.matrices * self.hidden * self.inner)

    @property
    def flop(self) -> float:
        layers = self.used or self.layers
        attention = 4.0 * layers * self.hidden * self.patches * (self.seen or self.patches)
        return 2.0 * self.linear * layers / self.layers * self.patches + attention


@dataclass(frozen=True)
class Model:
    """A vision language model: its halves, the projector's weights, and the tokens that a picture becomes."""

    name: str
    tower: Tower
    language: Language
    projector: int
    picture_tokens: int

    @property
    def weights(self) -> int:
        return self.tower.linear + self.projector + self.language.weights


_SIGLIP_BASE = Tower(12, 768, 3072, 13 * 1024, seen=1024)
MODELS = {
    each.name: each
    for each in (
        Model(
            "llava-1.5-7b",
            Tower(24, 1024, 4096, 577, used=23),
            Language(32, 4096, 11008, 32, 32, 128, 32064),
            1024 * 4096 + 4096 * 4096,
            576,
        ),
        Model(
            "llava-1.5-13b",
            Tower(24, 1024, 4096, 577, used=23),
            Language(40, 5120, 13824, 40, 40, 128, 32064),
            1024 * 5120 + 5120 * 5120,
            576,
        ),
        # 640 x 480 become 34 x 46 patches of 14; windows of 64 patches, but for 4 of 32 layers.
        Model(
            "qwen2.5-vl-3b",
            Tower(32, 1280, 3420, 1564, 3, seen=(28 * 64 + 4 * 1564) / 32),
            Language(36, 2048, 11008, 16, 2, 128, 151936, tied=True, attention_bias=True),
            5120 * 5120 + 5120 * 2048,
            391,
        ),
        Model(
            "qwen2.5-vl-7b",
            Tower(32, 1280, 3420, 1564, 3, seen=(28 * 64 + 4 * 1564) / 32),
            Language(28, 3584, 18944, 28, 4, 128, 152064, attention_bias=True),
            5120 * 5120 + 5120 * 3584,
            391,
        ),
        # A picture is enlarged and cut into 4 x 3 tiles, and shown whole once: 13 in all.
        Model(
            "smolvlm-256m",
            _SIGLIP_BASE,
            Language(30, 576, 1536, 9, 3, 64, 49280),
            768 * 16 * 576,
            13 * 66,
        ),
        Model(
            "smolvlm-500m",
            _SIGLIP_BASE,
            Language(32, 960, 2560, 15, 5, 64, 49280),
            768 * 16 * 960,
            13 * 66,
        ),
        Model(
            "smolvlm-2.2b",
            Tower(27, 1152, 4304, 13 * 729, seen=729),
            Language(24, 2048, 8192, 32, 32, 64, 49155),
            1152 * 9 * 2048,
            13 * 83,
        ),
    )
}


@dataclass(frozen=True)
class Convolutions:
    """A convolutional network at pictures of 224 pixels a side: weights, FLOPs, and numbers that a backward pass keeps
    (three for every output of a convolution: itself, normalised, rectified)."""

    weights: float
    flop: float
    kept: float

    def at(self, side: int) -> Convolutions:
        """At pictures of another size."""
        share = (side / 224) ** 2
        return Convolutions(self.weights, self.flop * share, self.kept * share)


RESNET_50 = Convolutions(25.6e6, 8.2e9, 3 * 11.1e6)
