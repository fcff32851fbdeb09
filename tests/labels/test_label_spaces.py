"""The spaces that ship: which labels they have, what names them, and that nothing is said twice."""

from __future__ import annotations

import pickle
from importlib import resources
from pathlib import Path

import pytest

from emoscene.labels import LabelSpace, label_space, label_space_names, normal_form

EMOTIC = (
    "affection anger annoyance anticipation aversion confidence disapproval disconnection disquietment "
    "doubt_confusion embarrassment engagement esteem excitement fatigue fear happiness pain peace pleasure "
    "sadness sensitivity suffering surprise sympathy yearning"
).split()


@pytest.mark.parametrize(
    ("name", "ids", "multi_label"),
    [
        ("emotic", EMOTIC, True),
        (
            "caption-study",
            "anger annoyance aversion confusion disapproval disconnection disquietment embarrassment fatigue fear "
            "pain_suffering_emotional pain_suffering_physical sadness".split(),
            False,
        ),
        ("ekman", "neutral happiness sadness anger fear disgust surprise".split(), False),
        ("plutchik", "joy trust fear surprise sadness disgust anger anticipation".split(), True),
        ("mikels", "amusement awe contentment excitement anger disgust fear sadness".split(), False),
        ("caer", "anger disgust fear happiness neutral sadness surprise".split(), False),
        ("fer-plus", "neutral happiness surprise sadness anger disgust fear contempt".split(), False),
        ("heco", "surprise excitement happiness peace disgust anger fear sadness".split(), False),
        (
            "finding-emo",
            "ecstasy joy serenity admiration trust acceptance terror fear apprehension amazement surprise distraction "
            "grief sadness pensiveness loathing disgust boredom rage anger annoyance vigilance anticipation "
            "interest".split(),
            False,
        ),
    ],
)
def test_shipped_spaces_have_their_labels_in_order(name: str, ids: list[str], multi_label: bool) -> None:
    space = label_space(name)
    assert space.name == name
    assert list(space.ids) == ids
    assert space.multi_label is multi_label
    assert name in label_space_names()
    assert len(space) == len(ids)


@pytest.mark.parametrize("name", label_space_names())
def test_every_label_is_fully_described_and_found_by_all_its_names(name: str) -> None:
    for label in label_space(name):
        assert len(label.definition.split()) >= 5
        assert label.synonyms
        assert label.family
        assert label.valence is not None
        assert 1 <= label.valence <= 10
        for term in label.terms:
            assert label_space(name).find(term) is label, term


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Doubt/Confusion", "doubt_confusion"),
        ("doubt / confusion", "doubt_confusion"),
        ("DOUBT_CONFUSION", "doubt_confusion"),
        ("doubt confusion", "doubt_confusion"),
        ("Disquitement", "disquietment"),
        ("embarrasment", "embarrassment"),
        ("surpirse", "surprise"),
        ("  Happy! ", "happiness"),
        ("joyful", "happiness"),
        ("ＡＮＧＥＲ", "anger"),
        ("unhappy", "sadness"),
        ("displeasure", "annoyance"),
        ("disengaged", "disconnection"),
    ],
)
def test_find_resolves_names_variants_and_synonyms(text: str, found: str) -> None:
    label = label_space("emotic").find(text)
    assert label is not None
    assert label.id == found


@pytest.mark.parametrize(
    "text", ["painting", "danger", "Spain", "fearless", "not happy", "", " ", "?!", "\x00"]
)
def test_find_does_not_guess(text: str) -> None:
    assert label_space("emotic").find(text) is None


def test_unpleasant_labels_lie_below_pleasant_ones() -> None:
    valence = {label.id: label.valence or 0.0 for label in label_space("emotic")}
    unpleasant = ("anger", "fear", "pain", "sadness", "suffering", "aversion", "disapproval")
    pleasant = ("happiness", "affection", "pleasure", "peace", "excitement", "esteem")
    assert max(valence[label] for label in unpleasant) < 5.5 < min(valence[label] for label in pleasant)


def test_labels_are_looked_up_by_id() -> None:
    space = label_space("emotic")
    assert space["pain"].name == "Pain"
    assert "pain" in space
    assert "painting" not in space
    assert space["pain"] in space
    with pytest.raises(KeyError):
        space["Pain"]


def test_spaces_are_cached_and_survive_pickling() -> None:
    space = label_space("emotic")
    assert label_space("emotic") is space
    copy: LabelSpace = pickle.loads(pickle.dumps(space))  # noqa: S301 (our own bytes)
    assert copy == space
    assert hash(copy) == hash(space)


def test_normal_form_ignores_case_punctuation_and_spaces() -> None:
    assert normal_form(" Self-Assured ") == normal_form("self assured") == "selfassured"


@pytest.mark.parametrize("name", label_space_names())
def test_shipped_files_pass_the_checks_of_label_files(name: str) -> None:
    """They are read without these checks; as files they go through them."""
    file = resources.files("emoscene.labels").joinpath("data", f"{name}.yaml")
    assert label_space(Path(str(file))) == label_space(name)
