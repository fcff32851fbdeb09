"""How long EMOTIC's annotations take to load, and how much memory: a mat of EMOTIC's size, and every format.

    python -m benchmarks.datasets [--people N] [--json]

The files are written here, in the real layouts, with made-up people: 23,706 in train with one annotator, 3,334 in val
with five, 7,280 in test with three. Each is read in a fresh process, to the last sample; the time begins before
emoscene is imported, and memory is the process's peak. Pictures are not there, so no time goes into them.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.datasets.emotic import write
from tests.datasets.emotic.write import ALPHABETICAL, Scenes, Told, ToldPicture

#: People and annotators of each split of the PAMI release.
SIZES = {"train": (23_706, 1), "val": (3_334, 5), "test": (7_280, 3)}
BARS = {"seconds": 10.0, "megabytes": 1500.0}

WRITERS: dict[str, Callable[[Path, Scenes], Path]] = {
    "mat": lambda folder, scenes: write.mat(folder / "Annotations.mat", scenes),
    "coco-corners": write.corners,
    "tandon-csv": write.tandon_csv,
    "archive": write.archive,
    "one-hot": write.one_hot,
    "listed": lambda folder, scenes: write.listed_csv(folder / "emotic.csv", scenes),
    "coco-bits": write.bits,
    "llava": write.llava,
    "arrays": write.tandon_arrays,
}

# The peak by /proc where there is one: what getrusage says begins with the peak of the process that started this one.
_READ = """
import json, pathlib, re, resource, sys, time
begin = time.perf_counter()
from emoscene.datasets.registry import open_dataset
dataset = open_dataset("emotic", sys.argv[1])
people = {split: sum(1 for _ in dataset.samples(split)) for split in dataset.splits}
seconds = time.perf_counter() - begin
status = pathlib.Path("/proc/self/status")
if status.exists():
    peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", status.read_text())[1]) / 2**10
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
print(json.dumps({"people": people, "seconds": seconds, "megabytes": peak}))
"""


def scenes(sizes: dict[str, tuple[int, int]], seed: int = 0) -> dict[str, list[ToldPicture]]:
    """Made-up people: one to fourteen a picture, one to eight labels an annotator, boxes that sometimes reach out."""
    rng = random.Random(seed)
    made: dict[str, list[ToldPicture]] = {}
    for split, (people, annotators) in sizes.items():
        pictures, left = made.setdefault(split, []), people
        while left:
            count = min(left, rng.choice((1, 1, 1, 1, 2, 2, 3, 14)) if rng.random() < 0.5 else 1)
            left -= count
            name = f"COCO_{split}2014_{len(pictures):012d}.jpg"
            told = [_told(rng, annotators) for _ in range(count)]
            pictures.append(ToldPicture(name, told, rng.choice(("mscoco", "framesdb")), (640, 480)))
    return made


def _told(rng: random.Random, annotators: int) -> Told:
    x, y = rng.randint(-3, 500), rng.randint(1, 300)
    missing = rng.random() < 0.015
    said = [
        (
            rng.sample(ALPHABETICAL, rng.randint(1, 4)),
            (math.nan if missing else rng.randint(1, 10), rng.randint(1, 10), rng.randint(1, 10)),
        )
        for _ in range(annotators)
    ]
    return Told((x, y, x + rng.randint(20, 200), y + rng.randint(20, 200)), said)


def measure(root: Path) -> dict[str, Any]:
    """Read what lies there in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", _READ, str(root)], check=True, capture_output=True, text=True
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def run(people: int, folder: Path, sizes: dict[str, tuple[int, int]]) -> list[dict[str, Any]]:
    """The mat of the given sizes first, then every format with about `people` people, a third in each split."""
    rows = []
    mat = write.mat(folder / "whole" / "Annotations.mat", scenes(sizes))
    rows.append({"layout": "mat", "megabytes_on_disk": _size(mat.parent), **measure(mat)})
    small = scenes({split: (people // 3, annotators) for split, (_, annotators) in sizes.items()})
    for layout, writer in WRITERS.items():
        root = folder / layout
        root.mkdir()
        writer(root, small)
        rows.append({"layout": layout, "megabytes_on_disk": _size(root), **measure(root)})
    return rows


def _size(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


def main(arguments: Sequence[str] | None = None, sizes: dict[str, tuple[int, int]] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--people", type=int, default=3_000, help="how many people in the files of every format"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        rows = run(asked.people, Path(folder), sizes or SIZES)
    whole = rows[0]
    passed = all(whole[name] < bar for name, bar in BARS.items())
    if asked.json:
        print(json.dumps({"rows": rows, "bars": BARS, "passed": passed}))
    else:
        print(
            f"{'layout':<13} {'people':>8} {'on disk':>9} {'seconds':>8} {'people/s':>9} {'peak memory':>12}"
        )
        for row in rows:
            count = sum(row["people"].values())
            print(
                f"{row['layout']:<13} {count:>8,} {row['megabytes_on_disk']:>6.1f} MB {row['seconds']:>8.2f} "
                f"{count / row['seconds']:>9,.0f} {row['megabytes']:>9,.0f} MB"
            )
        print(f"a mat of EMOTIC's size under {BARS['seconds']:g} s and {BARS['megabytes']:,.0f} MB: {passed}")
    return 0 if passed else 1


if __name__ == "__main__":
    raise SystemExit(main())
