"""The model hub: what a repository holds at a commit, and its files into the Hugging Face cache.

The hub's own client starts a file anew when it was interrupted. Here what has come stays, under one name a file, and
the next call goes on behind it; no file is put into its place before its hash is what the hub says.
"""

from __future__ import annotations

import errno
import hashlib
import importlib
import os
import queue
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from emoscene.catalogue.entry import is_commit
from emoscene.catalogue.here import repository_folder
from emoscene.errors import (
    MissingExtraError,
    ModelError,
    ModelFilesError,
    ModelNotHereError,
    UnknownModelError,
    shorten,
)

__all__ = [
    "Listing",
    "RemoteFile",
    "download",
    "file_digest",
    "listing",
    "offline_by",
    "partial_bytes",
    "point_main",
]

SECONDS_TO_ANSWER = 8.0
#: To connect, to read, to write, to get a connection.
_SECONDS_OF_SILENCE = (8.0, 20.0, 20.0, 8.0)
_TRIES = 4
_LONGEST_WAIT = 8.0
_CHUNK = 2**20
_PARTIAL = ".emoscene.incomplete"
_PATH = re.compile(r"[A-Za-z0-9_][\w.+=@ -]*(/[A-Za-z0-9_][\w.+=@ -]*)*")
_ON = {"1", "on", "yes", "true"}


@dataclass(frozen=True)
class RemoteFile:
    """A file of a repository: its path there, its bytes, and the hash that names it in the cache.

    `digest` is the SHA-256 of large files (64 digits), and of small ones the SHA-1 that git has for them (40).
    """

    path: str
    size: int
    digest: str


@dataclass(frozen=True)
class Listing:
    """The files of a repository at a commit."""

    hub_id: str
    commit: str
    files: tuple[RemoteFile, ...]


def offline_by() -> str:
    """The environment variable that forbids the network; nothing if none does. Imports nothing."""
    variables = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    return next((name for name in variables if os.environ.get(name, "").casefold() in _ON), "")


def _refuse_if_offline(hub_id: str) -> None:
    if variable := offline_by():
        raise ModelNotHereError(
            f"this model is not on this machine, and {variable} forbids to fetch it",
            value=hub_id,
            remedy=f"Unset {variable}, or copy the model's folder here and give its path as --model.",
        )


def listing(hub_id: str, revision: str | None) -> Listing:
    """What a repository holds, in one request, answered or given up within ten seconds.

    Args:
        hub_id: `organisation/name`.
        revision: A commit, or None for what `main` is now.

    Raises:
        UnknownModelError: if the hub has no such model or commit.
        ModelNotHereError: if the hub cannot be reached or asks for a login.
        ModelFilesError: if its answer cannot be used.
        MissingExtraError: if the hub's client is not installed.
    """
    _refuse_if_offline(hub_id)
    if find_spec("huggingface_hub") is None:
        raise MissingExtraError.of("models", "huggingface-hub")
    from huggingface_hub import HfApi

    def ask() -> Any:
        api = HfApi(endpoint=_endpoint())
        return api.model_info(hub_id, revision=revision, timeout=SECONDS_TO_ANSWER, files_metadata=True)

    with _said_clearly(hub_id):
        info = _within(SECONDS_TO_ANSWER + 1, ask)
    commit = str(info.sha)
    if not is_commit(commit) or (revision is not None and revision != commit):
        raise ModelFilesError(
            "the hub named no commit for this model, or another one", value=hub_id, remedy="Try again later."
        )
    return Listing(hub_id, commit, tuple(_files(info.siblings or [])))


def _files(siblings: list[Any]) -> Iterator[RemoteFile]:
    """Those whose size and hash the hub says; whoever needs one that is left out finds it missing."""
    for sibling in siblings:
        lfs = sibling.lfs
        digest = str((lfs["sha256"] if isinstance(lfs, dict) else lfs.sha256) if lfs else sibling.blob_id)
        wanted = 64 if lfs else 40
        named = re.fullmatch(rf"[0-9a-f]{{{wanted}}}", digest) is not None
        if named and isinstance(sibling.size, int) and _PATH.fullmatch(sibling.rfilename):
            yield RemoteFile(sibling.rfilename, sibling.size, digest)


def _within(seconds: float, ask: Callable[[], Any]) -> Any:
    """The answer, or a TimeoutError: a look-up of the host's name can hang longer than any timeout of the client."""
    answers: queue.Queue[tuple[Any, Exception | None]] = queue.Queue()

    def work() -> None:
        try:
            answers.put((ask(), None))
        except Exception as error:  # noqa: BLE001 - raised again below, in the caller's thread
            answers.put((None, error))

    threading.Thread(target=work, daemon=True).start()
    try:
        answer, error = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return answer


def download(source: Listing, file: RemoteFile, came: Callable[[int], None]) -> Path:
    """A file into the cache, going on where an earlier call stopped.

    Args:
        source: The repository and commit.
        file: One of its files.
        came: Is told how many bytes came; negative if some had to be thrown away.

    Returns:
        The path in the snapshot of that commit.

    Raises:
        ModelNotHereError: if the hub cannot be reached, after some tries.
        ModelFilesError: if the disk is full, or the bytes are not those that the hub names.
    """
    repository = repository_folder(source.hub_id)
    pointer = repository / "snapshots" / source.commit / file.path
    blob = repository / "blobs" / file.digest
    lock = repository.parent / ".locks" / repository.name / f"{file.digest}.lock"
    for folder in (pointer.parent, blob.parent, lock.parent):
        folder.mkdir(parents=True, exist_ok=True)
    with _client().WeakFileLock(lock), _said_clearly(source.hub_id):
        if pointer.is_file() or blob.is_file():
            came(file.size)
        else:
            _fetch_and_check(source, file, blob, came)
        _link(blob, pointer)
    return pointer


def partial_bytes(hub_id: str, file: RemoteFile) -> int:
    """How much of a file is already here: all of it, a part from an interrupted call, or nothing."""
    blob = repository_folder(hub_id) / "blobs" / file.digest
    if blob.is_file():
        return file.size
    partial = blob.with_name(blob.name + _PARTIAL)
    return min(partial.stat().st_size, file.size) if partial.is_file() else 0


def _fetch_and_check(source: Listing, file: RemoteFile, blob: Path, came: Callable[[int], None]) -> None:
    partial = blob.with_name(blob.name + _PARTIAL)
    for _ in range(2):
        _fetch(source, file, partial, came)
        if file_digest(partial, like=file.digest) == file.digest:
            os.replace(partial, blob)
            return
        # A part left over from something else, or damaged on its way: once more from the start.
        came(-file.size)
        partial.unlink()
    raise ModelFilesError(
        "what the hub sent is not what it announced",
        value=file.path,
        remedy="Try again later.",
        retryable=True,
    )


def _fetch(source: Listing, file: RemoteFile, partial: Path, came: Callable[[int], None]) -> None:
    from urllib.parse import quote

    connection_failed = _connection_failed()
    url = f"{_endpoint()}/{source.hub_id}/resolve/{source.commit}/{quote(file.path)}"
    tries, before = 0, -1
    known = partial.stat().st_size if partial.is_file() else 0
    came(min(known, file.size))
    while True:
        here = partial.stat().st_size if partial.is_file() else 0
        if here > file.size:
            partial.unlink()
            came(-file.size)
            here = 0
        if here == file.size:
            partial.touch()
            return
        tries = 0 if here > before else tries + 1
        before = here
        try:
            _stream(url, partial, here, file.size, came)
        except (connection_failed, ConnectionError, TimeoutError) as error:
            status = getattr(getattr(error, "response", None), "status_code", 503)
            if tries >= _TRIES or (status < 500 and status not in (408, 416, 429)):
                raise
            if status == 416:
                partial.unlink(missing_ok=True)
                came(-here)
            time.sleep(min(2**tries, _LONGEST_WAIT) / 2)


def _stream(url: str, partial: Path, here: int, size: int, came: Callable[[int], None]) -> None:
    """Append what comes; a server that sends the whole file although asked for the rest starts it anew."""
    client = _client()
    headers = {**client.build_hf_headers(), "Accept-Encoding": "identity"}
    if here:
        headers["Range"] = f"bytes={here}-"
    with client.get_session().stream("GET", url, headers=headers, timeout=_SECONDS_OF_SILENCE) as response:
        if response.status_code >= 400:
            response.read()
        client.hf_raise_for_status(response)
        goes_on = here and response.status_code == 206
        if here and not goes_on:
            came(-here)
        with partial.open("ab" if goes_on else "wb") as stream:
            left = size - (here if goes_on else 0)
            for chunk in response.iter_bytes():
                stream.write(chunk[: left + 1])
                came(len(chunk))
                left -= len(chunk)
                if left < 0:
                    return


def file_digest(path: Path, *, like: str) -> str:
    """The hash of a file, of the sort that `like` is: SHA-256, or git's SHA-1 of a blob."""
    digest = hashlib.sha256() if len(like) == 64 else hashlib.sha1(usedforsecurity=False)
    if len(like) != 64:
        digest.update(b"blob %d\0" % path.stat().st_size)
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _link(blob: Path, pointer: Path) -> None:
    """The snapshot's name for a blob: a relative link, or a copy where the file system has none."""
    if pointer.is_file():
        return
    pointer.unlink(missing_ok=True)
    try:
        pointer.symlink_to(os.path.relpath(blob, pointer.parent))
    except FileExistsError:
        return
    except (OSError, NotImplementedError):
        shutil.copyfile(blob, pointer)


def point_main(source: Listing) -> None:
    """Note that `main` is this commit, so that the model is found by its name without a network."""
    reference = repository_folder(source.hub_id) / "refs" / "main"
    reference.parent.mkdir(parents=True, exist_ok=True)
    new = reference.with_name(f"main.{os.getpid()}.{threading.get_ident()}.tmp")
    new.write_text(source.commit, encoding="ascii")
    os.replace(new, reference)


def _endpoint() -> str:
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")


def _client() -> Any:
    """The hub's own client: its session, headers, lock and errors."""
    return importlib.import_module("huggingface_hub.utils")


def _connection_failed() -> type[Exception]:
    """The base class of what the hub's network client raises; which client that is changes between versions."""
    from huggingface_hub.errors import HfHubHTTPError

    return cast(type[Exception], HfHubHTTPError.__mro__[1])


@contextmanager
def _said_clearly(hub_id: str) -> Iterator[None]:
    """What the network and the disk raise, as one line with a remedy."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        yield
    except HfHubHTTPError as error:
        raise refused(hub_id, error.response.status_code) from None
    except (_connection_failed(), ConnectionError, TimeoutError):
        raise ModelNotHereError(
            "the model hub cannot be reached from here",
            value=hub_id,
            remedy="Connect and run it again: what has come stays. Or copy the model's folder here and give its "
            "path as --model.",
            retryable=True,
        ) from None
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise ModelFilesError(
            "the disk is full",
            value=repository_folder(hub_id),
            remedy="Make room and run it again: what has come stays.",
        ) from None


def refused(hub_id: str, status: int) -> ModelError:
    """What a status of the hub means."""
    if status in (401, 403):
        return ModelNotHereError(
            "the hub gives this model only after a login, or does not have it",
            value=hub_id,
            remedy=f"Accept its terms at https://huggingface.co/{shorten(hub_id, 80)} and log in with: hf auth login",
        )
    if status == 404:
        return UnknownModelError(
            "the hub has no such model", value=hub_id, remedy="Check the spelling of its address."
        )
    return ModelNotHereError(
        f"the hub answered with status {status}", value=hub_id, remedy="Try again later.", retryable=True
    )
