"""Fitting decision rules: what they choose, what they refuse, and what happens where there is nothing to learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, log_loss, precision_score, recall_score

from emoscene.errors import EmosceneError, InputError, OptionError
from emoscene.labels import Label, LabelSpace
from emoscene.scoring.calibrators import Sigmoid
from emoscene.scoring.rules import (
    CALIBRATIONS,
    DECISIONS,
    CalibrationKind,
    DecisionKind,
    FitOptions,
    FittedOn,
    Rules,
    fit_rules,
)
from emoscene.scoring.ruleset import choose
from emoscene.scoring.ruleset_parts import Decision
from emoscene.types import ScoreKind

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

IDS = ("joy", "fear", "calm")
SPACE = LabelSpace("three", "Three", tuple(Label(i, i.title(), "") for i in IDS))
SINGLE = LabelSpace("three", "Three", SPACE.labels, multi_label=False)


def fingerprint(people: int, **changes: Any) -> FittedOn:
    return FittedOn.model_validate(
        {
            "dataset": "made",
            "split": "val",
            "people": people,
            "truth_sha256": "a" * 64,
            "rows_sha256": "b" * 64,
            "model": "toy",
            "label_space": "three",
            "score_kind": "yes_share",
            "emoscene": "0",
            **changes,
        }
    )


def made(seed: int = 0, n: int = 400, shares: tuple[float, ...] = (0.5, 0.2, 0.02)) -> tuple[Floats, Bools]:
    """Scores between 0 and 1 that know something of the truth, both (n, 3)."""
    rng = np.random.default_rng(seed)
    truth = rng.random((n, 3)) < shares
    return 1 / (1 + np.exp(-2 * (rng.normal(size=(n, 3)) + 1.5 * truth - 1))), truth


def single(seed: int = 0, n: int = 300) -> tuple[Floats, Bools]:
    rng = np.random.default_rng(seed)
    truth = np.eye(3, dtype=np.bool_)[rng.choice(3, n, p=(0.6, 0.3, 0.1))]
    return 1 / (1 + np.exp(-(rng.normal(size=(n, 3)) + 1.5 * truth - 1))), truth


def fit(scores: Floats, truth: Bools, **choices: Any) -> Rules:
    return fit_rules(scores, truth, SPACE, fitted_on=fingerprint(len(scores)), **choices)


# --- what is chosen ---


def test_best_f1_unshrunk_has_the_best_macro_f1_of_all_thresholds() -> None:
    scores, truth = made(n=150)
    rules = fit(scores, truth, options=FitOptions(shrinkage=0))
    _, chosen = rules.apply_to_matrix(scores)
    for k, label in enumerate(IDS):
        every = [f1_score(truth[:, k], scores[:, k] >= t, zero_division=0) for t in scores[:, k]]
        assert f1_score(truth[:, k], chosen[:, k]) == pytest.approx(max(every))
        assert rules.fitted[label].notes == ()


def test_equal_pr_has_equal_precision_and_recall() -> None:
    scores, truth = made()
    _, chosen = fit(scores, truth, decision="equal_pr").apply_to_matrix(scores)
    for k in range(3):
        precision, recall = (f(truth[:, k], chosen[:, k]) for f in (precision_score, recall_score))
        assert precision == pytest.approx(recall)
        assert precision > truth[:, k].mean()


def test_equal_pr_says_where_ties_keep_them_apart() -> None:
    scores, truth = made()
    rules = fit(np.round(scores, 1), truth, decision="equal_pr")
    _, chosen = rules.apply_to_matrix(np.round(scores, 1))
    apart = {label for k, label in enumerate(IDS) if chosen[:, k].sum() != truth[:, k].sum()}
    assert apart
    said = {label for label in IDS if "precision and recall nearest, not equal" in rules.fitted[label].notes}
    assert said == apart


def test_prior_matched_chooses_as_many_as_carry_the_label_or_the_share_given() -> None:
    scores, truth = made()
    _, chosen = fit(scores, truth, decision="prior_matched").apply_to_matrix(scores)
    assert chosen.sum(axis=0).tolist() == truth.sum(axis=0).tolist()
    given_shares = {"joy": 0.1, "fear": 0.0, "calm": 1.0}
    rules = fit(scores, truth, decision="prior_matched", options=FitOptions(prevalence=given_shares))
    assert rules.apply_to_matrix(scores)[1].sum(axis=0).tolist() == [40, 0, 400]
    assert (rules.decision.thresholds["fear"], rules.decision.thresholds["calm"]) == ("never", "always")
    assert rules.fitted["joy"].notes == ("share given: 0.1",)


def test_top_k_takes_the_mean_number_of_labels_or_the_k_given() -> None:
    scores, truth = made(shares=(0.9, 0.8, 0.1))
    rules = fit(scores, truth, decision="top_k")
    assert rules.decision.k == 2
    assert rules.decision.thresholds == {}
    chosen = rules.apply_to_matrix(scores)[1]
    assert (chosen.sum(axis=1) == 2).all()
    assert (np.where(chosen, scores, 2).min(axis=1) >= np.where(chosen, -1, scores).max(axis=1)).all()
    assert fit(scores, truth, decision="top_k", options=FitOptions(k=3)).apply_to_matrix(scores)[1].all()
    ties = rules.apply_to_matrix([[0.5, 0.5, 0.5], [0.1, 0.5, 0.5]])[1]
    assert ties.tolist() == [[True, True, False], [False, True, True]]
    assert fit(scores, np.zeros_like(truth), decision="top_k").decision.k == 1


def test_of_many_equal_scores_the_first_labels_are_taken() -> None:
    decision = Decision(kind="top_k", thresholds={}, k=5)
    scores = np.tile([0.3, 0.7], (2, 30))
    chosen = choose(scores, [str(i) for i in range(60)], decision, True)
    assert np.flatnonzero(chosen[0]).tolist() == np.flatnonzero(chosen[1]).tolist() == [1, 3, 5, 7, 9]


def test_scores_a_hair_apart_are_told_apart() -> None:
    scores, truth = made()
    low, high = 0.5, float(np.nextafter(0.5, 1))
    scores[:, 0] = np.where(truth[:, 0], high, low)
    rules = fit(scores, truth)
    assert rules.decision.thresholds["joy"] == high
    assert (rules.apply_to_matrix(scores)[1][:, 0] == truth[:, 0]).all()


def test_calibration_lowers_the_log_loss_of_other_people_and_thresholds_lie_on_its_scale() -> None:
    scores, truth = made(0, 2000)
    others, theirs = made(1, 2000)
    for kind in ("platt", "isotonic", "temperature"):
        rules = fit(scores, truth, calibration=kind, decision="prior_matched")
        calibrated, chosen = rules.apply_to_matrix(others)
        for k, label in enumerate(IDS):
            assert log_loss(theirs[:, k], calibrated[:, k]) < log_loss(theirs[:, k], others[:, k])
            threshold = rules.decision.thresholds[label]
            assert isinstance(threshold, float)
            assert ((calibrated[:, k] >= threshold) == chosen[:, k]).all()
        np.testing.assert_allclose(calibrated.mean(axis=0), truth.mean(axis=0), atol=0.03)
        assert rules.score_kind is ScoreKind.PROBABILITY
    assert fit(scores, truth).score_kind is ScoreKind.YES_SHARE


def test_platt_changes_no_decision_by_thresholds() -> None:
    scores, truth = made(2)
    for decision in ("best_f1", "equal_pr", "prior_matched"):
        plain, calibrated = (
            fit(scores, truth, decision=decision, calibration=kind) for kind in ("none", "platt")
        )
        fresh = made(3)[0]
        differ = (plain.apply_to_matrix(fresh)[1] != calibrated.apply_to_matrix(fresh)[1]).mean()
        assert (plain.apply_to_matrix(scores)[1] == calibrated.apply_to_matrix(scores)[1]).all()
        # Halfway between two people is elsewhere on another scale; only newcomers between them can differ.
        assert differ < 0.005


def test_few_positives_are_shrunk_and_it_is_said() -> None:
    scores, truth = made(0)
    rules = fit(scores, truth)
    before = fit(scores, truth, options=FitOptions(shrinkage=0))
    assert rules.fitted["calm"].notes == (
        f"few positives: shrunk from {before.fitted['calm'].chosen} to {rules.fitted['calm'].chosen} people",
    )
    positives = int(truth[:, 2].sum())
    assert abs(rules.fitted["calm"].chosen - positives) < abs(before.fitted["calm"].chosen - positives)


def test_what_fitting_saw_stands_in_the_rules() -> None:
    scores, truth = made(5)
    rules = fit(scores, truth, calibration="platt")
    _, chosen = rules.apply_to_matrix(scores)
    for k, label in enumerate(IDS):
        seen = rules.fitted[label]
        assert (seen.positives, seen.chosen, seen.hits) == (
            truth[:, k].sum(),
            chosen[:, k].sum(),
            (chosen & truth)[:, k].sum(),
        )
    assert rules.fitted["calm"].notes[0] == "few examples: shared slope"


def test_the_order_of_people_changes_nothing() -> None:
    scores, truth = made(6)
    order = np.random.default_rng(0).permutation(len(scores))
    for kind in CALIBRATIONS:
        one, other = fit(scores, truth, calibration=kind), fit(scores[order], truth[order], calibration=kind)
        assert (one.apply_to_matrix(scores)[1] == other.apply_to_matrix(scores)[1]).all()
        np.testing.assert_allclose(
            one.apply_to_matrix(scores)[0], other.apply_to_matrix(scores)[0], atol=1e-9
        )
        assert fit(scores, truth, calibration=kind).id == one.id


def test_scores_without_bounds_are_calibrated_as_they_are() -> None:
    scores, truth = made(7, 1000)
    logits = np.log(scores / (1 - scores))
    unbounded = fit_rules(
        logits,
        truth,
        SPACE,
        fitted_on=fingerprint(1000, score_kind="label_likelihood"),
        calibration="platt",
    )
    bounded = fit(scores, truth, calibration="platt")
    assert (unbounded.calibration.feature, bounded.calibration.feature) == ("score", "logit")
    for label in IDS:
        one, other = unbounded.calibration.maps[label], bounded.calibration.maps[label]
        assert isinstance(one, Sigmoid)
        assert isinstance(other, Sigmoid)
        assert (one.slope, one.bias) == pytest.approx((other.slope, other.bias), abs=1e-6)


# --- single labels ---


@pytest.mark.parametrize("decision", DECISIONS)
@pytest.mark.parametrize("calibration", CALIBRATIONS)
def test_in_a_space_of_single_labels_everyone_gets_exactly_one(
    decision: DecisionKind, calibration: CalibrationKind
) -> None:
    scores, truth = single()
    rules = fit_rules(
        scores, truth, SINGLE, fitted_on=fingerprint(300), decision=decision, calibration=calibration
    )
    fresh = np.concatenate([single(1)[0], np.zeros((1, 3)), np.ones((1, 3))])
    chosen = rules.apply_to_matrix(fresh)[1]
    assert (chosen.sum(axis=1) == 1).all()
    assert (chosen[:300] & single(1)[1]).sum() > 0.55 * 300


def test_a_single_label_that_never_occurred_is_never_taken_and_one_that_always_did_is() -> None:
    scores, _ = single()
    truth = np.zeros((300, 3), dtype=np.bool_)
    truth[:, 0] = True
    rules = fit_rules(scores, truth, SINGLE, fitted_on=fingerprint(300))
    assert rules.decision.thresholds == {"joy": scores[:, 0].min(), "fear": "never", "calm": "never"}
    assert rules.apply_to_matrix(single(1)[0])[1][:, 0].all()


def test_a_person_of_two_labels_or_none_has_no_place_in_a_space_of_single_labels() -> None:
    scores, truth = single()
    truth[7] = [True, True, False]
    with pytest.raises(InputError, match=r"row 7.*exactly one label: 2"):
        fit_rules(scores, truth, SINGLE, fitted_on=fingerprint(300))
    truth[7] = False
    with pytest.raises(InputError, match=r"row 7.*exactly one label: 0"):
        fit_rules(scores, truth, SINGLE, fitted_on=fingerprint(300))


def test_where_every_single_label_is_never_chosen_the_highest_score_is() -> None:
    scores, truth = single()
    rules = fit_rules(
        scores,
        truth,
        SINGLE,
        fitted_on=fingerprint(300),
        decision="prior_matched",
        options=FitOptions(prevalence=dict.fromkeys(IDS, 0)),
    )
    assert set(rules.decision.thresholds.values()) == {"never"}
    assert (rules.apply_to_matrix(scores)[1].argmax(axis=1) == scores.argmax(axis=1)).all()


# --- refusals ---


@pytest.mark.parametrize(
    "split",
    [
        *(
            "test",
            "Test",
            "TESTING",
            "eval_test",
            "val+test",
            "test-dev",
            "trainvaltest",
            "ｔｅｓｔ",
            "te st",
        ),
        *("t.e.s.t", "all", "ALL", "", "  ", "unknown", "None", "full"),
    ],
)
def test_test_people_are_refused_whatever_the_split_is_called(split: str) -> None:
    scores, truth = made()
    with pytest.raises(OptionError, match="validation split"):
        fit_rules(scores, truth, SPACE, fitted_on=fingerprint(400, split=split))


@pytest.mark.parametrize("split", ["val", "validation", "dev", "train", "fold-3", "eval", "held_out"])
def test_other_splits_are_not(split: str) -> None:
    scores, truth = made()
    assert fit_rules(scores, truth, SPACE, fitted_on=fingerprint(400, split=split)).fitted_on.split == split


def test_scores_that_are_none_are_refused_by_row_and_label() -> None:
    for bad, value in ((np.nan, "nan"), (np.inf, "inf"), (1.5, "1.5"), (-0.1, "-0.1")):
        scores, truth = made(n=40)
        scores[3, 1] = bad
        with pytest.raises(InputError, match=rf"row 3, label 'fear'.*{value}"):
            fit(scores, truth)


@pytest.mark.parametrize("people", [0, 1, 9])
def test_too_few_people_are_refused(people: int) -> None:
    scores, truth = made(n=40)
    with pytest.raises(InputError, match=f"too few people.*{people}.*At least 10"):
        fit_rules(scores[:people], truth[:people], SPACE, fitted_on=fingerprint(max(people, 1)))


@pytest.mark.parametrize(
    ("choices", "error", "said"),
    [
        ({"calibration": "plat"}, OptionError, "unknown calibration: plat. Known: none, platt"),
        ({"decision": "best"}, OptionError, "unknown decision: best. Known: best_f1"),
        ({"options": FitOptions(k=2)}, OptionError, "k belongs to the decision top_k"),
        ({"decision": "top_k", "options": FitOptions(k=4)}, OptionError, "k must be a number from 1 to 3"),
        ({"decision": "top_k", "options": FitOptions(k=0)}, OptionError, "k must be a number from 1 to 3"),
        ({"options": FitOptions(shrinkage=-1)}, OptionError, "shrinkage must be a finite number"),
        ({"options": FitOptions(shrinkage=float("nan"))}, OptionError, "shrinkage must be a finite number"),
        ({"options": FitOptions(rare=-1)}, OptionError, "rare must be at least 0"),
        ({"options": FitOptions(prevalence={})}, OptionError, "prevalence belongs to"),
        (
            {"decision": "prior_matched", "options": FitOptions(prevalence={"joy": 0.5, "fear": 2})},
            OptionError,
            "every label and no other: fear, calm",
        ),
        (
            {
                "decision": "prior_matched",
                "options": FitOptions(prevalence={"joy": 0.5, "fear": 0, "calm": 1, "rage": 0}),
            },
            OptionError,
            "every label and no other: rage",
        ),
        ({"fitted_on": fingerprint(40, score_kind="membership")}, InputError, "membership.*mode=score"),
        ({"fitted_on": fingerprint(40, label_space="emotic")}, InputError, "another label space.*emotic"),
        ({"fitted_on": fingerprint(41)}, InputError, "speaks of 41 people: 40"),
    ],
)
def test_impossible_choices_are_refused_with_a_remedy(
    choices: dict[str, Any], error: type[EmosceneError], said: str
) -> None:
    scores, truth = made(n=40)
    with pytest.raises(error, match=said) as caught:
        fit_rules(scores, truth, SPACE, **{"fitted_on": fingerprint(40), **choices})
    assert caught.value.remedy


def test_shapes_and_truths_that_do_not_fit_are_refused() -> None:
    scores, truth = made(n=40)
    with pytest.raises(InputError, match=r"shape \(people, 3\).*\(40, 2\)"):
        fit(scores[:, :2], truth)
    with pytest.raises(InputError, match=r"same shape.*\(39, 3\)"):
        fit(scores, truth[:39])
    with pytest.raises(InputError, match="other than 0 and 1"):
        fit_rules(scores, truth * 0.5, SPACE, fitted_on=fingerprint(40))


# --- nothing to learn ---


def test_labels_that_nobody_or_everybody_carries_are_never_or_always_chosen_and_it_is_said() -> None:
    scores, truth = made(8)
    truth[:, 1], truth[:, 2] = False, True
    for decision in ("best_f1", "equal_pr", "prior_matched"):
        for calibration in CALIBRATIONS:
            rules = fit(scores, truth, decision=decision, calibration=calibration)
            assert rules.decision.thresholds["fear"] == "never"
            assert rules.decision.thresholds["calm"] == "always"
            assert rules.fitted["fear"].notes[-1] == "no positive: never chosen"
            assert rules.fitted["calm"].notes[-1] == "no negative: always chosen"
            chosen = rules.apply_to_matrix(made(9)[0])[1]
            assert not chosen[:, 1].any()
            assert chosen[:, 2].all()


def test_constant_scores_are_all_or_nobody_and_it_is_said() -> None:
    _, truth = made(10)
    for calibration in CALIBRATIONS:
        rules = fit(np.full((400, 3), 0.3), truth, calibration=calibration, decision="prior_matched")
        chosen = rules.apply_to_matrix(np.full((2, 3), 0.3))[1]
        assert chosen[:, 1:].sum() == 0
        assert "scores do not vary: all or nobody" in rules.fitted["fear"].notes


rows = st.lists(
    st.tuples(*[st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.booleans()] * 3), min_size=10, max_size=25
)


@given(rows, st.sampled_from(DECISIONS), st.sampled_from(CALIBRATIONS))
def test_whatever_the_people_rules_are_whole_and_say_the_same_row_by_row(
    people: list[tuple[Any, ...]], decision: DecisionKind, calibration: CalibrationKind
) -> None:
    scores = np.array([[float(row[i]) for i in (0, 2, 4)] for row in people])
    truth = np.array([[bool(row[i]) for i in (1, 3, 5)] for row in people])
    rules = fit(scores, truth, decision=decision, calibration=calibration)
    assert Rules.model_validate_json(rules.to_json(), strict=True) == rules
    calibrated, chosen = rules.apply_to_matrix(scores)
    assert np.isfinite(calibrated).all()
    for i in range(len(scores)):
        one, taken = rules.apply_to_matrix(scores[[i]])
        assert (one[0] == calibrated[i]).all()
        assert (taken[0] == chosen[i]).all()
