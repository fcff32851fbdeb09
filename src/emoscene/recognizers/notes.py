"""`emoscene.json`: what a model folder says of itself beside the hub's files.

Training writes it; both runtimes read it. A folder without one is a plain model of the hub.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal
from zipfile import BadZipFile

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from emoscene.errors import AnswerError, EmosceneError, ModelFilesError, OptionError
from emoscene.labels import LabelSpace, label_space
from emoscene.recognizers.base import Card, Refusal
from emoscene.scoring.domain import Domain
from emoscene.types import Status

__all__ = [
    "NOTES_FILE",
    "DomainNotes",
    "ModelNotes",
    "card_of",
    "check_label_space",
    "outside",
    "read_domain",
    "read_notes",
]

NOTES_FILE = "emoscene.json"
_FOR_PHOTOGRAPHS = "llava-interleave-0.5b"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DomainNotes(_Part):
    """What the model knows, in words, and the rule: a file with `mean` and `whitening`, and the largest distance."""

    knows: str
    file: str
    limit: float


class ModelNotes(_Part):
    """The notes: a name, a summary and limits for the card, the label space it was trained on, what it knows; and,
    for the runtime without transformers, the chat frame, the picture's tokens and scaling, and special ids."""

    format: Literal[1]
    name: str
    summary: str
    licence: str
    data: str
    limits: str
    label_space: str
    domain: DomainNotes | None = None
    head: str
    tail: str
    image_token: str
    image_tokens: int
    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    unknown_id: int
    end_id: int
    figures: dict[str, str] = {}


def read_notes(folder: Path) -> ModelNotes | None:
    """The notes of a model folder, or None if it has none.

    Raises:
        ModelFilesError: if there are notes that cannot be read.
    """
    file = folder / NOTES_FILE
    if not file.is_file():
        return None
    try:
        return ModelNotes.model_validate_json(file.read_text("utf-8"))
    except (ValidationError, UnicodeDecodeError, json.JSONDecodeError):
        raise ModelFilesError(
            f"the model's {NOTES_FILE} cannot be read", value=folder, remedy="Copy or train the folder again."
        ) from None


def read_domain(folder: Path, notes: ModelNotes) -> Domain | None:
    """The domain rule of a model folder, or None if it has none.

    Raises:
        ModelFilesError: if its file is missing or broken.
    """
    if notes.domain is None:
        return None
    file = folder / Path(notes.domain.file).name
    try:
        with np.load(file, allow_pickle=False) as arrays:
            mean, whitening = arrays["mean"].astype(np.float64), arrays["whitening"].astype(np.float64)
        fits = mean.ndim == 1 and whitening.shape == 2 * mean.shape
        if not fits or not (np.isfinite(mean).all() and np.isfinite(whitening).all()):
            raise ValueError
    except (OSError, KeyError, ValueError, EOFError, TypeError, BadZipFile):
        raise ModelFilesError(
            "the model's domain rule cannot be read", value=file, remedy="Copy or train the folder again."
        ) from None
    return Domain(mean, whitening, notes.domain.limit)


def outside(notes: ModelNotes | None, distance: float) -> EmosceneError | None:
    """The refusal of a picture that lies outside of what the model knows, or None if it lies inside.

    A distance that is not finite says nothing of the picture: the model has failed.
    """
    if notes is None or notes.domain is None:
        return None
    if not np.isfinite(distance):
        return AnswerError("the model returned features that are not finite", remedy="Verify its files.")
    if distance <= notes.domain.limit:
        return None
    knows, limit = notes.domain.knows, notes.domain.limit
    return Refusal(
        f"this picture is unlike {knows}, all that {notes.name} knows (distance {distance:.2f}, limit {limit:.2f})",
        status=Status.OUT_OF_DOMAIN,
        remedy=f"Get a model for photographs with: emoscene models pull {_FOR_PHOTOGRAPHS} (1.7 GB).",
    )


def check_label_space(notes: ModelNotes | None, wanted: LabelSpace) -> None:
    """A model trained on one label space is not asked for another; the order of the labels is free.

    Raises:
        OptionError: if it is.
    """
    if notes is not None and set(label_space(notes.label_space).ids) != set(wanted.ids):
        raise OptionError(
            f"{notes.name} was trained on the label space {notes.label_space!r} and does not know",
            value=wanted.name,
            remedy=f"Use --labels {notes.label_space}, or another model.",
        )


def card_of(notes: ModelNotes | None, name: str) -> Card:
    """The card of a model folder."""
    if notes is None:
        return Card(
            name=name,
            summary="A vision language model, zero-shot: a red box round the person, yes/no questions.",
            licence="that of the model's own card",
            limits="Not fitted to any label set here; the share of yes is no probability.",
            uses_text=True,
        )
    return Card(
        name=name, summary=notes.summary, licence=notes.licence, data=notes.data, limits=notes.limits,
        figures=notes.figures, uses_text=True,
    )  # fmt: skip
