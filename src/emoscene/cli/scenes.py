"""`emoscene scenes`: drawn scenes with known labels, causes and exact readers."""

from __future__ import annotations

import typer

__all__ = ["app"]

app = typer.Typer(help="Drawn scenes with known labels.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _scenes() -> None:
    pass


@app.command("make")
def make(
    people: int = typer.Option(..., "--people", min=1, metavar="N", help="How many people to label."),
    out: str = typer.Option(..., "--out", metavar="DIR", help="The folder to write: new, or empty."),
    seed: int = typer.Option(0, "--seed", min=0, metavar="S", help="The same seed draws the same scenes."),
    workers: int = typer.Option(0, "--workers", min=0, metavar="N", help="Processes; 0 is one a core."),
) -> int:
    """Draw scenes and write pictures, labels, captions, causes and a data card."""
    import os
    from pathlib import Path

    from emoscene.cli.streams import say
    from emoscene.errors import OptionError

    folder = Path(out)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OptionError("--out is not an empty folder", value=out, remedy="Name a new folder.")
    from emoscene.datasets.scenes import make_dataset

    make_dataset(folder, people=people, seed=seed, workers=workers or os.cpu_count() or 1)
    say(f"{people} people, seed {seed}: {folder}")
    return 0
