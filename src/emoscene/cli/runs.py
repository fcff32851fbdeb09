"""`emoscene runs`: what has become of a run."""

from __future__ import annotations

import typer

__all__ = ["app"]

app = typer.Typer(help="Runs in their folders.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _runs() -> None:
    pass


@app.command("status")
def status(
    run: str = typer.Argument(..., metavar="OUT", help="A run's folder."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> int:
    """How far a run has come, from its rows; exit 1 while some are missing or not ok."""
    import json
    from collections import Counter

    from emoscene.cli.streams import write_line
    from emoscene.runs.record import RunFiles

    files = RunFiles.open(run)
    known = {person.id for person in files.truth()}
    people = len(known)
    found_rows = {row.id: row.status.value for row in files.rows() if row.id in known}
    statuses = Counter(found_rows.values())
    rows = len(found_rows)
    if as_json:
        found = {
            "run": run,
            "people": people,
            "rows": rows,
            "finished": rows == people,
            "statuses": dict(sorted(statuses.items())),
            "request": dict(files.request),
        }
        write_line(json.dumps(found, ensure_ascii=False))
    else:
        counts = ", ".join(f"{count:,} {name}" for name, count in sorted(statuses.items()))
        write_line(f"{rows:,} of {people:,} people{': ' if counts else ''}{counts}")
    return 0 if rows == people and set(statuses) <= {"ok"} else 1
