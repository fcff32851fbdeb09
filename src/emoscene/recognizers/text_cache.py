"""Embeddings of texts kept on disk: vocabularies and labels are encoded once for a model, not once a run.

One file holds the embeddings of one list of texts by one encoder. A damaged or foreign file is computed anew, a folder
that cannot be written to costs time and nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

__all__ = ["cache_folder", "cached_texts"]

Vectors = npt.NDArray[np.float32]
_FORMAT = "1"


def cache_folder() -> Path:
    """`EMOSCENE_CACHE`, or `emoscene` in the user's cache folder."""
    if named := os.environ.get("EMOSCENE_CACHE"):
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "emoscene"


def cached_texts(
    texts: Sequence[str], fingerprint: str, encode: Callable[[Sequence[str]], Vectors]
) -> Vectors:
    """Vectors of `texts`, (n, d), from the cache or else by `encode`, which are then kept.

    Args:
        texts: In any order; the same list again is found again.
        fingerprint: Of the encoder: its weights, its tokenizer and how texts are prepared.
        encode: Computes what is not there.
    """
    # Lone surrogates have no UTF-8; JSON's escapes are unambiguous for any text.
    said = json.dumps([_FORMAT, fingerprint, list(texts)], ensure_ascii=True)
    key = hashlib.sha256(said.encode("ascii")).hexdigest()
    file = cache_folder() / "texts" / f"{key}.npz"
    kept = _read(file, key, len(texts))
    if kept is not None:
        return kept
    vectors = np.ascontiguousarray(encode(texts), dtype=np.float32)
    _write(file, key, vectors)
    return vectors


def _read(file: Path, key: str, count: int) -> Vectors | None:
    try:
        # Opened here: numpy leaves a file that is no archive open.
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            vectors, named = arrays["vectors"], str(arrays["key"])
    except (OSError, ValueError, KeyError, EOFError, TypeError, BadZipFile):
        return None
    fits = named == key and vectors.ndim == 2 and len(vectors) == count and vectors.dtype == np.float32
    return vectors if fits and np.isfinite(vectors).all() else None


def _write(file: Path, key: str, vectors: Vectors) -> None:
    """Whole or not at all: a reader never meets half a file."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent, suffix=".part")
    except OSError:
        return
    try:
        with os.fdopen(handle, "wb") as stream:
            np.savez(stream, vectors=vectors, key=np.array(key))
        os.replace(name, file)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(name)
