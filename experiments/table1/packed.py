"""Teaching a small LLaVA questions about a picture, the questions that recognizers ask, many behind one prefix.

A `Lesson` is a picture with the red box and one packed sequence (`scoring.branches`): yes/no questions with the share
of yes, a level, and questions that are answered in words. `Teacher` builds it with the very prompts of the `vlm`
recognizer, so that a model is taught what it is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from emoscene.labels import LabelSpace
from emoscene.prompts import template
from emoscene.recognizers.frames import frame_of
from emoscene.recognizers.pointing import Pointer
from emoscene.recognizers.questions import ZERO_SHOT, Questions
from emoscene.recognizers.tokens import chat_frame
from emoscene.recognizers.vlm import MOST_PIXELS, Ask, VisionLanguageRecognizer
from emoscene.scoring.branches import Segment, pack
from emoscene.training.folder import RunFolder
from emoscene.training.loop import Fitted, fit
from emoscene.training.recipe import Part as RecipePart
from emoscene.training.scenes_llava.run import texts_of
from emoscene.training.schedule import Schedule
from emoscene.training.task import Task

__all__ = ["Course", "Lesson", "PackedTask", "Teacher", "live_recognizer", "run_course"]

#: Shares of yes are few numbers a picture, written words many and soon known.
_ASK_WEIGHT = 8
#: A batch is cut in two where a sequence is longer than this: a few long ones would pad all.
_LONG = 320


class Course(RecipePart):
    """A training of this table: what it is called, its seed, how long."""

    name: str
    seed: int
    schedule: Schedule


def run_course(folder: Path, course: Course, data: Mapping[str, Any], task: Task[Any]) -> Fitted:
    """Train the task's module into a run's folder, or go on with what is there."""
    with RunFolder.claim(folder, course, data) as run:
        fitted = fit(task, course.schedule, run, seed=course.seed)
        run.finish(steps=fitted.steps, best=dict(fitted.best), best_step=fitted.best_step)
    return fitted


@dataclass(frozen=True)
class Lesson:
    """pixels (side, side, 3) uint8; tokens, positions (length,); mask (length, length). `ask` are answers of one token,
    as (place, ids, weights), `write` next tokens, as (place, id)."""

    pixels: npt.NDArray[np.uint8]
    tokens: npt.NDArray[np.int64]
    positions: npt.NDArray[np.int64]
    mask: npt.NDArray[np.bool_]
    ask: tuple[tuple[int, tuple[int, int], tuple[float, float]], ...]
    write: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Content:
    """What a lesson teaches.

    Attributes:
        shares: The share of yes for some labels.
        claims: Statements on what shows (`be in a park`), and whether they are true.
        level: A dimension (0 valence, 1 arousal, 2 dominance) and its value from 1 to 10.
        told: Questions (the tokens behind the prefix), and what is answered.
    """

    shares: Mapping[str, float] = field(default_factory=dict)
    claims: Sequence[tuple[str, bool]] = ()
    level: tuple[int, float] | None = None
    told: Sequence[tuple[tuple[int, ...], str]] = ()


class Teacher:
    """Builds lessons for one processor and label space."""

    def __init__(self, processor: Any, labels: LabelSpace) -> None:
        frame, tokenizer = chat_frame(processor), processor.tokenizer
        texts = texts_of(processor)
        self._prefix, self._encode, self._end = texts.prefix, texts.encode, texts.end
        tail = tokenizer(frame.tail, add_special_tokens=False).input_ids
        self._tail = tuple(tail)
        self.questions = Questions(
            labels, texts.encode, tail, unknown=tokenizer.unk_token_id, wording=ZERO_SHOT, glue=frame.glue,
            answer_glue=frame.answer_glue,
        )  # fmt: skip
        self._tree = self.questions.tree(())
        self._places = dict(zip(labels.ids, self._tree.labels, strict=True))

    def question(self, text: str) -> tuple[int, ...]:
        """The tokens of any question behind the picture."""
        return self.questions.free(text, ())

    def lesson(self, pixels: npt.NDArray[np.uint8], content: Content) -> Lesson:
        """One packed sequence."""
        q, tree = self.questions, self._tree
        segments = [Segment(self._prefix)]
        asked: list[tuple[int, tuple[int, int], tuple[float, float]]] = []
        if content.shares:
            stem = tree.segments[tree.segments[tree.labels[0]].parent or 0]
            segments.append(Segment(stem.tokens, 0))
            for label, share in content.shares.items():
                segments.append(Segment(tree.segments[self._places[label]].tokens, 1))
                asked.append((len(segments) - 1, (q.yes[0], q.no[0]), (share, 1 - share)))
        for claim, true in content.claims:
            segments.append(Segment(self._claimed(claim), 0))
            asked.append((len(segments) - 1, (q.yes[0], q.no[0]), (float(true), float(not true))))
        if content.level is not None:
            dimension, value = content.level
            segments.append(Segment(tree.segments[tree.dimensions[dimension]].tokens, 0))
            low = min(int(min(max(value, 1.0), 10.0)), 9)
            high = min(max(value - low, 0.0), 1.0)
            asked.append((len(segments) - 1, (q.levels[low - 1][0], q.levels[low][0]), (1 - high, high)))
        first_told = len(segments)
        answers = [(*self._encode(answer), self._end) for _, answer in content.told]
        for (question, _), answer in zip(content.told, answers, strict=True):
            segments.append(Segment((*question, *answer[:-1]), 0))
        packed = pack(segments)
        write: list[tuple[int, int]] = []
        for i, ((question, _), answer) in enumerate(zip(content.told, answers, strict=True)):
            begin = packed.spans[first_told + i][0] + len(question) - 1
            write += [(begin + j, token) for j, token in enumerate(answer)]
        ask = tuple((packed.last(place), ids, weights) for place, ids, weights in asked)
        return Lesson(pixels, packed.tokens, packed.positions, packed.mask, ask, tuple(write))

    def _claimed(self, claim: str) -> tuple[int, ...]:
        """The question of a statement, worded as those of the labels are: `... seem to be in a park?`."""
        text = template(ZERO_SHOT.feel).render(person=self.questions.person).removesuffix(" feel")
        return self.question(f"{text} {claim}?")


class PackedTask(Task[Lesson]):
    """The loss of lessons. Subclasses say which."""

    def __init__(self, model: Any, *, tower_rate: float = 0.5) -> None:
        self._model, self._tower_rate = model, tower_rate

    @property
    def module(self) -> nn.Module:
        model: nn.Module = self._model
        return model

    def groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """The tower, which knows much, moves more slowly."""
        kinds: dict[tuple[bool, bool], list[nn.Parameter]] = {}
        for name, parameter in self.module.named_parameters():
            if parameter.requires_grad:
                kinds.setdefault(("vision_tower" in name, parameter.ndim > 1), []).append(parameter)
        return [
            {"params": found, "weight_decay": weight_decay * matrix, "lr": self._tower_rate if tower else 1.0}
            for (tower, matrix), found in kinds.items()
        ]

    def loss(self, batch: Sequence[Lesson]) -> tuple[Tensor, dict[str, float]]:
        short = [lesson for lesson in batch if len(lesson.tokens) <= _LONG]
        long = [lesson for lesson in batch if len(lesson.tokens) > _LONG]
        total, figures = torch.zeros(()), {"ask": 0.0, "write": 0.0}
        for part in (short, long):
            if part:
                loss, found = self._loss(part)
                share = len(part) / len(batch)
                total = total + share * loss
                figures = {name: value + share * found[name] for name, value in figures.items()}
        return total, figures

    def _loss(self, batch: Sequence[Lesson]) -> tuple[Tensor, dict[str, float]]:
        """The mean over the people of each one's mean over answers: nobody weighs more for being asked more."""
        hidden = _hidden(self._model, batch)
        ask, write = torch.zeros(()), torch.zeros(())
        places = [(i, place) for i, lesson in enumerate(batch) for place, _, _ in lesson.ask]
        if places:
            rows, columns = zip(*places, strict=True)
            ids = torch.tensor([pair for lesson in batch for _, pair, _ in lesson.ask])
            weights = torch.tensor([shares for lesson in batch for _, _, shares in lesson.ask])
            logs = self._model.lm_head(hidden[list(rows), list(columns)]).float().log_softmax(dim=-1)
            losses = -(logs.gather(1, ids) * weights).sum(dim=1)
            ask = (losses * _evenly([len(lesson.ask) for lesson in batch])).sum() / len(batch)
        written = [(i, place) for i, lesson in enumerate(batch) for place, _ in lesson.write]
        if written:
            rows, columns = zip(*written, strict=True)
            told = torch.tensor([token for lesson in batch for _, token in lesson.write])
            logits = self._model.lm_head(hidden[list(rows), list(columns)]).float()
            losses = nn.functional.cross_entropy(logits, told, reduction="none")
            write = (losses * _evenly([len(lesson.write) for lesson in batch])).sum() / len(batch)
        figures = {"ask": float(ask.detach()), "write": float(write.detach())}
        return _ASK_WEIGHT * ask + write, figures


def _evenly(counts: Sequence[int]) -> Tensor:
    return torch.tensor([1 / count for count in counts for _ in range(count)])


def _hidden(model: Any, batch: Sequence[Lesson]) -> Tensor:
    """The decoder's last states (batch, longest, width)."""
    longest = max(len(lesson.tokens) for lesson in batch)
    ids = torch.zeros((len(batch), longest), dtype=torch.long)
    positions = torch.zeros((len(batch), longest), dtype=torch.long)
    mask = torch.eye(longest, dtype=torch.bool).repeat(len(batch), 1, 1, 1)
    for i, lesson in enumerate(batch):
        n = len(lesson.tokens)
        ids[i, :n] = torch.from_numpy(lesson.tokens)
        positions[i, :n] = torch.from_numpy(lesson.positions)
        mask[i, 0, :n, :n] = torch.from_numpy(lesson.mask)
    pixels = torch.from_numpy(np.stack([lesson.pixels for lesson in batch])).permute(0, 3, 1, 2)
    scaled = pixels.float().div(127.5).sub(1.0)
    # What LLaVA takes: the states before Swin's last norm.
    cells = model.model.vision_tower(scaled, output_hidden_states=True).hidden_states[-1]
    embedded = model.get_input_embeddings()(ids)
    at = (ids == model.config.image_token_id)[..., None].expand_as(embedded)
    seen = model.model.multi_modal_projector(cells).to(embedded.dtype)
    hidden: Tensor = model.model.language_model(
        inputs_embeds=embedded.masked_scatter(at, seen),
        attention_mask=mask,
        position_ids=positions,
        use_cache=False,
    ).last_hidden_state
    return hidden


def live_recognizer(model: Any, processor: Any, labels: LabelSpace, folder: Path) -> VisionLanguageRecognizer:
    """The recognizer of a model that is still being trained, asked as its folder will be."""
    pointer = Pointer("redbox", frame_of("llava", processor), MOST_PIXELS)
    return VisionLanguageRecognizer(model, processor, labels, folder, pointer, Ask(), batch_size=32)
