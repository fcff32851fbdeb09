"""A model's card in Markdown, from what the catalogue knows."""

from __future__ import annotations

from pathlib import Path

from emoscene.catalogue.entry import Entry, known, size, terms
from emoscene.catalogue.here import folder_of, is_here, pulled_folder
from emoscene.catalogue.pulling import use_of_file

__all__ = ["answers_by", "card"]


def card(name: str) -> str:
    """A model's card as Markdown: the one that ships for `embedded`, else what the catalogue knows.

    Raises:
        UnknownModelError: if there is no such model.
    """
    entry = known(name)
    shipped = sorted((Path(__file__).parents[1] / "embedded").glob("*.md"))
    if entry.kind == "embedded" and shipped:
        return shipped[0].read_text(encoding="utf-8")
    unpinned = "not pinned: `models pull` takes main and says which commit that is"
    lines = [
        f"# {entry.name}",
        "",
        entry.good_for,
        "",
        f"- kind: {entry.kind}",
        f"- family: {entry.family}",
        f"- address: {entry.where}",
        *([f"- folder there: {entry.subfolder}"] if entry.subfolder else []),
        *([f"- revision: {entry.revision or unpinned}"] if entry.hub else []),
        *([f"- parameters: {_millions(entry.parameters)}"] if entry.parameters else []),
        f"- size: {size(entry)}",
        *([f"- memory: {entry.memory_gb:.1f} GB in half precision, twice that in float32"] if entry.memory_gb else []),
        f"- licence: {terms(entry)}",
        *([f"- base model: {entry.base}"] if entry.base else []),
        f"- needs: {f'the extra `{entry.extra}`' if entry.extra else 'the light core'}",
        f"- answers now: {answers_by(entry) or 'not yet'}",
        f"- on this machine: {_where_here(entry)}",
        *([f"- files: {', '.join(entry.files)}"] if entry.files else []),
        *([f"- pickles that a pull takes, for `models convert` alone: {', '.join(entry.pickles)}"] if entry.pickles
          else []),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def answers_by(entry: Entry) -> str:
    """The words of the command line that ask a model; nothing if none do."""
    if entry.variable:
        return f"yes, once its file is here. {use_of_file(entry)}"
    if entry.kind == "detector":
        return f"yes: --people all --detector {entry.name}" if entry.recognizer else ""
    if not entry.recognizer or entry.files:
        return ""
    if entry.kind == "captioner":
        return f"yes: --model narrated -o narrator={entry.name}"
    if entry.kind == "language":
        return f"yes: --model narrated -o reasoner={entry.name}"
    own_name = entry.kind in {"vlm", "dual-encoder", "adapter"}
    return f"yes: --model {entry.name if own_name else entry.recognizer}"


def _millions(parameters: float) -> str:
    return f"{parameters / 1000:.1f} billion" if parameters >= 1000 else f"{parameters:.0f} million"


def _where_here(entry: Entry) -> str:
    if is_here(entry):
        return str(folder_of(entry) or "yes")
    if pulled_folder(entry):
        return f"pulled, not converted yet: emoscene models convert {entry.name}"
    return f"no: emoscene models pull {entry.name}" if entry.hub else "no"
