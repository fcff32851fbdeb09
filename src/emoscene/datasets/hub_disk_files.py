"""The files of a Hugging Face dataset: which splits there are, what their columns are, and the rows, one by one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from emoscene.datasets.table_files import Row
from emoscene.errors import InputError, MissingExtraError

__all__ = ["HubSplit", "features_of", "find_splits", "rows_of"]

_LARGEST_JSON = 64 * 2**20
_ROWS_AT_ONCE = 32
_PARQUET = re.compile(
    r"(?P<split>[A-Za-z0-9_.]+)-\d{5}-of-\d{5}(-[0-9a-f]+)?\.parquet|(?P<whole>[A-Za-z0-9_]+)\.parquet"
)
_USUAL_ORDER = ("train", "validation", "val", "test")
_ONE_SPLIT = "all"


@dataclass(frozen=True)
class HubSplit:
    """The files of a split in their order, the folder that paths in them are relative to, and their kind."""

    files: tuple[Path, ...]
    folder: Path
    layout: str


def find_splits(root: Path) -> dict[str, HubSplit]:
    """The splits below a folder, in their usual order.

    Raises:
        InputError: if the folder is no dataset of the hub, or a file that it names is not there.
    """
    if (root / "dataset_dict.json").is_file():
        names = _json(root / "dataset_dict.json").get("splits")
        if (
            not isinstance(names, list)
            or not all(isinstance(n, str) and _is_plain(n) for n in names)
            or not names
        ):
            raise InputError(
                f"{root.name}/dataset_dict.json: expected the names of splits",
                value=names,
                remedy="Save it again.",
            )
        return {name: _saved(root / name) for name in _in_order(names)}
    if (root / "state.json").is_file():
        return {_split_named(root): _saved(root)}
    found: dict[str, list[Path]] = {}
    for folder in (root, root / "data"):
        for file in sorted(folder.glob("*.parquet")):
            match = _PARQUET.fullmatch(file.name)
            if match:
                found.setdefault(match["split"] or match["whole"], []).append(file)
    if not found:
        raise InputError(
            "this folder is no dataset that was saved with save_to_disk, and holds no Parquet files",
            value=root.name,
            remedy="Give the folder with dataset_dict.json, state.json, or train-00000-of-00001.parquet.",
        )
    return {name: HubSplit(tuple(found[name]), root, "Parquet files") for name in _in_order(list(found))}


def _in_order(names: list[str]) -> list[str]:
    return [*(n for n in _USUAL_ORDER if n in names), *(n for n in names if n not in _USUAL_ORDER)]


def _is_plain(name: str) -> bool:
    """A name of one file or folder, which leads nowhere else."""
    return (
        name not in ("", ".", "..")
        and PurePosixPath(name).name == name
        and "\\" not in name
        and name.isprintable()
    )


def _saved(folder: Path) -> HubSplit:
    """A split written by `save_to_disk`."""
    listed = _json(folder / "state.json").get("_data_files")
    names = [entry.get("filename") if isinstance(entry, dict) else None for entry in listed or ()]
    if not names or not all(isinstance(name, str) and _is_plain(name) for name in names):
        raise InputError(
            f"{folder.name}/state.json: expected the names of Arrow files",
            value=names,
            remedy="Save it again.",
        )
    files = tuple(folder / str(name) for name in names)
    missing = next((file.name for file in files if not file.is_file()), None)
    if missing is not None:
        raise InputError(
            f"{folder.name}: a file of the dataset is not there",
            value=missing,
            remedy="Copy the whole folder.",
        )
    return HubSplit(files, folder, "saved with save_to_disk")


def _split_named(folder: Path) -> str:
    name = _json(folder / "state.json").get("_split")
    return name if isinstance(name, str) and _is_plain(name) else _ONE_SPLIT


def _json(file: Path) -> Mapping[str, Any]:
    where = f"{file.parent.name}/{file.name}"
    if not file.is_file():
        raise InputError(f"{where} is not there", remedy="Give a folder written by save_to_disk, whole.")
    if file.stat().st_size > _LARGEST_JSON:
        raise InputError(
            f"{where} is too large", value=f"{file.stat().st_size:,} bytes", remedy="Save it again."
        )
    try:
        data = json.loads(file.read_text("utf-8"))
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise InputError(f"{where} is no JSON object", remedy="Save the dataset again.")
    return data


def features_of(split: HubSplit) -> dict[str, Any]:
    """column -> what the file says of it, such as the names of its classes (an empty mapping where it says nothing).

    Raises:
        InputError: if the first file cannot be read.
        MissingExtraError: if pyarrow is not installed.
    """
    schema = _schema(split.files[0])
    said: Any = {}
    try:
        said = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
    except (KeyError, TypeError, ValueError, RecursionError):
        info = split.folder / "dataset_info.json"
        if info.is_file():
            said = _json(info).get("features")
    said = said if isinstance(said, dict) else {}
    return {name: said.get(name, {}) for name in schema.names}


def rows_of(split: HubSplit, features: Mapping[str, Any]) -> Iterator[Row]:
    """The rows of a split; numbers of classes are replaced by their names."""
    number = 0
    for file in split.files:
        for cells in _cells(file):
            number += 1
            where = f"{file.name}, row {number}"
            yield Row(
                where, number, {name: _named(cell, features.get(name), where) for name, cell in cells.items()}
            )


def _named(cell: Any, feature: Any, where: str) -> Any:
    """A cell with the names of classes in place of their numbers, inside of lists too."""
    if isinstance(feature, list) and len(feature) == 1:
        feature = {"_type": "List", "feature": feature[0]}
    if not isinstance(feature, Mapping) or cell is None:
        return cell
    kind = feature.get("_type")
    if kind in ("Sequence", "List", "LargeList") and isinstance(cell, list):
        return [_named(each, feature.get("feature"), where) for each in cell]
    names = feature.get("names")
    if kind != "ClassLabel" or not isinstance(names, list):
        return cell
    if not isinstance(cell, int) or cell == -1:
        return None  # -1 is how the library writes that a label is not known
    if not 0 <= cell < len(names):
        raise InputError(
            f"{where}: the number of a class that has no name",
            value=cell,
            remedy=f"There are {len(names)} classes.",
        )
    return str(names[cell])


def _schema(file: Path) -> Any:
    arrow = _arrow()
    try:
        if file.suffix == ".parquet":
            return arrow.parquet.read_schema(file)
        with arrow.memory_map(str(file)) as source, _reader(arrow, source) as reader:
            return reader.schema
    except (arrow.ArrowException, OSError) as error:
        raise _damaged(file, error) from None


def _cells(file: Path) -> Iterator[dict[str, Any]]:
    arrow = _arrow()
    try:
        if file.suffix == ".parquet":
            with arrow.parquet.ParquetFile(file) as table:
                for batch in table.iter_batches(batch_size=_ROWS_AT_ONCE):
                    yield from batch.to_pylist()
            return
        with arrow.memory_map(str(file)) as source, _reader(arrow, source) as reader:
            for batch in reader:
                for start in range(0, batch.num_rows, _ROWS_AT_ONCE):
                    yield from batch.slice(start, _ROWS_AT_ONCE).to_pylist()
    except (arrow.ArrowException, OSError) as error:
        raise _damaged(file, error) from None


def _reader(arrow: Any, source: Any) -> Any:
    """Arrow's stream, which is what the library writes."""
    return arrow.ipc.open_stream(source)


def _damaged(file: Path, error: Exception) -> InputError:
    return InputError(
        f"{file.name}: this file cannot be read as Arrow or Parquet data",
        value=type(error).__name__,
        remedy="Copy or save the dataset again.",
    )


def _arrow() -> Any:
    try:
        import pyarrow
        import pyarrow.ipc
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError.of("datasets", "pyarrow") from None
    return pyarrow
