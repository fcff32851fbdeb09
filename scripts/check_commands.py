"""Every `emoscene ...` line in the README and the docs must be one that the command line understands.

Commands are parsed, not run: unknown commands and options, missing arguments and malformed values are found.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.help_texts import root_command

ROOT = Path(__file__).resolve().parent.parent

BLOCK = re.compile(r"^```(?:console|text|sh|bash)\n(.*?)^```", re.MULTILINE | re.DOTALL)
#: Places where the command line is described by its synopsis, not used.
GENERATED = {"command-line.md"}


def lines(page: Path) -> Iterator[str]:
    """The command lines of the page's blocks, without prompts, output and comments."""
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        for line in block.replace("\\\n", " ").splitlines():
            bare = line.strip().removeprefix("$ ")
            if bare.startswith("emoscene "):
                yield bare


def fault(root: Any, line: str) -> str | None:
    """What the command line would say against this line, or None."""
    words = shlex.split(line.partition(" > ")[0].partition(" | ")[0], comments=True)[1:]
    command, path = root, "emoscene"
    context = None
    while words and words[0] in getattr(command, "commands", {}):
        path = f"{path} {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    if hasattr(command, "commands") and words and not words[0].startswith("-"):
        return f"no command {words[0]!r} in {path}"
    try:
        context = command.make_context(path, words, parent=None)
    except Exception as error:  # noqa: BLE001 - the parser's own error classes are not part of its interface
        if type(error).__name__ == "Exit":
            return None
        return getattr(error, "message", None) or str(error) or type(error).__name__
    context.close()
    return None


def main() -> int:
    root = root_command()
    faults = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        if page.name in GENERATED:
            continue
        for line in lines(page):
            if said := fault(root, line):
                faults.append(f"{page.relative_to(ROOT)}: {line}\n    {said}")
    print(*faults, sep="\n", file=sys.stderr, end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
