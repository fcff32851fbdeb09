"""Names of datasets and how each is opened. One line here registers one; other packages register theirs through
the entry-point group `emoscene.datasets` (name -> a function of the same signature)."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, cast

from emoscene.datasets.base import Dataset
from emoscene.errors import MissingFileError, OptionError
from emoscene.recognizers.registry import check_options

__all__ = ["dataset_names", "open_dataset"]

#: `open(root, **options)` opens a dataset. Its keyword-only parameters are its options.
_Opener = Callable[..., Dataset]

_BUILT_IN = {
    "emotic": "emoscene.datasets.emotic:open_emotic",
    "table": "emoscene.datasets.table:open_table",
    "folder": "emoscene.datasets.folders:open_folder",
    "caer_s": "emoscene.datasets.caer_s:open_caer_s",
    "finding_emo": "emoscene.datasets.finding_emo:open_finding_emo",
    "emotag": "emoscene.datasets.emotag:open_emotag",
    "hub": "emoscene.datasets.hub_disk:open_hub_disk",
    "scenes": "emoscene.datasets.scenes.folder:open_scenes",
}
_GROUP = "emoscene.datasets"


def dataset_names() -> list[str]:
    """All registered names: built in first, then those of other installed packages."""
    others = [e.name for e in entry_points(group=_GROUP) if e.name not in _BUILT_IN]
    return [*_BUILT_IN, *sorted(others)]


def open_dataset(name: str, root: str | Path, **options: Any) -> Dataset:
    """Open a dataset where it lies; nothing is downloaded.

    Args:
        name: A registered name, such as `emotic`.
        root: The file or folder that holds it.
        **options: Options of the dataset.

    Raises:
        OptionError: for an unknown name or option.
        MissingFileError: if there is nothing at `root`.
        InputError: if what is there is none of the dataset's formats.
    """
    opener = _opener(name)
    check_options(f"the dataset {name!r}", opener, options)
    place = Path(root)
    if not place.exists():
        raise MissingFileError(
            "there is no such file or folder", value=root, remedy="Check the path given as --root."
        )
    return opener(place, **options)


def _opener(name: str) -> _Opener:
    if name in _BUILT_IN:
        module, _, attribute = _BUILT_IN[name].partition(":")
        return cast(_Opener, getattr(import_module(module), attribute))
    for entry in entry_points(group=_GROUP):
        if entry.name == name:
            return cast(_Opener, entry.load())
    known = dataset_names()
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    raise OptionError(
        "there is no dataset of this name", value=name, remedy=f"{hint}Known: {', '.join(known)}."
    )
