"""From tables to plots: bars of every label, precision over recall, what is named instead, and calibration."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from emoscene.evaluation.report.blocks import Block, Legend, Paragraph, Plot, Plots, Section
from emoscene.evaluation.report.inputs import ReportInput
from emoscene.evaluation.report.tables import every_label
from emoscene.evaluation.table import Table
from emoscene.labels import LabelSpace
from emoscene.metrics.calibration import BINS, reliability_curve
from emoscene.render import words
from emoscene.render.plots import (
    Bar,
    Bars,
    Curve,
    Reliability,
    class_bars,
    heat_map,
    recall_curves,
    reliability,
)
from emoscene.types import ScoreKind

__all__ = ["MOST_LABELS", "bars", "calibration", "confusion", "curve", "curves", "named_instead"]

#: Labels that a plot shows; the table below the bars shows all.
MOST_LABELS = 40
_MOST_POINTS = 100
_FEWEST_PEOPLE = 5
_CLAIMS = (ScoreKind.PROBABILITY, ScoreKind.YES_SHARE)

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


def bars(runs: Sequence[ReportInput], names: Sequence[str]) -> Section:
    """F1 of every label, and average precision where scores rank, from the most frequent label to the rarest."""
    table = runs[0].table
    prevalence = table.truth.mean(axis=0)
    everybody = 2 * prevalence / (1 + prevalence)
    everyone = list(range(len(runs)))
    ranked = [at for at, given in enumerate(runs) if given.table.ranks]
    plots = [_bars(runs, everyone, "f1", everybody, "F1")]
    if ranked:
        plots.append(_bars(runs, ranked, "ap", prevalence, "average precision"))
    said = "The broken mark is what naming the label for everybody reaches"
    said += (
        "; for average precision the share of people who carry it, which chance reaches." if ranked else "."
    )
    whiskers = " A line on a bar is its interval." if runs[0].scores.intervals else ""
    blocks: list[Block] = [*_legend(names), Plots(plots), Paragraph(said + whiskers, "faint"), *_cut(table)]
    return Section("Label by label", [*blocks, every_label(runs, names)])


def _bars(runs: Sequence[ReportInput], whose: Sequence[int], key: str, marks: FloatArray, title: str) -> Plot:
    table = runs[0].table
    rows = [
        Bars(
            words.label_name(table.labels.ids[at], table.labels),
            float(marks[at]),
            tuple(_bar(runs[run], table.labels.ids[at], key) for run in whose),
        )
        for at in _most_frequent(table)
    ]
    return Plot(
        title[0].upper() + title[1:],
        class_bars(rows, whose, axis=f"{title}, %", says=f"{title} of every label"),
    )


def _bar(given: ReportInput, label: str, key: str) -> Bar:
    row = given.scores.per_class[label]
    return Bar(row.get(key, math.nan), row.get(f"{key}_low", math.nan), row.get(f"{key}_high", math.nan))


def _most_frequent(table: Table) -> list[int]:
    """The columns of the labels that are shown, from the most frequent to the rarest."""
    order = np.argsort(-table.truth.sum(axis=0), kind="stable")
    return [int(at) for at in order[:MOST_LABELS]]


def _cut(table: Table) -> Iterator[Block]:
    if len(table.labels) > MOST_LABELS:
        yield Paragraph(f"Shown are the {MOST_LABELS} most frequent of {len(table.labels)} labels.", "faint")


def _legend(names: Sequence[str]) -> Iterator[Block]:
    """Which colour is whose, where there are several."""
    if len(names) > 1:
        yield Legend(names)


def curves(runs: Sequence[ReportInput], names: Sequence[str]) -> Section:
    """Precision over recall, label by label, of the runs whose scores rank; one sentence for each other run."""
    title = "Precision and recall"
    silent = [
        Paragraph(f"{name}: no curves, because {_why_unranked(given.table)}.")
        for given, name in zip(runs, names, strict=True)
        if not given.table.ranks
    ]
    if len(silent) == len(runs):
        return Section(title, silent)
    table = runs[0].table
    rankings = [given.table.ranking() if given.table.ranks else None for given in runs]
    plots = []
    for at in _most_frequent(table):
        held = table.truth[:, at]
        name = words.label_name(table.labels.ids[at], table.labels)
        if not held.any():
            continue
        drawn = [None if scores is None else curve(held, scores[:, at]) for scores in rankings]
        found = [
            given.scores.per_class[table.labels.ids[at]].get("ap", math.nan)
            for given in runs
            if given.table.ranks
        ]
        note = f"AP {' / '.join('–' if math.isnan(ap) else f'{100 * ap:.1f}' for ap in found)}"
        plots.append(
            Plot(
                name, recall_curves(drawn, float(held.mean()), says=f"Precision over recall of {name}"), note
            )
        )
    said = "Upwards precision, to the right recall, in %. The broken line is the share of people who carry the label."
    return Section(
        title, [*_legend(names), *silent, Paragraph(said, "faint"), Plots(plots, "small"), *_cut(table)]
    )


def _why_unranked(table: Table) -> str:
    if table.score_kind is ScoreKind.MEMBERSHIP:
        return "its answers are sets, and nobody can be ranked by a set"
    return "it has no scores of one kind"


def curve(held: BoolArray, scores: FloatArray, most: int = _MOST_POINTS) -> Curve:
    """Precision at rising recall, thinned to about `most` points; people of one score share one point.

    Args:
        held: Shape (n,), of whom the label holds; at least one.
        scores: Shape (n,), finite.
        most: How many points are kept; between two of them recall rises by at most 1 / (most - 1) where it can.
    """
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
    found = np.cumsum(held[order])[last]
    recall, precision = found / found[-1], found / (last + 1)
    wanted = np.searchsorted(recall, np.linspace(0, 1, most))
    kept = np.unique(np.minimum(np.append(wanted, 0), len(recall) - 1))
    return Curve(np.append(0.0, recall[kept]), np.append(precision[kept[0]], precision[kept]))


def confusion(runs: Sequence[ReportInput], names: Sequence[str]) -> Section:
    """Of people who carry one label and not another, how often the other is named."""
    table = runs[0].table
    columns = _by_valence(table.labels, sorted(_most_frequent(table)))
    shown = [words.label_name(table.labels.ids[at], table.labels) for at in columns]
    support = table.truth.sum(axis=0)
    rows = [f"{name[:16]} ({support[at]:,})" for name, at in zip(shown, columns, strict=True)]
    plots = []
    for given, name in zip(runs, names, strict=True):
        shares, anybody = named_instead(table.truth[:, columns], given.table.chosen[:, columns])
        says = f"{name}: how often each label is named for people who carry another"
        framed = [*range(len(columns)), -1]
        svg = heat_map(
            np.vstack([shares, anybody]), [*rows, "not the label"], shown, framed=framed, says=says
        )
        plots.append(Plot(name if len(runs) > 1 else "", svg))
    said = (
        "Row: people who carry this label (how many). Column: of those of them who do not carry that label, how many "
        "in a hundred were nevertheless given it. Framed: of people who carry the label, how many were given it "
        "(recall). Last row: of all people who do not carry the label, how many were given it. Columns and rows run "
        "from unpleasant to pleasant where the labels have a valence. Fewer than "
        f"{_FEWEST_PEOPLE} people leave a cell empty."
    )
    return Section("What is named instead", [Paragraph(said, "faint"), Plots(plots), *_cut(table)])


def _by_valence(labels: LabelSpace, columns: list[int]) -> list[int]:
    valences = [labels.labels[at].valence for at in columns]
    if any(valence is None for valence in valences):
        return columns
    return [at for _, at in sorted(zip((v or 0.0 for v in valences), columns, strict=True))]


def named_instead(truth: BoolArray, chosen: BoolArray) -> tuple[FloatArray, FloatArray]:
    """How often labels are named for people who carry others.

    Args:
        truth: Shape (n, k).
        chosen: Shape (n, k).

    Returns:
        Shares of shape (k, k): in row i and column j the share of people carrying i and not j who were given j; on
        the diagonal, of those carrying i, who were given i. And shape (k,): the share of people not carrying j who
        were given j. nan where fewer than five people are meant.
    """
    held, said = truth.astype(np.float64), chosen.astype(np.float64)
    wrongly = said * (1 - held)
    people = held.T @ (1 - held)
    given = held.T @ wrongly
    np.fill_diagonal(people, held.sum(axis=0))
    np.fill_diagonal(given, (held * said).sum(axis=0))
    others = (1 - held).sum(axis=0)
    return _share(given, people), _share(wrongly.sum(axis=0), others)


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    shares = np.full(whole.shape, np.nan)
    np.divide(part, whole, out=shares, where=whole >= _FEWEST_PEOPLE)
    return shares


def calibration(runs: Sequence[ReportInput], names: Sequence[str]) -> Section:
    """Claimed and observed shares, where scores lie from 0 to 1 and are no sets."""
    title = "Calibration"
    shown = [_reliability(given.table) for given in runs]
    said: list[Block] = []
    for given, name, found in zip(runs, names, shown, strict=True):
        kind = words.kind_words(given.table.score_kind)
        if found is None:
            said.append(Paragraph(f"{name}: no plot, because {_why_uncalibrated(given.table)}."))
        elif given.table.score_kind in _CLAIMS:
            ece = given.scores.figures["ece"].value
            said.append(
                Paragraph(
                    f"{name}: {kind}. Expected calibration error, mean of the labels: {100 * ece:.2f} %."
                )
            )
        else:
            said.append(
                Paragraph(
                    f"{name}: {kind}. Such scores claim no share; the plot shows how far from one they are."
                )
            )
    if all(found is None for found in shown):
        return Section(title, said)
    note = (
        f"All labels together, in {BINS} bins of about equally many scores; people without an answer are left out. "
        "On the broken line, of a hundred people with a score of 30 %, thirty carry the label."
    )
    plot = reliability(shown, says="Observed share over mean score")
    return Section(title, [*_legend(names), *said, Plots([Plot("", plot)]), Paragraph(note, "faint")])


def _reliability(table: Table) -> Reliability | None:
    """Bins of a table's scores; None where they are sets, or do not lie from 0 to 1."""
    if not table.ranks or not table.ok.any():
        return None
    answered = ~np.isnan(table.scores).any(axis=1)
    scores = table.scores[answered]
    if not scores.size or scores.min() < 0 or scores.max() > 1:
        return None
    found = reliability_curve(table.truth[answered], scores)
    counts, _ = np.histogram(scores, bins=20, range=(0, 1))
    return Reliability(found.claimed, found.came_true, counts.astype(np.float64))


def _why_uncalibrated(table: Table) -> str:
    if not table.ranks:
        return _why_unranked(table)
    return f"its scores ({words.kind_words(table.score_kind)}) do not lie from 0 to 1"
