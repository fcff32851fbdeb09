"""The end of a run: what the model knows is measured, the graph exported, the notes written."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from emoscene.datasets.scenes import SCENES_VERSION, draw_scene, sample_scene
from emoscene.recognizers.forward import tower_features
from emoscene.recognizers.notes import DomainNotes, ModelNotes
from emoscene.recognizers.tokens import chat_frame
from emoscene.scoring.domain import fit_domain
from emoscene.training.scenes_llava.export import export_graph, write_domain, write_notes
from emoscene.training.scenes_llava.people import pointed_pixels
from emoscene.training.scenes_llava.shape import Recipe

__all__ = ["finish", "picture_features"]

_SIZE = 448
_WHOLE = (0.0, 0.0, 1.0, 1.0)
_WITHOUT_BOX = 0.15
_FIRST_FIT, _FIRST_LIMIT = 3_000_000, 4_000_000


def finish(model: Any, processor: Any, recipe: Recipe, out: Path) -> None:
    """Fit the domain rule on fresh training pictures, set its limit on others so that 99.5 % of them lie inside,
    write it and the notes into `out/model`, and export `out/graph.onnx`.
    """
    model = model.float().eval()
    size = recipe.tower.size
    fitted = picture_features(model, _pictures(recipe.seed, _FIRST_FIT, recipe.domain.fit, size))
    held_out = picture_features(model, _pictures(recipe.seed, _FIRST_LIMIT, recipe.domain.limit, size))
    domain = fit_domain(fitted, held_out, 0.995)
    folder = out / "model"
    knows = f"the drawn scenes ({SCENES_VERSION})"
    rule = DomainNotes(knows=knows, file=write_domain(folder, domain), limit=domain.limit)
    write_notes(folder, notes_of(processor, recipe, rule))
    export_graph(model, size, out / "graph.onnx")


def picture_features(model: Any, pixels: Iterator[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]:
    """The tower's features (n, d) of pictures (size, size, 3)."""
    rows = []
    with torch.inference_mode():
        for picture in pixels:
            scaled = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float().div(127.5).sub(1.0)
            states = model.model.vision_tower(scaled, output_hidden_states=True).hidden_states
            rows.append(tower_features(states)[0].numpy())
    return np.stack(rows)


def notes_of(processor: Any, recipe: Recipe, domain: DomainNotes) -> ModelNotes:
    """The notes of a model trained on drawn scenes."""
    frame, images, tokenizer = chat_frame(processor), processor.image_processor, processor.tokenizer
    return ModelNotes(
        format=1,
        name=recipe.name,
        summary="A tiny vision language model (LLaVA layout, Swin tower) trained from nothing on drawn scenes.",
        licence="Apache-2.0",
        data=f"Drawn scenes of emoscene's own generator, version {SCENES_VERSION}; no photographs, no real people.",
        limits=(
            "Knows drawn scenes only and refuses other pictures. Says nothing about photographs. Its captions take "
            "the place from what usually goes with the event: pairs of event and setting that training never "
            "held are mostly told wrongly."
        ),
        label_space="emotic",
        domain=domain,
        head=frame.head,
        tail=frame.tail,
        image_token=processor.image_token,
        image_tokens=(images.size["height"] // processor.patch_size) ** 2,
        size=images.size["height"],
        mean=tuple(images.image_mean),
        std=tuple(images.image_std),
        unknown_id=tokenizer.unk_token_id,
        end_id=tokenizer.eos_token_id,
    )


def _pictures(seed: int, first: int, count: int, size: int) -> Iterator[npt.NDArray[np.uint8]]:
    """Fresh training pictures with the red box round one person, now and then round the whole."""
    for index in range(first, first + count):
        scene = sample_scene(seed, index, split="train")
        rng = random.Random(f"domain/{seed}/{index}")
        box = _WHOLE if rng.random() < _WITHOUT_BOX else rng.choice(scene.people).box
        yield pointed_pixels(draw_scene(scene, _SIZE), box, size)
