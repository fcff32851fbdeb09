"""The page of the table: report.md, report.html and table.json, from the saved answers alone."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

from emoscene.datasets.scenes.make import Manifest, read_manifest
from emoscene.errors import InputError, MissingFileError
from emoscene.evaluation.report.blocks import (
    Block,
    Bullets,
    Cell,
    Code,
    Grid,
    Line,
    Paragraph,
    Plot,
    Plots,
    Section,
    as_markdown,
)
from emoscene.evaluation.report.tables import published
from emoscene.evaluation.score import Scores
from emoscene.render.document import document
from emoscene.render.plots import Bar, Bars, class_bars
from experiments.table1.rows import FULL, SMOKE, Context, all_parts, all_rows
from experiments.table1.state import Step, read_step
from experiments.table1.stats import (
    WAYS,
    Judged,
    Scored,
    Verdict,
    Way,
    against,
    judge,
    plain,
    read_claims,
    score_rows,
)

__all__ = ["write_table"]

_FIGURES = {"macro_precision": "P", "macro_recall": "R", "macro_f1": "F1", "hamming": "Hamming",
            "subset_accuracy": "S-acc", "mean_ap": "mAP"}  # fmt: skip
_GROUPS = {"prior": "Looks at nobody", "zero-shot": "Zero-shot", "trained": "Trained",
           "control": "Trained, with a part of the input alone"}  # fmt: skip
_WAYS: dict[Way, str] = {"own": "own sets", "fitted": "fitted thresholds", "ranking": "mAP"}
_NONE = "–"
#: The row that every other is set beside.
_REFERENCE = "vlm_val_aug"


@dataclass(frozen=True)
class _Found:
    """Everything that the page is made of."""

    context: Context
    manifest: Manifest
    scored: dict[str, Scored]
    parts: dict[str, Step]
    judged: dict[Way, list[Judged]]
    missing: list[str]
    rounds: int


def write_table(out: Path, rounds: int | None = None) -> Path:
    """Score what is finished in the table's folder and write the page there; returns the HTML file.

    Raises:
        MissingFileError: if the folder holds no table.
        InputError: if no row is finished.
        MissingExtraError: if matplotlib is not installed.
    """
    found = _find(out, rounds)
    sections = list(_sections(found))
    title, about = "Table I in miniature", f"{found.manifest.version}, seed {found.context.seed}"
    style = files("emoscene.evaluation.report").joinpath("report.css").read_text("utf-8")
    page = document(title, about, "\n".join(section.html() for section in sections), style=style)
    text = [f"# {title}", as_markdown(about), *(section.markdown() for section in sections)]
    _replace(out / "table.json", json.dumps(_json(found), indent=1, allow_nan=False) + "\n")
    _replace(out / "report.md", "\n\n".join(text) + "\n")
    _replace(out / "report.html", page)
    return out / "report.html"


def _replace(file: Path, text: str) -> None:
    part = file.with_name(f"{file.name}.part")
    part.write_text(text, "utf-8")
    part.replace(file)


def _find(out: Path, rounds: int | None) -> _Found:
    drawn = read_step(out / "drawing")
    if drawn is None:
        raise MissingFileError(
            "this folder holds no table", value=out, remedy="python -m experiments.table1 run --out DIR"
        )
    smoke = drawn.identity["people"] == dict(SMOKE.people)
    context = Context(out, int(drawn.identity["seed"]), smoke)
    drawings = rounds or (SMOKE if smoke else FULL).rounds
    rows = all_rows()
    scored = score_rows(context, rows.values(), drawings)
    if not scored:
        raise InputError(
            "no row of this table is finished", value=out, remedy="Run some: --rows majority,rand6"
        )
    parts = {name: step for name in all_parts() if (step := read_step(context.part(name))) is not None}
    claims = read_claims()
    spoken = frozenset(f"scenes/test/{line['id']}" for line in context.lines("test") if line["words"])
    judged = {way: judge(scored, claims, way, spoken) for way in WAYS}
    missing = [name for name in rows if name not in scored]
    return _Found(context, read_manifest(context.scenes), scored, parts, judged, missing, drawings)


def _sections(found: _Found) -> Iterator[Section]:
    yield _what(found)
    yield _table(found)
    yield _plot(found)
    yield _orderings(found)
    if _REFERENCE in found.scored:
        yield _beside(found, _REFERENCE)
    yield _learnt(found)
    yield _again(found)


def _what(found: _Found) -> Section:
    people, table = found.manifest.people, next(iter(found.scored.values())).own
    counts = ", ".join(f"{split} {number:,}" for split, number in people.items())
    said = [
        Paragraph(
            "Every picture here is drawn: nobody real is shown, and the labels follow a written table. The rows stand "
            "for kinds of methods, each a model of a few megabytes that was trained for minutes. What is compared is "
            "how methods of these kinds stand to each other where the causes are known. No figure says how well any "
            "of them, or the models that the paper used, does on photographs."
        ),
        Paragraph(
            f"People: {counts}. Judged are the {len(table.table.ids):,} of test in {len(set(table.table.groups)):,} "
            f"pictures; intervals hold 95 % of {found.rounds:,} draws of pictures."
        ),
    ]
    if found.context.smoke:
        said.append(Paragraph("This is the smoke test of the table: its figures mean nothing.", "warning"))
    if found.missing:
        said.append(Paragraph(f"Rows that are not finished: {', '.join(found.missing)}.", "warning"))
    return Section("What this is", said)


def _table(found: _Found) -> Section:
    printed = {str(line[0]): line[1:] for group in published()["table_1"]["groups"] for line in group["rows"]}
    head = ["row", *_FIGURES.values(), "F1 in the paper"]
    first = next(iter(found.scored.values())).own.baselines
    chance = first["chance_mean_ap"]
    blocks: list[Block] = [
        _grid(found, "own", head, printed, "Each row names the labels that it chooses itself, as in the paper. In %."),
        *_if_filled(_grid(
            found, "fitted", head, printed,
            "The same answers with a threshold for each label, fitted on people that the row did not learn from.",
        )),
        Paragraph(
            f"Chance reaches a mAP of {100 * chance:.2f}; naming every label for everyone reaches a macro F1 of "
            f"{100 * first['all_labels_macro_f1']:.2f}. Less Hamming loss is better. Rows without a mAP answer sets."
        ),
        _readers(found),
    ]  # fmt: skip
    return Section("The table", blocks)


def _grid(found: _Found, way: Way, head: Sequence[str], printed: dict[str, Any], caption: str) -> Grid:
    lines = []
    for group, title in _GROUPS.items():
        rows = [row for row in found.scored.values() if row.row.group == group and row.by(way) is not None]
        if not rows:
            continue
        lines.append(Line([title], "group"))
        for row in rows:
            scores = row.by(way)
            assert scores is not None
            paper = row.row.paper
            note = f"in the paper: {paper}" if paper and paper != row.row.title else ""
            shown = f"{printed[paper][2]:.2f}" if paper in printed else _NONE
            lines.append(
                Line([Cell(row.row.title, note), *(_cell(scores, key) for key in _FIGURES), shown], "ours")
            )
    return Grid(head, lines, caption)


def _if_filled(grid: Grid) -> list[Block]:
    return [grid] if grid.lines else []


def _cell(scores: Scores, key: str) -> Cell:
    value = scores.figures[key].value
    if math.isnan(value):
        return Cell(_NONE)
    interval = scores.intervals.get(key)
    if interval is None or math.isnan(interval.low):
        return Cell(f"{100 * value:.2f}")
    return Cell(f"{100 * value:.2f}", f"{100 * interval.low:.2f}–{100 * interval.high:.2f}")


def _readers(found: _Found) -> Paragraph:
    test = found.manifest.readers.get("test", {})
    told = ", ".join(f"{name} {100 * value:.1f}" for name, value in test.items() if value is not None)
    return Paragraph(
        f"mAP of the exact readers of these test people, who know the table that they follow: {told}."
    )


def _plot(found: _Found) -> Section:
    rows = list(found.scored.values())
    chance = rows[0].own.baselines["chance_mean_ap"]
    everyone = rows[0].own.baselines["all_labels_macro_f1"]
    plots = []
    ranked = [_bar(row, row.own, "mean_ap", chance) for row in rows if row.own.table.ranks]
    if ranked:
        says = "Mean average precision of every row with its interval"
        plots.append(Plot("Mean average precision", class_bars(ranked, [0], axis="mAP, %", says=says),
                          "The broken mark is chance."))  # fmt: skip
    sets = [_bar(row, row.fitted or row.own, "macro_f1", everyone) for row in rows]
    says = "Macro F1 of every row with its interval"
    note = "With fitted thresholds where there are any. The broken mark: all labels for everyone."
    plots.append(Plot("Macro F1", class_bars(sets, [0], axis="macro F1, %", says=says), note))
    return Section("Seen at once", [Plots(plots)])


def _bar(row: Scored, scores: Scores, key: str, mark: float) -> Bars:
    interval = scores.intervals.get(key)
    ends = (math.nan, math.nan) if interval is None else (interval.low, interval.high)
    return Bars(row.row.name, mark, (Bar(scores.figures[key].value, *ends),))


def _orderings(found: _Found) -> Section:
    theirs = [at for at, each in enumerate(found.judged["own"]) if each.claim.published]
    ours = [at for at, each in enumerate(found.judged["own"]) if not each.claim.published]
    said = [
        f"By {_WAYS[way]}: "
        + ", ".join(f"{n} {verdict}" for verdict, n in _counted(found, way, theirs).items())
        + "."
        for way in WAYS
    ]
    note = (
        "An ordering holds (fails) where the paired interval of the difference lies above (below) 0 and an exchange "
        "test corrected for the number of orderings (Holm) gives p below 0.05; mAP has no such test. An ordering with "
        "a zero-shot row that is not told apart from chance does not count. The column mAP compares rankings, of which "
        "the paper has none. Differences in points, for a loss turned round."
    )
    ways = [f"here, {name}" for name in _WAYS.values()]
    there = Grid(["the paper's ordering", "better", "worse", "there", *ways],
                 [_ordering(found, at) for at in theirs], "", frozenset({0, 1, 2, 4, 5, 6}))  # fmt: skip
    here = Grid(["another ordering", "better", "worse", "among", *ways],
                [_ordering(found, at) for at in ours], "", frozenset(range(7)))  # fmt: skip
    return Section("Which of the paper's orderings hold here", [
        Paragraph(" ".join(said)), there, Paragraph(note, "faint"), here,
    ])  # fmt: skip


def _ordering(found: _Found, at: int) -> Line:
    claim = found.judged["own"][at].claim
    figure = claim.figure.replace("macro_f1", "F1").replace("macro_precision", "P")
    beside = Cell(f"those with {claim.among}" if claim.among else "everybody", figure)
    if claim.published:
        beside = Cell(f"{claim.published[0]:.2f} : {claim.published[1]:.2f}", figure)
    return Line(
        [claim.says, claim.better, claim.worse, beside, *(_verdict(found.judged[way][at]) for way in WAYS)]
    )


def _verdict(judged: Judged) -> Cell:
    if math.isnan(judged.low):
        return Cell(judged.verdict, judged.why)
    ends = f"{100 * judged.difference:+.1f}, {100 * judged.low:+.1f} to {100 * judged.high:+.1f}"
    p = "" if math.isnan(judged.p) else f", p {judged.p:.3f}"
    return Cell(judged.verdict, "; ".join(part for part in (f"{ends}{p}", judged.why) if part))


def _counted(found: _Found, way: Way, places: Sequence[int]) -> dict[str, int]:
    verdicts = [found.judged[way][at].verdict for at in places]
    return {verdict: n for verdict in get_args(Verdict) if (n := verdicts.count(verdict))}


def _beside(found: _Found, reference: str) -> Section:
    """The reference row against every other."""
    title = found.scored[reference].row.title
    sets, ranking = (against(found.scored, reference, way) for way in ("fitted", "ranking"))
    own = against(found.scored, reference, "own")
    lines = []
    for name in own:
        comparison, p = sets.get(name, own[name])
        f1 = _points(comparison.figures["macro_f1"])
        ranked = _points(ranking[name][0].figures["mean_ap"]) if name in ranking else Cell(_NONE)
        lines.append(Line([found.scored[name].row.title, f1, f"{p:.3f}", ranked]))
    head = ["row", "macro F1", "p (Holm)", "mAP"]
    caption = (
        "Points by which it is above each row, with paired intervals; thresholds fitted where both have them."
    )
    return Section(f"{title} beside every row", [Grid(head, lines, caption)])


def _points(of: Any) -> Cell:
    return Cell(f"{100 * of.value:+.2f}", f"{100 * of.interval.low:+.2f} to {100 * of.interval.high:+.2f}")


def _learnt(found: _Found) -> Section:
    lines = [Line(["Parts that rows share"], "group")]
    parts = all_parts()
    lines += [
        Line([name, parts[name].learns_from, "", f"{step.total:,.0f}"]) for name, step in found.parts.items()
    ]
    lines.append(Line(["Rows"], "group"))
    for name, row in found.scored.items():
        rules = str(row.step.about.get("rules", ""))
        lines.append(Line([name, row.row.learns_from, rules, f"{row.step.total:,.0f}"]))
    steps = [*found.parts.values(), *(row.step for row in found.scored.values())]
    whole = math.fsum(step.total for step in steps) / 60
    said = Paragraph(
        f"All in all {whole:,.1f} minutes of this machine's clock, apart from the drawing of the scenes."
    )
    head = ["name", "learnt from", "rules", "seconds"]
    return Section("What each row learnt from", [said, Grid(head, lines, "", frozenset({0, 1, 2}))])


def _again(found: _Found) -> Section:
    name = next(iter(found.scored))
    ranked = next((n for n, row in found.scored.items() if row.fitted is not None), None)
    commands = [f"emoscene eval score DIR/rows/{name}/run"]
    if ranked:
        commands.append(
            f"emoscene eval score DIR/rows/{ranked}/run --rules DIR/rows/{ranked}/rules.json --bootstrap 1000"
        )
    facts = [("scenes", f"{found.manifest.version}, tables {found.manifest.tables}"),
             ("request", json.dumps(found.manifest.request))]  # fmt: skip
    return Section("Once more", [
        Paragraph("Every row can be scored again from its saved answers; DIR is this folder."),
        Code("\n".join(commands), "sh"), Bullets(facts),
    ])  # fmt: skip


def _json(found: _Found) -> dict[str, Any]:
    """The table as plain JSON values."""
    return {
        "schema_version": "1",
        "kind": "table1",
        "smoke": found.context.smoke,
        "scenes": {"version": found.manifest.version, "tables": found.manifest.tables,
                   "request": found.manifest.request, "readers": found.manifest.readers},
        "rounds": found.rounds,
        "rows": {name: _row_json(row) for name, row in found.scored.items()},
        "parts": {name: {"seconds": step.seconds} for name, step in found.parts.items()},
        "orderings": [each for way in WAYS for each in plain(found.judged[way])],
        "missing": found.missing,
    }  # fmt: skip


def _row_json(row: Scored) -> dict[str, Any]:
    kept = ("metrics", "coverage", "score_kind", "baselines")
    ways = {"own": row.own.to_json(), "fitted": None if row.fitted is None else row.fitted.to_json()}
    return {
        "title": row.row.title,
        "group": row.row.group,
        "paper": row.row.paper,
        "learns_from": row.row.learns_from,
        "seconds": row.step.seconds,
        "rules": row.step.about.get("rules"),
        "chance": row.chance,
        "told_from_chance": row.told_from_chance,
        **{way: None if said is None else {key: said[key] for key in kept} for way, said in ways.items()},
    }
