"""Parametric faces: an expression is a set of action units, a face is drawn from the units alone."""

from __future__ import annotations

from dataclasses import dataclass

from emoscene.datasets.scenes.painter import INK, Brush, Colour, rgb, shade

WHITE: Colour = (255, 253, 250)
TEAR: Colour = rgb("4fa8ec")
MOUTH: Colour = rgb("7a2230")
TONGUE: Colour = rgb("e2717a")


@dataclass(frozen=True)
class Units:
    """Action units after FACS (Ekman, Friesen), each 0 to 1 unless said: `inner` (AU 1) and `outer` (AU 2) brow
    raised, `lower` (AU 4) brows drawn down and together, `lids` eye opening (AU 5, 43: 0 shut, 1 usual, 1.5 wide),
    `cheek` (AU 6), `curve` lip corners up (AU 12) or down (AU 15), -1 to 1, `jaw` (AU 26) mouth open, `stretch`
    (AU 20) lips stretched over teeth, `round` (AU 27) mouth round; tears and sweat are not units of the face."""

    inner: float = 0.0
    outer: float = 0.0
    lower: float = 0.0
    lids: float = 1.0
    cheek: float = 0.0
    curve: float = 0.0
    jaw: float = 0.0
    stretch: float = 0.0
    round: float = 0.0
    tears: float = 0.0
    sweat: float = 0.0


UNITS: dict[str, Units] = {
    "neutral": Units(),
    "polite": Units(curve=0.75, outer=0.1),
    "laugh": Units(curve=1.0, cheek=1.0, jaw=1.0, lids=0.0, outer=0.4),
    "frown": Units(lower=1.0, curve=-0.7, lids=0.7, stretch=0.6),
    "scared": Units(inner=1.0, outer=0.3, lids=1.5, stretch=1.0, jaw=0.3, sweat=1.0, curve=-0.3),
    "cry": Units(inner=1.0, curve=-1.0, lids=0.0, tears=1.0, jaw=0.5),
    "gasp": Units(inner=0.9, outer=1.0, lids=1.4, jaw=1.0, round=1.0),
    "sleepy": Units(lids=0.3, curve=-0.15),
}


def draw_face(
    brush: Brush, x: float, y: float, rx: float, ry: float, skin: Colour, units: Units, vigour: float
) -> None:
    """The features on a head of radii `rx`, `ry`; `vigour` scales how strongly the units act (about 1)."""
    dark = sum(skin) < 330
    ink = (28, 20, 26) if dark else INK
    if units.cheek:
        for sign in (-1, 1):
            brush.oval(x + sign * 0.6 * rx, y + 0.3 * ry, 0.2 * rx, 0.13 * ry, _blush(skin))
    if units.lower:
        brush.oval(x, y - 0.28 * ry, 0.5 * rx, 0.16 * ry, _blush(skin))
    if units.sweat:
        brush.chord(x, y, 0.92 * rx, 0.95 * ry, 205, 335, shade(_mix(skin, (120, 140, 200), 0.4), 1.0))
    _eyes(brush, x, y, rx, ry, units, skin, ink, vigour)
    _brows(brush, x, y, rx, ry, units, ink, vigour)
    brush.arc(x, y + 0.16 * ry, 0.07 * rx, 0.09 * ry, 20, 160, shade(skin, 0.7), 0.05 * rx)
    _mouth(brush, x, y + 0.53 * ry, rx, ry, units, ink, vigour)
    if units.tears:
        for sign in (-1, 1):
            brush.limb(
                ((x + sign * 0.42 * rx, y + 0.2 * ry), (x + sign * 0.5 * rx, y + 0.66 * ry)), TEAR, 0.17 * rx
            )
    if units.sweat:
        brush.oval(x + 0.78 * rx, y - 0.3 * ry, 0.1 * rx, 0.16 * ry, TEAR, 0.03 * rx)
        brush.oval(x - 0.8 * rx, y - 0.1 * ry, 0.08 * rx, 0.13 * ry, TEAR, 0.03 * rx)


def _mix(a: Colour, b: Colour, share: float) -> Colour:
    return tuple(int(p + (q - p) * share) for p, q in zip(a, b, strict=True))  # type: ignore[return-value]


def _blush(skin: Colour) -> Colour:
    return _mix(skin, (232, 84, 84), 0.45)


def _eyes(
    brush: Brush,
    x: float,
    y: float,
    rx: float,
    ry: float,
    units: Units,
    skin: Colour,
    ink: Colour,
    vigour: float,
) -> None:
    for sign in (-1, 1):
        ex, ey = x + sign * 0.42 * rx, y - 0.02 * ry
        if units.lids == 0.0:
            # Shut eyes: pushed up from below by the cheeks, or lids sinking
            if units.cheek:
                brush.arc(ex, ey + 0.1 * ry, 0.23 * rx, 0.2 * ry, 195, 345, ink, 0.09 * rx)
            else:
                brush.arc(ex, ey - 0.04 * ry, 0.23 * rx, 0.16 * ry, 15, 165, ink, 0.09 * rx)
            continue
        if units.lids < 0.5:
            # Heavy lids: half an eye under a thick line, a ring below
            brush.chord(ex, ey, 0.21 * rx, 0.2 * ry, 10, 170, WHITE)
            brush.chord(ex, ey, 0.12 * rx, 0.16 * ry, 10, 170, ink)
            brush.line(((ex - 0.26 * rx, ey + 0.02 * ry), (ex + 0.26 * rx, ey + 0.02 * ry)), ink, 0.1 * rx)
            brush.arc(
                ex, ey + 0.13 * ry, 0.19 * rx, 0.16 * ry, 35, 145, _mix(skin, (90, 60, 110), 0.6), 0.06 * rx
            )
            continue
        if units.lids <= 1.1:
            # Plain dark eyes with a glint
            brush.oval(ex, ey, 0.13 * rx, 0.17 * ry, ink)
            brush.oval(ex + 0.04 * rx, ey - 0.06 * ry, 0.045 * rx, 0.05 * ry, WHITE)
            continue
        tall, wide = 0.2 * ry * min(1.5, units.lids * vigour), 0.215 * rx
        brush.oval(ex, ey, wide, tall, WHITE, 0.035 * rx)
        brush.oval(ex, ey, 0.075 * rx, 0.085 * ry, ink)


def _brows(
    brush: Brush, x: float, y: float, rx: float, ry: float, units: Units, ink: Colour, vigour: float
) -> None:
    for sign in (-1, 1):
        inner_y = y - 0.3 * ry - vigour * (0.16 * units.inner - 0.2 * units.lower) * ry
        outer_y = y - 0.3 * ry - vigour * (0.16 * units.outer + 0.1 * units.lower) * ry
        if units.inner > 0.5 > units.outer:
            outer_y += 0.1 * ry
        inner_x = x + sign * (0.2 - 0.1 * units.lower) * rx
        width = (0.085 + 0.06 * units.lower) * rx
        brush.line(((inner_x, inner_y), (x + sign * 0.66 * rx, outer_y)), ink, width)


def _mouth(
    brush: Brush, x: float, y: float, rx: float, ry: float, units: Units, ink: Colour, vigour: float
) -> None:
    if units.round:
        brush.oval(x, y + 0.06 * ry, 0.2 * rx, 0.25 * ry * vigour, MOUTH, 0.03 * rx)
    elif units.jaw and units.curve > 0:
        brush.chord(x, y - 0.12 * ry, 0.5 * rx, 0.44 * ry * vigour, 0, 180, MOUTH, 0.035 * rx)
        brush.rect(x - 0.38 * rx, y - 0.1 * ry, x + 0.38 * rx, y - 0.0 * ry, WHITE)
        brush.oval(x, y + 0.2 * ry, 0.2 * rx, 0.07 * ry, TONGUE)
    elif units.stretch:
        wide, tall = (0.44 * rx, 0.13 * ry) if units.jaw else (0.36 * rx, 0.1 * ry)
        brush.rect(x - wide, y - tall, x + wide, y + tall, WHITE, 0.04 * rx, 0.06 * rx)
        if units.jaw:
            zigzag = [(x + (i / 3 - 1) * wide * 0.9, y + (-1) ** i * tall * 0.5) for i in range(7)]
            brush.line(zigzag, ink, 0.05 * rx)
        else:
            brush.line(((x - wide, y), (x + wide, y)), ink, 0.045 * rx)
            for sign in (-1, 1):
                brush.line(
                    ((x + sign * wide, y - tall), (x + sign * (wide + 0.08 * rx), y + 1.9 * tall)),
                    ink,
                    0.06 * rx,
                )
    elif units.jaw:
        brush.chord(x, y + 0.24 * ry, 0.36 * rx, 0.36 * ry, 180, 360, MOUTH, 0.035 * rx)
    elif units.curve > 0.3:
        brush.arc(x, y - 0.2 * ry, 0.46 * rx, 0.36 * ry * vigour, 15, 165, ink, 0.1 * rx)
    else:
        drop = -units.curve * 0.3 * ry
        brush.line(((x - 0.24 * rx, y + drop), (x, y), (x + 0.24 * rx, y + drop)), ink, 0.09 * rx)
