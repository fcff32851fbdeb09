"""A picture with its answers drawn on it: the boxes, the top labels, and valence, arousal and dominance.

Text has one size that people can read, so a small picture is enlarged and a huge one made smaller first.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from emoscene.labels import LabelSpace
from emoscene.render import words
from emoscene.types import BoundingBox, Picture, Prediction, ScoreKind

__all__ = ["overlay", "overlay_size"]

#: The longer side of what is drawn, in pixels, lies between these two.
SHORTEST, LONGEST = 1000, 2000
_MOST_LABELS = 6
_LEAST_LABELS = 1

Colour = tuple[int, int, int, int]
_PANEL: Colour = (17, 22, 30, 222)
_TRACK: Colour = (66, 75, 89, 235)
_TEXT: Colour = (246, 248, 250, 255)
_FAINT: Colour = (176, 186, 198, 255)
_TONES: dict[words.Tone, Colour] = {
    "pleasant": (72, 199, 190, 255),
    "unpleasant": (246, 160, 64, 255),
    "neutral": (122, 162, 247, 255),
}
_VAD: Colour = (201, 140, 240, 255)
_PEOPLE: tuple[Colour, ...] = (
    (255, 214, 64, 255),
    (90, 209, 255, 255),
    (255, 128, 171, 255),
    (156, 226, 92, 255),
    (255, 158, 94, 255),
    (190, 160, 255, 255),
)


def overlay_size(width: int, height: int) -> tuple[int, int]:
    """The size in pixels of the overlay of a picture of `width` x `height`."""
    longer = max(width, height)
    factor = min(LONGEST / longer, max(1.0, SHORTEST / longer))
    return max(1, round(width * factor)), max(1, round(height * factor))


@dataclass(frozen=True)
class _Area:
    x1: float
    y1: float
    x2: float
    y2: float

    def shared(self, other: _Area) -> float:
        """The area in both, in square pixels."""
        width = min(self.x2, other.x2) - max(self.x1, other.x1)
        height = min(self.y2, other.y2) - max(self.y1, other.y1)
        return max(0.0, width) * max(0.0, height)

    @property
    def head(self) -> _Area:
        """Where the head of a person in this box most likely is."""
        return _Area(self.x1, self.y1, self.x2, self.y1 + 0.4 * (self.y2 - self.y1))

    def distance(self, box: _Area | None, canvas: _Canvas) -> float:
        """How far from a box, as a share of the picture; without a box, from the lower left corner."""
        if box is None:
            return (self.x1 + canvas.height - self.y2) / (canvas.width + canvas.height)
        across = max(0.0, box.x1 - self.x2, self.x1 - box.x2) + 0.1 * abs(self.y1 - box.y1)
        down = max(0.0, box.y1 - self.y2, self.y1 - box.y2)
        return 4 * (across + down) / (canvas.width + canvas.height)


@dataclass(frozen=True)
class _Canvas:
    """What is drawn on, its sizes, and the label space that names the labels."""

    width: int
    height: int
    text: int
    labels: LabelSpace | None

    @property
    def line(self) -> int:
        """The height of a line of text."""
        return round(self.text * 1.5)

    @property
    def pad(self) -> int:
        return round(self.text * 0.7)

    def font(self, factor: float = 1.0) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        return ImageFont.load_default(size=round(self.text * factor))


def overlay(
    picture: Picture, predictions: Sequence[Prediction], labels: LabelSpace | None = None
) -> Image.Image:
    """Draw answers on a copy of their picture.

    Args:
        picture: The picture.
        predictions: Answers for people of this picture; a row without a box is about the whole of it.
        labels: Where the display names come from; without it the ids are shown.

    Returns:
        An RGB picture of `overlay_size`. Nothing of a panel lies outside of it.
    """
    size = overlay_size(picture.width, picture.height)
    base = picture.image.convert("RGB").resize(size, Image.Resampling.LANCZOS).convert("RGBA")
    canvas = _Canvas(size[0], size[1], _text_size(size, len(predictions)), labels)
    boxes = [_scaled(row.box, picture, canvas) for row in predictions]
    layer = Image.new("RGBA", size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    people = list(zip(predictions, boxes, itertools.cycle(_PEOPLE), strict=False))
    for row, box, colour in people:
        if row.box is not None:
            _draw_box(draw, box, colour, canvas)
    panels: list[_Area] = []
    for index, (row, box, colour) in enumerate(people):
        number = index + 1 if len(people) > 1 else None
        panel = _Panel.of(row, canvas, number, has_vad=len(people) <= 3, most=_most(len(people)))
        own = None if row.box is None else box
        others = [other for place, (_, other, _) in enumerate(people) if place != index]
        panels.append(_place(panel, own, others, panels, canvas))
        _draw_panel(draw, panel, panels[-1], colour, canvas)
    for index, (row, box, colour) in enumerate(people):
        if row.box is not None and len(people) > 1:
            _draw_number(draw, index + 1, box, colour, canvas)
    return Image.alpha_composite(base, layer).convert("RGB")


def _text_size(size: tuple[int, int], people: int) -> int:
    """The height of the text in pixels; smaller where several panels have to find room."""
    share = 0.017 if people <= 2 else 0.014
    return max(14, min(26, round(max(size) * share)))


def _most(people: int) -> int:
    """How many labels each person gets."""
    if people <= 2:
        return _MOST_LABELS
    return 3 if people <= 4 else 2


def _scaled(box: BoundingBox | None, picture: Picture, canvas: _Canvas) -> _Area:
    if box is None:
        return _Area(0, 0, canvas.width, canvas.height)
    across, down = canvas.width / picture.width, canvas.height / picture.height
    return _Area(
        max(0, box.x1 * across),
        max(0, box.y1 * down),
        min(canvas.width, box.x2 * across),
        min(canvas.height, box.y2 * down),
    )


def _draw_box(draw: ImageDraw.ImageDraw, box: _Area, colour: Colour, canvas: _Canvas) -> None:
    width = max(2, round(canvas.text / 6))
    corners = (round(box.x1), round(box.y1), round(box.x2) - 1, round(box.y2) - 1)
    if corners[2] - corners[0] < 2 * width or corners[3] - corners[1] < 2 * width:
        width = 1
    # A dark edge on both sides keeps the line visible on any ground.
    draw.rectangle(corners, outline=(0, 0, 0, 150), width=width + 2)
    draw.rectangle(
        (
            corners[0] + 1,
            corners[1] + 1,
            max(corners[0] + 1, corners[2] - 1),
            max(corners[1] + 1, corners[3] - 1),
        ),
        outline=colour,
        width=width,
    )


def _draw_number(draw: ImageDraw.ImageDraw, number: int, box: _Area, colour: Colour, canvas: _Canvas) -> None:
    side = round(canvas.text * 1.6)
    x = min(max(0, box.x1), canvas.width - side)
    y = min(max(0, box.y1), canvas.height - side)
    draw.rectangle((x, y, x + side, y + side), fill=colour)
    draw.text(
        (x + side / 2, y + side / 2), str(number), fill=(20, 22, 28, 255), font=canvas.font(1.05), anchor="mm"
    )


@dataclass(frozen=True)
class _Panel:
    """What stands in a panel: a title, lines of label, bar and number, and notes below."""

    title: str
    note: str
    bars: tuple[tuple[str, float, str, Colour], ...]
    vad: tuple[tuple[str, float, str, Colour], ...]
    width: int
    names: int

    @classmethod
    def of(cls, row: Prediction, canvas: _Canvas, number: int | None, *, most: int, has_vad: bool) -> _Panel:
        lead = "" if number is None else f"{number}  "
        note = "apparent emotion" if row.ok else words.problem(row)[0]
        room = canvas.height - 2 * canvas.pad
        vad = _vad_bars(row) if has_vad else ()
        lines_free = room // canvas.line - 3
        if len(vad) > max(0, lines_free - 2):
            vad = ()
        bars = _label_bars(row, canvas, max(_LEAST_LABELS, min(most, lines_free - len(vad))))
        title = bars[0][0] if bars else str(row.status).replace("_", " ")
        names = max([_width(name, canvas) for name, *_ in (*bars, *vad)], default=0)
        wide = names + round(canvas.text * 9.5) if bars else round(canvas.text * 17)
        return cls(lead + title, note, bars, vad, min(wide + 2 * canvas.pad, canvas.width), names)

    def height(self, canvas: _Canvas) -> int:
        lines = len(self.bars) + len(self.vad) + (0.5 if self.vad else 0)
        return round(2 * canvas.pad + 1.45 * canvas.line + canvas.line * (0.95 + lines))


def _label_bars(row: Prediction, canvas: _Canvas, most: int) -> tuple[tuple[str, float, str, Colour], ...]:
    def number(score: float) -> str:
        return "" if row.score_kind is ScoreKind.MEMBERSHIP else words.score_words(score)

    return tuple(
        (
            words.label_name(label, canvas.labels),
            words.bar_fraction(row, score),
            number(score),
            _TONES[words.tone(label, canvas.labels)],
        )
        for label, score in words.shown_scores(row, most)
    )


def _vad_bars(row: Prediction) -> tuple[tuple[str, float, str, Colour], ...]:
    if row.vad is None:
        return ()
    values = ((name, getattr(row.vad, name)) for name in words.VAD_ENDS)
    return tuple((name.title(), words.vad_fraction(value), f"{value:.1f}", _VAD) for name, value in values)


def _width(text: str, canvas: _Canvas, factor: float = 1.0) -> int:
    return round(canvas.font(factor).getlength(text))


def _place(
    panel: _Panel, box: _Area | None, others: Sequence[_Area], panels: Sequence[_Area], canvas: _Canvas
) -> _Area:
    """Close to the box, inside the picture, where the panel hides least: faces count most, other panels never."""
    width, height = panel.width, min(panel.height(canvas), canvas.height)
    gap = canvas.text // 2
    across = _steps(gap, canvas.width - width - gap)
    down = _steps(gap, canvas.height - height - gap)
    if box is not None:
        across += [box.x2 + gap, box.x1 - width - gap, box.x1, box.x2 - width, box.x1 + gap]
        down += [box.y1, box.y2 + gap, box.y1 - height - gap, box.y2 - height, box.y2 - height - gap]
    lefts = sorted({min(max(0, x), canvas.width - width) for x in across})
    tops = sorted({min(max(0, y), canvas.height - height) for y in down})
    areas = [_Area(x, y, x + width, y + height) for x in lefts for y in tops]
    people = [(other, 2.0) for other in others] + ([(box, 1.0)] if box is not None else [])

    def cost(area: _Area) -> float:
        hidden = sum(weight * (area.shared(body) + 5 * area.shared(body.head)) for body, weight in people)
        hidden += 50 * sum(area.shared(other) for other in panels)
        return hidden / (width * height) + area.distance(box, canvas)

    return min(areas, key=cost)


def _steps(first: float, last: float) -> list[float]:
    return [first + (last - first) * step / 12 for step in range(13)]


def _draw_panel(
    draw: ImageDraw.ImageDraw, panel: _Panel, area: _Area, colour: Colour, canvas: _Canvas
) -> None:
    corners = (area.x1, area.y1, area.x2 - 1, area.y2 - 1)
    draw.rounded_rectangle(corners, radius=canvas.text // 2, fill=_PANEL)
    bar = (
        area.x1,
        area.y1 + canvas.text // 2,
        area.x1 + max(2, canvas.text // 5),
        area.y2 - 1 - canvas.text // 2,
    )
    draw.rectangle(bar, fill=colour)
    x, y = area.x1 + canvas.pad, area.y1 + canvas.pad
    room = panel.width - 2 * canvas.pad
    draw.text((x, y), _cut(panel.title, room, canvas, 1.35), fill=_TEXT, font=canvas.font(1.35))
    y += round(1.45 * canvas.line)
    draw.text(
        (x, y - canvas.line * 0.15), _cut(panel.note, room, canvas, 0.85), fill=_FAINT, font=canvas.font(0.85)
    )
    y += round(canvas.line * 0.95)
    for line in panel.bars:
        y = _draw_bar(draw, line, (x, y), panel, canvas)
    if panel.vad:
        y += canvas.line * 0.25
        draw.line((x, y, x + room, y), fill=_TRACK, width=1)
        y += canvas.line * 0.25
    for line in panel.vad:
        y = _draw_bar(draw, line, (x, y), panel, canvas)


def _draw_bar(
    draw: ImageDraw.ImageDraw,
    line: tuple[str, float, str, Colour],
    at: tuple[float, float],
    panel: _Panel,
    canvas: _Canvas,
) -> float:
    """One line of name, bar and number; returns where the next one begins."""
    name, fraction, number, colour = line
    x, y = at
    middle = y + canvas.line / 2
    draw.text((x, middle), name, fill=_TEXT, font=canvas.font(), anchor="lm")
    left = x + panel.names + canvas.text * 0.7
    right = x + panel.width - 2 * canvas.pad - canvas.text * 2.6
    thick = canvas.text * 0.3
    if right - left > canvas.text:
        draw.rounded_rectangle((left, middle - thick, right, middle + thick), radius=thick, fill=_TRACK)
        end = left + max(2 * thick, (right - left) * fraction)
        draw.rounded_rectangle((left, middle - thick, end, middle + thick), radius=thick, fill=colour)
    draw.text((x + panel.width - 2 * canvas.pad, middle), number, fill=_TEXT, font=canvas.font(), anchor="rm")
    return y + canvas.line


def _cut(text: str, room: float, canvas: _Canvas, factor: float) -> str:
    if _width(text, canvas, factor) <= room:
        return text
    while text and _width(text + "...", canvas, factor) > room:
        text = text[:-1]
    return text.rstrip() + "..."
