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
    workers: int = typer.Option(0, "--workers", min=0, metavar="N", help="Processes; 0 is one a core."),
    as_json: bool = typer.Option(False, "--json", help="Print the manifest as one JSON object."),
) -> int:
    """Draw scenes and write pictures, labels, captions, causes and a data card.

    Prints what exact readers of a part of each scene reach, and whether the gates hold; exit 1 if one does not.
    """
    import dataclasses
    import json
    from pathlib import Path

    from emoscene.cli.streams import say, write_line
    from emoscene.datasets.scenes.make import make_dataset

    say(f"drawing scenes with {people} people, seed {seed}")
    gate_people = max(_FEWEST_FOR_GATES, min(_MOST_FOR_GATES, people))
    manifest = make_dataset(Path(out), people=people, seed=seed, workers=workers, gate_people=gate_people)
    if as_json:
        write_line(json.dumps(dataclasses.asdict(manifest), ensure_ascii=False))
    else:
        for line in _gate_lines(manifest.gates):
            write_line(line)
    pictures = sum(manifest.pictures.values())
    say(f"{people} people in {pictures} pictures ({manifest.version}): {out}")
    return 0 if manifest.gates["passed"] else 1


def _gate_lines(gates: dict[str, Any]) -> Iterator[str]:
    limit = f"a partial reader may reach {gates['gate']:.0%} of `picture`"
    yield f"Exact readers on {gates['people']} fresh people; {limit}."
    yield ""
    yield f"{'reader':<14} {'mAP':>6} {'of picture':>11}  gate"
    for reader, figure in gates["figures"].items():
        held = gates["gates"].get(reader)
        gate = "" if held is None else "holds" if held else "BROKEN"
        yield f"{reader:<14} {figure['mean_ap']:>6.3f} {figure['ratio']:>11.3f}  {gate}".rstrip()
