"""The command line of the table: `run` and `report`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from emoscene.errors import EmosceneError
from experiments.table1.plan import run_rows
from experiments.table1.rows import Context, choose_rows

app = typer.Typer(add_completion=False, no_args_is_help=True, help="The paper's Table I in miniature.")

Out = Annotated[Path, typer.Option(help="The folder of the table; what is finished there is not done again.")]
Seed = Annotated[int, typer.Option(help="Of the scenes and of everything that is drawn.")]
Smoke = Annotated[bool, typer.Option("--smoke", help="The whole way with a few people, for a test.")]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@app.command()
def run(
    out: Out,
    rows: Annotated[str | None, typer.Option(help="Names, as a,b; all if none are given.")] = None,
    seed: Seed = 0,
    smoke: Smoke = False,
) -> None:
    """Train and ask what is not finished; the same call goes on after a cut."""
    failed = run_rows(Context(out, seed, smoke), choose_rows(rows), _say)
    if failed:
        _say(f"not finished: {', '.join(failed)}")
        raise typer.Exit(1)


@app.command()
def report(out: Out, rounds: Annotated[int | None, typer.Option(help="Bootstrap rounds.")] = None) -> None:
    """Score the saved answers; write report.md, report.html and table.json beside them."""
    from experiments.table1.report import write_table

    print(write_table(out, rounds))


def main() -> None:
    try:
        app()
    except EmosceneError as error:
        _say(f"error: {error}")
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
