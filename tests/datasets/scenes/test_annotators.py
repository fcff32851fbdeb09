from __future__ import annotations

import itertools

import numpy as np
import pytest

from emoscene.datasets.scenes import EMOTIONS, annotators, people_of, sample_scene
from emoscene.datasets.scenes.annotators import pool
from emoscene.errors import OptionError

PEOPLE = list(people_of("test", 41, 600))
VOTES = [annotators(p.scene, p.subject) for p in PEOPLE]


def test_votes_repeat_and_fewer_are_the_first_of_more() -> None:
    scene = sample_scene(41, 3, split="test")
    assert annotators(scene, 0) == annotators(scene, 0)
    assert annotators(scene, 0, 3) == annotators(scene, 0, 12)[:3]
    assert len({vote.annotator for vote in annotators(scene, 0, 20)}) == 20


def test_every_vote_is_one_an_annotator_could_give() -> None:
    for vote in itertools.chain.from_iterable(VOTES):
        assert vote.labels
        assert vote.labels <= set(EMOTIONS)
        assert all(1 <= value <= 10 for value in vote.vad)


def test_annotators_disagree_but_not_at_random() -> None:
    """Fleiss' kappa of the labels, by its definition."""
    counts = np.array(
        [[sum(label in vote.labels for vote in votes) for label in EMOTIONS] for votes in VOTES]
    )
    n = 5
    agreed = (counts * (counts - 1) + (n - counts) * (n - counts - 1)).mean(0) / (n * (n - 1))
    share = counts.mean(0) / n
    by_chance = share**2 + (1 - share) ** 2
    kappa = (agreed - by_chance) / (1 - by_chance)
    assert 0.25 < kappa.mean() < 0.6
    assert kappa.min() > 0.1


def test_most_find_what_holds() -> None:
    truth = np.array([[label in p.scene.people[p.subject].labels for label in EMOTIONS] for p in PEOPLE])
    share = np.array(
        [[np.mean([label in vote.labels for vote in votes]) for label in EMOTIONS] for votes in VOTES]
    )
    assert share[truth].mean() > 0.5
    assert share[~truth].mean() < 0.06


def test_the_lenient_give_more_labels_and_the_sensitive_miss_fewer() -> None:
    given: dict[str, list[int]] = {who.name: [] for who in pool()}
    hits: dict[str, list[float]] = {who.name: [] for who in pool()}
    for person in PEOPLE:
        true = person.scene.people[person.subject].labels
        for vote in annotators(person.scene, person.subject, 20):
            given[vote.annotator].append(len(vote.labels - true))
            hits[vote.annotator].append(len(vote.labels & true))
    lenient, sensitive = [who.leniency for who in pool()], [who.sensitivity for who in pool()]
    assert np.corrcoef(lenient, [np.mean(given[who.name]) for who in pool()])[0, 1] > 0.9
    assert np.corrcoef(sensitive, [np.mean(hits[who.name]) for who in pool()])[0, 1] > 0.9


@pytest.mark.parametrize("n", [0, 21])
def test_an_impossible_number_is_refused(n: int) -> None:
    with pytest.raises(OptionError, match="annotators"):
        annotators(PEOPLE[0].scene, 0, n)
