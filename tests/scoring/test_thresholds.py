"""Thresholds against scikit-learn's curves and against every possible cut; ties; rare labels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_recall_curve

from emoscene.scoring.thresholds import (
    Cuts,
    Threshold,
    cuts_of,
    equal_precision_recall,
    nearest_count,
    shrunk_best_f1,
)

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def _take(scores: Floats, threshold: Threshold) -> Bools:
    if isinstance(threshold, str):
        return np.full(len(scores), threshold == "always")
    return scores >= threshold


def _people(
    seed: int, n: int = 500, share: float = 0.2, signal: float = 1.0, decimals: int = 9
) -> tuple[Floats, Bools]:
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < share
    return np.asarray(np.round(rng.normal(size=n) + signal * truth, decimals), dtype=np.float64), truth


people = st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=1, max_size=25)


@given(people)
def test_every_cut_chooses_and_catches_what_it_says_and_never_parts_equals(
    rows: list[tuple[int, bool]],
) -> None:
    scores, truth = np.array([s / 4 for s, _ in rows]), np.array([t for _, t in rows])
    cuts = cuts_of(scores, truth)
    assert len(cuts.chosen) == len(set(scores.tolist())) + 1
    assert cuts.people == len(rows)
    for cut in range(len(cuts.chosen)):
        taken = _take(scores, cuts.threshold(cut))
        assert (taken.sum(), (taken & truth).sum()) == (cuts.chosen[cut], cuts.hits[cut])
        if truth.any() or taken.any():
            assert cuts.f1()[cut] == pytest.approx(f1_score(truth, taken, zero_division=0))
    assert (cuts.threshold(0), cuts.threshold(len(cuts.values))) == ("never", "always")


def test_a_threshold_lies_halfway_between_scores() -> None:
    cuts = cuts_of(np.array([0.2, 0.6, 0.6, 0.9]), np.array([False, True, False, True]))
    assert [cuts.threshold(i) for i in range(4)] == [
        "never",
        pytest.approx(0.75),
        pytest.approx(0.4),
        "always",
    ]


@pytest.mark.parametrize("low", [0.1, 1.0, -3.0, 0.0, 1e300])
def test_between_neighbouring_floats_the_upper_is_taken_and_the_lower_is_not(low: float) -> None:
    high = float(np.nextafter(low, np.inf))
    threshold = cuts_of(np.array([low, high]), np.array([False, True])).threshold(1)
    assert isinstance(threshold, float)
    assert high >= threshold > low


@given(people, st.floats(0, 25))
def test_the_nearest_count_is_the_nearest_of_all(rows: list[tuple[int, bool]], wanted: float) -> None:
    cuts = cuts_of(np.array([float(s) for s, _ in rows]), np.array([t for _, t in rows]))
    cut = nearest_count(cuts, wanted)
    assert abs(cuts.chosen[cut] - wanted) == min(abs(c - wanted) for c in cuts.chosen.tolist())


# --- precision = recall ---


@pytest.mark.parametrize("decimals", [9, 1, 0])
def test_precision_and_recall_are_as_near_as_scikit_learns_curve_allows(decimals: int) -> None:
    scores, truth = _people(1, decimals=decimals)
    cuts = cuts_of(scores, truth)
    taken = _take(scores, cuts.threshold(equal_precision_recall(cuts)))
    precision, recall, _ = precision_recall_curve(truth, scores)
    caught = recall > 0
    hits = (taken & truth).sum()
    mine = abs(hits / taken.sum() - hits / truth.sum())
    assert mine == pytest.approx(np.abs(precision - recall)[caught].min(), abs=1e-12)


def test_without_ties_precision_equals_recall_where_as_many_are_chosen_as_carry_the_label() -> None:
    scores, truth = _people(2)
    cuts = cuts_of(scores, truth)
    assert cuts.chosen[equal_precision_recall(cuts)] == truth.sum()


def test_cuts_that_catch_nobody_are_no_answer_though_precision_and_recall_are_both_0_there() -> None:
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.6, 0.6, 0.5])
    truth = np.array([False, False, False, True, True, False, False])
    cuts = cuts_of(scores, truth)
    cut = equal_precision_recall(cuts)
    # Six chosen (precision 1/3, recall 1) or seven (2/7, 1): the first is nearer. No cut has them equal.
    assert (cuts.chosen[cut], cuts.hits[cut]) == (6, 2)


def test_of_equally_near_cuts_the_one_with_more_hits_is_taken() -> None:
    # One chosen: precision 1, recall 1/2. All four: precision 1/2, recall 1.
    cuts = cuts_of(np.array([0.9, 0.5, 0.5, 0.5]), np.array([True, True, False, False]))
    assert cuts.threshold(equal_precision_recall(cuts)) == "always"


# --- best F1 ---


def test_of_equal_f1_the_cut_nearest_to_as_many_as_carry_the_label_is_taken() -> None:
    # Four carry it. One chosen and one hit: F1 2/5. Six chosen and two hits: 4/10.
    scores = np.array([0.9] + [0.5] * 5 + [0.1] * 11)
    truth = np.array([True] + [True] + [False] * 4 + [True, True] + [False] * 9)
    cuts = cuts_of(scores, truth)
    assert cuts.f1()[[1, 2]].tolist() == pytest.approx([0.4, 0.4])
    assert cuts.f1()[3] < 0.4
    assert cuts.chosen[shrunk_best_f1(cuts, 0)] == 6


@given(people)
def test_unshrunk_it_is_the_best_f1_of_all_cuts(rows: list[tuple[int, bool]]) -> None:
    cuts = cuts_of(np.array([float(s) for s, _ in rows]), np.array([t for _, t in rows]))
    cut = shrunk_best_f1(cuts, 0)
    assert cuts.f1()[cut] == pytest.approx(cuts.f1().max())
    if cuts.positives:
        assert cut > 0


def test_shrinkage_goes_from_the_best_cut_to_as_many_as_carry_the_label_by_the_stated_formula() -> None:
    scores, truth = _people(3, 400, 0.05, 0.8)
    cuts = cuts_of(scores, truth)
    positives, best = int(truth.sum()), int(cuts.chosen[shrunk_best_f1(cuts, 0)])
    assert best != positives
    for shrinkage in (1.0, 20.0, 300.0):
        weight = positives / (positives + shrinkage)
        expected = weight * best + (1 - weight) * positives
        assert abs(cuts.chosen[shrunk_best_f1(cuts, shrinkage)] - expected) <= 0.5
    assert cuts.chosen[shrunk_best_f1(cuts, 1e12)] == positives


def test_a_monotone_map_of_the_scores_changes_no_choice() -> None:
    scores, truth = _people(4, 300, 0.1)
    one, other = cuts_of(scores, truth), cuts_of(np.exp(3 * scores), truth)
    assert equal_precision_recall(one) == equal_precision_recall(other)
    assert shrunk_best_f1(one, 20) == shrunk_best_f1(other, 20)


def test_rare_labels_do_better_on_others_when_shrunk_and_common_ones_no_worse() -> None:
    """Mean F1 on fresh people over 150 labels of each kind, fitted on 1,000 people."""
    rng = np.random.default_rng(5)

    def fresh_f1(share: float, shrinkage: float, labels: int = 150) -> float:
        found = []
        for seed in rng.integers(0, 2**31, labels):
            scores, truth = _people(int(seed), 1000, share)
            cuts = cuts_of(scores, truth)
            others, theirs = _people(int(seed) + 1, 20000, share)
            taken = _take(others, cuts.threshold(shrunk_best_f1(cuts, shrinkage)))
            found.append(2 * (taken & theirs).sum() / max(1, taken.sum() + theirs.sum()))
        return float(np.mean(found))

    state = rng.bit_generator.state
    plain = fresh_f1(0.01, 0)
    rng.bit_generator.state = state
    assert fresh_f1(0.01, 20) > plain + 0.005
    rng.bit_generator.state = state
    common = fresh_f1(0.3, 0)
    rng.bit_generator.state = state
    assert fresh_f1(0.3, 20) > common - 0.002


# --- nothing to cut ---


@pytest.mark.parametrize("choose", [equal_precision_recall, lambda c: shrunk_best_f1(c, 20)])
def test_without_positives_nobody_is_chosen_and_with_positives_only_everybody(choose: object) -> None:
    assert callable(choose)
    scores = np.linspace(0, 1, 12)
    none, every = (cuts_of(scores, np.full(12, kind)) for kind in (False, True))
    assert none.threshold(choose(none)) == "never"
    assert every.threshold(choose(every)) == "always"


def test_constant_scores_choose_all_or_nobody() -> None:
    def cuts(positives: int) -> Cuts:
        return cuts_of(np.full(10, 0.5), np.arange(10) < positives)

    assert cuts(4).threshold(shrunk_best_f1(cuts(4), 20)) == "always"
    assert cuts(4).threshold(nearest_count(cuts(4), 4)) == "never"
    assert cuts(6).threshold(nearest_count(cuts(6), 6)) == "always"
