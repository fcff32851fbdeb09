"""Runs a recipe from nothing to a folder that `--model` loads: vocabulary, tower, language, domain, graph.

The folder holds the model in the hub's layout, `emoscene.json` (how to ask it, what it knows), `recipe.yaml` and
`log.jsonl` (one line every fifty steps). A run cut short goes on within the stage, and ends as it would have ended.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from safetensors.torch import load_file, save_file

from emoscene.datasets.scenes import caption, reason, sample_scene, words
from emoscene.errors import OptionError
from emoscene.labels import label_space
from emoscene.prompts import template
from emoscene.recognizers.questions import DIMENSIONS, TRAINED, Questions
from emoscene.recognizers.tokens import chat_frame, plain_encoder
from emoscene.training.scenes_llava.build import build_model, build_processor, build_tokenizer, cells, save
from emoscene.training.scenes_llava.finish import finish
from emoscene.training.scenes_llava.language import Texts, train_language
from emoscene.training.scenes_llava.shape import Recipe
from emoscene.training.scenes_llava.stages import Progress
from emoscene.training.scenes_llava.tower import Heads, build_heads, train_tower

__all__ = ["scene_texts", "train"]

_EVERY = 50


def scene_texts(seed: int, scenes: int) -> Iterator[str]:
    """The texts of some scenes, the prompts and the label names: everything the model reads and writes."""
    for index in range(scenes):
        scene = sample_scene(seed, index, split="train")
        for subject in range(len(scene.people)):
            yield caption(scene, subject).text
            yield reason(scene, subject)
            yield words(scene, subject) or ""
    person = template("pointing/redbox.v1").text
    for name in (TRAINED.feel, TRAINED.caption, TRAINED.reason):
        yield template(name).render(person=person)
    for dimension in DIMENSIONS:
        yield template(TRAINED.levels[dimension]).render(dimension=dimension, top="10", person=person)
    yield template(TRAINED.words).render(words="")
    yield from (label.name for label in label_space("emotic"))
    yield " ".join(str(n) for n in range(1, 11)) + " yes no user assistant : ?"


def train(recipe: Recipe, out: Path) -> Any:
    """Run the recipe into the folder `out`; returns the trained model (on the CPU, full precision).

    Scene numbers for the tower, for language and for the domain rule do not overlap.

    Raises:
        OptionError: if the folder holds a run of another recipe.
    """
    out.mkdir(parents=True, exist_ok=True)
    _claim(out, recipe)
    tokenizer = build_tokenizer(scene_texts(recipe.seed, recipe.vocabulary_scenes))
    processor = build_processor(recipe, tokenizer)
    model = build_model(recipe, tokenizer)
    tower = model.model.vision_tower
    finished = out / "tower.safetensors"
    heads: Heads
    if finished.is_file():
        heads = _restore(finished, tower)
    else:
        heads = train_tower(
            tower,
            recipe,
            grid=cells(recipe),
            first=0,
            progress=_log(out / "log.jsonl", "tower"),
            kept=out / "tower.kept",
        )
        states = {f"tower.{k}": v for k, v in tower.state_dict().items()}
        part = finished.with_suffix(".part")
        save_file(states | {f"heads.{k}": v for k, v in heads.state_dict().items()}, part)
        part.replace(finished)
    texts = texts_of(processor)
    train_language(
        model,
        texts,
        heads,
        recipe,
        grid=cells(recipe),
        first=1_000_000,
        progress=_log(out / "log.jsonl", "language"),
        kept=out / "language.kept",
    )
    model.eval()
    save(out / "model", model, processor)
    finish(model, processor, recipe, out)
    return model


def _claim(out: Path, recipe: Recipe) -> None:
    """Write the recipe into the run's folder; what is there already must be the same."""
    file = out / "recipe.yaml"
    text = yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False)
    if file.is_file() and file.read_text("utf-8") != text:
        raise OptionError(
            "this folder holds a run of another recipe", value=out, remedy="Give a new folder with --out."
        )
    file.write_text(text, "utf-8")


def texts_of(processor: Any) -> Texts:
    """How examples become tokens for this processor: the same frame and questions that are asked later."""
    frame = chat_frame(processor)
    tokenizer = processor.tokenizer
    encode = plain_encoder(tokenizer)
    image = processor.image_token
    side = processor.image_processor.size["height"] // processor.patch_size
    head = frame.head.replace(image, " ".join([image] * side**2))
    prefix = tokenizer(head, add_special_tokens=False).input_ids
    tail = tokenizer(frame.tail, add_special_tokens=False).input_ids
    questions = Questions(label_space("emotic"), encode, tail, unknown=tokenizer.unk_token_id)
    return Texts(questions, tuple(prefix), encode, tokenizer.eos_token_id)


def _restore(file: Path, tower: Any) -> Heads:
    states = load_file(file)
    tower.load_state_dict({k[6:]: v for k, v in states.items() if k.startswith("tower.")})
    labels = states["heads.emotion.2.weight"].shape[0]
    heads = build_heads(tower.config.hidden_size, labels)
    heads.load_state_dict({k[6:]: v for k, v in states.items() if k.startswith("heads.")})
    return heads


def _log(file: Path, stage: str) -> Progress:
    begun = time.monotonic()
    sums: dict[str, float] = {}

    def progress(step: int, steps: int, figures: dict[str, float]) -> None:
        for name, value in figures.items():
            sums[name] = sums.get(name, 0.0) + value
        if step % _EVERY == 0 or step == steps:
            over = step % _EVERY or _EVERY
            line = {"stage": stage, "step": step, "of": steps, "seconds": round(time.monotonic() - begun, 1)}
            line |= {name: round(value / over, 4) for name, value in sums.items()}
            sums.clear()
            with file.open("a", encoding="utf-8") as log:
                log.write(json.dumps(line) + "\n")
            print(json.dumps(line), flush=True)

    return progress
