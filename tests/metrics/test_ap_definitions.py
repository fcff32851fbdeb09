"""The three definitions of average precision against plain transcriptions, ROC-AUC and top-k against scikit-learn."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from emoscene.metrics.bootstrap import ap_intervals, mean_ap_ci, paired_mean_ap_ci
from emoscene.metrics.interval import Resampling
from emoscene.metrics.ranking import RankedTargets, average_precision, mean_ap, roc_auc, top_k_metrics

_Pairs = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=1, max_size=30)


def _points(truth: Any, score: Any) -> list[tuple[float, float]]:
    """(recall, precision) at every threshold that the scores give, from the highest down."""
    found = []
    for threshold in sorted(set(score), reverse=True):
        said = [s >= threshold for s in score]
        hits = sum(t and s for t, s in zip(truth, said, strict=True))
        found.append((hits / sum(truth), hits / sum(said)))
    return found


def _voc2010(truth: Any, score: Any) -> float:
    points = _points(truth, score)
    area, before = 0.0, 0.0
    for recall, _ in points:
        area += (recall - before) * max(p for r, p in points if r >= recall)
        before = recall
    return area


def _voc11(truth: Any, score: Any) -> float:
    points = _points(truth, score)
    return sum(max(p for r, p in points if r >= step / 10 - 1e-12) for step in range(11)) / 11


@given(_Pairs)
def test_each_definition_is_its_plain_transcription(pairs: list[tuple[bool, int]]) -> None:
    truth, score = (list(column) for column in zip(*pairs, strict=True))
    if not any(truth):
        assert math.isnan(average_precision(truth, score, "voc2010"))
        assert math.isnan(average_precision(truth, score, "voc11"))
        return
    assert average_precision(truth, score) == pytest.approx(sk.average_precision_score(truth, score))
    assert average_precision(truth, score, "voc2010") == pytest.approx(_voc2010(truth, score))
    assert average_precision(truth, score, "voc11") == pytest.approx(_voc11(truth, score))


@given(_Pairs, st.integers(0, 3))
def test_a_weight_is_so_many_rows(pairs: list[tuple[bool, int]], seed: int) -> None:
    truth, score = (np.array(column) for column in zip(*pairs, strict=True))
    weights = np.random.default_rng(seed).integers(0, 4, len(truth))
    rows = np.repeat(np.arange(len(truth)), weights)
    ranked = RankedTargets(truth[:, None], score[:, None])
    for definition in ("step", "voc2010", "voc11"):
        expected = average_precision(truth[rows], score[rows], definition)
        found = ranked.average_precisions(weights, definition)[0]
        assert found == pytest.approx(expected, nan_ok=True)


def test_on_random_scores_the_definitions_differ_as_is_known() -> None:
    """EMOTIC's test prevalences: about 17.1, 17.5 and 18.6 %, with chance at 17.0."""
    from benchmarks.bootstrap import PEOPLE, POSITIVES

    rng = np.random.default_rng(0)
    truth = np.zeros((PEOPLE, len(POSITIVES)), dtype=bool)
    for label, count in enumerate(POSITIVES):
        truth[rng.choice(PEOPLE, count, replace=False), label] = True
    found = [np.mean([100 * mean_ap(truth, rng.random(truth.shape), definition=name).value for _ in range(3)])
             for name in ("step", "voc2010", "voc11")]  # fmt: skip
    assert found[:2] == pytest.approx([17.07, 17.46], abs=0.15)
    # The point at recall 0 is the luck of the first few people of each class: about 0.4 of deviation a draw.
    assert found[2] == pytest.approx(18.64, abs=0.8)


def test_classes_without_a_positive_are_left_out_and_counted() -> None:
    truth = np.array([[1, 0], [0, 0]])
    found = mean_ap(truth, np.array([[0.1, 0.2], [0.3, 0.4]]), definition="voc11")
    assert (found.value, found.classes) == (0.5, 1)
    assert mean_ap(np.zeros((2, 2)), np.ones((2, 2))).reason == "no class has a positive"


def test_roc_auc_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    truth, score = rng.random((80, 4)) < 0.3, rng.integers(0, 7, (80, 4)) / 7
    truth[:, 3] = False
    found = roc_auc(truth, score)
    for at in range(3):
        assert found.per_class[at] == pytest.approx(sk.roc_auc_score(truth[:, at], score[:, at]))
    assert math.isnan(found.per_class[3])
    assert found.classes == 3
    assert found.value == pytest.approx(sk.roc_auc_score(truth[:, :3], score[:, :3], average="macro"))
    assert roc_auc([[1], [1]], [[0.1], [0.2]]).reason == "no class has both a positive and a negative"


def test_top_k_by_hand_and_by_scikit_learn() -> None:
    truth = np.array([[1, 1, 0], [0, 0, 1], [0, 0, 0]])
    score = np.array([[0.9, 0.1, 0.5], [0.5, 0.5, 0.5], [0.1, 0.2, 0.3]])
    found = top_k_metrics(truth, score, 2)
    # The second person's scores are equal: the first two labels are taken, and neither holds.
    assert found["top_2_precision"].value == pytest.approx(1 / 6)
    assert found["top_2_recall"].value == pytest.approx(0.25)
    assert found["top_2_hit"].value == pytest.approx(1 / 3)
    rng = np.random.default_rng(0)
    single, scores = rng.integers(0, 5, 60), rng.random((60, 5))
    for k in (1, 3):
        ours = top_k_metrics(np.eye(5)[single], scores, k)[f"top_{k}_hit"].value
        assert ours == pytest.approx(sk.top_k_accuracy_score(single, scores, k=k))
    assert top_k_metrics(np.zeros((0, 3)), np.zeros((0, 3)), 1)["top_1_hit"].reason is not None
    assert top_k_metrics(np.zeros((2, 3)), np.zeros((2, 3)), 1)["top_1_recall"].reason is not None
    with pytest.raises(ValueError, match="k must lie from 1 to 3"):
        top_k_metrics(truth, score, 4)


def test_bca_of_mean_ap_leans_the_same_way_as_scipys() -> None:
    rng = np.random.default_rng(3)
    truth = rng.random((60, 1)) < 0.3
    score = rng.random((60, 1)) + 0.4 * truth
    plan = Resampling(1500)
    ours = mean_ap_ci(truth, score, plan=plan, method="bca")
    theirs = stats.bootstrap(
        (np.arange(60),),
        lambda rows: average_precision(truth[rows, 0], score[rows, 0]),
        n_resamples=1500,
        vectorized=False,
        method="BCa",
        rng=np.random.default_rng(0),
    ).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.03)
    plain = mean_ap_ci(truth, score, plan=plan)
    assert (ours.low, ours.high) != (plain.low, plain.high)
    none = paired_mean_ap_ci(truth, (score, score), plan=plan, method="bca")
    assert (none.low, none.high) == (0, 0)


def test_intervals_of_each_class_hold_the_class() -> None:
    rng = np.random.default_rng(3)
    truth = rng.random((80, 3)) < 0.3
    truth[:, 2] = False
    score = rng.random((80, 3)) + 0.4 * truth
    pictures = [i // 2 for i in range(80)]
    mean, found = ap_intervals(truth, score, pictures, Resampling(100))
    assert mean == mean_ap_ci(truth, score, pictures, Resampling(100))
    for at in range(2):
        assert found[at].low < average_precision(truth[:, at], score[:, at]) < found[at].high
    assert found[2].reason == "the figure was undefined in every round"
    bca, again = ap_intervals(truth, score, pictures, Resampling(100), method="bca")
    assert bca == mean_ap_ci(truth, score, pictures, Resampling(100), method="bca")
    assert again[:2] == found[:2]


def test_an_unknown_definition_is_refused() -> None:
    with pytest.raises(ValueError, match="step, voc2010, voc11, not 'voc'"):
        mean_ap([[1], [0]], [[1.0], [2.0]], "voc")  # type: ignore[arg-type]
