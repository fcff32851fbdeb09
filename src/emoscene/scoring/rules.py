"""Decision rules, fitted on validation people: from raw scores to probabilities and a chosen set.

    rules = fit_rules(scores, truth, labels, fitted_on=..., calibration="platt", decision="best_f1")
    rules.save("rules.json")
    decided = Rules.load("rules.json").apply(prediction)

Calibration comes first and thresholds lie on its scale. Each label is fitted by itself, except for what rare labels
borrow (`calibrators`, `thresholds`). Test people are refused: what is fitted on them says nothing about others.

Decisions:

- `best_f1`: a threshold a label with the best F1, shrunk for rare labels (`thresholds`);
- `equal_pr`: a threshold a label where precision and recall are nearest, as the EMOTIC authors cut;
- `prior_matched`: a threshold a label that chooses as many people as carry it, or a share that is given;
- `top_k`: the k highest scores of each person; by default k is the mean number of labels a person, rounded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from emoscene.errors import InputError, OptionError
from emoscene.labels import LabelSpace
from emoscene.scoring.calibrators import (
    CALIBRATIONS,
    Bools,
    CalibrationKind,
    Floats,
    Sigmoid,
    Staircase,
    feature_of,
    fit_maps,
)
from emoscene.scoring.ruleset import MEMBERSHIP_REASON, Rules, check_scores, choose
from emoscene.scoring.ruleset_parts import (
    DECISIONS,
    Calibration,
    Decision,
    DecisionKind,
    Fitted,
    FittedOn,
    why_not_fitted_on,
)
from emoscene.scoring.thresholds import (
    Cuts,
    Threshold,
    cuts_of,
    equal_precision_recall,
    nearest_count,
    shrunk_best_f1,
)
from emoscene.types import ScoreKind

__all__ = [
    "CALIBRATIONS",
    "DECISIONS",
    "FEWEST_PEOPLE",
    "CalibrationKind",
    "DecisionKind",
    "FitOptions",
    "FittedOn",
    "Rules",
    "fit_rules",
]

#: With fewer people nothing is fitted: not even the share of a common label would be known to a tenth.
FEWEST_PEOPLE: Final = 10

#: Shrinkage is mentioned up to so many times its own number of positives; beyond, it weighs less than a tenth.
_FEW: Final = 9


@dataclass(frozen=True)
class FitOptions:
    """The finer choices of a fit.

    Attributes:
        k: For `top_k`: how many labels a person; None takes the mean number of the truth, rounded.
        shrinkage: For `best_f1`: with so many positives the number chosen lies halfway between the best F1's and
            the number of positives. 0 does not shrink.
        rare: For calibration: with fewer positives, or fewer negatives, a label borrows the shared slope.
        prevalence: For `prior_matched`: the share of people a label is chosen for, by label id; None takes the truth's.
    """

    k: int | None = None
    shrinkage: float = 20.0
    rare: int = 10
    prevalence: Mapping[str, float] | None = None


_DEFAULT = FitOptions()


def fit_rules(
    scores: npt.ArrayLike,
    truth: npt.ArrayLike,
    labels: LabelSpace,
    *,
    fitted_on: FittedOn,
    calibration: CalibrationKind = "none",
    decision: DecisionKind = "best_f1",
    options: FitOptions = _DEFAULT,
) -> Rules:
    """Fit calibration and decision.

    Args:
        scores: Raw scores (n, k), columns in the order of `labels`; people with an answer only.
        truth: What the people carry, 0/1 of shape (n, k).
        labels: The label space.
        fitted_on: The fingerprint of the people and the rows; its `score_kind` says what the scores are.
        calibration: `none`, `platt`, `isotonic` or `temperature` (one slope for all labels, a bias for each).
        decision: `best_f1`, `equal_pr`, `prior_matched` or `top_k`.
        options: The finer choices.

    Raises:
        OptionError: for a test split, an unknown calibration or decision, or an option out of range.
        InputError: for scores of kind membership, scores that are not finite, too few people, or shapes that differ.
    """
    _check_choices(fitted_on, labels, calibration, decision)
    _check_options(options, labels, decision)
    raw = check_scores(scores, labels.ids, fitted_on.score_kind)
    carried = _check_truth(truth, raw, labels, fitted_on)
    feature = feature_of(fitted_on.score_kind)
    calibrated, maps = raw, dict[str, Sigmoid | Staircase]()
    notes = {label: list[str]() for label in labels.ids}
    if calibration != "none":
        fitted_maps, said = fit_maps(raw, carried, calibration, feature, options.rare)
        maps = dict(zip(labels.ids, fitted_maps, strict=True))
        notes = dict(zip(labels.ids, said, strict=True))
        calibrated = np.stack([m(raw[:, k], feature) for k, m in enumerate(fitted_maps)], axis=1)
    decided = _decide(calibrated, carried, labels, decision, options, notes)
    chosen = choose(calibrated, labels.ids, decided, labels.multi_label)
    return Rules.of(
        fitted_on=fitted_on,
        labels=labels.ids,
        multi_label=labels.multi_label,
        calibration=Calibration(kind=calibration, feature=feature, maps=maps),
        decision=decided,
        fitted={
            label: Fitted(
                positives=int(carried[:, k].sum()),
                chosen=int(chosen[:, k].sum()),
                hits=int((chosen & carried)[:, k].sum()),
                notes=tuple(notes[label]),
            )
            for k, label in enumerate(labels.ids)
        },
    )


def _decide(
    scores: Floats,
    truth: Bools,
    labels: LabelSpace,
    kind: DecisionKind,
    options: FitOptions,
    notes: Mapping[str, list[str]],
) -> Decision:
    if kind == "top_k":
        mean = math.floor(float(truth.sum(axis=1).mean()) + 0.5)
        k = options.k if options.k is not None else min(max(mean, 1), len(labels))
        return Decision(kind=kind, thresholds={}, k=k)
    thresholds: dict[str, Threshold] = {}
    for column, label in enumerate(labels.ids):
        cuts = cuts_of(scores[:, column], truth[:, column])
        cut, said = _cut(cuts, kind, options, label)
        threshold = cuts.threshold(cut)
        if threshold == "always" and not labels.multi_label:
            # Thresholds of single labels are compared with each other: the lowest score is the one all reach.
            threshold = float(cuts.values[-1])
        thresholds[label] = threshold
        notes[label].extend(said)
    shrinkage = float(options.shrinkage) if kind == "best_f1" else None
    return Decision(kind=kind, thresholds=thresholds, shrinkage=shrinkage)


def _cut(cuts: Cuts, kind: DecisionKind, options: FitOptions, label: str) -> tuple[int, list[str]]:
    """Which cut the decision takes, and what a reader must know of it."""
    said = []
    if kind == "prior_matched" and options.prevalence is not None:
        share = options.prevalence[label]
        return nearest_count(cuts, share * cuts.people), [f"share given: {share:.4g}"]
    if not cuts.positives:
        return 0, ["no positive: never chosen"]
    if cuts.positives == cuts.people:
        return len(cuts.values), ["no negative: always chosen"]
    if len(cuts.values) == 1:
        said.append("scores do not vary: all or nobody")
    if kind == "prior_matched":
        return nearest_count(cuts, cuts.positives), said
    if kind == "equal_pr":
        cut = equal_precision_recall(cuts)
        if cuts.chosen[cut] != cuts.positives:
            said.append("precision and recall nearest, not equal")
        return cut, said
    cut, best = shrunk_best_f1(cuts, options.shrinkage), shrunk_best_f1(cuts, 0)
    if cut != best and cuts.positives < _FEW * options.shrinkage:
        said.append(f"few positives: shrunk from {cuts.chosen[best]} to {cuts.chosen[cut]} people")
    return cut, said


def _check_choices(
    fitted_on: FittedOn, labels: LabelSpace, calibration: CalibrationKind, decision: DecisionKind
) -> None:
    if why := why_not_fitted_on(fitted_on.split):
        raise OptionError(
            f"decision rules are not fitted on this split: {why}",
            value=fitted_on.split or "no name",
            remedy="Run the model on the validation split (--split val) and fit on that run.",
        )
    if fitted_on.score_kind is ScoreKind.MEMBERSHIP:
        raise InputError(
            f"rules cannot be fitted: {MEMBERSHIP_REASON}",
            value=fitted_on.model,
            remedy="Score the run without rules, or run the model with -o mode=score.",
        )
    if fitted_on.label_space != labels.name:
        raise InputError(
            f"the rows are of another label space than {labels.name!r}",
            value=fitted_on.label_space,
            remedy="Give the label space that the model was asked for.",
        )
    _one_of("calibration", calibration, CALIBRATIONS)
    _one_of("decision", decision, DECISIONS)


def _check_options(options: FitOptions, labels: LabelSpace, decision: DecisionKind) -> None:
    most = len(labels) if labels.multi_label else 1
    if options.k is not None and decision != "top_k":
        raise OptionError("k belongs to the decision top_k", value=decision, remedy="Leave k out.")
    if options.k is not None and not 1 <= options.k <= most:
        raise OptionError(
            f"k must be a number from 1 to {most} here", value=options.k, remedy="Give another k, or none."
        )
    if not 0 <= options.shrinkage < math.inf:
        raise OptionError(
            "shrinkage must be a finite number from 0", value=options.shrinkage, remedy="20 is the default."
        )
    if options.rare < 0:
        raise OptionError("rare must be at least 0", value=options.rare, remedy="10 is the default.")
    if options.prevalence is None:
        return
    if decision != "prior_matched":
        raise OptionError(
            "prevalence belongs to the decision prior_matched", value=decision, remedy="Leave prevalence out."
        )
    bad = [label for label in labels.ids if not 0 <= options.prevalence.get(label, -1) <= 1]
    if bad or set(options.prevalence) - set(labels.ids):
        raise OptionError(
            "prevalence needs a share from 0 to 1 for every label and no other",
            value=", ".join(bad) or ", ".join(sorted(set(options.prevalence) - set(labels.ids))),
            remedy=f"Name the labels of {labels.name} by their ids.",
        )


def _check_truth(truth: npt.ArrayLike, scores: Floats, labels: LabelSpace, fitted_on: FittedOn) -> Bools:
    given = np.asarray(truth)
    if given.shape != scores.shape:
        raise InputError(
            f"truth and scores need the same shape; scores have {scores.shape}",
            value=given.shape,
            remedy="One row a person, one column a label.",
        )
    if len(scores) < FEWEST_PEOPLE:
        raise InputError(
            "too few people to fit decision rules on",
            value=len(scores),
            remedy=f"At least {FEWEST_PEOPLE} with an answer are needed; hundreds are useful.",
        )
    if len(scores) != fitted_on.people:
        raise InputError(
            f"the fingerprint speaks of {fitted_on.people} people",
            value=len(scores),
            remedy="Count the rows that are fitted on.",
        )
    if not np.isin(given, (0, 1)).all():
        raise InputError("truth holds something other than 0 and 1", remedy="Give 0/1 or booleans.")
    carried = np.ascontiguousarray(given, dtype=np.bool_)
    if not labels.multi_label and not (carried.sum(axis=1) == 1).all():
        row = int((carried.sum(axis=1) != 1).argmax())
        raise InputError(
            f"row {row}: in the space {labels.name!r} everyone carries exactly one label",
            value=int(carried[row].sum()),
            remedy="Leave out people without a label, or use a space of several labels (multi_label: true).",
        )
    return carried


def _one_of(option: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise OptionError(f"unknown {option}", value=value, remedy=f"Known: {', '.join(known)}.")
