"""The loop: order, steps, validation, early stopping, checkpoints, log. A run that is killed goes on to equal weights.

Nothing depends on a global stream of random numbers: the order of people is drawn from (seed, epoch), what happens
to each from (seed, epoch, index), dropout from (seed, step, part). One process calculates in plain torch; several,
started by `accelerate launch` or `torchrun`, share out each step's people.
"""

from __future__ import annotations

import math
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import torch
from torch import nn

from emoscene.errors import AnswerError, OptionError
from emoscene.training.ahead import Ahead
from emoscene.training.checkpoints import Checkpoints
from emoscene.training.folder import RunFolder
from emoscene.training.schedule import Schedule
from emoscene.training.task import Draw, Task
from emoscene.training.team import Team

__all__ = ["Event", "Fitted", "Progress", "fit", "training_device"]


@dataclass(frozen=True)
class Event:
    """What just happened: a step was done (`loss`), its weights were validated (`validation`), or a `line` was logged.

    `loss` and `figures` are means over the people of the step.
    """

    step: int
    steps: int
    epoch: int
    loss: float | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    validation: Mapping[str, float] | None = None
    line: Mapping[str, Any] | None = None


Progress = Callable[[Event], None]


@dataclass(frozen=True)
class Fitted:
    """How a training ended.

    Attributes:
        steps: Steps done.
        stopped_early: Whether patience ran out.
        first: Figures of validation before the first step.
        best_step, best: The step with the highest watched figure, and the figures there; None without validation.
        last: The figures of the last validation.
    """

    steps: int
    stopped_early: bool
    first: Mapping[str, float]
    best_step: int | None
    best: Mapping[str, float]
    last: Mapping[str, float]


def training_device(device: str = "auto") -> str:
    """Where this process trains: its own GPU if there is one."""
    if device != "auto":
        return device
    return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if torch.cuda.is_available() else "cpu"


def fit(
    task: Task[Any], schedule: Schedule, folder: RunFolder, *, seed: int, progress: Progress | None = None
) -> Fitted:
    """Train the task's module in place; it ends with the weights that `schedule.keep` names.

    What the folder holds of this run already is gone on with. Ctrl-C ends the step under way, writes a checkpoint and
    raises KeyboardInterrupt.

    Raises:
        AnswerError: if the loss is no number.
        OptionError: if there is nobody to train on, or validation gives no figure of the name `schedule.watch`.
        ModelFilesError: if the checkpoint is damaged.
    """
    if not task.size:
        raise OptionError("there is nobody to train on", remedy="Check the recipe's data.")
    with torch.random.fork_rng(), _interrupts() as interrupted:
        return _Loop(task, schedule, folder, seed, progress or _silent).run(interrupted)


def _silent(event: Event) -> None:
    pass


@dataclass
class _Standing:
    """Where a run stands, beside its weights; kept in checkpoints."""

    step: int = 0
    best: int | None = None
    best_figures: dict[str, float] = field(default_factory=dict)
    first: dict[str, float] = field(default_factory=dict)
    last: dict[str, float] = field(default_factory=dict)
    since_best: int = 0
    ended: bool = False
    sums: dict[str, float] = field(default_factory=dict)
    summed: int = 0

    def plain(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "step"}


class _Loop:
    def __init__(
        self, task: Task[Any], schedule: Schedule, folder: RunFolder, seed: int, progress: Progress
    ) -> None:
        self.task, self.schedule, self.folder, self.seed, self.progress = (
            task,
            schedule,
            folder,
            seed,
            progress,
        )
        self.steps = schedule.all_steps(task.size)
        self.an_epoch = schedule.steps_an_epoch(task.size)
        self.validate_every = schedule.validate_every or self.an_epoch
        self.groups = [g for g in task.groups(schedule.weight_decay) if g["params"]]
        self.factors = [float(g["lr"]) for g in self.groups]
        if not self.groups:
            raise OptionError("nothing of the model is trained", remedy="Check the recipe's targets.")
        self.optimiser: Any = torch.optim.AdamW(self.groups, lr=schedule.rate)
        self.team = Team(task)
        self.checkpoints = Checkpoints(folder.path / "checkpoints")
        self.now = _Standing()
        self.begun = time.monotonic()

    def run(self, interrupted: Callable[[], bool]) -> Fitted:
        self._go_on()
        if self.now.step == 0 and not self.now.first:
            self._validate()
            self._checkpoint()
        with Ahead(
            self._draws(), self.task.example, self.schedule.workers, self.schedule.at_once
        ) as examples:
            while self.now.step < self.steps and not self.now.ended:
                self._step(examples)
                at_end = self.now.step == self.steps
                if self.now.step % self.validate_every == 0 or at_end:
                    self._validate()
                stop = self.team.any(interrupted())
                if at_end or stop or self.now.ended or self.now.step % self.schedule.checkpoint_every == 0:
                    self._checkpoint()
                if stop:
                    raise KeyboardInterrupt
        if self.schedule.keep == "best" and self.now.best is not None:
            self.checkpoints.load_best(self.now.best, self.task.module)
        self.task.module.eval()
        now = self.now
        return Fitted(
            now.step, now.ended and now.step < self.steps, now.first, now.best, now.best_figures, now.last
        )

    def _go_on(self) -> None:
        state = self.checkpoints.load_last(self.task.module, self.optimiser)
        if state is not None:
            self.task.load_state(state.pop("task"))
            self.now = _Standing(**state)
        if self.team.leads:
            self.folder.cut_log(-1 if state is None else self.now.step)

    def _checkpoint(self) -> None:
        if self.team.leads:
            state = self.now.plain() | {"task": self.task.state()}
            self.checkpoints.save_last(self.now.step, self.task.module, self.optimiser, state)
        self.team.wait()

    def _people(self, step: int) -> list[Draw]:
        """The people of a step: the same in every process."""
        epoch, place = divmod(step, self.an_epoch)
        order = _order(self.seed, epoch, self.task.size)
        chosen = order[place * self.schedule.batch : (place + 1) * self.schedule.batch]
        return [Draw(self.seed, epoch, index) for index in chosen]

    def _draws(self) -> Iterator[Draw]:
        """Everybody that this process will see, from the present step on."""
        for step in range(self.now.step, self.steps):
            for part, _ in self._parts(step):
                yield from part

    def _parts(self, step: int) -> list[tuple[list[Draw], float]]:
        """This process's parts of a step, each with its weight in the step's mean. All processes have equally many."""
        people, team = self._people(step), self.team
        number = math.ceil(len(people) / (self.schedule.at_once * team.size))
        parts = []
        for k in range(number):
            own = people[(k * team.size + team.rank) :: number * team.size]
            parts.append((own or people[:1], len(own) / len(people)))
        return parts

    def _step(self, examples: Iterator[Any]) -> None:
        step, schedule = self.now.step, self.schedule
        share = schedule.share_of_rate(step, self.steps)
        for group, factor in zip(self.optimiser.param_groups, self.factors, strict=True):
            group["lr"] = schedule.rate * share * factor
        self.task.module.train()
        sums: dict[str, float] = {"loss": 0.0}
        parts = self._parts(step)
        for k, (part, weight) in enumerate(parts):
            torch.manual_seed(_number(f"{self.seed}/{step}/{k}/{self.team.rank}"))
            batch = [next(examples) for _ in part]
            with self.team.sums_up(last=k == len(parts) - 1), self._precision():
                loss, figures = self.team.loss(batch)
                (loss * (weight * self.team.size)).backward()  # type: ignore[no-untyped-call]
            for name, value in {"loss": float(loss.detach()), **figures}.items():
                sums[name] = sums.get(name, 0.0) + weight * value
        sums = self.team.total(sums)
        self._check(sums["loss"], step)
        if schedule.clip is not None:
            nn.utils.clip_grad_norm_([p for g in self.groups for p in g["params"]], schedule.clip)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.now.step += 1
        self._told(sums, share)

    def _precision(self) -> Any:
        if self.schedule.precision == "float32":
            return nullcontext()
        kind = next(self.task.module.parameters()).device.type
        return torch.autocast(kind, dtype=torch.bfloat16)

    def _check(self, loss: float, step: int) -> None:
        if not math.isfinite(loss):
            raise AnswerError(
                f"the loss of step {step + 1} is no number",
                value=loss,
                remedy="Lower the schedule's rate, or use the precision float32.",
            )

    def _told(self, sums: dict[str, float], share: float) -> None:
        now = self.now
        for name, value in sums.items():
            now.sums[name] = now.sums.get(name, 0.0) + value
        now.summed += 1
        epoch = (now.step - 1) // self.an_epoch
        figures = {name: value for name, value in sums.items() if name != "loss"}
        self.progress(Event(now.step, self.steps, epoch, sums["loss"], figures))
        if now.step % self.schedule.log_every == 0 or now.step == self.steps:
            means = {name: value / now.summed for name, value in now.sums.items()}
            self._log({"epoch": epoch, **means, "rate": self.schedule.rate * share})
            now.sums, now.summed = {}, 0

    def _validate(self) -> None:
        """Figures now. The first time is before any step, so that it is known what training brought."""
        now, watch = self.now, self.schedule.watch
        self.task.module.eval()
        with torch.no_grad(), self._precision():
            figures = self.team.agreed(self.task.validate())
        if not figures:
            return
        if watch not in figures:
            raise OptionError(
                "validation gives no figure of this name",
                value=watch,
                remedy=f"Watch one of {', '.join(figures)}.",
            )
        if not math.isfinite(figures[watch]):
            raise OptionError(
                f"{watch} is not defined on the validation people", value=figures[watch],
                remedy="Validate on people with labels.",
            )  # fmt: skip
        now.last = figures
        if now.step == 0:
            now.first = figures
        better = not now.best_figures or figures[watch] > now.best_figures[watch]
        now.since_best = 0 if better else now.since_best + 1
        if better:
            now.best, now.best_figures = now.step, figures
            if self.team.leads:
                self.checkpoints.save_best(now.step, self.task.module)
        now.ended = self.schedule.patience is not None and now.since_best >= self.schedule.patience
        epoch = now.step / self.an_epoch
        self.progress(Event(now.step, self.steps, int(epoch), validation=figures))
        self._log({"epoch": round(epoch, 3), "validation": figures})

    def _log(self, line: dict[str, Any]) -> None:
        if self.team.leads:
            seconds = round(time.monotonic() - self.begun, 2)
            whole = {"step": self.now.step, "of": self.steps, **line, "seconds": seconds}
            self.folder.log(whole)
            self.progress(Event(self.now.step, self.steps, int(line["epoch"]), line=whole))


@contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed. A second one interrupts at once."""
    came = False

    def handle(number: int, frame: object) -> None:
        nonlocal came
        if came:
            raise KeyboardInterrupt
        came = True

    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield lambda: came
        return
    previous = signal.signal(signal.SIGINT, handle)
    try:
        yield lambda: came
    finally:
        signal.signal(signal.SIGINT, previous)


def _number(key: str) -> int:
    return random.Random(key).getrandbits(63)


@lru_cache(maxsize=4)
def _order(seed: int, epoch: int, size: int) -> list[int]:
    """Everybody once, in the order of an epoch."""
    order = list(range(size))
    random.Random(f"order/{seed}/{epoch}").shuffle(order)
    return order
