"""How well does a sentence encoder name the emotion of a narrative caption? One command, one table.

    python -m benchmarks.captions --csv captions.csv                 all ways of asking, all three columns
    python -m benchmarks.captions --csv captions.csv --column full   one column
    python -m benchmarks.captions --csv captions.csv --labels        also how often each label was right
    python -m benchmarks.captions --csv captions.csv --json          the same figures as JSON

No label is used but to count what is right, and nothing is fitted. The first seven ways were fixed before they were
scored, but for the figure of `definition`, which was known; `paraphrases, corrected` was named the main one.
`transductive` takes its prior from the very captions that are asked about (without their labels): it needs many of them
at once and is no way of answering one.

The last two are exploratory: their cues were written, and `names` thought of, after the first figures had been seen.
About ninety more were tried and left out (label synonyms; priors scaled or centred; clauses in place of sentences; cues
alone, one by one, or averaged; other combinations of the options): 0.13 to 0.34 on full captions. As the best of
so many on 176 captions the exploratory figures are optimistic; only captions never looked at can tell by how much.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
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
from emoscene.recognizers.sentence_reasoner import SentenceAsk, SentenceReasoner
from emoscene.recognizers.sentences import SentenceEncoder, find_encoder, torch_and_transformers
from emoscene.recognizers.text import TextRecognizer
from emoscene.types import Sample

#: The ways of asking, in the order of the table.
WAYS: Mapping[str, SentenceAsk] = {
    "definition": SentenceAsk("definition", "none"),
    "definition, corrected": SentenceAsk("definition", "corrected"),
    "paraphrases": SentenceAsk("paraphrases", "none"),
    "paraphrases, corrected": SentenceAsk("paraphrases", "corrected"),
    "same, mean of sentences": SentenceAsk("paraphrases", "corrected", "mean"),
    "same, best sentence": SentenceAsk("paraphrases", "corrected", "max"),
    "paraphrases, transductive": SentenceAsk("paraphrases", "none"),
    "exploratory: cues, corrected": SentenceAsk("cues", "corrected"),
    "exploratory: cues, corrected, names as person": SentenceAsk("cues", "corrected", names="person"),
}
_TRANSDUCTIVE = "paraphrases, transductive"
_MAIN = "paraphrases, corrected"
_WIDTH = 120
#: Etesam et al., IROS 2024: GPT-3.5 on full captions of this part.
_PUBLISHED = "GPT-3.5 on full captions, as published: 0.41"


@dataclass(frozen=True)
class Result:
    """The figures of one way of asking on one caption column."""

    way: str
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
            "way": self.way,
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


def measure(
    recognizer: TextRecognizer, samples: Sequence[Sample], way: str, column: str, rounds: int
) -> Result:
    """Accuracy of the highest score; a caption without an answer counts as wrong."""
    predictions = list(recognizer.predict(samples))
    truth = [next(iter(sample.target or ())) for sample in samples]
    scores = [prediction.scores for prediction in predictions]
    said = highest(less_their_mean(scores) if way == _TRANSDUCTIVE else scores)
    right = np.array([a == b for a, b in zip(truth, said, strict=True)], dtype=np.float64)

    def share(rows: npt.NDArray[np.intp]) -> float:
        return float(right[rows].mean())

    counts = Counter(truth)
    return Result(
        way=way,
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


def highest(scores: Sequence[Mapping[str, float]]) -> list[str | None]:
    """The label with the highest score of every row; None of a row without scores."""
    return [max(row, key=row.__getitem__) if row else None for row in scores]


def less_their_mean(scores: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
    """The scores less the mean of their label over all rows that have any."""
    full = [row for row in scores if row]
    mean = {label: float(np.mean([row[label] for row in full])) for label in (full[0] if full else ())}
    return [{label: score - mean[label] for label, score in row.items()} for row in scores]


def show(results: Sequence[Result], encoder: str, *, by_label: bool) -> None:
    """Accuracy with its interval, a row for every way of asking; and, if wanted, how often each label was right."""
    console = Console()
    console.width = max(console.width, _WIDTH)
    labels = label_space(LABELS)
    columns = list(dict.fromkeys(result.column for result in results))
    figures = Table(title=f"{encoder}: accuracy over {len(labels)} labels (95 % bootstrap interval)")
    figures.add_column("way of asking", no_wrap=True)
    for column in columns:
        figures.add_column(column.replace("_", " "), justify="right", no_wrap=True)
    for way in dict.fromkeys(result.way for result in results):
        cells = [
            f"{result.accuracy:.3f} ({result.interval.low:.2f} to {result.interval.high:.2f})"
            for result in results
            if result.way == way
        ]
        figures.add_row(way, *cells)
    console.print(figures)
    frequent = max(result.always_the_most_frequent for result in results)
    missed = sum(result.captions - result.answered for result in results)
    console.print(
        f"chance: {1 / len(labels):.3f}; always the most frequent label: {frequent:.3f}; {_PUBLISHED}\n"
        f"captions: {results[0].captions}; answers missing, counted as wrong: {missed}"
    )
    if by_label:
        _show_labels(console, [result for result in results if result.way == _MAIN])


def _show_labels(console: Console, results: Sequence[Result]) -> None:
    counts = Table(title=f"{_MAIN}: right / captions of this label / times it was said")
    counts.add_column("label", no_wrap=True)
    for result in results:
        counts.add_column(result.column.replace("_", " "), justify="right")
    for label in label_space(LABELS):
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
    parser.add_argument("--labels", action="store_true", help="also a table of the labels")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args(arguments)
    try:
        columns = [given.column] if given.column else list(COLUMNS)
        samples = {column: list(read_captions(given.csv, column)) for column in columns}
        if not all(samples.values()):
            parser.error("the file holds no caption")
        torch_and_transformers()
        encoder = SentenceEncoder(find_encoder(given.encoder))
        results = []
        for way, ask in WAYS.items():
            reasoner = SentenceReasoner(label_space(LABELS), encoder, ask)
            recognizer = TextRecognizer(reasoner, encoder.name)
            results += [measure(recognizer, samples[c], way, c, given.rounds) for c in columns]
    except EmosceneError as error:
        print(f"captions: {error}", file=sys.stderr)
        return 2
    if given.json:
        chance = 1 / len(label_space(LABELS))
        figures = [result.to_json() for result in results]
        content = {"model": encoder.name, "chance": chance, "main": _MAIN, "figures": figures}
        print(json.dumps(content, indent=2, allow_nan=False))
    else:
        show(results, encoder.name, by_label=given.labels)
    return 0


if __name__ == "__main__":
    sys.exit(main())
