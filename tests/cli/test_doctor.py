"""The doctor looks at what the package says it needs."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from emoscene.cli import doctor

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=\[]", requirement, maxsplit=1)[0] for requirement in requirements}


def test_the_core_is_what_the_package_depends_on() -> None:
    assert set(doctor._CORE) == names(PROJECT["dependencies"])


def test_extras_are_those_that_can_be_installed() -> None:
    for extra, packages in doctor._EXTRAS.items():
        wanted = names(PROJECT["optional-dependencies"][extra])
        if "emoscene" in wanted:  # an extra that builds on `models`
            wanted |= names(PROJECT["optional-dependencies"]["models"])
        assert set(packages) <= wanted, extra
