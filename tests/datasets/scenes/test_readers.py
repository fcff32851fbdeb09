"""The closed-form readers against brute force, and the gates that rest on them."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest

from emoscene.datasets.scenes import EXPRESSIONS, MARKS, PARTIAL, POSES, READERS, Scene, read, sample_scene
from emoscene.datasets.scenes.appraisal import summary_of, tables
from emoscene.datasets.scenes.gates import measure, scores_of
from emoscene.datasets.scenes.readers import PARTS, without
from emoscene.datasets.scenes.sayings import word_chance
from emoscene.errors import OptionError

Array = npt.NDArray[np.float64]


def scene_of(people: int, start: int = 0, split: str = "test") -> Scene:
    scenes = (sample_scene(11, i, split=split) for i in itertools.count(start))
    return next(scene for scene in scenes if len(scene.people) == people)


def shows(expression: str, pose: str, reaction: int) -> float:
    t = tables()
    return float(t.face[reaction, EXPRESSIONS.index(expression)] * t.pose[reaction, POSES.index(pose)])


def brute_picture(scene: Scene, subject: int) -> Array:
    """Sum over the climate and everybody's reactions, one by one."""
    t = tables()
    e, s = t.events.index(scene.event), t.settings.index(scene.setting)
    total, mass = np.zeros(26), 0.0
    roles = [a.role_index for a in scene.people]
    for g in range(3):
        for reactions in itertools.product(range(len(t.reactions)), repeat=len(roles)):
            chance = float(t.climate[e, g])
            for actor, p, r in zip(scene.people, roles, reactions, strict=True):
                chance *= float(t.reaction[e, p, g, r]) * shows(actor.expression, actor.pose, r)
            if chance == 0:
                continue
            others = sum(int(t.stance[e, roles[i], r]) for i, r in enumerate(reactions) if i != subject)
            summary = 0 if len(roles) == 1 else summary_of(others)
            total += chance * t.probability[e, s, roles[subject], reactions[subject], summary]
            mass += chance
    return total / mass


def brute_without(scene: Scene, subject: int, part: str, words: bool) -> Array:
    """For up to three people, one part unseen: sum over everything that could have stood there instead, slot by
    slot and setting by setting. Without the others their number is unseen too: people of crowded pictures are
    more."""
    t = tables()
    actor = scene.people[subject]
    others = [a for i, a in enumerate(scene.people) if i != subject]
    counts = {len(others): 1.0}
    if part == "others":
        counts = {n - 1: n * float(t.people[n]) for n in range(1, 5)}
    events = range(len(t.events)) if part == "scene" else [t.events.index(scene.event)]
    total, mass = np.zeros(26), 0.0
    for e in events:
        where = t.setting_given_event(scene.split)[e]
        if part != "scene":
            where = (np.arange(len(t.settings)) == t.settings.index(scene.setting)).astype(float)
        slots = [p for p in range(4) for _ in range(int(t.slots[e, p]))]
        for count, weight in counts.items():
            # Each picture of `count` others is as likely whichever slots they have
            fills = list(itertools.permutations(slots, count + 1))
            for mine, *theirs in fills:
                if t.mark[e, mine] != MARKS.index(actor.mark):
                    continue
                if part != "others" and any(
                    t.mark[e, p] != MARKS.index(o.mark) for p, o in zip(theirs, others, strict=True)
                ):
                    continue
                for g in range(3):
                    chance = weight / len(fills) * float(t.climate[e, g])
                    stances = {0: chance}
                    for p, other in itertools.zip_longest(theirs, [] if part == "others" else others):
                        grown: dict[int, float] = {}
                        for r, (total_stance, before) in itertools.product(range(8), stances.items()):
                            shown = 1.0 if other is None else shows(other.expression, other.pose, r)
                            key = total_stance + int(t.stance[e, p, r])
                            grown[key] = grown.get(key, 0.0) + before * float(t.reaction[e, p, g, r]) * shown
                        stances = grown
                    for r, (stance, before) in itertools.product(range(8), stances.items()):
                        now = before * float(t.reaction[e, mine, g, r])
                        now *= 1.0 if part == "face" else shows(actor.expression, actor.pose, r)
                        now *= (
                            float(word_chance(actor.words)[r]) if words and actor.words is not None else 1.0
                        )
                        if now > 0:
                            summary = 0 if count == 0 else summary_of(stance)
                            total += now * (where @ t.probability[e, :, mine, r, summary])
                            mass += now * where.sum()
    return total / mass


def brute_without_subject(scene: Scene, subject: int, *, place_known: bool) -> Array:
    """For two people: sum over events, settings, slots of both, climate and both reactions."""
    t = tables()
    (other,) = [a for i, a in enumerate(scene.people) if i != subject]
    settings = t.setting_given_event(scene.split)
    total, mass = np.zeros(26), 0.0
    for e in range(len(t.events)):
        if place_known and t.events[e] != scene.event:
            continue
        slots = [p for p in range(4) for _ in range(int(t.slots[e, p]))]
        where = settings[e].copy()
        if place_known:
            where = (np.arange(len(t.settings)) == t.settings.index(scene.setting)).astype(float)
        for mine, theirs in itertools.permutations(slots, 2):
            if t.mark[e, theirs] != MARKS.index(other.mark):
                continue
            for g, r, q in itertools.product(range(3), range(8), range(8)):
                chance = t.climate[e, g] * t.reaction[e, mine, g, r] * t.reaction[e, theirs, g, q]
                chance *= shows(other.expression, other.pose, q)
                if chance > 0:
                    summary = summary_of(int(t.stance[e, theirs, q]))
                    total += chance * (where @ t.probability[e, :, mine, r, summary])
                    mass += chance * where.sum()
    return total / mass


@pytest.mark.parametrize("people", [1, 2, 3])
def test_the_oracle_equals_brute_force(people: int) -> None:
    for start in range(0, 60, 20):
        scene = scene_of(people, start)
        for subject in range(people):
            assert np.allclose(read(scene, subject, "picture"), brute_picture(scene, subject), atol=1e-12)


@pytest.mark.parametrize("split", ["train", "test"])
def test_reading_only_the_others_equals_brute_force(split: str) -> None:
    scene = scene_of(2, 30, split)
    for subject in (0, 1):
        expected = brute_without_subject(scene, subject, place_known=False)
        assert np.allclose(read(scene, subject, "others"), expected, atol=1e-12)
        around = brute_without_subject(scene, subject, place_known=True)
        assert np.allclose(read(scene, subject, "surroundings"), around, atol=1e-12)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("people", [1, 2, 3])
@pytest.mark.parametrize("split", ["train", "test"])
def test_leaving_out_a_part_equals_brute_force(part: str, people: int, split: str) -> None:
    scene = scene_of(people, 40, split)
    for subject in range(people):
        for words in (False, True):
            expected = brute_without(scene, subject, part, words)
            assert np.allclose(without(scene, subject, part, words=words), expected, atol=1e-12)
        assert np.array_equal(
            read(scene, subject, f"without_{part}"), without(scene, subject, part, words=False)
        )


def test_leaving_out_nothing_is_the_oracle() -> None:
    scene = scene_of(3)
    assert np.array_equal(without(scene, 1, "nothing", words=False), read(scene, 1, "picture"))
    assert np.array_equal(without(scene, 1, "nothing", words=True), read(scene, 1, "picture_words"))


def test_the_words_alone_are_read_by_their_reaction() -> None:
    """Monte Carlo: whoever comes with these words has, on average, the chances that the reader of them says."""
    spoken = [
        (s, i)
        for s in (sample_scene(23, k, split="test") for k in range(3000))
        for i, actor in enumerate(s.people)
        if actor.words == "what a good day"
    ]
    assert len(spoken) > 100
    truth = np.array([s.people[i].probabilities for s, i in spoken])
    expected = read(*spoken[0], "words")
    # Chances lie between 0 and 1, so their spread is at most that of a yes or no
    z = np.abs((truth - expected).sum(0)) / np.sqrt(len(truth) * expected * (1 - expected))
    assert z.max() < 4.5
    silent = next((s, i) for s, i in [(scene_of(1, k), 0) for k in range(9)] if s.people[i].words is None)
    assert np.array_equal(read(*silent, "words"), read(*silent, "prevalence"))


@pytest.mark.parametrize("split", ["train", "test"])
def test_every_reader_is_the_mean_of_the_truth_where_it_says_so(split: str) -> None:
    """Monte Carlo: wherever a reader expects p, the true probabilities average p (pictures drawn at random)."""
    scenes = [sample_scene(17, i, split=split) for i in range(1000)]
    truth = scores_of(scenes, "latent")
    for reader in READERS[:-1]:
        expected = scores_of(scenes, reader)
        error = truth - expected
        for low, high in itertools.pairwise((0.0, 0.02, 0.06, 0.12, 0.25, 0.5, 1.0)):
            inside = (expected >= low) & (expected < high)
            if inside.sum() < 100:
                continue
            # Sums by picture, for people of one picture are not independent
            sums = by_picture(scenes, np.where(inside, error, 0.0))
            assert abs(sums.sum()) < 4.5 * np.sqrt((sums**2).sum()), (reader, low, high)
        for label in range(26):
            sums = by_picture(scenes, error[:, label : label + 1])
            assert abs(sums.sum()) < 4.5 * np.sqrt((sums**2).sum()) + 1e-9, (reader, label)


def by_picture(scenes: list[Scene], values: Array) -> Array:
    ends = np.cumsum([0] + [len(scene.people) for scene in scenes])
    return np.add.reduceat(values.sum(1), ends[:-1])


def test_labels_follow_the_latent_probabilities() -> None:
    people = [a for i in range(2500) for a in sample_scene(19, i).people]
    labels = np.array([[label in a.labels for label in tables().labels] for a in people])
    chance = np.array([a.probabilities for a in people])
    z = (labels - chance).sum(0) / np.sqrt((chance * (1 - chance)).sum(0))
    assert np.abs(z).max() < 4.5


def test_the_gates_hold() -> None:
    report = measure(2000, rounds=2)
    assert report.passed, report.figures
    assert set(report.gates) == set(PARTIAL)
    figures = report.figures
    assert figures["picture"].mean_ap > 0.55
    assert figures["prevalence"].mean_ap < 0.10
    assert figures["face_pose"].mean_ap > 2 * figures["prevalence"].mean_ap
    assert figures["latent"].mean_ap > figures["picture_words"].mean_ap > figures["picture"].mean_ap


def test_an_unknown_reader_is_refused() -> None:
    with pytest.raises(OptionError, match="reader"):
        read(sample_scene(1, 0), 0, "mind")
