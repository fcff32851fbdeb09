"""A dataset's people through a recognizer, into a run's folder: `run`. Scoring comes after, from the folder alone."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from emoscene.datasets.base import Dataset
from emoscene.errors import OptionError
from emoscene.labels import LabelSpace
from emoscene.recognizers.base import Fittable, Recognizer
from emoscene.runs.local import answer
from emoscene.runs.record import Record, RunFiles
from emoscene.runs.truth import known_line
from emoscene.types import Sample

__all__ = ["Asked", "run"]


@dataclass(frozen=True)
class Asked:
    """Which people of a dataset a model is asked about.

    Attributes:
        split: The split.
        model: What the manifest says of the model: how it was asked for and what that came to.
        fit_split: The split that a `Fittable` recognizer is fitted on.
        limit: Only the first so many people; None takes all.
    """

    split: str
    model: Mapping[str, Any] = field(default_factory=dict)
    fit_split: str = "train"
    limit: int | None = None


def run(
    dataset: Dataset,
    recognizer: Recognizer,
    asked: Asked,
    out: str | Path,
    progress: Callable[[int, int], None] | None = None,
) -> RunFiles:
    """Ask a recognizer about a split; go on with what is missing where the folder holds this very run.

    Raises:
        OptionError: if the split is not there, the label spaces differ, or the folder holds another run.
        InputError: if the dataset is faulty.
    """
    dataset.check_split(asked.split)
    check_spaces(dataset.labels, recognizer.labels)
    fitted = _fit(dataset, recognizer, asked) if isinstance(recognizer, Fittable) else None
    request = {
        "dataset": dataset.describe(),
        "split": asked.split,
        "limit": asked.limit,
        "model": {**asked.model, "name": recognizer.name},
        "fit": fitted,
    }
    ledger = dataset.ledger()
    about = {"kind": "evaluation", "card": asdict(recognizer.card)}
    samples = itertools.islice(dataset.samples(asked.split, ledger), asked.limit)
    with Record(out, request, samples, dataset.labels, about=about) as record:
        record.say(findings=[asdict(finding) for finding in ledger.findings()])
        answer(recognizer, itertools.islice(dataset.samples(asked.split), asked.limit), record, progress)
    return RunFiles.open(out)


def check_spaces(dataset: LabelSpace, model: LabelSpace) -> None:
    """Refuse to score answers in one label space against labels of another."""
    if set(dataset.ids) != set(model.ids):
        raise OptionError(
            f"the dataset's labels are {dataset.name} and the model's answers are {model.name}",
            value=f"{len(dataset)} and {len(model)} labels",
            remedy="This model answers in its own labels: take another model, or a dataset in these labels.",
        )


def _fit(dataset: Dataset, recognizer: Fittable, asked: Asked) -> dict[str, Any]:
    """Fits the recognizer; says on what."""
    if asked.fit_split == asked.split:
        raise OptionError(
            "a model cannot be fitted on the people it is then judged by",
            value=asked.fit_split,
            remedy="Name another --fit-split.",
        )
    if asked.fit_split not in dataset.splits:
        raise OptionError(
            "there is no such split to count labels on",
            value=asked.fit_split,
            remedy=f"Name one with --fit-split; there are: {', '.join(dataset.splits)}.",
        )
    digest = hashlib.sha256()
    people = 0

    def passing() -> Iterator[Sample]:
        nonlocal people
        for sample in dataset.samples(asked.fit_split):
            digest.update(known_line(sample))
            people += 1
            yield sample

    recognizer.fit(passing())
    return {"split": asked.fit_split, "people": people, "truth_sha256": digest.hexdigest()}
