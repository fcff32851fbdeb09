"""From a table of people to figures with intervals: `score`. Pure: the same table gives the same figures.

What a figure rests on is said with it, in `conventions`: which average precision, which mean, what is drawn again.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from emoscene.errors import OptionError
from emoscene.evaluation.table import Missing, Table, align
from emoscene.metrics.bootstrap import ap_intervals
from emoscene.metrics.calibration import calibration_metrics
from emoscene.metrics.coverage import bounds
from emoscene.metrics.figure import Figure
from emoscene.metrics.interval import Interval, Method, Resampling
from emoscene.metrics.ranking import Definition, RankedTargets, roc_auc, top_k_metrics
from emoscene.metrics.set_bootstrap import class_intervals, set_intervals
from emoscene.metrics.sets import SetTotals, accuracy, set_metrics
from emoscene.metrics.vad import vad_metrics
from emoscene.runs.record import RunFiles
from emoscene.scoring.rules import Rules
from emoscene.types import ScoreKind

__all__ = ["Scores", "Settings", "run_table", "score"]

Unit = Literal["group", "person"]

_PROBABLE = frozenset({ScoreKind.PROBABILITY, ScoreKind.YES_SHARE})
_TOP = (1, 3, 6)
_NO_RANKING = "the scores are sets (membership): nobody can be ranked by them"
_NO_SCORES = "there are no scores of one kind"


@dataclass(frozen=True)
class Settings:
    """How figures are made.

    Attributes:
        rounds: Bootstrap rounds; 0 leaves intervals out.
        unit: What is drawn again: a `group` (the people of one picture, who are not independent) or a `person`, as
            the paper does.
        method: `percentile` or `bca`.
        seed: The same seed draws the same people.
        level: The share of rounds that an interval holds.
    """

    rounds: int = 0
    unit: Unit = "group"
    method: Method = "percentile"
    seed: int = 0
    level: float = 0.95

    def __post_init__(self) -> None:
        if self.rounds < 0 or self.rounds == 1 or self.rounds > 100_000:
            raise OptionError(
                "bootstrap rounds are 0 or from 2 to 100,000",
                value=self.rounds,
                remedy="Try --bootstrap 1000.",
            )

    @property
    def plan(self) -> Resampling:
        return Resampling(max(self.rounds, 1), self.seed, self.level)


@dataclass(frozen=True)
class Scores:
    """The figures of one table.

    Attributes:
        table: What they were made of.
        settings: How.
        figures: Every figure by its fixed key, as a fraction (VAD on the scale from 1 to 10).
        intervals: Those of the figures that have one, where they were asked for.
        per_class: For each label, its counts and figures; nan where undefined.
        bounds: The best and the worst that each set figure would be if the people without an answer were answered.
        about: What was scored: the run's request, or the names of the files.
        rules: What the applied decision rules are.
        warnings: What a reader must know.
    """

    table: Table
    settings: Settings
    figures: Mapping[str, Figure]
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    per_class: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    baselines: Mapping[str, float] = field(default_factory=dict)
    undefined: Mapping[str, int] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    rules: Mapping[str, Any] | None = None
    warnings: Sequence[str] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values: fractions under fixed keys, null with a reason where undefined."""
        table = self.table
        return {
            "schema_version": "1",
            "kind": "scores",
            "run": dict(self.about),
            "label_space": table.labels.name,
            "people": len(table.ids),
            "groups": len(set(table.groups)),
            "unlabelled": table.unlabelled,
            "statuses": dict(sorted(Counter(table.statuses).items())),
            "coverage": float(table.ok.mean()),
            "unparsed_rate": table.statuses.count("unparsed") / len(table.statuses),
            "score_kind": None if table.score_kind is None else table.score_kind.value,
            "metrics": {key: self._metric(key) for key in self.figures},
            "per_class": {label: dict(zip(row, map(_number, row.values()), strict=True))
                          for label, row in self.per_class.items()},
            "bounds": {key: {"worst": _number(low), "best": _number(high)}
                       for key, (low, high) in self.bounds.items()},
            "baselines": {key: _number(value) for key, value in self.baselines.items()},
            "undefined_classes": dict(self.undefined),
            "conventions": self._conventions(),
            "rules": None if self.rules is None else dict(self.rules),
            "warnings": list(self.warnings),
        }  # fmt: skip

    def _metric(self, key: str) -> dict[str, Any]:
        figure = self.figures[key]
        said: dict[str, Any] = {"value": _number(figure.value), "reason": figure.reason}
        if key in self.intervals:
            interval = self.intervals[key]
            said |= {"low": _number(interval.low), "high": _number(interval.high), "sd": _number(interval.sd)}
        return said

    def _conventions(self) -> dict[str, Any]:
        drawn = {
            "unit": self.settings.unit,
            "rounds": self.settings.rounds,
            "method": self.settings.method,
            "seed": self.settings.seed,
            "level": self.settings.level,
        }
        dataset = self.about.get("dataset")
        return {
            "ground_truth": dataset.get("variant") if isinstance(dataset, Mapping) else None,
            "ap_definition": {"mean_ap": "step", "mean_ap_voc2010": "voc2010", "mean_ap_voc11": "voc11"},
            "zero_division": "an undefined class counts 0 in macro averages; its own figure is null",
            "not_ok": "an empty answer; ranked below everybody in average precision",
            "bootstrap": drawn if self.settings.rounds else None,
        }


def run_table(run: RunFiles, *, rules: Rules | None = None, missing: Missing = "error") -> Table:
    """The table of a run's folder, its rows decided by `rules` where they are given.

    Raises:
        InputError: as `align`, and if the rules do not fit the rows.
    """
    rows = run.rows() if rules is None else rules.apply_many(list(run.rows()))
    said = [] if rules is None else list(_remarks(rules, run))
    return align(run.truth(), rows, run.labels, missing=missing, warnings=said)


def _remarks(rules: Rules, run: RunFiles) -> Iterator[str]:
    """What must be known of rules and the run that they are applied to."""
    fitted, request = rules.fitted_on, run.request
    dataset, model = (request.get(key) or {} for key in ("dataset", "model"))
    same_people = fitted.truth_sha256 == request.get("truth_sha256")
    if same_people or (fitted.dataset, fitted.split) == (dataset.get("name"), request.get("split")):
        yield "the rules were fitted on these very people or some of them: the figures are too good"
    if fitted.model != model.get("name"):
        yield f"the rules were fitted on scores of {fitted.model}, and these are of {model.get('name')}"


def score(
    table: Table,
    settings: Settings | None = None,
    *,
    about: Mapping[str, Any] | None = None,
    rules: Rules | None = None,
) -> Scores:
    """Every figure of a table, with intervals where rounds are asked for."""
    how = settings or Settings()
    sets = set_metrics(table.truth, table.chosen)
    figures = dict(sets.figures)
    per_class = {
        label: {name: float(column[at]) for name, column in sets.per_class.items()}
        for at, label in enumerate(table.labels.ids)
    }
    intervals: dict[str, Interval] = {}
    totals = SetTotals.of(table.truth, table.chosen, table.groups if how.unit == "group" else None)
    if how.rounds:
        intervals |= set_intervals(totals, how.plan, method=how.method)
        for label, interval in zip(table.labels.ids, class_intervals(totals, how.plan), strict=True):
            per_class[label] |= {"f1_low": interval.low, "f1_high": interval.high}
    _rank(table, how, figures, intervals, per_class)
    _single_label(table, figures)
    figures |= _calibration(table, per_class)
    figures |= vad_metrics(table.vad_truth, table.vad)
    return Scores(
        table,
        how,
        figures,
        intervals,
        per_class,
        bounds(table.truth, table.chosen, table.ok),
        _baselines(table),
        sets.undefined,
        about or {},
        None if rules is None else {"id": rules.id, "fitted_on": rules.fitted_on.model_dump(mode="json")},
        table.warnings,
    )


def _rank(
    table: Table,
    how: Settings,
    figures: dict[str, Figure],
    intervals: dict[str, Interval],
    per_class: dict[str, dict[str, float]],
) -> None:
    """Average precision in its three definitions, ROC-AUC and top-k, or why there are none."""
    keys = ("mean_ap", "mean_ap_voc2010", "mean_ap_voc11", "mean_ap_classes", "macro_roc_auc")
    if not table.ranks:
        why = _NO_RANKING if table.score_kind is ScoreKind.MEMBERSHIP else _NO_SCORES
        figures |= {key: Figure(math.nan, why) for key in keys}
        return
    ranking = table.ranking()
    ranked = RankedTargets(table.truth, ranking)
    groups = table.groups if how.unit == "group" else None
    definitions: tuple[Definition, ...] = ("step", "voc2010", "voc11")
    for key, definition in zip(keys, definitions, strict=False):
        found = ranked.mean_ap(definition=definition)
        figures[key] = Figure(found.value, found.reason)
        if definition != "step":
            continue
        figures["mean_ap_classes"] = Figure(float(found.classes))
        for at, label in enumerate(table.labels.ids):
            per_class[label]["ap"] = float(found.per_class[at])
        if how.rounds:
            intervals[key], of_classes = ap_intervals(
                table.truth, ranking, groups, how.plan, method=how.method
            )
            for label, interval in zip(table.labels.ids, of_classes, strict=True):
                per_class[label] |= {"ap_low": interval.low, "ap_high": interval.high}
    curve = roc_auc(table.truth, ranking)
    figures["macro_roc_auc"] = Figure(curve.value, curve.reason)
    for at, label in enumerate(table.labels.ids):
        per_class[label]["roc_auc"] = float(curve.per_class[at])
    for k in _TOP:
        if k < len(table.labels):
            figures |= top_k_metrics(table.truth, ranking, k, table.ok)


def _single_label(table: Table, figures: dict[str, Figure]) -> None:
    """Accuracy of the dominant label, where everybody carries exactly one."""
    if not (table.truth.sum(axis=1) == 1).all():
        figures["accuracy"] = Figure(math.nan, "people carry several labels or none")
        return
    said = [None if column < 0 else int(column) for column in table.dominant]
    figures["accuracy"] = Figure(accuracy(table.truth.argmax(axis=1).tolist(), said))


def _calibration(table: Table, per_class: dict[str, dict[str, float]]) -> dict[str, Figure]:
    """How far scores from 0 to 1 are from the shares that they claim; only of people who were answered."""
    if table.score_kind not in _PROBABLE:
        kind = table.score_kind or "of no one kind"
        why = f"the scores are {kind}, and claim no share"
        return {key: Figure(math.nan, why) for key in ("ece", "brier", "log_loss")}
    answered = ~np.isnan(table.scores).any(axis=1)
    found = calibration_metrics(table.truth[answered], table.scores[answered])
    for name, column in found.per_class.items():
        for at, label in enumerate(table.labels.ids):
            per_class[label][name] = float(column[at])
    return dict(found.figures)


def _baselines(table: Table) -> dict[str, float]:
    """What saying everything, nothing, or chance would reach on these very people."""
    everything = set_metrics(table.truth, np.ones_like(table.truth)).figures
    nothing = set_metrics(table.truth, np.zeros_like(table.truth)).figures
    held = table.truth.mean(axis=0)
    return {
        "all_labels_macro_f1": everything["macro_f1"].value,
        "none_hamming": nothing["hamming"].value,
        "chance_mean_ap": float(held[held > 0].mean()) if held.any() else math.nan,
    }


def _number(value: float) -> float | int | None:
    if math.isnan(value):
        return None
    return value
