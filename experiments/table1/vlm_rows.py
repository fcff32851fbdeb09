"""The small LLaVA of `captioner`, asked without more ado, and fine-tuned on people with labels.

Fine-tuning changes the whole model (it is small), on the questions that recognizers ask: yes or no for every label,
a level, and the paper's prompt answered with the labels. `val_aug` repeats people with rare labels, mirrored or with
other light, as the paper does to balance its categories.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageEnhance

from emoscene.images import open_picture, regions
from emoscene.labels import LabelSpace
from emoscene.metrics.ranking import mean_ap
from emoscene.prompts import template
from emoscene.recognizers.base import Recognizer
from emoscene.recognizers.loading import Placement
from emoscene.recognizers.picking import pick_prompt
from emoscene.recognizers.vlm import load_vlm, make, vlm_folder
from emoscene.training.scenes_llava.build import save
from emoscene.training.schedule import Schedule
from emoscene.training.task import Draw
from emoscene.types import Sample
from experiments.table1.base import finished
from experiments.table1.captioner import WEB_VLM, web_vlm_folder
from experiments.table1.packed import (
    Content,
    Course,
    Lesson,
    PackedTask,
    Teacher,
    live_recognizer,
    run_course,
)
from experiments.table1.rows import Context, Row
from experiments.table1.vision_sizes import SIZES

__all__ = ["VLM_ROWS", "balanced"]

#: A label that fewer than this share of people have is rare: they are repeated until it is reached, but no person
#: more than so often.
_RARE_SHARE, _MOST_REPEATS = 0.08, 4
_LIGHT = 0.15


@dataclass(frozen=True)
class _Diet:
    """Whom a model is fine-tuned on, and whom it is watched on."""

    split: str
    watched: str
    epochs: float
    few: int | None = None
    augmented: bool = False


class _FineTuned(PackedTask):
    """People of a split with their labels. Example `index` is a person, or the repeat of one."""

    def __init__(
        self,
        model: Any,
        processor: Any,
        labels: LabelSpace,
        people: Sequence[Sample],
        watched: Sequence[Sample],
        *,
        augmented: bool,
    ) -> None:
        super().__init__(model)
        self._processor, self._labels, self._people, self._watched = processor, labels, people, watched
        self._teacher, self._augmented = Teacher(processor, labels), augmented
        sets = [sample.target or frozenset() for sample in people]
        self._order = balanced(sets, labels.ids) if augmented else list(range(len(people)))
        prompt = pick_prompt("paper", labels, template("pointing/redbox_paper.v1").text)
        self._pick = self._teacher.question(prompt)

    @property
    def size(self) -> int:
        return len(self._order)

    def example(self, draw: Draw) -> Lesson:
        sample = self._people[self._order[draw.index]]
        rng = random.Random(f"fine-tuned/{draw.key}")
        pixels = _pixels(sample, rng if self._augmented else None)
        held = sample.target or frozenset()
        shares = {label: float(label in held) for label in self._labels.ids}
        level = None
        if sample.target_vad is not None:
            dimension = rng.randrange(3)
            level = dimension, list(sample.target_vad)[dimension][1]
        names = [label.name.lower() for label in self._labels if label.id in held]
        told = [(self._pick, ", ".join(names))] if names else []
        return self._teacher.lesson(pixels, Content(shares, level=level, told=told))

    def validate(self) -> dict[str, float]:
        if not self._watched:
            return {}
        asked = live_recognizer(self._model, self._processor, self._labels, Path("live"))
        rows = list(asked.predict(self._watched))
        ids = self._labels.ids
        truth = np.array([[label in (s.target or ()) for label in ids] for s in self._watched])
        scores = np.array([[row.scores[label] for label in ids] for row in rows])
        return {"mean_ap": mean_ap(truth, scores).value}


def _pixels(sample: Sample, rng: random.Random | None) -> npt.NDArray[np.uint8]:
    """The picture with the red box as the processor scales it; with `rng`, mirrored or in another light."""
    assert isinstance(sample.picture, str | Path)
    assert sample.box is not None
    shown = regions.red_box(open_picture(sample.picture), sample.box)
    shown = shown.resize((SIZES.side, SIZES.side), Image.Resampling.BICUBIC)
    if rng is not None:
        if rng.random() < 0.5:
            shown = shown.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        shown = ImageEnhance.Brightness(shown).enhance(rng.uniform(1 - _LIGHT, 1 + _LIGHT))
    return np.asarray(shown)


def balanced(sets: Sequence[frozenset[str]], labels: Sequence[str]) -> list[int]:
    """Everybody once, and people with rare labels again, the rarest label first, until it has its share or they have
    been repeated often enough. Depends on nothing but its arguments."""
    order = list(range(len(sets)))
    counts = {label: sum(label in held for held in sets) for label in labels}
    repeats = [1] * len(sets)
    for label in sorted(labels, key=lambda label: counts[label]):
        owners = [i for i, held in enumerate(sets) if label in held]
        for i in itertools.chain.from_iterable(itertools.repeat(owners, _MOST_REPEATS)):
            if counts[label] >= _RARE_SHARE * len(order):
                break
            if repeats[i] >= _MOST_REPEATS:
                continue
            repeats[i] += 1
            order.append(i)
            for held in sets[i]:
                counts[held] += 1
    return order


def _few(people: Sequence[Sample], number: int, seed: int) -> list[Sample]:
    """So many people, drawn."""
    chosen = random.Random(f"few/{seed}").sample(range(len(people)), min(number, len(people)))
    return [people[i] for i in sorted(chosen)]


def _fine_tune(diet: _Diet, context: Context, work: Path) -> Recognizer:
    done = work / "model"
    if not done.is_dir():
        model, processor = load_vlm(vlm_folder(web_vlm_folder(context)), Placement())
        people = list(context.dataset().samples(diet.split))
        if diet.few is not None:
            people = _few(people, diet.few, context.seed)
        watched = list(itertools.islice(context.dataset().samples(diet.watched), SIZES.validated))
        task = _FineTuned(model, processor, context.labels, people, watched, augmented=diet.augmented)
        run_course(work / "training", _course(diet, context, task), _seen(diet, task, len(people)), task)
        with finished(done) as part:
            save(part, model, processor)
    return make(context.labels, model=str(done), batch_size=32)


def _course(diet: _Diet, context: Context, task: PackedTask) -> Course:
    epochs = 1.0 if context.smoke else diet.epochs
    batch = min(SIZES.batch, max(8, task.size // 8))
    an_epoch = -(-task.size // batch)
    every = max(an_epoch, round(epochs * an_epoch / 6))
    schedule = Schedule(
        epochs=epochs, batch=batch, at_once=batch, rate=4e-4, warm_up=0.06, weight_decay=0.05, validate_every=every,
        checkpoint_every=100, log_every=20,
    )  # fmt: skip
    return Course(name=f"table1-vlm-{diet.split}", seed=context.seed, schedule=schedule)


def _seen(diet: _Diet, task: PackedTask, people: int) -> Mapping[str, Any]:
    return {"split": diet.split, "people": people, "examples": task.size, "watched": diet.watched}


def _asked(options: Mapping[str, Any], context: Context, work: Path) -> Recognizer:
    return make(context.labels, model=str(web_vlm_folder(context)), batch_size=32, **options)


def _tuned(name: str, title: str, paper: str, diet: _Diet) -> Row:
    learnt = f"{WEB_VLM.learns_from}; then the labels of {f'{diet.few} people of ' if diet.few else ''}{diet.split}"
    if diet.augmented:
        learnt += ", people with rare labels repeated, mirrored and in other light"
    made: Callable[[Context, Path], Recognizer] = partial(_fine_tune, diet)
    # What learnt from val cannot have its thresholds from val.
    rules_on = ("val", None) if diet.split == "train" else ("train", 1_500)
    return Row(name, title, "trained", learnt, made, paper=paper, needs=("web_vlm",), rules_on=rules_on,
               about={"fine_tuned": "all weights", "watched": diet.watched})  # fmt: skip


VLM_ROWS: tuple[Row, ...] = (
    Row("vlm", "VLM, a question for each label", "zero-shot", WEB_VLM.learns_from, partial(_asked, {}),
        paper="LLaVA", needs=("web_vlm",)),
    Row("vlm_paper", "VLM, the paper's prompt", "zero-shot", WEB_VLM.learns_from, partial(_asked, {"mode": "answer"}),
        needs=("web_vlm",)),
    Row("vlm_defined", "VLM, definitions and six labels", "zero-shot", WEB_VLM.learns_from,
        partial(_asked, {"mode": "answer", "prompt": "defined"}), paper="LLaVA*", needs=("web_vlm",)),
    _tuned("vlm_train", "VLM-F (train)", "LLaVA-F (train)", _Diet("train", "val", SIZES.train_epochs)),
    _tuned("vlm_val", "VLM-F (val)", "LLaVA-F (val)", _Diet("val", "train", SIZES.val_epochs)),
    _tuned("vlm_val_aug", "VLM-F (val aug)", "LLaVA-F (val aug)",
           _Diet("val", "train", SIZES.val_aug_epochs, augmented=True)),
    _tuned("vlm_few", f"VLM-F (val, {SIZES.few} samples)", "LLaVA-F (val, 100 samples)",
           _Diet("val", "train", SIZES.few_epochs, few=SIZES.few)),
)  # fmt: skip
