"""The import order of the rooms: one line in docs/architecture.md, from which the contract is made.

A room may import any room before it and none after it. `--write` puts the contract for import-linter into
pyproject.toml; `--check` fails if it is not in step, or if a room of the package is missing from the line.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ARCHITECTURE = ROOT / "docs" / "architecture.md"
PYPROJECT = ROOT / "pyproject.toml"
PACKAGE = ROOT / "src" / "emoscene"

START = "# --- import order: made by scripts/import_contract.py, do not edit by hand ---\n"
END = "# --- end of import order ---\n"


def rooms() -> list[str]:
    """The rooms in order, from the one line of docs/architecture.md that starts with `errors`."""
    for line in ARCHITECTURE.read_text(encoding="utf-8").splitlines():
        if line.startswith("`errors` · "):
            return re.findall(r"`(\w+)`", line)
    raise SystemExit(f"{ARCHITECTURE}: the line of rooms is missing")


def contract(order: list[str]) -> str:
    """The section of pyproject.toml. Parentheses let a room be planned before it is built."""
    layers = "".join(f'  "({room})",\n' for room in reversed(order))
    return (
        f"{START}[tool.importlinter]\n"
        'root_package = "emoscene"\n\n'
        "[[tool.importlinter.contracts]]\n"
        'name = "A room imports only rooms before it"\n'
        'type = "layers"\n'
        'containers = ["emoscene"]\n'
        "exhaustive = true\n"
        "# The package itself hands out names of many rooms; `from emoscene import __version__` is no step forward.\n"
        'ignore_imports = ["emoscene -> emoscene.**"]\n'
        f"layers = [\n{layers}]\n{END}"
    )


def placed(text: str, section: str) -> str:
    """pyproject.toml with the section in place of the old one, or at its end."""
    before, found, rest = text.partition(START)
    if not found:
        return text.rstrip("\n") + "\n\n" + section
    _, ended, after = rest.partition(END)
    if not ended:
        raise SystemExit(f"{PYPROJECT}: the line {END.strip()!r} is missing")
    return before + section + after


def unlisted(order: list[str]) -> list[str]:
    found = {path.stem for path in PACKAGE.glob("*.py")} | {
        p.parent.name for p in PACKAGE.glob("*/__init__.py")
    }
    return sorted(name for name in found - set(order) if not name.startswith("__"))


def front_door(order: list[str]) -> list[str]:
    """Imports of public names from the package itself, by rooms that stand before what hands them out."""
    faults = []
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if room not in order or order.index(room) > order.index("api"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "emoscene" and node.level == 0:
                names = {alias.name for alias in node.names} - {"__version__", *order}
                faults += [
                    f"{path.relative_to(ROOT)}: imports {name} from emoscene" for name in sorted(names)
                ]
    return faults


def main() -> int:
    parser = argparse.ArgumentParser(description="Make or check the import contract.")
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("--check", action="store_true")
    group.add_argument("--write", action="store_true")
    arguments = parser.parse_args()

    order = rooms()
    if missing := unlisted(order):
        print(f"docs/architecture.md: its line of rooms lacks {', '.join(missing)}", file=sys.stderr)
        return 1
    if faults := front_door(order):
        print(*faults, "Import such a name from the room it lives in.", sep="\n", file=sys.stderr)
        return 1
    text = PYPROJECT.read_text(encoding="utf-8")
    wanted = placed(text, contract(order))
    if text == wanted:
        return 0
    if arguments.write:
        PYPROJECT.write_text(wanted, encoding="utf-8")
        return 0
    print("pyproject.toml: the import contract is not in step; run `make contract`", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
