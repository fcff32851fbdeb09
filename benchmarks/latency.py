"""How long does emoscene take? Three figures with their bars, measured here and now.

    python benchmarks/latency.py           a table; exit code 1 if a bar is missed
    python benchmarks/latency.py --json    the same figures as JSON

The bars are for 2 CPU cores. Every process is a fresh one; the median of several is reported, because the first
one also fills the disk cache.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@dataclass(frozen=True)
class Measured:
    """One figure in seconds, beside the bar it must stay under."""

    name: str
    seconds: float
    bar: float
    runs: tuple[float, ...]

    @property
    def passed(self) -> bool:
        return self.seconds < self.bar


def median_of(name: str, bar: float, once: Callable[[], float], runs: int = 5) -> Measured:
    """Run `once` several times and keep the median of the seconds it returns."""
    seconds = tuple(once() for _ in range(runs))
    return Measured(name, statistics.median(seconds), bar, seconds)


def process(*words: str, codes: tuple[int, ...] = (0,)) -> float:
    """Seconds that a fresh process of the command line takes."""
    command = [sys.executable, "-c", "import sys; from emoscene.cli import main; sys.exit(main())", *words]
    begin = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"HF_HUB_OFFLINE": "1"})
    seconds = time.perf_counter() - begin
    if done.returncode not in codes:
        sys.exit(f"emoscene {' '.join(words)} ended with {done.returncode}:\n{done.stderr}")
    return seconds


def further_people(picture: Path, boxes: Sequence[str], count: int = 40) -> Callable[[], float]:
    """Seconds a person of one picture, in a process in which the model has answered before."""
    import emoscene

    recognizer = emoscene.load("embedded")
    opened = emoscene.open_picture(picture)
    people = [emoscene.BoundingBox.parse(boxes[place % len(boxes)]) for place in range(count)]
    samples = [
        emoscene.Sample(id=str(place), picture=opened, box=box, source=str(picture))
        for place, box in enumerate(people)
    ]
    rows = list(recognizer.predict(samples[:1]))
    if not rows[0].ok:
        sys.exit(f"the embedded model does not answer for {picture}: {rows[0].status}")

    def once() -> float:
        begin = time.perf_counter()
        answered = sum(row.ok for row in recognizer.predict(samples))
        seconds = time.perf_counter() - begin
        if answered != count:
            sys.exit(f"the embedded model answered for {answered} of {count} people")
        return seconds / count

    return once


def measure(picture: Path, boxes: Sequence[str]) -> list[Measured]:
    """All figures, on one picture and the boxes of the people in it."""
    analyze = ("analyze", str(picture), "--box", boxes[0], "--model", "embedded", "--json")
    with tempfile.TemporaryDirectory() as empty:
        # Nothing but what ships: no other model may answer.
        os.environ["HF_HUB_CACHE"] = empty
        return [
            median_of("emoscene --help", 0.3, lambda: process("--help")),
            median_of("emoscene analyze, embedded model, cold", 1.2, lambda: process(*analyze)),
            median_of("each further person (scores)", 0.1, further_people(picture, boxes)),
        ]


def example() -> tuple[Path, list[str]]:
    """The first example picture, and its people's boxes."""
    first = json.loads((EXAMPLES / "people.json").read_text(encoding="utf-8"))["pictures"][0]
    return EXAMPLES / first["file"], [",".join(str(c) for c in person["box"]) for person in first["people"]]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--picture", type=Path, help="a drawn scene (default: the first example)")
    parser.add_argument("--box", action="append", help="a person in it, X1,Y1,X2,Y2")
    given = parser.parse_args()
    if bool(given.picture) != bool(given.box):
        parser.error("--picture and --box go together")
    picture, boxes = (given.picture, given.box) if given.picture else example()
    figures = measure(picture, boxes)
    if given.json:
        rows = [{**asdict(figure), "passed": figure.passed} for figure in figures]
        print(json.dumps({"cores": os.cpu_count(), "figures": rows}))
    else:
        print(f"{'':<42}{'seconds':>9}{'bar':>7}  ({os.cpu_count()} cores)")
        for figure in figures:
            print(
                f"{figure.name:<42}{figure.seconds:>9.3f}{figure.bar:>7.1f}  {'ok' if figure.passed else 'MISSED'}"
            )
    return 0 if all(figure.passed for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
