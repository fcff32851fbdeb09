"""What a reasoner is: it reads a narrative caption and says how the person in it apparently feels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from emoscene.errors import EmosceneError
from emoscene.labels import LabelSpace
from emoscene.recognizers.base import Answer, Card

__all__ = ["Reasoner"]


class Reasoner(Protocol):
    """From words to scores."""

    @property
    def name(self) -> str: ...
    @property
    def card(self) -> Card: ...
    @property
    def labels(self) -> LabelSpace: ...
    def reason(self, texts: Sequence[str]) -> Sequence[Answer | EmosceneError]:
        """One answer a text, in order; an error in its place marks that text alone."""
