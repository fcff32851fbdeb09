"""Plots as SVG that stands inside a page: no pixels, its words are text, its colours those of the page.

Matplotlib (extra `report`) draws with stand-in colours, which become the page's CSS variables, so that a plot is
readable on a light ground and on a dark one. One unit of a plot is one CSS pixel.
"""

from __future__ import annotations

import contextlib
import io
import math
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from emoscene.errors import MissingExtraError
from emoscene.render.document import escaped
from emoscene.render.printable import printable

__all__ = [
    "MOST_RUNS",
    "Bar",
    "Bars",
    "Curve",
    "Reliability",
    "class_bars",
    "heat_map",
    "recall_curves",
    "reliability",
]

FloatArray = npt.NDArray[np.float64]

#: Colours that can be told apart.
MOST_RUNS = 8

_INK, _FAINT, _LINE, _HEAT = "#0a0b01", "#0a0b02", "#0a0b03", "#0a0b04"
_VARIABLES = {_INK: "--ink", _FAINT: "--faint", _LINE: "--line", _HEAT: "--heat"}
_RUNS = [f"#0a0c{at:02x}" for at in range(1, MOST_RUNS + 1)]
_VARIABLES |= {stand_in: f"--run-{at}" for at, stand_in in enumerate(_RUNS, 1)}

#: What a file of its own needs and an element does not, decimals of decimals, and matplotlib's own fonts.
_TRIMMED = (
    (r"<!--.*?-->", ""),
    (r'<style type="text/css">.*?</style>', ""),
    (r' id="(?!m[0-9a-f]{10}|p[0-9a-f]{10})[^"]*"', ""),
    (r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px"),
    (r"font-family: [^;\"]*; ?", ""),
    (r' transform="rotate\(-?0 [^"]*"', ""),
    (r"(\d\.\d\d)\d+", r"\1"),
    (r"\s*\n\s*", " "),
    (r"> <", "><"),
    (r"<defs></defs>|<g/>", ""),
)

_LONGEST_NAME = 24
_ROW = 9.0
_SETTINGS = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 11,
    "text.color": _INK,
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _FAINT,
    "axes.labelsize": 11,
    "axes.linewidth": 1,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": False,
    "grid.color": _LINE,
    "grid.linewidth": 0.8,
    "xtick.color": _LINE,
    "ytick.color": _LINE,
    "xtick.labelcolor": _FAINT,
    "ytick.labelcolor": _FAINT,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "hatch.color": _LINE,
}


@dataclass(frozen=True)
class Bar:
    """One figure from 0 to 1 with its interval; nan where undefined."""

    value: float
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True)
class Bars:
    """The bars of one label: one for each run, and the mark that they are to be read against."""

    name: str
    mark: float
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Curve:
    """Precision at rising recall, of one run."""

    recall: FloatArray
    precision: FloatArray


@dataclass(frozen=True)
class Reliability:
    """Mean score and observed share of each bin, of one run, and how many scores lie in each twentieth."""

    score: FloatArray
    observed: FloatArray
    counts: FloatArray


def class_bars(rows: Sequence[Bars], whose: Sequence[int], *, axis: str, says: str) -> str:
    """Horizontal bars with whiskers, label by label, and a mark on each.

    Args:
        rows: From top to bottom; all with as many bars.
        whose: Of each bar of a row, the run that it is of, which sets its colour; from 0.
        axis: What the figure is.
        says: What the plot shows, for those who do not see it.
    """
    runs = len(whose)
    # One run's bars are thick enough to be seen; those of several stand close together.
    thick = 12.0 if runs == 1 else _ROW
    step = thick * runs + 8
    with _Canvas(520, step * len(rows) + 46) as canvas:
        axes = canvas.axes(left=138, right=44 if runs == 1 else 12, top=6, bottom=40)
        for at, row in enumerate(rows):
            top = at * step
            for place, (run, bar) in enumerate(zip(whose, row.bars, strict=True)):
                middle = top + thick * (place + 0.5)
                if math.isnan(bar.value):
                    axes.text(0.008, middle, "undefined", fontsize=9, color=_FAINT, va="center")
                    continue
                axes.barh(middle, bar.value, height=thick - 1.5, color=_RUNS[run % MOST_RUNS])
                if bar.high > bar.low:
                    axes.plot([bar.low, bar.high], [middle, middle], color=_INK, linewidth=1.3)
                if runs == 1:
                    axes.text(1.02, middle, f"{100 * bar.value:.1f}", fontsize=10, va="center", clip_on=False)
            if not math.isnan(row.mark):
                ends = [top - 1.5, top + thick * runs + 1.5]
                axes.plot([row.mark, row.mark], ends, color=_INK, linewidth=2, linestyle=(0, (1.2, 0.9)))
        axes.set_ylim(step * len(rows) - 3, -5)
        axes.set_yticks(
            [at * step + thick * runs / 2 for at in range(len(rows))],
            [_short(row.name) for row in rows],
            fontsize=11.5,
        )
        axes.tick_params(axis="y", length=0, labelcolor=_INK)
        axes.spines["left"].set_visible(False)
        _percent(axes.xaxis, axes.set_xlim)
        axes.grid(axis="x")
        axes.set_xlabel(printable(axis))
        return canvas.svg(says)


def recall_curves(curves: Sequence[Curve | None], prevalence: float, *, says: str) -> str:
    """Precision over recall of one label, a small plot; the broken line is what chance reaches.

    Args:
        curves: One for each run; None where a run has none.
        prevalence: The share of people who carry the label.
        says: What the plot shows, for those who do not see it.
    """
    with _Canvas(200, 158) as canvas:
        axes = canvas.axes(left=32, right=14, top=6, bottom=32)
        axes.axhline(prevalence, color=_FAINT, linewidth=1.2, linestyle=(0, (3, 2)))
        for run, curve in enumerate(curves):
            if curve is not None:
                axes.plot(
                    curve.recall, curve.precision, color=_RUNS[run % MOST_RUNS], linewidth=1.6,
                    drawstyle="steps-pre",
                )  # fmt: skip
        for line, limit in ((axes.xaxis, axes.set_xlim), (axes.yaxis, axes.set_ylim)):
            _percent(line, limit, ends=(0, 0.5, 1), high=1.02)
        axes.set_xlabel("recall", labelpad=1)
        axes.grid()
        return canvas.svg(says)


def heat_map(
    shares: FloatArray, rows: Sequence[str], columns: Sequence[str], *, framed: Sequence[int], says: str
) -> str:
    """A matrix of shares: the fuller the colour, the larger; each cell holds its percentage.

    Args:
        shares: Shape (rows, columns), 0 to 1; nan leaves a cell empty.
        rows: Their names.
        columns: Their names.
        framed: For each row the column of the cell that is framed, -1 for none.
        says: What the plot shows, for those who do not see it.
    """
    wide, high = 32, 24
    with _Canvas(150 + wide * len(columns) + 60, 112 + high * len(rows) + 6) as canvas:
        axes = canvas.axes(left=150, right=60, top=112, bottom=6)
        for at, line in enumerate(shares):
            for column, share in enumerate(line):
                if math.isnan(share):
                    continue
                cell = (column - 0.5, at - 0.5)
                if share >= 0.005:
                    axes.add_patch(
                        canvas.rectangle(cell, facecolor=(_HEAT, round(0.06 + 0.94 * float(share), 3)))
                    )
                colour = _INK if share >= 0.005 else _FAINT
                axes.text(
                    column, at, f"{100 * share:.0f}", fontsize=9.5, color=colour, ha="center", va="center"
                )
        for at, column in enumerate(framed):
            if column >= 0:
                axes.add_patch(
                    canvas.rectangle((column - 0.5, at - 0.5), fill=False, edgecolor=_INK, linewidth=1.3)
                )
        axes.set_xlim(-0.5, len(columns) - 0.5)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.xaxis.tick_top()
        names = [_short(name) for name in columns]
        axes.set_xticks(
            range(len(columns)), names, rotation=55, ha="left", rotation_mode="anchor", fontsize=11
        )
        axes.set_yticks(range(len(rows)), [_short(name) for name in rows], fontsize=11)
        axes.tick_params(length=0, labelcolor=_INK)
        for spine in axes.spines.values():
            spine.set_visible(False)
        return canvas.svg(says)


def reliability(runs: Sequence[Reliability | None], *, says: str) -> str:
    """The observed share over the mean score of each bin, and below how many scores lie where."""
    with _Canvas(520, 470) as canvas:
        axes = canvas.axes(left=52, right=14, top=8, bottom=150)
        axes.plot([0, 1], [0, 1], color=_FAINT, linewidth=1.2, linestyle=(0, (3, 2)))
        below = canvas.axes(left=52, right=14, top=360, bottom=40)
        given = [(run, shown) for run, shown in enumerate(runs) if shown is not None]
        width = 0.05 / max(len(given), 1)
        for place, (run, shown) in enumerate(given):
            colour = _RUNS[run % MOST_RUNS]
            axes.plot(shown.score, shown.observed, color=colour, linewidth=1.6, marker="o", markersize=5)
            share = shown.counts / max(shown.counts.sum(), 1)
            left = 0.05 * np.arange(20) + width * place
            below.bar(left, share, width=width * 0.9, align="edge", color=colour)
        _percent(axes.xaxis, axes.set_xlim, low=-0.01, high=1.01)
        _percent(axes.yaxis, axes.set_ylim, low=-0.01, high=1.01)
        axes.grid()
        axes.set_ylabel("share that carries the label, %")
        _percent(below.xaxis, below.set_xlim, low=-0.01, high=1.01)
        below.set_xlabel("score, % (above: mean of each bin)")
        below.set_ylabel("of scores, %")
        below.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.3g}")
        below.locator_params(axis="y", nbins=3)
        return canvas.svg(says)


class _Canvas:
    """A figure of so many CSS pixels; nothing of matplotlib's state is touched once the `with` is over."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        try:
            import matplotlib
            from matplotlib.figure import Figure
            from matplotlib.patches import Rectangle
        except ImportError:
            raise MissingExtraError.of("report", "matplotlib") from None
        self._open.enter_context(matplotlib.rc_context(_SETTINGS))
        self._open.enter_context(warnings.catch_warnings())
        # Names in any script are text for the browser, whatever matplotlib's own font holds.
        warnings.filterwarnings("ignore", message=r"Glyph \d+", category=UserWarning)
        self._context, self._rectangle = matplotlib.rc_context, Rectangle
        self.figure = Figure(figsize=(self.width / 72, self.height / 72), dpi=72)
        self.figure.patch.set_visible(False)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def axes(self, *, left: float, right: float, top: float, bottom: float) -> Any:
        """Axes inside these margins, in pixels."""
        across, down = self.width - left - right, self.height - top - bottom
        place = (left / self.width, bottom / self.height, across / self.width, down / self.height)
        axes = self.figure.add_axes(place)
        axes.patch.set_visible(False)
        return axes

    def rectangle(self, corner: tuple[float, float], **style: Any) -> Any:
        return self._rectangle(corner, 1, 1, **({"linewidth": 0} | style))

    def svg(self, says: str) -> str:
        """The plot as an element of HTML; the same plot has the same text."""
        buffer = io.StringIO()
        with self._context({"svg.hashsalt": says}):
            self.figure.savefig(buffer, format="svg", metadata={"Date": None})
        return _inline(buffer.getvalue(), self.width, self.height, says)


def _inline(svg: str, width: float, height: float, says: str) -> str:
    """What matplotlib wrote, without what a file of its own needs, with the page's colours and font."""
    body = svg[svg.index("<defs>") : svg.rindex("</svg>")]
    for pattern, instead in _TRIMMED:
        body = re.sub(pattern, instead, body, flags=re.DOTALL)
    for stand_in, variable in _VARIABLES.items():
        body = body.replace(f": {stand_in}", f": var({variable})")
    return (
        f'<svg role="img" aria-label="{escaped(says)}" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}">{body.strip()}</svg>'
    )


def _short(name: str) -> str:
    shown = printable(name)
    return shown if len(shown) <= _LONGEST_NAME else shown[: _LONGEST_NAME - 1] + "…"


def _percent(
    line: Any, limit: Any, *, ends: Sequence[float] = (), low: float = 0.0, high: float = 1.0
) -> None:
    """An axis from 0 to 1, written in percent."""
    places = ends or (0, 0.2, 0.4, 0.6, 0.8, 1)
    line.set_ticks(places, [f"{100 * place:.0f}" for place in places])
    limit(low, high)
