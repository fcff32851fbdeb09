"""What a narrator is: it turns one person in a picture into a narrative caption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from emoscene.errors import EmosceneError
from emoscene.types import BoundingBox, Picture

__all__ = ["Narrative", "Narrator", "View"]


@dataclass(frozen=True)
class View:
    """One person to tell about: an opened picture, their box in its pixels, and the words that go with it."""

    picture: Picture
    box: BoundingBox
    words: str | None = None


@dataclass(frozen=True)
class Narrative:
    """A caption; `slots` holds what it was made of, by slot (`who`, `what`, `where`, `how`), where there are any."""

    text: str
    slots: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


class Narrator(Protocol):
    """Writes captions. `name` tells it from others, `summary`, `licence` and `limits` go into the card."""

    @property
    def name(self) -> str: ...
    @property
    def summary(self) -> str: ...
    @property
    def licence(self) -> str: ...
    @property
    def limits(self) -> str: ...
    def caption(self, views: Sequence[View]) -> Sequence[Narrative | EmosceneError]:
        """One narrative a view, in order; an error in its place marks that view alone."""
