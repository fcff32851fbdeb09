"""Rows that look at pictures, and the parts that they share."""

from __future__ import annotations

from experiments.table1.base import BASE
from experiments.table1.captioner import CAPTIONS, WEB_VLM
from experiments.table1.clip import CLIP, CLIP_ROWS, NARRACAP
from experiments.table1.network_rows import HEADS, NETWORK_ROWS
from experiments.table1.rows import Part, Row
from experiments.table1.vlm_rows import VLM_ROWS

__all__ = ["PARTS", "ROWS"]

PARTS: tuple[Part, ...] = (BASE, WEB_VLM, CAPTIONS, CLIP, NARRACAP, HEADS)
ROWS: tuple[Row, ...] = (*CLIP_ROWS, *VLM_ROWS, *NETWORK_ROWS)
