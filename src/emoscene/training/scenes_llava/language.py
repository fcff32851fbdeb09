"""The second stage: tower, projector and decoder together, on questions, captions and reasons.

Each picture is one packed sequence (`scoring.branches`): half of the labels as yes/no questions, one of valence,
arousal and dominance, the caption, and for every other picture the reason; all behind one prefix.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from emoscene.recognizers.questions import Questions
from emoscene.scoring.branches import Segment, pack
from emoscene.training.scenes_llava.people import Example, Shape
from emoscene.training.scenes_llava.shape import Recipe
from emoscene.training.scenes_llava.stages import Progress, Stream, run_stage
from emoscene.training.scenes_llava.tower import Heads, heads_loss, pixel_tensor

__all__ = ["Texts", "train_language"]


#: Answers are soft and few, written tokens many and soon known.
_ASK_WEIGHT = 8


@dataclass(frozen=True)
class Texts:
    """What turns an example into tokens: the questions, the prefix with the picture's tokens, the end of a turn."""

    questions: Questions
    prefix: tuple[int, ...]
    encode: Any
    end: int


@dataclass(frozen=True)
class _Sequence:
    """tokens, positions (length,), mask (length, length); where to read, and what: `ask` soft yes/no or level
    distributions as (place, ids, weights), `write` next tokens as (place, id)."""

    tokens: np.ndarray
    positions: np.ndarray
    mask: np.ndarray
    ask: list[tuple[int, tuple[int, int], tuple[float, float]]]
    write: list[tuple[int, int]]


def sequence(texts: Texts, example: Example, rng: random.Random) -> _Sequence:
    """One packed training sequence for one example."""
    questions = texts.questions
    tree = questions.tree(questions.root(texts.prefix, example.words))
    labels = sorted(rng.sample(range(len(tree.labels)), len(tree.labels) // 2))
    dimension = rng.randrange(3)
    segments = [tree.segments[0], tree.segments[1]]
    segments += [tree.segments[tree.labels[k]] for k in labels]
    segments.append(tree.segments[tree.dimensions[dimension]])
    told = [(questions.caption(), example.caption)]
    if rng.random() < 0.5:
        told.append((questions.reason(), example.reason))
    answers = [(*texts.encode(text), texts.end) for _, text in told]
    segments += [
        Segment((*question, *answer[:-1]), 0) for (question, _), answer in zip(told, answers, strict=True)
    ]
    packed = pack(segments)
    ask = [
        (packed.last(2 + i), (questions.yes[0], questions.no[0]), (float(p), 1 - float(p)))
        for i, p in enumerate(example.targets[labels])
    ]
    level = float(np.clip(example.vad[dimension], 1, 10))
    low = min(int(level), 9)
    ids = (questions.levels[low - 1][0], questions.levels[low][0])
    ask.append((packed.last(2 + len(labels)), ids, (1 - (level - low), level - low)))
    write: list[tuple[int, int]] = []
    for i, ((question, _), answer) in enumerate(zip(told, answers, strict=True)):
        begin = packed.spans[3 + len(labels) + i][0] + len(question) - 1
        write += [(begin + j, token) for j, token in enumerate(answer)]
    return _Sequence(packed.tokens, packed.positions, packed.mask, ask, write)


def collate(sequences: Sequence[_Sequence], pad: int) -> tuple[Tensor, Tensor, Tensor]:
    """ids, positions (batch, longest), mask (batch, 1, longest, longest); padded on the right."""
    longest = max(len(s.tokens) for s in sequences)
    ids = torch.full((len(sequences), longest), pad, dtype=torch.long)
    positions = torch.zeros((len(sequences), longest), dtype=torch.long)
    mask = torch.eye(longest, dtype=torch.bool).repeat(len(sequences), 1, 1, 1)
    for i, s in enumerate(sequences):
        n = len(s.tokens)
        ids[i, :n] = torch.from_numpy(s.tokens)
        positions[i, :n] = torch.from_numpy(s.positions)
        mask[i, 0, :n, :n] = torch.from_numpy(s.mask)
    return ids, positions, mask


def language_loss(logits: Tensor, sequences: Sequence[_Sequence]) -> tuple[Tensor, dict[str, float]]:
    """Cross entropy against the soft answers and the written tokens. `logits` (batch, length, vocabulary)."""
    rows, places, ids, weights = [], [], [], []
    write_rows, write_places, write_ids = [], [], []
    for i, s in enumerate(sequences):
        for place, pair, shares in s.ask:
            rows.append(i)
            places.append(place)
            ids.append(pair)
            weights.append(shares)
        for place, token in s.write:
            write_rows.append(i)
            write_places.append(place)
            write_ids.append(token)
    asked = logits[rows, places].log_softmax(dim=-1).gather(1, torch.tensor(ids))
    ask = -(asked * torch.tensor(weights)).sum(dim=1).mean()
    told = logits[write_rows, write_places]
    write = nn.functional.cross_entropy(told, torch.tensor(write_ids))
    right = float((told.argmax(dim=-1) == torch.tensor(write_ids)).float().mean())
    return _ASK_WEIGHT * ask + write, {
        "ask": float(ask.detach()),
        "write": float(write.detach()),
        "token": right,
    }


def train_language(
    model: Any,
    texts: Texts,
    heads: Heads,
    recipe: Recipe,
    *,
    grid: int,
    first: int,
    progress: Progress,
    kept: Path | None = None,
) -> None:
    """Train the whole model in place on drawn people from scene number `first` on.

    `kept` is where the stage is kept while it runs, to be gone on with after a cut.
    """
    stage = recipe.language_stage
    shape = Shape(recipe.tower.size, grid, stage.painted_share, stage.moved_share)
    steps = stage.people // stage.batch
    model.train()

    def loss_of(examples: Sequence[Example], step: int) -> tuple[Tensor, dict[str, float]]:
        rng = random.Random(f"language/{recipe.seed}/{step}")
        sequences = [sequence(texts, example, rng) for example in examples]
        ids, positions, mask = collate(sequences, pad=texts.end)
        looks = step >= stage.tower_rests * steps
        with torch.set_grad_enabled(looks):
            seen = model.model.vision_tower(pixel_tensor(examples), output_hidden_states=True)
        embedded = model.get_input_embeddings()(ids)
        at = (ids == model.config.image_token_id)[..., None].expand_as(embedded)
        # What the projector is given later, too: the states before the tower's last norm.
        embedded = embedded.masked_scatter(at, model.model.multi_modal_projector(seen.hidden_states[-1]))
        hidden = model.model.language_model(
            inputs_embeds=embedded, attention_mask=mask, position_ids=positions, use_cache=False
        ).last_hidden_state
        loss, figures = language_loss(model.lm_head(hidden), sequences)
        if not looks:
            return loss, figures
        dense, dense_figures = heads_loss(heads(seen.last_hidden_state), examples)
        return loss + stage.dense_weight * dense, {**figures, "feeling": dense_figures["feeling"]}

    stream = Stream(recipe.seed, first, shape, kept)
    run_stage({"model": model, "heads": heads}, loss_of, stage, stream, progress)
