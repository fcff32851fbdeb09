"""ONNX files from outside: only a known one is run, and only if its inputs and outputs are the expected ones.

An ONNX file is a program. Known means that its SHA-256 stands in a table here or in the recognizer that
uses it; any other needs the user's explicit word.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emoscene.errors import MissingFileError, ModelFilesError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["KnownFile", "OnnxFile", "OnnxLayout", "digest_of", "open_onnx"]

_LONGEST_FILE = 512 * 2**20

#: The shape of an input or output: numbers, or names for sizes that may differ.
Shape = Sequence[int | str]


@dataclass(frozen=True)
class KnownFile:
    """A published file whose bytes are known.

    Attributes:
        sha256: Of the whole file, in hex.
        name: What it is called where it is published.
        licence: Of the weights.
        source: Where it comes from.
    """

    sha256: str
    name: str
    licence: str
    source: str


@dataclass(frozen=True)
class OnnxLayout:
    """What a network takes and gives: names and shapes of its float32 inputs and outputs."""

    what: str
    known: tuple[KnownFile, ...]
    inputs: Mapping[str, Shape] = field(default_factory=dict)
    outputs: Mapping[str, Shape] = field(default_factory=dict)


class OnnxFile:
    """A checked network, ready to run. Make one with `open_onnx`.

    Attributes:
        known: The entry of the table that the file is, or None for one that was trusted by the user's word.
    """

    def __init__(self, session: Any, layout: OnnxLayout, known: KnownFile | None) -> None:
        self._session = session
        self._layout = layout
        self.known = known

    def run(self, pixels: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[np.float32]]:
        """Run the network on its one input; the outputs by name."""
        (name,) = self._layout.inputs
        outputs = list(self._layout.outputs)
        return dict(zip(outputs, self._session.run(outputs, {name: pixels}), strict=True))


def open_onnx(path: str | Path, layout: OnnxLayout, *, allow_unknown_hash: bool = False) -> OnnxFile:
    """Open a network from a file, on the CPU.

    Args:
        path: The `.onnx` file.
        layout: Which files are known, and what they must take and give.
        allow_unknown_hash: Also open a file that no table knows. Its inputs and outputs are checked all
        the same.

    Raises:
        MissingFileError: if there is no such file.
        ModelFilesError: if its hash is unknown, it is no ONNX network, or it takes or gives something else.
    """
    data = _read(Path(path), layout.what)
    digest = hashlib.sha256(data).hexdigest()
    known = next((file for file in layout.known if file.sha256 == digest), None)
    if known is None and not allow_unknown_hash:
        raise ModelFilesError(
            f"this file is none of the {layout.what} files that emoscene knows, by its SHA-256",
            value=f"{os.fspath(path)} {digest[:16]}",
            remedy="If you trust where it comes from, allow it with: -o allow_unknown_hash=true",
        )
    session = _session(data, str(path), layout)
    _check(session.get_inputs(), layout.inputs, "inputs", layout)
    _check(session.get_outputs(), layout.outputs, "outputs", layout)
    return OnnxFile(session, layout, known)


def digest_of(path: str | Path, what: str) -> str:
    """The SHA-256 of a file, in hex; `what` is the word for it in errors.

    Raises:
        MissingFileError: if there is no such file, or it cannot be read.
        ModelFilesError: if it is too long for a network of this kind.
    """
    return hashlib.sha256(_read(Path(path), what)).hexdigest()


def _read(path: Path, what: str) -> bytes:
    try:
        if not path.is_file():
            raise MissingFileError(
                f"there is no {what} here", value=path, remedy="Give the path of its .onnx file."
            )
        if path.stat().st_size > _LONGEST_FILE:
            raise ModelFilesError(
                f"this file is too long for a {what}", value=path, remedy="Give the right .onnx file."
            )
        return path.read_bytes()
    except (OSError, ValueError):
        raise MissingFileError(
            f"this {what} cannot be read", value=path, remedy="Check that you may read the file."
        ) from None


def _session(data: bytes, shown: str, layout: OnnxLayout) -> Any:
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as failures

    options = onnxruntime.SessionOptions()
    # Warnings about the graphs of others would land in the user's terminal.
    options.log_severity_level = 3
    # Waiting threads sleep: spinning ones take the processor from the rest of a busy machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        # From the bytes that were hashed: a file exchanged in between, or one beside it, is never read.
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except (
        failures.Fail,
        failures.InvalidArgument,
        failures.InvalidGraph,
        failures.InvalidProtobuf,
        failures.NotImplemented,
        failures.RuntimeException,
    ):
        raise ModelFilesError(
            "this file is no ONNX network that can be run",
            value=shown,
            remedy=f"Get the {layout.what} again.",
        ) from None


def _check(nodes: Sequence[Any], wanted: Mapping[str, Shape], kind: str, layout: OnnxLayout) -> None:
    found = {node.name: node for node in nodes}
    fits = set(found) == set(wanted) and all(
        found[name].type == "tensor(float)" and _fits(found[name].shape, shape)
        for name, shape in wanted.items()
    )
    if not fits:
        described = ", ".join(f"{name} {_shown(shape)}" for name, shape in wanted.items())
        raise ModelFilesError(
            f"the {kind} of this network are not those of a {layout.what}",
            value=", ".join(f"{name} {_shown(node.shape)}" for name, node in found.items()),
            remedy=f"It needs float32 {kind} {described}.",
        )


def _fits(shape: Sequence[int | str | None], wanted: Shape) -> bool:
    """A size that may differ (a name) fits a wanted number, and anything fits a wanted name."""
    return len(shape) == len(wanted) and all(
        not isinstance(there, int) or isinstance(want, str) or there == want
        for there, want in zip(shape, wanted, strict=True)
    )


def _shown(shape: Sequence[object]) -> str:
    return "[" + ", ".join(str(size) for size in shape) + "]"
