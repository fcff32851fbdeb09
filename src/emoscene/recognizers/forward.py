"""The forward pass of LLaVA-type models in torch: a tree of questions behind one picture.

`Graph` is the same computation as one module, from pixels and tokens to logits: what the light core's file holds.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from emoscene.scoring.branches import Collated

__all__ = ["Graph", "packed_logits", "tower_features"]


def packed_logits(model: Any, pixels: Tensor, batch: Collated) -> Tensor:
    """Next-token logits (batch, reads, vocabulary), float32, at the places that `batch.reads` names."""
    device = model.device
    allowed = torch.from_numpy(batch.mask)[:, None].to(device)
    # Added to the logits, not a mask of truths: only some attention kernels take the latter for what it is.
    barrier = torch.zeros(allowed.shape, dtype=model.dtype, device=device)
    barrier = barrier.masked_fill(~allowed, torch.finfo(model.dtype).min)
    hidden = model.model(
        input_ids=torch.from_numpy(batch.tokens).to(device),
        pixel_values=pixels.to(device, model.dtype),
        attention_mask=barrier,
        position_ids=torch.from_numpy(batch.positions).to(device),
        use_cache=False,
    ).last_hidden_state
    return _read(model, hidden, torch.from_numpy(batch.reads).to(device))


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
