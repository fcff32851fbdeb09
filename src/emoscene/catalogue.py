"""The models that emoscene knows: what they are, whether they are here, and how to get them.

Nothing here loads a model. Whether a model is on this machine is read from the folders of the Hugging Face cache,
without a network and without importing anything heavy.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import yaml

from emoscene.errors import ModelError, ModelFilesError, ModelNotHereError, UnknownModelError

__all__ = [
    "Entry",
    "Pulled",
    "card",
    "entries",
    "find",
    "for_photographs",
    "hub_cache",
    "hub_folder",
    "is_here",
    "is_hub_id",
    "pull",
]

#: What a pull takes: tensors without code, and the text files of configuration, tokenizer and chat template.
SAFE_FILES = ("*.safetensors", "*.json", "*.jinja", "*.txt", "*.model")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SECONDS_TO_ANSWER = 8.0


@dataclass(frozen=True)
class Entry:
    """A known model, as written in `catalogue.yaml`, which explains the fields.

    `megabytes` is about what the download takes; `revision` is a commit of 40 hexadecimal digits, or None.
    """

    name: str
    kind: str
    licence: str
    good_for: str
    megabytes: float
    hub: str = ""
    address: str = ""
    revision: str | None = None
    extra: str = ""
    recognizer: str | None = None
    photographs: int | None = None
    package: str = ""
    files: tuple[str, ...] = ()
    option: str = ""
    variable: str = ""
    licence_note: str = ""

    @property
    def where(self) -> str:
        """The address to read about it."""
        if self.hub:
            return f"https://huggingface.co/{self.hub}"
        return self.address or "comes with emoscene"


@functools.cache
def entries() -> tuple[Entry, ...]:
    """All known models, in the order of the catalogue."""
    text = Path(__file__).with_name("catalogue.yaml").read_text(encoding="utf-8")
    return tuple(_entry(name, fields) for name, fields in yaml.safe_load(text).items())


def _entry(name: str, fields: dict[str, Any]) -> Entry:
    entry = Entry(name=name, **{**fields, "files": tuple(fields.get("files", ()))})
    if entry.revision is not None and not _COMMIT.fullmatch(entry.revision):
        raise ValueError(f"catalogue.yaml: the revision of {name} is no commit of 40 hexadecimal digits")
    return entry


def find(name: str) -> Entry | None:
    """The entry of this name or hub id; case does not matter."""
    wanted = name.casefold()
    return next((e for e in entries() if wanted in (e.name.casefold(), e.hub.casefold())), None)


def known(name: str) -> Entry:
    """The entry of this name, or for any hub id one that was made up on the spot.

    Raises:
        UnknownModelError: with the nearest known name.
    """
    entry = find(name)
    if entry is not None:
        return entry
    if is_hub_id(name):
        return Entry(
            name=name,
            kind="vlm",
            hub=name,
            licence="not known to emoscene: read its page",
            good_for="Not in the catalogue.",
            megabytes=0,
            extra="models",
            recognizer="vlm",
        )
    import difflib

    near = difflib.get_close_matches(name, [e.name for e in entries()], n=1)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    raise UnknownModelError(
        "the catalogue has no model of this name",
        value=name,
        remedy=f"{hint}`emoscene models list` shows the known ones.",
    )


def for_photographs() -> list[Entry]:
    """The models that `auto` takes for photographs, best first."""
    return sorted(
        (e for e in entries() if e.photographs is not None), key=lambda entry: entry.photographs or 0
    )


def is_hub_id(name: str) -> bool:
    """Whether a name looks like `organisation/name`."""
    parts = ("..", "--", ".git")
    return _HUB_ID.fullmatch(name) is not None and not any(part in name for part in parts)


def hub_cache() -> Path:
    """The folder of the Hugging Face cache, as its own environment variables set it."""
    if folder := os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE"):
        return Path(folder).expanduser()
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface"
    return Path(home).expanduser() / "hub"


def hub_folder(hub_id: str) -> Path | None:
    """The folder of a model's complete files in the cache, or None if it is not wholly there.

    The catalogue's revision is taken where it has one, else what `main` was when the model was pulled.
    """
    repository = hub_cache() / f"models--{hub_id.replace('/', '--')}"
    entry = find(hub_id)
    revision = entry.revision if entry else None
    if revision is None:
        reference = repository / "refs" / "main"
        revision = reference.read_text(encoding="ascii").strip() if reference.is_file() else None
    if revision is None or not _COMMIT.fullmatch(revision):
        return None
    snapshot = repository / "snapshots" / revision
    return snapshot if _is_complete(snapshot) else None


def _is_complete(snapshot: Path) -> bool:
    """Whether a snapshot has its configuration and every tensor file (an interrupted pull has not)."""
    if not (snapshot / "config.json").is_file():
        return False
    index = snapshot / "model.safetensors.index.json"
    if index.is_file():
        try:
            shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
            return all((snapshot / shard).is_file() for shard in shards)
        except (ValueError, KeyError, AttributeError, TypeError):
            return False
    return (snapshot / "model.safetensors").is_file()


def is_here(entry: Entry) -> bool:
    """Whether a model's files are on this machine; of single files, whether their variable names one."""
    if entry.kind == "embedded":
        return any((Path(__file__).parent / "embedded").glob("*.onnx"))
    if entry.package and find_spec(entry.package):
        return True
    if entry.variable:
        return Path(os.environ.get(entry.variable) or "no such file").is_file()
    return bool(entry.hub) and hub_folder(entry.hub) is not None


@dataclass(frozen=True)
class Pulled:
    """What a pull brought: the folder, and the commit that it is."""

    entry: Entry
    folder: Path
    revision: str


def pull(name: str, *, say: Callable[[str], None] = lambda line: None) -> Pulled:
    """Download a model's tensors, configuration, tokenizer and chat template; never code, never pickles.

    An interrupted download goes on where it stopped. The commit is the catalogue's, or what `main` is now.

    Args:
        name: A name of the catalogue, or a hub id.
        say: Takes one line at a time about what happens.

    Raises:
        UnknownModelError: if the catalogue and the hub have no such model.
        ModelNotHereError: if the hub cannot be reached or asks for a login.
        ModelFilesError: if the model has no safetensors, or the disk is too small.
    """
    entry = known(name)
    if entry.kind == "embedded":
        raise ModelError("this model comes with emoscene", value=name, remedy="There is nothing to download.")
    if not entry.hub:
        raise ModelError(
            "this model is a file that emoscene does not download",
            value=name,
            remedy=f"Take {' or '.join(entry.files)} from {entry.address}. {_use_of_file(entry)}",
        )
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    # The base class of what the hub's own network client raises; which client that is changes between versions.
    connection_failed = cast(type[Exception], HfHubHTTPError.__mro__[1])

    try:
        info = HfApi().model_info(
            entry.hub, revision=entry.revision, timeout=_SECONDS_TO_ANSWER, files_metadata=True
        )
        wanted = [f for f in info.siblings or [] if _is_safe(f.rfilename)]
        megabytes = sum(f.size or 0 for f in wanted) / 1e6
        _check(entry, info.sha, [f.rfilename for f in wanted], megabytes)
        revision = str(info.sha)
        pinned = "pinned by the catalogue" if entry.revision else "what main is now"
        say(f"{entry.hub} at commit {revision} ({pinned})")
        say(f"{len(wanted)} files, {megabytes:,.0f} MB; licence: {terms(entry)}")
        folder = snapshot_download(
            entry.hub,
            revision=entry.revision or "main",
            allow_patterns=[f.rfilename for f in wanted],
            etag_timeout=_SECONDS_TO_ANSWER,
        )
    except HfHubHTTPError as error:
        raise _refused(entry, error.response.status_code) from None
    except (connection_failed, LocalEntryNotFoundError, ConnectionError, TimeoutError):
        raise ModelNotHereError(
            "the model hub cannot be reached from here",
            value=entry.hub,
            remedy="Connect (and unset HF_HUB_OFFLINE), or copy the model's folder here and give its path "
            "as --model.",
            retryable=True,
        ) from None
    return Pulled(entry, Path(folder), Path(folder).name)


def _use_of_file(entry: Entry) -> str:
    if not entry.variable:
        return "Nothing asks it yet."
    other = f", or give --model {entry.recognizer} -o {entry.option}=PATH" if entry.option else ""
    return f"Set {entry.variable} to its path{other}."


def _is_safe(path: str) -> bool:
    """Top-level files of the safe kinds; some repositories keep other formats in folders beside them."""
    return "/" not in path and any(Path(path).match(pattern) for pattern in SAFE_FILES)


def _check(entry: Entry, revision: str | None, files: Sequence[str], megabytes: float) -> None:
    if revision is None or not _COMMIT.fullmatch(revision):
        raise ModelFilesError("the hub named no commit for this model", value=entry.hub)
    if not any(path.endswith(".safetensors") for path in files):
        raise ModelFilesError(
            "this model has no safetensors files, and emoscene loads nothing else",
            value=entry.hub,
            remedy="Look for a copy in safetensors.",
        )
    folder = hub_cache()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / 1e6
    if free < megabytes:
        raise ModelFilesError(
            f"the download takes {megabytes:,.0f} MB and {free:,.0f} MB are free",
            value=hub_cache(),
            remedy="Make room, or set HF_HUB_CACHE to a folder on a larger disk.",
        )


def _refused(entry: Entry, status: int) -> ModelError:
    if status in (401, 403):
        return ModelNotHereError(
            "the hub gives this model only after a login, or does not have it",
            value=entry.hub,
            remedy=f"Accept its terms at {entry.where} and log in with: hf auth login",
        )
    if status == 404:
        return UnknownModelError(
            "the hub has no such model", value=entry.hub, remedy="Check the spelling of its address."
        )
    return ModelNotHereError(
        f"the hub answered with status {status}", value=entry.hub, remedy="Try again later.", retryable=True
    )


def card(name: str) -> str:
    """A model's card as Markdown: the one that ships for `embedded`, else what the catalogue knows.

    Raises:
        UnknownModelError: if there is no such model.
    """
    entry = known(name)
    shipped = sorted((Path(__file__).parent / "embedded").glob("*.md"))
    if entry.kind == "embedded" and shipped:
        return shipped[0].read_text(encoding="utf-8")
    answers = "not yet"
    if entry.recognizer == "vlm":
        answers = f"yes: --model {entry.name}"
    elif entry.recognizer and not entry.files:
        answers = f"yes: --model {entry.recognizer}"
    elif entry.variable:
        answers = f"yes, once its file is here. {_use_of_file(entry)}"
    unpinned = "not pinned: `models pull` takes main and says which commit that is"
    lines = [
        f"# {entry.name}",
        "",
        entry.good_for,
        "",
        f"- kind: {entry.kind}",
        f"- address: {entry.where}",
        *([f"- revision: {entry.revision or unpinned}"] if entry.hub else []),
        f"- size: {size(entry)}",
        f"- licence: {terms(entry)}",
        f"- needs: {f'the extra `{entry.extra}`' if entry.extra else 'the light core'}",
        f"- answers now: {answers}",
        f"- on this machine: {'yes' if is_here(entry) else 'no'}",
    ]
    if entry.files:
        lines.append(f"- files: {', '.join(entry.files)}")
    return "\n".join(lines) + "\n"


def terms(entry: Entry) -> str:
    """The licence, with what else to know of the terms."""
    return f"{entry.licence} ({entry.licence_note})" if entry.licence_note else entry.licence


def is_runnable(entry: Entry) -> bool:
    """Whether the packages that running it needs are installed; found without importing them."""
    return not entry.extra or all(find_spec(package) for package in ("torch", "transformers"))


def size(entry: Entry) -> str:
    """The download in words, such as `14.1 GB`."""
    if not entry.megabytes:
        return "unknown"
    if entry.megabytes >= 1000:
        return f"{entry.megabytes / 1000:.1f} GB"
    return f"{entry.megabytes:.0f} MB" if entry.megabytes >= 1 else f"{entry.megabytes:.1f} MB"
