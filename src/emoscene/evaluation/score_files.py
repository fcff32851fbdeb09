"""Figures of answers that stand in a file of any known layout: `score_files`."""

from __future__ import annotations

import hashlib
from pathlib import Path

from emoscene.errors import InputError
from emoscene.evaluation.foreign import Foreign, Parser, UnknownLabels, read_predictions, read_truth
from emoscene.evaluation.score import Scores, Settings, score
from emoscene.evaluation.table import Missing, align
from emoscene.labels import LabelSpace

__all__ = ["score_files"]


def score_files(
    truth: str | Path,
    predictions: str | Path,
    labels: LabelSpace,
    *,
    split: str | None = None,
    missing: Missing = "error",
    unknown_labels: UnknownLabels = "unparsed",
    parser: Parser = "strict",
    settings: Settings | None = None,
) -> Scores:
    """The figures of answers in a file of any known layout; see `emoscene.evaluation.foreign` for the layouts.

    Raises:
        InputError: if a file cannot be understood, or people have no answer and `missing` is `error`; names the
            file, the row and the remedy.
    """
    people = read_truth(Path(truth), labels, split=split)
    answers = read_predictions(
        Path(predictions), labels, people, unknown_labels=unknown_labels, parser=parser
    )
    if answers.missing and missing == "error":
        raise _incomplete(Path(predictions), answers, len(people))
    table = align(people, answers.rows, labels, missing=missing, warnings=answers.warnings)
    about = {
        "truth": {"file": Path(truth).name, "sha256": _sha256(Path(truth)), "split": split},
        "predictions": {
            "file": Path(predictions).name,
            "sha256": _sha256(Path(predictions)),
            "layout": answers.layout,
            "unknown_people": answers.unknown,
            "unknown_labels": dict(answers.unknown_labels),
            "parser": parser,
        },
    }
    return score(table, settings, about=about)


def _incomplete(file: Path, answers: Foreign, people: int) -> InputError:
    """The error of a file without an answer for everybody; answers about nobody known are the likely reason."""
    strange = ""
    if answers.unknown:
        strange = f" and {answers.unknown:,} answers are about nobody known (such as {answers.examples[0]})"
    return InputError(
        f"{file.name}: {len(answers.missing):,} of {people:,} people have no answer{strange}",
        value=answers.missing[0],
        remedy="Check the ids, add the answers, or count them as empty ones: --missing empty.",
    )


def _sha256(file: Path) -> str:
    if not file.is_file():
        return ""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
