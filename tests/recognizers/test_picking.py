"""The paper's questions: published words stay as they are."""

from __future__ import annotations

from emoscene.labels import label_space
from emoscene.prompts import template
from emoscene.recognizers.picking import pick_prompt

RED = template("pointing/redbox_paper.v1").text


def test_the_published_prompt_word_for_word() -> None:
    assert pick_prompt("paper", label_space("emotic"), RED) == (
        "From suffering, pain, aversion, disapproval, anger, fear, annoyance, fatigue, disquietment, doubt/confusion, "
        "embarrassment, disconnection, affection, confidence, engagement, happiness, peace, pleasure, esteem, "
        "excitement, anticipation, yearning, sensitivity, surprise, sadness, and sympathy, pick the top labels that "
        "the person in the red bounding box is feeling at the same time."
    )


def test_the_published_prompt_names_every_label_of_emotic_once() -> None:
    named = template("paper/emotic_labels.v1").text.replace(" and ", " ").split(", ")
    emotic = label_space("emotic")
    found = [label.id for name in named if (label := emotic.find(name))]
    assert sorted(found) == sorted(emotic.ids)


def test_with_definitions_six_labels_are_asked_for() -> None:
    emotic = label_space("emotic")
    text = pick_prompt("defined", emotic, RED)
    assert all(f"- {label.name}: {label.definition}" in text for label in emotic)
    assert "pick the six labels" in text


def test_a_space_of_single_labels_is_asked_for_one() -> None:
    for prompt in ("paper", "defined"):
        text = pick_prompt(prompt, label_space("ekman"), "the person")
        assert "the one label" in text
        assert "anger" in text


def test_trained_models_are_asked_what_they_were_taught() -> None:
    """The sentences of the first version, in which the person was always the one in the red box."""
    person = template("pointing/redbox.v1").text
    rendered = {
        name: template(f"vlm/{name}.v2").render(person=person) for name in ("feel", "caption", "reason")
    }
    assert rendered == {
        "feel": "Does the person in the red box seem to feel",
        "caption": "Describe the person in the red box and what is going on.",
        "reason": "What suggests how the person in the red box seems to feel?",
    }
    assert template("vlm/level.v2").render(top="10", dimension="valence", person=person) == (
        "From 1 to 10, how high is the valence of the person in the red box?"
    )
