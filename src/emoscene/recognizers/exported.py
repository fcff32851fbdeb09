"""The exported graph of a small LLaVA, run by onnxruntime: trees of questions, and going on behind them.

    first call    pictures, trees      -> logits, the pictures' features, keys and values
    later calls   no pictures, a token a branch, what came before

Keys and values are kept as `forward.Graph` gives them: (rows, layers, 2, heads, tokens, head size).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emoscene.scoring.branches import Bools, Collated, Ints

__all__ = ["Exported", "Seen"]

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Seen:
    """What a call left: keys and values of all tokens so far (rows, layers, 2, heads, tokens, head size); for each
    branch that goes on, which of those tokens it sees (rows, branches, tokens), and the position of its next one
    (rows, branches)."""

    cache: Floats
    sees: Bools
    positions: Ints

    def of(self, rows: Sequence[int]) -> Seen:
        """Only these rows."""
        at = list(rows)
        return Seen(self.cache[at], self.sees[at], self.positions[at])


class Exported:
    """A graph file, ready to run.

    Args:
        file: The graph.

    Attributes:
        keeps: Whether it gives keys and values. Graphs exported by emoscene 0.1 do not: there, each token of a text
            runs the whole again.
    """

    def __init__(self, file: Path) -> None:
        self._session = _session(file)
        shapes = {node.name: node.shape for node in self._session.get_inputs()}
        self.keeps = "past" in shapes
        self._empty = (
            np.zeros([size if isinstance(size, int) else 0 for size in shapes["past"]], dtype=np.float32)
            if self.keeps
            else None
        )
        self._no_picture = np.zeros((0, *shapes["pixels"][1:]), dtype=np.float32)

    def ask(self, pixels: Floats, trees: Collated) -> tuple[Floats, Floats, Floats | None]:
        """Logits (rows, reads, vocabulary), features (rows, d), and keys and values if the graph gives them.

        Args:
            pixels: The pictures, (rows, 3, size, size).
            trees: A tree for each.
        """
        inputs = {
            "pixels": pixels, "tokens": trees.tokens, "positions": trees.positions, "mask": trees.mask,
            "reads": trees.reads,
        }  # fmt: skip
        if self._empty is None:
            logits, features = self._session.run(["logits", "features"], inputs)
            return logits, features, None
        past = np.zeros((len(pixels), *self._empty.shape[1:]), dtype=np.float32)
        logits, features, present = self._session.run(
            ["logits", "features", "present"], inputs | {"past": past}
        )
        return logits, features, present

    def behind(self, trees: Collated, present: Floats, branches: int) -> Seen:
        """Where the last `branches` reads of each tree go on."""
        ends = trees.reads[:, -branches:]
        rows = np.arange(len(ends))[:, None]
        return Seen(present, trees.mask[rows, ends], trees.positions[rows, ends] + 1)

    def go_on(self, seen: Seen, tokens: Ints) -> tuple[Floats, Seen]:
        """One more token for each branch, (rows, branches): the logits behind it, and what is seen then."""
        rows, branches = tokens.shape
        own = np.broadcast_to(np.eye(branches, dtype=np.bool_), (rows, branches, branches))
        sees = np.concatenate([seen.sees, own], axis=2)
        inputs = {
            "pixels": self._no_picture, "tokens": tokens, "positions": seen.positions, "mask": sees,
            "reads": np.tile(np.arange(branches), (rows, 1)), "past": seen.cache,
        }  # fmt: skip
        logits, present = self._session.run(["logits", "present"], inputs)
        cache = np.concatenate([seen.cache, present], axis=4)
        return logits, replace(seen, cache=cache, sees=sees, positions=seen.positions + 1)


@cache
def _session(file: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # Further optimisation costs a cold start more than it saves: people take as long with and without it.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    # Spinning threads save microseconds here and starve whatever else the machine does.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
