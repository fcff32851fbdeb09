"""Every prompt is a text file with a version: `prompts/<folder>/<name>.v<version>.txt`.

A prompt that has been used for a published figure is never edited: a changed text is a new version.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from string import Formatter

__all__ = ["Template", "template"]

_NAME = re.compile(r"[a-z0-9_]+(/[a-z0-9_]+)*\.v[1-9][0-9]*")


@dataclass(frozen=True)
class Template:
    """A prompt with `{fields}` to fill in. `name` carries the version, as in `text/label_definition.v1`."""

    name: str
    text: str

    @property
    def fields(self) -> frozenset[str]:
        return frozenset(field for _, field, _, _ in Formatter().parse(self.text) if field)

    def render(self, **values: str) -> str:
        """The text with its fields filled in. Values are data: braces in them stand for themselves.

        Raises:
            ValueError: if a field is missing or a value has no field.
        """
        if values.keys() != self.fields:
            raise ValueError(f"{self.name} needs {sorted(self.fields)}, was given {sorted(values)}")
        return self.text.format_map(values)


@cache
def template(name: str) -> Template:
    """The prompt `name`, version included: `template("text/label_definition.v1")`.

    Raises:
        KeyError: if there is none; prompts are named by code, not by users.
    """
    if not _NAME.fullmatch(name):
        raise KeyError(name)
    file = resources.files("emoscene.prompts").joinpath(*f"{name}.txt".split("/"))
    if not file.is_file():
        raise KeyError(name)
    return Template(name, file.read_text("utf-8").rstrip("\n"))
