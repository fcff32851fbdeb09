"""How long does it take to score a run of EMOTIC's size? 34,320 people, 26 labels, scores and VAD, read from a folder.

    python -m benchmarks.scoring [--people 34320] [--rounds 1000] [--json]

The run is made up and written by the benchmark in a temporary folder. `figures` are all figures without intervals;
beside them stands scikit-learn, asked for those of them that it has, on the arrays that are already in memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emoscene.evaluation.score import Settings, run_table, score
from emoscene.evaluation.table import Table
from emoscene.labels import label_space
from emoscene.runs.record import Record, RunFiles
from emoscene.types import VAD, Prediction, Sample, ScoreKind, Status

BAR_SECONDS = 5.0


def write_run(folder: Path, people: int) -> None:
    """A finished run of made-up answers, one and a half people a picture."""
    labels = label_space("emotic")
    rng = np.random.default_rng(0)
    truth = rng.random((people, len(labels))) < 0.17
    scores = np.round(rng.random(truth.shape) * 0.7 + 0.3 * truth, 5)
    vad = np.round(rng.uniform(1, 10, (people, 3)), 2)
    samples = [
        Sample(
            id=f"emotic/test/{at}",
            group=f"picture {at * 2 // 3}",
            target=frozenset(np.array(labels.ids)[truth[at]].tolist()),
            target_vad=_vad(vad[at]),
        )
        for at in range(people)
    ]
    with Record(folder, {"model": {"name": "made up"}}, samples, labels) as record:
        for at, sample in enumerate(samples):
            named = dict(zip(labels.ids, scores[at].tolist(), strict=True))
            top = sorted(named, key=lambda label: -named[label])[:6]
            record.append(
                Prediction(
                    id=sample.id,
                    status=Status.OK,
                    scores=named,
                    score_kind=ScoreKind.YES_SHARE,
                    labels=tuple(top),
                    dominant=top[0],
                    vad=_vad(vad[-at - 1]),
                )
            )


def _vad(values: Any) -> VAD:
    return VAD(valence=float(values[0]), arousal=float(values[1]), dominance=float(values[2]))


def by_scikit_learn(table: Table) -> None:
    """The figures that scikit-learn has, on arrays in memory."""
    from sklearn import metrics

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for average in ("macro", "micro", "samples", "weighted"):
            metrics.precision_recall_fscore_support(
                table.truth, table.chosen, average=average, zero_division=0
            )
        for average in ("macro", "micro", "samples"):
            metrics.jaccard_score(table.truth, table.chosen, average=average, zero_division=0)
        metrics.hamming_loss(table.truth, table.chosen)
        metrics.accuracy_score(table.truth, table.chosen)
        metrics.average_precision_score(table.truth, table.scores, average=None)
        metrics.roc_auc_score(table.truth, table.scores, average=None)
        for column in range(table.truth.shape[1]):
            metrics.brier_score_loss(table.truth[:, column], table.scores[:, column])
            metrics.log_loss(table.truth[:, column], table.scores[:, column])


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    begin = time.perf_counter()
    result = work()
    return result, time.perf_counter() - begin


def measure(people: int, rounds: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        _, write = _timed(lambda: write_run(Path(folder) / "run", people))
        table, read = _timed(lambda: run_table(RunFiles.open(Path(folder) / "run")))
    _, figures = _timed(lambda: score(table))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        2**20 if sys.platform == "darwin" else 2**10
    )
    _, learn = _timed(lambda: by_scikit_learn(table))
    _, intervals = _timed(lambda: score(table, Settings(rounds=rounds)))
    return {
        "people": people,
        "write_seconds": write,
        "read_seconds": read,
        "figures_seconds": figures,
        "scoring_seconds": read + figures,
        "scikit_learn_seconds": learn,
        "rounds": rounds,
        "with_intervals_seconds": intervals,
        "peak_megabytes": memory,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=34_320)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    found = measure(given.people, given.rounds)
    if given.json:
        print(json.dumps(found))
    else:
        print(f"{found['people']:,} people")
        print(f"reading the folder     {found['read_seconds']:8.2f} s")
        print(f"all figures            {found['figures_seconds']:8.2f} s")
        print(f"scoring, both          {found['scoring_seconds']:8.2f} s   (bar: {BAR_SECONDS:.0f})")
        ratio = found["figures_seconds"] / found["scikit_learn_seconds"]
        print(
            f"scikit-learn's part    {found['scikit_learn_seconds']:8.2f} s   (all figures take {ratio:.2f} of it)"
        )
        print(
            f"with intervals         {found['with_intervals_seconds']:8.2f} s   ({found['rounds']:,} rounds)"
        )
        print(
            f"peak memory            {found['peak_megabytes']:8.0f} MB  (before intervals, the whole process)"
        )
    return 0 if found["scoring_seconds"] <= BAR_SECONDS else 1


if __name__ == "__main__":
    raise SystemExit(main())
