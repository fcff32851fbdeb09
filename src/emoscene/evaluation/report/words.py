"""What a report says in words: what was measured and how, what went wrong, and how to get the same again."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from emoscene.evaluation.report.blocks import Block, Bullets, Code, Grid, Line, Paragraph, Section
from emoscene.evaluation.report.inputs import ReportInput, dataset_of, model_of
from emoscene.render import words

__all__ = ["coverage", "made_with", "measured"]

_LONGEST_MANIFEST = 20_000
_MOST_ERRORS = 8
_BOUNDED = {
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
    "samples_f1": "samples F1",
    "hamming": "Hamming loss",
    "subset_accuracy": "subset accuracy",
}


def measured(runs: Sequence[ReportInput], names: Sequence[str]) -> Section:
    """What the figures are about and how they came to be, warnings first."""
    first = runs[0]
    facts = [*_people(first), *(("Met in the dataset", text) for text in _findings(first))]
    facts += [*(("Model", text) for text in _models(runs, names)), *_how(first)]
    said = [Paragraph(text, "warning") for text in _warnings(runs, names)]
    return Section("What was measured", [*said, Bullets(facts), Paragraph(words.NOTICE)])


def _people(given: ReportInput) -> Iterator[tuple[str, str]]:
    dataset, table = dataset_of(given), given.table
    if dataset:
        layout = f", read from {dataset['layout']}" if dataset.get("layout") else ""
        yield "Dataset", f"{dataset.get('name', '')} ({dataset.get('root', '')}{layout})"
        yield (
            "Ground truth",
            str(dataset.get("variant") or "the dataset has one version, or does not say which"),
        )
        if dataset.get("licence"):
            yield "Licence", str(dataset["licence"])
    groups = len(set(table.groups))
    limit = given.run.request.get("limit")
    only = f", the first {limit:,} only" if isinstance(limit, int) else ""
    left_out = f"; {table.unlabelled:,} more without known labels are left out" if table.unlabelled else ""
    yield (
        "People",
        (
            f"{len(table.ids):,} people in {groups:,} pictures or other groups, "
            f"split {given.run.request.get('split', '')}{only}{left_out}"
        ),
    )
    carried = float(table.truth.sum(axis=1).mean())
    yield (
        "Labels",
        f"{len(table.labels)} ({table.labels.name}); a person carries {carried:.2f} of them on average",
    )


def _findings(given: ReportInput) -> Iterator[str]:
    """What was met in the dataset, as the run noted it."""
    findings = given.run.manifest.get("findings")
    for found in findings if isinstance(findings, list) else []:
        if isinstance(found, Mapping):
            count = found.get("count", 0)
            yield f"{count:,} × {found.get('what', '')}: {found.get('action', '')}"


def _models(runs: Sequence[ReportInput], names: Sequence[str]) -> Iterator[str]:
    for given, name in zip(runs, names, strict=True):
        said = [name]
        fit = given.run.request.get("fit")
        if isinstance(fit, Mapping):
            said.append(f"fitted on {fit.get('people', 0):,} people of {fit.get('split', '')}")
        if given.scores.rules:
            said.append(f"decided by rules {given.scores.rules.get('id', '')}")
        said.append(f"scores: {words.kind_words(given.table.score_kind)}")
        yield "; ".join(said)


def _how(given: ReportInput) -> Iterator[tuple[str, str]]:
    how = given.scores.settings
    yield (
        "Macro averages",
        "over all labels; a label whose figure is undefined counts 0, and its own figure is empty",
    )
    yield (
        "Average precision",
        "step-wise, as in scikit-learn; mAP is the mean over the labels that somebody carries",
    )
    if not how.rounds:
        yield "Intervals", "none were asked for"
        return
    drawn = "groups (the people of one picture together)" if how.unit == "group" else "people one by one"
    yield (
        "Intervals",
        (
            f"{how.level:.0%}, {how.method} bootstrap, {how.rounds:,} rounds that draw {drawn}, seed {how.seed}"
        ),
    )
    yield "Not answered", "counts as an empty answer, and ranks below everybody"


def _warnings(runs: Sequence[ReportInput], names: Sequence[str]) -> Iterator[str]:
    """Each warning once, with the runs that it is about where not all are."""
    by_text: dict[str, list[str]] = {}
    for given, name in zip(runs, names, strict=True):
        for text in given.scores.warnings:
            by_text.setdefault(text, []).append(name)
    for text, about in by_text.items():
        yield text if len(about) == len(runs) else f"{', '.join(about)}: {text}"


def coverage(runs: Sequence[ReportInput], names: Sequence[str]) -> Section:
    """Who was answered, what became of the others, and what the figures could be if they were answered."""
    tallies = [Counter(given.table.statuses) for given in runs]
    statuses = sorted(
        {status for tally in tallies for status in tally}, key=lambda status: (status != "ok", status)
    )
    people = len(runs[0].table.ids)
    lines = [
        Line(
            [
                status.replace("_", " "),
                *(f"{tally[status]:,} ({tally[status] / people:.1%})" for tally in tallies),
            ]
        )
        for status in statuses
    ]
    blocks: list[Block] = [Grid(["status", *names], lines)]
    for given, name, tally in zip(runs, names, tallies, strict=True):
        if set(tally) != {"ok"}:
            blocks += _unanswered(given, name)
    if all(set(tally) == {"ok"} for tally in tallies):
        blocks.append(Paragraph("Everybody was answered: there are no best and worst cases to tell apart."))
    return Section("Who was answered", blocks)


def _unanswered(given: ReportInput, name: str) -> Iterator[Block]:
    met: Counter[str] = Counter()
    for row in given.run.rows():
        if not row.ok:
            met[row.error.code if row.error is not None else row.status.value] += 1
    if met:
        common = ", ".join(f"{count:,} × {code}" for code, count in met.most_common(_MOST_ERRORS))
        yield Paragraph(f"{name}: why there is no answer: {common}.")
    lines = [
        Line([title, f"{100 * given.scores.bounds[key][0]:.2f}", f"{100 * given.scores.bounds[key][1]:.2f}"])
        for key, title in _BOUNDED.items()
        if key in given.scores.bounds
    ]
    if lines:
        caption = f"{name}: the figures if those without an answer were answered, in %"
        yield Grid(["", "as wrongly as can be", "perfectly"], lines, caption)


def made_with(runs: Sequence[ReportInput], names: Sequence[str]) -> Section:
    """The commands and the manifests."""
    blocks: list[Block] = [Code("\n".join(_commands(runs)), "console")]
    if any(dataset_of(given) for given in runs):
        blocks.append(
            Paragraph("FOLDER is where the dataset lies: manifests name no private folders.", "faint")
        )
    for given, name in zip(runs, names, strict=True):
        text = json.dumps(given.run.manifest, indent=1, ensure_ascii=False)
        if len(text) > _LONGEST_MANIFEST:
            left = len(text) - _LONGEST_MANIFEST
            text = f"{text[:_LONGEST_MANIFEST]}\n… {left:,} more characters: see manifest.json"
        blocks += [Paragraph(f"{name}: {_versions(given)}"), Code(text, "json", f"Manifest of {name}")]
    return Section("How to get the same again", blocks)


def _commands(runs: Sequence[ReportInput]) -> Iterator[str]:
    for given in runs:
        dataset, request = dataset_of(given), given.run.request
        if not dataset:
            continue
        said = ["emoscene", "eval", "run", "--dataset", str(dataset.get("name", ""))]
        said += ["--root", f"FOLDER/{dataset.get('root', '')}", *_pairs("--data", dataset.get("options"))]
        said += ["--split", str(request.get("split", ""))]
        model = model_of(given)
        said += [
            "--model",
            str(model.get("spec") or model.get("name") or ""),
            *_pairs("-o", model.get("options")),
        ]
        fit = request.get("fit")
        if isinstance(fit, Mapping):
            said += ["--fit-split", str(fit.get("split", ""))]
        if request.get("limit"):
            said += ["--limit", str(request["limit"])]
        yield shlex.join([*said, "--out", given.run.folder.name])
    how = runs[0].scores.settings
    said = ["emoscene", "eval", "report", *(given.run.folder.name for given in runs), "--out", "report"]
    if any(given.scores.rules for given in runs):
        said += ["--rules", "RULES.json"]
    said += [
        "--bootstrap",
        str(how.rounds),
        "--by",
        how.unit,
        "--interval",
        how.method,
        "--seed",
        str(how.seed),
    ]
    yield shlex.join(said)


def _pairs(option: str, values: Any) -> Iterator[str]:
    if isinstance(values, Mapping):
        for key, value in values.items():
            yield option
            yield f"{key}={value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)}"


def _versions(given: ReportInput) -> str:
    sessions = given.run.manifest.get("sessions")
    last = (
        sessions[-1] if isinstance(sessions, list) and sessions and isinstance(sessions[-1], Mapping) else {}
    )
    packages = last.get("packages")
    said = [f"emoscene {last.get('emoscene', '?')}", f"Python {last.get('python', '?')}"]
    said += (
        [f"{name} {version}" for name, version in packages.items()] if isinstance(packages, Mapping) else []
    )
    return ", ".join([*said, str(last.get("platform", ""))]).rstrip(", ")
