"""The sixteen settings as backdrops: large coloured shapes; what tells them apart stands in the left half."""

from __future__ import annotations

from collections.abc import Callable

from emoscene.datasets.scenes.painter import Brush, Colour, rgb

HORIZON = 0.66
THIN = 0.004


def _room(b: Brush, wall: str, floor: str, skirting: str) -> None:
    b.rect(0, 0, 1, HORIZON, rgb(wall))
    b.rect(0, HORIZON, 1, 1, rgb(floor))
    b.rect(0, HORIZON - 0.018, 1, HORIZON, rgb(skirting))


def _planks(b: Brush, colour: str) -> None:
    for i in range(-1, 8):
        x = i / 6.5
        b.line(((0.5 + (x - 0.5) * 0.8, HORIZON), (0.5 + (x - 0.5) * 1.7, 1.0)), rgb(colour), THIN)


def kitchen(b: Brush, v: float) -> None:
    _room(b, "fbeecb", "f2d3a2", "c98f55")
    for i in range(8):
        for j in range(3):
            if (i + j) % 2:
                b.rect(i / 8, HORIZON + j * 0.115, (i + 1) / 8, HORIZON + (j + 1) * 0.115, rgb("e2875a"))
    b.rect(0, 0.06, 0.42, 0.22, rgb("3fa39a"), THIN)
    b.rect(0.2, 0.06, 0.215, 0.22, rgb("2b7a74"))
    b.rect(0, 0.42, 0.5, HORIZON, rgb("3fa39a"), THIN)
    b.rect(0, 0.4, 0.52, 0.43, rgb("fdf8ea"), THIN)
    b.rect(0.02, 0.14, 0.17, HORIZON, rgb("e9f2f6"), THIN, 0.015)
    b.rect(0.14, 0.2, 0.152, 0.3, rgb("7d98a6"))
    b.rect(0.27, 0.33, 0.39, 0.4, rgb("d64f3f"), THIN, 0.01)


def living_room(b: Brush, v: float) -> None:
    _room(b, "e9b79f", "a9714a", "f7e5d6")
    _planks(b, "8b5a38")
    b.rect(0.08, 0.06, 0.36, 0.24, rgb("f8ecd6"), THIN)
    b.poly(((0.1, 0.22), (0.2, 0.11), (0.34, 0.22)), rgb("5d8f7b"))
    b.oval(0.3, 0.11, 0.022, 0.022, rgb("f1b53c"))
    b.rect(-0.03, 0.4, 0.5, 0.6, rgb("3f7d58"), THIN, 0.04)
    b.rect(-0.03, 0.53, 0.5, 0.72, rgb("4f9a6d"), THIN, 0.03)
    b.rect(0.44, 0.48, 0.53, 0.72, rgb("3f7d58"), THIN, 0.03)


def bedroom(b: Brush, v: float) -> None:
    _room(b, "b9aee0", "8d7bb0", "efe9fb")
    b.rect(0.07, 0.05, 0.36, 0.32, rgb("26305f"), THIN)
    b.oval(0.25, 0.14, 0.045, 0.045, rgb("f8eeb8"))
    b.oval(0.232, 0.13, 0.038, 0.038, rgb("26305f"))
    b.line(((0.215, 0.05), (0.215, 0.32)), rgb("efe9fb"), 0.012)
    b.rect(-0.02, 0.4, 0.06, 0.8, rgb("6b4a34"), THIN, 0.02)
    b.rect(0.03, 0.56, 0.55, 0.76, rgb("e36fa0"), THIN, 0.04)
    b.rect(0.05, 0.5, 0.22, 0.6, rgb("fffaf5"), THIN, 0.03)


def classroom(b: Brush, v: float) -> None:
    _room(b, "e7efc2", "d2b98c", "a98b5a")
    b.rect(0.03, 0.07, 0.5, 0.38, rgb("9a6a3c"))
    b.rect(0.05, 0.09, 0.48, 0.36, rgb("1f5a45"))
    b.line(((0.09, 0.15), (0.25, 0.15)), rgb("dff0e4"), 0.008)
    b.line(((0.09, 0.21), (0.33, 0.21)), rgb("dff0e4"), 0.008)
    b.line(((0.09, 0.27), (0.21, 0.27)), rgb("f7dd7a"), 0.008)
    b.poly(((0.36, 0.3), (0.44, 0.3), (0.4, 0.2)), rgb("f2a7a0"))
    b.rect(0.02, 0.52, 0.34, 0.56, rgb("b97a3c"), THIN)
    b.rect(0.05, 0.56, 0.08, 0.76, rgb("7a4c22"))
    b.rect(0.28, 0.56, 0.31, 0.76, rgb("7a4c22"))


def office(b: Brush, v: float) -> None:
    _room(b, "b7c3cf", "77828f", "e9eef2")
    b.rect(0.03, 0.05, 0.46, 0.33, rgb("e6f3fb"), THIN)
    for x, top in ((0.06, 0.2), (0.15, 0.13), (0.24, 0.22), (0.33, 0.16)):
        b.rect(x, top, x + 0.075, 0.325, rgb("8aa3bb"))
    for i in range(4):
        b.rect(0.03, 0.06 + i * 0.03, 0.46, 0.073 + i * 0.03, rgb("f7fafc"))
    b.rect(0, 0.53, 0.46, 0.57, rgb("5b4636"), THIN)
    b.rect(0.03, 0.57, 0.14, 0.78, rgb("745a45"), THIN)
    b.rect(0.1, 0.38, 0.3, 0.5, rgb("22262e"), THIN, 0.01)
    b.rect(0.115, 0.395, 0.285, 0.485, rgb("53b3e8"))
    b.rect(0.185, 0.5, 0.215, 0.53, rgb("22262e"))


def ward(b: Brush, v: float) -> None:
    _room(b, "eef9f6", "a9dcd3", "63b8ac")
    b.line(((0.0, 0.06), (0.44, 0.06)), rgb("7f9499"), 0.012)
    for i in range(5):
        colour = rgb("54bdb5") if i % 2 else rgb("7fd2cb")
        b.rect(0.01 + i * 0.052, 0.06, 0.062 + i * 0.052, 0.64, colour)
    b.rect(0.33, 0.12, 0.47, 0.26, rgb("ffffff"), THIN)
    b.rect(0.38, 0.14, 0.42, 0.24, rgb("e0353c"))
    b.rect(0.35, 0.17, 0.45, 0.21, rgb("e0353c"))
    b.rect(0.31, 0.34, 0.47, 0.46, rgb("16313a"), THIN, 0.01)
    b.line(
        ((0.32, 0.4), (0.36, 0.4), (0.38, 0.36), (0.4, 0.44), (0.42, 0.4), (0.46, 0.4)), rgb("62f29a"), 0.008
    )


def hall(b: Brush, v: float) -> None:
    b.rect(0, 0, 1, HORIZON, rgb("3b1f3d"))
    b.rect(0, HORIZON, 1, 1, rgb("c58a4b"))
    _planks(b, "a06b34")
    b.poly(((0.4, 0.0), (0.6, 0.0), (0.86, HORIZON), (0.14, HORIZON)), rgb("5d3760"))
    for side in (0.0, 0.82):
        for i in range(4):
            b.rect(side + i * 0.05, 0, side + (i + 1) * 0.05, 0.7, rgb("b81f34") if i % 2 else rgb("94162a"))
    for i in range(8):
        b.chord(i / 8 + 0.0625, 0.0, 0.066, 0.1, 0, 180, rgb("d22a40"), THIN)
    b.rect(0, HORIZON, 1, HORIZON + 0.02, rgb("7c4d20"))


def gym(b: Brush, v: float) -> None:
    _room(b, "f7b552", "dd8b45", "7c3e17")
    b.rect(0, 0.4, 1, 0.46, rgb("fde8c0"))
    for i in range(8):
        b.rect(0.0, 0.08 + i * 0.065, 0.2, 0.1 + i * 0.065, rgb("8a4a1d"))
    for x in (0.0, 0.1, 0.19):
        b.rect(x, 0.05, x + 0.015, HORIZON, rgb("5f3010"))
    b.rect(0.26, 0.06, 0.46, 0.22, rgb("fffdf8"), THIN)
    b.rect(0.32, 0.12, 0.4, 0.19, rgb("fffdf8"), 0.008)
    b.ring(0.36, 0.24, 0.055, 0.018, rgb("d83a1f"), 0.012)
    b.poly(((0.315, 0.25), (0.405, 0.25), (0.385, 0.34), (0.335, 0.34)), rgb("f4efe6"))
    b.ring(0.3, 0.9, 0.34, 0.16, rgb("fffaf0"), 0.012)


def cafe(b: Brush, v: float) -> None:
    _room(b, "9b5a44", "5a3a2d", "3b241b")
    for j in range(7):
        for i in range(6):
            x = i * 0.18 + (j % 2) * 0.09 - 0.04
            b.rect(x, 0.14 + j * 0.072, x + 0.16, 0.195 + j * 0.072, rgb("ad6a52"))
    for i in range(10):
        b.rect(i / 10, 0, (i + 1) / 10, 0.1, rgb("f7f1e3") if i % 2 else rgb("2f8a6b"))
        b.chord(i / 10 + 0.05, 0.1, 0.05, 0.035, 0, 180, rgb("f7f1e3") if i % 2 else rgb("2f8a6b"))
    b.rect(0.04, 0.2, 0.3, 0.42, rgb("26221f"), 0.008)
    for i, wide in enumerate((0.16, 0.1, 0.18)):
        b.line(((0.08, 0.25 + i * 0.055), (0.08 + wide, 0.25 + i * 0.055)), rgb("f4e6c4"), 0.01)
    b.line(((0.42, 0.1), (0.42, 0.24)), rgb("26221f"), THIN)
    b.oval(0.42, 0.28, 0.06, 0.045, rgb("ffd86b"))
    b.rect(0.0, 0.56, 0.3, 0.59, rgb("e3c9a3"), THIN)
    b.rect(0.12, 0.59, 0.16, 0.76, rgb("2c1b14"))


def _tree(b: Brush, x: float, y: float, r: float, leaf: Colour) -> None:
    b.rect(x - 0.02, y, x + 0.02, HORIZON + 0.05, rgb("7a4f2e"))
    b.oval(x, y - 0.05, r, r, leaf, THIN)
    b.oval(x - 0.7 * r, y + 0.02, 0.65 * r, 0.62 * r, leaf)
    b.oval(x + 0.7 * r, y + 0.02, 0.65 * r, 0.62 * r, leaf)


def park(b: Brush, v: float) -> None:
    b.rect(0, 0, 1, HORIZON, rgb("a8dcf4"))
    b.oval(0.42, 0.1, 0.1, 0.035, rgb("ffffff"))
    b.oval(0.35, 0.12, 0.07, 0.028, rgb("ffffff"))
    b.oval(0.2, 0.68, 0.5, 0.18, rgb("7cc367"))
    b.oval(0.85, 0.7, 0.5, 0.16, rgb("6fb85c"))
    b.rect(0, HORIZON, 1, 1, rgb("8fd06f"))
    b.poly(((0.5, HORIZON), (0.58, HORIZON), (0.8, 1.0), (0.4, 1.0)), rgb("ecd9a4"))
    _tree(b, 0.13, 0.33, 0.13, rgb("3f9a4d"))
    _tree(b, 0.38, 0.42, 0.09, rgb("57ad55"))


def street(b: Brush, v: float) -> None:
    b.rect(0, 0, 1, HORIZON, rgb("d7d3e4"))
    for x, top, colour in ((0.0, 0.05, "c9785f"), (0.23, 0.15, "e2c37d"), (0.43, 0.02, "8fa3c0"),
                           (0.64, 0.14, "b58fae"), (0.83, 0.06, "7fae9d")):  # fmt: skip
        b.rect(x, top, x + 0.21, HORIZON, rgb(colour), THIN)
        for i in range(3):
            for j in range(2):
                wx, wy = x + 0.03 + j * 0.09, top + 0.05 + i * 0.13
                b.rect(wx, wy, wx + 0.055, wy + 0.075, rgb("f7f3d6"))
    b.rect(0, 0.6, 1, HORIZON, rgb("b8b4ba"))
    b.rect(0, HORIZON, 1, 1, rgb("55545f"))
    for i in range(5):
        b.rect(i * 0.23, 0.8, i * 0.23 + 0.12, 0.825, rgb("f5f2e7"))


def beach(b: Brush, v: float) -> None:
    b.rect(0, 0, 1, 0.42, rgb("8fe0ee"))
    b.oval(0.12, 0.11, 0.075, 0.075, rgb("fff2a0"))
    b.rect(0, 0.4, 1, 0.64, rgb("1d8fc4"))
    for i in range(5):
        b.line(
            ((0.05 + i * 0.2, 0.47 + (i % 2) * 0.06), (0.15 + i * 0.2, 0.47 + (i % 2) * 0.06)),
            rgb("bdeafa"),
            0.01,
        )
    b.rect(0, 0.62, 1, 1, rgb("f6dc95"))
    b.rect(0, 0.615, 1, 0.635, rgb("ffffff"))
    b.line(((0.3, 0.26), (0.26, 0.78)), rgb("8b5a2f"), 0.014)
    b.chord(0.3, 0.33, 0.2, 0.15, 180, 360, rgb("f0604d"), THIN)
    b.poly(((0.3, 0.18), (0.24, 0.33), (0.36, 0.33)), rgb("fff4e0"))


def forest(b: Brush, v: float) -> None:
    b.rect(0, 0, 1, HORIZON, rgb("1f4a3f"))
    b.rect(0, HORIZON, 1, 1, rgb("3f5a33"))
    for i in range(9):
        x = i * 0.125 + 0.03
        b.rect(x, 0, x + 0.04, HORIZON + 0.03, rgb("2a3b2c") if i % 2 else rgb("4a3627"))
    for i in range(6):
        b.oval(i * 0.2, 0.0, 0.15, 0.12, rgb("2f6b4c") if i % 2 else rgb("275c44"))
    b.rect(0.12, 0.1, 0.22, 0.74, rgb("5d4029"), THIN)
    b.oval(0.17, 0.1, 0.18, 0.15, rgb("37805a"), THIN)
    for x, y in ((0.33, 0.71), (0.41, 0.76)):
        b.rect(x - 0.012, y, x + 0.012, y + 0.04, rgb("f3ead8"))
        b.chord(x, y + 0.01, 0.035, 0.035, 180, 360, rgb("d8443c"))


def snow(b: Brush, v: float) -> None:
    b.rect(0, 0, 1, HORIZON, rgb("c3d6ee"))
    b.poly(((-0.1, HORIZON), (0.22, 0.08), (0.55, HORIZON)), rgb("7d93b8"))
    b.poly(((0.115, 0.27), (0.22, 0.08), (0.325, 0.27), (0.25, 0.22), (0.2, 0.3)), rgb("ffffff"))
    b.poly(((0.5, HORIZON), (0.85, 0.2), (1.2, HORIZON)), rgb("94a8c8"))
    b.rect(0, HORIZON - 0.03, 1, 1, rgb("f6faff"))
    for x in (0.07, 0.4):
        for i in range(3):
            wide = 0.05 + 0.025 * i
            y = 0.38 + i * 0.09
            b.poly(((x - wide, y + 0.12), (x + wide, y + 0.12), (x, y)), rgb("2f6d62"))
            b.poly(((x - wide * 0.4, y + 0.05), (x + wide * 0.4, y + 0.05), (x, y)), rgb("ffffff"))
    for i in range(16):
        b.oval((i * 0.377 + v) % 1, (i * 0.231 + v * 0.7) % 0.9, 0.009, 0.009, rgb("ffffff"))


def station(b: Brush, v: float) -> None:
    b.rect(0, 0, 1, HORIZON, rgb("6f8f9c"))
    for i in range(5):
        b.arc(0.5, 0.16, 0.62, 0.34 - i * 0.05, 180, 360, rgb("486370"), 0.012)
    b.rect(-0.02, 0.26, 0.54, 0.62, rgb("b92f3a"), THIN, 0.05)
    b.rect(-0.02, 0.5, 0.54, 0.55, rgb("f4e5c3"))
    for i in range(3):
        b.rect(0.02 + i * 0.16, 0.32, 0.14 + i * 0.16, 0.44, rgb("cfeaf5"), THIN, 0.015)
    b.rect(0, 0.62, 1, HORIZON, rgb("2e3940"))
    b.rect(0, HORIZON, 1, 1, rgb("b5b8b4"))
    b.rect(0, HORIZON + 0.02, 1, HORIZON + 0.05, rgb("f2c931"))


def rooftop(b: Brush, v: float) -> None:
    for i, colour in enumerate(("f08a5d", "f49e63", "f7b56e", "fac97f", "fcd994")):
        b.rect(0, i * 0.11, 1, 0.66, rgb(colour))
    b.oval(0.4, 0.42, 0.09, 0.09, rgb("fff0b8"))
    for i, top in enumerate((0.3, 0.42, 0.24, 0.4, 0.33, 0.45, 0.28, 0.38)):
        b.rect(i / 8, top + 0.1, (i + 0.9) / 8, HORIZON, rgb("7b4b6e"))
    b.rect(0, HORIZON, 1, 1, rgb("8c5a50"))
    b.rect(0.04, 0.18, 0.22, 0.38, rgb("6b3b3b"), THIN, 0.02)
    b.poly(((0.02, 0.2), (0.24, 0.2), (0.13, 0.08)), rgb("4e2a33"), THIN)
    for x in (0.06, 0.19):
        b.rect(x, 0.38, x + 0.015, HORIZON, rgb("3e2330"))
    b.rect(0, 0.56, 1, 0.575, rgb("3e2330"))
    for i in range(11):
        b.rect(i * 0.1, 0.56, i * 0.1 + 0.01, HORIZON + 0.01, rgb("3e2330"))


SETTINGS: dict[str, Callable[[Brush, float], None]] = {
    f.__name__: f
    for f in (kitchen, living_room, bedroom, classroom, office, ward, hall, gym, cafe, park, street, beach,
              forest, snow, station, rooftop)
}  # fmt: skip
