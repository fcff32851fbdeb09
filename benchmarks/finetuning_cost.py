"""What does each recipe for EMOTIC cost? Hours and GPU memory, derived from shapes, not measured.

    python -m benchmarks.finetuning_cost                               the table of the tutorial
    python -m benchmarks.finetuning_cost --gpu rtx-4090 --at-once 1    another card, one person at a time
    python -m benchmarks.finetuning_cost --json

Settings are read from the recipes that ship. Formulas, for one person whose T tokens go through a language model with N
weights in linear layers, L layers of width d, heads of d_a in all and V words, of which R places are read:

    forward       2 N T + 2 L d_a T^2 (causal attention) + 2 d V R (the output layer)
    backward      as much again: frozen weights pass gradients on and receive none; LoRA's own weights 6 a token
    recomputing   one forward more, where activations are not kept (gradient checkpointing)
    vision tower  forward alone: 2 L (4 d^2 + m d f) p + 4 L d p w for p patches of which each sees w
    memory        weights 2 B each (bfloat16); trained weights 16 B each (float32, gradient, two moments of Adam);
                  what checkpointing keeps, L d T 2 B; one layer's activations (every layer's without checkpointing);
                  logits at 10 B each; a tenth more, and 1.5 GB of the driver's own

Label lists are written after a prompt of 160 tokens in 25; yes/no questions are 29 of 20 tokens behind a prompt of 60.
People who watch are asked as the model is: lists token by token, each of which reads all weights from memory at half
its bandwidth; scores in one forward. Assumed besides: the share of the card's peak
that is reached, pictures of 640 x 480, and what it takes to open, mark and resize one of them on one core.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmarks.finetuning_shapes import MODELS, RESNET_50, Language, Tower
from rich.console import Console
from rich.table import Table

from emoscene.errors import OptionError
from emoscene.training.recipe import read_recipe
from emoscene.training.schedule import Schedule

__all__ = ["GPUS", "PEOPLE", "Cost", "Plan", "cost", "main", "others", "plan_of", "recipes"]

_GB = 1e9
_DRIVER = 1.5 * _GB
_SPARE = 1.1
_LOGIT_BYTES = 10.0
_TRAINED_BYTES = 16.0


#: Dense bfloat16 with float32 sums, memory and its bandwidth, by the makers' data sheets: TFLOP/s, GB, TB/s.
GPUS = {
    "h200": (989.0, 141.0, 4.8),
    "h100": (989.0, 80.0, 3.35),
    "a100-80": (312.0, 80.0, 2.0),
    "l40s": (362.0, 48.0, 0.86),
    "rtx-4090": (165.0, 24.0, 1.0),
    "t4": (65.0, 16.0, 0.32),
}

#: People of EMOTIC in each setting, by the label file of the paper's authors: train less the pictures of val; val; val
#: with rare labels repeated as the recipes do (`training.sampling.balance`); a hundred.
PEOPLE = {"train": 22_752, "val": 3_333, "val-aug": 4_628, "val-100": 100, "scores": 22_752}
_LIST, _QUESTIONS = (160, 25), (60, 29 * 20)
_READS = 29


@dataclass(frozen=True)
class Plan:
    """What a recipe does, as far as it costs.

    Attributes:
        model: A key of `MODELS`.
        answer: `label_list` or `yes_no`.
        rank: Of LoRA.
        people: Trained on in a round, repeats counted.
        rounds: Over them.
        watched: People on whom figures are taken.
        times: How often, before the first step counted.
        projector: Whether it is trained as well.
        at_once: People in memory together.
        checkpointing: Whether activations are computed again instead of kept.
    """

    name: str
    model: str
    answer: str
    rank: int
    people: int
    rounds: float
    watched: int = 0
    times: int = 1
    projector: bool = False
    at_once: int = 4
    checkpointing: bool = True

    @property
    def lengths(self) -> tuple[int, int]:
        """Tokens of picture and prompt, and of the answer or the questions."""
        prompt, answer = _LIST if self.answer == "label_list" else _QUESTIONS
        return MODELS[self.model].picture_tokens + prompt, answer

    @property
    def tokens(self) -> int:
        return sum(self.lengths)

    @property
    def read(self) -> int:
        """Places whose next token is scored."""
        return self.lengths[1] if self.answer == "label_list" else _READS


def plan_of(name: str) -> Plan:
    """The plan of a recipe that ships, for one of `MODELS`."""
    from emoscene.training.tuning_recipe import Recipe

    recipe = read_recipe(name)
    if not isinstance(recipe, Recipe):
        raise OptionError("only recipes of the kind lora are derived", value=name, remedy="Name another.")
    people, schedule = PEOPLE[name.removeprefix(f"emotic-{recipe.model}-")], recipe.schedule
    steps = schedule.all_steps(people)
    times = 1 + math.ceil(steps / (schedule.validate_every or schedule.steps_an_epoch(people)))
    return Plan(
        name, recipe.model, recipe.target.answer, recipe.lora.rank, people, schedule.epochs,
        recipe.data.val_limit or PEOPLE["val"], times, recipe.lora.projector, schedule.at_once,
        recipe.gradient_checkpointing,
    )  # fmt: skip


def recipes() -> list[str]:
    """The recipes for EMOTIC that fine-tune a model of `MODELS`."""
    import emoscene.training

    folder = Path(emoscene.training.__file__).parent / "recipes"
    named = sorted(file.stem for file in folder.glob("emotic-*.yaml"))
    return [name for model in MODELS for name in named if name.startswith(f"emotic-{model}-")]


@dataclass(frozen=True)
class Cost:
    """Of one plan on one card: GB and hours; `fits` says whether the memory does."""

    plan: str
    trained_millions: float
    tokens: int
    at_once: int
    weights_gb: float
    trained_gb: float
    activations_gb: float
    memory_gb: float
    petaflop: float
    hours: float
    picture_hours: float
    fits: bool


def cost(plan: Plan, *, gpu: str = "h100", share: float = 0.35, picture_ms: float = 20.0) -> Cost:
    """Hours and memory of a plan.

    Args:
        plan: What is done.
        gpu: A key of `GPUS`.
        share: Of the card's peak that is reached on the whole.
        picture_ms: To open, mark and resize one picture on one core.
    """
    model = MODELS[plan.model]
    peak, size, bandwidth = GPUS[gpu]
    trained = model.language.lora(plan.rank) + (model.projector if plan.projector else 0)
    weights, of_trained = 2.0 * model.weights, _TRAINED_BYTES * trained
    activations = plan.at_once * _activation_bytes(plan)
    memory = (weights + of_trained + activations) * _SPARE + _DRIVER
    watched = plan.watched * plan.times
    flop = plan.rounds * plan.people * _training_flop(plan) + watched * _asking_flop(plan)
    hours = flop / (share * peak * 1e12) / 3600
    if (
        plan.answer == "label_list"
    ):  # a token at a time, each of which reads all weights, for `at_once` people
        hours += watched / plan.at_once * plan.lengths[1] * weights / (0.5 * bandwidth * 1e12) / 3600
    return Cost(
        plan=plan.name,
        trained_millions=round(trained / 1e6, 1),
        tokens=plan.tokens,
        at_once=plan.at_once,
        weights_gb=round(weights / _GB, 1),
        trained_gb=round(of_trained / _GB, 1),
        activations_gb=round(activations / _GB, 1),
        memory_gb=round(memory / _GB, 1),
        petaflop=round(flop / 1e15, 1),
        hours=round(hours, 2),
        picture_hours=round((plan.rounds * plan.people + watched) * picture_ms / 1000 / 3600, 2),
        fits=memory / _GB <= size,
    )


def others(*, gpu: str = "h100", share: float = 0.35, picture_ms: float = 20.0) -> list[Cost]:
    """The head on CLIP's features, computed once for two views of everybody, and the EMOTIC CNN, whose pictures stay in
    memory after the first round."""
    peak, size, _ = GPUS[gpu]
    everybody = PEOPLE["train"] + PEOPLE["val"]
    clip = Tower(24, 1024, 4096, 577)
    head, cnn = _schedule("emotic-clip-head"), _schedule("emotic-cnn-train")
    whole, body = RESNET_50, RESNET_50.at(128)
    seen = cnn.epochs * (PEOPLE["train"] + PEOPLE["val"] / 3)
    lines = [
        ("emotic-clip-head", 2 * 768 * 512 + 512 * 29, 2.0 * 428e6, 8 * 2 * 577 * 1024 * 12 * 2.0, head,
         2 * clip.flop * everybody),
        ("emotic-cnn-train", 2 * RESNET_50.weights, 0.0, cnn.at_once * 4.0 * (whole.kept + body.kept), cnn,
         3 * (whole.flop + body.flop) * seen),
    ]  # fmt: skip
    costs = []
    for name, trained, weights, activations, schedule, flop in lines:
        memory = (weights + _TRAINED_BYTES * trained + activations) * _SPARE + _DRIVER
        costs.append(
            Cost(
                plan=name, trained_millions=round(trained / 1e6, 1), tokens=0, at_once=schedule.at_once,
                weights_gb=round(weights / _GB, 1), trained_gb=round(_TRAINED_BYTES * trained / _GB, 1),
                activations_gb=round(activations / _GB, 1), memory_gb=round(memory / _GB, 1),
                petaflop=round(flop / 1e15, 1), hours=round(flop / (share * peak * 1e12) / 3600, 2),
                picture_hours=round(everybody * picture_ms / 1000 / 3600, 2), fits=memory / _GB <= size,
            )
        )  # fmt: skip
    return costs


def _schedule(name: str) -> Schedule:
    schedule: Schedule = getattr(read_recipe(name), "schedule")  # noqa: B009
    return schedule


def _forward(language: Language, tokens: int, read: int) -> float:
    attention = 2.0 * language.layers * language.heads * language.head_dim * tokens**2
    return 2.0 * (language.linear * tokens + language.hidden * language.vocab * read) + attention


def _training_flop(plan: Plan) -> float:
    model = MODELS[plan.model]
    through = _forward(model.language, plan.tokens, plan.read)
    passes = 3 if plan.checkpointing else 2
    adapters = 6.0 * model.language.lora(plan.rank) * plan.tokens
    projector = 2.0 * model.projector * model.picture_tokens * (2 if plan.projector else 1)
    return model.tower.flop + projector + passes * through + adapters


def _asking_flop(plan: Plan) -> float:
    model = MODELS[plan.model]
    return model.tower.flop + _forward(model.language, plan.tokens, plan.read)


def _activation_bytes(plan: Plan) -> float:
    """Kept for one person: the inputs of the layers, what is inside one (or each), and the logits."""
    language, tokens = MODELS[plan.model].language, plan.tokens
    heads = (2 * language.heads + 2 * language.kv_heads) * language.head_dim
    inside = 2.0 * tokens * (8 * language.hidden + heads + 4 * language.inner)
    kept = 2.0 * tokens * language.layers * language.hidden
    layers = kept + inside if plan.checkpointing else language.layers * inside
    return layers + _LOGIT_BYTES * plan.read * language.vocab


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Hours and memory of the recipes for EMOTIC, derived.")
    parser.add_argument("--gpu", choices=list(GPUS), default="h100")
    parser.add_argument("--share", type=float, default=0.35, help="of the card's peak that is reached (0.35)")
    parser.add_argument("--at-once", type=int, help="people in memory; as in the recipe without it")
    parser.add_argument("--picture-ms", type=float, default=20.0, help="to open a picture on one core (20)")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    plans = [plan_of(name) for name in recipes()]
    if given.at_once is not None:
        plans = [replace(plan, at_once=given.at_once) for plan in plans]
    assumed = {"gpu": given.gpu, "share": given.share, "picture_ms": given.picture_ms}
    costs = [cost(plan, **assumed) for plan in plans] + others(**assumed)
    if given.json:
        print(json.dumps({"derived": True, "assumed": assumed, "costs": [asdict(each) for each in costs]}))
    else:
        _print(costs, given)
    return 0


def _print(costs: list[Cost], given: argparse.Namespace) -> None:
    peak, size, _ = GPUS[given.gpu]
    table = Table(
        title=f"derived, not measured: one {given.gpu} ({size:.0f} GB), {given.share:.0%} of {peak:.0f} TFLOP/s"
    )
    for name in (
        "recipe",
        "trained (M)",
        "tokens",
        "at once",
        "memory (GB)",
        "GPU hours",
        "pictures (core h)",
    ):
        table.add_column(name, justify="left" if name == "recipe" else "right", no_wrap=name == "recipe")
    for each in costs:
        memory = f"{each.memory_gb:.0f}" + ("" if each.fits else " !")
        tokens = f"{each.tokens:,}" if each.tokens else ""
        table.add_row(
            each.plan.removeprefix("emotic-"), f"{each.trained_millions:,.0f}", tokens, str(each.at_once), memory,
            f"{each.hours:.2f}", f"{each.picture_hours:.1f}",
        )  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
