"""Answers in a terminal: a heading, bars for the labels, three for valence, arousal and dominance, and words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from emoscene.labels import LabelSpace
from emoscene.render import words
from emoscene.render.printable import printable
from emoscene.types import Prediction, ScoreKind, Status

__all__ = ["Look", "lines", "show"]

_STYLES = {"pleasant": "cyan", "unpleasant": "yellow", "neutral": "blue"}
_MARGIN = "  "
_NAME_WIDTH = 18
_LONGEST_BAR = 40


@dataclass(frozen=True)
class Look:
    """How answers look.

    Attributes:
        most: How many labels get a bar.
        index: The number of the person among several, or None.
    """

    most: int = 6
    index: int | None = None


def show(
    prediction: Prediction, console: Console, labels: LabelSpace | None = None, look: Look | None = None
) -> None:
    """Print one answer, fitted to the console's width."""
    for line in lines(prediction, console, labels, look or Look()):
        console.print(line, soft_wrap=True)


def lines(prediction: Prediction, console: Console, labels: LabelSpace | None, look: Look) -> Iterator[Text]:
    """The lines of one answer; none is wider than the console."""
    width = max(24, console.width)
    yield _heading(prediction, look, width)
    if prediction.status is Status.OK:
        about = f"{printable(prediction.model)}, {words.kind_words(prediction.score_kind)}"
        yield from _wrapped(about, console, width, style="dim")
        yield Text()
        yield from _bars(prediction, console, labels, look, width)
        if prediction.vad is not None:
            yield Text()
            yield from _vad(prediction, console, width)
    else:
        what, remedy = words.problem(prediction)
        yield from _wrapped(f"{prediction.status}: {what}", console, width, style="yellow")
        if remedy:
            yield from _wrapped(remedy, console, width)
    said = [("caption", prediction.caption), ("reason", prediction.reason)]
    for name, text in said:
        if text:
            yield Text()
            yield from _wrapped(f"{name}: {printable(text)}", console, width, lead=len(name) + 1)
    if prediction.warnings:
        yield Text()
    for warning in prediction.warnings:
        yield from _wrapped(f"note: {printable(warning)}", console, width, style="dim", lead=5)
    yield Text()


def _heading(prediction: Prediction, look: Look, width: int) -> Text:
    number = "" if look.index is None else f"{look.index}. "
    where = words.box_words(prediction.box)
    source = printable(prediction.source or prediction.id)
    if prediction.source == "text":
        where = ""
    room = width - cell_len(number) - (cell_len(where) + 2 if where else 0)
    heading = Text(number + _shortened(source, max(8, room)), style="bold")
    if where and cell_len(heading.plain) + 2 + cell_len(where) <= width:
        heading.append("  " + where, style="not bold dim")
    return heading


def _shortened(text: str, room: int) -> str:
    """The end of a path says more than its beginning."""
    if cell_len(text) <= room:
        return text
    while cell_len(text) > room - 3:
        text = text[1:]
    return "..." + text


def _bars(
    prediction: Prediction, console: Console, labels: LabelSpace | None, look: Look, width: int
) -> Iterator[Text]:
    shown = words.shown_scores(prediction, look.most)
    names = [words.label_name(label, labels) for label, _ in shown]
    column = min(_NAME_WIDTH, width // 3, max((cell_len(name) for name in names), default=0))
    column = max(column, 9)
    bar = min(_LONGEST_BAR, width - len(_MARGIN) - column - 9)
    for (label, score), name in zip(shown, names, strict=True):
        line = Text(_MARGIN + set_cell_size(name, column) + " ")
        if prediction.score_kind is not ScoreKind.MEMBERSHIP:
            line.append_text(
                _bar(words.bar_fraction(prediction, score), bar, console, _STYLES[words.tone(label, labels)])
            )
            line.append(f" {words.score_words(score):>6}")
        yield line


def _vad(prediction: Prediction, console: Console, width: int) -> Iterator[Text]:
    assert prediction.vad is not None
    bar = min(18, width - len(_MARGIN) - 9 - 8)
    for name, (low, high) in words.VAD_ENDS.items():
        value = getattr(prediction.vad, name)
        line = Text(f"{_MARGIN}{name:<9} ")
        line.append_text(_bar(words.vad_fraction(value), bar, console, "magenta"))
        line.append(f" {value:>4.1f}")
        ends = f"  1 {low} to 10 {high}"
        if cell_len(line.plain) + len(ends) <= width:
            line.append(ends, style="dim")
        yield line


def _bar(fraction: float, width: int, console: Console, style: str) -> Text:
    """A bar of `width` cells, in eighths of a cell where the terminal can show them."""
    if console.options.ascii_only:
        full = round(fraction * width)
        return Text("#" * full, style=style) + Text("." * (width - full), style="dim")
    eighths = round(fraction * width * 8)
    full, part = divmod(eighths, 8)
    drawn = "█" * full + ("▏▎▍▌▋▊▉"[part - 1] if part else "")
    return Text(drawn, style=style) + Text("·" * (width - len(drawn)), style="dim")


def _wrapped(text: str, console: Console, width: int, style: str = "", lead: int = 0) -> Iterator[Text]:
    room = width - len(_MARGIN)
    for line in Text(text).wrap(console, room):
        line.rstrip()
        shown = Text(_MARGIN)
        shown.append_text(line)
        if lead:
            shown.stylize("dim", len(_MARGIN), len(_MARGIN) + lead)
            lead = 0
        if style:
            shown.stylize(style)
        yield shown
