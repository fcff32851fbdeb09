"""A small LLaVA on the base tower that has read captions of the web, and what it writes about val and test.

It learns to describe the person in the red box, and to take questions: statements on what shows, and lists of
feelings, both made from the captions by rule, as LLaVA's own instructions were made from captions by a language model.
No person's labels are among them.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from emoscene.labels import LabelSpace
from emoscene.prompts import template
from emoscene.recognizers.captioner import load_captioner
from emoscene.recognizers.picking import pick_prompt
from emoscene.training.scenes_llava.build import save
from emoscene.training.schedule import Schedule
from emoscene.training.task import Draw
from experiments.table1.base import finished, load_tower, new_model, new_processor
from experiments.table1.clip import write_captions
from experiments.table1.packed import Content, Course, Lesson, PackedTask, Teacher, run_course
from experiments.table1.rows import Context, Part
from experiments.table1.vision_sizes import SIZES
from experiments.table1.web_captions import (
    AT_EVENTS,
    FEELING_WORDS,
    ON_FACES,
    WebPicture,
    claims,
    web_picture,
)

__all__ = ["CAPTIONS", "WEB_VLM", "web_vlm_folder"]

_SEED = 50_000_000
_DEFINED_SHARE = 1 / 12
_TOGETHER = 32


class _Instructed(PackedTask):
    """Web pictures, each drawn when it is needed; the share with definitions is asked for six labels."""

    def __init__(self, model: Any, processor: Any, labels: LabelSpace, size: int) -> None:
        super().__init__(model)
        self._teacher, self._size = Teacher(processor, labels), size
        person, paper = template("pointing/redbox.v1").text, template("pointing/redbox_paper.v1").text
        asked = self._teacher.question
        self._describe = asked(template("vlm/describe.v1").render(person=person))
        self._name = asked(template("vlm/name.v1").render(person=person))
        self._pick = asked(pick_prompt("paper", labels, paper))
        self._pick_six = asked(pick_prompt("defined", labels, paper))

    @property
    def size(self) -> int:
        return self._size

    def example(self, draw: Draw) -> Lesson:
        picture = web_picture(draw.seed + _SEED, draw.index, SIZES.side)
        return self._teacher.lesson(picture.pixels, self._content(picture, random.Random(draw.key)))

    def validate(self) -> dict[str, float]:
        return {}

    def _content(self, picture: WebPicture, rng: random.Random) -> Content:
        told = [(self._describe, picture.told)]
        shares: dict[str, float] = {}
        if picture.feelings:
            others = [name for name in FEELING_WORDS if name not in picture.feelings]
            shares = dict.fromkeys(picture.feelings, 1.0) | dict.fromkeys(rng.sample(others, 2), 0.0)
            told.append((self._name, FEELING_WORDS[picture.feelings[0]][0]))
            if rng.random() < _DEFINED_SHARE:
                told.append((self._pick_six, _listed(_six(picture))))
            else:
                told.append((self._pick, _listed(picture.feelings)))
        return Content(shares, claims(picture.scene, picture.subject, rng), told=told)


def _six(picture: WebPicture) -> list[str]:
    """Up to six feelings that come to an onlooker's mind, those of the caption first."""
    face = picture.scene.people[picture.subject].expression
    return list(dict.fromkeys([*picture.feelings, *ON_FACES[face], *AT_EVENTS[picture.scene.event]]))[:6]


def _listed(feelings: list[str] | tuple[str, ...]) -> str:
    return ", ".join(FEELING_WORDS[name][0] for name in feelings)


def _make_vlm(context: Context, folder: Path) -> None:
    done = web_vlm_folder(context)
    if done.is_dir():
        return
    processor = new_processor(context)
    model = new_model(context, processor)
    model.model.vision_tower.load_state_dict(load_tower(context))
    steps = context.sizes.of(SIZES.instructed_steps)
    schedule = Schedule(
        epochs=1, batch=SIZES.batch, at_once=SIZES.batch, rate=1e-3, warm_up=0.06, weight_decay=0.05, keep="last",
        checkpoint_every=200, log_every=25,
    )  # fmt: skip
    course = Course(name="table1-web-vlm", seed=context.seed, schedule=schedule)
    task = _Instructed(model, processor, context.labels, steps * SIZES.batch)
    run_course(folder / "training", course, {"web_pictures": task.size}, task)
    with finished(done) as part:
        save(part, model, processor)


def web_vlm_folder(context: Context) -> Path:
    """Where the model lies once `WEB_VLM` is made."""
    return context.part("web_vlm") / "model"


def _write_captions(context: Context, folder: Path) -> None:
    """What the model writes about everybody in val and test, kept as `rows.kept_captions` reads it."""
    write_captions(context, folder, load_captioner(web_vlm_folder(context), batch_size=_TOGETHER))


WEB_VLM = Part(
    "web_vlm",
    "web captions of drawn scenes of another seed, and questions made from them by rule; no labels",
    _make_vlm,
    needs=("base",),
)
CAPTIONS = Part(
    "captions",
    "nothing: the captions that web_vlm writes about val and test",
    _write_captions,
    needs=("web_vlm",),
)
