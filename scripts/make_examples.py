"""Draws the example pictures of examples/ and lists their people in examples/people.json.

The scenes come from a stream of their own, so that no model was trained on them. `--check` fails if the files
that are there are not the ones this draws.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from emoscene.datasets.scenes import SCENES_VERSION, Actor, draw_scene, sample_scene

FOLDER = Path(__file__).resolve().parent.parent / "examples"
SEED = 2026
SPLIT = "test"
SIDE = 384
LARGEST_BYTES = 60 * 1024


@dataclass(frozen=True)
class Example:
    """One picture: its file name, its place in the stream, and what to look for in it."""

    file: str
    index: int
    note: str


EXAMPLES = (
    Example("birthday.png", 407, "The same party, and three people who do not feel the same about it."),
    Example("wedding.png", 204, "Two people cry: the faces agree, the roles do not."),
    Example("race.png", 159, "Winner and loser: the medal says who is who."),
)


def person(actor: Actor) -> dict[str, Any]:
    """A person of people.json; the box in whole pixels, x1, y1, x2, y2."""
    x1, y1, x2, y2 = actor.box
    box = [int(x1 * SIDE), int(y1 * SIDE), min(SIDE, round(x2 * SIDE) + 1), min(SIDE, round(y2 * SIDE) + 1)]
    return {
        "box": box,
        "note": f"{actor.role} (reaction: {actor.reaction})",
        "labels": sorted(actor.labels),
        "vad": list(actor.vad),
    }


def files() -> dict[str, bytes]:
    """What belongs into the folder: name to content."""
    made: dict[str, bytes] = {}
    pictures = []
    for example in EXAMPLES:
        scene = sample_scene(SEED, example.index, split=SPLIT)
        buffer = io.BytesIO()
        draw_scene(scene, SIDE).save(buffer, "PNG", optimize=True)
        if len(buffer.getvalue()) > LARGEST_BYTES:
            raise SystemExit(f"{example.file}: {len(buffer.getvalue())} bytes, more than {LARGEST_BYTES}")
        made[example.file] = buffer.getvalue()
        people = [person(actor) for actor in sorted(scene.people, key=lambda actor: actor.box[0])]
        pictures.append({"file": example.file, "note": example.note, "people": people})
    listing = {"generator": SCENES_VERSION, "seed": SEED, "split": SPLIT, "pictures": pictures}
    text = re.sub(r"\[\s+([^\[\]{}]+?)\s+\]", _on_one_line, json.dumps(listing, indent=2))
    made["people.json"] = (text + "\n").encode()
    return made


def _on_one_line(found: re.Match[str]) -> str:
    return "[" + " ".join(found[1].split()) + "]"


def main() -> int:
    parser = argparse.ArgumentParser(description="Draw the example pictures.")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    stale = [name for name, content in files().items() if not _is(FOLDER / name, content)]
    if arguments.check:
        for name in stale:
            print(f"examples/{name} is not what the generator draws; run `make examples`", file=sys.stderr)
        return 1 if stale else 0
    for name in stale:
        (FOLDER / name).write_bytes(files()[name])
    return 0


def _is(path: Path, content: bytes) -> bool:
    """Whether the file shows the same pixels (compression may differ between machines), or the same text."""
    if not path.is_file():
        return False
    there = path.read_bytes()
    if path.suffix != ".png":
        return there == content
    return Image.open(io.BytesIO(there)).tobytes() == Image.open(io.BytesIO(content)).tobytes()


if __name__ == "__main__":
    raise SystemExit(main())
