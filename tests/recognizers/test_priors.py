"""Priors look at nobody: what they name depends on the seed, the person's id and the counted labels alone."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from emoscene.errors import InputError, OptionError
from emoscene.labels import label_space
from emoscene.recognizers import priors, registry
from emoscene.recognizers.base import Fittable
from emoscene.recognizers.conformance import check_recognizer
from emoscene.types import Sample, ScoreKind

SPACE = label_space("emotic")
NAMES = ("majority", "rand6", "rand6_weighted", "all_labels", "none")
KNOWN = [
    Sample(id=str(i), target=frozenset({"anger", "fear"} if i % 3 else {"fear", "peace"})) for i in range(30)
]


def _ready(name: str, **options: object) -> priors.Prior:
    made = registry.create(name, SPACE, options)
    assert isinstance(made, priors.Prior)
    if isinstance(made, Fittable):
        made.fit(KNOWN)
    return made


def _people(n: int) -> list[Sample]:
    return [Sample(id=f"person {i}") for i in range(n)]


@pytest.mark.parametrize("name", NAMES)
def test_a_prior_keeps_the_promises_of_a_recognizer(name: str) -> None:
    report = check_recognizer(_ready(name))
    report.raise_if_failed()


@pytest.mark.parametrize("name", NAMES)
def test_answers_are_sets_that_depend_on_the_id_alone(name: str) -> None:
    people = _people(40)
    rows = {row.id: row for row in _ready(name).predict(people)}
    assert all(row.ok and row.score_kind is ScoreKind.MEMBERSHIP for row in rows.values())
    shuffled = random.Random(0).sample(people, len(people))
    again = _ready(name)
    again.batch_size = 3
    assert {row.id: row for row in again.predict(shuffled)} == rows


def test_majority_names_the_most_frequent_labels_first() -> None:
    (row,) = _ready("majority", k=3).predict(_people(1))
    assert row.labels == ("fear", "anger", "peace")
    assert row.dominant == "fear"
    (default,) = _ready("majority").predict(_people(1))
    assert len(default.labels) == 6


def test_draws_follow_the_seed_and_the_frequencies() -> None:
    one, two = ([r.labels for r in _ready("rand6", seed=s).predict(_people(50))] for s in (0, 1))
    assert one != two
    assert all(len(set(labels)) == 6 for labels in one)
    drawn = Counter(label for row in _ready("rand6").predict(_people(2600)) for label in row.labels)
    assert set(drawn) == set(SPACE.ids)
    assert all(480 < count < 720 for count in drawn.values())  # 600 each, give or take five deviations
    first = Counter(row.labels[0] for row in _ready("rand6_weighted").predict(_people(2000)))
    # fear stands in 30 of 60 labels, anger in 20, peace in 10.
    assert first["fear"] == pytest.approx(1000, abs=120)
    assert first["anger"] == pytest.approx(667, abs=110)
    assert set(first) == {"fear", "anger", "peace"}


def test_the_two_ends() -> None:
    (everything,) = _ready("all_labels").predict(_people(1))
    (nothing,) = _ready("none").predict(_people(1))
    assert everything.labels == SPACE.ids
    assert nothing.labels == ()
    assert nothing.dominant is None


def test_one_label_is_named_in_a_space_of_single_labels() -> None:
    space = label_space("ekman")
    assert not space.multi_label
    (row,) = priors.make_rand6(space).predict(_people(1))
    assert len(row.labels) == 1


@pytest.mark.parametrize("name", ["majority", "rand6_weighted"])
def test_a_prior_that_was_not_fitted_says_how_to(name: str) -> None:
    made = registry.create(name, SPACE, {})
    with pytest.raises(OptionError, match=r"must be fitted first.*--fit-split"):
        made.predict(_people(1))
    assert isinstance(made, Fittable)
    with pytest.raises(InputError, match="no labels to count"):
        made.fit([Sample(id="nobody")])


@pytest.mark.parametrize("k", [0, 27])
def test_an_impossible_number_of_labels_is_refused(k: int) -> None:
    with pytest.raises(OptionError, match="From 1 to 26"):
        registry.create("rand6", SPACE, {"k": k})
