"""How well does the text recognizer name the emotion of a narrative caption? One command, one table.

    python benchmarks/captions.py --csv captions.csv                 all three columns
    python benchmarks/captions.py --csv captions.csv --column full   one of them
    python benchmarks/captions.py --csv captions.csv --json          the same figures as JSON

The prompt and the encoder were fixed before anything was measured: nothing is fitted here.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from emoscene.datasets.captions import COLUMNS, LABELS, read_captions
from emoscene.errors import EmosceneError
from emoscene.labels import label_space
from emoscene.metrics.bootstrap import Interval, bootstrap_ci
from emoscene.metrics.sets import accuracy
from emoscene.recognizers.text import TextRecognizer, make
from emoscene.types import Sample


@dataclass(frozen=True)
class Result:
    """The figures of one caption column."""

    column: str
    captions: int
    answered: int
    accuracy: float
    interval: Interval
    always_the_most_frequent: float
    right: Counter[str]
    said: Counter[str]
    truth: Counter[str]

    def to_json(self) -> dict[str, Any]:
        return {
            "column": self.column,
            "captions": self.captions,
            "answered": self.answered,
            "accuracy": {"value": self.accuracy, "low": self.interval.low, "high": self.interval.high},
            "always_the_most_frequent": self.always_the_most_frequent,
            "labels": {
                label: {"captions": count, "right": self.right[label], "said": self.said[label]}
                for label, count in self.truth.items()
            },
        }


def measure(recognizer: TextRecognizer, samples: Sequence[Sample], column: str, rounds: int) -> Result:
    """Accuracy of the highest score; a caption without an answer counts as wrong."""
    predictions = list(recognizer.predict(samples))
    truth = [next(iter(sample.target or ())) for sample in samples]
    said = [prediction.dominant for prediction in predictions]
    right = np.array([a == b for a, b in zip(truth, said, strict=True)], dtype=np.float64)

    def share(rows: npt.NDArray[np.intp]) -> float:
        return float(right[rows].mean())

    counts = Counter(truth)
    return Result(
        column=column,
        captions=len(samples),
        answered=sum(prediction.ok for prediction in predictions),
        accuracy=accuracy(truth, said),
        interval=bootstrap_ci(share, [sample.source for sample in samples], rounds=rounds),
        always_the_most_frequent=max(counts.values()) / len(samples),
        right=Counter(a for a, b in zip(truth, said, strict=True) if a == b),
        said=Counter(label for label in said if label is not None),
        truth=counts,
    )


def show(results: Sequence[Result], recognizer: TextRecognizer) -> None:
    """Two tables: accuracy with its interval, and how often each label was right."""
    console = Console()
    labels = recognizer.labels
    chance = 1 / len(labels)
    figures = Table(title=f"{recognizer.name}: accuracy over {len(labels)} labels, 95 % bootstrap interval")
    figures.add_column("caption", no_wrap=True)
    for heading in ("answered", "accuracy", "interval"):
        figures.add_column(heading, justify="right", no_wrap=True)
    for result in results:
        figures.add_row(
            result.column,
            f"{result.answered} of {result.captions}",
            f"{result.accuracy:.3f}",
            f"{result.interval.low:.3f} to {result.interval.high:.3f}",
        )
    console.print(figures)
    frequent = max(result.always_the_most_frequent for result in results)
    console.print(f"chance: {chance:.3f}; always the most frequent label: {frequent:.3f}\n")
    counts = Table(title="right / captions of this label / times it was said")
    counts.add_column("label", no_wrap=True)
    for result in results:
        counts.add_column(result.column.replace("_", " "), justify="right")
    for label in labels:
        cells = (f"{r.right[label.id]} / {r.truth[label.id]} / {r.said[label.id]}" for r in results)
        counts.add_row(label.name, *cells)
    console.print(counts)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--csv", required=True, metavar="PATH", help="the caption study's CSV file")
    parser.add_argument("--column", choices=COLUMNS, help="one caption column (default: all three)")
    parser.add_argument(
        "--encoder", help="folder or hub name of a sentence encoder (default: all-MiniLM-L6-v2)"
    )
    parser.add_argument("--rounds", type=int, default=10_000, help="bootstrap rounds (default: 10000)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args(arguments)
    try:
        columns = [given.column] if given.column else list(COLUMNS)
        samples = {column: list(read_captions(given.csv, column)) for column in columns}
        if not all(samples.values()):
            parser.error("the file holds no caption")
        recognizer = make(label_space(LABELS), encoder=given.encoder)
        results = [measure(recognizer, samples[column], column, given.rounds) for column in columns]
    except EmosceneError as error:
        print(f"captions: {error}", file=sys.stderr)
        return 2
    if given.json:
        chance = 1 / len(recognizer.labels)
        figures = [result.to_json() for result in results]
        print(
            json.dumps(
                {"model": recognizer.name, "chance": chance, "columns": figures}, indent=2, allow_nan=False
            )
        )
    else:
        show(results, recognizer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
