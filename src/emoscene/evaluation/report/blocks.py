"""What a report is made of, each piece written as HTML and as Markdown; other people's words are escaped in both."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from emoscene.render.document import escaped
from emoscene.render.printable import printable, printable_json

__all__ = [
    "Block",
    "Bullets",
    "Cell",
    "Code",
    "Grid",
    "Legend",
    "Line",
    "Paragraph",
    "Plot",
    "Plots",
    "Section",
    "as_markdown",
]

#: What steers Markdown, tables and HTML in it included.
_STEERING = re.compile(r"([\\`*_{}\[\]<>|~#!])")


def as_markdown(text: str) -> str:
    """Other people's text, to stand in a line or a cell of Markdown."""
    return _STEERING.sub(r"\\\1", printable(text).replace("&", "&amp;"))


class Block(Protocol):
    """A piece of a report."""

    def html(self) -> str: ...

    def markdown(self) -> str: ...


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; a `warning` stands out, a `faint` one does not."""

    text: str
    tone: Literal["", "warning", "faint"] = ""

    def html(self) -> str:
        kind = {"": "prose", "warning": "problem", "faint": "faint"}[self.tone]
        return f'<p class="{kind}">{escaped(self.text)}</p>'

    def markdown(self) -> str:
        said = as_markdown(self.text)
        return f"> **Warning:** {said}" if self.tone == "warning" else said


@dataclass(frozen=True)
class Bullets:
    """A list of what is what: a name and words about it, or words alone."""

    items: Sequence[tuple[str, str]]

    def html(self) -> str:
        rows = "".join(f"<dt>{escaped(name)}</dt><dd>{escaped(text)}</dd>" for name, text in self.items)
        return f'<dl class="facts">{rows}</dl>'

    def markdown(self) -> str:
        return "\n".join(f"- **{as_markdown(name)}**: {as_markdown(text)}" for name, text in self.items)


@dataclass(frozen=True)
class Cell:
    """What stands in a table's cell, and the smaller words under it."""

    text: str
    note: str = ""
    #: The number of the run whose colour it is marked with, from 1; 0 for none.
    run: int = 0


@dataclass(frozen=True)
class Line:
    """A row of a table; its `kind` says whose figures they are."""

    cells: Sequence[Cell | str]
    kind: Literal["plain", "ours", "published", "group"] = "plain"


@dataclass(frozen=True)
class Grid:
    """A table. The first column and those named in `words` are text, the others numbers."""

    head: Sequence[str]
    lines: Sequence[Line]
    caption: str = ""
    words: frozenset[int] = frozenset({0})
    #: Folded away in HTML until it is asked for, under these words.
    folded: str = ""

    def html(self) -> str:
        head = "".join(
            f'<th scope="col"{self._kind(at)}>{escaped(name)}</th>' for at, name in enumerate(self.head)
        )
        caption = f'<p class="faint">{escaped(self.caption)}</p>' if self.caption else ""
        name = f' aria-label="{escaped(self.caption)}"' if self.caption else ""
        body = "".join(self._line(line) for line in self.lines)
        table = (
            f'{caption}<div class="wide" tabindex="0"><table{name}><thead><tr>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>"
        )
        return (
            f"<details><summary>{escaped(self.folded)}</summary>{table}</details>" if self.folded else table
        )

    def _kind(self, at: int) -> str:
        return ' class="words"' if at in self.words else ""

    def _line(self, line: Line) -> str:
        if line.kind == "group":
            return f'<tr class="group"><th scope="rowgroup" colspan="{len(self.head)}">{_cell(line.cells[0])}</th></tr>'
        cells = [f'<th scope="row" class="words">{_cell(line.cells[0])}</th>']
        cells += [f"<td{self._kind(at)}>{_cell(cell)}</td>" for at, cell in enumerate(line.cells[1:], 1)]
        return f'<tr class="{line.kind}">{"".join(cells)}</tr>'

    def markdown(self) -> str:
        ruler = "|".join(" --- " if at in self.words else " ---: " for at in range(len(self.head)))
        lines = [f"| {' | '.join(map(as_markdown, self.head))} |", f"|{ruler}|"]
        for line in self.lines:
            cells = [_cell_markdown(cell, bold=line.kind in ("ours", "group")) for cell in line.cells]
            cells += [""] * (len(self.head) - len(cells))
            lines.append(f"| {' | '.join(cells)} |")
        caption = [as_markdown(self.caption), ""] if self.caption else []
        return "\n".join([*caption, *lines])


def _cell(cell: Cell | str) -> str:
    if isinstance(cell, str):
        return escaped(cell)
    mark = f'<span class="key run-{cell.run}"></span>' if cell.run else ""
    note = f'<span class="note">{escaped(cell.note)}</span>' if cell.note else ""
    return f"{mark}{escaped(cell.text)}{note}"


def _cell_markdown(cell: Cell | str, *, bold: bool) -> str:
    text, note = (cell, "") if isinstance(cell, str) else (cell.text, cell.note)
    said = as_markdown(text)
    said = f"**{said}**" if bold and said else said
    return f"{said} ({as_markdown(note)})" if note else said


@dataclass(frozen=True)
class Plot:
    """A plot as an SVG element, with the words above it."""

    title: str
    svg: str
    note: str = ""


@dataclass(frozen=True)
class Plots:
    """Plots beside each other as far as the page is wide: `small` ones, or `large` ones."""

    plots: Sequence[Plot]
    size: Literal["small", "large"] = "large"

    def html(self) -> str:
        shown = "".join(
            f"<figure><figcaption><b>{escaped(plot.title)}</b> {escaped(plot.note)}</figcaption>"
            f'<div class="wide" tabindex="0">{plot.svg}</div></figure>'
            for plot in self.plots
        )
        return f'<div class="plots {self.size}">{shown}</div>'

    def markdown(self) -> str:
        return ""


@dataclass(frozen=True)
class Legend:
    """Which colour is whose, in the order of the runs."""

    names: Sequence[str]

    def html(self) -> str:
        keys = "".join(
            f'<span><span class="key run-{at}"></span>{escaped(name)}</span>'
            for at, name in enumerate(self.names, 1)
        )
        return f'<p class="legend">{keys}</p>'

    def markdown(self) -> str:
        return ""


@dataclass(frozen=True)
class Code:
    """What a machine reads or was told: a command, or JSON."""

    text: str
    language: str = ""
    folded: str = ""

    def html(self) -> str:
        block = f'<pre tabindex="0"><code>{self._lines(escaped)}</code></pre>'
        return (
            f"<details><summary>{escaped(self.folded)}</summary>{block}</details>" if self.folded else block
        )

    def markdown(self) -> str:
        lines = self._lines(printable_json if self.language == "json" else printable)
        longest = max((len(found) for found in re.findall("`+", lines)), default=0)
        fence = "`" * max(3, longest + 1)
        return f"{fence}{self.language}\n{lines}\n{fence}"

    def _lines(self, each: _Escape) -> str:
        return "\n".join(each(line) for line in self.text.split("\n"))


class _Escape(Protocol):
    def __call__(self, line: str, /) -> str: ...


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: Sequence[Block]

    def html(self) -> str:
        return (
            f'<section class="scene"><h2>{escaped(self.title)}</h2>'
            f"{''.join(block.html() for block in self.blocks)}</section>"
        )

    def markdown(self) -> str:
        written = [block.markdown() for block in self.blocks]
        return "\n\n".join([f"## {as_markdown(self.title)}", *(text for text in written if text)])
