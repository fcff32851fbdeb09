"""Runs rows: the scenes, the parts that a row needs, the row, its answers about test, rules from val.

out/scenes/             drawn once
out/parts/NAME/         state.json, and whatever the part keeps
out/rows/NAME/          state.json
    work/               what the row trained
    run/                its answers about test: `emoscene eval score out/rows/NAME/run` scores them again
    fitted/, rules.json its answers about the people that rules are fitted on, and the rules
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from emoscene.datasets.scenes import SCENES_VERSION
from emoscene.datasets.scenes.make import make_dataset
from emoscene.errors import EmosceneError, InputError
from emoscene.evaluation.fit import fit_run
from emoscene.evaluation.run import Asked, run
from emoscene.recognizers.base import Recognizer
from emoscene.runs.record import RunFiles
from emoscene.types import ScoreKind
from experiments.table1.rows import Context, Part, Row, all_parts
from experiments.table1.state import Step, read_step, step

__all__ = ["RULES", "RUN", "identity", "row_folder", "run_rows"]

RUN, FITTED, RULES = "run", "fitted", "rules.json"
_SPLIT = "test"

Say = Callable[[str], None]


def row_folder(context: Context, row: Row) -> Path:
    return context.out / "rows" / row.name


def identity(context: Context) -> dict[str, Any]:
    """What decides every step of a table."""
    sizes = context.sizes
    return {
        "scenes": SCENES_VERSION,
        "seed": context.seed,
        "people": dict(sizes.people),
        "picture": sizes.picture,
        "steps": sizes.steps,
    }


def run_rows(context: Context, rows: Sequence[Row], say: Say) -> list[str]:
    """Run rows that are not finished.

    Returns:
        The names of the rows that could not be run; their `state.json` says why. The others are finished.

    Raises:
        OptionError: if the folder holds another table.
    """
    _draw(context, say)
    failed = []
    for row in rows:
        there = read_step(row_folder(context, row))
        if there is not None and there.finished:
            with step(there.folder, identity(context)):
                say(f"{row.name}: finished before ({there.total:.0f} s)")
            continue
        try:
            for name in row.needs:
                _make_part(context, all_parts(), name, say)
            _run_row(context, row, say)
        except EmosceneError as error:
            failed.append(row.name)
            say(f"{row.name}: {error}")
    return failed


def _draw(context: Context, say: Say) -> None:
    sizes = context.sizes
    folder = context.out / "drawing"
    with step(folder, identity(context)) as now:
        say(f"scenes: {sum(sizes.people.values()):,} people")
        with now.phase("draw"):
            people = sum(sizes.people.values())
            make_dataset(
                context.scenes,
                people=people,
                seed=context.seed,
                size=sizes.picture,
                splits={split: count / people for split, count in sizes.people.items()},
                gate_people=sizes.gate_people,
            )


def _make_part(context: Context, parts: Mapping[str, Part], name: str, say: Say) -> None:
    part = parts[name]
    for needed in part.needs:
        _make_part(context, parts, needed, say)
    with step(context.part(name), identity(context)) as now:
        if now.finished:
            return
        say(f"part {name}: making")
        with now.phase("make"):
            part.make(context, context.part(name))
    say(f"part {name}: {now.total:.0f} s")


def _run_row(context: Context, row: Row, say: Say) -> None:
    folder = row_folder(context, row)
    with step(folder, identity(context)) as now:
        say(f"{row.name}: making")
        work = folder / "work"
        work.mkdir(exist_ok=True)
        with now.phase("make"):
            recognizer = row.make(context, work)
        with now.phase("answer"):
            found = _ask(context, row, recognizer, _SPLIT, None, folder / RUN)
        with now.phase("rules"):
            _fit(context, row, recognizer, found, now)
    say(f"{row.name}: {now.total:.0f} s")


def _ask(
    context: Context, row: Row, recognizer: Recognizer, split: str, limit: int | None, out: Path
) -> RunFiles:
    about = {"row": row.name, "learns_from": row.learns_from, **row.about}
    asked = Asked(split, about, fit_split=row.fit_split, limit=limit)
    return run(context.dataset(words=row.words), recognizer, asked, out)


def _fit(context: Context, row: Row, recognizer: Recognizer, found: RunFiles, now: Step) -> None:
    """Thresholds from the row's answers about other people; sets have none."""
    if not any(row.score_kind not in (None, ScoreKind.MEMBERSHIP) for row in found.rows()):
        now.about["rules"] = "none: the answers are sets"
        return
    split, many = row.rules_on
    share = many is not None and many < 1
    limit = round(many * context.sizes.people[split]) if many is not None and share else many
    asked = _ask(context, row, recognizer, split, None if limit is None else int(limit), now.folder / FITTED)
    try:
        rules = fit_run(asked)
    except InputError as error:
        now.about["rules"] = f"none: {error}"
        return
    rules.save(now.folder / RULES)
    now.about["rules"] = f"thresholds from {split}, {rules.fitted_on.people:,} people"
