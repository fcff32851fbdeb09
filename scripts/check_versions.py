"""Fails if pyproject.toml, the package, CITATION.cff and the CHANGELOG disagree on version or licence."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def found(file: str, pattern: str) -> str:
    """The first group of the pattern's first match in the file, or a word that says there is none."""
    match = re.search(pattern, (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
    return match.group(1) if match else "none"


def main() -> int:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted, licence = project["version"], project["license"]
    versions = {
        "src/emoscene/__init__.py": found("src/emoscene/__init__.py", r'^__version__ = "(.+)"$'),
        "CITATION.cff": found("CITATION.cff", r'^version: "?([^"\s]+)"?$'),
        "CHANGELOG.md (newest entry)": found("CHANGELOG.md", r"^## (\d\S*)"),
    }
    faults = [
        f"{where}: version {v}, pyproject.toml says {wanted}" for where, v in versions.items() if v != wanted
    ]
    if (cited := found("CITATION.cff", r"^license: (\S+)$")) != licence:
        faults.append(f"CITATION.cff: licence {cited}, pyproject.toml says {licence}")
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
