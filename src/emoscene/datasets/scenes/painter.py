"""A thin brush over Pillow: shapes in fractions of the picture, mirrored where the scene is."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
INK: Colour = (58, 46, 60)


def rgb(code: str) -> Colour:
    """'f6e7c8' -> (246, 231, 200)."""
    return int(code[0:2], 16), int(code[2:4], 16), int(code[4:6], 16)


def shade(colour: Colour, factor: float) -> Colour:
    """Darker below 1, lighter above (towards white)."""
    if factor <= 1:
        return int(colour[0] * factor), int(colour[1] * factor), int(colour[2] * factor)
    keep = 2 - factor
    return tuple(int(255 - (255 - c) * keep) for c in colour)  # type: ignore[return-value]


class Brush:
    """Coordinates and lengths are fractions of the side; `width` 0 means no outline."""

    def __init__(self, side: int, ground: Colour, mirror: bool = False) -> None:
        self.image = Image.new("RGB", (side, side), ground)
        self.draw = ImageDraw.Draw(self.image)
        self.side = side
        self.mirror = mirror

    def _x(self, x: float) -> float:
        return (1 - x if self.mirror else x) * self.side

    def _box(self, x1: float, y1: float, x2: float, y2: float) -> tuple[float, float, float, float]:
        left, right = sorted((self._x(x1), self._x(x2)))
        return left, y1 * self.side, max(right, left), max(y2, y1) * self.side

    def _width(self, width: float) -> int:
        return max(1, round(width * self.side)) if width > 0 else 0

    def rect(
        self, x1: float, y1: float, x2: float, y2: float, fill: Colour, line: float = 0.0, radius: float = 0.0
    ) -> None:
        box, width = self._box(x1, y1, x2, y2), self._width(line)
        outline = INK if width else None
        if radius:
            self.draw.rounded_rectangle(box, radius * self.side, fill, outline, width)
        else:
            self.draw.rectangle(box, fill, outline, width)

    def oval(self, x: float, y: float, rx: float, ry: float, fill: Colour | None, line: float = 0.0) -> None:
        width = self._width(line)
        self.draw.ellipse(self._box(x - rx, y - ry, x + rx, y + ry), fill, INK if width else None, width)

    def ring(self, x: float, y: float, rx: float, ry: float, colour: Colour, line: float) -> None:
        self.draw.ellipse(self._box(x - rx, y - ry, x + rx, y + ry), None, colour, self._width(line))

    def poly(self, points: Sequence[tuple[float, float]], fill: Colour, line: float = 0.0) -> None:
        placed = [(self._x(x), y * self.side) for x, y in points]
        self.draw.polygon(placed, fill)
        if line:
            self.draw.line([*placed, placed[0]], INK, self._width(line), joint="curve")

    def line(self, points: Sequence[tuple[float, float]], colour: Colour, width: float) -> None:
        placed = [(self._x(x), y * self.side) for x, y in points]
        self.draw.line(placed, colour, self._width(width), joint="curve")

    def limb(
        self, points: Sequence[tuple[float, float]], colour: Colour, width: float, line: float = 0.0
    ) -> None:
        """A thick line with round ends and, if asked for, an outline."""
        passes = [(INK, width + 2 * line), (colour, width)] if line else [(colour, width)]
        for ink, thick in passes:
            self.line(points, ink, thick)
            for x, y in (points[0], points[-1]):
                self.oval(x, y, thick / 2, thick / 2, ink)

    def arc(
        self, x: float, y: float, rx: float, ry: float, start: float, end: float, colour: Colour, width: float
    ) -> None:
        """Degrees clockwise from three o'clock, as in Pillow; mirrored with the picture."""
        if self.mirror:
            start, end = 180 - end, 180 - start
        self.draw.arc(self._box(x - rx, y - ry, x + rx, y + ry), start, end, colour, self._width(width))

    def chord(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float,
        start: float,
        end: float,
        fill: Colour,
        line: float = 0.0,
    ) -> None:
        if self.mirror:
            start, end = 180 - end, 180 - start
        width = self._width(line)
        box = self._box(x - rx, y - ry, x + rx, y + ry)
        self.draw.chord(box, start, end, fill, INK if width else None, width)
