"""From saved answers to figures, intervals and verdicts on the paper's orderings.

Every finished row is scored twice: by the set that it chooses itself (as the paper does), and by thresholds that were
fitted on other people. Intervals draw pictures again, not people. A zero-shot row counts in an ordering only if it is
told apart from chance.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import yaml

from emoscene.evaluation.compare import Comparison, compare
from emoscene.evaluation.report.tables import published
from emoscene.evaluation.score import Scores, Settings, run_table, score
from emoscene.evaluation.table import Table
from emoscene.metrics.ranking import mean_ap
from emoscene.metrics.sets import set_metrics
from emoscene.metrics.testing import holm
from emoscene.runs.record import RunFiles
from emoscene.scoring.rules import Rules
from experiments.table1.plan import RULES, RUN, row_folder
from experiments.table1.rows import Context, Row
from experiments.table1.state import Step, read_step

__all__ = [
    "Claim",
    "Judged",
    "Rows",
    "Scored",
    "Verdict",
    "against",
    "chance_of",
    "judge",
    "read_claims",
    "score_rows",
]

Verdict = Literal["holds", "fails", "undecided", "does not count", "not run"]
Way = Literal["own", "fitted", "ranking"]
WAYS: tuple[Way, ...] = ("own", "fitted", "ranking")
_LEVEL = 0.05
_DEALS = 200
#: Figures of which less is better.
_LOSSES = frozenset({"hamming"})


@dataclass(frozen=True)
class Scored:
    """A finished row: by its own sets, by fitted thresholds (None where its answers are sets), and its chance.

    `chance` is what its answers reach when they are dealt out to other people, in mAP or, of sets, in macro F1;
    `told_from_chance` says whether its own figure is above that of nearly all such deals, and its interval above their
    mean.
    """

    row: Row
    step: Step
    own: Scores
    fitted: Scores | None
    chance: float
    told_from_chance: bool

    def by(self, way: Way) -> Scores | None:
        """The scores of a way; of `ranking` those by its own sets, if it ranks."""
        if way == "fitted":
            return self.fitted
        return self.own if way == "own" or self.own.table.ranks else None


Rows = Mapping[str, Scored]


def score_rows(context: Context, rows: Iterable[Row], rounds: int) -> dict[str, Scored]:
    """Score the finished ones of some rows from their folders, in the order given."""
    found = {}
    for row in rows:
        step = read_step(row_folder(context, row))
        if step is not None and step.finished:
            found[row.name] = _score_row(row, step, Settings(rounds, seed=context.seed))
    return found


def _score_row(row: Row, step: Step, settings: Settings) -> Scored:
    answers = RunFiles.open(step.folder / RUN)
    own = score(run_table(answers), settings, about=answers.request)
    fitted = None
    if (step.folder / RULES).is_file():
        rules = Rules.load(step.folder / RULES)
        fitted = score(run_table(answers, rules=rules), settings, about=answers.request, rules=rules)
    return Scored(row, step, own, fitted, *chance_of(own))


def chance_of(own: Scores) -> tuple[float, bool]:
    """The mean figure of answers dealt out to other people, and whether these answers are told apart from that.

    Chance is not the share of people with a label: where few have it, any ranking reaches more than that.
    """
    rng, table = np.random.default_rng(own.settings.seed), own.table
    key = "mean_ap" if table.ranks else "macro_f1"
    ranking = table.ranking() if table.ranks else None
    dealt = []
    for _ in range(_DEALS):
        order = rng.permutation(len(table.ids))
        if ranking is not None:
            dealt.append(mean_ap(table.truth, ranking[order]).value)
        else:
            dealt.append(set_metrics(table.truth, table.chosen[order]).figures["macro_f1"].value)
    chance, interval = float(np.mean(dealt)), own.intervals.get(key)
    above = own.figures[key].value > float(np.quantile(dealt, 1 - _LEVEL / 2))
    return chance, above and interval is not None and interval.low > chance


@dataclass(frozen=True)
class Claim:
    """An ordering.

    Attributes:
        better, worse: Rows, as the paper names them or, of orderings of our own, by their names here.
        figure: What is compared.
        says: What it comes to.
        published: The two figures in the paper, in percent; None of orderings of our own.
        among: `words`: the people about whom something is said; else all.
    """

    better: str
    worse: str
    figure: str
    says: str
    published: tuple[float, float] | None = None
    among: str = ""


def read_claims() -> list[Claim]:
    """The orderings of `claims.yaml`: the paper's, with the figures that it prints, and behind them our own."""
    table = published()["table_1"]
    printed = {
        str(line[0]): dict(zip(table["columns"], line[1:], strict=True))
        for group in table["groups"]
        for line in group["rows"]
    }
    given = yaml.safe_load((Path(__file__).parent / "claims.yaml").read_text("utf-8"))
    claims = [Claim(**each) for each in given["claims"]]
    pairs = [(printed[claim.better][claim.figure], printed[claim.worse][claim.figure]) for claim in claims]
    theirs = [replace(claim, published=pair) for claim, pair in zip(claims, pairs, strict=True)]
    return theirs + [Claim(**each) for each in given["ours"]]


@dataclass(frozen=True)
class Judged:
    """An ordering in one way of scoring: by how much the better row is better (losses turned round), from where to
    where, p by an exchange test corrected for the number of orderings (nan for rankings), and the verdict."""

    claim: Claim
    way: Way
    rows: tuple[str, str] | None
    verdict: Verdict
    difference: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan
    why: str = ""


def judge(
    scored: Rows, claims: Sequence[Claim], way: Way, spoken: frozenset[str] = frozenset()
) -> list[Judged]:
    """Which orderings hold here. `ranking` compares mAP whatever figure the ordering is about.

    Args:
        scored: The finished rows.
        claims: The orderings.
        way: By which sets, or by mAP.
        spoken: The people about whom something is said.
    """
    by_paper = {each.row.paper: each for each in scored.values() if each.row.paper}
    found = [_compared(by_paper if claim.published else scored, claim, way, spoken) for claim in claims]
    adjusted = holm([each.p for each in found]).tolist()
    return [_decided(replace(each, p=p)) for each, p in zip(found, adjusted, strict=True)]


def _compared(rows: Rows, claim: Claim, way: Way, spoken: frozenset[str]) -> Judged:
    pair = [rows.get(name) for name in (claim.better, claim.worse)]
    missing = [name for name, row in zip((claim.better, claim.worse), pair, strict=True) if row is None]
    if missing:
        return Judged(claim, way, None, "not run", why=", ".join(missing))
    first, second = (row for row in pair if row is not None)
    names = first.row.name, second.row.name
    sides = [row.by(way) for row in (first, second)]
    if None in sides:
        lacking = [n for n, side in zip(names, sides, strict=True) if side is None]
        return Judged(claim, way, names, "does not count", why=f"sets without scores: {', '.join(lacking)}")
    chance = [
        row.row.name for row in (first, second) if row.row.group == "zero-shot" and not row.told_from_chance
    ]
    key = "mean_ap" if way == "ranking" else claim.figure
    tables = [side.table for side in sides if side is not None]
    if claim.among == "words":
        tables = [_only(table, np.array([person in spoken for person in table.ids])) for table in tables]
        if not tables[0].ids:
            return Judged(claim, way, names, "does not count", why="nothing is said of anybody")
    found = _difference(tables, key, first.own.settings)
    verdict: Verdict = "does not count" if chance else "undecided"
    why = f"not told apart from chance: {', '.join(chance)}" if chance else ""
    return replace(found, claim=claim, way=way, rows=names, verdict=verdict, why=why)


def _only(table: Table, mask: npt.NDArray[np.bool_]) -> Table:
    """Some of the people of a table."""
    places = np.flatnonzero(mask).tolist()
    return replace(
        table,
        ids=tuple(table.ids[at] for at in places),
        groups=tuple(table.groups[at] for at in places),
        statuses=tuple(table.statuses[at] for at in places),
        truth=table.truth[mask],
        chosen=table.chosen[mask],
        scores=table.scores[mask],
        dominant=table.dominant[mask],
        vad_truth=table.vad_truth[mask],
        vad=table.vad[mask],
    )


def _difference(tables: Sequence[Table], key: str, settings: Settings) -> Judged:
    comparison = compare(tables[0], tables[1], settings)
    of = comparison.figures[key]
    turn = -1 if key in _LOSSES else 1
    ends = sorted((turn * of.interval.low, turn * of.interval.high))
    return Judged(Claim("", "", key, ""), "own", None, "undecided", turn * of.value, ends[0], ends[1], of.p)


def _decided(found: Judged) -> Judged:
    if found.verdict != "undecided" or math.isnan(found.low):
        return found
    sure = math.isnan(found.p) or found.p < _LEVEL
    if sure and found.low > 0:
        return replace(found, verdict="holds")
    if sure and found.high < 0:
        return replace(found, verdict="fails")
    return found


def against(scored: Rows, reference: str, way: Way) -> dict[str, tuple[Comparison, float]]:
    """The reference row beside every other that is scored in this way: the comparison (reference minus other), and p of
    macro F1 corrected for the number of rows (Holm)."""
    here = scored[reference].by(way)
    if here is None:
        return {}
    others = {
        name: other
        for name, row in scored.items()
        if name != reference and (other := row.by(way)) is not None
    }
    found = {name: compare(here.table, other.table, here.settings) for name, other in others.items()}
    adjusted = holm([each.figures["macro_f1"].p for each in found.values()]).tolist()
    return dict(zip(found, zip(found.values(), adjusted, strict=True), strict=True))


def plain(judged: Iterable[Judged]) -> list[dict[str, Any]]:
    """Verdicts as plain JSON values; what is undefined is null."""
    return [
        {
            "says": each.claim.says,
            "better": each.claim.better,
            "worse": each.claim.worse,
            "figure": "mean_ap" if each.way == "ranking" else each.claim.figure,
            "published": each.claim.published,
            "among": each.claim.among,
            "way": each.way,
            "rows": each.rows,
            "verdict": each.verdict,
            "why": each.why,
            **{key: _number(getattr(each, key)) for key in ("difference", "low", "high", "p")},
        }
        for each in judged
    ]


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
