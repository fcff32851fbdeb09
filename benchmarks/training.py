"""How fast does fine-tuning go, and how much memory does it take, beside a plain Trainer of transformers?

    python -m benchmarks.training [--steps 30] [--people 200 2000] [--json]

Each way runs in a process of its own: the same tiny LLaVA with random weights, the same LoRA, the same people, the
labels as text behind the same prompt, batches of 8. `trainer` is transformers' Trainer with a collator as its users
write them: pictures opened, red box drawn, processor, labels masked up to the answer. Then ours again on ever more
people: samples a second and memory should not change; the dry run, which looks at everybody, should grow in step.
Samples a second are those of the steps, without loading.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

from PIL import Image

from emoscene.images import open_picture, regions
from emoscene.types import BoundingBox

BATCH = 8
Moment = tuple[float, float]
_BOX = BoundingBox(x1=20, y1=20, x2=200, y2=220)
_LABELS = ("anger; annoyance", "peace; happiness", "sadness", "excitement; pleasure; happiness")
_LORA = {"rank": 8, "alpha": 16.0, "dropout": 0.05}


def write_people(folder: Path, people: int) -> Path:
    """A table of people over forty pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(40):
        Image.effect_noise((320, 240), 20 + k).convert("RGB").save(folder / f"{k}.jpg")
    box = ",".join(f"{c:g}" for c in _BOX.as_tuple())
    rows = [f"{k % 40}.jpg,{box},{_LABELS[k % 4]},train" for k in range(people)]
    table = folder / "people.csv"
    table.write_text("\n".join(["image,x1,y1,x2,y2,labels,split", *rows]) + "\n", "utf-8")
    return table


def recipe(base: Path, table: Path, steps: int) -> Any:
    """What both ways do."""
    from emoscene.training.tuning_recipe import Recipe

    return Recipe.model_validate(
        {
            "kind": "lora",
            "model": str(base),
            "data": {"dataset": "table", "root": str(table), "val": None},
            "lora": _LORA,
            "schedule": {
                "steps": steps, "batch": BATCH, "at_once": BATCH, "rate": 1e-3, "checkpoint_every": 10_000,
                "log_every": 10,
            },
        }
    )  # fmt: skip


def ours(base: Path, table: Path, steps: int) -> dict[str, float]:
    """The loop, from the first step to the last."""
    from emoscene.training.data import load_people
    from emoscene.training.folder import RunFolder
    from emoscene.training.loop import Event, fit
    from emoscene.training.lora import start_tuning
    from emoscene.training.rehearsal import rehearse

    wanted = recipe(base, table, steps)
    people = load_people(wanted.data, 0)
    task = start_tuning(wanted, people).task
    begun = time.perf_counter()
    rehearse(task, wanted)
    looked = time.perf_counter() - begun
    times: list[Moment] = []

    def note(event: Event) -> None:
        if event.loss is not None:
            times.append(now())

    with tempfile.TemporaryDirectory() as place, RunFolder.claim(Path(place) / "run", wanted, {}) as folder:
        fit(task, wanted.schedule, folder, seed=0, progress=note)
    return {"dry_run_seconds": round(looked, 2), **_figures(times)}


def trainer(base: Path, table: Path, steps: int) -> dict[str, float]:
    """transformers' Trainer on the same."""
    import csv

    import torch
    from transformers import Trainer, TrainerCallback, TrainingArguments

    from emoscene.labels import label_space
    from emoscene.recognizers.loading import Placement
    from emoscene.recognizers.picking import pick_prompt
    from emoscene.recognizers.tokens import chat_text
    from emoscene.training.asker import base_of, load_base
    from emoscene.training.lora import add_lora
    from emoscene.training.tuning_recipe import Lora

    model, processor = load_base(base_of(str(base)), Placement("cpu"))
    adapted = add_lora(model, Lora.model_validate(_LORA), 0)
    prompt = chat_text(processor, pick_prompt("paper", label_space("emotic"), "the person in the red box"))
    with table.open() as stream:
        rows = list(csv.DictReader(stream))

    def collate(chosen: list[dict[str, str]]) -> Any:
        images = [regions.red_box(open_picture(table.parent / row["image"]), _BOX) for row in chosen]
        answers = [" " + row["labels"].replace(";", ",") + "</s>" for row in chosen]
        batch = processor(
            text=[prompt + answer for answer in answers], images=[[image] for image in images], padding=True,
            padding_side="right", return_tensors="pt",
        )  # fmt: skip
        labels = batch["input_ids"].clone()
        lengths = batch["attention_mask"].sum(dim=1).tolist()
        for line, answer, length in zip(labels, answers, lengths, strict=True):
            written = len(processor.tokenizer(answer, add_special_tokens=False).input_ids)
            line[: length - written] = -100
            line[length:] = -100
        return {**batch, "labels": labels}

    times: list[Moment] = []

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, *_: Any, **__: Any) -> None:
            times.append(now())

    with tempfile.TemporaryDirectory() as place:
        settings = TrainingArguments(
            output_dir=place, per_device_train_batch_size=BATCH, max_steps=steps, learning_rate=1e-3,
            lr_scheduler_type="cosine", max_grad_norm=1.0, weight_decay=0.0, save_strategy="no", report_to=[],
            use_cpu=not torch.cuda.is_available(), remove_unused_columns=False, disable_tqdm=True, logging_steps=10,
        )  # fmt: skip
        Trainer(
            model=adapted, args=settings, train_dataset=rows, data_collator=collate, callbacks=[Clock()]
        ).train()
    return _figures(times)


def now() -> Moment:
    """The clock, and the seconds that this process has calculated: the latter hardly feel what else runs."""
    return time.perf_counter(), time.process_time()


def _figures(times: list[Moment]) -> dict[str, float]:
    """Without the first fifth of the steps."""
    skipped = len(times) // 5
    people = BATCH * (len(times) - 1 - skipped)
    seconds, calculated = (times[-1][k] - times[skipped][k] for k in (0, 1))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "samples_a_second": round(people / seconds, 1),
        "samples_a_cpu_second": round(people / calculated, 1),
        "peak_mb": round(peak),
    }


def apart(way: str, base: Path, table: Path, steps: int) -> dict[str, float]:
    """One way in a process of its own; the figures on its last line."""
    said = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "benchmarks.training", "--way", way, str(base), str(table), str(steps)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    figures: dict[str, float] = json.loads(said.stdout.strip().splitlines()[-1])
    return figures


def measure(steps: int, people: list[int]) -> dict[str, Any]:
    """All figures."""
    from tests.tiny_vlms import save_tiny_vlm

    with tempfile.TemporaryDirectory() as place:
        base = save_tiny_vlm(Path(place) / "base", "llava")
        small = write_people(Path(place) / "small", people[0])
        found: dict[str, Any] = {way: apart(way, base, small, steps) for way in ("trainer", "ours")}
        for number in people[1:]:
            table = write_people(Path(place) / str(number), number)
            found[f"ours, {number} people"] = apart("ours", base, table, steps)
    return {"steps": steps, "batch": BATCH, "people": people[0], **found}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--people", type=int, nargs="+", default=[200, 2000])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--way", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.way:
        way, base, table, steps = given.way
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run = {"ours": ours, "trainer": trainer}[way]
            print(json.dumps(run(Path(base), Path(table), int(steps))))
        return
    found = measure(given.steps, given.people)
    if given.json:
        print(json.dumps(found))
        return
    for name, figures in found.items():
        print(f"{name:22} {figures if not isinstance(figures, dict) else json.dumps(figures)}")


if __name__ == "__main__":
    main()
