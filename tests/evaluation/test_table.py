"""Answers beside known labels: nobody is dropped in silence, and what does not fit is an error that names it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from emoscene.errors import InputError
from emoscene.evaluation.table import MISSING, align
from emoscene.labels import label_space
from emoscene.runs.truth import TruthRow
from emoscene.types import VAD, ErrorInfo, Prediction, ScoreKind, Status

SPACE = label_space("ekman")
FIRST, SECOND = SPACE.ids[:2]


def _person(name: str, *labels: str, **known: Any) -> TruthRow:
    return TruthRow(id=name, group=known.pop("group", name), labels=frozenset(labels), **known)


def _row(name: str, *labels: str, kind: ScoreKind = ScoreKind.YES_SHARE, **more: Any) -> Prediction:
    scores = {label: 0.9 if label in labels else 0.1 for label in SPACE.ids}
    return Prediction(
        id=name,
        status=Status.OK,
        scores=scores,
        score_kind=kind,
        labels=labels,
        dominant=labels[0] if labels else None,
        **more,
    )


def _failed(name: str, status: Status = Status.UNPARSED) -> Prediction:
    return Prediction(id=name, status=status, error=ErrorInfo(code="x", message="no"))


def test_rows_are_found_by_id_in_any_order() -> None:
    people = [_person("a", FIRST, group="p"), _person("b", SECOND, group="p")]
    vad = VAD(valence=2, arousal=3, dominance=4)
    table = align(people, [_row("b", FIRST), _row("a", FIRST, vad=vad)], SPACE)
    assert table.ids == ("a", "b")
    assert table.groups == ("p", "p")
    assert table.truth[:, 0].tolist() == [True, False]
    assert table.chosen[:, 0].tolist() == [True, True]
    assert table.scores[0, :2].tolist() == [0.9, 0.1]
    assert table.vad[0].tolist() == [2, 3, 4]
    assert np.isnan(table.vad[1]).all()
    assert table.dominant.tolist() == [0, 0]
    assert table.ok.all()
    assert table.ranks
    assert table.score_kind is ScoreKind.YES_SHARE


def test_who_was_not_answered_counts_as_an_empty_answer_below_everybody() -> None:
    people = [_person(name, FIRST) for name in "abc"]
    table = align(people, [_row("a", FIRST), _failed("b")], SPACE, missing="empty")
    assert table.statuses == ("ok", "unparsed", MISSING)
    assert table.chosen.sum(axis=1).tolist() == [1, 0, 0]
    ranking = table.ranking()
    assert np.isfinite(ranking).all()
    assert (ranking[1:] < ranking[0]).all()
    assert any("2 of 3 people were not answered" in said for said in table.warnings)


def test_people_without_known_labels_are_left_out_and_counted() -> None:
    people = [_person("a", FIRST), TruthRow(id="b")]
    table = align(people, [_row("a", FIRST), _row("b", FIRST)], SPACE)
    assert (table.ids, table.unlabelled) == (("a",), 1)
    assert any("1 people without known labels" in said for said in table.warnings)


def test_a_constant_answer_is_said() -> None:
    people = [_person("a", FIRST), _person("b", SECOND)]
    same = align(people, [_row("a", FIRST), _row("b", FIRST)], SPACE)
    assert any("every answer names the same labels" in said for said in same.warnings)
    different = align(people, [_row("a", FIRST), _row("b", SECOND)], SPACE)
    assert different.warnings == ()


def test_scores_of_two_kinds_rank_nobody() -> None:
    people = [_person("a", FIRST), _person("b", SECOND)]
    mixed = align(people, [_row("a", FIRST), _row("b", SECOND, kind=ScoreKind.SIMILARITY)], SPACE)
    assert mixed.score_kind is None
    assert not mixed.ranks
    assert any("different kinds of scores" in said for said in mixed.warnings)
    sets = align(people, [_row(name, FIRST, kind=ScoreKind.MEMBERSHIP) for name in "ab"], SPACE)
    assert not sets.ranks


@pytest.mark.parametrize(
    ("people", "rows", "what"),
    [
        (["a", "b"], ["a"], "1 of 2 people have no answer: b. .*--missing empty"),
        (["a"], ["a", "a"], "two rows have one id: a"),
        (["a", "a"], ["a"], "two people have one id: a"),
        (["a"], ["a", "z"], "a row is about nobody whose labels are known: z"),
        ([], [], "nobody has known labels"),
    ],
)
def test_what_does_not_fit_is_named(people: list[str], rows: list[str], what: str) -> None:
    with pytest.raises(InputError, match=what):
        align([_person(name, FIRST) for name in people], [_row(name, FIRST) for name in rows], SPACE)


def test_rows_with_some_scores_or_impossible_ones_are_named() -> None:
    some = Prediction(id="a", status=Status.OK, scores={FIRST: 0.5}, score_kind=ScoreKind.SIMILARITY)
    with pytest.raises(InputError, match="the row a has scores of 1 of 7 labels"):
        align([_person("a", FIRST)], [some], SPACE)
    scores = dict.fromkeys(SPACE.ids, 1.7)
    high = Prediction(id="a", status=Status.OK, scores=scores, score_kind=ScoreKind.YES_SHARE)
    with pytest.raises(InputError, match="outside of 0 to 1"):
        align([_person("a", FIRST)], [high], SPACE)


def test_the_order_of_people_does_not_matter() -> None:
    people, rows = [_person(name, FIRST) for name in "cab"], [_row(name, FIRST) for name in "bca"]
    assert align(people, rows, SPACE).ids == align(people[::-1], rows, SPACE).ids == ("a", "b", "c")


def test_labels_of_another_space_are_named() -> None:
    other = label_space("emotic")
    strange = Prediction(
        id="a",
        status=Status.OK,
        scores={"yearning": 1.0},
        score_kind=ScoreKind.MEMBERSHIP,
        labels=("yearning",),
    )
    assert "yearning" in other
    with pytest.raises(InputError, match="the row a holds a label that is none of ekman: yearning"):
        align([_person("a", FIRST)], [strange], SPACE)
    with pytest.raises(InputError, match="a true label of a is none of ekman: yearning"):
        align([_person("a", "yearning")], [_row("a", FIRST)], SPACE)
