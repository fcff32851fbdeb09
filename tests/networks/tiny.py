"""Tiny networks, towers and pictures for tests."""

from __future__ import annotations

from typing import Any

from emoscene.networks.network import About, EmotionNetwork
from emoscene.networks.shapes import EmoticCnn, Sight, Stream, UnifiedVlp, Vilbert
from emoscene.networks.words import Words, make_words

__all__ = ["LABELS", "RESNET", "TEXTS", "TOWERS", "network", "shape", "tiny_words"]

LABELS = ("anger", "fear", "happiness", "sadness")
RESNET: dict[str, Any] = {
    "model_type": "resnet", "embedding_size": 8, "hidden_sizes": [8, 12, 16, 20], "depths": [1, 1, 1, 1],
    "layer_type": "basic",
}  # fmt: skip
_PLAIN: dict[str, Any] = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32,
    "image_size": 32, "patch_size": 8,
}  # fmt: skip
#: Configuration, side of the picture, width of the features, cells a side.
TOWERS: dict[str, tuple[dict[str, Any], int, int, int]] = {
    "resnet": (RESNET, 64, 20, 2),
    "convnext": (
        {"model_type": "convnext", "hidden_sizes": [8, 12, 16, 20], "depths": [1, 1, 1, 1]}, 64, 20, 2,
    ),
    "swin": (
        {
            "model_type": "swin", "image_size": 32, "patch_size": 4, "embed_dim": 8, "depths": [1, 1],
            "num_heads": [2, 2], "window_size": 4,
        },
        32, 16, 4,
    ),
    "vit": (_PLAIN | {"model_type": "vit"}, 32, 16, 4),
    "clip_vision_model": (_PLAIN | {"model_type": "clip_vision_model"}, 32, 16, 4),
    "siglip_vision_model": (_PLAIN | {"model_type": "siglip_vision_model"}, 32, 16, 4),
    "dinov2_with_registers": (
        _PLAIN | {"model_type": "dinov2_with_registers", "num_register_tokens": 4}, 32, 16, 4,
    ),
}  # fmt: skip
TEXTS = [
    "she laughs and claps at a party",
    "he sits alone in the rain and cries",
    "two men shout at each other",
    "a child hides from a dog",
] * 3
_STREAM = Stream(width=24, heads=2, layers=2, intermediate=32)


def tiny_words(longest: int = 16) -> Words:
    """A vocabulary of the words of `TEXTS`."""
    return make_words(TEXTS, longest, 200)


def shape(name: str, **changes: Any) -> EmoticCnn | Vilbert | UnifiedVlp:
    """A tiny shape; `changes` go to the shape, those of `sight` to that."""
    sight = Sight.model_validate({"tower": RESNET, "size": 64, "cells": 2} | changes.pop("sight", {}))
    if name == "emotic-cnn":
        return EmoticCnn.model_validate({"fused": 16, "sight": sight} | changes)
    common: dict[str, Any] = {"vocabulary": tiny_words().size, "longest": 16, "sight": sight}
    if name == "vilbert":
        ours: dict[str, Any] = {
            "text": _STREAM,
            "visual": Stream(width=20, heads=2, layers=1, intermediate=28),
            "joint": 16,
        }
        return Vilbert.model_validate(
            common | ours | {"joint_heads": 2, "connections": ((1, 0), (2, 1))} | changes
        )
    return UnifiedVlp.model_validate(common | {"stream": _STREAM, "positions": 64} | changes)


def network(
    name: str, *, seed: int = 0, about: dict[str, Any] | None = None, **changes: Any
) -> EmotionNetwork:
    """A tiny network with random weights from a seed."""
    said: dict[str, Any] = {"labels": LABELS, "label_space": "emotic", "separator": tiny_words().end} | (
        about or {}
    )
    return EmotionNetwork(shape(name, **changes), About(**said), seed=seed)
