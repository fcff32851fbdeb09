"""The paper's questions, answered freely: which of these labels does the person feel?

`paper` is the published prompt word for word; `defined` adds each label's definition and asks for six labels, as the
starred rows of the paper's Table I do (Etesam et al., IROS 2024), in our own words.
"""

from __future__ import annotations

from typing import Literal

from emoscene.labels import LabelSpace, label_space
from emoscene.prompts import template

__all__ = ["Prompt", "pick_prompt"]

Prompt = Literal["paper", "defined"]

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six")


def pick_prompt(prompt: Prompt, labels: LabelSpace, person: str) -> str:
    """The question for a label space; `person` is the phrase for whom it is about.

    In a space of single labels one label is asked for. EMOTIC's labels stand in the paper's order.
    """
    names = _listed(labels)
    if not labels.multi_label:
        text = template("paper/pick_one.v1").render(labels=names, person=person)
    elif prompt == "paper":
        return template("paper/pick.v1").render(labels=names, person=person)
    else:
        number = _NUMBERS[min(6, max(1, len(labels) // 2))]
        text = template("paper/pick_some.v1").render(labels=names, person=person, number=number)
    if prompt == "paper":
        return text
    line = template("paper/definition.v1")
    definitions = [line.render(name=label.name, definition=label.definition) for label in labels]
    return "\n".join([*definitions, "", text])


def _listed(labels: LabelSpace) -> str:
    if set(labels.ids) == set(label_space("emotic").ids):
        return template("paper/emotic_labels.v1").text
    names = [label.name.lower() for label in labels]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])}, and {names[-1]}"
