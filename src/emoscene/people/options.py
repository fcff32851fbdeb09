"""What counts as a person in a picture: how sure, how much apart, how large, and how many."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from emoscene.errors import OptionError

__all__ = ["DetectionOptions"]


@dataclass(frozen=True, kw_only=True)
class DetectionOptions:
    """What is kept of what a detector sees.

    Attributes:
        score: People below this score (0 to 1) are left out. None takes the detector's own default: scores of
            different networks mean different things.
        overlap: Of boxes that overlap more than this (intersection over union, 0 to 1) the better one stays. None
            takes the detector's own default.
        min_side: People whose box has a side of fewer pixels are left out, and counted.
        min_share: People whose box covers a smaller share of the picture (0 to 1) are left out, and counted.
        most: At most so many people; the most confident ones stay.
        allow_unknown_hash: Also run an .onnx file whose SHA-256 emoscene does not know.

    Raises:
        OptionError: if a value cannot be used.
    """

    score: float | None = None
    overlap: float | None = None
    min_side: float = 16
    min_share: float = 0.0005
    most: int = 50
    allow_unknown_hash: bool = False

    def __post_init__(self) -> None:
        for name in ("score", "overlap", "min_share"):
            value = getattr(self, name)
            if value is not None and not (_is_number(value) and 0 <= value <= 1):
                raise OptionError(f"{name} is a number from 0 to 1", value=value, remedy="Try 0.5.")
        if not _is_number(self.min_side) or self.min_side < 0:
            raise OptionError("min_side is a number of pixels", value=self.min_side, remedy="Try 16.")
        if isinstance(self.most, bool) or not isinstance(self.most, int) or self.most < 1:
            raise OptionError("most is a whole number above 0", value=self.most, remedy="Try 50.")
        if not isinstance(self.allow_unknown_hash, bool):
            raise OptionError(
                "allow_unknown_hash is true or false", value=self.allow_unknown_hash, remedy="Use true."
            )

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> DetectionOptions:
        """The options by name.

        Raises:
            OptionError: if there is no option of a name, with the nearest one, or a value cannot be used.
        """
        known = [field.name for field in fields(cls)]
        for name in options:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"Did you mean {near[0]!r}? " if near else ""
                raise OptionError(
                    "finding people has no option of this name",
                    value=name,
                    remedy=f"{hint}Its options: {', '.join(known)}.",
                )
        return cls(**options)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
