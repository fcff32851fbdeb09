"""`emoscene models`: what is known, what is here, and getting what is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from emoscene.catalogue import Entry

__all__ = ["app"]

app = typer.Typer(help="Known models: list, pull, card.", no_args_is_help=True, rich_markup_mode=None)


def _names(incomplete: str) -> list[str]:
    from emoscene import catalogue

    return [entry.name for entry in catalogue.entries() if entry.name.startswith(incomplete)]


@app.command("list")
def list_models(as_json: bool = typer.Option(False, "--json", help="Print one JSON object a line.")) -> int:
    """Show the known models, whether they answer now, and whether they are on this machine."""
    import dataclasses
    import json

    from emoscene import catalogue
    from emoscene.cli.streams import write_line

    entries = [(entry, catalogue.is_here(entry)) for entry in catalogue.entries()]
    if as_json:
        for entry, here in entries:
            write_line(json.dumps({**dataclasses.asdict(entry), "here": here}, ensure_ascii=False))
        return 0
    _print_table(entries)
    return 0


def _print_table(entries: list[tuple[Entry, bool]]) -> None:
    from rich.console import Console
    from rich.table import Table

    from emoscene import catalogue

    console = Console(highlight=False, markup=False, emoji=False)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    rows = [
        (
            entry.name,
            entry.kind,
            "yes" if here else "-",
            _answers(entry),
            catalogue.size(entry),
            entry.licence,
        )
        for entry, here in entries
    ]
    headings = ("model", "kind", "here", "answers", "size", "licence")
    for place, heading in enumerate(headings):
        widest = max(len(heading), *(len(row[place]) for row in rows))
        is_last = place == len(headings) - 1
        table.add_column(heading, min_width=None if is_last else widest, no_wrap=not is_last)
    for row in rows:
        table.add_row(*row)
    console.print(table)
    console.print()
    console.print(
        "More about one: emoscene models card NAME. Get one: emoscene models pull NAME.", soft_wrap=True
    )


def _answers(entry: Entry) -> str:
    """Whether something asks this model today."""
    if entry.variable:
        return "by path"
    if not entry.recognizer:
        return "not yet"
    from emoscene import catalogue

    return "yes" if catalogue.is_runnable(entry) else f"needs [{entry.extra}]"


@app.command("pull")
def pull_model(name: str = typer.Argument(..., metavar="NAME", autocompletion=_names)) -> int:
    """Download a model: safetensors and text files, at the catalogue's commit or what main is now.

    Run it again to go on.
    """
    from emoscene import catalogue
    from emoscene.cli.streams import say, write_line

    pulled = catalogue.pull(name, say=say)
    say(f"here: {pulled.folder} (commit {pulled.revision})")
    if pulled.entry.recognizer == "vlm":
        write_line(f"emoscene analyze IMAGE --model {pulled.entry.name}")
    return 0


@app.command("card")
def show_card(name: str = typer.Argument(..., metavar="NAME", autocompletion=_names)) -> int:
    """Print a model's card: data, figures, limits, licence."""
    from emoscene import catalogue
    from emoscene.cli.streams import write_line

    write_line(catalogue.card(name).rstrip())
    return 0
