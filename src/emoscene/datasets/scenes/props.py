"""The twenty events, each by one large prop above and behind the people, in the right half of the backdrop.

A prop is drawn in its own coordinates: (-1, -1) to (1, 1), scaled and moved by `Local`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from emoscene.datasets.scenes.painter import Brush, Colour, rgb

LINE = 0.005
WHITE, BLACK = rgb("fffdf8"), rgb("2b2730")


class Local:
    """A brush moved to (x, y) and scaled by `r` (fractions of the picture)."""

    def __init__(self, brush: Brush, x: float, y: float, r: float) -> None:
        self.b, self.x, self.y, self.r = brush, x, y, r

    def rect(
        self,
        x1: float,
        y1: float,
        x2: float,
        y2: float,
        fill: Colour,
        line: float = LINE,
        radius: float = 0.0,
    ) -> None:
        r = self.r
        self.b.rect(
            self.x + x1 * r, self.y + y1 * r, self.x + x2 * r, self.y + y2 * r, fill, line, radius * r
        )

    def oval(self, x: float, y: float, rx: float, ry: float, fill: Colour, line: float = LINE) -> None:
        self.b.oval(self.x + x * self.r, self.y + y * self.r, rx * self.r, ry * self.r, fill, line)

    def ring(self, x: float, y: float, rx: float, ry: float, colour: Colour, line: float) -> None:
        self.b.ring(self.x + x * self.r, self.y + y * self.r, rx * self.r, ry * self.r, colour, line * self.r)

    def poly(self, points: Sequence[tuple[float, float]], fill: Colour, line: float = LINE) -> None:
        self.b.poly([(self.x + x * self.r, self.y + y * self.r) for x, y in points], fill, line)

    def line(self, points: Sequence[tuple[float, float]], colour: Colour, width: float) -> None:
        self.b.line([(self.x + x * self.r, self.y + y * self.r) for x, y in points], colour, width * self.r)

    def chord(self, x: float, y: float, rx: float, ry: float, start: float, end: float, fill: Colour) -> None:
        self.b.chord(
            self.x + x * self.r, self.y + y * self.r, rx * self.r, ry * self.r, start, end, fill, LINE
        )


def heart(x: float, y: float, r: float) -> list[tuple[float, float]]:
    points = []
    for i in range(20):
        a = i * math.pi / 10
        points.append(
            (
                x + r * math.sin(a) ** 3,
                y - r * (0.8 * math.cos(a) - 0.32 * math.cos(2 * a) - 0.13 * math.cos(3 * a)),
            )
        )
    return points


def race(p: Local) -> None:
    for x in (-1.0, 0.88):
        p.rect(x, -0.9, x + 0.12, 1.5, rgb("e23b3b"))
    p.rect(-1.0, -0.9, 1.0, -0.25, WHITE)
    for i in range(8):
        for j in range(3):
            if (i + j) % 2:
                p.rect(-1 + i * 0.25, -0.9 + j * 0.217, -0.75 + i * 0.25, -0.683 + j * 0.217, BLACK, 0)


def birthday(p: Local) -> None:
    for x, y, colour in ((-0.8, -0.55, "e8433f"), (0.82, -0.6, "3f8fe0")):
        p.line(((x, y), (x * 0.7, 0.6)), BLACK, 0.03)
        p.oval(x, y, 0.24, 0.3, rgb(colour))
    p.rect(-0.75, 0.25, 0.75, 0.95, rgb("f7a8c4"), radius=0.08)
    p.rect(-0.5, -0.2, 0.5, 0.3, rgb("fff0d8"), radius=0.08)
    for i in range(6):
        p.oval(-0.62 + i * 0.25, 0.3, 0.13, 0.11, WHITE, 0)
    for x in (-0.3, 0.0, 0.3):
        p.rect(x - 0.05, -0.55, x + 0.05, -0.2, rgb("57b8a5"))
        p.oval(x, -0.7, 0.08, 0.14, rgb("ffb52e"))


def wedding(p: Local) -> None:
    p.poly(heart(0, 0.0, 1.0), rgb("f06a9b"))
    p.poly(heart(0, 0.0, 0.75), rgb("fbc3d6"), 0)
    p.ring(-0.2, 0.02, 0.32, 0.32, rgb("e0a21b"), 0.11)
    p.ring(0.2, 0.02, 0.32, 0.32, rgb("f6c945"), 0.11)
    p.poly(((0.08, -0.42), (0.32, -0.42), (0.2, -0.25)), rgb("bdf0ff"))


def funeral(p: Local) -> None:
    p.rect(-0.62, -0.4, 0.62, 1.0, rgb("7c7f8b"))
    p.chord(0, -0.38, 0.62, 0.6, 180, 360, rgb("7c7f8b"))
    p.rect(-0.09, -0.7, 0.09, 0.15, rgb("33343d"), 0)
    p.rect(-0.32, -0.45, 0.32, -0.27, rgb("33343d"), 0)
    for i in range(10):
        a = i * math.pi / 5
        p.oval(
            0.36 * math.cos(a),
            0.6 + 0.32 * math.sin(a),
            0.14,
            0.14,
            rgb("2f6b45") if i % 2 else rgb("e8e6f2"),
        )
    for x in (-0.85, 0.85):
        p.rect(x - 0.09, 0.2, x + 0.09, 1.0, rgb("f4ecd4"))
        p.oval(x, 0.05, 0.08, 0.14, rgb("ffb52e"))


def fall(p: Local) -> None:
    p.poly(((0, -1.0), (1.0, 0.6), (-1.0, 0.6)), rgb("ffd21f"), 0.012)
    p.oval(0.02, -0.36, 0.14, 0.14, BLACK, 0)
    p.line(((0.0, -0.2), (-0.2, 0.15), (0.12, 0.4)), BLACK, 0.15)
    p.line(((-0.02, -0.1), (0.35, -0.2)), BLACK, 0.12)
    p.line(((-0.2, 0.15), (-0.5, 0.35)), BLACK, 0.13)
    p.oval(0.1, 0.9, 0.95, 0.17, rgb("7cc7ef"))


def exam(p: Local) -> None:
    p.rect(-0.7, -0.95, 0.55, 0.95, WHITE)
    for i in range(5):
        y = -0.68 + i * 0.34
        p.rect(-0.55, y - 0.08, -0.39, y + 0.08, rgb("dce3ee"))
        p.line(((-0.25, y), (0.38, y)), rgb("8893a8"), 0.07)
    for y in (-0.68, 0.0, 0.34):
        p.line(((-0.6, y), (-0.47, y + 0.1), (-0.28, y - 0.2)), rgb("2fa84f"), 0.09)
    for y in (-0.34, 0.68):
        p.line(((-0.6, y - 0.13), (-0.34, y + 0.13)), rgb("e0353c"), 0.09)
        p.line(((-0.6, y + 0.13), (-0.34, y - 0.13)), rgb("e0353c"), 0.09)
    p.poly(((0.35, 0.7), (0.85, -0.6), (1.05, -0.52), (0.55, 0.78)), rgb("f2b431"))
    p.poly(((0.35, 0.7), (0.55, 0.78), (0.36, 1.0)), rgb("f7dcc0"))


def concert(p: Local) -> None:
    p.rect(-0.95, -0.85, -0.05, 1.0, BLACK, radius=0.08)
    for y, r in ((-0.42, 0.27), (0.4, 0.38)):
        p.oval(-0.5, y, r, r, rgb("6d6a78"))
        p.oval(-0.5, y, r * 0.5, r * 0.5, rgb("d6d2e0"), 0)
    for x, y, colour in ((0.3, 0.2, "e23b8e"), (0.75, -0.25, "3fb6e8")):
        p.oval(x - 0.13, y + 0.3, 0.19, 0.14, rgb(colour))
        p.line(((x + 0.03, y + 0.28), (x + 0.03, y - 0.5), (x + 0.3, y - 0.34)), rgb(colour), 0.12)
    p.oval(0.35, 0.85, 0.16, 0.12, rgb("f4b92b"))
    p.line(((0.49, 0.85), (0.49, 0.3)), rgb("f4b92b"), 0.1)


def broken_vase(p: Local) -> None:
    blue, dark = rgb("4f86d9"), rgb("27427f")
    p.rect(-0.7, 0.78, 0.7, 1.3, rgb("caa472"))
    p.poly(((-0.5, 0.78), (-0.62, 0.1), (-0.42, -0.18), (-0.22, 0.12), (-0.02, -0.2), (0.15, 0.2), (0.4, -0.02),
            (0.55, 0.3), (0.45, 0.78)), blue)  # fmt: skip
    p.line(((-0.55, 0.4), (0.5, 0.4)), WHITE, 0.1)
    p.line(((-0.05, 0.78), (-0.12, 0.5), (0.05, 0.3)), dark, 0.05)
    p.poly(((0.25, -0.95), (0.7, -0.8), (0.55, -0.45), (0.3, -0.55)), blue)
    p.poly(((-0.75, -0.7), (-0.4, -0.85), (-0.3, -0.5), (-0.6, -0.4)), blue)
    p.poly(((0.75, 0.1), (1.0, 0.3), (0.8, 0.5)), blue)
    p.poly(((-0.95, 0.2), (-0.75, 0.35), (-0.98, 0.6)), blue)
    p.line(((-0.1, -0.3), (0.05, -0.8)), rgb("3f9a4d"), 0.06)
    p.oval(0.05, -0.85, 0.16, 0.14, rgb("ee4f5c"))


def sickbed(p: Local) -> None:
    p.rect(-1.0, 0.35, 1.0, 0.62, rgb("9fb4bf"))
    for x in (-0.9, 0.8):
        p.rect(x, 0.6, x + 0.1, 1.2, rgb("7f949f"))
    p.rect(-1.05, -0.3, -0.92, 0.7, rgb("7f949f"))
    p.rect(-0.9, -0.02, -0.35, 0.36, WHITE, radius=0.12)
    p.rect(-0.45, 0.06, 1.0, 0.4, rgb("7cc0f0"), radius=0.1)
    p.line(((0.45, -1.0), (0.45, 0.1)), rgb("5d6a72"), 0.06)
    p.rect(0.3, -0.95, 0.75, -0.4, rgb("ffd5d5"), radius=0.1)
    p.rect(0.3, -0.65, 0.75, -0.4, rgb("e0454c"), radius=0.1)


def storm(p: Local) -> None:
    for i in range(6):
        x = -0.8 + i * 0.32
        p.line(((x, 0.25), (x - 0.16, 0.95)), rgb("4f8fd8"), 0.07)
    p.poly(
        ((0.05, 0.0), (-0.3, 0.55), (-0.02, 0.5), (-0.2, 1.05), (0.4, 0.36), (0.1, 0.4), (0.34, 0.0)),
        rgb("ffe11f"),
    )
    for x, y, r in ((-0.6, -0.15, 0.38), (0.6, -0.15, 0.4), (0.0, -0.4, 0.52)):
        p.oval(x, y, r, r * 0.85, rgb("4a4a5c"))
    p.rect(-0.65, -0.3, 0.65, 0.16, rgb("4a4a5c"), 0)


def fire(p: Local) -> None:
    for x, y, r in ((-0.35, -0.85, 0.3), (0.2, -0.95, 0.36), (0.6, -0.7, 0.26)):
        p.oval(x, y, r, r * 0.8, rgb("8b8490"), 0)
    p.poly(((-0.9, 1.0), (-1.0, 0.1), (-0.65, 0.35), (-0.5, -0.6), (-0.15, 0.0), (0.05, -1.0), (0.4, -0.1),
            (0.62, -0.55), (0.72, 0.3), (1.0, 0.0), (0.9, 1.0)), rgb("e8391f"))  # fmt: skip
    p.poly(
        ((-0.6, 1.0), (-0.6, 0.4), (-0.3, 0.55), (0.02, -0.35), (0.3, 0.4), (0.6, 0.25), (0.62, 1.0)),
        rgb("ff9a1f"),
        0,
    )
    p.poly(((-0.3, 1.0), (-0.25, 0.7), (0.02, 0.2), (0.3, 0.65), (0.32, 1.0)), rgb("ffe45c"), 0)


def gift(p: Local) -> None:
    p.rect(-0.75, -0.1, 0.75, 1.0, rgb("7b4fd0"))
    p.rect(-0.85, -0.35, 0.85, 0.02, rgb("9469e3"))
    p.rect(-0.15, -0.35, 0.15, 1.0, rgb("ffd23f"))
    for sign in (-1, 1):
        p.poly(((0, -0.35), (sign * 0.55, -0.95), (sign * 0.75, -0.5)), rgb("ffd23f"))
    p.oval(0, -0.42, 0.15, 0.15, rgb("f2b90f"))


def farewell(p: Local) -> None:
    p.rect(-1.0, -0.7, 1.0, 0.65, rgb("f9b81f"), radius=0.15)
    for i in range(3):
        p.rect(-0.85 + i * 0.42, -0.5, -0.52 + i * 0.42, -0.02, rgb("d6f0fb"), radius=0.04)
    p.rect(0.45, -0.5, 0.85, 0.6, rgb("5a4a3a"))
    p.rect(-1.0, 0.15, 0.42, 0.3, rgb("d6421f"), 0)
    for x in (-0.6, 0.2):
        p.oval(x, 0.7, 0.24, 0.24, BLACK)
        p.oval(x, 0.7, 0.1, 0.1, rgb("c9c6cf"), 0)


def reunion(p: Local) -> None:
    p.rect(-0.55, -0.45, 0.55, 1.3, rgb("7a4a2a"))
    p.rect(-0.42, -0.33, 0.42, 1.3, rgb("fff3b0"))
    p.poly(((-0.42, -0.33), (-0.42, 1.3), (-0.9, 1.45), (-0.9, -0.5)), rgb("c9793f"))
    p.oval(-0.82, 0.45, 0.05, 0.07, rgb("ffd23f"))
    p.line(((-1.05, -0.95), (0.0, -0.68), (1.05, -0.95)), BLACK, 0.04)
    for i, colour in enumerate(("e8433f", "3f8fe0", "f4c22f", "3fa65a", "b04fc8", "f2802b")):
        x = -0.9 + i * 0.36
        y = -0.92 + 0.2 * (1 - abs(x))
        p.poly(((x - 0.15, y), (x + 0.15, y), (x, y + 0.34)), rgb(colour))


def theft(p: Local) -> None:
    p.rect(-0.95, -0.85, 0.6, 0.85, rgb("59606e"), 0.01, 0.08)
    p.rect(-0.72, -0.62, 0.38, 0.62, rgb("15151b"), 0.006)
    p.poly(((0.6, -0.85), (1.05, -0.65), (1.05, 1.02), (0.6, 0.85)), rgb("7a8292"))
    p.oval(0.83, 0.12, 0.12, 0.17, rgb("d9dce2"))
    for x, y in ((-0.5, 0.5), (-0.2, 0.54), (-0.35, 0.32), (0.1, 0.52), (-0.7, 0.95), (0.2, 1.0)):
        p.oval(x, y, 0.15, 0.11, rgb("ffcf2b"))
    p.line(((-0.9, -0.8), (-0.6, -0.4), (-0.75, -0.1), (-0.45, 0.1)), rgb("f4f4f8"), 0.05)


def picnic(p: Local) -> None:
    p.poly(((-1.0, 0.95), (-0.75, 0.35), (0.85, 0.35), (1.05, 0.95)), WHITE)
    for i in range(4):
        p.poly(
            (
                (-0.9 + i * 0.5, 0.95),
                (-0.7 + i * 0.42, 0.37),
                (-0.5 + i * 0.42, 0.37),
                (-0.65 + i * 0.5, 0.95),
            ),
            rgb("e2433f"),
            0,
        )
    p.ring(-0.1, -0.1, 0.6, 0.75, rgb("7a4a1f"), 0.1)
    p.poly(((-0.85, -0.15), (0.65, -0.15), (0.5, 0.7), (-0.7, 0.7)), rgb("c98a3f"))
    for y in (0.08, 0.32, 0.54):
        p.line(((-0.78, y), (0.58, y)), rgb("8f5a22"), 0.05)
    p.chord(0.72, 0.45, 0.36, 0.42, 0, 180, rgb("3f9a4d"))
    p.chord(0.72, 0.45, 0.28, 0.32, 0, 180, rgb("ef4f55"))


def lecture(p: Local) -> None:
    p.line(((0, 0.6), (-0.5, 1.4)), BLACK, 0.06)
    p.line(((0, 0.6), (0.5, 1.4)), BLACK, 0.06)
    p.rect(-1.05, -0.95, 1.05, 0.7, WHITE, 0.01)
    p.oval(-0.45, -0.1, 0.42, 0.42, rgb("3f8fe0"))
    p.chord(-0.45, -0.1, 0.42, 0.42, -80, 60, rgb("f2802b"))
    for i, tall in enumerate((0.4, 0.7, 1.0)):
        p.rect(0.15 + i * 0.27, 0.45 - tall, 0.35 + i * 0.27, 0.45, rgb(("3fa65a", "b04fc8", "e8433f")[i]))
    p.line(((-0.9, 0.55), (0.9, 0.55)), rgb("8893a8"), 0.05)


def dog(p: Local) -> None:
    fur, dark = rgb("8a5a34"), rgb("5b3820")
    for sign in (-1, 1):
        p.poly(((sign * 0.35, -0.65), (sign * 0.95, -1.0), (sign * 0.85, -0.1)), dark)
    p.oval(0, -0.05, 0.82, 0.8, fur)
    for sign in (-1, 1):
        p.oval(sign * 0.36, -0.25, 0.17, 0.15, WHITE)
        p.oval(sign * 0.33, -0.22, 0.08, 0.09, BLACK, 0)
        p.line(((sign * 0.1, -0.3), (sign * 0.6, -0.6)), dark, 0.13)
    p.oval(0, 0.5, 0.6, 0.45, rgb("3a0f16"))
    for i in range(5):
        x = -0.4 + i * 0.2
        p.poly(((x - 0.1, 0.2), (x + 0.1, 0.2), (x, 0.5)), WHITE, 0.003)
        p.poly(((x - 0.1, 0.86), (x + 0.1, 0.86), (x, 0.6)), WHITE, 0.003)
    p.oval(0, 0.08, 0.26, 0.17, BLACK)


def dismissal(p: Local) -> None:
    p.rect(-1.0, -0.95, 1.0, 0.85, rgb("fdf6e3"), 0.01)
    for i in range(4):
        p.line(((-0.9, -0.65 + i * 0.4), (0.9, -0.65 + i * 0.4)), rgb("d8cfb8"), 0.04)
    p.line(
        ((-0.85, -0.7), (-0.4, -0.3), (-0.15, -0.5), (0.25, 0.15), (0.42, 0.0), (0.68, 0.42)),
        rgb("e0232c"),
        0.2,
    )
    p.poly(((0.85, 0.75), (0.88, 0.15), (0.35, 0.6)), rgb("e0232c"), 0)
    p.rect(-1.0, 0.85, 1.0, 1.0, rgb("8a6a45"))


def delay(p: Local) -> None:
    p.oval(0, 0, 1.0, 1.0, rgb("2f6fb3"), 0.008)
    p.oval(0, 0, 0.8, 0.8, WHITE, 0.006)
    for i in range(12):
        a = i * math.pi / 6
        p.oval(0.66 * math.sin(a), 0.66 * math.cos(a), 0.07, 0.07, BLACK, 0)
    p.line(((0, 0), (-0.05, -0.58)), BLACK, 0.11)
    p.line(((0, 0), (0.38, 0.2)), rgb("e0353c"), 0.13)
    p.oval(0, 0, 0.1, 0.1, BLACK, 0)


PROPS: dict[str, Callable[[Local], None]] = {
    f.__name__: f
    for f in (race, birthday, wedding, funeral, fall, exam, concert, broken_vase, sickbed, storm, fire, gift,
              farewell, reunion, theft, picnic, lecture, dog, dismissal, delay)
}  # fmt: skip
