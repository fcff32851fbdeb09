"""How long does the light core take to install, and how much room? Measured in a new virtual environment.

    python benchmarks/install.py [--json] [--cold] [--pip OPTION]...

Makes an environment in a temporary folder, installs this checkout into it as `pip install -c constraints.txt .` does,
and runs the embedded model there once. Exit code 1 if a bar is missed. What counts: all that lies in the environment
afterwards (files by their size: `du --apparent-size`), compiled bytecode included; once without what every new
environment has (pip and setuptools), and once with it. `--cold` lets pip use no cache, as on a new machine: then the
seconds are those of the network too.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SECONDS, MEGABYTES = 30.0, 250.0
#: What an installation is made from; a copy, since building leaves folders behind.
SOURCES = ("pyproject.toml", "constraints.txt", "README.md", "LICENSE")
#: Light means without these.
HEAVY = ("torch", "transformers", "tokenizers", "huggingface_hub", "pandas", "matplotlib", "scipy", "openai")


@dataclass(frozen=True)
class Installed:
    """What an installation took: seconds of `pip install`, megabytes (10^6 bytes) of what came, of the environment as
    a whole, and of its largest folders in site-packages."""

    seconds: float
    megabytes: float
    environment: float
    largest: dict[str, float]

    @property
    def passed(self) -> bool:
        return self.seconds < SECONDS and self.environment < MEGABYTES


def megabytes(folder: Path) -> float:
    """The size of all files below a folder, or of one file; links count nothing."""
    files = [folder] if folder.is_file() else folder.rglob("*")
    return sum(f.stat().st_size for f in files if f.is_file() and not f.is_symlink()) / 1e6


def site_packages(environment: Path) -> Path:
    """Where packages lie in a virtual environment."""
    return next((environment / "lib").glob("python*/site-packages"))


def largest(site: Path, count: int = 8) -> dict[str, float]:
    """The largest entries of site-packages, biggest first."""
    sizes = {entry.name: megabytes(entry) for entry in site.iterdir()}
    biggest = sorted(sizes, key=lambda name: -sizes[name])[:count]
    return {name: sizes[name] for name in biggest}


def measure(folder: Path, pip: list[str]) -> Installed:
    """Install into a new environment in `folder`, and let the embedded model answer there."""
    environment = folder / "venv"
    venv.create(environment, with_pip=True)
    before = megabytes(environment)
    sources = copied(folder / "sources")
    python = environment / "bin" / "python"
    command = [python, "-m", "pip", "install", "--quiet", "-c", sources / "constraints.txt", *pip, sources]
    begin = time.perf_counter()
    run([str(word) for word in command], folder)
    seconds = time.perf_counter() - begin
    after = megabytes(environment)
    site = site_packages(environment)
    here = [name for name in HEAVY if (site / name).exists()]
    if here:
        sys.exit(f"the light core brought {', '.join(here)}")
    answer(environment, folder)
    return Installed(seconds, after - before, after, largest(site))


def copied(to: Path) -> Path:
    """The files that an installation is made from, in a folder of their own."""
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", to / "src", ignore=ignored)
    for name in SOURCES:
        shutil.copyfile(ROOT / name, to / name)
    return to


def answer(environment: Path, folder: Path) -> None:
    """The embedded model answers in the new environment, caption and reason included; the models can be listed."""
    first = json.loads((ROOT / "examples" / "people.json").read_text("utf-8"))["pictures"][0]
    box = ",".join(str(c) for c in first["people"][0]["box"])
    emoscene = str(environment / "bin" / "emoscene")
    picture = str(ROOT / "examples" / first["file"])
    row = json.loads(
        run([emoscene, "analyze", picture, "--box", box, "--model", "embedded", "--reason", "--json"], folder)
    )
    if row["status"] != "ok" or not row["caption"]:
        sys.exit(f"the embedded model does not answer: {row['status']}")
    run([emoscene, "models", "list"], folder)


def run(command: list[str], folder: Path) -> str:
    """What a command prints; ends with its complaint if it fails."""
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env=os.environ | {"HF_HUB_OFFLINE": "1"}
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--cold", action="store_true", help="pip without its cache")
    parser.add_argument(
        "--pip", action="append", default=[], metavar="OPTION", help="a further option of pip"
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        took = measure(Path(folder), [*(["--no-cache-dir"] if given.cold else []), *given.pip])
    if given.json:
        print(json.dumps(asdict(took) | {"passed": took.passed}))
    else:
        verdict = "ok" if took.passed else "MISSED"
        print(f"pip install          {took.seconds:7.1f} s   (bar {SECONDS:.0f})")
        print(f"what it brought      {took.megabytes:7.1f} MB")
        print(f"with pip, setuptools {took.environment:7.1f} MB  (bar {MEGABYTES:.0f})")
        print("largest: " + ", ".join(f"{name} {size:.1f}" for name, size in took.largest.items()))
        print(verdict)
    return 0 if took.passed else 1


if __name__ == "__main__":
    sys.exit(main())
