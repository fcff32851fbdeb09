"""A small language model that has read stories, and nothing of any picture.

It stands for the language models that the paper asks about captions. Each story is one packed sequence: its own words,
one after the other; yes/no questions about feelings, one for a word for them, and now and then one for a level, put
exactly as `LanguageReasoner` puts them.
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

from emoscene.labels import LabelSpace, label_space
from emoscene.prompts import template
from emoscene.recognizers.questions import DIMENSIONS, WORDS_ALONE, WORDS_ONLY, Questions
from emoscene.recognizers.tokens import chat_frame, plain_encoder
from emoscene.scoring.branches import Packed, Segment, collate, pack
from emoscene.training.folder import RunFolder
from emoscene.training.loop import Progress, fit
from emoscene.training.recipe import Part
from emoscene.training.scenes_llava.build import build_tokenizer
from emoscene.training.schedule import Schedule
from emoscene.training.task import Draw, Task
from experiments.table1.stories import STREAM, Telling, nth, vocabulary

__all__ = ["Lesson", "Reading", "StoriesRecipe", "StoryTask", "train_stories"]

_LEVEL_SHARE = 0.25
#: Answers are few words a story, and its own words many.
_ASK_WEIGHT, _TELL_WEIGHT = 16.0, 0.3


class StoriesRecipe(Part):
    """What decides the training."""

    kind: str = "stories"
    seed: int
    asked: int = 26
    schedule: Schedule


@dataclass(frozen=True)
class Lesson:
    """A packed story. `ask`: places, the two tokens between which is answered, and the share of the first; `write`:
    places and a token that may follow, the beginning of a feeling's name; `tell`: the same of the story itself."""

    packed: Packed
    ask: tuple[tuple[int, tuple[int, int], float], ...]
    write: tuple[tuple[int, int], ...]
    tell: tuple[tuple[int, int], ...]


class Reading:
    """How stories become lessons: the very questions that `LanguageReasoner` asks.

    Args:
        tokenizer: The model's.
        labels: The label space.
        asked: Labels that are asked for behind a story.
    """

    def __init__(self, tokenizer: Any, labels: LabelSpace, asked: int) -> None:
        frame, self._labels, self._asked = chat_frame(tokenizer, 0), labels, asked
        self.pad = int(tokenizer.pad_token_id)
        self._prefix = tuple(tokenizer(frame.head).input_ids)
        tail = tokenizer(frame.tail, add_special_tokens=False).input_ids
        self.questions = Questions(
            labels, plain_encoder(tokenizer), tail, unknown=tokenizer.unk_token_id, wording=WORDS_ALONE,
            glue=frame.glue, answer_glue=frame.answer_glue, limits=WORDS_ONLY,
        )  # fmt: skip
        self._person = template("pointing/words.v1").text

    def lesson(self, telling: Telling, rng: random.Random) -> Lesson:
        """One story with some of the labels' questions, drawn."""
        q = self.questions
        root = (*self._prefix, *q.root((), telling.text))
        tree = q.tree(root, self._person)
        stem = tree.segments[tree.segments[tree.labels[0]].parent or 0]
        segments = [Segment(root), Segment(stem.tokens, 0)]
        answers: list[tuple[tuple[int, int], float]] = []
        for label in sorted(rng.sample(range(len(tree.labels)), self._asked)):
            segments.append(Segment(tree.segments[tree.labels[label]].tokens, 1))
            answers.append(((q.yes[0], q.no[0]), float(telling.labels[label])))
        if rng.random() < _LEVEL_SHARE:
            dimension = rng.randrange(len(DIMENSIONS))
            segments.append(Segment(tree.segments[tree.dimensions[dimension]].tokens, 0))
            value = float(np.clip(telling.vad[dimension], 1, 10))
            low = min(int(value), 9)
            answers.append(((q.levels[low - 1][0], q.levels[low][0]), 1 - (value - low)))
        names = q.names(root, self._person)
        segments.append(Segment(names.segments[1].tokens, 0))
        packed = pack(segments)
        ask = tuple((packed.last(2 + i), pair, share) for i, (pair, share) in enumerate(answers))
        # All that is felt is equally good an answer to what is felt, in a word.
        held = np.flatnonzero(telling.labels).tolist()
        write = tuple((packed.last(len(segments) - 1), names.labels[label][0][1]) for label in held)
        first = len(self._prefix)
        return Lesson(packed, ask, write, tuple((at - 1, root[at]) for at in range(first, len(root))))


class StoryTask(Task[Lesson]):
    """Cross entropy over the whole vocabulary: of answers, of a feeling's name, of the story's own words.

    Args:
        model: A causal language model.
        reading: How stories become lessons.
        stories: How many there are.
        seed: Of the stories.
    """

    def __init__(self, model: Any, reading: Reading, stories: int, seed: int) -> None:
        self._model, self._reading, self._stories, self._seed = model, reading, stories, seed

    @property
    def module(self) -> nn.Module:
        module: nn.Module = self._model
        return module

    @property
    def size(self) -> int:
        return self._stories

    def example(self, draw: Draw) -> Lesson:
        return self._reading.lesson(nth(self._seed, draw.index), random.Random(draw.key))

    def loss(self, batch: Sequence[Lesson]) -> tuple[Tensor, dict[str, float]]:
        hidden = self._hidden(batch)
        asked = [(i, *one) for i, lesson in enumerate(batch) for one in lesson.ask]
        logs = self._logs(hidden, [(i, place) for i, place, _, _ in asked])
        said = logs.gather(1, torch.tensor([pair for _, _, pair, _ in asked]))
        shares = torch.tensor([share for _, _, _, share in asked])
        ask = -(said[:, 0] * shares + said[:, 1] * (1 - shares)).mean()
        write = self._next(hidden, [lesson.write for lesson in batch])
        tell = self._next(hidden, [lesson.tell for lesson in batch])
        figures = {"ask": float(ask.detach()), "write": float(write.detach()), "tell": float(tell.detach())}
        return _ASK_WEIGHT * ask + write + _TELL_WEIGHT * tell, figures

    def validate(self) -> dict[str, float]:
        return {}

    def _hidden(self, batch: Sequence[Lesson]) -> Tensor:
        together = collate([lesson.packed for lesson in batch], [() for _ in batch], self._reading.pad)
        barrier = torch.zeros(together.mask.shape)
        barrier.masked_fill_(~torch.from_numpy(together.mask), torch.finfo(barrier.dtype).min)
        hidden: Tensor = self._model.model(
            input_ids=torch.from_numpy(together.tokens),
            attention_mask=barrier[:, None],
            position_ids=torch.from_numpy(together.positions),
            use_cache=False,
        ).last_hidden_state
        return hidden

    def _logs(self, hidden: Tensor, places: Sequence[tuple[int, int]]) -> Tensor:
        rows, columns = zip(*places, strict=True)
        logits: Tensor = self._model.lm_head(hidden[list(rows), list(columns)])
        return logits.log_softmax(dim=-1)

    def _next(self, hidden: Tensor, written: Sequence[Sequence[tuple[int, int]]]) -> Tensor:
        """Cross entropy of tokens at their places; 0 where nothing is written."""
        flat = [(i, place, token) for i, each in enumerate(written) for place, token in each]
        if not flat:
            return hidden.new_zeros(())
        logs = self._logs(hidden, [(i, place) for i, place, _ in flat])
        return nn.functional.nll_loss(logs, torch.tensor([token for _, _, token in flat]))


def train_stories(
    out: Path, seed: int, steps: int, *, more: Sequence[str] = (), progress: Progress | None = None
) -> Path:
    """Train the model on stories into `out/model`, a plain folder of a causal language model.

    Args:
        out: The folder; what it holds of this training already is gone on with.
        seed: Of stories and weights.
        steps: Steps of 16 stories; no story is told twice.
        more: Texts whose words the tokenizer is to know.
        progress: As `loop.fit`.
    """
    schedule = Schedule(
        steps=steps, batch=16, at_once=16, rate=2e-3, weight_decay=0.01, keep="last", warm_up=0.06,
        checkpoint_every=200,
    )  # fmt: skip
    recipe = StoriesRecipe(seed=seed, schedule=schedule)
    tokenizer = build_tokenizer(vocabulary(seed, more))
    tokenizer.chat_template = None
    model = _model(tokenizer, seed)
    stories = steps * schedule.batch
    task = StoryTask(model, Reading(tokenizer, label_space("emotic"), recipe.asked), stories, seed)
    with RunFolder.claim(out, recipe, {"stories": stories, "stream": STREAM + seed}) as folder:
        if not folder.finished:
            fit(task, schedule, folder, seed=seed, progress=progress)
            model.save_pretrained(folder.model)
            tokenizer.save_pretrained(folder.model)
            folder.finish()
        return folder.model


def _model(tokenizer: Any, seed: int) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=128, intermediate_size=320, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=4, max_position_embeddings=1024, tie_word_embeddings=True,
        pad_token_id=0, bos_token_id=2, eos_token_id=3, initializer_range=0.08,
    )  # fmt: skip
    return LlamaForCausalLM(config)
