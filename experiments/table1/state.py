"""What is finished: a small file in the folder of every part and row, with the seconds that it took.

A step that was cut off keeps the seconds of its earlier sessions. A folder that holds a step of another table (other
sizes, another seed, other scenes) is refused.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emoscene.errors import EmosceneError, InputError, OptionError

__all__ = ["Step", "read_step", "step"]

STATE = "state.json"


@dataclass
class Step:
    """Where a part or row stands.

    Attributes:
        identity: Which table it belongs to.
        finished: Whether nothing is left to do.
        seconds: What it took in all its sessions, by phase.
        sessions: How often it was begun or gone on with.
        error: Why it stopped, where it could not go on.
        about: What else is known of it.
    """

    folder: Path
    identity: Mapping[str, Any]
    finished: bool = False
    seconds: dict[str, float] = field(default_factory=dict)
    sessions: int = 0
    error: str = ""
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def total(self) -> float:
        return sum(self.seconds.values())

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count the seconds of a phase, also of one that is cut off."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0.0) + time.monotonic() - begun, 2)
            self.write()

    def write(self) -> None:
        plain = {name: value for name, value in vars(self).items() if name != "folder"}
        part = self.folder / f"{STATE}.part"
        part.write_text(json.dumps(plain, indent=1) + "\n", "utf-8")
        part.replace(self.folder / STATE)


@contextmanager
def step(folder: Path, identity: Mapping[str, Any]) -> Iterator[Step]:
    """Begin a step, or go on with it; at the end it is finished. An error of emoscene's is noted and raised on.

    Raises:
        OptionError: if the folder holds a step of another table.
    """
    folder.mkdir(parents=True, exist_ok=True)
    now = read_step(folder) or Step(folder, identity)
    if dict(now.identity) != dict(identity):
        raise OptionError(
            "this folder holds a table of another size, seed or version of the scenes",
            value=folder,
            remedy="Choose another --out.",
        )
    if now.finished:
        yield now
        return
    now.sessions, now.error = now.sessions + 1, ""
    now.write()
    try:
        yield now
    except EmosceneError as error:
        now.error = str(error)
        now.write()
        raise
    now.finished = True
    now.write()


def read_step(folder: Path) -> Step | None:
    """The step in a folder; None if none was begun.

    Raises:
        InputError: if its state cannot be read.
    """
    file = folder / STATE
    if not file.is_file():
        return None
    try:
        return Step(folder, **json.loads(file.read_text("utf-8")))
    except (ValueError, TypeError):
        raise InputError(
            "this is no state of a step", value=file, remedy="Remove the folder: the step is done anew."
        ) from None
