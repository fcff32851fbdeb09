"""How well can the drawn scenes be read at all? The exact readers on every split, and the gates.

    python benchmarks/scenes_readers.py                          20,000 people of the test stream, 1,000 of each split
    python benchmarks/scenes_readers.py --splits conflict,irony --split-people 200 --people 0
    python benchmarks/scenes_readers.py --split train --people 5000 --splits "" --json

Exit 1 if a gate fails. The gates stand in `emoscene.datasets.scenes.gates` and `.split_gates`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from emoscene.datasets.scenes import CONTROLLED, GATE, SPLITS
from emoscene.datasets.scenes.gates import GATE_SEED, Report, measure
from emoscene.datasets.scenes.split_gates import FROZEN, SplitReport, measure_split


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=20_000, help="of the plain stream; 0 leaves it out")
    parser.add_argument("--seed", type=int, default=GATE_SEED)
    parser.add_argument("--split", choices=SPLITS, default="test", help="the plain stream")
    parser.add_argument("--rounds", type=int, default=200, help="rounds of the bootstrap")
    parser.add_argument("--splits", default=",".join(CONTROLLED), help="controlled splits, with commas")
    parser.add_argument("--split-people", type=int, default=1_000, help="of each controlled split")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(argv)
    plain = (
        measure(given.people, seed=given.seed, split=given.split, rounds=given.rounds)
        if given.people
        else None
    )
    names = [name for name in given.splits.split(",") if name]
    began = time.process_time()
    reports = [measure_split(name, given.split_people, seed=given.seed) for name in names]
    seconds = time.process_time() - began
    if given.json:
        told = {"plain": plain and plain.to_json(), "splits": [report.to_json() for report in reports]}
        print(json.dumps(told, indent=1))
    else:
        if plain is not None:
            show(plain)
        if reports:
            show_splits(reports)
            print(f"{seconds:.0f} s of one core for the controlled splits")
    return 0 if all(report.passed for report in (plain, *reports) if report is not None) else 1


def show(report: Report) -> None:
    console = Console()
    table = Table(title=f"{report.version} (tables {report.tables}): {report.people} people, {report.split}")
    for column in ("reader", "mean AP", "sd at n = 1,000", "of the oracle", f"gate (at most {GATE:.2f})"):
        table.add_column(column, justify="left" if column == "reader" else "right")
    for name, figure in sorted(report.figures.items(), key=lambda item: item[1].mean_ap):
        gate = "" if name not in report.gates else "holds" if report.gates[name] else "FAILS"
        table.add_row(name, f"{figure.mean_ap:.3f}", f"{figure.sd_1000:.3f}", f"{figure.ratio:.2f}", gate)
    console.print(table)
    console.print(
        f"{report.labels_per_person:.2f} labels a person; the rarest has {report.rarest_per_1000:.0f} in 1,000 people."
    )


def show_splits(reports: Sequence[SplitReport]) -> None:
    """One line a split and reader, in plain text that a page can hold."""
    print(f"Controlled splits, {reports[0].people} people each; gates frozen {FROZEN}")
    for report in reports:
        print(
            f"\n{report.split}: {report.figure}, {report.pictures} pictures, {report.labels_per_person:.2f} labels"
        )
        print("  " + "  ".join(f"{reader} {value:.3f}" for reader, value in report.figures.items()))
        for gate, holds in report.gates.items():
            print(f"  {gate}: {'holds' if holds else 'FAILS'}")


if __name__ == "__main__":
    sys.exit(main())
