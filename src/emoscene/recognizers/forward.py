"""The forward pass of LLaVA-type models as one module: what the light core's file holds.

A tree of questions behind one picture, from pixels and tokens to logits, in a single sequence; what it computed of
the tokens comes out beside them, so that a next call can go on behind it.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

__all__ = ["Graph", "tower_features"]


def tower_features(hidden_states: tuple[Tensor, ...]) -> Tensor:
    """What the domain rule looks at, (batch, d): how the picture is drawn (mean and spread over the cells of the
    tower's first stage) and what it shows (mean over the cells of the last)."""
    early, late = hidden_states[1], hidden_states[-1]
    return torch.cat([early.mean(dim=1), early.std(dim=1), late.mean(dim=1)], dim=-1).float()


class Graph(nn.Module):
    """A LLaVA model as a function of plain tensors, with the picture's features beside the logits.

    Keys and values stand in one tensor (batch, layers, 2, heads, tokens, head size). A call that goes on behind
    another gives those of the earlier tokens as `past`, and no pictures (a batch of none).
    """

    inputs = ("pixels", "tokens", "positions", "mask", "reads", "past")
    outputs = ("logits", "features", "present", "cells")

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, pixels: Tensor, tokens: Tensor, positions: Tensor, mask: Tensor, reads: Tensor, past: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """pixels (pictures, 3, size, size); mask (batch, length, before + length); tokens, positions and reads as in
        `Collated`; logits (batch, reads, vocabulary), features (pictures, d), keys and values of the new tokens, and
        what the decoder sees of the pictures (pictures, cells, hidden size)."""
        from transformers import DynamicCache

        inner = self.model.model
        states = inner.vision_tower(pixels, output_hidden_states=True).hidden_states
        seen = inner.multi_modal_projector(states[-1])
        embedded = self.model.get_input_embeddings()(tokens)
        at = (tokens == self.model.config.image_token_id)[..., None].expand_as(embedded)
        cache = DynamicCache([(layer[:, 0], layer[:, 1]) for layer in past.unbind(1)])
        hidden = inner.language_model(
            inputs_embeds=embedded.masked_scatter(at, seen.to(embedded.dtype)),
            attention_mask=mask[:, None],
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
        ).last_hidden_state
        pairs = [torch.stack([layer.keys, layer.values], dim=1) for layer in cache.layers]
        present = torch.stack(pairs, dim=1)[..., past.shape[-2] :, :]
        return _read(self.model, hidden, reads), tower_features(states), present, seen


def _read(model: Any, hidden: Tensor, reads: Tensor) -> Tensor:
    picked = hidden.gather(1, reads[..., None].expand(-1, -1, hidden.shape[-1]))
    return cast(Tensor, model.lm_head(picked)).float()
