"""One person's body: proportions, poses, hair and clothes. People face the viewer and are drawn large-headed,
so that expressions still read at a hundred pixels."""

from __future__ import annotations

import random
from dataclasses import dataclass

from emoscene.datasets.scenes.painter import Brush, Colour, rgb, shade

Point = tuple[float, float]
Box = tuple[float, float, float, float]

SKIN = tuple(rgb(c) for c in ("fbe0cc", "f3cba8", "e3ab7d", "c98b5b", "a06a43", "7c4d31", "5b3825"))
HAIR = tuple(rgb(c) for c in ("2b2226", "4a3128", "6d4528", "a8692f", "d9ab55", "8c3f2a", "3f4a63"))
GREY = tuple(rgb(c) for c in ("d9d7d6", "b9b6b8", "efecea"))
TOPS = tuple(
    rgb(c) for c in ("d9534a", "e98a3c", "edc24c", "6fae62", "3f9c95", "4a86c5", "6f68b4", "b06aa5", "e58fa5")
)
LEGS = tuple(rgb(c) for c in ("34405e", "5a4638", "46585a", "6b5f75", "2f3036", "8a7a5c"))
STYLES = ("short", "long", "bun", "curly", "bob", "tail", "scarf", "bald")
LINE = 0.0045
HELD = ("microphone", "cup", "paper", "bouquet")


@dataclass(frozen=True)
class Look:
    """How one person looks. `x` is the middle, `base` the feet, `height` the body (fractions of the picture);
    `build` widens the torso; `side` is the hand that holds and points (1 right);
    `reach` shortens the arms' reach to the sides in a crowd, `vigour` scales the action units."""

    x: float
    base: float
    height: float
    build: float
    head_share: float
    skin: Colour
    hair: Colour
    style: str
    top: Colour
    legs: Colour
    skirt: bool
    glasses: bool
    side: int
    vigour: float
    reach: float


def sample_look(rng: random.Random, age: str, place: Point, count: int) -> Look:
    """Everything without meaning is drawn independently of what the person feels."""
    height = {"child": 0.49, "adult": 0.605, "elder": 0.575}[age] + rng.uniform(-0.02, 0.025)
    share = {"child": 0.465, "adult": 0.40, "elder": 0.41}[age] + rng.uniform(-0.01, 0.01)
    hair = rng.choice(GREY if age == "elder" else HAIR)
    # Whoever stands at the edge holds things on the inner side, where they show
    side = rng.choice((-1, 1))
    side = 1 if place[0] < 0.25 else -1 if place[0] > 0.75 else side
    style = rng.choice(STYLES if age != "child" else STYLES[:7])
    return Look(
        place[0], place[1], height, rng.uniform(0.88, 1.2), share, rng.choice(SKIN), hair, style,
        rng.choice(TOPS), rng.choice(LEGS), rng.random() < 0.3,
        rng.random() < (0.4 if age == "elder" else 0.12), side, rng.uniform(0.85, 1.15),
        {1: 1.0, 2: 1.0, 3: 0.75, 4: 0.4}[count],
    )  # fmt: skip


@dataclass(frozen=True)
class Frame:
    """The skeleton of a posed person: `left` and `right` are (shoulder, elbow, hand)."""

    head: Point
    rx: float
    ry: float
    neck: float
    hip: float
    half: float
    left: tuple[Point, Point, Point]
    right: tuple[Point, Point, Point]
    held: Point


def frame_of(look: Look, pose: str) -> Frame:
    h, x = look.height, look.x
    ry = look.head_share * h / 2
    rx = 0.93 * ry
    drop = 0.085 * h if pose == "slumped" else 0.0
    head = (x + (0.04 * h * look.side if pose == "slumped" else 0.0), look.base - h + ry + drop)
    neck = look.base - h + 2 * ry * 0.97 + 0.4 * drop
    hip = look.base - 0.21 * h
    half = 0.125 * h * look.build
    a, b = _arms(look, pose, head, rx, ry, neck, hip, half)
    left, right = (a, b) if look.side > 0 else (b, a)
    hand = b[2]  # the hand on the `side` holds and points
    if pose in ("hands_face", "crossed"):
        hand = (x + look.side * (half + 0.09 * h), look.base - 0.09 * h)
    return Frame(head, rx, ry, neck, hip, half, left, right, hand)


def _arms(
    look: Look, pose: str, head: Point, rx: float, ry: float, neck: float, hip: float, half: float
) -> tuple[tuple[Point, Point, Point], tuple[Point, Point, Point]]:
    """The other arm and the one on `side`, each (shoulder, elbow, hand)."""
    h, x, d = look.height, look.x, look.side
    shoulder_y = neck + 0.055 * h + (0.02 * h if pose == "slumped" else 0.0)
    middle = (shoulder_y + hip) / 2
    # (elbow out, elbow y, hand out, hand y) on the side and on the other side; out is measured from the middle
    out = half + 0.03 * h
    far = look.reach
    rest = (out + 0.02 * h, middle, out + 0.01 * h, hip - 0.005 * h)
    spread = (
        out + (0.03 + 0.04 * far) * h,
        shoulder_y + 0.08 * h,
        out + 0.15 * far * h,
        shoulder_y + (0.13 - 0.14 * far) * h,
    )
    up = (
        out + 0.085 * far * h,
        neck - 0.02 * h,
        rx + (0.1 * far - 0.05) * h,
        head[1] - (1.25 - 0.2 * far) * ry,
    )
    face = (out + 0.06 * h, shoulder_y + 0.06 * h, 0.66 * rx, head[1] + 0.62 * ry)
    heart = (out + 0.045 * h, middle + 0.01 * h, 0.025 * h, shoulder_y + 0.055 * h)
    cross = (out + 0.035 * h, middle + 0.02 * h, -0.075 * h, middle - 0.015 * h)
    hang = (half + 0.015 * h, middle + 0.03 * h, half - 0.005 * h, hip + 0.06 * h)
    on_hip = (out + 0.085 * h, middle, half - 0.005 * h, hip - 0.035 * h)
    point = (
        out + 0.07 * far * h,
        shoulder_y + 0.02 * h,
        out + 0.17 * far * h,
        shoulder_y + (0.08 - 0.12 * far) * h,
    )
    plans = {
        "neutral": (rest, rest), "pointing": (on_hip, point), "crossed": (cross, cross), "arms_up": (up, up),
        "open_arms": (spread, spread), "hand_heart": (heart, heart), "hands_face": (face, face),
        "slumped": (hang, hang),
    }  # fmt: skip
    made = []
    for sign, (elbow, elbow_y, hand, hand_y) in zip((-d, d), plans[pose], strict=True):
        centre = head[0] if pose in ("arms_up", "hands_face") else x
        made.append(((x + sign * (half - 0.02 * h), shoulder_y), (x + sign * elbow, elbow_y),
                     (centre + sign * hand, hand_y)))  # fmt: skip
    return made[0], made[1]


def figure_boxes(look: Look, pose: str, mark: str) -> tuple[Box, Box]:
    """The body box (with hair, hat and what the person holds) and the head box, clamped to the picture."""
    f, h = frame_of(look, pose), look.height
    xs = [f.head[0] - 1.14 * f.rx, f.head[0] + 1.14 * f.rx, look.x - f.half, look.x + f.half]
    ys = [f.head[1] - 1.16 * f.ry, look.base + 0.008]
    for x, y in (f.left[1], f.left[2], f.right[1], f.right[2]):
        xs += [x - 0.04 * h, x + 0.04 * h]
        ys.append(y - 0.05 * h)
    if mark in HELD:
        xs += [f.held[0] - 0.10 * h, f.held[0] + 0.10 * h]
        ys.append(f.held[1] - 0.20 * h)
    elif mark in ("hat", "cap"):
        ys.append(f.head[1] - (1.72 if mark == "hat" else 1.3) * f.ry)
    elif mark == "bandage":
        xs.append(look.x - look.side * (f.half + 0.16 * h))
    elif mark == "suitcase":
        xs.append(look.x + look.side * (f.half + 0.24 * h))
    elif mark == "backpack":
        xs += [look.x - f.half - 0.075 * h, look.x + f.half + 0.075 * h]
    head = (f.head[0] - f.rx, f.head[1] - f.ry, f.head[0] + f.rx, f.head[1] + f.ry)
    return _clamp((min(xs), min(ys), max(xs), max(ys))), _clamp(head)


def _clamp(box: Box) -> Box:
    x1, y1, x2, y2 = (min(max(v, 0.0), 1.0) for v in box)
    return x1, y1, x2, y2


def mirrored(box: Box) -> Box:
    return 1 - box[2], box[1], 1 - box[0], box[3]


def draw_body(brush: Brush, look: Look, f: Frame) -> None:
    """Shadow, legs and torso; arms come later, in front of what is worn."""
    h, x = look.height, look.x
    brush.oval(x, look.base, 0.17 * h, 0.022 * h, (70, 62, 70))
    legs = look.skin if look.skirt else look.legs
    for sign in (-1, 1):
        foot = x + sign * 0.062 * h
        brush.limb(
            ((x + sign * 0.058 * h, f.hip - 0.02 * h), (foot, look.base - 0.03 * h)), legs, 0.075 * h, LINE
        )
        brush.oval(foot + sign * 0.012 * h, look.base - 0.016 * h, 0.052 * h, 0.024 * h, rgb("4a3b3a"), LINE)
    flare = 1.35 if look.skirt else 0.96
    low = f.hip + (0.05 * h if look.skirt else 0.015 * h)
    top = f.neck
    shoulder = f.half
    points = [
        (x - 0.5 * shoulder, top), (x + 0.5 * shoulder, top), (x + 0.93 * shoulder, top + 0.035 * h),
        (x + flare * shoulder, low), (x - flare * shoulder, low), (x - 0.93 * shoulder, top + 0.035 * h),
    ]  # fmt: skip
    brush.poly(points, look.top, LINE)
    if not look.skirt:
        brush.rect(x - 0.94 * shoulder, low - 0.03 * h, x + 0.94 * shoulder, low, shade(look.legs, 0.9))
    brush.rect(x - 0.045 * h, top - 0.03 * h, x + 0.045 * h, top + 0.018 * h, shade(look.skin, 0.88))


def draw_arms(brush: Brush, look: Look, f: Frame, pose: str) -> None:
    h = look.height
    sleeve = shade(look.top, 0.88)
    for arm, sign in ((f.left, -1), (f.right, 1)):
        brush.limb(arm, sleeve, 0.056 * h, LINE)
        brush.oval(arm[2][0], arm[2][1], 0.036 * h, 0.036 * h, look.skin, LINE)
        if pose == "pointing" and sign == look.side:
            x, y = arm[2]
            brush.limb(((x, y), (x + sign * 0.055 * h, y - 0.018 * h)), look.skin, 0.022 * h, LINE * 0.8)


def draw_back_hair(brush: Brush, look: Look, f: Frame) -> None:
    x, y = f.head
    if look.style == "long":
        brush.rect(
            x - 1.1 * f.rx, y - 0.6 * f.ry, x + 1.1 * f.rx, y + 1.25 * f.ry, look.hair, LINE, 0.4 * f.rx
        )
    elif look.style == "bob":
        brush.rect(
            x - 1.14 * f.rx, y - 0.6 * f.ry, x + 1.14 * f.rx, y + 0.72 * f.ry, look.hair, LINE, 0.3 * f.rx
        )
    elif look.style == "tail":
        brush.oval(x + look.side * 1.12 * f.rx, y + 0.1 * f.ry, 0.34 * f.rx, 0.7 * f.ry, look.hair, LINE)
    elif look.style == "bun":
        brush.oval(x, y - 1.05 * f.ry, 0.4 * f.rx, 0.36 * f.ry, look.hair, LINE)
    elif look.style == "curly":
        for dx, dy in ((-0.95, -0.1), (0.95, -0.1), (-0.85, -0.6), (0.85, -0.6), (-0.4, -0.92), (0.4, -0.92)):
            brush.oval(x + dx * f.rx, y + dy * f.ry, 0.36 * f.rx, 0.36 * f.ry, look.hair, LINE)
    elif look.style == "scarf":
        brush.oval(x, y + 0.02 * f.ry, 1.14 * f.rx, 1.12 * f.ry, shade(look.top, 1.15), LINE)
        fold = ((-0.7, 0.7), (0.7, 0.7), (0.5, 1.4), (-0.5, 1.4))
        brush.poly([(x + dx * f.rx, y + dy * f.ry) for dx, dy in fold], shade(look.top, 1.1))


def draw_front_hair(brush: Brush, look: Look, f: Frame) -> None:
    x, y = f.head
    if look.style == "scarf":
        brush.chord(x, y, 1.03 * f.rx, 1.04 * f.ry, 212, 328, shade(look.top, 1.15))
        return
    if look.style == "bald":
        for sign in (-1, 1):
            brush.oval(x + sign * 0.97 * f.rx, y - 0.12 * f.ry, 0.14 * f.rx, 0.3 * f.ry, look.hair)
        return
    brush.chord(x, y, 1.06 * f.rx, 1.06 * f.ry, 200, 340, look.hair)
    if look.style in ("short", "tail", "bun"):
        brush.poly(((x - 1.0 * f.rx, y - 0.42 * f.ry), (x + 0.2 * f.rx * look.side, y - 0.28 * f.ry),
                    (x + 1.0 * f.rx, y - 0.42 * f.ry)), look.hair)  # fmt: skip
    elif look.style in ("long", "bob"):
        for sign in (-1, 1):
            lock = ((0.0, -0.95), (1.06, -0.45), (1.02, 0.2), (0.72, -0.32))
            brush.poly([(x + sign * dx * f.rx, y + dy * f.ry) for dx, dy in lock], look.hair)
    else:
        for dx in (-0.6, -0.2, 0.2, 0.6):
            brush.oval(x + dx * f.rx, y - 0.55 * f.ry, 0.27 * f.rx, 0.22 * f.ry, look.hair)
