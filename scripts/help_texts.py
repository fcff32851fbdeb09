"""docs/command-line.md from the `--help` texts: `--write` makes it, `--check` fails if it is out of date.

What stands above the marker in the page is written by hand and kept.
"""

from __future__ import annotations

import argparse
import difflib
import io
import os
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parent.parent / "docs" / "command-line.md"
MARKER = "<!-- Below: made from the help texts by `make help-texts`; change those. -->"
# Set before typer is imported, which reads them once: the page must not depend on the terminal.
PLAIN = {"COLUMNS": "100", "TERMINAL_WIDTH": "100", "NO_COLOR": "1", "TERM": "dumb"}


def root_command() -> Any:
    """The command line as a tree of commands."""
    import typer

    from emoscene.cli import app

    return typer.main.get_command(app)


def commands(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every visible command with its words, parents first."""
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        if not child.hidden:
            yield from commands(child, (*path, name))


def help_text(root: Any, path: tuple[str, ...]) -> str:
    printed = io.StringIO()
    with redirect_stdout(printed):
        try:
            root.main([*path[1:], "--help"], prog_name=path[0], standalone_mode=False)
        except SystemExit as end:
            if end.code not in (0, None):
                raise
    return "\n".join(line.rstrip() for line in printed.getvalue().strip().splitlines())


def page() -> str:
    parts = [PAGE.read_text(encoding="utf-8").partition(MARKER)[0].rstrip(), "", MARKER, ""]
    root = root_command()
    for path, _ in commands(root, ("emoscene",)):
        parts += [f"## {' '.join(path)}", "", "```text", help_text(root, path), "```", ""]
    return "\n".join(parts)


def main() -> int:
    parser = argparse.ArgumentParser(description="Make or check docs/command-line.md.")
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("--check", action="store_true")
    group.add_argument("--write", action="store_true")
    arguments = parser.parse_args()

    os.environ.pop("FORCE_COLOR", None)
    os.environ.update(PLAIN)
    wanted, there = page(), PAGE.read_text(encoding="utf-8")
    if wanted == there:
        return 0
    if arguments.write:
        PAGE.write_text(wanted, encoding="utf-8")
        return 0
    print("docs/command-line.md is out of date; run `make help-texts`", file=sys.stderr)
    changes = difflib.unified_diff(there.splitlines(), wanted.splitlines(), "page", "help texts", lineterm="")
    print(*list(changes)[:20], sep="\n", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
