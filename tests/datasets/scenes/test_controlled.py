"""Controlled splits: chosen by what shows, exact readers stay exact, pairs share what they should."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest

from emoscene.datasets.scenes import (
    CONTROLLED,
    EMOTIONS,
    Person,
    controlled,
    draw_scene,
    people_of,
    read,
    scene_by_id,
)
from emoscene.datasets.scenes.appraisal import tables
from emoscene.datasets.scenes.bias import COLOUR, LABEL, OTHER_COLOUR, read_colour
from emoscene.datasets.scenes.controlled import DECIDES, PAIRED, effects, rare_labels
from emoscene.datasets.scenes.readers import irony_given_all
from emoscene.datasets.scenes.split_gates import targets_of_people
from emoscene.errors import OptionError

Array = npt.NDArray[np.float64]
SEED = 31
FEW = {"scene_decides": 80, "others_decide": 40}


@cache
def people(name: str) -> tuple[Person, ...]:
    return tuple(controlled(name, SEED, FEW.get(name, 160)))


@pytest.mark.parametrize("name", CONTROLLED)
def test_all_that_is_given_stays_exact_on_every_split(name: str) -> None:
    """Monte Carlo: nobody was chosen by what is hidden, so the truth averages what the best reader expects."""
    reader = "picture_words" if name in ("words_decide", "irony") else "picture"
    truth = np.array([p.scene.people[p.subject].probabilities for p in people(name)])
    error = truth - np.array([read(p.scene, p.subject, reader) for p in people(name)])
    independent = [p.pair or p.scene.id for p in people(name)]
    by_group = [error[[g == group for g in independent]].sum(0) for group in dict.fromkeys(independent)]
    sums = np.array(by_group)
    z = np.abs(sums.sum(0)) / (np.sqrt((sums**2).sum(0)) + 1e-9)
    assert z.max() < 4.5


@pytest.mark.parametrize("name", CONTROLLED)
def test_a_longer_request_goes_on_where_a_shorter_one_ends(name: str) -> None:
    few = list(controlled(name, SEED, 6))
    assert [(p.scene.id, p.subject, p.pair, p.side) for p in few] == [
        (p.scene.id, p.subject, p.pair, p.side) for p in people(name)[:6]
    ]
    assert few[0].scene.id != next(controlled(name, SEED + 1, 2)).scene.id


@pytest.mark.parametrize("name", CONTROLLED)
def test_a_scene_comes_back_by_its_id(name: str) -> None:
    for person in people(name)[:4]:
        again = scene_by_id(person.scene.id)
        assert again.id == person.scene.id
        there, here = again.people[person.subject], person.scene.people[person.subject]
        assert (there.look, there.labels, there.vad) == (here.look, here.labels, here.vad)
        assert draw_scene(again, 48).tobytes() == draw_scene(person.scene, 48).tobytes()


@pytest.mark.parametrize("part", DECIDES)
def test_the_part_that_decides_changes_most(part: str) -> None:
    name = f"{part}_decide" if part in ("others", "words") else f"{part}_decides"
    for person in people(name)[:40]:
        parts = ("face", "scene", "others", *(["words"] if part == "words" else []))
        found = effects(person.scene, person.subject, parts, words=part == "words")
        assert max(found, key=lambda key: found[key]) == part
        assert found[part] >= DECIDES[part]


def test_faces_and_scenes_in_conflict_suggest_valences_apart() -> None:
    def valence(person: Person, reader: str) -> float:
        return float(tables().vad_mean(read(person.scene, person.subject, reader))[0])

    middle = valence(people("conflict")[0], "prevalence")
    for person in people("conflict"):
        face, context = (valence(person, reader) - middle for reader in ("face_pose", "context"))
        assert face * context < 0
        assert min(abs(face), abs(context)) >= 0.6


def test_irony_is_likelier_than_not_and_as_likely_as_said() -> None:
    chance = np.array([irony_given_all(p.scene, p.subject) for p in people("irony")])
    ironic = np.array([p.scene.people[p.subject].ironic for p in people("irony")])
    assert chance.min() >= 0.5
    assert abs((ironic - chance).sum()) < 4.5 * np.sqrt((chance * (1 - chance)).sum())


def test_the_chance_of_irony_is_exact_for_everybody() -> None:
    everybody = list(people_of("test", SEED, 2500))
    chance = np.array([irony_given_all(p.scene, p.subject) for p in everybody])
    ironic = np.array([p.scene.people[p.subject].ironic for p in everybody])
    for low, high in itertools.pairwise((1e-9, 0.05, 0.2, 0.5, 1.1)):
        at = (chance >= low) & (chance < high)
        assert at.sum() > 20
        spread = np.sqrt((chance[at] * (1 - chance[at])).sum())
        assert abs((ironic[at] - chance[at]).sum()) < 4.5 * spread
    assert not ironic[chance == 0].any()


def test_every_rare_label_is_likely_for_as_many() -> None:
    columns = [EMOTIONS.index(label) for label in rare_labels()]
    likely = np.array([read(p.scene, p.subject, "picture")[columns] for p in people("rare")])
    assert likely.max(1).min() >= 0.5
    counts = np.bincount(likely.argmax(1), minlength=8)
    assert counts.max() - counts.min() <= 3
    assert targets_of_people(people("rare"))[:, columns].mean() > 0.1


def test_new_combinations_never_occur_in_training() -> None:
    assert all((p.scene.event, p.scene.setting) in tables().held_out for p in people("new_combinations"))
    seen = {(p.scene.event, p.scene.setting) for p in people_of("bias_train", SEED, 1500)}
    assert not seen & tables().held_out


def test_counterfactual_pairs_differ_outside_the_box_only() -> None:
    found = people("counterfactual")
    for a, b in zip(found[::2], found[1::2], strict=True):
        one, other = a.scene.people[a.subject], b.scene.people[b.subject]
        assert a.pair == b.pair
        assert (a.side, b.side) == ("a", "b")
        for kept in ("look", "expression", "pose", "mark", "age", "box", "head", "words"):
            assert getattr(one, kept) == getattr(other, kept)
        assert one.words is None
        assert a.scene.event != b.scene.event
        assert a.scene.setting != b.scene.setting
        assert len(a.scene.people) == len(b.scene.people)
        roles = [actor.role for actor in b.scene.people]
        event = tables().events.index(b.scene.event)
        slots = {role.name: role.slots for role in tables().roles[event]}
        assert all(roles.count(role) <= slots[role] for role in roles)
        assert np.array_equal(read(a.scene, a.subject, "person"), read(b.scene, b.subject, "person"))
        gap = read(a.scene, a.subject, "picture") - read(b.scene, b.subject, "picture")
        assert np.abs(gap).max() >= 0.5


def test_the_other_side_is_drawn_from_the_table() -> None:
    """Monte Carlo: labels of side b come up as often as the oracle of its picture expects, label by label."""
    found = [person for person in controlled("counterfactual", SEED + 5, 1200) if person.side == "b"]
    truth = targets_of_people(found).astype(float)
    expected = np.array([read(p.scene, p.subject, "picture") for p in found])
    z = (truth - expected).sum(0) / np.sqrt((expected * (1 - expected)).sum(0))
    assert np.abs(z).max() < 4.5


def test_two_people_of_one_picture_are_told_apart_by_themselves_only() -> None:
    found = people("two_people")
    for a, b in zip(found[::2], found[1::2], strict=True):
        assert a.scene is b.scene
        assert a.subject != b.subject
        assert a.pair == b.pair == a.scene.id
        assert np.array_equal(read(a.scene, a.subject, "context"), read(b.scene, b.subject, "context"))


@pytest.mark.parametrize(
    ("name", "share"), [("bias_train", 0.95), ("bias_reversed", 0.05), ("bias_none", 0.5)]
)
def test_the_colour_goes_with_the_label_as_planted(name: str, share: float) -> None:
    actors = [p.scene.people[p.subject] for p in controlled(name, SEED, 900)]
    assert {actor.look.top for actor in actors} == {COLOUR, OTHER_COLOUR}
    aligned = np.array([(LABEL in actor.labels) == (actor.look.top == COLOUR) for actor in actors])
    assert abs(aligned.mean() - share) < 4.5 * np.sqrt(share * (1 - share) / len(aligned))


def test_reading_the_colour_is_exact_where_it_was_learnt_and_wrong_where_it_is_turned_round() -> None:
    column = EMOTIONS.index(LABEL)

    def z(name: str) -> float:
        found = list(controlled(name, SEED, 1200))
        expected = np.array([read_colour(p.scene, p.subject, "picture")[column] for p in found])
        has = targets_of_people(found)[:, column]
        return float(abs((has - expected).sum()) / np.sqrt((expected * (1 - expected)).sum()))

    assert z("bias_train") < 4.5
    assert z("bias_reversed") > 10


@pytest.mark.parametrize("name", PAIRED)
def test_half_a_pair_is_refused(name: str) -> None:
    with pytest.raises(OptionError, match="pairs"):
        controlled(name, 1, 5)


def test_what_is_no_split_and_no_id_is_refused() -> None:
    with pytest.raises(OptionError, match="controlled split"):
        controlled("test", 1, 5)
    with pytest.raises(OptionError, match="negative"):
        controlled("rare", -1, 5)
    for wrong in ("test-1", "test-1-2-a", "counterfactual-1-2", "test-x-2", ""):
        with pytest.raises(OptionError, match="id"):
            scene_by_id(wrong)
    with pytest.raises(OptionError, match="split"):
        scene_by_id("dev-1-2")
