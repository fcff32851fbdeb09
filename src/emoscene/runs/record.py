"""A run's folder: what was asked (`manifest.json`), in which labels (`labels.yaml`), what is known (`truth.jsonl`) and
what was answered (`rows.jsonl`).

Rows are appended one at a time and reach the disk as they come, so a run that is killed goes on where it stopped: the
same call, the same folder. A folder that holds another run is refused, and two processes cannot write one run.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from filelock import FileLock, Timeout
from pydantic import ValidationError

from emoscene import __version__
from emoscene.errors import InputError, MissingFileError, OptionError, shorten
from emoscene.labels import LabelSpace, label_space
from emoscene.runs.truth import TruthRow, known_line, read_truth_rows, truth_line
from emoscene.types import Prediction, Sample

__all__ = ["LABELS", "MANIFEST", "ROWS", "TRUTH", "Record", "RunFiles", "read_rows"]

MANIFEST, TRUTH, ROWS, LABELS = "manifest.json", "truth.jsonl", "rows.jsonl", "labels.yaml"
_LOCK = ".lock"
_OURS = {_LOCK, LABELS, TRUTH, ROWS, f"{TRUTH}.part", f"{MANIFEST}.part"}
_SYNC_SECONDS = 1.0
_WHOLE = "Copy the whole folder again, or ask again with the same `eval run`, which writes what is missing."
_PACKAGES = ("numpy", "pillow", "torch", "transformers", "peft", "onnxruntime")


@dataclass(frozen=True)
class RunFiles:
    """A run's folder, to be read."""

    folder: Path
    manifest: Mapping[str, Any] = field(repr=False)

    @classmethod
    def open(cls, folder: str | Path) -> RunFiles:
        """Raises MissingFileError if there is no run, InputError if its manifest cannot be read."""
        place = Path(folder)
        file = place / MANIFEST
        if not file.is_file():
            raise MissingFileError(
                "there is no run in this folder", value=folder, remedy="`emoscene eval run --out` makes one."
            )
        try:
            manifest = json.loads(file.read_text(encoding="utf-8"))
        except (ValueError, OSError):
            manifest = None
        request = manifest.get("request") if isinstance(manifest, dict) else None
        if not isinstance(request, dict) or "truth_sha256" not in request:
            raise InputError("this folder has a manifest, but not that of a run", value=file, remedy=_WHOLE)
        return cls(place, manifest)

    @property
    def request(self) -> Mapping[str, Any]:
        """What decides every row: two folders with the same request hold the same run."""
        request: Mapping[str, Any] = self.manifest["request"]
        return request

    def truth(self) -> Iterator[TruthRow]:
        """The people of the run.

        Raises:
            InputError: if the file is missing or was changed.
        """
        self._check(TRUTH)
        return read_truth_rows(self.folder / TRUTH)

    def _check(self, name: str) -> None:
        """The known labels are those that the run was made with."""
        file = self.folder / name
        if not file.is_file():
            raise InputError(f"this run has no {name}", value=self.folder, remedy=_WHOLE)
        if self.sha256(name) != self.manifest.get("files", {}).get(name):
            raise InputError(
                f"the {name} of this run was changed after it was written", value=file, remedy=_WHOLE
            )

    def rows(self) -> Iterator[Prediction]:
        """Every finished row in the order in which it was written; a torn last line is passed over."""
        return read_rows(self.folder / ROWS)

    @property
    def labels(self) -> LabelSpace:
        """The label space of truth and answers.

        Raises:
            InputError: if the file is missing or was changed.
        """
        self._check(LABELS)
        return label_space(self.folder / LABELS)

    def statuses(self) -> Counter[str]:
        return Counter(row.status.value for row in self.rows())

    def sha256(self, name: str) -> str:
        """Hash of one of the run's files; of `rows.jsonl` its complete lines."""
        digest = hashlib.sha256()
        with (self.folder / name).open("rb") as stream:
            for line in stream:
                if line.endswith(b"\n"):
                    digest.update(line)
        return digest.hexdigest()


def read_rows(file: Path) -> Iterator[Prediction]:
    """The rows of a `rows.jsonl`; the last line may be torn, any other that is no row is an error.

    Raises:
        InputError: names the line.
    """
    if not file.is_file():
        return
    with file.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if not line.endswith(b"\n"):
                return
            try:
                yield Prediction.model_validate_json(line)
            except ValidationError as error:
                raise InputError(
                    f"{file.name}, line {number}: this is no row",
                    value=error.errors()[0]["msg"],
                    remedy="Remove the line: the same `eval run` asks again for what is missing.",
                ) from None


class Record:
    """A run's folder, to be written: a context manager that holds its lock.

    Args:
        folder: New, empty, or holding this very run, finished or not.
        request: What decides every row, as plain JSON values.
        about: What else the manifest says; it does not decide any row.
        samples: The people of the run, whose known labels are written; read once.
        labels: The label space of truth and answers.

    Raises:
        OptionError: if the folder holds something else, or another process writes it.
        InputError: if two samples have one id.
    """

    def __init__(
        self,
        folder: str | Path,
        request: Mapping[str, Any],
        samples: Iterable[Sample],
        labels: LabelSpace,
        *,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder = Path(folder)
        self._about = dict(about or {})
        self._request = dict(request)
        self._samples = samples
        self._labels = labels.to_yaml()
        self._lock = FileLock(self.folder / _LOCK)
        self._stream: BinaryIO | None = None
        self._synced = self._started = time.monotonic()
        self._written = 0
        self.done: set[str] = set()
        self.people = 0
        self.statuses: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self._claim()
        try:
            self._settle()
        except BaseException:
            (self.folder / f"{TRUTH}.part").unlink(missing_ok=True)
            self._lock.release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._stream is not None
        with contextlib.ExitStack() as ending:
            ending.callback(self._lock.release)
            ending.callback(self._write_manifest)
            ending.callback(self._stream.close)
            self._sync()

    def append(self, row: Prediction) -> None:
        """Write one finished row."""
        assert self._stream is not None
        if row.id in self.done:
            raise ValueError(f"the row {row.id} is there already")
        self._stream.write(row.to_json().encode("utf-8", "replace") + b"\n")
        self.done.add(row.id)
        self.statuses[row.status.value] += 1
        self._written += 1
        if time.monotonic() - self._synced >= _SYNC_SECONDS:
            self._sync()

    def say(self, **about: Any) -> None:
        """Let the manifest say more, as plain JSON values; it decides no row."""
        self._about |= about

    @property
    def finished(self) -> bool:
        return len(self.done) == self.people

    def _claim(self) -> None:
        if self.folder.exists() and not self.folder.is_dir():
            raise OptionError("a file is in the way", value=self.folder, remedy="Choose another --out.")
        there = self.folder.is_dir()
        names = {p.name for p in self.folder.iterdir()} if there else set()
        # What a start that was cut off may have left is no reason to refuse.
        if MANIFEST not in names and names - _OURS:
            raise OptionError(
                "the folder is not empty and holds no run",
                value=self.folder,
                remedy="Choose an empty or a new folder.",
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise OptionError(
                "another process is writing this run", value=self.folder, remedy="Wait for it, or stop it."
            ) from None

    def _settle(self) -> None:
        truth, people = self._truth()
        self.people = len(people)
        request = {**self._request, "truth_sha256": truth, "labels_sha256": _sha256(self._labels)}
        if (self.folder / MANIFEST).is_file():
            there = RunFiles.open(self.folder)
            if there.request != request:
                raise OptionError(
                    f"the folder holds another run ({_difference(there.request, request)})",
                    value=self.folder,
                    remedy="Choose another --out, or ask for the very same run to go on with it.",
                )
            self._sessions = list(there.manifest.get("sessions", []))
            for row in there.rows():
                if row.id not in people or row.id in self.done:
                    raise InputError(
                        f"{ROWS} holds a row twice, or one about nobody of this run",
                        value=row.id,
                        remedy=f"Remove it from {self.folder / ROWS}.",
                    )
                self.done.add(row.id)
                self.statuses[row.status.value] += 1
        else:
            self._sessions = []
        self._request = request
        (self.folder / LABELS).write_text(self._labels, encoding="utf-8")
        (self.folder / f"{TRUTH}.part").replace(self.folder / TRUTH)
        self._stream = _appending(self.folder / ROWS)
        self._write_manifest()

    def _truth(self) -> tuple[str, set[str]]:
        """Writes the known labels beside what is there; gives their hash and the ids of the people."""
        digest = hashlib.sha256()
        seen: set[str] = set()
        with (self.folder / f"{TRUTH}.part").open("wb") as stream:
            for sample in self._samples:
                if sample.id in seen:
                    raise InputError(
                        "two people of the dataset have one id",
                        value=sample.id,
                        remedy="Give each row of the dataset an id of its own.",
                    )
                seen.add(sample.id)
                stream.write(truth_line(sample).encode("utf-8", "backslashreplace") + b"\n")
                digest.update(known_line(sample))
        return digest.hexdigest(), seen

    def _sync(self) -> None:
        assert self._stream is not None
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._synced = time.monotonic()

    def _write_manifest(self) -> None:
        session = {
            "ended": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - self._started, 3),
            "rows": self._written,
            "emoscene": __version__,
            "python": platform.python_version(),
            "platform": platform.platform(),
            "packages": _versions(),
        }
        files = RunFiles(self.folder, {})
        manifest = {
            "schema_version": "1",
            "request": self._request,
            "files": {name: files.sha256(name) for name in (TRUTH, LABELS)},
            **self._about,
            "people": self.people,
            "rows": len(self.done),
            "finished": self.finished,
            "statuses": dict(sorted(self.statuses.items())),
            "sessions": [*self._sessions, session],
        }
        part = self.folder / f"{MANIFEST}.part"
        text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
        with part.open("wb") as stream:
            stream.write(text.encode("utf-8", "backslashreplace"))
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(self.folder / MANIFEST)


def _appending(file: Path) -> BinaryIO:
    """The file opened at its end, without the torn line that a kill may have left there."""
    stream = file.open("ab", buffering=0)
    with contextlib.ExitStack() as closing:
        closing.callback(stream.close)
        size = stream.tell()
        if size:
            with file.open("rb") as reading:
                kept = _complete(reading, size)
            if kept < size:
                stream.truncate(kept)
        closing.pop_all()
    return stream


def _complete(stream: BinaryIO, size: int) -> int:
    """How many bytes stand up to and with the last line break."""
    end = size
    while end:
        start = max(0, end - 65_536)
        stream.seek(start)
        at = stream.read(end - start).rfind(b"\n")
        if at >= 0:
            return start + at + 1
        end = start
    return 0


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _difference(there: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    """What differs, with both values where they are short."""
    said = []
    for key in sorted({*there, *asked}):
        one, two = there.get(key), asked.get(key)
        if one == two:
            continue
        if key == "truth_sha256":
            said.append("other people or known labels")
        elif isinstance(one, Mapping) and isinstance(two, Mapping):
            parts = sorted(part for part in {*one, *two} if one.get(part) != two.get(part))
            said.append(", ".join(f"{key} {part} {one.get(part)} and not {two.get(part)}" for part in parts))
        else:
            said.append(f"{key} {one} and not {two}")
    return shorten("; ".join(said), 200)


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
