"""The arrays that the same port makes beside its tables: `{split}_{context,body,cat,cont}_arr.npy`.

Pictures of 224 x 224 and bodies of 128 x 128 pixels, RGB; 26 columns of 0 and 1 in alphabetical order; valence,
arousal and dominance. They are mapped, not read: a picture is in memory only while somebody looks at it. Nothing says
which picture a row came from, and there are no boxes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emoscene.datasets.emotic.people import EmoticPerson
from emoscene.datasets.emotic.reading import ALPHABETICAL, Names, Place, vad_of
from emoscene.errors import InputError, MissingFileError

__all__ = ["VIEWS", "is_array_name", "mapped", "read_arrays"]

#: Which picture stands for a person: the whole scene, or the body cut out.
VIEWS = ("context", "body")
_LABELS = "_cat_arr.npy"


def is_array_name(name: str) -> bool:
    """Whether a file of this name holds the labels of such a set of arrays."""
    return name.endswith(_LABELS)


def read_arrays(file: Path, split: str, names: Names, *, view: str = "context") -> Iterator[EmoticPerson]:
    """The people in the order of the arrays.

    Args:
        file: The `_cat_arr.npy` file; the others lie beside it.
        view: `context` or `body`.

    Raises:
        MissingFileError: if the array of valence, arousal and dominance is not beside it.
        InputError: if an array is of another shape or type, or they are not of one length.
    """
    stem = file.name.removesuffix(_LABELS)
    beside = {kind: file.with_name(f"{stem}_{kind}_arr.npy") for kind in ("cont", view)}
    if not beside["cont"].is_file():
        raise MissingFileError(
            "an array is missing",
            value=beside["cont"].name,
            remedy="All the arrays of a split lie in one folder.",
        )
    categories = mapped(file)
    continuous = mapped(beside["cont"])
    pictures = mapped(beside[view]) if beside[view].is_file() else None
    _check_shapes(file, categories, continuous, pictures)
    for i, (row, numbers) in enumerate(zip(categories, continuous, strict=True)):
        vad, faults = vad_of(numbers.tolist(), Place(beside["cont"], i))
        yield EmoticPerson(
            split,
            "arrays",
            f"{stem}_{i:06d}",
            0,
            frozenset(names.space[ALPHABETICAL[at]].id for at in np.flatnonzero(row)),
            vad=vad,
            faults=faults,
            pixels=None if pictures is None else pictures[i],
        )


def mapped(file: Path) -> npt.NDArray[Any]:
    """An array of numbers, mapped from its file.

    Raises:
        InputError: if it is none, or holds Python objects, which are never loaded.
    """
    try:
        array: npt.NDArray[Any] = np.load(file, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError, OverflowError):
        raise InputError(
            f"{file.name}: this is no array of numbers, or it breaks off",
            remedy="Save it with numpy.save(FILE, ARRAY, allow_pickle=False).",
        ) from None
    return array


def _check_shapes(
    file: Path,
    categories: npt.NDArray[Any],
    continuous: npt.NDArray[Any],
    pictures: npt.NDArray[Any] | None,
) -> None:
    shapes = [array.shape for array in (categories, continuous, pictures) if array is not None]
    people = shapes[0][0] if shapes[0] else 0
    expected: list[tuple[int, ...]] = [(people, 26), (people, 3)]
    if pictures is not None:
        expected.append((people, *shapes[2][1:3], 3))
    if shapes != expected:
        raise InputError(
            f"{file.name}: the arrays do not fit each other",
            value=shapes,
            remedy="Expected N x 26 labels, N x 3 numbers and N x height x width x 3 pixels.",
        )
    if pictures is not None and pictures.dtype != np.uint8:
        raise InputError(
            f"{file.name}: pixels are not 8-bit numbers", value=pictures.dtype, remedy="Save them as uint8."
        )
    if not np.isin(categories, (0, 1)).all():
        row = int(np.flatnonzero(~np.isin(categories, (0, 1)).all(axis=1))[0])
        raise Place(file, row).error(
            "a label is neither 0 nor 1", categories[row].tolist(), "Save 26 columns of 0 and 1."
        )
