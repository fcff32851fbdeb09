"""What encoders keep on disk: the vectors of texts, and the hashes of large files that say whose vectors they are.

One file holds the vectors of one set of texts by one encoder: vocabularies and labels are encoded once for a model,
not once a run. A damaged or foreign file is computed anew; a folder that cannot be written to costs time, and `remark`
says so.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from emoscene.errors import shorten

__all__ = ["TextCache", "cache_folder"]

Vectors = npt.NDArray[np.float32]
_FORMAT = "2"
#: No vectors of texts take more than this a text, so that a foreign file is not read into memory.
_MOST_BYTES_A_TEXT = 64 * 1024
#: How far the length of a kept vector may be from 1.
_UNIT = 1e-3


def cache_folder() -> Path:
    """`EMOSCENE_CACHE`, or `emoscene` in the user's cache folder."""
    own = os.environ.get("EMOSCENE_CACHE")
    return Path(own or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "emoscene").expanduser()


class TextCache:
    """The cache in a folder.

    Args:
        folder: None takes `cache_folder()`, anew for every call.

    Attributes:
        remark: Why nothing could be kept, if so; to be said once.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self.remark: str | None = None

    def vectors(
        self, texts: Sequence[str], fingerprint: str, encode: Callable[[Sequence[str]], Vectors]
    ) -> Vectors:
        """Unit vectors of `texts`, (n, d), one for one: kept ones, or else by `encode`, which are then kept.

        Args:
            texts: At least one; the same set is found again in any order.
            fingerprint: Of the encoder: its weights, its tokenizer and how texts are prepared.
            encode: Computes what is not there, each text once, in an order that depends on the set alone.
        """
        wanted = sorted(set(texts))
        # Lone surrogates have no UTF-8; JSON's escapes are unambiguous for any text.
        said = json.dumps([_FORMAT, fingerprint, wanted], ensure_ascii=True)
        key = hashlib.sha256(said.encode("ascii")).hexdigest()
        kept = self._read(key, len(wanted))
        if kept is None:
            kept = np.ascontiguousarray(encode(wanted), dtype=np.float32)
            found = kept
            self._write(f"texts/{key}.npz", lambda stream: np.savez(stream, vectors=found, key=np.array(key)))
        place = {text: i for i, text in enumerate(wanted)}
        return kept[[place[text] for text in texts]]

    def digest(self, file: Path) -> str:
        """SHA-256 of a file, in hex; kept as long as its size, its times and its place on the disk stay the same."""
        file = file.resolve()
        record = f"digests/{hashlib.sha256(os.fsencode(file)).hexdigest()}.json"
        stat = file.stat()
        now = [_FORMAT, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_dev]
        kept = self._record(record)
        if isinstance(kept, dict) and kept.get("file") == now and _is_digest(kept.get("sha256")):
            return str(kept["sha256"])
        with file.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        line = json.dumps({"file": now, "sha256": found}).encode()
        self._write(record, lambda stream: stream.write(line))
        return found

    def _record(self, name: str) -> object:
        try:
            return json.loads((self._at() / name).read_text("utf-8"))
        except (OSError, ValueError, RuntimeError, RecursionError):
            return None

    def _read(self, key: str, count: int) -> Vectors | None:
        try:
            file = self._at() / "texts" / f"{key}.npz"
            if file.stat().st_size > (count + 1) * _MOST_BYTES_A_TEXT:
                return None
            # Opened here: numpy leaves a file that is no archive open.
            with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
                vectors, named = arrays["vectors"], str(arrays["key"])
        except (OSError, ValueError, KeyError, EOFError, TypeError, RuntimeError, MemoryError, BadZipFile):
            return None
        if named != key or vectors.ndim != 2 or len(vectors) != count or vectors.dtype != np.float32:
            return None
        lengths = np.linalg.norm(vectors, axis=1)
        return vectors if bool((np.abs(lengths - 1) < _UNIT).all()) else None

    def _write(self, name: str, write: Callable[[IO[bytes]], object]) -> None:
        """Whole or not at all: a reader never meets half a file."""
        try:
            file = self._at() / name
            file.parent.mkdir(parents=True, exist_ok=True)
            handle, part = tempfile.mkstemp(dir=file.parent, suffix=".part")
            try:
                with os.fdopen(handle, "wb") as stream:
                    write(stream)
                os.replace(part, file)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(part)
        except (OSError, RuntimeError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else "no home folder"
            where = "" if self._folder is None else f" in {shorten(self._folder)}"
            self.remark = (
                f"texts could not be kept{where} ({reason.lower()}) and are encoded anew in every run; "
                "EMOSCENE_CACHE names another folder"
            )

    def _at(self) -> Path:
        return self._folder or cache_folder()


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64 and all(c in "0123456789abcdef" for c in value)
