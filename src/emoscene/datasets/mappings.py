"""Datasets that need no reader of their own: how each lies on disk, told to the table or folder reader.

They stand in `mappings.yaml`. `--dataset table --data preset=heco` uses one.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

from emoscene.datasets.base import Facts
from emoscene.errors import OptionError

__all__ = ["Preset", "preset_named", "presets"]


@dataclass(frozen=True)
class Preset:
    """A known dataset: its facts, what to give as the root, and the options of `--dataset table`."""

    facts: Facts
    root: str
    options: Mapping[str, Any]


@cache
def presets() -> Mapping[str, Preset]:
    """Every preset by its name, in the order of the file."""
    text = resources.files("emoscene.datasets").joinpath("mappings.yaml").read_text("utf-8")
    return {name: _preset(name, entry) for name, entry in yaml.safe_load(text).items()}


def _preset(name: str, entry: Mapping[str, Any]) -> Preset:
    facts = Facts(name, entry["title"], entry["licence"], entry["access"], tuple(entry.get("traps", ())))
    return Preset(facts, entry["root"], {"called": name, **entry["options"]})


def preset_named(name: str) -> Preset:
    """A preset by name.

    Raises:
        OptionError: with the known names.
    """
    known = presets()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name.lower(), known, n=1)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    raise OptionError(
        "no dataset of this name is known to the table reader",
        value=name,
        remedy=f"{hint}Known: {', '.join(known)}.",
    )
