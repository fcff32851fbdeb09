"""`emoscene doctor --dataset NAME --root PATH`: what is there, what is wrong with it, and what is done about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from emoscene.datasets.base import Dataset

__all__ = ["examine"]

#: What is counted of each split, and the heading of its column.
_COLUMNS = {
    "people": "people",
    "pictures": "pictures",
    "with_labels": "labelled",
    "labels_each": "labels each",
    "with_vad": "with VAD",
    "with_box": "with box",
    "with_picture": "with picture",
}


def examine(name: str, root: str, options: Sequence[str], *, as_json: bool) -> int:
    """Read every split of a dataset and report. Returns 0 if it can be used, 1 if something in it cannot be read.

    Raises:
        EmosceneError: if it cannot be opened at all.
    """
    import json

    from emoscene.cli.asked import read_data_options
    from emoscene.cli.streams import write_line
    from emoscene.datasets.registry import open_dataset
    from emoscene.render.printable import printable_json

    dataset = open_dataset(name, root, **read_data_options(options))
    found = _report(dataset, root)
    if as_json:
        write_line(printable_json(json.dumps(found, ensure_ascii=False, allow_nan=False)))
    else:
        _show(found)
    return 0 if found["usable"] else 1


def _report(dataset: Dataset, root: str) -> dict[str, Any]:
    from dataclasses import asdict

    from emoscene.errors import EmosceneError

    splits: dict[str, dict[str, Any]] = {}
    errors: list[str] = []
    for split in dataset.splits:
        try:
            splits[split] = _count(dataset, split)
        except EmosceneError as error:
            errors.append(f"{split}: {error}")
            continue
        if not splits[split]["people"]:
            errors.append(f"{split}: nobody in this split can be used")
    findings: list[dict[str, Any]] = []
    if len(splits) == len(dataset.splits):
        findings = [asdict(finding) for finding in dataset.findings()]
    about = dataset.describe()
    return {
        **about,
        "root": root,
        "title": dataset.facts.title,
        "access": dataset.facts.access,
        "traps": list(dataset.facts.traps),
        "splits": splits,
        "findings": findings,
        "errors": errors,
        "usable": not errors and not any(each["level"] == "error" for each in findings),
    }


def _count(dataset: Dataset, split: str) -> dict[str, Any]:
    """How many people there are, and how much is known of them."""
    groups: set[str] = set()
    people = labelled = labels = vad = box = picture = 0
    for sample in dataset.samples(split):
        people += 1
        groups.add(sample.group or sample.id)
        labelled += bool(sample.target)
        labels += len(sample.target or ())
        vad += sample.target_vad is not None
        box += sample.box is not None
        picture += sample.picture is not None
    return {
        "people": people,
        "pictures": len(groups),
        "with_labels": labelled,
        "labels_each": round(labels / labelled, 2) if labelled else None,
        "with_vad": vad,
        "with_box": box,
        "with_picture": picture,
    }


def _show(found: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    from emoscene.render.printable import printable

    console = Console(highlight=False, markup=False, emoji=False)

    def say(text: str) -> None:
        console.print(printable(text))

    say(f"{found['name']}: {found['title']}")
    variant = f"; ground truth: {found['variant']}" if found["variant"] else ""
    say(f"at {found['root']}: layout {found['layout'] or 'of its own'}{variant}")
    say(f"label space: {found['label_space']}; licence: {found['licence']}")
    say(f"to get it: {found['access']}")
    table = Table("split", box=None, pad_edge=False)
    for heading in _COLUMNS.values():
        table.add_column(heading, justify="right")
    for split, counts in found["splits"].items():
        table.add_row(printable(split), *(_number(counts[name]) for name in _COLUMNS))
    console.print()
    console.print(table)
    console.print()
    for title, level in (("errors", "error"), ("warnings", "warning"), ("notes", "note")):
        rows = [
            (_number(each["count"]), _words(each)) for each in found["findings"] if each["level"] == level
        ]
        rows += [("", error) for error in found["errors"] if level == "error"]
        _list(console, title, rows)
    _list(console, "to know", [("", trap) for trap in found["traps"]])
    say("usable" if found["usable"] else "not usable as it is: see the errors")


def _words(finding: dict[str, Any]) -> str:
    shown = f" (such as {', '.join(finding['examples'])})" if finding["examples"] else ""
    return f"{finding['what']}{shown}: {finding['action']}"


def _list(console: Console, title: str, rows: Sequence[tuple[str, str]]) -> None:
    """A heading, and under it a number and words each."""
    from rich.table import Table

    from emoscene.render.printable import printable

    if not rows:
        return
    grid = Table.grid(padding=(0, 1))
    grid.add_column(justify="right", min_width=2)
    grid.add_column()
    for number, text in rows:
        grid.add_row(number, printable(text))
    console.print(title)
    console.print(grid)
    console.print()


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}"
