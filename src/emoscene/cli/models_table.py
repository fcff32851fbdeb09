"""The table and the JSON lines of `emoscene models list`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emoscene.catalogue import Entry

__all__ = ["print_json", "print_table"]


def print_json() -> None:
    """One object a line: the catalogue's entries, then the other models in the hub's cache."""
    import dataclasses
    import json

    from emoscene import catalogue
    from emoscene.cli.streams import write_line

    for entry in catalogue.entries():
        folder = catalogue.folder_of(entry)
        row = {
            **dataclasses.asdict(entry),
            "memory_gb": None if entry.memory_gb is None else round(entry.memory_gb, 2),
            "here": catalogue.is_here(entry),
            "where_here": catalogue.where_here(entry),
            "folder": None if folder is None else str(folder),
            "runnable": catalogue.is_runnable(entry),
            "in_catalogue": True,
        }
        write_line(json.dumps(row, ensure_ascii=False))
    for found in catalogue.others_here():
        row = {
            "name": found.hub,
            "hub": found.hub,
            "kind": found.kind.value,
            "megabytes": round(found.megabytes, 1),
            "recognizer": found.recognizer,
            "here": True,
            "folder": str(found.folder),
            "in_catalogue": False,
        }
        write_line(json.dumps(row, ensure_ascii=False))


def print_table() -> None:
    """One line a model, in 80 columns; the words under it say how to go on."""
    from emoscene import catalogue
    from emoscene.cli.streams import write_line

    rows = [
        (e.name, e.family, catalogue.size(e), _memory(e), _here(e), _asked_by(e)) for e in catalogue.entries()
    ]
    for line in _columns([("model", "family", "size", "memory", "here", "asked by"), *rows]):
        write_line(line)
    write_line("")
    others = [
        (f.hub, f.kind.value, catalogue.megabytes_in_words(f.megabytes), f.recognizer)
        for f in catalogue.others_here()
    ]
    if others:
        write_line("Also in the model hub's cache:")
        for line in _columns(others):
            write_line(line)
        write_line("")
    write_line("More about one, and its licence: emoscene models card NAME.")
    write_line("Get one: emoscene models pull NAME.")


def _columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip()


def _here(entry: Entry) -> str:
    from emoscene import catalogue

    return catalogue.where_here(entry) or ("convert" if catalogue.pulled_folder(entry) else "-")


def _asked_by(entry: Entry) -> str:
    from emoscene import catalogue

    if not entry.recognizer:
        return "-"
    return entry.recognizer if catalogue.is_runnable(entry) else f"needs [{entry.extra}]"


def _memory(entry: Entry) -> str:
    if entry.memory_gb is None:
        return "-"
    return f"{entry.memory_gb:.1f} GB" if entry.memory_gb >= 0.05 else "< 0.1 GB"
