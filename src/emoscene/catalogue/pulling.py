"""Getting a model: its tensors and text files at one commit, never code."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from emoscene.catalogue.entry import Entry, known, megabytes_in_words, terms
from emoscene.catalogue.here import (
    hub_cache,
    main_commit,
    pulled_folder,
    repository_folder,
    safe_name,
    snapshot_at,
)
from emoscene.catalogue.hub import RemoteFile, download, listing, offline_by, partial_bytes, point_main
from emoscene.errors import ModelError, ModelFilesError

__all__ = ["Pulled", "pull", "use_of_file"]

#: Tensors without code, and the text files of configuration, tokenizer and chat template, at the top of a repository:
#: some keep other formats in folders beside them.
_TEXT = re.compile(r"[^/]+\.(json|jinja|txt|model)|1_Pooling/config\.json")
_TENSORS = re.compile(r"[^/]+\.safetensors")
#: Where a repository has these, its other tensors are the same weights once more.
_MODEL = re.compile(r"(adapter_)?model(-\d+-of-\d+)?\.safetensors")
_WEIGHT_NAMES = (".safetensors", ".bin")


@dataclass(frozen=True)
class Pulled:
    """What a pull brought: the folder, and the commit that it is."""

    entry: Entry
    folder: Path
    revision: str


def pull(
    name: str,
    *,
    say: Callable[[str], None] = lambda line: None,
    progress: Callable[[int, int], None] = lambda came, total: None,
) -> Pulled:
    """Download a model's tensors, configuration, tokenizer and chat template; never code.

    Pickles are taken only where an entry of the catalogue lists them by name, as the published adapters do; nothing
    loads them, and `models convert` reads nothing but tensors from them. An interrupted download goes on where it
    stopped. The commit is the catalogue's, or what `main` is now.

    Args:
        name: A name of the catalogue, or a hub id.
        say: Takes one line at a time about what happens.
        progress: Takes the bytes that are here and those there will be.

    Raises:
        UnknownModelError: if the catalogue and the hub have no such model.
        ModelNotHereError: if the hub cannot be reached or asks for a login.
        ModelFilesError: if the model has no safetensors, the disk is too small, or what came is damaged.
    """
    entry = known(name)
    _refuse_what_is_no_download(entry, name)
    if already := _already(entry):
        say(f"{entry.hub} at commit {already.revision} is here already")
        return already

    source = listing(entry.hub, entry.revision)
    wanted = _wanted(entry, source.files)
    total = sum(file.size for file in wanted)
    here = sum(partial_bytes(entry.hub, file) for file in wanted)
    _check_disk(total, here)
    pinned = "pinned by the catalogue" if entry.revision else "what main is now"
    say(f"{entry.hub} at commit {source.commit} ({pinned})")
    going_on = f", {megabytes_in_words(here / 1e6)} of it already here" if 0 < here < total else ""
    say(f"{len(wanted)} files, {megabytes_in_words(total / 1e6)}{going_on}; licence: {terms(entry)}")

    came = 0

    def count(more: int) -> None:
        nonlocal came
        came += more
        progress(came, total)

    for file in wanted:
        download(source, file, count)
    if not entry.revision:
        point_main(source)
    snapshot = repository_folder(entry.hub) / "snapshots" / source.commit
    return Pulled(entry, snapshot / entry.subfolder, source.commit)


def _already(entry: Entry) -> Pulled | None:
    """What an earlier pull brought, where asking the hub could bring nothing else: a pinned commit, or offline."""
    if not entry.revision and not offline_by():
        return None
    folder = pulled_folder(entry)
    if folder is not None:
        snapshot = folder.parent if entry.subfolder else folder
        return Pulled(entry, folder, snapshot.name)
    if entry.subfolder:
        return None
    commit = entry.revision or main_commit(entry.hub)
    folder = snapshot_at(entry.hub, commit) if commit else None
    return Pulled(entry, folder, str(commit)) if folder else None


def _refuse_what_is_no_download(entry: Entry, name: str) -> None:
    if entry.kind == "embedded":
        raise ModelError("this model comes with emoscene", value=name, remedy="There is nothing to download.")
    if not entry.hub:
        raise ModelError(
            "this model is a file that emoscene does not download",
            value=name,
            remedy=f"Take {' or '.join(entry.files)} from {entry.address}. {use_of_file(entry)}",
        )


def use_of_file(entry: Entry) -> str:
    """How a single file is made known."""
    if not entry.variable:
        return "Nothing asks it yet."
    other = f", or give --model {entry.recognizer} -o {entry.option}=PATH" if entry.option else ""
    return f"Set {entry.variable} to its path{other}."


def _wanted(entry: Entry, files: Sequence[RemoteFile]) -> list[RemoteFile]:
    """The files to take, the tensors last: a folder that has them all has the others too."""
    below = f"{entry.subfolder}/" if entry.subfolder else ""
    inside = [(file.path.removeprefix(below), file) for file in files if file.path.startswith(below)]
    paths = {path for path, _ in inside}
    only_model = any(_MODEL.fullmatch(path) for path in paths)

    def is_wanted(path: str) -> bool:
        if path in entry.pickles:
            return safe_name(path) not in paths
        return (_MODEL if only_model else _TENSORS).fullmatch(path) is not None or bool(_TEXT.fullmatch(path))

    wanted = sorted((file for path, file in inside if is_wanted(path)), key=_tensors_last)
    if not any(file.path.endswith(_WEIGHT_NAMES) for file in wanted):
        raise ModelFilesError(
            "this model has no safetensors files, and emoscene loads nothing else",
            value=entry.hub,
            remedy="Look for a copy in safetensors; of a .bin that you fetched: emoscene models convert FOLDER",
        )
    return wanted


def _tensors_last(file: RemoteFile) -> tuple[bool, str]:
    return file.path.endswith(_WEIGHT_NAMES), file.path


def _check_disk(total: int, here: int) -> None:
    folder = hub_cache()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < total - here:
        raise ModelFilesError(
            f"the download takes {(total - here) / 1e6:,.0f} MB and {free / 1e6:,.0f} MB are free",
            value=hub_cache(),
            remedy="Make room, or set HF_HUB_CACHE to a folder on a larger disk.",
        )
