"""`emoscene scenes`: drawn scenes with known labels, causes and exact readers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

__all__ = ["app"]

app = typer.Typer(help="Drawn scenes with known labels.", no_args_is_help=True, rich_markup_mode=None)


# The gates are measured on fresh people, about as many as are drawn: a handful of scenes should not take a minute.
_FEWEST_FOR_GATES = 500
_MOST_FOR_GATES = 5_000


@app.callback()
def _scenes() -> None:
    pass


@app.command("make")
def make(
    people: int = typer.Option(..., "--people", min=1, metavar="N", help="How many people to label."),
    seed: int = typer.Option(0, "--seed", min=0, metavar="S", help="The same seed draws the same scenes."),
    out: str = typer.Option(..., "--out", metavar="DIR", help="A new folder, or one to go on with."),
    splits: str = typer.Option(
        "train,val,test",
        "--splits",
        metavar="NAMES",
        help="Splits with commas, or all; NAME=SHARE sets a share.",
    ),
    workers: int = typer.Option(0, "--workers", min=0, metavar="N", help="Processes; 0 is one a core."),
    as_json: bool = typer.Option(False, "--json", help="Print the manifest as one JSON object."),
) -> int:
    """Draw scenes and write pictures, labels, captions, causes, annotators and a data card.

    Prints what exact readers of a part of each scene reach, and whether the gates hold; exit 1 if one does not.
    """
    import dataclasses
    import json
    from pathlib import Path

    from emoscene.cli.streams import say, write_line
    from emoscene.datasets.scenes.make import make_dataset

    say(f"drawing scenes with {people} people, seed {seed}")
    gate_people = max(_FEWEST_FOR_GATES, min(_MOST_FOR_GATES, people))
    manifest = make_dataset(
        Path(out), people=people, seed=seed, workers=workers, splits=_shares(splits), gate_people=gate_people
    )
    if as_json:
        write_line(json.dumps(dataclasses.asdict(manifest), ensure_ascii=False))
    else:
        for line in _gate_lines(manifest.gates):
            write_line(line)
        write_line("")
        for split, count in manifest.people.items():
            write_line(f"{split:<17} {count:>6} people, {manifest.pictures[split]} pictures")
    pictures = sum(manifest.pictures.values())
    say(f"{people} people in {pictures} pictures ({manifest.version}): {out}")
    return 0 if manifest.gates["passed"] else 1


@app.command("sheet")
def sheet(
    split: str = typer.Option(..., "--split", metavar="NAME", help="Whose people to show."),
    out: str = typer.Option(..., "--out", metavar="FILE.png", help="The picture to write."),
    people: int = typer.Option(12, "--people", min=1, metavar="N", help="How many people."),
    seed: int = typer.Option(0, "--seed", min=0, metavar="S", help="The same seed draws the same scenes."),
) -> int:
    """Draw a contact sheet: people of a split with captions, words and labels."""
    from pathlib import Path

    from emoscene.cli.streams import say
    from emoscene.datasets.scenes.sheet import contact_sheet
    from emoscene.errors import OptionError

    file = Path(out)
    if file.suffix.lower() != ".png":
        raise OptionError("a contact sheet is a PNG file", value=out, remedy="Name it FILE.png.")
    if not file.parent.is_dir():
        raise OptionError("the folder is not there", value=file.parent, remedy="Make it first.")
    contact_sheet(split, seed=seed, people=people).save(file, "PNG")
    say(f"{people} people of {split}: {out}")
    return 0


def _shares(text: str) -> dict[str, float]:
    """`train,conflict=0.3` -> the share of each split, relative to the others."""
    from emoscene.datasets.scenes.make import SHARES
    from emoscene.errors import OptionError

    names = (
        list(SHARES) if text.strip() == "all" else [part.strip() for part in text.split(",") if part.strip()]
    )
    found: dict[str, float] = {}
    for part in names:
        name, _, share = part.partition("=")
        if name not in SHARES:
            raise OptionError(
                "there is no such split", value=name, remedy=f"Choose of {', '.join(SHARES)}, or all."
            )
        try:
            found[name] = float(share) if share else SHARES[name]
        except ValueError:
            raise OptionError("a share is a number", value=part, remedy=f"Write {name}=0.2.") from None
    return found


def _gate_lines(gates: dict[str, Any]) -> Iterator[str]:
    limit = f"a partial reader may reach {gates['gate']:.0%} of `picture`"
    yield f"Exact readers on {gates['people']} fresh people; {limit}."
    yield ""
    yield f"{'reader':<14} {'mAP':>6} {'of picture':>11}  gate"
    for reader, figure in gates["figures"].items():
        held = gates["gates"].get(reader)
        gate = "" if held is None else "holds" if held else "BROKEN"
        yield f"{reader:<14} {figure['mean_ap']:>6.3f} {figure['ratio']:>11.3f}  {gate}".rstrip()
