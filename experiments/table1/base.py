"""The tower that all vision rows begin from: it knows what is where in a picture, and has seen no label of feelings.

It stands for what towers bring from ImageNet and from detectors: settings, the props of events, the marks of roles,
poses, ages, the shapes of faces (`closed eyes and open mouth`, not `happy`), and who is in the red box.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from emoscene.catalogue.choosing import resolve
from emoscene.labels import LabelSpace
from emoscene.prompts import template
from emoscene.recognizers.base import Recognizer
from emoscene.recognizers.loading import Placement, load_model
from emoscene.recognizers.picking import pick_prompt
from emoscene.recognizers.questions import DIMENSIONS, TRAINED, ZERO_SHOT
from emoscene.recognizers.registry import create
from emoscene.training.recipe import read_recipe, run_recipe
from emoscene.training.scenes_llava.build import build_model, build_processor, build_tokenizer, cells
from emoscene.training.scenes_llava.shape import DecoderShape, Recipe, Stage, TowerShape
from emoscene.training.scenes_llava.stages import Progress
from emoscene.training.scenes_llava.tower import train_tower
from experiments.table1.rows import Context, Part
from experiments.table1.vision_sizes import SIZES
from experiments.table1.web_captions import all_texts

__all__ = [
    "BASE",
    "base_recipe",
    "finished",
    "load_tower",
    "new_model",
    "new_processor",
    "prompts",
    "run_and_load",
    "tower_folder",
]

#: Added to the table's seed: nobody whom the parts learn from stands in the table's splits.
_SEED = 40_000_000


def base_recipe(context: Context) -> Recipe:
    """The shapes of tower and decoder, and the tower's stage."""
    stage = Stage(
        people=SIZES.batch * context.sizes.of(SIZES.base_steps), batch=SIZES.batch, rate=1e-3,
        warm_up=context.sizes.of(100), moved_share=0.15, emotions=False,
    )  # fmt: skip
    return Recipe(
        kind="scenes-llava", name="table1-base", seed=context.seed + _SEED,
        tower=TowerShape(size=SIZES.side, patch=6, embed=48, depths=(1, 1, 2), heads=(1, 2, 4), window=7),
        decoder=DecoderShape(hidden=192, intermediate=384, layers=2, heads=6, context=768),
        tower_stage=stage, language_stage=stage,
    )  # fmt: skip


def prompts(context: Context) -> list[str]:
    """Every prompt that a recognizer may put to the models of this table, and the answers."""
    person = template("pointing/redbox.v1").text
    texts = [template(f"vlm/{name}.v1").render(person=person) for name in ("ask", "cues", "describe", "name")]
    texts += [
        template(name).render(person=person) for name in (TRAINED.feel, TRAINED.caption, TRAINED.reason)
    ]
    texts += [template(ZERO_SHOT.levels[d]).render(person=person, top="10") for d in DIMENSIONS]
    texts.append(template(ZERO_SHOT.words).render(words=""))
    paper = template("pointing/redbox_paper.v1").text
    texts += [pick_prompt("paper", context.labels, paper), pick_prompt("defined", context.labels, paper)]
    texts += [label.name for label in context.labels]
    return [*texts, " ".join(str(n) for n in range(1, 11)) + " yes no user assistant : ? ."]


def new_processor(context: Context) -> Any:
    """A processor that knows every word of prompts and captions."""
    recipe = base_recipe(context)
    return build_processor(recipe, build_tokenizer([*prompts(context), *all_texts()]))


def new_model(context: Context, processor: Any) -> Any:
    """A LLaVA with random weights from the seed."""
    return build_model(base_recipe(context), processor.tokenizer)


def _make(context: Context, folder: Path) -> None:
    """Train the tower and write it as a folder that `AutoBackbone` and `AutoModel` load."""
    done = tower_folder(context)
    if done.is_dir():
        return
    recipe, processor = base_recipe(context), new_processor(context)
    tower = new_model(context, processor).model.vision_tower
    kept = folder / "tower.kept"
    train_tower(tower, recipe, grid=cells(recipe), first=0, progress=_log(folder / "log.jsonl"), kept=kept)
    with finished(done) as part:
        tower.eval().save_pretrained(part)
        processor.image_processor.save_pretrained(part)
    kept.unlink(missing_ok=True)


class finished:
    """A folder to write into that bears its name only once all is written."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.part = folder, folder.with_name(f"{folder.name}.part")

    def __enter__(self) -> Path:
        shutil.rmtree(self.part, ignore_errors=True)
        self.part.mkdir(parents=True)
        return self.part

    def __exit__(self, kind: type[BaseException] | None, *about: object) -> None:
        if kind is None:
            self.part.replace(self.folder)


def run_and_load(recipe: Mapping[str, Any], work: Path, labels: LabelSpace, **options: Any) -> Recognizer:
    """Run a recipe into `work/training`, as `emoscene train` does, or go on with it; load what it trained."""
    file, run = work / "recipe.yaml", work / "training"
    file.write_text(yaml.safe_dump(dict(recipe), sort_keys=False), "utf-8")
    run_recipe(read_recipe(file), run)
    choice = resolve(run, **options)
    return create(choice.recognizer, labels, choice.options)


def _log(file: Path) -> Progress:
    begun, every = time.monotonic(), 25

    def progress(step: int, steps: int, figures: dict[str, float]) -> None:
        if step % every == 0 or step == steps:
            line = {"step": step, "of": steps, "seconds": round(time.monotonic() - begun, 1)}
            with file.open("a", encoding="utf-8") as log:
                log.write(json.dumps(line | {k: round(v, 4) for k, v in figures.items()}) + "\n")

    return progress


def tower_folder(context: Context) -> Path:
    """Where the tower lies once `BASE` is made."""
    return context.part("base") / "tower"


def load_tower(context: Context) -> dict[str, Any]:
    """The tower's weights, by the names that transformers has in memory (files bear older ones)."""
    tower = load_model(tower_folder(context), "AutoModel", Placement("cpu", "float32"))
    return dict(tower.state_dict())


BASE = Part(
    "base",
    "drawn scenes of another seed: where settings, props, marks, poses, ages and displayed faces are; no emotions",
    _make,
)
