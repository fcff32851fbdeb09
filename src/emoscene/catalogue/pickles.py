"""The one place that reads pickles: named tensors from a published `.bin`, and nothing else from it.

A pickle is a program. torch's own restricted reader (`weights_only=True`) runs none of it but the rebuilding of
tensors; what it refuses is refused here too, without a second try. The archive is looked at before: nothing
compressed, nothing larger than the file, so that a small file cannot fill the memory.
"""

from __future__ import annotations

import pickle
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emoscene.errors import MissingExtraError, ModelFilesError, shorten

__all__ = ["read_tensors"]

_LONGEST_PROGRAM = 32 * 2**20
_MOST_TENSORS = 100_000
_LONGEST_NAME = 400
#: torch before this read some pickles unsafely in spite of `weights_only=True` (CVE-2025-32434).
_SAFE_TORCH = (2, 6)


def read_tensors(file: Path, *, may_be_empty: bool = False) -> dict[str, Any]:
    """The tensors of a `.bin` file by their names, on the CPU, read from the disk as they are used where possible.

    Raises:
        MissingExtraError: if torch is not installed.
        ModelFilesError: if the file holds anything but named tensors, is damaged, or claims to be larger than it is.
    """
    torch = _torch()
    is_archive = _check_archive(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = torch.load(file, map_location="cpu", weights_only=True, mmap=is_archive)
    except pickle.UnpicklingError:
        raise ModelFilesError(
            "this file holds more than tensors, and was not read: what it holds could run code",
            value=file,
            remedy="Do not load it with anything else either; ask its authors for safetensors.",
        ) from None
    # A damaged file fails wherever the reader happens to be.
    except (
        RuntimeError,
        ValueError,
        EOFError,
        KeyError,
        TypeError,
        IndexError,
        AttributeError,
        OSError,
    ) as error:
        raise ModelFilesError(
            f"this file cannot be read as tensors ({type(error).__name__})", value=file, remedy=_AGAIN
        ) from error
    return {} if may_be_empty and found == {} else _checked(torch, found, file)


_AGAIN = "Download it again."


def _check_archive(file: Path) -> bool:
    """Whether a file is of torch's newer kind, an archive that is stored and not compressed."""
    if not zipfile.is_zipfile(file):
        return False
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError):
        raise ModelFilesError("this archive of tensors is damaged", value=file, remedy=_AGAIN) from None
    program = sum(part.file_size for part in parts if part.filename.endswith(".pkl"))
    stored = all(part.compress_type == zipfile.ZIP_STORED for part in parts)
    if (
        not stored
        or program > _LONGEST_PROGRAM
        or sum(part.file_size for part in parts) > file.stat().st_size
    ):
        raise ModelFilesError(
            "this archive of tensors is not as torch writes it, and was not read",
            value=file,
            remedy="Ask its authors for safetensors.",
        )
    return True


def _checked(torch: Any, found: Any, file: Path) -> dict[str, Any]:
    if not isinstance(found, Mapping) or not 0 < len(found) <= _MOST_TENSORS:
        raise _not_named_tensors(file, f"a {type(found).__name__}")
    largest = file.stat().st_size
    for name, tensor in found.items():
        if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
            raise _not_named_tensors(file, f"the name {shorten(name, 60)}")
        if not isinstance(tensor, torch.Tensor) or tensor.layout is not torch.strided or tensor.is_quantized:
            raise _not_named_tensors(file, f"{shorten(name, 60)} is a {type(tensor).__name__}")
        if tensor.dtype not in _known_types(torch):
            raise _not_named_tensors(file, f"{shorten(name, 60)} holds numbers of the type {tensor.dtype}")
        # One stored number can be the whole of an endless tensor.
        if tensor.numel() * tensor.element_size() > largest:
            raise _not_named_tensors(file, f"{shorten(name, 60)} is larger than the file")
    return {name: tensor.detach() for name, tensor in found.items()}


def _known_types(torch: Any) -> set[Any]:
    names = "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool"
    return {getattr(torch, name) for name in names.split()}


def _not_named_tensors(file: Path, what: str) -> ModelFilesError:
    return ModelFilesError(
        f"this file is no list of named tensors ({what})",
        value=file,
        remedy="Give the .bin of a model's weights, not of a training state.",
    )


def _torch() -> Any:
    try:
        import torch
    except ImportError as missing:
        raise MissingExtraError.of("models", missing.name or "torch") from None
    version = tuple(int(part) for part in torch.__version__.split(".")[:2])
    if version < _SAFE_TORCH:
        raise ModelFilesError(
            "this torch cannot read pickles safely",
            value=torch.__version__,
            remedy='Run: pip install "torch>=2.6"',
        )
    return torch
