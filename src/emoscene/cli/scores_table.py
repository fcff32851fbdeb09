"""Figures and comparisons in the terminal, in 80 columns."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emoscene.evaluation.compare import Comparison
    from emoscene.evaluation.score import Scores
    from emoscene.metrics.figure import Figure

__all__ = ["print_comparison", "print_scores"]

_VAD = "vad_"
#: Figures that are no fractions.
_PLAIN = ("mean_ap_classes", "log_loss")


def print_scores(scores: Scores) -> None:
    """What was scored, every figure, every label."""
    from emoscene.cli.streams import write_line

    for line in _lines(scores):
        write_line(line)


def _lines(scores: Scores) -> Iterator[str]:
    table = scores.table
    counts = ", ".join(f"{count:,} {status}" for status, count in scores.to_json()["statuses"].items())
    people = f"{len(table.ids):,} people in {len(set(table.groups)):,} groups"
    yield f"{people}, {len(table.labels)} labels ({table.labels.name}); {counts}"
    yield ""
    interval = scores.settings.level if scores.intervals else None
    head = (
        ""
        if interval is None
        else f"{interval:.0%} interval, {scores.settings.rounds:,} rounds by {scores.settings.unit}"
    )
    yield f"{'figure':<22} {'%':>8}   {head}".rstrip()
    silent: dict[str, list[str]] = {}
    for key, figure in scores.figures.items():
        if math.isnan(figure.value):
            silent.setdefault(figure.reason or "undefined", []).append(key)
            continue
        yield f"{key:<22} {_shown(key, figure):>8}   {_interval(scores, key)}".rstrip()
    for reason, keys in silent.items():
        shown = [key for key in keys if key.count("_") < 2 or not key.startswith(_VAD)]
        yield f"no {', '.join(shown)}: {reason}"
    yield ""
    yield from _classes(scores)
    if table.ok.all():
        return
    yield ""
    yield "If those without an answer were answered, from as wrongly as can be to perfectly (%):"
    for key in ("macro_f1", "micro_f1", "hamming", "subset_accuracy"):
        if key in scores.bounds:
            low, high = scores.bounds[key]
            yield f"{key:<22} {100 * low:>8.2f} to {100 * high:.2f}"


def _shown(key: str, figure: Figure) -> str:
    if key in _PLAIN or key.startswith(_VAD):
        return f"{figure.value:.4g}"
    return f"{100 * figure.value:.2f}"


def _interval(scores: Scores, key: str) -> str:
    found = scores.intervals.get(key)
    if found is None or math.isnan(found.low):
        return ""
    return f"{100 * found.low:.2f} to {100 * found.high:.2f}"


def _classes(scores: Scores) -> Iterator[str]:
    columns = ["support", "predicted", "precision", "recall", "f1"]
    columns += ["ap"] if any("ap" in row for row in scores.per_class.values()) else []
    yield f"{'label':<18}" + "".join(f"{name:>11}" for name in columns)
    for label, row in scores.per_class.items():
        cells = (_cell(name, row.get(name, math.nan)) for name in columns)
        yield f"{label:<18}" + "".join(f"{cell:>11}" for cell in cells)


def _cell(name: str, value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:,.0f}" if name in ("support", "predicted") else f"{100 * value:.2f}"


def print_comparison(compared: Comparison) -> None:
    """Each figure of both, the difference with its interval, and how sure it is."""
    from emoscene.cli.streams import write_line

    for line in compared.lines():
        write_line(line)
