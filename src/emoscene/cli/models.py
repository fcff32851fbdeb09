"""`emoscene models`: what is known, what is here, and getting, checking and converting what is not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from emoscene.catalogue import Entry

__all__ = ["app"]

app = typer.Typer(
    help="Known models: list, pull, verify, convert, card.", no_args_is_help=True, rich_markup_mode=None
)


def _names(incomplete: str) -> list[str]:
    from emoscene import catalogue

    return [entry.name for entry in catalogue.entries() if entry.name.startswith(incomplete)]


def _convertible(incomplete: str) -> list[str]:
    from emoscene import catalogue

    return [e.name for e in catalogue.entries() if e.pickles and e.name.startswith(incomplete)]


@app.command("list")
def list_models(as_json: bool = typer.Option(False, "--json", help="Print one JSON object a line.")) -> int:
    """Show the known models, the memory they need, what is on this machine, and what asks them.

    Memory is for half precision; float32, which the CPU takes, needs twice that. Models in the hub's cache that the
    catalogue does not have stand at the end.
    """
    from emoscene.cli.models_table import print_json, print_table

    (print_json if as_json else print_table)()
    return 0


@app.command("pull")
def pull_model(name: str = typer.Argument(..., metavar="NAME", autocompletion=_names)) -> int:
    """Download a model: safetensors and text files, at the catalogue's commit or what main is now.

    NAME is a name of the catalogue or a hub id. Run it again to go on where it stopped.
    """
    from emoscene import catalogue
    from emoscene.cli.progress import bytes_bar
    from emoscene.cli.streams import say, write_line

    try:
        with bytes_bar() as progress:
            pulled = catalogue.pull(name, say=say, progress=progress)
    except KeyboardInterrupt:
        say("what has come stays: run it again to go on")
        raise
    say(f"here: {pulled.folder} (commit {pulled.revision})")
    if command := _next(pulled.entry):
        write_line(command)
    return 0


def _next(entry: Entry) -> str:
    """The command that a user of this model will want."""
    from emoscene import catalogue

    if entry.pickles and not catalogue.is_here(entry):
        return f"emoscene models convert {entry.name}"
    asked = catalogue.answers_by(entry).removeprefix("yes: ")
    return f"emoscene analyze IMAGE {asked}" if asked.startswith("--") else ""


@app.command("verify")
def verify_model(
    name: str = typer.Argument(..., metavar="NAME", autocompletion=_names),
    reference: Path = typer.Option(
        None,
        "--reference",
        metavar="FOLDER",
        help="Published numbers to compare with (CLIP's picture and logits).",
    ),
    files_only: bool = typer.Option(False, "--files-only", help="Look at the files; load nothing."),
    online: bool = typer.Option(False, "--online", help="Ask the hub for the hashes too."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> int:
    """Check a model's files against their hashes, and its numbers against known ones. Exit 1 on a fault.

    The hub's cache knows the hashes, so no network is needed. Loading a model takes the memory that `list` shows.
    """
    import json

    from emoscene import catalogue
    from emoscene.cli.streams import write_line

    found = catalogue.verify(name, reference=reference, online=online, load=not files_only)
    if as_json:
        write_line(json.dumps(found.as_dict(), ensure_ascii=False))
    else:
        for check in found.checks:
            write_line(f"{check.outcome:8} {check.what}: {check.said}")
        write_line(f"{found.name}: {'ok' if found.ok else 'not ok'}")
    return 0 if found.ok else 1


@app.command("convert")
def convert_model(
    path: str = typer.Argument(..., metavar="PATH", autocompletion=_convertible),
    out: Path = typer.Option(
        None, "--out", metavar="DIR", help="The new folder; default: beside PATH, with -safetensors behind."
    ),
    base: str = typer.Option(
        None,
        "--base",
        metavar="HUB_ID",
        help="An adapter's base model, if its files do not name a known one.",
    ),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> int:
    """Turn published .bin files into safetensors, once: a model, or an adapter, also of the original LLaVA code.

    PATH is a folder, or a name of the catalogue that was pulled. Nothing but tensors is read from the files, and the
    old folder stays as it is.
    """
    import dataclasses
    import json

    from emoscene import catalogue
    from emoscene.cli.streams import say, write_line

    done = catalogue.convert(path, out, base=base, say=say)
    if as_json:
        write_line(json.dumps({**dataclasses.asdict(done), "folder": str(done.folder)}, ensure_ascii=False))
        return 0
    if done.already:
        say("these files were converted before; nothing was written")
    say(f"{done.kind}: {done.renamed} tensors renamed, {done.kept} kept")
    for unused in done.unused:
        say(f"left out: {unused}")
    if done.base:
        say(f"base model: {done.base} (emoscene models pull {done.base})")
    write_line(str(done.folder))
    return 0


@app.command("card")
def show_card(name: str = typer.Argument(..., metavar="NAME", autocompletion=_names)) -> int:
    """Print a model's card: data, figures, limits, licence."""
    from emoscene import catalogue
    from emoscene.cli.streams import write_line

    write_line(catalogue.card(name).rstrip())
    return 0
