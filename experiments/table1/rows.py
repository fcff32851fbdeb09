"""What a row of the table is, what rows share, and where they are listed.

A `Part` is something that several rows need: a captioner, a story model. A `Row` gives a recognizer; the plan asks it
about val and test, keeps its answers as runs of `emoscene.runs`, and fits rules on val. Both are made once, into a
folder of their own, and both go on where they were cut off: what `make` finds in its folder is its own.

One line in `MODULES` adds a module with `PARTS` and `ROWS`.

Captions are parts: whatever narrates fills `parts/NAME/SPLIT.jsonl` through `keep_captions`, and readers of captions
take them from there with `kept_captions`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from emoscene.datasets.base import Dataset
from emoscene.datasets.scenes.folder import open_scenes
from emoscene.errors import OptionError
from emoscene.labels import LabelSpace, label_space
from emoscene.recognizers.base import Recognizer

__all__ = [
    "Context",
    "Part",
    "Row",
    "Sizes",
    "all_parts",
    "all_rows",
    "choose_rows",
    "keep_captions",
    "kept_captions",
]

#: Modules of this package that hold `PARTS` and `ROWS`, in the order of the table.
MODULES = ("text_rows", "vision_rows")

Group = Literal["prior", "zero-shot", "trained", "control"]


@dataclass(frozen=True)
class Sizes:
    """How large everything is: one size for the table, one for its smoke test.

    Attributes:
        people: People of each split.
        picture: The side of the pictures, in pixels.
        gate_people: People on whom the readers of the scenes are measured.
        steps: What a number of steps that suits the full table is multiplied by.
        rounds: Bootstrap rounds of the report.
    """

    people: Mapping[str, int]
    picture: int = 224
    gate_people: int = 2_000
    steps: float = 1.0
    rounds: int = 2_000

    def of(self, steps: int, least: int = 2) -> int:
        """`steps` of the full table in this size."""
        return max(least, round(steps * self.steps))


FULL = Sizes({"train": 6_000, "val": 1_500, "test": 1_000})
SMOKE = Sizes({"train": 60, "val": 40, "test": 40}, picture=96, gate_people=50, steps=0.01, rounds=50)


@dataclass(frozen=True)
class Context:
    """What is given to every part and row.

    Attributes:
        out: The folder of the table. Scenes lie in `scenes/`, parts in `parts/NAME`, rows in `rows/NAME`.
        seed: Of the scenes and of everything that is drawn.
        smoke: Whether this is the smoke test; `sizes` says what that comes to.
    """

    out: Path
    seed: int = 0
    smoke: bool = False

    @property
    def sizes(self) -> Sizes:
        return SMOKE if self.smoke else FULL

    @property
    def scenes(self) -> Path:
        return self.out / "scenes"

    @property
    def labels(self) -> LabelSpace:
        return label_space("emotic")

    def part(self, name: str) -> Path:
        """Where a part's `make` put it. Name the part in `needs`, so that it is there."""
        return self.out / "parts" / name

    def dataset(self, *, words: bool = False) -> Dataset:
        """The scenes as a dataset; `words` gives samples what is said in the scene."""
        return open_scenes(self.scenes, words=words)

    def lines(self, split: str) -> list[dict[str, Any]]:
        """The lines of a split as `emoscene scenes make` wrote them: caption, labels, words, causes, box, image.

        Labels and causes of val and test are for judging, never for learning, but where the row says so.
        """
        return _lines(self.scenes / f"{split}.jsonl")


@cache
def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


@dataclass(frozen=True)
class Part:
    """Something that several rows need.

    Attributes:
        name: Its folder below `parts/`.
        learns_from: What it is trained on, in words: for the report.
        make: Fills the folder (created, maybe half filled by itself before).
        needs: Parts that it needs.
    """

    name: str
    learns_from: str
    make: Callable[[Context, Path], None]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        name: As `--rows` takes it, and its folder below `rows/`; no blanks.
        title: As the table prints it.
        group: `prior` looks at nobody, `zero-shot` saw no picture (or caption) with its labels, `trained` did,
            `control` is trained and lacks a part of the input.
        paper: The row of the paper's table that it stands for (the words of `claims.yaml`); empty if there is none.
        learns_from: What it learnt from, in words: for the report.
        make: Gives the recognizer; keeps what it trains in the folder (`rows/NAME/work`), and takes it up from there.
        needs: Parts that it needs.
        words: Whether its samples hold the words of the scene.
        fit_split: Where a `Fittable` recognizer counts.
        rules_on: The split whose answers rules are fitted on, and how many of its people, the first ones (None: all;
            below 1 a share). A row that learnt from the labels of val takes people that it did not see.
        about: What else the manifest of its runs says; plain JSON values.
    """

    name: str
    title: str
    group: Group
    learns_from: str
    make: Callable[[Context, Path], Recognizer]
    paper: str = ""
    needs: tuple[str, ...] = ()
    words: bool = False
    fit_split: str = "train"
    rules_on: tuple[str, float | None] = ("val", None)
    about: Mapping[str, Any] = field(default_factory=dict)


def keep_captions(
    folder: Path,
    split: str,
    ids: Sequence[str],
    tell: Callable[[Sequence[str]], Sequence[str]],
    at_once: int = 32,
) -> None:
    """Ask for the captions of some people and keep them in `folder/SPLIT.jsonl`; what is there already is left.

    Args:
        folder: Of the part.
        split: The split.
        ids: The ids of the samples, in order.
        tell: Ids of the samples to captions, one for one.
        at_once: How many are asked for together.
    """
    file = folder / f"{split}.jsonl"
    done = kept_captions(folder, split) if file.is_file() else {}
    missing = [sample for sample in ids if sample not in done]
    if file.is_file():  # A line that a kill tore goes.
        file.write_text("".join(json.dumps({"id": i, "caption": done[i]}) + "\n" for i in done), "utf-8")
    with file.open("a", encoding="utf-8") as stream:
        for start in range(0, len(missing), at_once):
            some = missing[start : start + at_once]
            for sample, caption in zip(some, tell(some), strict=True):
                stream.write(json.dumps({"id": sample, "caption": caption}) + "\n")
            stream.flush()


def kept_captions(folder: Path, split: str) -> dict[str, str]:
    """The captions of a split by the samples' ids, as `keep_captions` left them."""
    lines = (folder / f"{split}.jsonl").read_text("utf-8").split("\n")[:-1]
    return {line["id"]: line["caption"] for line in map(json.loads, lines)}


def all_parts() -> dict[str, Part]:
    """Every part by name."""
    return {part.name: part for module in _modules() for part in module.PARTS}


def all_rows() -> dict[str, Row]:
    """Every row by name, in the order of the table."""
    return {row.name: row for module in _modules() for row in module.ROWS}


def choose_rows(names: str | None) -> list[Row]:
    """The rows named in `a,b`; all if none are.

    Raises:
        OptionError: if there is no such row.
    """
    rows = all_rows()
    if names is None:
        return list(rows.values())
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    for name in wanted:
        if name not in rows:
            raise OptionError("there is no such row", value=name, remedy=f"There are: {', '.join(rows)}.")
    return [rows[name] for name in rows if name in wanted]


def _modules() -> list[Any]:
    return [import_module(f"experiments.table1.{name}") for name in MODULES]
