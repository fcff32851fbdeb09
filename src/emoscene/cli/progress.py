"""A progress bar on stderr; where stderr is no terminal, a line now and then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["bytes_bar", "people_bar", "training_bar"]

_TENTHS = 10


@contextmanager
def bytes_bar() -> Iterator[Callable[[int, int], None]]:
    """A bar of bytes that came and bytes in all; it appears with the first call."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TaskID,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        yield _lines()
        return
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=console, transient=True)
    tasks: list[TaskID] = []

    def show(came: int, total: int) -> None:
        if not tasks:
            bar.start()
            tasks.append(bar.add_task("", total=total, completed=came))
        bar.update(tasks[0], completed=came)

    try:
        yield show
    finally:
        bar.stop()


@contextmanager
def people_bar() -> Iterator[Callable[[int, int], None]]:
    """A bar of people answered and people in all."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn, TimeRemainingColumn

    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        yield _lines_of_people()
        return
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def training_bar() -> Iterator[tuple[Callable[[Any], None], Callable[[int, int], None]]]:
    """A bar of steps with the loss and the last figures of validation, and before it one of people looked through.

    The first function takes the events of `training.loop`. Where stderr is no terminal, there is a line for each tenth
    and for each validation.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        yield _lines_of_training(), _lines_of_people()
        return
    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("looking through the people", total=None)
        said = {"loss": "", "judged": ""}

        def show(event: Any) -> None:
            if event.loss is not None:
                said["loss"] = f"loss {event.loss:.3f}"
            if event.validation is not None:
                said["judged"] = _judged(event.validation)
            shown = "  ".join(part for part in said.values() if part)
            bar.update(task, description=shown, completed=event.step, total=event.steps)

        yield show, lambda done, total: bar.update(task, completed=done, total=total)


def _judged(figures: Any) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in figures.items())


def _lines_of_training() -> Callable[[Any], None]:
    """One line for each tenth, with the loss, and one for each validation."""
    from emoscene.cli.streams import say

    said = -1

    def show(event: Any) -> None:
        nonlocal said
        if event.validation is not None:
            say(f"step {event.step:,} of {event.steps:,}: {_judged(event.validation)}")
        elif event.loss is not None and (tenth := _TENTHS * event.step // event.steps) > said:
            said = tenth
            say(f"step {event.step:,} of {event.steps:,}: loss {event.loss:.3f}")

    return show


def _lines_of_people() -> Callable[[int, int], None]:
    """One line when it starts or goes on, and one for each tenth."""
    from emoscene.cli.streams import say

    said = -1

    def show(done: int, total: int) -> None:
        nonlocal said
        tenth = _TENTHS * done // total if total else _TENTHS
        if tenth > said:
            said = tenth
            say(f"{done:,} of {total:,} people")

    return show


def _lines() -> Callable[[int, int], None]:
    """One line for each tenth."""
    from emoscene.cli.streams import say

    said = 0

    def show(came: int, total: int) -> None:
        nonlocal said
        tenth = _TENTHS * came // total if total else _TENTHS
        if tenth > said:
            said = tenth
            say(f"{came / 1e6:,.0f} of {total / 1e6:,.0f} MB")

    return show
