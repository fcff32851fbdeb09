"""Set figures against scikit-learn, on random and degenerate matrices, and against the paper's own table."""

from __future__ import annotations

import csv
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as sk

from emoscene.datasets.emotic.gt_all import SIZES
from emoscene.labels import label_space
from emoscene.metrics.sets import SET_KEYS, SetTotals, accuracy, set_metrics

MAJORITY = ("engagement", "happiness", "excitement", "confidence", "anticipation", "pleasure")


def _reference(truth: Any, chosen: Any) -> dict[str, float]:
    found: dict[str, float] = {}
    for average in ("macro", "micro", "samples", "weighted"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            p, r, f, _ = sk.precision_recall_fscore_support(truth, chosen, average=average, zero_division=0)
            found |= {f"{average}_precision": p, f"{average}_recall": r, f"{average}_f1": f}
            if average != "weighted":
                found[f"{average}_jaccard"] = sk.jaccard_score(
                    truth, chosen, average=average, zero_division=0
                )
    found["hamming"] = sk.hamming_loss(truth, chosen)
    found["subset_accuracy"] = sk.accuracy_score(truth, chosen)
    return found


@pytest.mark.parametrize("shape", [(1, 2), (7, 3), (200, 26), (50, 2)])
@pytest.mark.parametrize("density", [0.05, 0.3, 0.9])
def test_every_figure_is_scikit_learns(shape: tuple[int, int], density: float) -> None:
    rng = np.random.default_rng(1)
    truth, chosen = (rng.random(shape) < density for _ in range(2))
    ours, theirs = set_metrics(truth, chosen).figures, _reference(truth, chosen)
    assert set(ours) == set(theirs) == set(SET_KEYS)
    for key, figure in ours.items():
        # What scikit-learn calls 0 for want of a denominator is nan here.
        assert figure.value == pytest.approx(theirs[key], abs=1e-12) or (
            figure.reason is not None and theirs[key] == 0
        )


@given(arrays(np.bool_, (6, 4)), arrays(np.bool_, (6, 4)))
def test_any_matrix_agrees_with_scikit_learn_or_says_why_not(truth: Any, chosen: Any) -> None:
    theirs = _reference(truth, chosen)
    for key, figure in set_metrics(truth, chosen).figures.items():
        assert math.isnan(figure.value) == (figure.reason is not None)
        assert figure.value == pytest.approx(theirs[key], abs=1e-12) or theirs[key] == 0


def test_what_is_undefined_is_nan_with_a_reason_and_never_0() -> None:
    truth = np.array([[1, 0, 0], [1, 1, 0]])
    silent = set_metrics(truth, np.zeros_like(truth))
    for key in ("micro_precision", "macro_precision"):
        assert math.isnan(silent.figures[key].value)
        assert silent.figures[key].reason == "no label was named for anyone"
    assert silent.figures["macro_recall"].value == 0
    assert np.isnan(silent.per_class["precision"]).all()
    assert silent.per_class["recall"].tolist()[:2] == [0, 0]
    assert np.isnan(silent.per_class["recall"][2])
    assert silent.undefined == {"precision": 3, "recall": 1, "f1": 1}
    nobody = set_metrics(np.zeros((0, 3)), np.zeros((0, 3)))
    assert {figure.reason for figure in nobody.figures.values()} == {"there is nobody to score"}


def test_an_undefined_class_counts_0_in_the_macro_average_as_in_the_paper() -> None:
    truth = np.array([[1, 0], [1, 0]])
    assert set_metrics(truth, truth).figures["macro_f1"].value == 0.5
    assert math.isnan(set_metrics(truth, truth).per_class["f1"][1])


@pytest.mark.parametrize(
    ("truth", "chosen", "what"),
    [
        ([[1, 0]], [[1]], "share one shape"),
        ([1, 0], [1, 0], "the shape"),
        ([[2, 0]], [[1, 0]], "0 or 1"),
        ([[float("nan"), 0]], [[1, 0]], "0 or 1"),
    ],
)
def test_what_is_no_pair_of_label_matrices_is_refused(truth: Any, chosen: Any, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        set_metrics(truth, chosen)


def test_groups_add_up_to_the_same_figures() -> None:
    rng = np.random.default_rng(0)
    truth, chosen = (rng.random((40, 5)) < 0.4 for _ in range(2))
    groups = [f"picture {i}" for i in rng.integers(0, 12, 40)]
    grouped, alone = SetTotals.of(truth, chosen, groups), SetTotals.of(truth, chosen)
    assert len(grouped.totals) == len(set(groups))
    for key, value in grouped.figures().items():
        assert value == pytest.approx(alone.figures()[key])
    with pytest.raises(ValueError, match="one group a row"):
        SetTotals.of(truth, chosen, groups[1:])


def test_accuracy_counts_no_answer_as_wrong() -> None:
    assert accuracy(["a", "b", "c"], ["a", "c", None]) == pytest.approx(1 / 3)
    assert math.isnan(accuracy([], []))
    with pytest.raises(ValueError, match="one prediction a row"):
        accuracy(["a"], [])


@st.composite
def _single(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    size = draw(st.integers(1, 20))
    each = st.lists(st.integers(0, 3), min_size=size, max_size=size)
    return draw(each), draw(each)


@given(_single())
def test_accuracy_is_scikit_learns(pair: tuple[list[int], list[int]]) -> None:
    assert accuracy(*pair) == pytest.approx(sk.accuracy_score(*pair))


def _emotic_test_truth(folder: Path) -> Any:
    space = label_space("emotic")
    skipped = SIZES["train"] + SIZES["val"]
    with (folder / "emotic-labels" / "gt_all.csv").open(encoding="utf-8") as stream:
        rows = list(csv.reader(stream))[skipped:]
    named = [{space.find(word.strip(" '")) for word in row[1].strip("[]").split(",")} for row in rows]
    return np.array([[space[label] in of_one for label in space.ids] for of_one in named])


def test_the_published_rows_come_out_of_the_published_labels(reference_data: Path) -> None:
    truth = _emotic_test_truth(reference_data)
    ids = label_space("emotic").ids
    majority = np.tile([label in MAJORITY for label in ids], (len(truth), 1))
    found = {key: 100 * figure.value for key, figure in set_metrics(truth, majority).figures.items()}
    for key, paper in (("macro_precision", 11.41), ("macro_recall", 23.08), ("macro_f1", 15.01),
                       ("hamming", 17.24), ("subset_accuracy", 0.76)):  # fmt: skip
        assert found[key] == pytest.approx(paper, abs=0.02)
    for key, known in (("micro_f1", 56.98), ("samples_f1", 56.18), ("weighted_f1", 46.05),
                       ("samples_jaccard", 42.33), ("macro_jaccard", 11.41), ("micro_jaccard", 39.84)):  # fmt: skip
        assert found[key] == pytest.approx(known, abs=0.01)
    everything = set_metrics(truth, np.ones_like(truth)).figures
    assert 100 * everything["macro_f1"].value == pytest.approx(25.12, abs=0.01)
    assert 100 * everything["hamming"].value == pytest.approx(83.02, abs=0.01)
    nothing = set_metrics(truth, np.zeros_like(truth)).figures
    assert 100 * nothing["hamming"].value == pytest.approx(16.98, abs=0.01)
