"""Decision rules from a run on a validation split: `fit_run`."""

from __future__ import annotations

from typing import Any

from emoscene import __version__
from emoscene.errors import InputError
from emoscene.evaluation.table import Missing, align
from emoscene.runs.record import ROWS, RunFiles
from emoscene.scoring.rules import FitOptions, FittedOn, Rules, fit_rules

__all__ = ["fit_run"]


def fit_run(
    run: RunFiles,
    *,
    calibration: str = "none",
    decision: str = "best_f1",
    options: FitOptions | None = None,
    missing: Missing = "error",
) -> Rules:
    """Fit rules on the people of a run that were answered; the others tell nothing about scores and are left out.

    Raises:
        OptionError: if the run's split is a test split, or the whole of a dataset that has none.
        InputError: if the scores are sets, or too few people were answered.
    """
    table = align(run.truth(), run.rows(), run.labels, missing=missing)
    if table.score_kind is None:
        raise InputError(
            "this run has no scores of one kind to fit rules on",
            value=run.folder,
            remedy="Run a model that gives scores (for a vision language model -o mode=score).",
        )
    answered = table.ok
    request = run.request
    fitted_on = FittedOn(
        dataset=str(_named(request, "dataset")),
        split=str(request.get("split", "")),
        people=max(int(answered.sum()), 1),
        truth_sha256=str(request.get("truth_sha256", "")),
        rows_sha256=run.sha256(ROWS),
        model=str(_named(request, "model")),
        label_space=table.labels.name,
        score_kind=table.score_kind,
        emoscene=__version__,
    )
    return fit_rules(
        table.scores[answered],
        table.truth[answered],
        table.labels,
        fitted_on=fitted_on,
        calibration=calibration,  # type: ignore[arg-type]
        decision=decision,  # type: ignore[arg-type]
        options=options or FitOptions(),
    )


def _named(request: Any, key: str) -> object:
    part = request.get(key)
    return part.get("name", "") if isinstance(part, dict) else ""
