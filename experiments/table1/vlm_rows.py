"""The small LLaVA of `captioner`, asked without more ado, and fine-tuned on people with labels.

Fine-tuning is LoRA on the decoder, the projector trained with it and the tower left as it is (or everything, as
`vision_sizes` says), by recipes that `emoscene train` runs. It learns the questions that are asked later: yes or no for
every label.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from emoscene.recognizers.base import Recognizer
from emoscene.recognizers.vlm import make
from experiments.table1.base import run_and_load
from experiments.table1.captioner import WEB_VLM, web_vlm_folder
from experiments.table1.rows import Context, Row
from experiments.table1.vision_sizes import SIZES

__all__ = ["VLM_ROWS"]

_TOGETHER = 32


def _asked(options: Mapping[str, Any], context: Context, work: Path) -> Recognizer:
    return make(context.labels, model=str(web_vlm_folder(context)), batch_size=_TOGETHER, **options)


def _fine_tuned(
    name: str, data: Mapping[str, Any], epochs: float, every: int, context: Context, work: Path
) -> Recognizer:
    how: dict[str, Any] = {"kind": "full", "parts": "all"}
    if SIZES.fine_tuning == "lora":
        rank = SIZES.lora_rank
        adapter = {"rank": rank, "alpha": 2 * rank, "dropout": 0.0, "layers": "all", "projector": True}
        how = {"kind": "lora", "lora": adapter}
    recipe = {
        **how,
        "name": f"table1-{name}",
        "model": str(web_vlm_folder(context).resolve()),
        "seed": context.seed,
        "data": {"dataset": "scenes", "root": str(context.scenes), "val_limit": SIZES.validated, **data},
        "target": {"answer": "yes_no"},
        "schedule": {
            "epochs": 1 if context.smoke else epochs, "batch": SIZES.batch, "at_once": SIZES.batch,
            "rate": SIZES.lora_rate if SIZES.fine_tuning == "lora" else SIZES.full_rate, "warm_up": 0.06,
            "validate_every": every, "checkpoint_every": every, "log_every": 20,
        },
    }  # fmt: skip
    return run_and_load(recipe, work, context.labels, batch_size=_TOGETHER)


def _tuned(name: str, title: str, paper: str, data: Mapping[str, Any], epochs: float, every: int) -> Row:
    of = f"{SIZES.few} people of " if "samples" in data else ""
    learnt = f"{WEB_VLM.learns_from}; then the labels of {of}{data['train']}"
    if "balance" in data:
        learnt += ", people with rare labels repeated, all a little changed each time"
    made = partial(_fine_tuned, name, data, epochs, every)
    # What learnt from val cannot have its thresholds from val.
    rules_on = ("val", None) if data["train"] == "train" else ("train", SIZES.rules_from_train)
    return Row(name, title, "trained", learnt, made, paper=paper, needs=("web_vlm",), rules_on=rules_on)


_VAL = {"train": "val", "val": "train"}
_LIGHT = {"flip": 0.5, "crop": 0.1, "colour": 0.15, "rotation": 2.0, "paraphrase": 0.0}

VLM_ROWS: tuple[Row, ...] = (
    Row("vlm", "VLM, a question for each label", "zero-shot", WEB_VLM.learns_from, partial(_asked, {}),
        paper="LLaVA", needs=("web_vlm",)),
    Row("vlm_paper", "VLM, the paper's prompt", "zero-shot", WEB_VLM.learns_from, partial(_asked, {"mode": "answer"}),
        needs=("web_vlm",)),
    Row("vlm_defined", "VLM, definitions and six labels", "zero-shot", WEB_VLM.learns_from,
        partial(_asked, {"mode": "answer", "prompt": "defined"}), paper="LLaVA*", needs=("web_vlm",)),
    _tuned("vlm_train", "VLM-F (train)", "LLaVA-F (train)", {"train": "train", "val": "val"}, SIZES.train_epochs, 94),
    _tuned("vlm_val", "VLM-F (val)", "LLaVA-F (val)", _VAL, SIZES.val_epochs, 94),
    _tuned("vlm_val_aug", "VLM-F (val aug)", "LLaVA-F (val aug)", {**_VAL, "balance": {}, "augment": _LIGHT},
           SIZES.val_aug_epochs, 94),
    _tuned("vlm_few", f"VLM-F (val, {SIZES.few} samples)", "LLaVA-F (val, 100 samples)", {**_VAL, "samples": SIZES.few},
           SIZES.few_epochs, 40),
)  # fmt: skip
