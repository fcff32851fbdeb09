"""Features on disk: found again by what they were made of, kept while they are made, never torn.

One folder a model and look, in it parts of a few hundred vectors, each written whole or not at all. What a killed run
had written is there for the next; two runs that write at once each write parts of their own.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from emoscene.errors import OptionError, PictureError
from emoscene.images import open_picture
from emoscene.recognizers.text_cache import cache_folder
from emoscene.types import Picture, Sample

__all__ = ["FeatureStore", "describe", "person_key"]

Vector = npt.NDArray[np.float32]
#: Vectors of a part: what a kill costs at most.
_PART = 256
_FORMAT = "1"


class FeatureStore:
    """The features of one model and look.

    Args:
        fingerprint: Of everything that decides a vector besides the person.
        folder: Where stores are; None: `features` in emoscene's cache.

    Attributes:
        hits, misses: How often something was there, and was not.
        damaged: Files that could not be read; their vectors are made anew.
    """

    def __init__(self, fingerprint: str, folder: Path | None = None) -> None:
        self.place = (folder or cache_folder() / "features") / fingerprint
        self.hits = self.misses = self.damaged = 0
        self._kept: dict[str, Vector] = {}
        self._new: dict[str, Vector] = {}
        for file in sorted(self.place.glob("*.npz")):
            self._read(file)

    def get(self, key: str) -> Vector | None:
        """What was kept under the key."""
        found = self._kept.get(key)
        self.hits += found is not None
        self.misses += found is None
        return found

    def put(self, key: str, vector: Vector) -> None:
        """Keep a vector; it is on disk after `flush`, or some hundred vectors later."""
        self._kept[key] = self._new[key] = np.ascontiguousarray(vector, np.float32)
        if len(self._new) >= _PART:
            self.flush()

    def flush(self) -> None:
        """Write what is new.

        Raises:
            OptionError: if it cannot be written.
        """
        if not self._new:
            return
        try:
            self._write()
        except OSError as error:
            raise OptionError(
                f"features cannot be kept ({(error.strerror or 'no room').lower()})",
                value=self.place.parent,
                remedy="Name another folder: --set cache=FOLDER",
            ) from error
        self._new = {}

    def _write(self) -> None:
        self.place.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=self.place, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as stream:
                np.savez(
                    stream,
                    format=_FORMAT,
                    keys=np.array([*self._new]),
                    vectors=np.stack([*self._new.values()]),
                )
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(part, f"{part.removesuffix('.part')}.npz")
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(part)

    def _read(self, file: Path) -> None:
        try:
            with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
                keys, vectors, known = arrays["keys"], arrays["vectors"], str(arrays["format"])
        except (OSError, ValueError, KeyError, EOFError, TypeError, BadZipFile):
            self.damaged += 1
            return
        fits = vectors.ndim == 2 and vectors.dtype == np.float32 and keys.shape == vectors.shape[:1]
        if known != _FORMAT or not fits or not np.isfinite(vectors).all():
            self.damaged += 1
            return
        self._kept |= dict(zip(keys.tolist(), vectors, strict=True))


def person_key(sample: Sample, changes: str = "") -> str:
    """What a person's features depend on: the bytes of the picture, the boxes, the words; and `changes`, how the
    picture was changed since.

    Raises:
        PictureError: if the picture cannot be read.
    """
    box = None if sample.box is None else sample.box.as_tuple()
    said: list[Any] = [
        _FORMAT,
        _picture(sample),
        box,
        [b.as_tuple() for b in sample.others],
        sample.text,
        changes,
    ]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _picture(sample: Sample) -> str:
    picture = sample.picture
    if picture is None:
        return ""
    if isinstance(picture, str | Path) and not str(picture).startswith("data:"):
        try:
            with open(picture, "rb") as stream:
                return f"file {hashlib.file_digest(stream, 'sha256').hexdigest()}"
        except OSError as error:
            raise PictureError(
                f"the picture of {sample.id} cannot be read",
                value=picture,
                remedy="Check the dataset's root.",
            ) from error
    opened = picture if isinstance(picture, Picture) else open_picture(picture)
    return f"pixels {opened.sha256}"


def describe(store: FeatureStore) -> dict[str, int]:
    """What a manifest says of the store."""
    return {"found": store.hits, "computed": store.misses, "damaged_files": store.damaged}
