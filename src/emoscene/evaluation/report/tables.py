"""The tables of a report: the paper's with our rows in it, every figure, every label, and what differs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

import yaml

from emoscene.evaluation.compare import compare
from emoscene.evaluation.report.blocks import Block, Cell, Grid, Line, Paragraph, Section
from emoscene.evaluation.report.inputs import ReportInput, dataset_of
from emoscene.render import words

__all__ = ["all_figures", "differences", "every_label", "main_table", "published"]

_TABLE_1 = {
    "macro_precision": "P",
    "macro_recall": "R",
    "macro_f1": "F1",
    "hamming": "Hamming",
    "subset_accuracy": "S-acc",
}
_BESIDE = {"micro_f1": "micro F1", "samples_f1": "samples F1", "mean_ap": "mAP"}
_NONE = "–"
#: Figures that are no fractions.
_PLAIN = ("mean_ap_classes", "log_loss")
_VAD = "vad_"


def published() -> dict[str, Any]:
    """The published figures on EMOTIC that ship with the package."""
    text = files("emoscene.evaluation.report").joinpath("published.yaml").read_text(encoding="utf-8")
    data: dict[str, Any] = yaml.safe_load(text)
    return data


def main_table(runs: Sequence[ReportInput], names: Sequence[str]) -> Section:
    """The paper's table with our rows where the people are EMOTIC's test people; our rows alone elsewhere."""
    columns = {**_TABLE_1, **_BESIDE}
    ours = [
        _our_line(given, name, at, columns)
        for at, (given, name) in enumerate(zip(runs, names, strict=True), 1)
    ]
    head = ["model", *columns.values(), "ground truth", "source"]
    says = "In %. P, R and F1 are macro averages; under a figure stands its interval."
    if dataset_of(runs[0]).get("name") != "emotic":
        blocks: list[Block] = [Grid(head, ours, says, _word_columns(columns))]
        return Section("The main figures", [*blocks, *_baselines(runs[0]), *_footnotes(runs, names, columns)])
    split, known = str(runs[0].run.request.get("split", "")), published()
    if split != "test":
        only = f"The published figures are about EMOTIC's test people, these about {split}: they cannot be compared."
        blocks = [Grid(head, ours, says, _word_columns(columns)), Paragraph(only)]
        return Section("The main figures", [*blocks, *_baselines(runs[0]), *_footnotes(runs, names, columns)])
    table = known["table_1"]
    lines = [Line(["This report"], "group"), *ours]
    for group in table["groups"]:
        lines.append(Line([f"Published: {group['title'].lower()}"], "group"))
        lines += [_published_line(row, table, columns) for row in group["rows"]]
    return Section(
        "The paper's table, with these runs",
        [
            Grid(head, lines, says, _word_columns(columns)),
            *_baselines(runs[0]),
            *_footnotes(runs, names, columns),
            Paragraph(
                f"Published rows: {table['title']}. {table['footnote']} {_flat(table['note'])}", "faint"
            ),
            *_published_maps(known["mean_ap"], runs, names),
        ],
    )


def _word_columns(columns: Mapping[str, str]) -> frozenset[int]:
    return frozenset({0, len(columns) + 1, len(columns) + 2})


def _our_line(given: ReportInput, name: str, number: int, columns: Mapping[str, str]) -> Line:
    variant = str(dataset_of(given).get("variant") or _NONE)
    cells = [_figure(given, key) for key in columns]
    return Line([Cell(name, run=number), *cells, variant, "this run"], "ours")


def _published_line(row: Sequence[Any], table: Mapping[str, Any], columns: Mapping[str, str]) -> Line:
    values = dict(zip(table["columns"], row[1:], strict=True))
    cells = [f"{values[key]:.2f}" if key in values else _NONE for key in columns]
    truth = table["ground_truth"] if table["ground_truth_stated"] else f"{table['ground_truth']} (inferred)"
    return Line([str(row[0]), *cells, truth, "published"], "published")


def _published_maps(
    known: Mapping[str, Any], runs: Sequence[ReportInput], names: Sequence[str]
) -> Iterator[Block]:
    """Published mean average precision, with ours where scores rank."""
    lines = []
    for at, (given, name) in enumerate(zip(runs, names, strict=True), 1):
        if given.table.ranks:
            variant = str(dataset_of(given).get("variant") or _NONE)
            lines.append(
                Line(
                    [Cell(name, run=at), _figure(given, "mean_ap"), "step", variant, "yes", "this run"],
                    "ours",
                )
            )
    for row in known["rows"]:
        note = f"{row['source']}; {row['note']}" if row.get("note") else str(row["source"])
        cells = [row["model"], f"{row['value']:.2f}", row["ap_definition"] or "not stated"]
        cells += [row["ground_truth"] or "not stated", "yes" if row["stated"] else "no", note]
        lines.append(Line([str(cell) for cell in cells], "published"))
    head = ["model", "mAP", "average precision", "ground truth", "known", "source"]
    yield Grid(
        head, lines, f"{known['title']}, in %", frozenset({0, 2, 3, 4, 5}), "Published mean average precision"
    )
    yield Paragraph(_flat(known["note"]), "faint")


def _spoken(key: str) -> str:
    """A figure's key as words, which a narrow page can break."""
    return key.replace("mean_ap", "mAP").replace("_f1", " F1").replace("_", " ")


def _flat(text: str) -> str:
    return " ".join(text.split())


def _baselines(given: ReportInput) -> Iterator[Block]:
    """What the figures must beat before they mean anything."""
    found = given.scores.baselines
    said = {
        "all_labels_macro_f1": "naming every label for everyone reaches a macro F1 of {}",
        "none_hamming": "naming none reaches a Hamming loss of {} (less is better)",
        "chance_mean_ap": "chance reaches a mAP of {}",
    }
    parts = [
        text.format(f"{100 * found[key]:.2f}")
        for key, text in said.items()
        if not math.isnan(found.get(key, math.nan))
    ]
    if parts:
        yield Paragraph(f"On these people {', '.join(parts)}.")


def _footnotes(runs: Sequence[ReportInput], names: Sequence[str], keys: Mapping[str, str]) -> Iterator[Block]:
    """Why a figure is not there."""
    for given, name in zip(runs, names, strict=True):
        by_reason: dict[str, list[str]] = {}
        for key, title in keys.items():
            figure = given.scores.figures.get(key)
            if figure is not None and math.isnan(figure.value):
                by_reason.setdefault(figure.reason or "undefined", []).append(title)
        for reason, titles in by_reason.items():
            yield Paragraph(f"{name} has no {', '.join(titles)}: {reason}.", "faint")


def _figure(given: ReportInput, key: str) -> Cell:
    """A figure with its interval, in percent where it is a fraction."""
    figure = given.scores.figures.get(key)
    if figure is None or math.isnan(figure.value):
        return Cell(_NONE)
    interval = given.scores.intervals.get(key)
    if interval is None or math.isnan(interval.low):
        return Cell(_written(key, figure.value))
    return Cell(_written(key, figure.value), f"{_written(key, interval.low)}–{_written(key, interval.high)}")


def _written(key: str, value: float) -> str:
    if key.startswith(_VAD) or key in _PLAIN:
        return f"{value:.4g}"
    return f"{100 * value:.2f}"


def all_figures(runs: Sequence[ReportInput], names: Sequence[str]) -> Section:
    """Every figure of every run."""
    keys = list(dict.fromkeys(key for given in runs for key in given.scores.figures))
    shown = [key for key in keys if any(_figure(given, key).text != _NONE for given in runs)]
    lines = [Line([_spoken(key), *(_figure(given, key) for given in runs)]) for key in shown]
    grid = Grid(
        ["figure", *names], lines, "In %, valence, arousal and dominance (vad) on their scale from 1 to 10.",
        folded=f"All {len(shown)} figures",
    )  # fmt: skip
    missing = {key: _spoken(key) for key in keys if key not in shown}
    return Section("Every figure", [grid, *_footnotes(runs, names, missing)])


def every_label(runs: Sequence[ReportInput], names: Sequence[str]) -> Grid:
    """What stands behind the bars: counts and figures of every label."""
    labels = runs[0].table.labels
    columns = {"predicted": "named", "precision": "P", "recall": "R", "f1": "F1"}
    if any("ap" in row for given in runs for row in given.scores.per_class.values()):
        columns["ap"] = "AP"
    if any("ece" in row for given in runs for row in given.scores.per_class.values()):
        columns["ece"] = "ECE"
    prefixes = [f"{name}: " for name in names] if len(runs) > 1 else [""]
    head = ["label", "carry it", *(f"{prefix}{title}" for prefix in prefixes for title in columns.values())]
    lines = []
    for label in labels.ids:
        support = runs[0].scores.per_class[label]["support"]
        cells = [_label_cell(given.scores.per_class[label], key) for given in runs for key in columns]
        lines.append(Line([words.label_name(label, labels), f"{support:,.0f}", *cells]))
    return Grid(head, lines, "Figures in %.", folded="The figures of every label")


def _label_cell(row: Mapping[str, float], key: str) -> Cell:
    value = row.get(key, math.nan)
    if math.isnan(value):
        return Cell(_NONE)
    if key == "predicted":
        return Cell(f"{value:,.0f}")
    low, high = row.get(f"{key}_low", math.nan), row.get(f"{key}_high", math.nan)
    note = "" if math.isnan(low) else f"{100 * low:.1f}–{100 * high:.1f}"
    return Cell(f"{100 * value:.2f}", note)


def differences(runs: Sequence[ReportInput], names: Sequence[str]) -> Section | None:
    """Each run beside the first: paired intervals and permutation tests. None without rounds or a second run."""
    how = runs[0].scores.settings
    if len(runs) < 2 or how.rounds < 2:
        return None
    lines = []
    for at in range(1, len(runs)):
        found = compare(runs[at].table, runs[0].table, how, (names[at], names[0]))
        lines.append(Line([f"{names[at]} minus {names[0]}"], "group"))
        for key, difference in found.figures.items():
            interval = difference.interval
            ends = (
                _NONE
                if math.isnan(interval.low)
                else f"{100 * interval.low:+.2f} to {100 * interval.high:+.2f}"
            )
            p = _NONE if math.isnan(difference.p) else f"{difference.p:.3f}"
            told = "" if math.isnan(interval.low) or interval.low <= 0 <= interval.high else "yes"
            lines.append(Line([_spoken(key), f"{100 * difference.value:+.2f}", ends, p, told]))
    head = ["figure", "difference", f"{how.level:.0%} interval", "p", "interval leaves out 0"]
    note = (
        "Differences in points, of the same people drawn together; p of a two-sided permutation of answers, "
        "not corrected for the number of rows. Less Hamming loss is better."
    )
    return Section("Differences", [Grid(head, lines, note, frozenset({0}))])
