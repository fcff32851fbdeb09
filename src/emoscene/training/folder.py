"""A run's folder: everything that is needed to repeat the run, to go on with it, and to ask its model.

recipe.yaml      the recipe, resolved           manifest.json   versions, commit, seed, data, figures, sessions
log.jsonl        losses and figures by step     checkpoints/    where it goes on
model/           what `--model` loads           MODEL_CARD.md
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout
from pydantic import BaseModel

from emoscene import __version__
from emoscene.errors import InputError, OptionError
from emoscene.recognizers.folders import HOW_TO_ASK

__all__ = ["HOW_TO_ASK", "RunFolder", "recipe_text"]

_RECIPE, _MANIFEST, _LOG, _LOCK = "recipe.yaml", "manifest.json", "log.jsonl", ".lock"
_PACKAGES = ("numpy", "pillow", "torch", "transformers", "peft", "accelerate", "safetensors", "tokenizers")


def recipe_text(recipe: BaseModel) -> str:
    """A recipe as YAML, every field with its value."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


class RunFolder:
    """A run's folder, held by this process: use `RunFolder.claim`."""

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
        self.path = path
        self.manifest = manifest

    @property
    def model(self) -> Path:
        """The folder of the trained model; there once training ended."""
        return self.path / "model"

    @property
    def leads(self) -> bool:
        """Whether this process writes: of several that train together, the first."""
        return _leads()

    @property
    def finished(self) -> bool:
        return bool(self.manifest.get("finished"))

    @classmethod
    @contextmanager
    def claim(
        cls, path: Path, recipe: BaseModel, data: Mapping[str, Any], *, free: Sequence[str] = ()
    ) -> Iterator[RunFolder]:
        """Hold a new or empty folder, or one with this very run, finished or not.

        Args:
            path: The folder.
            recipe: Its resolved form is kept.
            data: What the run sees, as plain JSON values: counts and hashes.
            free: Fields of the recipe that change no weight, and may change when the run is gone on with.

        Raises:
            OptionError: if it holds something else, or another process trains into it.
            InputError: if its manifest cannot be read.
        """
        if path.exists() and not path.is_dir():
            raise OptionError("a file is in the way", value=path, remedy="Choose another --out.")
        path.mkdir(parents=True, exist_ok=True)
        # Of several processes that train together, the first holds the folder.
        lock: Any = FileLock(path / _LOCK) if _leads() else contextlib.nullcontext()
        try:
            if _leads():
                lock.acquire(timeout=0)
        except Timeout:
            raise OptionError(
                "another process trains into this folder", value=path, remedy="Wait for it, or stop it."
            ) from None
        try:
            yield cls._settled(path, recipe, data, free)
        finally:
            if _leads():
                lock.release()

    @classmethod
    def _settled(
        cls, path: Path, recipe: BaseModel, data: Mapping[str, Any], free: Sequence[str]
    ) -> RunFolder:
        fields = {name: value for name, value in recipe.model_dump(mode="json").items() if name not in free}
        request = {"recipe": fields, "data": dict(data)}
        file = path / _MANIFEST
        if not file.is_file():
            strangers = {p.name for p in path.iterdir()} - {_LOCK, _RECIPE, f"{_MANIFEST}.part"}
            if strangers and _leads():
                raise OptionError(
                    "the folder is not empty and holds no run of training",
                    value=path,
                    remedy="Choose an empty or a new folder.",
                )
            manifest: dict[str, Any] = {"schema_version": "1", **request, "finished": False, "sessions": []}
        else:
            manifest = _read(file)
            if {key: manifest.get(key) for key in request} != request:
                raise OptionError(
                    f"this folder holds another run ({_difference(manifest, request)})",
                    value=path,
                    remedy="Give a new folder, or the very same recipe and data to go on with it.",
                )
        folder = cls(path, manifest)
        if _leads():
            (path / _RECIPE).write_text(recipe_text(recipe), "utf-8")
            manifest["sessions"].append(_session())
            folder.write_manifest()
        return folder

    def say(self, **about: Any) -> None:
        """Let the manifest say more, as plain JSON values."""
        self.manifest |= about
        self.write_manifest()

    def finish(self, **about: Any) -> None:
        """The run is complete: the model's folder is there."""
        session = self.manifest["sessions"][-1]
        session["ended"] = datetime.now(UTC).isoformat(timespec="seconds")
        self.say(**about, finished=True)

    def write_manifest(self) -> None:
        if not _leads():
            return
        part = self.path / f"{_MANIFEST}.part"
        with part.open("w", encoding="utf-8") as stream:
            stream.write(json.dumps(self.manifest, indent=1, ensure_ascii=False) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(self.path / _MANIFEST)

    def log(self, line: Mapping[str, Any]) -> None:
        """Append a line to log.jsonl."""
        with (self.path / _LOG).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(dict(line)) + "\n")

    def logged(self) -> list[dict[str, Any]]:
        """The lines of log.jsonl; one that a kill tore is left out."""
        file = self.path / _LOG
        lines = file.read_text("utf-8").split("\n")[:-1] if file.is_file() else []
        return [json.loads(line) for line in lines]

    def cut_log(self, step: int) -> None:
        """Forget what was logged after `step`: it happens again."""
        kept = [json.dumps(line) + "\n" for line in self.logged() if line.get("step", 0) <= step]
        part = self.path / f"{_LOG}.part"
        part.write_text("".join(kept), "utf-8")
        part.replace(self.path / _LOG)

    def write_model_note(
        self, recognizer: str, options: Mapping[str, Any], folder: Path | None = None, name: str = ""
    ) -> None:
        """Say in the model's folder how it is asked; `./` before a value stands for that folder.

        `name` signs the rows, where the recognizer cannot know it itself.
        """
        note = {"format": 1, "recognizer": recognizer, "options": dict(options)}
        if name:
            note["name"] = name
        ((folder or self.model) / HOW_TO_ASK).write_text(json.dumps(note, indent=1) + "\n", "utf-8")


def _leads() -> bool:
    return os.environ.get("RANK", "0") == "0"


def _read(file: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(file.read_text("utf-8"))
    except (ValueError, OSError):
        manifest = None
    if (
        not isinstance(manifest, dict)
        or not isinstance(manifest.get("sessions"), list)
        or "recipe" not in manifest
    ):
        raise InputError(
            "this manifest is not that of a training", value=file, remedy="Choose another --out."
        )
    return manifest


def _difference(there: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    """The first field that differs, with both values."""
    for part in ("recipe", "data"):
        one, two = _flat(there.get(part)), _flat(asked[part])
        for key in sorted({*one, *two}):
            if one.get(key) != two.get(key):
                return f"{part} {key}: {one.get(key)} there, {two.get(key)} now"
    return "other fields"


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {name: value}
    return {k: v for key, item in value.items() for k, v in _flat(item, f"{name}.{key}".lstrip(".")).items()}


def _session() -> dict[str, Any]:
    return {
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "emoscene": __version__,
        "commit": _commit(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": _versions(),
        "processes": int(os.environ.get("WORLD_SIZE", "1")),
    }


def _commit() -> str | None:
    """The commit of emoscene's own checkout; None where it is installed without one."""
    here = Path(__file__).resolve().parent
    if not any((parent / ".git").exists() for parent in here.parents):
        return None
    try:
        said = subprocess.run(
            ["git", "-C", str(here), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return said.stdout.strip()


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
