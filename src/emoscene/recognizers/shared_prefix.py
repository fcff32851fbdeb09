"""Many questions behind one prefix of pictures and text: the prefix runs once, the questions on its cache.

    prefix   header, pictures      one forward pass, through the model's own handling of pictures; keys and values kept
    tree     questions, labels     one more pass over all branches at once, under a mask that keeps them apart

The cache is never copied and the prefix never run again. Rows of different lengths stand side by side, padded on the
right, where causal attention cannot see it. Models whose state cannot branch (linear attention, sliding windows) are
recognised, and each path is run whole: slower, with the same meaning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from emoscene.scoring.branches import Packed, Segment, pack, path, pieces

__all__ = ["TESTED", "Row", "SharedPrefix"]

#: Families whose branches were compared with separate runs. Others are compared once, on the first row they get.
TESTED = frozenset(
    {
        "llava", "llava_next", "qwen2_vl", "qwen2_5_vl", "qwen3_vl", "smolvlm", "idefics3", "internvl",
        "llama", "mistral", "qwen2", "qwen3",
    }
)  # fmt: skip
#: How far log-probabilities of branches may be from those of a separate run, by the numbers the model runs in.
_TOLERANCE = {torch.float32: 1e-3, torch.float16: 0.1, torch.bfloat16: 0.3}


@dataclass(frozen=True)
class Row:
    """One prefix and the tree that hangs on it.

    `text` is a rendered chat template up to the question, with the family's placeholder for each of `images`;
    `segments` without a parent follow it; `reads` are the segments after which next-token logits are wanted.
    """

    text: str
    images: tuple[Image.Image, ...]
    segments: tuple[Segment, ...]
    reads: tuple[int, ...]


@dataclass(frozen=True)
class _Prefix:
    """What the first pass left: the cache, each row's length, the position that follows it, and the axes of
    positions (0: one number a token)."""

    cache: Any
    lengths: Tensor
    following: Tensor
    width: int
    axes: int


class SharedPrefix:
    """Reads next-token logits after the branches of trees.

    Args:
        model: A loaded model of transformers that generates text, from pictures and text or text alone.
        processor: Its processor, or the tokenizer of a text model.
        share: False runs every path whole.
        most_tokens: The longest tree that runs at once; longer ones run in parts, to bound memory.

    Attributes:
        shares: Whether branches share their prefix; `why_not` says why they do not.
    """

    def __init__(self, model: Any, processor: Any, *, share: bool = True, most_tokens: int = 2048) -> None:
        self.model, self.processor = model, processor
        self.tokenizer = getattr(processor, "tokenizer", processor)
        self._most = most_tokens
        self.why_not = "asked for" if not share else _why_not(model)
        self._doubted = not self.why_not and model.config.model_type not in TESTED

    @property
    def shares(self) -> bool:
        return not self.why_not

    def logits(self, rows: Sequence[Row]) -> list[Tensor]:
        """Next-token logits, float32 of shape (reads, vocabulary) for each row, on the model's device."""
        with torch.inference_mode():
            if self._doubted:
                self._compare(rows[0])
            return self._shared(rows) if self.shares else [self._separate(row) for row in rows]

    def logits_to_train(self, rows: Sequence[Row]) -> list[Tensor]:
        """As `logits`, with gradients: those of the questions flow back through the cache into the prefix."""
        if self._doubted:
            with torch.inference_mode():
                self._compare(rows[0])
        return self._shared(rows) if self.shares else [self._separate(row) for row in rows]

    def inputs(self, rows: Sequence[Row], tails: Sequence[Sequence[int]], side: str = "right") -> Any:
        """The model's inputs for prefixes that are followed by `tails`, padded on one side."""
        batch = self._prefixes(rows)
        mask = batch["attention_mask"].bool()
        lengthened = {}
        for name, value in batch.items():
            if value.shape != mask.shape:
                lengthened[name] = value
                continue
            fill = self._pad if name == "input_ids" else 0
            added = [
                torch.tensor(list(t) if name == "input_ids" else [_is_mask(name)] * len(t)) for t in tails
            ]
            lines = [torch.cat([v[m], a.to(v)]) for v, m, a in zip(value, mask, added, strict=True)]
            lengthened[name] = torch.nn.utils.rnn.pad_sequence(
                lines, batch_first=True, padding_value=fill, padding_side=side
            )
        return self._placed(lengthened)

    def write(self, rows: Sequence[Row], tails: Sequence[Sequence[int]], most: int) -> list[str]:
        """What the model writes after each prefix and its tail: greedy, at most `most` tokens."""
        from transformers import GenerationConfig

        own = self.model.generation_config
        greedy = GenerationConfig(
            max_new_tokens=most, do_sample=False, num_beams=1, eos_token_id=own.eos_token_id,
            bos_token_id=own.bos_token_id, pad_token_id=self._pad,
        )  # fmt: skip
        inputs = self.inputs(rows, tails, side="left")
        with torch.inference_mode():
            written = self.model.generate(**inputs, generation_config=greedy)
        length = inputs["input_ids"].shape[1]
        return [self.tokenizer.decode(line[length:], skip_special_tokens=True).strip() for line in written]

    @property
    def _pad(self) -> int:
        return int(self.tokenizer.pad_token_id or 0)

    def _prefixes(self, rows: Sequence[Row]) -> Any:
        texts = [row.text for row in rows]
        # A template that writes the token for the beginning itself must not get a second one.
        begins = self.tokenizer.bos_token is not None and texts[0].startswith(self.tokenizer.bos_token)
        options: dict[str, Any] = {
            "return_tensors": "pt", "padding": True, "padding_side": "right", "add_special_tokens": not begins,
        }  # fmt: skip
        if any(row.images for row in rows):
            return dict(self.processor(text=texts, images=[list(row.images) for row in rows], **options))
        return dict(self.tokenizer(texts, **options))

    def _placed(self, inputs: dict[str, Any]) -> dict[str, Any]:
        device, dtype = self.model.device, self.model.dtype
        return {
            k: v.to(device, dtype) if torch.is_floating_point(v) else v.to(device)
            for k, v in inputs.items()
            if isinstance(v, Tensor)
        }

    def _shared(self, rows: Sequence[Row]) -> list[Tensor]:
        prefix = self._prefill(rows)
        parts = [pieces(row.segments, row.reads, self._most) for row in rows]
        found: list[list[Tensor]] = [[] for _ in rows]
        for step in range(max(len(part) for part in parts)):
            # A row that is through stands by with an empty branch.
            now = [part[step] if step < len(part) else ((Segment((self._pad,)),), ()) for part in parts]
            logits, length = self._branches(prefix, [pack(s) for s, _ in now], [r for _, r in now])
            for kept, new in zip(found, logits, strict=True):
                kept.append(new)
            prefix.cache.crop(-length)
        return [torch.cat(kept) for kept in found]

    def _prefill(self, rows: Sequence[Row]) -> _Prefix:
        inputs = self._placed(self._prefixes(rows))
        mask = inputs["attention_mask"]
        seen: list[Tensor | None] = []

        def note(module: object, args: object, given: dict[str, Any]) -> None:
            seen.append(given.get("position_ids"))

        # The model's own positions: with pictures they need not be 0, 1, 2, ...
        hook = self.model.get_decoder().register_forward_pre_hook(note, with_kwargs=True)
        try:
            output = self.model(**inputs, use_cache=True, logits_to_keep=1)
        finally:
            hook.remove()
        lengths = mask.sum(dim=1)
        positions, axes = seen[-1], 0
        following = lengths
        if positions is not None and positions.ndim == 3:
            axes = 3
            highest = positions[-3:].masked_fill(mask[None] == 0, -1).amax(dim=(0, 2))
            following = highest + 1
        return _Prefix(output.past_key_values, lengths, following, mask.shape[1], axes)

    def _branches(
        self, prefix: _Prefix, trees: Sequence[Packed], reads: Sequence[Sequence[int]]
    ) -> tuple[list[Tensor], int]:
        device, dtype = self.model.device, self.model.dtype
        longest = max(len(tree.tokens) for tree in trees)
        tokens = np.full((len(trees), longest), self._pad, dtype=np.int64)
        positions = np.zeros((len(trees), longest), dtype=np.int64)
        allowed = np.zeros((len(trees), longest, prefix.width + longest), dtype=np.bool_)
        for i, (tree, length) in enumerate(zip(trees, prefix.lengths.tolist(), strict=True)):
            n = len(tree.tokens)
            tokens[i, :n], positions[i, :n] = tree.tokens, tree.positions
            allowed[i, :, :length] = True
            allowed[i, :n, prefix.width : prefix.width + n] = tree.mask
        # Added to the logits, not a mask of truths: only some attention kernels take the latter for what it is.
        barrier = torch.zeros(allowed.shape, dtype=dtype, device=device)
        barrier.masked_fill_(~torch.from_numpy(allowed).to(device), torch.finfo(dtype).min)
        places = torch.from_numpy(positions).to(device) + prefix.following[:, None]
        wanted = [[tree.last(s) for s in each] for tree, each in zip(trees, reads, strict=True)]
        kept = sorted({place for each in wanted for place in each})
        logits = self.model(
            input_ids=torch.from_numpy(tokens).to(device),
            attention_mask=barrier[:, None],
            position_ids=places.expand(prefix.axes, -1, -1) if prefix.axes else places,
            past_key_values=prefix.cache,
            use_cache=True,
            logits_to_keep=torch.tensor(kept, device=device),
        ).logits
        at = {place: i for i, place in enumerate(kept)}
        return [logits[i, [at[p] for p in each]].float() for i, each in enumerate(wanted)], longest

    def _separate(self, row: Row) -> Tensor:
        rows = []
        for read in row.reads:
            inputs = self.inputs([row], [path(row.segments, read)])
            rows.append(self.model(**inputs, use_cache=False, logits_to_keep=1).logits[0, -1].float())
        return torch.stack(rows)

    def _compare(self, row: Row) -> None:
        """Let a family that was never tested prove itself on its first row."""
        self._doubted = False
        ends = (row.reads[0], row.reads[-1])
        alone = self._separate(Row(row.text, row.images, row.segments, ends)).log_softmax(dim=-1)
        try:
            together = self._shared([row])[0][[0, -1]].log_softmax(dim=-1)
        except (RuntimeError, ValueError, TypeError, IndexError, AttributeError, KeyError) as error:
            self.why_not = f"its code cannot continue a cache in branches ({type(error).__name__})"
            return
        likely = alone > -12
        gap = float((alone - together)[likely].abs().max())
        if not gap <= _TOLERANCE.get(self.model.dtype, 0.3):
            self.why_not = f"branches on its cache differ from separate runs by {gap:.2g}"


def _is_mask(name: str) -> int:
    return int(name == "attention_mask")


def _why_not(model: Any) -> str:
    """Why branches cannot share a prefix in this model; empty if they can."""
    config = model.config.get_text_config(decoder=True)
    if getattr(model.config, "is_encoder_decoder", False):
        return "it is an encoder and a decoder"
    kinds = set(getattr(config, "layer_types", None) or ()) - {"full_attention"}
    if kinds:
        return f"its layers are of the kind {', '.join(sorted(kinds))}"
    if getattr(config, "sliding_window", None) and getattr(config, "use_sliding_window", True):
        return "its attention has a sliding window"
    if getattr(config, "cross_attention_layers", None):
        return "it looks at pictures by cross attention"
    return ""
