"""The runs of a report: how they are called, and that they are about the same people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emoscene.errors import OptionError
from emoscene.evaluation.score import Scores
from emoscene.evaluation.table import Table
from emoscene.render.plots import MOST_RUNS
from emoscene.runs.record import RunFiles

__all__ = ["ReportInput", "check_runs", "dataset_of", "model_of", "run_names"]


@dataclass(frozen=True)
class ReportInput:
    """A run and the figures that were made of it, with its rules where it has any."""

    run: RunFiles
    scores: Scores

    @property
    def table(self) -> Table:
        return self.scores.table


def dataset_of(given: ReportInput) -> Mapping[str, Any]:
    """What the manifest says of the dataset; empty where it says nothing."""
    return _part(given, "dataset")


def model_of(given: ReportInput) -> Mapping[str, Any]:
    """What the manifest says of the model; empty where it says nothing."""
    return _part(given, "model")


def _part(given: ReportInput, key: str) -> Mapping[str, Any]:
    part = given.run.request.get(key)
    return part if isinstance(part, Mapping) else {}


def run_names(runs: Sequence[ReportInput]) -> list[str]:
    """A name for each run: its model's; with the folder's where two runs would share one."""
    names = [str(model_of(given).get("name") or given.run.folder.name) for given in runs]
    names = [
        f"{name} + rules" if given.scores.rules else name for name, given in zip(names, runs, strict=True)
    ]
    shared = {name for name, count in Counter(names).items() if count > 1}
    return [
        f"{name} ({given.run.folder.name})" if name in shared else name
        for name, given in zip(names, runs, strict=True)
    ]


def check_runs(runs: Sequence[ReportInput]) -> None:
    """Refuse what cannot stand in one report.

    Raises:
        OptionError: if there is no run or too many, or two are about other people or other known labels.
    """
    if not runs:
        raise OptionError("a report needs a run", remedy="Give the folder of at least one.")
    if len(runs) > MOST_RUNS:
        raise OptionError(
            f"a report shows at most {MOST_RUNS} runs", value=len(runs), remedy="Make several reports."
        )
    first = runs[0]
    for other in runs[1:]:
        if first.scores.settings != other.scores.settings:
            raise OptionError(
                "the runs of one report are scored in one way",
                value=f"{first.scores.settings} and {other.scores.settings}",
                remedy="Give all of them the same Settings.",
            )
        said = _difference(first, other)
        if said:
            raise OptionError(
                f"runs of one report are about the same people, and these differ: {said}",
                value=f"{first.run.folder} and {other.run.folder}",
                remedy="Report them apart, or run both models on one dataset, one split and one --limit.",
            )


def _difference(first: ReportInput, other: ReportInput) -> str:
    """What sets the people of two runs apart; empty where nothing does."""
    for key in ("name", "variant"):
        one, two = (str(dataset_of(given).get(key, "")) for given in (first, other))
        if one != two:
            return f"{'dataset' if key == 'name' else 'ground truth'} {one or 'none'} and {two or 'none'}"
    splits = [str(given.run.request.get("split", "")) for given in (first, other)]
    if splits[0] != splits[1]:
        return f"split {splits[0]} and {splits[1]}"
    one_space, two_space = first.table.labels, other.table.labels
    if one_space.ids != two_space.ids:
        return f"label space {one_space.name} and {two_space.name}"
    if first.table.ids != other.table.ids:
        shared = len(set(first.table.ids) & set(other.table.ids))
        return f"{len(first.table.ids):,} and {len(other.table.ids):,} people, of whom they share {shared:,}"
    if not np.array_equal(first.table.truth, other.table.truth):
        return "what is known about the same people"
    return ""
