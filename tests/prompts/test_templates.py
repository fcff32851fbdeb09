"""Prompts are frozen texts: a changed text is a new version."""

from __future__ import annotations

import pytest

from emoscene.labels import label_space
from emoscene.prompts import template


def test_the_label_definition_prompt_stays_as_it_is() -> None:
    label = label_space("emotic")["fatigue"]
    rendered = template("text/label_definition.v1").render(
        name=label.name.lower(), definition=label.definition
    )
    assert rendered == "The person feels fatigue: the person is short of strength; weary, sleepy or worn out."


def test_values_are_data() -> None:
    rendered = template("text/label_definition.v1").render(name="{definition}", definition="{0.__class__}")
    assert rendered == "The person feels {definition}: the person {0.__class__}."


def test_fields_must_match() -> None:
    prompt = template("text/label_definition.v1")
    with pytest.raises(ValueError, match="needs"):
        prompt.render(name="joy")
    with pytest.raises(ValueError, match="needs"):
        prompt.render(name="joy", definition="is glad", more="x")


@pytest.mark.parametrize(
    "name", ["text/none.v1", "text/label_definition", "../labels/data/emotic.v1", "/etc/x.v1"]
)
def test_unknown_names_are_key_errors(name: str) -> None:
    with pytest.raises(KeyError):
        template(name)
