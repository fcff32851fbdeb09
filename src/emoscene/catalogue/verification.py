"""Is a model what it should be? Its files against their hashes, then its numbers.

The hub's cache names each file by its hash, so that an unchanged copy is recognised without a network. Numbers are
published ones where there are some (CLIP's logits, a cosine of MiniLM), else that one pass gives finite ones.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from emoscene.catalogue.conversion import RECORD
from emoscene.catalogue.entry import Entry, is_commit, known
from emoscene.catalogue.here import ready_folder, where_here
from emoscene.catalogue.hub import file_digest, listing
from emoscene.errors import EmosceneError, ModelError, ModelNotHereError
from emoscene.recognizers.folders import look_into, read_json

__all__ = ["Check", "Verified", "verify"]

_DIGEST = re.compile(r"[0-9a-f]{64}|[0-9a-f]{40}")

Outcome = Literal["ok", "wrong", "unknown", "skipped"]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: a file, the folder, or numbers. `unknown`: there is nothing to compare with."""

    what: str
    outcome: Outcome
    said: str


@dataclass(frozen=True)
class Verified:
    """What a verification found. `ok` if nothing is wrong; what could not be checked is no fault."""

    name: str
    folder: str
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        return all(check.outcome != "wrong" for check in self.checks)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, as the command line prints it."""
        return {**asdict(self), "checks": [asdict(check) for check in self.checks], "ok": self.ok}


def verify(name: str, *, reference: Path | None = None, online: bool = False, load: bool = True) -> Verified:
    """Check a model that is on this machine.

    Args:
        name: A name of the catalogue, a hub id, or a folder.
        reference: A folder with published numbers: for CLIP, `expected_clip_numbers.json` and the picture it names.
        online: Ask the hub for hashes; without, only what the cache itself says is compared.
        load: Also load the model and look at its numbers, which takes its memory and the extra it needs.

    Raises:
        UnknownModelError: if nothing has this name.
        ModelNotHereError: if it is not on this machine, or `online` and the hub cannot be reached.
    """
    folder = Path(name)
    entry = None if folder.is_dir() else known(name)
    if entry is not None:
        if entry.variable or entry.kind == "embedded":
            return Verified(entry.name, "", tuple(_single(entry)))
        folder = _ready(entry)
    asked = _hub_digests(entry) if online and entry and entry.hub else {}
    checks = [*_files(folder, asked)]
    if entry is not None and where_here(entry) == "package":
        checks = [_package()]
    checks.append(_whole(folder))
    if not load:
        checks.append(Check("numbers", "skipped", "not asked for"))
    elif all(check.outcome != "wrong" for check in checks):
        from emoscene.catalogue.numbers import look_at_numbers

        checks += look_at_numbers(folder, reference)
    return Verified(entry.name if entry else folder.name, str(folder), tuple(checks))


def _ready(entry: Entry) -> Path:
    if where_here(entry) == "package":
        from emoscene.recognizers.sentences import find_encoder

        return find_encoder(None).folder
    if entry.hub:
        return ready_folder(entry)
    raise ModelNotHereError(
        "this model is not on this machine",
        value=entry.name,
        remedy=f"`emoscene models card {entry.name}` says where its files are.",
    )


def _single(entry: Entry) -> Iterator[Check]:
    """A single ONNX file that a variable names, and the graph that ships."""
    if entry.kind == "embedded":
        from emoscene.recognizers.embedded import make

        try:
            from emoscene.labels import label_space

            make(label_space("emotic"))
        except EmosceneError as error:
            yield Check("graph", "wrong", str(error))
        else:
            yield Check("graph", "ok", "loads, and belongs to its card")
        return
    path = os.environ.get(entry.variable)
    if not path:
        raise ModelNotHereError(
            "this model is a file, and its variable names none",
            value=entry.variable,
            remedy=f"Take {' or '.join(entry.files)} from {entry.address} and set the variable to its path.",
        )
    from emoscene.people.fastestdet import FASTESTDET
    from emoscene.people.onnx_files import digest_of
    from emoscene.people.yunet import YUNET

    layout = {"fastestdet": FASTESTDET, "yunet": YUNET}[entry.name]
    digest = digest_of(path, layout.what)
    match = next((file for file in layout.known if file.sha256 == digest), None)
    said = f"the published {match.name}" if match else f"sha256 {digest[:16]}… is none of the published files"
    yield Check(Path(path).name, "ok" if match else "wrong", said)


def _hub_digests(entry: Entry) -> dict[str, str]:
    folder = ready_folder(entry)
    source = listing(entry.hub, folder.name if is_commit(folder.name) else entry.revision)
    return {file.path: file.digest for file in source.files}


def _files(folder: Path, asked: dict[str, str]) -> Iterator[Check]:
    """Each file against the hash that the hub, the cache, or the record of its conversion has for it."""
    recorded = read_json(folder / RECORD).get("files", {}) if (folder / RECORD).is_file() else {}
    if not isinstance(recorded, dict):
        recorded = {}
    for missing in sorted(set(map(str, recorded)) - {file.name for file in folder.iterdir()}):
        yield Check(missing, "wrong", "is missing")
    unknown = 0
    for file in sorted(folder.rglob("*")):
        path = file.relative_to(folder).as_posix()
        if file.is_dir() or path == RECORD:
            continue
        if not file.is_file():
            yield Check(path, "wrong", "is a link to a file that is gone")
            continue
        wanted = asked.get(path) or str(recorded.get(path) or "") or _named_by_cache(file)
        if not wanted:
            unknown += 1
            continue
        found = file_digest(file, like=wanted)
        if found == wanted:
            yield Check(path, "ok", f"{'sha256' if len(wanted) == 64 else 'git'} {wanted[:16]}…")
        else:
            yield Check(path, "wrong", f"should be {wanted[:16]}…, is {found[:16]}…: pull it again")
    if unknown:
        yield Check("files", "unknown", f"{unknown} have no hash to compare with")


def _named_by_cache(file: Path) -> str:
    """The hash that a link of the hub's cache points to."""
    if not file.is_symlink():
        return ""
    blob = Path(os.readlink(file))
    return blob.name if blob.parent.name == "blobs" and _DIGEST.fullmatch(blob.name) else ""


def _package() -> Check:
    """The sentence encoder's package: its hashes are known, and finding it compares them."""
    from emoscene.recognizers.sentences import find_encoder

    try:
        found = find_encoder(None)
    except ModelError as error:
        return Check("files", "wrong", str(error))
    return Check("files", "ok", f"{found.source}, with the published hashes")


def _whole(folder: Path) -> Check:
    try:
        found = look_into(folder)
    except ModelError as error:
        return Check("folder", "wrong", str(error))
    return Check("folder", "ok", f"{found.kind.value}{f', {found.model_type}' if found.model_type else ''}")
