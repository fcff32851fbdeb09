"""The figures and the frozen gates of the controlled splits."""

from __future__ import annotations

import numpy as np
import pytest

from emoscene.datasets.scenes import CONTROLLED, EMOTIONS, controlled
from emoscene.datasets.scenes.bias import LABEL
from emoscene.datasets.scenes.controlled import rare_labels
from emoscene.datasets.scenes.split_gates import (
    SPLIT_GATES,
    SplitGate,
    measure_split,
    measured,
    pair_ranking,
    read_person,
    readers_of,
)
from emoscene.metrics.ranking import average_precision, mean_ap


@pytest.mark.slow
@pytest.mark.parametrize("split", CONTROLLED)
def test_the_gates_hold_on_people_they_were_not_measured_on(split: str) -> None:
    report = measure_split(split, 150 if split == "others_decide" else 400, seed=77)
    assert report.gates
    assert report.passed, (report.figures, report.gates)


def test_every_controlled_split_has_a_gate_on_readers_it_has() -> None:
    assert set(CONTROLLED) <= set(SPLIT_GATES)
    for split, gates in SPLIT_GATES.items():
        assert gates
        for gate in gates:
            assert {gate.reader, gate.whole} <= set(readers_of(split))
            assert (gate.most is None) != (gate.least is None)


def test_a_gate_fails_beyond_its_bound() -> None:
    figures = {"context": 0.4, "picture": 0.5, "picture_words": 0.6}
    assert SplitGate("context", most=0.8).holds(figures)
    assert not SplitGate("context", most=0.79).holds(figures)
    assert SplitGate("picture_words", least=1.2).holds(figures)
    assert not SplitGate("picture_words", least=1.21).holds(figures)
    assert str(SplitGate("context", most=0.8)) == "context at most 0.80 of picture"


def test_pairs_are_ranked_by_the_labels_that_one_of_them_has() -> None:
    targets = np.array([[1, 0, 1], [0, 0, 1], [1, 1, 0], [0, 0, 1]], bool)
    scores = np.array([[0.9, 0.1, 0.2], [0.3, 0.8, 0.7], [0.4, 0.6, 0.5], [0.5, 0.6, 0.9]])
    # Label 0: right, wrong; label 1: a tie; label 2: right
    assert pair_ranking(targets, scores) == pytest.approx((1 + 0 + 0.5 + 1) / 4)
    assert np.isnan(pair_ranking(targets[:1].repeat(2, axis=0), scores[:2]))


def test_each_split_is_measured_in_its_own_figure() -> None:
    for split, columns in (
        ("rare", [EMOTIONS.index(name) for name in rare_labels()]),
        ("conflict", list(range(26))),
    ):
        people = list(controlled(split, 4, 60))
        scores = np.array([read_person(person, "picture") for person in people])
        targets = np.array([[e in p.scene.people[p.subject].labels for e in EMOTIONS] for p in people])
        assert measured(split, targets, scores) == mean_ap(targets[:, columns], scores[:, columns]).value
    column = EMOTIONS.index(LABEL)
    people = list(controlled("bias_reversed", 4, 200))
    scores = np.array([read_person(person, "picture_colour") for person in people])
    targets = np.array([[e in p.scene.people[p.subject].labels for e in EMOTIONS] for p in people])
    expected = average_precision(targets[:, column], scores[:, column])
    assert measured("bias_reversed", targets, scores) == expected


def test_a_report_is_plain_values() -> None:
    plain = measure_split("counterfactual", 60).to_json()
    assert plain["figure"] == "ranked"
    assert plain["figures"]["person"] == 0.5
    assert plain["gates"]["person at most 0.60 of picture"] is True
    assert plain["pictures"] == 60
