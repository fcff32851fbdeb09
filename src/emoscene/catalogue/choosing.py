"""Which recognizer a model's name stands for: `resolve` finds out without loading anything.

name | folder | hub id | YAML file --resolve--> Choice (which recognizer, with which options, and why)
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from emoscene.catalogue.entry import Entry, entries, find, for_photographs, is_hub_id, known
from emoscene.catalogue.here import is_here, is_runnable, ready_folder
from emoscene.errors import ModelFilesError, ModelNotHereError, OptionError, UnknownModelError, shorten
from emoscene.recognizers import registry
from emoscene.recognizers.folders import ADAPTER_FILE, HOW_TO_ASK, Kind, look_into, read_json

__all__ = ["Choice", "resolve"]


@dataclass(frozen=True)
class Choice:
    """Which model answers, and why.

    Attributes:
        name: What to show, and what to give to `load` to get the same model again.
        why: One clause that says why this one.
        recognizer: The registered recognizer that runs it.
        options: The options it is made with.
        auto: Whether emoscene chose it, and not the caller.
        title: What its rows are signed with, where the recognizer cannot know it itself: hub id and commit.
    """

    name: str
    why: str
    recognizer: str
    options: Mapping[str, Any] = field(default_factory=dict)
    auto: bool = False
    title: str = ""

    def check_input(self, *, picture: bool, words: bool) -> None:
        """Refuse what this model can never answer, before anything heavy is imported.

        Raises:
            OptionError: if it reads words, and there is a picture without any.
        """
        if self.recognizer in _WORDS_ALONE and picture and not words:
            raise OptionError(
                "this model reads words and looks at no pictures",
                value=self.name,
                remedy="Add --text WORDS, or let another model tell it what it sees: --model narrated "
                "-o narrator=CAPTIONER -o reasoner=THIS.",
            )


_WORDS_ALONE = frozenset({"text", "language"})


def resolve(spec: str | Path = "auto", *, words_only: bool = False, **options: Any) -> Choice:
    """Find out which recognizer a model's name stands for, without loading it.

    Args:
        spec: `auto`; a registered name; a name of the catalogue; a folder with a model in Hugging Face layout;
            a hub id such as `llava-hf/llava-1.5-7b-hf`; or a YAML file with `model:` and `options:`.
        words_only: There is no picture: `auto` then means the text recognizer.
        **options: Options of the model; they win over those of a YAML file.

    Raises:
        UnknownModelError: if nothing has this name.
        ModelNotHereError: if it is known but its files are not on this machine.
        OptionError: if a YAML file cannot be read as a model specification.
    """
    name = os.fspath(spec) if isinstance(spec, Path) else spec
    if name == "auto":
        return _automatic(words_only, options)
    if name in registry.names():
        return Choice(name, "asked for by name", name, _with_folders(options))
    path = Path(name).expanduser()
    if path.suffix in {".yaml", ".yml"} and path.is_file():
        return _from_yaml(path, options)
    if path.is_dir():
        run = run_model(path)
        return (
            _from_folder(path, name, "a model folder", options)
            if run is None
            else _from_run(run, name, options)
        )
    if name.startswith(("/", "./", "../", "~")):
        look_into(path)  # A path and no name: says that there is nothing.
    entry = find(name)
    if entry is not None:
        return _from_catalogue(entry, options)
    if is_hub_id(name):
        return _from_hub(known(name), "asked for by its hub id", options)
    raise registry.unknown(name, [*registry.names(), *(entry.name for entry in entries())])


def _automatic(words_only: bool, options: Mapping[str, Any]) -> Choice:
    if words_only:
        return Choice("text", "there are only words, and this model reads words", "text", options, auto=True)
    candidates = for_photographs()
    here = [entry for entry in candidates if is_here(entry)]
    if here and is_runnable(here[0]):
        best = here[0]
        why = f"the best model for photographs that is on this machine ({len(here)} of {len(candidates)} are)"
        chosen = _from_hub(best, why, options)
        return replace(chosen, name=best.name, auto=True)
    why = "no model for photographs is on this machine"
    if here:
        why = f'{here[0].name} is on this machine, but running it needs: pip install "emoscene[models]"'
    return Choice("embedded", why, "embedded", options, auto=True)


def _from_yaml(path: Path, options: Mapping[str, Any]) -> Choice:
    import yaml

    remedy = "A model file has `model: NAME` and, if wanted, `options:` with one `key: value` a line."
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        raise OptionError("this model file is not YAML", value=path, remedy=remedy) from None
    is_spec = isinstance(content, dict) and set(content) <= {"model", "options"}
    if not is_spec or not isinstance(content.get("model"), str):
        raise OptionError("this model file does not name a model", value=path, remedy=remedy)
    if not isinstance(content.get("options") or {}, dict):
        raise OptionError("the options of this model file are no mapping", value=path, remedy=remedy)
    model: str = content["model"]
    if model.endswith((".yaml", ".yml")):
        raise OptionError("a model file names a model, not another file", value=model, remedy=remedy)
    if model.startswith("."):
        model = str(path.parent / model)
    chosen = resolve(model, **{**(content.get("options") or {}), **options})
    return replace(chosen, name=str(path), why=f"the file names {chosen.name}")


def _from_catalogue(entry: Entry, options: Mapping[str, Any]) -> Choice:
    if entry.recognizer is None:
        raise UnknownModelError(
            "this model is known, but emoscene cannot ask it yet",
            value=entry.name,
            remedy="`emoscene models list` shows the ones that answer now.",
        )
    if entry.recognizer.startswith("--"):
        raise UnknownModelError(
            "this model finds people and does not answer by itself",
            value=entry.name,
            remedy=f"Use it as {entry.recognizer}, and another as --model.",
        )
    if entry.hub and not (entry.package and find_spec(entry.package)):
        return _from_hub(entry, "asked for by its name in the catalogue", options)
    return Choice(entry.name, "asked for by its name in the catalogue", entry.recognizer, options)


def _from_hub(entry: Entry, why: str, options: Mapping[str, Any]) -> Choice:
    """The snapshot's folder, so that loading asks no server and takes exactly the files that were pulled."""
    folder = ready_folder(entry)
    name = entry.name if entry.subfolder else entry.hub
    chosen = _from_folder(folder, name, why, options)
    signs = chosen.recognizer in ("vlm", "dual_encoder", "language")
    return replace(chosen, title=f"{name}@{folder.name[:8]}") if signs else chosen


#: Which recognizer asks a folder of a kind, and the option that takes the folder.
_ASKS = {
    Kind.VLM: ("vlm", "model"),
    Kind.DUAL_ENCODER: ("dual_encoder", "model"),
    Kind.CAPTIONER: ("narrated", "narrator"),
    Kind.LANGUAGE: ("language", "model"),
    Kind.SENTENCES: ("text", "encoder"),
}


def _from_folder(path: Path, name: str, why: str, options: Mapping[str, Any]) -> Choice:
    folder = look_into(path)
    if folder.kind is Kind.ADAPTER:
        if not folder.base:
            raise UnknownModelError(
                "this adapter does not say which model it belongs to",
                value=path,
                remedy=f"Give the model as --model, and -o adapter={shorten(path)}",
            )
        if (Path(folder.base) / ADAPTER_FILE).is_file():
            raise UnknownModelError(
                "this adapter belongs to another adapter, and not to a model",
                value=path,
                remedy="Merge that one first.",
            )
        base = resolve(folder.base, **{**options, "adapter": str(path)})
        return replace(base, name=name, why=f"an adapter of {folder.base}")
    if folder.kind not in _ASKS:
        raise UnknownModelError(
            f"this model is a {folder.kind} and does not answer by itself",
            value=name,
            remedy="Use it as --detector, and another as --model.",
        )
    recognizer, option = _ASKS[folder.kind]
    return Choice(name, why, recognizer, {**_with_folders(options), option: str(path)})


def run_model(path: Path) -> Path | None:
    """The folder of a model that emoscene trained, in a run's folder or itself; None for any other folder.

    Raises:
        ModelNotHereError: if it is the folder of a run that is not finished.
    """
    for folder in (path, path / "model"):
        if (folder / HOW_TO_ASK).is_file():
            return folder
    if (path / "recipe.yaml").is_file() and (path / "manifest.json").is_file():
        raise ModelNotHereError(
            "this run has not finished training",
            value=path,
            remedy="Give its `emoscene train` again: it goes on.",
        )
    return None


def _from_run(folder: Path, name: str, options: Mapping[str, Any]) -> Choice:
    """A model that emoscene trained says how it is asked."""
    note = read_json(folder / HOW_TO_ASK)
    recognizer, asked = note.get("recognizer"), note.get("options")
    if note.get("format") != 1 or recognizer not in registry.names() or not isinstance(asked, dict):
        raise ModelFilesError(
            f"the model's {HOW_TO_ASK} cannot be read", value=folder, remedy="Copy or train the folder again."
        )
    own = {key: _inside(folder, value) for key, value in asked.items()}
    settled = _with_folders({**own, **options})
    base = settled.get("model")
    if isinstance(base, str) and not Path(base).is_dir() and "model" not in options:
        raise ModelNotHereError(
            "the base model that this one was trained on is not here",
            value=base,
            remedy="Say where it is: -o model=FOLDER",
        )
    title = note.get("name")
    return Choice(
        name,
        "a model that emoscene trained",
        str(recognizer),
        settled,
        title=title if isinstance(title, str) else "",
    )


def _inside(folder: Path, value: object) -> object:
    """An option's value; one that begins with `./` is a path in the folder."""
    if not isinstance(value, str) or not value.startswith("./"):
        return value
    place = (folder / value).resolve()
    if not place.is_relative_to(folder.resolve()):
        raise ModelFilesError(
            f"the model's {HOW_TO_ASK} points out of its folder",
            value=value,
            remedy="Train the folder again.",
        )
    return str(place)


#: Options that name another model. Hub ids and catalogue names in them become folders.
_MODEL_OPTIONS = ("model", "narrator", "reasoner", "encoder", "adapter")


def _with_folders(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with every hub id or catalogue name of a model replaced by the folder of its files."""
    settled = dict(options)
    for key in _MODEL_OPTIONS:
        name = options.get(key)
        if key == "model" and "base_url" in options:
            continue  # A name on somebody else's server.
        if not isinstance(name, str) or not name or Path(name).expanduser().exists():
            continue
        entry = find(name)
        if entry is None and is_hub_id(name):
            entry = known(name)
        if entry is not None and entry.hub:
            settled[key] = str(ready_folder(entry))
    return settled
