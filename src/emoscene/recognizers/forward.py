"""The forward pass of LLaVA-type models as one module: what the light core's file holds.

A tree of questions behind one picture, from pixels and tokens to logits, in a single sequence and without a cache.
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
    """A LLaVA model as a function of plain tensors, with the picture's features beside the logits."""

    inputs = ("pixels", "tokens", "positions", "mask", "reads")
    outputs = ("logits", "features")

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, pixels: Tensor, tokens: Tensor, positions: Tensor, mask: Tensor, reads: Tensor
    ) -> tuple[Tensor, Tensor]:
        """pixels (batch, 3, size, size); the rest as in `Collated`; logits (batch, reads, vocabulary)."""
        inner = self.model.model
        states = inner.vision_tower(pixels, output_hidden_states=True).hidden_states
        seen = inner.multi_modal_projector(states[-1])
        embedded = self.model.get_input_embeddings()(tokens)
        at = (tokens == self.model.config.image_token_id)[..., None].expand_as(embedded)
        hidden = inner.language_model(
            inputs_embeds=embedded.masked_scatter(at, seen.to(embedded.dtype)),
            attention_mask=mask[:, None],
            position_ids=positions,
            use_cache=False,
        ).last_hidden_state
        return _read(self.model, hidden, reads), tower_features(states)


def _read(model: Any, hidden: Tensor, reads: Tensor) -> Tensor:
    picked = hidden.gather(1, reads[..., None].expand(-1, -1, hidden.shape[-1]))
    return cast(Tensor, model.lm_head(picked)).float()
