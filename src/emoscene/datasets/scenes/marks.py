"""Marks: what a person wears, holds or has beside them, and what thereby shows the role."""

from __future__ import annotations

from collections.abc import Callable

from emoscene.datasets.scenes.figure import LINE, Frame, Look
from emoscene.datasets.scenes.painter import Brush, rgb, shade

GOLD, RED, WHITE, NAVY = rgb("f4c22f"), rgb("d8343a"), rgb("fdfaf3"), rgb("24365f")


def _medal(b: Brush, k: Look, f: Frame) -> None:
    h, x = k.height, k.x
    y = f.neck + 0.17 * h
    for sign in (-1, 1):
        b.line(((x + sign * 0.075 * h, f.neck + 0.005 * h), (x, y - 0.04 * h)), RED, 0.032 * h)
    b.oval(x, y, 0.078 * h, 0.078 * h, GOLD, LINE)
    b.oval(x, y, 0.045 * h, 0.045 * h, rgb("fbe38a"))


def _hat(b: Brush, k: Look, f: Frame) -> None:
    x, y = f.head
    top = (x, y - 1.62 * f.ry)
    b.poly(((x - 0.52 * f.rx, y - 0.72 * f.ry), (x + 0.52 * f.rx, y - 0.72 * f.ry), top), rgb("e8489b"), LINE)
    b.line(
        ((x - 0.36 * f.rx, y - 0.92 * f.ry), (x + 0.3 * f.rx, y - 1.06 * f.ry)), rgb("fde04a"), 0.13 * f.ry
    )
    b.line(((x - 0.18 * f.rx, y - 1.22 * f.ry), (x + 0.16 * f.rx, y - 1.3 * f.ry)), rgb("fde04a"), 0.1 * f.ry)
    b.oval(top[0], top[1], 0.14 * f.rx, 0.13 * f.ry, rgb("fde04a"), LINE)


def _bandage(b: Brush, k: Look, f: Frame) -> None:
    x, y = f.head
    b.poly(((x - 1.0 * f.rx, y - 0.74 * f.ry), (x + 0.84 * f.rx, y - 0.98 * f.ry),
            (x + 1.06 * f.rx, y - 0.5 * f.ry), (x - 1.08 * f.rx, y - 0.38 * f.ry)), WHITE, LINE)  # fmt: skip
    b.oval(x + 0.35 * f.rx, y - 0.68 * f.ry, 0.2 * f.rx, 0.15 * f.ry, RED)


def _crutch(b: Brush, k: Look, f: Frame) -> None:
    h = k.height
    x = k.x - k.side * (f.half + 0.1 * h)
    b.limb(((x, f.neck + 0.14 * h), (x - k.side * 0.02 * h, k.base)), rgb("c98a4b"), 0.032 * h, LINE)
    b.limb(
        ((x - 0.06 * h, f.neck + 0.13 * h), (x + 0.06 * h, f.neck + 0.13 * h)), rgb("c98a4b"), 0.045 * h, LINE
    )


def _microphone(b: Brush, k: Look, f: Frame) -> None:
    h = k.height
    x, y = f.held
    b.limb(((x, y + 0.05 * h), (x, y - 0.06 * h)), rgb("3b3b46"), 0.04 * h, LINE)
    b.oval(x, y - 0.12 * h, 0.07 * h, 0.075 * h, rgb("b9bec9"), LINE)
    b.line(((x - 0.06 * h, y - 0.11 * h), (x + 0.06 * h, y - 0.11 * h)), rgb("e0393f"), 0.03 * h)


def _cup(b: Brush, k: Look, f: Frame) -> None:
    h = k.height
    x, y = f.held
    b.ring(x + 0.085 * h, y - 0.06 * h, 0.04 * h, 0.04 * h, rgb("2f7fd0"), 0.022 * h)
    b.rect(x - 0.075 * h, y - 0.13 * h, x + 0.075 * h, y + 0.03 * h, rgb("3f95e6"), LINE, 0.02 * h)
    b.oval(x, y - 0.13 * h, 0.075 * h, 0.025 * h, rgb("6b3d22"), LINE)
    b.line(((x - 0.06 * h, y - 0.05 * h), (x + 0.06 * h, y - 0.05 * h)), WHITE, 0.025 * h)


def _apron(b: Brush, k: Look, f: Frame) -> None:
    h, x = k.height, k.x
    top, low = f.neck + 0.06 * h, f.hip + 0.1 * h
    for sign in (-1, 1):
        b.line(((x + sign * 0.07 * h, f.neck), (x + sign * 0.06 * h, top)), rgb("3c9d5f"), 0.028 * h)
    right = [(x + 0.07 * h, top), (x + 0.82 * f.half, f.hip - 0.1 * h), (x + 1.1 * f.half, low)]
    left = [(2 * x - px, y) for px, y in reversed(right)]
    b.poly([*right, *left], rgb("55c27d"), LINE)
    b.rect(x - 0.06 * h, f.hip - 0.06 * h, x + 0.06 * h, f.hip + 0.02 * h, rgb("d7f5df"), LINE)


def _paper(b: Brush, k: Look, f: Frame) -> None:
    h = k.height
    x, y = f.held[0], f.held[1] - 0.07 * h
    b.rect(x - 0.09 * h, y - 0.12 * h, x + 0.09 * h, y + 0.12 * h, WHITE, LINE * 1.2)
    for i in range(4):
        at = y + (i * 0.05 - 0.075) * h
        b.line(((x - 0.06 * h, at), (x + 0.06 * h, at)), rgb("5d6a86"), 0.016 * h)


def _cap(b: Brush, k: Look, f: Frame) -> None:
    x, y = f.head
    b.chord(x, y - 0.5 * f.ry, 1.12 * f.rx, 0.78 * f.ry, 180, 360, NAVY, LINE)
    b.rect(x - 1.08 * f.rx, y - 0.62 * f.ry, x + 1.08 * f.rx, y - 0.44 * f.ry, shade(NAVY, 0.7))
    b.oval(x, y - 0.4 * f.ry, 0.8 * f.rx, 0.11 * f.ry, rgb("12182b"))
    b.oval(x, y - 0.86 * f.ry, 0.2 * f.rx, 0.19 * f.ry, GOLD, LINE)


def _camera(b: Brush, k: Look, f: Frame) -> None:
    h, x = k.height, k.x
    y = f.neck + 0.19 * h
    for sign in (-1, 1):
        b.line(
            ((x + sign * 0.08 * h, f.neck + 0.01 * h), (x + sign * 0.09 * h, y - 0.05 * h)),
            rgb("2a2a30"),
            0.018 * h,
        )
    b.rect(x - 0.045 * h, y - 0.09 * h, x + 0.045 * h, y, rgb("2a2a30"), LINE)
    b.rect(x - 0.12 * h, y - 0.06 * h, x + 0.12 * h, y + 0.075 * h, rgb("3b3b44"), LINE, 0.015 * h)
    b.oval(x, y + 0.008 * h, 0.055 * h, 0.055 * h, rgb("8fd0ee"), LINE)
    b.oval(x, y + 0.008 * h, 0.025 * h, 0.025 * h, rgb("1c2f52"))


def _suitcase(b: Brush, k: Look, f: Frame) -> None:
    h = k.height
    x, y = k.x + k.side * (f.half + 0.12 * h), k.base
    b.ring(x, y - 0.27 * h, 0.05 * h, 0.045 * h, rgb("5b3418"), 0.02 * h)
    b.rect(x - 0.115 * h, y - 0.26 * h, x + 0.115 * h, y, rgb("b56a2b"), LINE, 0.02 * h)
    for sign in (-1, 1):
        b.rect(
            x + sign * 0.065 * h - 0.014 * h, y - 0.26 * h, x + sign * 0.065 * h + 0.014 * h, y, rgb("f0c37b")
        )


def _backpack(b: Brush, k: Look, f: Frame) -> None:
    h, x = k.height, k.x
    for sign in (-1, 1):
        b.line(
            ((x + sign * 0.62 * f.half, f.neck), (x + sign * 0.62 * f.half, f.hip - 0.05 * h)),
            rgb("f36b1c"),
            0.045 * h,
        )
    b.line(
        ((x - 0.62 * f.half, f.neck + 0.14 * h), (x + 0.62 * f.half, f.neck + 0.14 * h)),
        rgb("f36b1c"),
        0.024 * h,
    )


def _backpack_behind(b: Brush, k: Look, f: Frame) -> None:
    h, x = k.height, k.x
    wide = f.half + 0.07 * h
    b.rect(x - wide, f.neck - 0.03 * h, x + wide, f.hip - 0.02 * h, rgb("f28a2c"), LINE, 0.05 * h)
    for sign in (-1, 1):
        b.rect(x + sign * (wide - 0.02 * h) - 0.03 * h, f.hip - 0.13 * h, x + sign * (wide - 0.02 * h) + 0.03 * h,
               f.hip - 0.02 * h, rgb("c95d12"), LINE, 0.02 * h)  # fmt: skip


def _bouquet(b: Brush, k: Look, f: Frame) -> None:
    h = k.height
    x, y = f.held
    b.poly(
        ((x - 0.07 * h, y - 0.07 * h), (x + 0.07 * h, y - 0.07 * h), (x, y + 0.08 * h)), rgb("f8f0dc"), LINE
    )
    for dx, dy, colour in ((-0.06, -0.09, "ee4f7c"), (0.06, -0.09, "f9d648"), (0.0, -0.15, "ee4f7c"),
                           (-0.07, -0.15, "ffffff"), (0.07, -0.155, "ffffff"), (0.0, -0.08, "a44fd0")):  # fmt: skip
        b.oval(x + dx * h, y + dy * h, 0.038 * h, 0.038 * h, rgb(colour), LINE * 0.6)


def _blanket(b: Brush, k: Look, f: Frame) -> None:
    h, x = k.height, k.x
    low = f.hip + 0.09 * h
    for sign in (-1, 1):
        b.poly(((x + sign * 0.03 * h, f.neck - 0.01 * h), (x + sign * f.half * 0.9, f.neck + 0.01 * h),
                (x + sign * f.half * 1.45, low), (x + sign * f.half * 0.55, low)), rgb("8e5bc4"), LINE)  # fmt: skip
        for i in range(3):
            y = f.neck + (0.08 + 0.11 * i) * h
            reach = f.half * (0.9 + 0.55 * (y - f.neck) / (low - f.neck))
            b.line(((x + sign * f.half * (0.3 + 0.1 * i), y), (x + sign * reach, y)), rgb("e4cff5"), 0.03 * h)


BEHIND: dict[str, Callable[[Brush, Look, Frame], None]] = {"backpack": _backpack_behind, "bandage": _crutch}
WORN: dict[str, Callable[[Brush, Look, Frame], None]] = {
    "medal": _medal, "apron": _apron, "camera": _camera, "suitcase": _suitcase, "backpack": _backpack,
    "blanket": _blanket,
}  # fmt: skip
ON_TOP: dict[str, Callable[[Brush, Look, Frame], None]] = {
    "hat": _hat, "bandage": _bandage, "cap": _cap, "microphone": _microphone, "cup": _cup, "paper": _paper,
    "bouquet": _bouquet,
}  # fmt: skip
