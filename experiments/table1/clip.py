"""A dual encoder on the base tower, trained contrastively on web captions: zero-shot, and as NarraCap's eye.

A plain `VisionTextDualEncoderModel`: the base's Swin and a small BERT. It sees whole pictures with a red box and
people cut out, each beside a short text, of which some tell how it looks to an onlooker.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from emoscene.errors import EmosceneError
from emoscene.images import open_picture
from emoscene.narration import ChoiceRules, NarraCap, View, load_vocabulary
from emoscene.prompts import template
from emoscene.recognizers.base import Recognizer
from emoscene.recognizers.dual_encoder import make as make_dual_encoder
from emoscene.recognizers.encoders import load_encoder
from emoscene.training.scenes_llava.build import build_processor, build_tokenizer
from emoscene.training.schedule import Schedule
from emoscene.training.task import Draw, Task
from experiments.table1.base import (
    base_recipe,
    finished,
    load_tower,
    new_model,
    new_processor,
    run_and_load,
)
from experiments.table1.packed import Course, run_course
from experiments.table1.rows import Context, Part, Row, keep_captions
from experiments.table1.vision_sizes import SIZES
from experiments.table1.web_captions import all_texts, vocabularies, web_picture

__all__ = ["CLIP", "CLIP_ROWS", "NARRACAP", "clip_folder", "write_captions"]

_SEED = 60_000_000
_WIDTH, _PROJECTED, _TEXT_LAYERS, _PLACES = 128, 96, 2, 64
_SIGNALS = 2
_SPLITS = ("val", "test")
_DUAL = ("seems", "mood", "body", "moment", "paper", "definition")

Pair = tuple[np.ndarray[Any, np.dtype[np.uint8]], str]


class _Contrastive(Task[Pair]):
    """Pictures and texts of a step tell each other apart; equal texts count as right for each other."""

    def __init__(self, model: Any, tokenizer: Any, size: int) -> None:
        self._model, self._tokenizer, self._size = model, tokenizer, size

    @property
    def module(self) -> nn.Module:
        model: nn.Module = self._model
        return model

    @property
    def size(self) -> int:
        return self._size

    def example(self, draw: Draw) -> Pair:
        picture = web_picture(draw.seed + _SEED, draw.index, SIZES.side, cut_out_share=0.5)
        return picture.pixels, picture.short

    def loss(self, batch: Sequence[Pair]) -> tuple[Tensor, dict[str, float]]:
        texts = [text for _, text in batch]
        pixels = torch.from_numpy(np.stack([pixels for pixels, _ in batch])).permute(0, 3, 1, 2)
        tokens = self._tokenizer(texts, padding=True, padding_side="right", return_tensors="pt")
        logits = self._model(
            input_ids=tokens["input_ids"],
            attention_mask=tokens["attention_mask"],
            pixel_values=pixels.float().div(127.5).sub(1.0),
        ).logits_per_image
        same = torch.tensor([[float(one == other) for other in texts] for one in texts])
        wanted = same / same.sum(dim=1, keepdim=True)
        rows = -(logits.log_softmax(dim=1) * wanted).sum(dim=1).mean()
        columns = -(logits.T.log_softmax(dim=1) * wanted).sum(dim=1).mean()
        right = float((same.gather(1, logits.argmax(dim=1, keepdim=True))).mean())
        return (rows + columns) / 2, {"right": right}

    def validate(self) -> dict[str, float]:
        return {}


def _tokenizer(context: Context) -> Any:
    """Whole words, with a first token that stands for the text."""
    from tokenizers.processors import TemplateProcessing

    texts = [
        *all_texts(),
        *(label.name for label in context.labels),
        *(label.definition for label in context.labels),
    ]
    texts += [template(f"dual/{name}.v1").text for name in _DUAL]
    texts += [template(f"narration/{slot}.v1").text for slot in ("who", "where", "what", "how")]
    tokenizer = build_tokenizer(texts)
    begin = tokenizer.bos_token_id
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", begin)]
    )
    tokenizer.model_max_length, tokenizer.padding_side = _PLACES, "right"
    return tokenizer


def _model(context: Context, tokenizer: Any) -> Any:
    from transformers import BertConfig, VisionTextDualEncoderConfig, VisionTextDualEncoderModel

    tower = new_model(context, new_processor(context)).model.vision_tower
    text = BertConfig(
        vocab_size=len(tokenizer), hidden_size=_WIDTH, num_hidden_layers=_TEXT_LAYERS, num_attention_heads=4,
        intermediate_size=2 * _WIDTH, max_position_embeddings=_PLACES, pad_token_id=tokenizer.pad_token_id,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    config = VisionTextDualEncoderConfig.from_vision_text_configs(
        tower.config, text, projection_dim=_PROJECTED
    )
    torch.manual_seed(context.seed)
    model = VisionTextDualEncoderModel(config)
    model.vision_model.load_state_dict(load_tower(context))
    return model


def _make(context: Context, folder: Path) -> None:
    done = clip_folder(context)
    if done.is_dir():
        return
    tokenizer = _tokenizer(context)
    model = _model(context, tokenizer)
    schedule = Schedule(
        epochs=1, batch=SIZES.clip_batch, at_once=SIZES.clip_batch, rate=7e-4, warm_up=0.1, weight_decay=0.05,
        keep="last", checkpoint_every=150, log_every=25,
    )  # fmt: skip
    course = Course(name="table1-clip", seed=context.seed, schedule=schedule)
    task = _Contrastive(model, tokenizer, context.sizes.of(SIZES.clip_steps) * SIZES.clip_batch)
    run_course(folder / "training", course, {"web_pictures": task.size}, task)
    with finished(done) as part:
        model.save_pretrained(part)
        tokenizer.save_pretrained(part)
        build_processor(base_recipe(context), tokenizer).image_processor.save_pretrained(part)


def clip_folder(context: Context) -> Path:
    """Where the model lies once `CLIP` is made."""
    return context.part("clip") / "model"


def _narrate(context: Context, folder: Path) -> None:
    """`vocabulary/` with the drawn world's lists, and captions of val and test picked from them."""
    lists = folder / "vocabulary"
    lists.mkdir(exist_ok=True)
    for slot, entries in vocabularies().items():
        (lists / f"{slot}.txt").write_text("\n".join(entries) + "\n", "utf-8")
    narrator = NarraCap(
        load_encoder(clip_folder(context)), load_vocabulary(lists), ChoiceRules(signals=_SIGNALS)
    )
    write_captions(context, folder, narrator)


def write_captions(context: Context, folder: Path, narrator: Any) -> None:
    """What a narrator tells of everybody in val and test, kept as `rows.kept_captions` reads it."""
    for split in _SPLITS:
        samples = {sample.id: sample for sample in context.dataset().samples(split)}

        def tell(ids: Sequence[str], people: dict[str, Any] = samples) -> list[str]:
            views = [View(open_picture(people[name].picture), people[name].box) for name in ids]
            told = list(narrator.caption(views))
            for narrative in told:
                if isinstance(narrative, EmosceneError):
                    raise narrative
            return [narrative.text for narrative in told]

        keep_captions(folder, split, list(samples), tell)


def _zero_shot(context: Context, work: Path) -> Recognizer:
    return make_dual_encoder(context.labels, model=str(clip_folder(context)), batch_size=32)


def _head(context: Context, work: Path) -> Recognizer:
    recipe = {
        "kind": "head",
        "name": "table1-clip-head",
        "model": str(clip_folder(context).resolve()),
        "seed": context.seed,
        "data": {"dataset": "scenes", "root": str(context.scenes), "val_limit": SIZES.validated},
        "features_batch": 32,
        "cache": str(work / "features"),
        "schedule": {
            "epochs": 1 if context.smoke else SIZES.head_epochs, "batch": 64, "at_once": 64, "rate": 3e-3,
            "weight_decay": 0.01, "warm_up": 0.05, "workers": 0,
        },
    }  # fmt: skip
    return run_and_load(recipe, work, context.labels, batch_size=32)


CLIP = Part("clip", "short web captions of drawn scenes of another seed, with words of onlookers; no labels", _make,
            needs=("base",))  # fmt: skip
NARRACAP = Part(
    "narracap",
    "nothing: captions of val and test whose slots clip picks from the lists of the drawn world (two signals each)",
    _narrate,
    needs=("clip",),
)
CLIP_ROWS: tuple[Row, ...] = (
    Row("clip", "CLIP", "zero-shot", CLIP.learns_from, _zero_shot, paper="CLIP", needs=("clip",)),
    Row(
        "clip_head",
        "CLIP, linear head",
        "trained",
        f"{CLIP.learns_from}; then the labels of train, on its features",
        _head,
        needs=("clip",),
    ),
)
