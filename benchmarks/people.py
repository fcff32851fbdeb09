"""What a detector finds in a folder of pictures: how many people, with how many faces, how fast, and how well placed.

    python -m benchmarks.people PICTURES --detector SPEC [--truth FILE] [--json]
    python -m benchmarks.people PICTURES --detector SPEC --detect score=0.5 --faces YUNET.onnx

`--truth` is a JSON file `{"name.jpg": [[x1, y1, x2, y2], ...]}`. Each true box is matched with one found box at most,
the best overlapping pairs first; a pair counts from an intersection over union of 0.5.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from emoscene import api
from emoscene.cli.asked import read_options
from emoscene.errors import PersonNotFoundError
from emoscene.images import open_picture
from emoscene.people import DetectionOptions, FaceFinder, Finder, Found, YuNet
from emoscene.types import BoundingBox

ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}
MATCH = 0.5
RUNS = 5


@dataclass(frozen=True)
class Result:
    """One picture. `ious` are those of the true boxes in their order, 0 for one that nothing matches."""

    picture: str
    size: tuple[int, int]
    people: int
    faces: int | None
    seconds: float
    ious: tuple[float, ...] | None
    notes: tuple[str, ...] = ()

    @property
    def matched(self) -> int:
        return sum(iou >= MATCH for iou in self.ious or ())


def look(path: Path, finder: Finder, faces: FaceFinder | None, truth: Sequence[BoundingBox] | None) -> Result:
    """Find the people of one picture several times and keep the median of the seconds, decoding not counted."""
    picture = open_picture(path)
    seconds = []
    found = Found(())
    for _ in range(RUNS):
        begin = time.perf_counter()
        try:
            found = finder.find(picture, "all")
        except PersonNotFoundError as nobody:
            found = Found((), notes=(nobody.what,))
        seconds.append(time.perf_counter() - begin)
    boxes = [person.box for person in found.people]
    return Result(
        picture=path.name,
        size=(picture.width, picture.height),
        people=len(boxes),
        faces=None if faces is None else len(faces.faces_of(picture, boxes)),
        seconds=statistics.median(seconds),
        ious=None if truth is None else overlaps(truth, boxes),
        notes=found.notes,
    )


def overlaps(truth: Sequence[BoundingBox], found: Sequence[BoundingBox]) -> tuple[float, ...]:
    """Intersection over union of each true box with the found box that is its own, 0 without one."""
    pairs = [(true.iou(box), i, j) for i, true in enumerate(truth) for j, box in enumerate(found)]
    best = [0.0] * len(truth)
    taken: set[int] = set()
    done: set[int] = set()
    for iou, i, j in sorted(pairs, key=lambda pair: (-pair[0], pair[1:])):
        if i not in done and j not in taken:
            best[i] = iou
            done.add(i)
            taken.add(j)
    return tuple(best)


def table(results: Sequence[Result]) -> str:
    lines = [f"{'picture':28} {'pixels':>11} {'people':>6} {'faces':>5} {'seconds':>8}  IoU with the truth"]
    for result in results:
        size = f"{result.size[0]} x {result.size[1]}"
        faces = "-" if result.faces is None else str(result.faces)
        ious = "-" if result.ious is None else " ".join(f"{iou:.2f}" for iou in result.ious)
        lines.append(
            f"{result.picture[:28]:28} {size:>11} {result.people:6} {faces:>5} {result.seconds:8.4f}  {ious}"
        )
        lines += [f"    {note}" for note in result.notes]
    judged = [result for result in results if result.ious is not None]
    if judged:
        true = sum(len(result.ious or ()) for result in judged)
        matched, found = sum(r.matched for r in judged), sum(r.people for r in judged)
        lines.append(f"matched {matched} of {true} true boxes; {found - matched} found boxes match none")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("pictures", type=Path, help="a folder")
    parser.add_argument("--detector", help="an .onnx file, a folder, a hub id; else EMOSCENE_PERSON_DETECTOR")
    parser.add_argument("--detect", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--faces", type=Path, help="YuNet's .onnx file")
    parser.add_argument("--truth", type=Path)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    finder = api.person_finder(asked.detector, DetectionOptions.of(read_options(asked.detect)))
    faces = None if asked.faces is None else FaceFinder(YuNet(asked.faces))
    truth = {} if asked.truth is None else json.loads(asked.truth.read_text(encoding="utf-8"))
    results = []
    for path in sorted(path for path in asked.pictures.iterdir() if path.suffix.lower() in ENDINGS):
        boxes = [BoundingBox.model_validate(box) for box in truth[path.name]] if path.name in truth else None
        results.append(look(path, finder, faces, boxes))
    print(json.dumps([asdict(result) for result in results]) if asked.json else table(results))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
