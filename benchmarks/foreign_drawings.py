"""Drawings by another hand than the scenes generator's: clip art, comics, chibi figures, people in rooms.

They share nothing with `emoscene.datasets.scenes` but the medium, so that they are the hard part of the foreign
pictures. Coordinates are hundredths of the picture's height, x to the right and y down.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from PIL import Image, ImageDraw

from emoscene.types import BoundingBox

__all__ = ["DRAWINGS", "Drawn"]

Point = tuple[float, float]
Corners = tuple[float, float, float, float]
Drawn = tuple[Image.Image, BoundingBox | None]

# Drawn larger and shrunk, for smooth edges.
_OVERSAMPLING = 2
_INK = "#1b1b24"
_SKINS = ("#f6d3b8", "#e0a97f", "#a86b42", "#6b4226", "#ffdfc4")
_CLOTHES = ("#d6455a", "#3d6fb5", "#4f9d69", "#e8b13a", "#7a5aa6", "#47525e", "#f2f2ee", "#e37b40")
_HAIRS = ("#2a1b14", "#6a3d1d", "#c98f3c", "#9a9a9a", "#b5402a")


class Pen:
    """Draws on one picture; with `line` above 0 every shape has an outline of that width."""

    def __init__(self, size: tuple[int, int], ground: str, line: float = 0.0, ink: str = _INK) -> None:
        self.size, self.line, self.ink = size, line, ink
        self.width = 100 * size[0] / size[1]
        self._unit = _OVERSAMPLING * size[1] / 100
        self._image = Image.new("RGB", (size[0] * _OVERSAMPLING, size[1] * _OVERSAMPLING), ground)
        self._draw = ImageDraw.Draw(self._image)

    def _px(self, points: Sequence[Point]) -> list[Point]:
        return [(x * self._unit, y * self._unit) for x, y in points]

    @property
    def _outline(self) -> tuple[str | None, int]:
        return (self.ink, max(1, round(self.line * self._unit))) if self.line else (None, 0)

    def oval(self, x: float, y: float, rx: float, ry: float, fill: str) -> None:
        ink, width = self._outline
        self._draw.ellipse(self._px([(x - rx, y - ry), (x + rx, y + ry)]), fill, ink, width)

    def dot(self, x: float, y: float, r: float, fill: str) -> None:
        """A disc that never has an outline."""
        self._draw.ellipse(self._px([(x - r, y - r), (x + r, y + r)]), fill)

    def pie(self, x: float, y: float, r: float, start: float, end: float, fill: str) -> None:
        self._draw.pieslice(self._px([(x - r, y - r), (x + r, y + r)]), start, end, fill)

    def rect(self, x1: float, y1: float, x2: float, y2: float, fill: str, radius: float = 0.0) -> None:
        ink, width = self._outline
        self._draw.rounded_rectangle(self._px([(x1, y1), (x2, y2)]), radius * self._unit, fill, ink, width)

    def shape(self, points: Sequence[Point], fill: str) -> None:
        self._draw.polygon(self._px(points), fill)
        if self.line:
            self.stroke([*points, points[0]], self.line)

    def stroke(self, points: Sequence[Point], width: float, colour: str | None = None) -> None:
        colour = colour or self.ink
        pixels = self._px(points)
        thick = max(1, round(width * self._unit))
        self._draw.line(pixels, colour, thick, joint="curve")
        for x, y in (pixels[0], pixels[-1]):
            self._draw.ellipse((x - thick / 2, y - thick / 2, x + thick / 2, y + thick / 2), colour)

    def bow(
        self, x: float, y: float, rx: float, depth: float, width: float, colour: str | None = None
    ) -> None:
        """A curve `2 * rx` wide through (x, y); a positive depth sags (a smile), a negative one rises."""
        steps = [i / 10 - 1 for i in range(21)]
        self.stroke([(x + t * rx, y + depth * (1 - t * t)) for t in steps], width, colour)

    def done(self, subject: Corners | None = None) -> Drawn:
        image = self._image.resize(self.size, Image.Resampling.LANCZOS)
        if subject is None:
            return image, None
        x1, y1, x2, y2 = (c * self.size[1] / 100 for c in subject)
        return image, BoundingBox(x1=x1, y1=y1, x2=x2, y2=y2).clamp(*self.size)


Mood = Literal["glad", "sad", "cross", "startled", "calm"]
_MOODS: tuple[Mood, ...] = ("glad", "sad", "cross", "startled", "calm")


def _face(pen: Pen, x: float, y: float, r: float, mood: Mood, eye: float = 0.1) -> None:
    for side in (-1, 1):
        ex = x + side * r * 0.38
        pen.oval(ex, y - r * 0.05, r * eye, r * eye * (1.7 if mood == "startled" else 1.3), _INK)
        tilt = {"sad": -0.15, "cross": 0.18}.get(mood, 0.0) * r
        lift = r * (0.55 if mood == "startled" else 0.36)
        pen.stroke(
            [(ex - side * r * 0.2, y - lift + tilt), (ex + side * r * 0.2, y - lift - tilt)], r * 0.09, _INK
        )
    if mood == "startled":
        pen.oval(x, y + r * 0.5, r * 0.16, r * 0.22, "#8c2f39")
    else:
        sag = {"glad": 0.3, "sad": -0.25, "cross": -0.12}.get(mood, 0.02) * r
        pen.bow(x, y + r * 0.45 - min(sag, 0), r * 0.38, sag, r * 0.09, _INK)


Arms = Literal["down", "up", "hips"]
_ARMS: tuple[Arms, ...] = ("down", "up", "hips")


@dataclass(frozen=True)
class Look:
    """How a figure looks; `head` is the head's share of the height (0.15 a grown-up, 0.45 chibi)."""

    skin: str
    hair: str
    top: str
    legs: str
    mood: Mood
    head: float = 0.16
    arms: Arms = "down"
    long_hair: bool = False
    skirt: bool = False


def _look(rng: random.Random) -> Look:
    top, legs = rng.sample(_CLOTHES, 2)
    return Look(
        skin=rng.choice(_SKINS),
        hair=rng.choice(_HAIRS),
        top=top,
        legs=legs,
        mood=rng.choice(_MOODS),
        arms=rng.choice(_ARMS),
        long_hair=rng.random() < 0.5,
        skirt=rng.random() < 0.3,
    )


def _figure(pen: Pen, x: float, foot: float, height: float, look: Look) -> Corners:
    """A person standing at (x, foot); returns the corners around it."""
    r = height * look.head / 2
    top = foot - height
    neck, hip = top + 2 * r * 0.97, foot - (height - 2 * r) * 0.47
    body = height * 0.1 + r * 0.25
    if look.long_hair:
        pen.rect(x - r * 1.1, top + r * 0.5, x + r * 1.1, neck + r, look.hair, r * 0.8)
    for side in (-1, 1):
        pen.rect(
            x + side * body * 0.5 - body * 0.38, hip - 1, x + side * body * 0.5 + body * 0.38, foot, look.legs
        )
        pen.oval(x + side * body * 0.65, foot - body * 0.1, body * 0.55, body * 0.25, _INK)
        shoulder = (x + side * body * 0.85, neck + body * 0.45)
        reach = (hip - neck) * 0.6
        elbow, hand = {
            "down": ((x + side * body * 1.3, neck + reach), (x + side * body * 1.35, neck + 1.8 * reach)),
            "up": ((x + side * body * 1.9, neck), (x + side * body * 1.9, neck - reach)),
            "hips": ((x + side * body * 2.1, neck + reach), (x + side * body * 0.9, hip - body * 0.2)),
        }[look.arms]
        pen.stroke([shoulder, elbow, hand], body * 0.5, look.top)
        pen.oval(*hand, body * 0.3, body * 0.3, look.skin)
    if look.skirt:
        flare = [
            (x - body, hip - 3),
            (x + body, hip - 3),
            (x + body * 1.6, hip + 9),
            (x - body * 1.6, hip + 9),
        ]
        pen.shape(flare, look.legs)
    pen.rect(x - body, neck, x + body, hip + 1, look.top, body * 0.4)
    pen.rect(x - r * 0.25, neck - r * 0.3, x + r * 0.25, neck + r * 0.25, look.skin)
    pen.oval(x, top + r, r * 0.88, r, look.skin)
    pen.pie(x, top + r * 0.95, r * 1.05, 190, 350, look.hair)
    _face(pen, x, top + r * 1.2, r * 0.85, look.mood, 0.22 if look.head > 0.3 else 0.1)
    wide = max(body * 2.2, r * 1.1)
    hands = neck - (hip - neck) * 0.6 - body * 0.3 if look.arms == "up" else top
    return x - wide, min(top, hands), x + wide, foot + 1


def _smiley(rng: random.Random, which: int) -> Drawn:
    size = ((448, 448), (256, 256), (600, 400))[which]
    pen = Pen(size, ("#ffffff", "#2f3b52", "#cfeffd")[which], (0.0, 1.5, 0.8)[which])
    x, moods = pen.width / 2, (_MOODS[0], _MOODS[1], _MOODS[3])
    pen.oval(x, 50, 40, 40, "#ffd93b")
    _face(pen, x, 50, 38, moods[which], 0.13)
    return pen.done((x - 40, 10, x + 40, 90))


def _stick(pen: Pen, x: float, foot: float, height: float, lean: float, mood: Mood) -> Corners:
    r, w = height * 0.13, height * 0.025
    hip, neck = foot - height * 0.42, foot - height + 2 * r
    pen.stroke([(x, neck), (x, hip)], w)
    for side in (-1, 1):
        pen.stroke([(x, hip), (x + side * height * 0.16, foot)], w)
        pen.stroke([(x, neck + r), (x + side * height * 0.24, neck + r - lean * height)], w)
    pen.line = w
    pen.oval(x, neck - r, r, r, "#ffffff")
    _face(pen, x, neck - r, r, mood, 0.12)
    pen.line = 0
    return x - height * 0.26, foot - height, x + height * 0.26, foot


def _sticks(rng: random.Random, which: int) -> Drawn:
    size = ((448, 448), (640, 400), (448, 448), (360, 540))[which]
    pen = Pen(size, ("#ffffff", "#fdfbe8", "#f4f4f4", "#bfe3ff")[which])
    w = pen.width
    if which == 2:
        corner = (w * 0.2, 22.0)
        pen.stroke([(0, 0), corner, (w * 0.8, 22), (w, 0)], 0.8)
        pen.stroke([(0, 100), (w * 0.2, 76), (w * 0.8, 76), (w, 100)], 0.8)
        for x in (0.2, 0.8):
            pen.stroke([(w * x, 22), (w * x, 76)], 0.8)
        pen.stroke([(w * 0.6, 30), (w * 0.74, 30), (w * 0.74, 48), (w * 0.6, 48), (w * 0.6, 30)], 0.8)
    if which == 3:
        pen.oval(w / 2, 128, w * 0.9, 50, "#6cbf5a")
        pen.oval(w * 0.82, 14, 8, 8, "#ffcf33")
    if which == 1:
        _stick(pen, w * 0.68, 90, 60, -0.2, "cross")
    return pen.done(
        _stick(pen, w * 0.38, 88, (70, 72, 55, 48)[which], rng.uniform(-0.2, 0.25), _MOODS[which])
    )


def _comic_head(rng: random.Random, which: int) -> Drawn:
    size = ((448, 448), (400, 600), (512, 512), (320, 320))[which]
    pen = Pen(size, ("#ffe45c", "#8fd3f4", "#f7b2c4", "#ffffff")[which], 1.1)
    w, x = pen.width, pen.width / 2
    for row in range(14):
        for column in range(int(w / 7) + 1):
            pen.dot(column * 7 + 1.5, row * 7 + 1.5, 1.5, "#f59f3a")
    skin, mood = rng.choice(_SKINS), _MOODS[(which * 2) % 5]
    r = min(26.0, w * 0.33)
    pen.rect(x - r * 1.2, 55 + r * 0.9, x + r * 1.2, 110, rng.choice(_CLOTHES), 12)
    for side in (-1, 1):
        pen.oval(x + side * r, 56, r * 0.2, r * 0.28, skin)
    pen.oval(x, 55, r, r * 1.15, skin)
    for side in (-1, 1):
        pen.oval(x + side * r * 0.38, 50, r * 0.27, r * 0.34, "#ffffff")
    _face(pen, x, 54, r * 0.98, mood)
    pen.oval(x, 62, r * 0.16, r * 0.2, skin)
    if which == 0:
        pen.rect(x - r * 0.75, 4, x + r * 0.75, 32, "#22222c")
        pen.rect(x - r * 1.3, 30, x + r * 1.3, 36, "#22222c", 3)
    elif which == 1:
        pen.shape([(x - r * 1.3, 36), (x + r * 0.2, 2), (x + r * 1.3, 36)], "#5a3fa0")
    elif which == 2:
        pen.shape(
            [(x - r, 36), (x - r * 0.8, 20), (x + r * 0.5, 17), (x + r, 30), (x + r * 1.7, 36)], "#d33a3a"
        )
    else:
        spikes = [(x + r * (i / 4 - 1) * 1.1, 42 - 22 * (i % 2)) for i in range(9)]
        pen.shape([*spikes, (x, 36)], "#3b2414")
    return pen.done((x - r * 1.3, 3, x + r * 1.3, 99))


def _house(rng: random.Random, which: int) -> Drawn:
    pen = Pen(((448, 448), (640, 360))[which], ("#a8dcff", "#fbe3c8")[which], (0.7, 0)[which])
    w = pen.width
    pen.rect(-2, 74, w + 2, 102, ("#76c063", "#93a86b")[which])
    for i in range(1 + which):
        x = w * (0.28 + 0.45 * i)
        pen.rect(x - 20, 42, x + 20, 84, rng.choice(("#f3e2b8", "#d98d6a", "#efefef")))
        pen.shape([(x - 25, 43), (x, 18), (x + 25, 43)], "#a23b32")
        pen.rect(x - 5, 62, x + 5, 84, "#6b4327")
        for side in (-1, 1):
            pen.rect(x + side * 12 - 4, 49, x + side * 12 + 4, 58, "#bfe8ff")
    pen.rect(w * 0.86, 55, w * 0.88, 84, "#6b4327")
    pen.oval(w * 0.87, 48, 9, 13, "#3f8f4a")
    return pen.done()


def _animal(rng: random.Random, which: int) -> Drawn:
    size = ((448, 448), (500, 300), (300, 300), (448, 448))[which]
    pen = Pen(size, ("#fdf3e1", "#2b7fb8", "#dff3d8", "#e9e4f5")[which], (0.8, 0, 0.6, 0)[which])
    x, coat = pen.width / 2, ("#e8973a", "#ff8a3c", "#5b9bd5", "#a9774a")[which]
    if which == 1:
        pen.shape([(x + 30, 50), (x + 58, 28), (x + 58, 72)], coat)
        pen.oval(x, 50, 38, 24, coat)
        pen.oval(x - 22, 44, 5, 5, "#ffffff")
        pen.oval(x - 23, 44, 2.4, 2.4, _INK)
        for i in range(5):
            pen.oval(x - 48 - 3 * (i % 2), 40 - 8 * i, 2, 2, "#cfeeff")
        return pen.done((x - 40, 24, x + 60, 76))
    if which == 2:
        pen.oval(x, 60, 28, 24, coat)
        pen.oval(x - 14, 34, 15, 15, coat)
        pen.shape([(x - 28, 32), (x - 42, 37), (x - 28, 40)], "#f4b731")
        pen.oval(x - 18, 31, 2.4, 2.4, _INK)
        pen.stroke([(x - 4, 83), (x - 4, 95)], 1.5)
        pen.stroke([(x + 8, 83), (x + 8, 95)], 1.5)
        return pen.done((x - 42, 18, x + 30, 96))
    pen.oval(x, 82, 27, 26, coat)
    for side in (-1, 1):
        if which == 0:
            pen.shape([(x + side * 6, 26), (x + side * 24, 8), (x + side * 25, 38)], coat)
        else:
            pen.oval(x + side * 27, 44, 8, 19, "#6d4a2b")
    pen.oval(x, 42, 26, 23, coat)
    _face(pen, x, 42, 24, rng.choice(_MOODS))
    pen.shape([(x - 4, 46), (x + 4, 46), (x, 51)], "#d1495b")
    return pen.done((x - 35, 8, x + 35, 100))


def _flag(rng: random.Random, which: int) -> Drawn:
    pen = Pen(((600, 400), (480, 300), (448, 448))[which], ("#ffffff", "#00529b", "#f7f7f7")[which])
    w = pen.width
    if which == 0:
        for i, colour in enumerate(rng.sample(_CLOTHES, 3)):
            pen.rect(w * i / 3, 0, w * (i + 1) / 3, 100, colour)
    elif which == 1:
        for colour, half in (("#ffffff", 10), ("#d52b1e", 5)):
            pen.rect(0, 50 - half, w, 50 + half, colour)
            pen.rect(w * 0.36 - half, 0, w * 0.36 + half, 100, colour)
    else:
        for i in range(0, 10, 2):
            pen.rect(0, i * 10, w, i * 10 + 10, "#2e7d55")
        pen.oval(w / 2, 50, 24, 24, "#c8102e")
    return pen.done()


def _icon(rng: random.Random, which: int) -> Drawn:
    pen = Pen(((448, 448), (512, 288))[which], ("#1d2733", "#f0f2f5")[which])
    if which == 0:
        for i in range(10):
            turn = i * math.tau / 10
            tip = (50 + 38 * math.cos(turn), 50 + 38 * math.sin(turn))
            pen.stroke([(50, 50), tip], 11, "#4cc2ff")
        pen.oval(50, 50, 29, 29, "#4cc2ff")
        pen.oval(50, 50, 13, 13, "#1d2733")
        return pen.done()
    for i in range(8):
        x, y = 24 + 43 * (i % 4), 27 + 46 * (i // 4)
        pen.rect(x - 16, y - 16, x + 16, y + 16, rng.choice(_CLOTHES[:6]), 6)
        if i % 3 == 0:
            pen.oval(x, y - 4, 5, 5, "#ffffff")
            pen.pie(x, y + 11, 9, 180, 360, "#ffffff")
        elif i % 3 == 1:
            pen.shape(
                [(x - 8, y - 2), (x, y - 10), (x + 8, y - 2), (x + 6, y + 9), (x - 6, y + 9)], "#ffffff"
            )
        else:
            pen.stroke([(x - 8, y), (x - 2, y + 7), (x + 9, y - 7)], 2.5, "#ffffff")
    return pen.done((8, 11, 40, 43))


def _landscape(rng: random.Random, which: int) -> Drawn:
    pen = Pen(((800, 400), (448, 448), (360, 480))[which], ("#ffb27d", "#aee3f5", "#e4efdc")[which])
    w = pen.width
    if which == 0:
        pen.oval(w * 0.6, 48, 16, 16, "#fff0c2")
        for depth, colour in enumerate(("#b0647a", "#7a4a6e", "#432f55")):
            ridge = [(w * i / 9, 50 + depth * 14 + rng.uniform(-14, 8)) for i in range(10)]
            pen.shape([(0, 100), *ridge, (w, 100)], colour)
    elif which == 1:
        pen.rect(0, 52, w, 100, "#2c86b5")
        pen.rect(0, 84, w, 100, "#eedba4")
        pen.shape([(30, 62), (66, 62), (60, 70), (36, 70)], "#7c3f22")
        pen.shape([(48, 60), (48, 26), (66, 58)], "#ffffff")
    else:
        for i in range(16):
            x, y = rng.uniform(0, w), 30 + i * 4
            pen.rect(x - 1.5, y + 14, x + 1.5, y + 24, "#5d4128")
            pen.shape([(x - 10, y + 16), (x, y - 14), (x + 10, y + 16)], ("#2f6b47", "#3f8657")[i % 2])
    return pen.done()


def _room(pen: Pen, rng: random.Random, wall: str, floor: str) -> None:
    w = pen.width
    pen.rect(-2, -2, w + 2, 70, wall)
    pen.rect(-2, 68, w + 2, 102, floor)
    window, frame = (0.08, 0.72) if rng.random() < 0.5 else (0.7, 0.12)
    pen.rect(w * window, 14, w * (window + 0.22), 44, "#cdeafe")
    pen.stroke([(w * (window + 0.11), 14), (w * (window + 0.11), 44)], 1, "#ffffff")
    pen.rect(w * frame, 16, w * (frame + 0.18), 34, rng.choice(_CLOTHES))
    pen.rect(w * (frame + 0.02), 18, w * (frame + 0.16), 32, "#fbf7ea")


def _chibi(rng: random.Random, which: int) -> Drawn:
    size = ((448, 448), (300, 460), (640, 448), (448, 448))[which]
    pen = Pen(size, ("#ffe3ee", "#ffffff", "#dfe9f5", "#e8dcc4")[which], (0.5, 0.9, 0.5, 0)[which])
    if which >= 2:
        _room(pen, rng, ("#dfe9f5", "#e8dcc4")[which - 2], ("#b58a5b", "#8a9a8f")[which - 2])
    look = replace(_look(rng), head=0.46, mood=_MOODS[which])
    if which == 2:
        _figure(pen, pen.width * 0.72, 92, 56, replace(_look(rng), head=0.44))
    return pen.done(_figure(pen, pen.width * (0.5, 0.5, 0.36, 0.5)[which], 92, (78, 80, 66, 62)[which], look))


def _sofa(pen: Pen, x: float, colour: str) -> None:
    pen.rect(x - 24, 52, x + 24, 76, colour, 5)
    pen.rect(x - 29, 60, x - 20, 82, colour, 4)
    pen.rect(x + 20, 60, x + 29, 82, colour, 4)
    pen.rect(x - 22, 68, x + 22, 82, colour, 3)


def _table(pen: Pen, x: float, foot: float, colour: str) -> None:
    pen.rect(x - 18, foot - 22, x + 18, foot - 18, colour)
    for side in (-1, 1):
        pen.rect(x + side * 15 - 1.5, foot - 18, x + side * 15 + 1.5, foot, colour)


def _people_in_room(rng: random.Random, which: int) -> Drawn:
    size = ((448, 448), (448, 448), (640, 480), (448, 448), (800, 450), (448, 560))[which]
    pen = Pen(size, "#ffffff", (0, 0.5, 0, 0.3, 0, 0)[which])
    walls = ("#f3e6d0", "#cfd8dc", "#e6d3e8", "#d5e8d4", "#5d6778", "#f5d7b0")
    floors = ("#a9805a", "#90a4ae", "#8a5a44", "#c8b48a", "#3a3f4a", "#7b9e87")
    _room(pen, rng, walls[which], floors[which])
    w = pen.width
    look = replace(_look(rng), mood=_MOODS[which % 5])
    if which == 0:
        _sofa(pen, w * 0.7, "#4d7ea8")
    elif which == 1:
        pen.rect(w * 0.5, 60, w * 1.02, 70, "#ffffff", 2)
        pen.rect(w * 0.5, 68, w * 1.02, 78, "#7fb3d5", 2)
        pen.rect(w * 0.86, 54, w * 0.98, 62, "#f7f7f7", 2)
    elif which == 2:
        _figure(pen, w * 0.72, 90, 66, _look(rng))
    elif which == 3:
        _table(pen, w * 0.74, 88, "#7a5230")
        pen.rect(w * 0.7, 58, w * 0.78, 66, "#f2c6d0", 1)
    elif which == 4:
        for x in (0.5, 0.66, 0.84):
            _figure(pen, w * x, 88 + rng.uniform(-2, 2), rng.uniform(54, 66), _look(rng))
    else:
        for i in range(6):
            x, y = w * (0.08 + 0.17 * i), rng.uniform(8, 26)
            pen.stroke([(x, y), (x + 1, y + 26)], 0.4, "#888888")
            pen.oval(x, y, 5, 6, rng.choice(_CLOTHES))
    return pen.done(_figure(pen, w * (0.34, 0.3, 0.34, 0.42, 0.26, 0.5)[which], 93, 60 + 3 * which, look))


DRAWINGS: tuple[tuple[str, int, Callable[[random.Random, int], Drawn]], ...] = (
    ("smiley", 3, _smiley),
    ("stick-figure", 4, _sticks),
    ("comic-head", 4, _comic_head),
    ("house", 2, _house),
    ("animal", 4, _animal),
    ("flag", 3, _flag),
    ("icon", 2, _icon),
    ("landscape", 3, _landscape),
    ("chibi", 4, _chibi),
    ("people-in-room", 6, _people_in_room),
)
"""What is drawn: a name, how many variants there are, and the function that draws one variant."""
