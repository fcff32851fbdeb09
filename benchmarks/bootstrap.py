"""How fast are intervals? The paper's five figures, 10,000 rounds, beside a plain loop over people and labels.

    python -m benchmarks.bootstrap [--truth gt_all.csv] [--rounds 10000] [--json]

The paper's loop is written as the authors describe and publish theirs (arXiv 2405.08992): pictures by name with their
labels and the model's text in dictionaries; a round draws as many names as there are, looks for every label in every
text, fills two arrays element by element and has scikit-learn score them. Beside it stands the leanest loop that plain
Python allows, which only counts. Both are measured on `--loop-rounds` rounds (20) and scaled to all of them: their
printed seconds are extrapolated and say so. All draw people alone. Intervals are compared with those of a loop over the
same draws that scores each round from its gathered rows.

Without `--truth` the people are made up: 7,275, with EMOTIC's test prevalences, each label by itself. The answers are
right for most labels, so that no figure is at an end of its scale. Memory is the highest of the whole process.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt

from emoscene.datasets.registry import open_dataset
from emoscene.labels import label_space
from emoscene.metrics.interval import Resampling, percentile_interval
from emoscene.metrics.set_bootstrap import draws, set_intervals
from emoscene.metrics.sets import SetTotals

KEYS = ("macro_precision", "macro_recall", "macro_f1", "hamming", "subset_accuracy")
PEOPLE = 7275
#: Positives of each label among EMOTIC's 7,275 labelled test people, alphabetical.
POSITIVES = (975, 178, 356, 3423, 222, 3451, 330, 1129, 905, 1056, 136, 5629, 992, 3487, 429, 233, 3488, 143, 1061,
             2107, 389, 213, 255, 445, 615, 470)  # fmt: skip
BARS = {"times faster": 1000.0, "megabytes": 300.0}
#: How often an answer has a true label, and a false one.
_SAID_TRUE, _SAID_FALSE = 0.6, 0.08

BoolArray = npt.NDArray[np.bool_]


def people(truth: Path | None) -> BoolArray:
    """Shape (n, 26): the labels of the test people of a file, or made-up ones."""
    if truth is None:
        rng = np.random.default_rng(0)
        return rng.random((PEOPLE, len(POSITIVES))) < np.array(POSITIVES) / PEOPLE
    dataset = open_dataset("emotic", truth)
    ids = dataset.labels.ids
    return np.array([[label in (s.target or ()) for label in ids] for s in dataset.samples("test")])


def answers(truth: BoolArray) -> BoolArray:
    """Made-up answers: most true labels, some false ones."""
    rng = np.random.default_rng(1)
    return rng.random(truth.shape) < np.where(truth, _SAID_TRUE, _SAID_FALSE)


def plain_round(truth: list[list[int]], chosen: list[list[int]], drawn: Sequence[int]) -> tuple[float, ...]:
    """One round in plain Python: over the drawn people, over the labels."""
    labels = len(truth[0])
    hits, named, held = [0] * labels, [0] * labels, [0] * labels
    wrong = exact = 0
    for person in drawn:
        true, said = truth[person], chosen[person]
        differing = 0
        for label in range(labels):
            if true[label] and said[label]:
                hits[label] += 1
            if said[label]:
                named[label] += 1
            if true[label]:
                held[label] += 1
            if true[label] != said[label]:
                differing += 1
        wrong += differing
        exact += differing == 0
    precision = [h / n if n else 0.0 for h, n in zip(hits, named, strict=True)]
    recall = [h / n if n else 0.0 for h, n in zip(hits, held, strict=True)]
    f1 = [2 * h / (n + m) if n + m else 0.0 for h, n, m in zip(hits, named, held, strict=True)]
    size = len(drawn)
    return (
        sum(precision) / labels,
        sum(recall) / labels,
        sum(f1) / labels,
        wrong / (size * labels),
        exact / size,
    )


def paper_round(
    names: Sequence[str],
    known: dict[str, list[str]],
    said: dict[str, str],
    labels: Sequence[str],
    random: Random,
) -> tuple[float, ...]:
    """One round as the authors do it: names drawn, texts searched, arrays filled, scikit-learn asked."""
    from sklearn import metrics

    truth, answer = np.zeros((len(names), len(labels))), np.zeros((len(names), len(labels)))
    for row, name in enumerate(random.choices(names, k=len(names))):
        for column in range(len(labels)):
            if labels[column] in said[name]:
                answer[row, column] = 1
            if labels[column] in known[name]:
                truth[row, column] = 1
    options = {"average": "macro", "zero_division": 0}
    return (
        metrics.precision_score(truth, answer, **options),
        metrics.recall_score(truth, answer, **options),
        metrics.f1_score(truth, answer, **options),
        metrics.hamming_loss(truth, answer),
        metrics.accuracy_score(truth, answer),
    )


def paper_seconds(truth: BoolArray, chosen: BoolArray, rounds: int) -> float:
    """Seconds of one round of the paper's loop, the mean over `rounds`."""
    labels = [label.name.lower() for label in label_space("emotic")]
    names = [f"mscoco/picture_{row}_0.jpg" for row in range(len(truth))]
    known = {name: _names(row, labels) for name, row in zip(names, truth, strict=True)}
    said = {name: ", ".join(_names(row, labels)) for name, row in zip(names, chosen, strict=True)}
    random = Random(0)
    begin = time.perf_counter()
    for _ in range(rounds):
        paper_round(names, known, said, labels, random)
    return (time.perf_counter() - begin) / rounds


def _names(row: BoolArray, labels: Sequence[str]) -> list[str]:
    return [label for label, held in zip(labels, row, strict=True) if held]


def lean_seconds(truth: BoolArray, chosen: BoolArray, rounds: int) -> float:
    """Seconds of one round of the leanest loop, the mean over `rounds`."""
    true, said = truth.astype(int).tolist(), chosen.astype(int).tolist()
    rng = np.random.default_rng(0)
    begin = time.perf_counter()
    for _ in range(rounds):
        plain_round(true, said, rng.integers(0, len(true), len(true)).tolist())
    return (time.perf_counter() - begin) / rounds


def gathered(truth: BoolArray, chosen: BoolArray, plan: Resampling) -> npt.NDArray[np.float64]:
    """Every round scored from the rows that were drawn: shape (rounds, 5). Slow on purpose: no sums are shared."""
    found = []
    for weights in draws(len(truth), plan, held=len(truth) * 16):
        for counts in weights:
            rows = np.repeat(np.arange(len(truth)), counts.astype(np.intp))
            figures = SetTotals.of(truth[rows], chosen[rows]).figures()
            found.append([float(figures[key]) for key in KEYS])
    return np.array(found)


def measure(truth: BoolArray, rounds: int, loop_rounds: int, repeat: int, check: int) -> dict[str, Any]:
    chosen = answers(truth)
    plan = Resampling(rounds)
    seconds, intervals = [], {}
    for _ in range(repeat):
        begin = time.perf_counter()
        intervals = set_intervals(SetTotals.of(truth, chosen), plan, keys=KEYS)
        seconds.append(time.perf_counter() - begin)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        2**20 if sys.platform == "darwin" else 2**10
    )
    paper, lean = (seconds_of(truth, chosen, loop_rounds) for seconds_of in (paper_seconds, lean_seconds))
    plain = gathered(truth, chosen, Resampling(check))
    counted = set_intervals(SetTotals.of(truth, chosen), Resampling(check), keys=KEYS)
    ours = min(seconds)
    return {
        "people": len(truth),
        "labels": truth.shape[1],
        "rounds": rounds,
        "seconds": ours,
        "paper_seconds_extrapolated": paper * rounds,
        "lean_seconds_extrapolated": lean * rounds,
        "loop_rounds_measured": loop_rounds,
        "times_faster": paper * rounds / ours,
        "times_faster_than_lean": lean * rounds / ours,
        "peak_megabytes": memory,
        "checked_rounds": check,
        "intervals": {
            key: {
                "low": intervals[key].low,
                "high": intervals[key].high,
                "checked": [counted[key].low, counted[key].high],
                "loop": _ends(plain[:, at], Resampling(check)),
            }
            for at, key in enumerate(KEYS)
        },
    }


def _ends(values: npt.NDArray[np.float64], plan: Resampling) -> list[float]:
    found = percentile_interval(values, plan)
    return [found.low, found.high]


def same(found: dict[str, Any]) -> bool:
    """Whether both ways give one interval to the second digit, in percent, on the checked rounds."""
    return all(
        round(100 * ours, 2) == round(100 * theirs, 2)
        for interval in found["intervals"].values()
        for ours, theirs in zip(interval["checked"], interval["loop"], strict=True)
    )


def lines(found: dict[str, Any]) -> list[str]:
    scaled = f"(extrapolated from {found['loop_rounds_measured']} rounds)"
    said = [
        f"{found['people']:,} people, {found['labels']} labels, {found['rounds']:,} rounds",
        f"by counts             {found['seconds']:10.2f} s",
        f"the paper's loop      {found['paper_seconds_extrapolated']:10.0f} s   {scaled}",
        f"the leanest loop      {found['lean_seconds_extrapolated']:10.0f} s   {scaled}",
        f"times faster          {found['times_faster']:10.0f}     (bar: {BARS['times faster']:.0f}, the paper's loop)",
        f"  than the leanest    {found['times_faster_than_lean']:10.0f}",
        f"peak memory           {found['peak_megabytes']:10.0f} MB  (bar: {BARS['megabytes']:.0f}, the whole process)",
        "",
        f"{'figure (%)':<18} {'interval':>16} {found['checked_rounds']:>10,} rounds {'the same, loop':>18}",
    ]
    for key, interval in found["intervals"].items():
        pairs = ((interval["low"], interval["high"]), interval["checked"], interval["loop"])
        low, checked, loop = (f"{100 * a:.2f} to {100 * b:.2f}" for a, b in pairs)
        said.append(f"{key:<18} {low:>16} {checked:>17} {loop:>18}")
    said += ["", f"same to the second digit: {'yes' if same(found) else 'NO'}"]
    return said


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--truth", type=Path, help="EMOTIC's labels, such as gt_all.csv")
    parser.add_argument("--rounds", type=int, default=10_000)
    parser.add_argument("--loop-rounds", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=3, help="the fastest of so many runs counts")
    parser.add_argument("--check", type=int, default=500, help="rounds on which both ways are compared")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    found = measure(people(given.truth), given.rounds, given.loop_rounds, given.repeat, given.check)
    print(json.dumps(found) if given.json else "\n".join(lines(found)))
    held = found["times_faster"] >= BARS["times faster"] and found["peak_megabytes"] <= BARS["megabytes"]
    return 0 if held and same(found) else 1


if __name__ == "__main__":
    raise SystemExit(main())
