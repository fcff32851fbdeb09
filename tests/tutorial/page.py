"""A page of the documentation as what one types: its blocks from top to bottom, command by command."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["Typed", "typed"]

_BLOCK = re.compile(
    r"(?P<skip><!-- not run: .+? -->\n+)?^```(?P<kind>console|python)\n(?P<code>.*?)^```", re.M | re.S
)


@dataclass(frozen=True)
class Typed:
    """A command of a `console` block, or a whole `python` block; `run` is whether the page says that it is run."""

    kind: Literal["console", "python"]
    text: str
    run: bool

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text, comments=True)


def typed(page: Path) -> Iterator[Typed]:
    """Everything that a reader of the page types, in order."""
    for block in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        run = not block["skip"]
        if block["kind"] == "python":
            yield Typed("python", block["code"], run)
            continue
        for line in block["code"].replace("\\\n", " ").splitlines():
            if line.startswith("$ "):
                yield Typed("console", line.removeprefix("$ "), run)
