"""Rows without pictures of their own: priors, readers of captions, words alone."""

from __future__ import annotations

from pathlib import Path

from emoscene.recognizers.base import Recognizer
from emoscene.recognizers.priors import make_majority, make_rand6, make_rand6_weighted
from experiments.table1.rows import Context, Part, Row

__all__ = ["PARTS", "ROWS"]


def _majority(context: Context, work: Path) -> Recognizer:
    return make_majority(context.labels)


def _rand6(context: Context, work: Path) -> Recognizer:
    return make_rand6(context.labels, seed=context.seed)


def _rand6_weighted(context: Context, work: Path) -> Recognizer:
    return make_rand6_weighted(context.labels, seed=context.seed)


PARTS: tuple[Part, ...] = ()

ROWS: tuple[Row, ...] = (
    Row("majority", "Majority", "prior", "counts of labels in train", _majority, paper="Majority"),
    Row("rand6", "Rand6", "prior", "nothing", _rand6, paper="Rand6"),
    Row("rand6_weighted", "Rand6-weighted", "prior", "counts of labels in train", _rand6_weighted,
        paper="Rand6-weighted"),
)  # fmt: skip
