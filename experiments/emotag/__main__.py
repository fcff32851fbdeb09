"""The command line: the table as Markdown on standard output, each emotion behind it with `--json`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from emoscene.errors import EmosceneError
from emoscene.metrics.interval import Interval, Resampling
from experiments.emotag.table import (
    FOLDS,
    Emoji,
    Floats,
    Line,
    figures,
    kernels_of,
    left_out,
    make_table,
    read_emoji,
)

_TITLES = {
    "mean": "the mean of the others (baseline)",
    "glyph": "glyph",
    "name": "name",
    "both": "name and glyph",
}


def main(
    data: Annotated[Path, typer.Option(help="The folder of EmoTag1200.")],
    font: Annotated[str | None, typer.Option(help="A font file with emoji.")] = None,
    rounds: Annotated[int, typer.Option(help="Bootstrap rounds.")] = 2_000,
    as_json: Annotated[bool, typer.Option("--json", help="Figures as JSON, by emotion too.")] = False,
) -> None:
    """EmoTag1200 by name, glyph and both, cross-validated."""
    try:
        emoji = read_emoji(data, font)
        said = left_out(emoji, kernels_of(emoji))
    except EmosceneError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    lines, differences = make_table(emoji.strengths, said, Resampling(rounds))
    if as_json:
        print(json.dumps(_json(emoji, said, lines, differences), indent=1))
    else:
        print("\n".join(_markdown(emoji, lines, differences)))


def _markdown(emoji: Emoji, lines: Sequence[Line], differences: Mapping[str, Interval]) -> Iterator[str]:
    yield f"{len(emoji.names)} emoji, {len(emoji.emotions)} emotions, {FOLDS} folds; 95 % intervals over emoji."
    yield ""
    yield "| what is known of an emoji | correlation | variance explained | error (RMSE) |"
    yield "|---|---|---|---|"
    for line in lines:
        cells = [_cell(line, key) for key in ("r", "explained", "rmse")]
        yield f"| {_TITLES[line.row]} | {' | '.join(cells)} |"
    yield ""
    for pair, interval in differences.items():
        yield f"{pair} in correlation: {interval.low:+.3f} to {interval.high:+.3f}"


def _cell(line: Line, key: str) -> str:
    if key not in line.values:
        return "none"
    interval = line.intervals[key]
    return f"{line.values[key]:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def _json(
    emoji: Emoji, said: Mapping[str, Floats], lines: Sequence[Line], differences: Mapping[str, Interval]
) -> dict[str, object]:
    return {
        "emoji": len(emoji.names),
        "folds": FOLDS,
        "rows": {
            line.row: {
                key: {"value": value, "low": line.intervals[key].low, "high": line.intervals[key].high}
                for key, value in line.values.items()
            }
            for line in lines
        },
        "differences": {pair: {"low": i.low, "high": i.high} for pair, i in differences.items()},
        "emotions": {
            row: {
                emotion: figures(emoji.strengths[:, [at]], values[:, [at]])
                for at, emotion in enumerate(emoji.emotions)
            }
            for row, values in said.items()
        },
    }


if __name__ == "__main__":
    typer.run(main)
