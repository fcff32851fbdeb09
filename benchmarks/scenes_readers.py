"""How well can the drawn scenes be read at all? The exact readers, and the gates on the partial ones.

    python benchmarks/scenes_readers.py                    20,000 fresh people of the test stream
    python benchmarks/scenes_readers.py --split train --people 5000 --json

Exit 1 if a gate fails: a partial reader above 0.70 of the oracle's mean AP.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from emoscene.datasets.scenes import GATE, SPLITS
from emoscene.datasets.scenes.gates import GATE_SEED, Report, measure


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=GATE_SEED)
    parser.add_argument("--split", choices=SPLITS, default="test")
    parser.add_argument("--rounds", type=int, default=200, help="rounds of the bootstrap")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(argv)
    report = measure(given.people, seed=given.seed, split=given.split, rounds=given.rounds)
    if given.json:
        print(json.dumps(report.to_json(), indent=1))
    else:
        show(report)
    return 0 if report.passed else 1


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


if __name__ == "__main__":
    sys.exit(main())
