"""NarraCap (Etesam et al., 2024): a narrative caption whose four parts are picked from lists by a dual encoder.

    who     the person's crop      the most similar candidate
    where   the whole picture      the most similar candidate
    what    the whole picture      the most similar candidate
    how     the person's crop      every candidate that stands out: softmax share > mean + 9 standard deviations

Each person costs two picture encodings, the whole one shared by the people of a picture; the lists are encoded once.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from emoscene.errors import AnswerError, EmosceneError, OptionError
from emoscene.images import regions
from emoscene.narration.base import Narrative, View
from emoscene.narration.vocabulary import SLOTS, Slot, Vocabularies, load_vocabulary
from emoscene.narration.wording import activity, place, pronoun, thing_at, with_article
from emoscene.prompts import template

__all__ = ["ChoiceRules", "NarraCap", "PictureTextEncoder", "prompts_of", "shares", "standing_out", "told"]

Vectors = npt.NDArray[np.float32]
#: Slots that are picked by the person's crop; the others by the whole picture.
_OF_THE_CROP: Final[frozenset[Slot]] = frozenset({"who", "how"})
#: Views whose crops are held at once.
_TOGETHER = 16
#: Texts of so many bytes fit every encoder: the shortest limit is 64 tokens, two of them for beginning and end.
_SURELY_READ = 62
#: Whole pictures whose vectors are kept, for people who come later.
_RECENT = 64


class PictureTextEncoder(Protocol):
    """A dual encoder: pictures and texts as vectors of length 1, comparable by their dot product times `scale`."""

    @property
    def name(self) -> str: ...
    @property
    def fingerprint(self) -> str:
        """Identifies weights and preprocessing."""

    @property
    def licence_note(self) -> str: ...
    @property
    def scale(self) -> float: ...
    def encode_pictures(self, images: Sequence[Image.Image]) -> Vectors:
        """float32 of shape (pictures, d)."""

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """float32 of shape (texts, d)."""

    def cut(self, texts: Sequence[str]) -> Sequence[int]:
        """Which texts are longer than the encoder reads."""


@dataclass(frozen=True)
class ChoiceRules:
    """How physical signals are chosen.

    Attributes:
        deviations: A signal is told if its softmax share is above the mean by more than this many standard
            deviations (population). With the paper's 9, often none is.
        most: At most this many are told, strongest first.
        signals: The strongest so many are told instead, whatever their shares.
    """

    deviations: float = 9.0
    most: int | None = None
    signals: int | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.deviations) and self.deviations >= 0):
            raise OptionError("deviations must be a number from 0", value=self.deviations, remedy="Try 9.")
        for name, number in (("most", self.most), ("signals", self.signals)):
            if number is not None and number < 1:
                raise OptionError(f"{name} must be a whole number above 0", value=number, remedy="Try 3.")

    def check(self, candidates: int) -> None:
        """Refuse a list of signals that is too short for any of them ever to stand out.

        Raises:
            OptionError: if so. The whole softmax on one of n candidates is sqrt(n - 1) deviations above the mean.
        """
        if self.signals is None and math.sqrt(candidates - 1) <= self.deviations:
            raise OptionError(
                f"of {candidates} signals none can ever be {self.deviations:g} standard deviations above the mean",
                value=f"deviations={self.deviations:g}",
                remedy=f"Use signals=1, a longer list, or deviations below {math.sqrt(candidates - 1):.1f}.",
            )


class NarraCap:
    """Narrates by a dual encoder.

    Args:
        encoder: The dual encoder.
        vocabularies: What the slots are picked from; the lists that ship if none is given.
        rules: How signals are chosen.

    Raises:
        OptionError: if no signal of the vocabulary could ever be chosen.
    """

    summary = "Narrative captions: who, what, where and how, picked from lists by a dual encoder."
    limits = (
        "Says nothing that is not in its lists, whether it fits or not. By the paper's rule often no physical signal "
        "is told. Words that go with a picture are not read."
    )

    def __init__(
        self,
        encoder: PictureTextEncoder,
        vocabularies: Vocabularies | None = None,
        rules: ChoiceRules | None = None,
    ) -> None:
        self.vocabularies = vocabularies or load_vocabulary()
        self.rules = rules or ChoiceRules()
        self.rules.check(len(self.vocabularies.how))
        self._encoder = encoder
        self._recent: OrderedDict[str, Vectors] = OrderedDict()

    @property
    def name(self) -> str:
        return f"narracap with {self._encoder.name}"

    @property
    def licence(self) -> str:
        return self._encoder.licence_note

    def caption(self, views: Sequence[View]) -> list[Narrative | EmosceneError]:
        """One narrative a view, in order. `slots` holds the picked entries as they stand in the lists."""
        narratives: list[Narrative | EmosceneError] = []
        for start in range(0, len(views), _TOGETHER):
            narratives += self._together(views[start : start + _TOGETHER])
        return narratives

    @cached_property
    def _lists(self) -> Mapping[Slot, Vectors]:
        """The encoded candidates of every slot."""
        vectors: dict[Slot, Vectors] = {}
        for slot in SLOTS:
            prompts = prompts_of(slot, self.vocabularies)
            # Read in part, two entries could come to the same; byte-level tokens are no more than bytes.
            doubtful = [i for i, prompt in enumerate(prompts) if len(prompt.encode()) > _SURELY_READ]
            if cut := self._encoder.cut([prompts[i] for i in doubtful]) if doubtful else ():
                raise OptionError(
                    f"an entry of {slot!r} is longer than {self._encoder.name} reads",
                    value=self.vocabularies[slot][doubtful[cut[0]]],
                    remedy="Shorten it.",
                )
            lines = vectors[slot] = self._encoder.encode_texts(prompts)
            if not np.isfinite(lines).all():
                raise AnswerError(
                    f"{self._encoder.name} encodes entries of {slot!r} as numbers that are not finite",
                    remedy="Load it with -o dtype=float32, or verify its files.",
                )
        return MappingProxyType(vectors)

    def _together(self, views: Sequence[View]) -> list[Narrative | EmosceneError]:
        crops: list[Image.Image | EmosceneError] = []
        for view in views:
            try:
                crops.append(regions.crop(view.picture, view.box))
            except EmosceneError as error:
                crops.append(error)
        seen = [crop for crop in crops if not isinstance(crop, EmosceneError)]
        if not seen:
            return [crop for crop in crops if isinstance(crop, EmosceneError)]
        new = {
            view.picture.sha256: view.picture.image
            for view, crop in zip(views, crops, strict=True)
            if not isinstance(crop, EmosceneError) and view.picture.sha256 not in self._recent
        }
        vectors = self._encoder.encode_pictures([*new.values(), *seen])
        wholes = dict(self._recent) | dict(zip(new, vectors, strict=False))
        self._remember(wholes)
        rest = iter(vectors[len(new) :])
        return [
            crop
            if isinstance(crop, EmosceneError)
            else self._narrate(wholes[view.picture.sha256], next(rest))
            for view, crop in zip(views, crops, strict=True)
        ]

    def _remember(self, wholes: Mapping[str, Vectors]) -> None:
        for key, vector in wholes.items():
            if key not in self._recent:
                self._recent[key] = vector.copy()
        while len(self._recent) > _RECENT:
            self._recent.popitem(last=False)

    def _narrate(self, whole: Vectors, crop: Vectors) -> Narrative | EmosceneError:
        if not (np.isfinite(whole).all() and np.isfinite(crop).all()):
            return AnswerError(
                f"{self._encoder.name} encodes this picture as numbers that are not finite",
                remedy="Load it with -o dtype=float32, or verify its files.",
            )
        chosen: dict[Slot, tuple[str, ...]] = {}
        for slot, candidates in self._lists.items():
            share = shares(candidates, crop if slot in _OF_THE_CROP else whole, self._encoder.scale)
            picks = standing_out(share, self.rules) if slot == "how" else (int(share.argmax()),)
            chosen[slot] = tuple(self.vocabularies[slot][i] for i in picks)
        return Narrative(told(chosen), {str(slot): picks for slot, picks in chosen.items()})


def shares(candidates: Vectors, picture: Vectors, scale: float) -> npt.NDArray[np.float64]:
    """Softmax over the candidates of scale x cosine similarity: (n, d) and (d,) to (n,)."""
    logits = scale * (candidates @ picture).astype(np.float64)
    weights = np.exp(logits - logits.max())
    return np.asarray(weights / weights.sum())


def standing_out(share: npt.NDArray[np.float64], rules: ChoiceRules) -> tuple[int, ...]:
    """Indices of the signals that are told, strongest first; of equal ones the first in the list."""
    ranked = np.argsort(-share, kind="stable")
    if rules.signals is not None:
        return tuple(int(i) for i in ranked[: rules.signals])
    # Equal shares differ from their mean by rounding, and by that alone nothing stands out.
    limit = (share.mean() + rules.deviations * share.std()) * (1 + 1e-9)
    return tuple(int(i) for i in ranked[: rules.most] if share[i] > limit)


_ENGLISH: Final[Mapping[Slot, Callable[[str], str]]] = {
    "who": with_article,
    "where": thing_at,
    "what": activity,
    "how": str,
}


def prompts_of(slot: Slot, vocabularies: Vocabularies) -> list[str]:
    """What is encoded for the candidates of a slot, in their order: "A photo of a kitchen"."""
    prompt = template(f"narration/{slot}.v1")
    return [prompt.render(**{slot: _ENGLISH[slot](entry)}) for entry in vocabularies[slot]]


def told(slots: Mapping[Slot, Sequence[str]]) -> str:
    """The caption of chosen entries: one `who`, `what` and `where`, and any number of `how`."""
    (who,), (what,), (where,) = slots["who"], slots["what"], slots["where"]
    first = template("narration/caption.v1").render(
        who=with_article(who), what=activity(what), where=place(where)
    )
    more = template("narration/signal.v1")
    return " ".join([first, *(more.render(pronoun=pronoun(who), how=how) for how in slots["how"])])
