"""Fine-tuning as a task of the loop: label lists written after the prompt, or yes/no questions behind one prefix."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from emoscene.metrics.ranking import mean_ap
from emoscene.metrics.sets import set_metrics
from emoscene.training.asker import Asker
from emoscene.training.data import People
from emoscene.training.losses import LabelCounts, check_parts, label_loss
from emoscene.training.targets import LabelList, teach
from emoscene.training.task import Draw, Task
from emoscene.training.tuning_recipe import Tuning
from emoscene.types import Prediction, Sample

__all__ = ["Lesson", "TuningTask", "end_token", "ranking_figures"]


@dataclass(frozen=True)
class Lesson:
    """One person made ready, and what is to be answered: tokens of a label list, or shares and levels."""

    ready: Any
    answer: tuple[int, ...]
    labels: Tensor
    levels: Tensor


class TuningTask(Task[Lesson]):
    """A generative model that learns the labels of people.

    Args:
        module: The model; what requires gradients is trained.
        asker: Asks it.
        people: Whom it learns from, and who judges.
        recipe: How.
    """

    def __init__(self, module: nn.Module, asker: Asker, people: People, recipe: Tuning) -> None:
        self._module, self.asker, self.recipe = module, asker, recipe
        self._end = end_token(module, asker.shared.tokenizer)
        # Tokenizers cannot be used by two threads at once.
        self._tokenizer = threading.Lock()
        check_parts(recipe.target.loss, batch=recipe.schedule.batch, at_once=recipe.schedule.at_once)
        self.replace_people(people)

    def replace_people(self, people: People) -> None:
        """Learn from these."""
        aim, labels = self.recipe.target, people.labels
        self.people = people
        taught = teach(people.train, labels, aim.teaching)
        self._labels, self._levels = torch.from_numpy(taught.labels), torch.from_numpy(taught.levels)
        counts = LabelCounts.of(taught.labels)
        self._loss = label_loss(aim.loss, counts)
        self._list = LabelList(labels, aim.order, [float(n) for n in counts.counts])

    @property
    def module(self) -> nn.Module:
        return self._module

    @property
    def size(self) -> int:
        return len(self.people.train)

    def example(self, draw: Draw) -> Lesson:
        subject = self.asker.settle(self.people.seen(draw.index, draw.key))
        with self._tokenizer:
            ready = self.asker.prepare(subject)
            answer = self.answer(draw.index, draw.key)
        return Lesson(ready, answer, self._labels[draw.index], self._levels[draw.index])

    def answer(self, index: int, key: str = "") -> tuple[int, ...]:
        """The tokens that a label list is taught with, its end among them."""
        text = self._list.text(self.people.train[index].target or (), key)
        return (*self.asker.questions.answer(text), self._end)

    def loss(self, batch: Sequence[Lesson]) -> tuple[Tensor, dict[str, float]]:
        with self._tokenizer:
            return self._written(batch) if self.recipe.target.answer == "label_list" else self._judged(batch)

    def validate(self) -> dict[str, float]:
        if not self.people.val:
            return {}
        with self._tokenizer:
            rows = list(self.asker.recognizer.predict(self.people.val))
        return ranking_figures(self.people.val, rows, self.people.labels.ids)

    def _written(self, batch: Sequence[Lesson]) -> tuple[Tensor, dict[str, float]]:
        """Cross-entropy of the answers' tokens: the mean over each answer, then over people."""
        asked = [self.asker.free_question(lesson.ready) for lesson in batch]
        tails = [(*tail, *lesson.answer) for (_, tail), lesson in zip(asked, batch, strict=True)]
        inputs = self.asker.shared.inputs([row for row, _ in asked], tails)
        lengths = inputs["attention_mask"].sum(dim=1).tolist()
        # A token is read off the place before it.
        places = [range(n - len(a.answer) - 1, n - 1) for n, a in zip(lengths, batch, strict=True)]
        kept = sorted({place for each in places for place in each})
        at = {place: i for i, place in enumerate(kept)}
        keep = torch.tensor(kept, device=inputs["input_ids"].device)
        logits = self._module(**inputs, use_cache=False, logits_to_keep=keep).logits
        losses, right, written = [], 0, 0
        for line, own, lesson in zip(logits, places, batch, strict=True):
            said, truth = line[[at[p] for p in own]].float(), keep.new_tensor(lesson.answer)
            losses.append(nn.functional.cross_entropy(said, truth))
            right += int((said.argmax(dim=-1) == truth).sum())
            written += len(lesson.answer)
        return torch.stack(losses).mean(), {"tokens_right": right / written}

    def _judged(self, batch: Sequence[Lesson]) -> tuple[Tensor, dict[str, float]]:
        """The recipe's loss between yes and no, the mass on neither, and cross-entropy between neighbouring levels."""
        questions, number = self.asker.questions, len(self.people.labels)
        rows = [self.asker.scoring_row(lesson.ready) for lesson in batch]
        logits = torch.stack(self.asker.shared.logits_to_train(rows)).log_softmax(dim=-1)
        yes, no = (logits[:, :number, list(ids)].logsumexp(-1) for ids in (questions.yes, questions.no))
        targets = torch.stack([lesson.labels for lesson in batch]).to(logits.device)
        labels = self._loss(yes - no, targets).mean()
        mass = torch.logaddexp(yes, no)
        loss = labels - mass.mean()
        figures = {"label_loss": float(labels.detach()), "label_mass": float(mass.detach().exp().mean())}
        if self.recipe.target.levels:
            steps = torch.stack([logits[:, number:, list(ids)].logsumexp(-1) for ids in questions.levels], -1)
            levels = _level_loss(steps, torch.stack([lesson.levels for lesson in batch]).to(logits.device))
            loss = loss + self.recipe.target.levels * levels
            figures["level_loss"] = float(levels.detach())
        return loss, figures


def _level_loss(logs: Tensor, levels: Tensor) -> Tensor:
    """Cross-entropy of log-probabilities (n, 3, steps) against levels (n, 3) from 0 to 1, shared out between the two
    steps that each lies between; the mean over people, 0 for one of whom no level is known."""
    known = ~levels.isnan()
    place = levels.nan_to_num() * (logs.shape[-1] - 1)
    low = place.floor().clamp(max=logs.shape[-1] - 2).long()
    share = place - low
    below, above = (logs.gather(-1, step[..., None])[..., 0] for step in (low, low + 1))
    errors = -((1 - share) * below + share * above) * known
    return (errors.sum(dim=1) / known.sum(dim=1).clamp(min=1)).mean()


def ranking_figures(
    people: Sequence[Sample], rows: Sequence[Prediction], labels: Sequence[str]
) -> dict[str, float]:
    """Figures of answers to people with known labels; who got no answer has no label, and the lowest score for each.

    `mean_ap` is the mean over the labels that somebody has, average precision as `metrics.ranking` defines it first.
    """
    truth = np.array([[label in (person.target or ()) for label in labels] for person in people])
    chosen = np.array([[label in row.labels for label in labels] for row in rows])
    known = [score for row in rows for score in row.scores.values()]
    lowest = min(known, default=0.0) - 1.0
    scores = np.array([[row.scores.get(label, lowest) for label in labels] for row in rows])
    return {
        "mean_ap": float(mean_ap(truth, scores).value),
        "macro_f1": float(set_metrics(truth, chosen).figures["macro_f1"].value),
        "answered": sum(row.ok for row in rows) / len(rows),
    }


def end_token(model: Any, tokenizer: Any) -> int:
    """The token that ends an answer: the tokenizer's, if generation stops there, else the first that it stops at."""
    stops = model.generation_config.eos_token_id
    known = [stops] if isinstance(stops, int) else list(stops or [])
    own = tokenizer.eos_token_id
    return int(own if own is not None and (own in known or not known) else known[0])
