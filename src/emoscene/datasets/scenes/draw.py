"""A scene as a picture: backdrop, the event's prop, then the people from back to front, then the light."""

from __future__ import annotations

from typing import Literal

from PIL import Image, ImageDraw

from emoscene.datasets.scenes.faces import UNITS, draw_face
from emoscene.datasets.scenes.figure import (
    LINE,
    draw_arms,
    draw_back_hair,
    draw_body,
    draw_front_hair,
    frame_of,
    mirrored,
)
from emoscene.datasets.scenes.marks import BEHIND, ON_TOP, WORN
from emoscene.datasets.scenes.painter import INK, Brush, shade
from emoscene.datasets.scenes.props import PROPS, Local
from emoscene.datasets.scenes.scene import Actor, Box, Scene
from emoscene.datasets.scenes.settings import SETTINGS
from emoscene.errors import OptionError

PROP_RADIUS = 0.2


def draw_scene(
    scene: Scene,
    size: int = 448,
    *,
    paint_over: Literal["context", "person"] | None = None,
    subject: int | None = None,
    fill: tuple[int, int, int] = (127, 127, 127),
    supersample: int = 2,
) -> Image.Image:
    """The picture, RGB, size x size pixels.

    Args:
        scene: What to draw.
        size: The side in pixels.
        paint_over: `context` fills everything outside the subject's box, `person` fills the box.
        subject: The index of the person meant by `paint_over`.
        fill: The colour used for painting over.
        supersample: The scene is drawn this many times larger and then reduced.

    Raises:
        OptionError: if `paint_over` is given without a subject.
    """
    if paint_over is not None and subject is None:
        raise OptionError("painting over needs a subject", remedy="Pass the index of a person.")
    brush = Brush(size * supersample, (255, 255, 255), scene.look.mirror)
    SETTINGS[scene.setting](brush, scene.look.variant)
    x1, y1, x2, y2 = prop_box(scene, mirror=False)
    PROPS[scene.event](Local(brush, (x1 + x2) / 2, (y1 + y2) / 2, (x2 - x1) / 2))
    # Boxes are in the coordinates of the final picture, so people are placed as they are: never mirrored.
    brush.mirror = False
    for actor in scene.people:
        _draw_person(brush, actor)
    image = brush.image.reduce(supersample) if supersample > 1 else brush.image
    image = image.point([min(255, int(v * gain)) for gain in scene.look.tint for v in range(256)])
    if paint_over is None or subject is None:
        return image
    return _painted_over(image, scene.people[subject].box, paint_over, fill)


def prop_box(scene: Scene, *, mirror: bool | None = None) -> Box:
    """Where the event's prop stands, in fractions of the picture."""
    dx, dy = scene.look.shift
    x, y, r = 0.745 + dx, 0.225 + dy, PROP_RADIUS * scene.look.scale
    box = (x - r, y - r, x + r, y + r)
    return mirrored(box) if (scene.look.mirror if mirror is None else mirror) else box


def _draw_person(brush: Brush, actor: Actor) -> None:
    look = actor.look
    f = frame_of(look, actor.pose)
    if actor.mark in BEHIND:
        BEHIND[actor.mark](brush, look, f)
    draw_back_hair(brush, look, f)
    draw_body(brush, look, f)
    if actor.mark in WORN:
        WORN[actor.mark](brush, look, f)
    in_front = actor.pose in ("hands_face", "arms_up")
    if not in_front:
        draw_arms(brush, look, f, actor.pose)
    x, y = f.head
    if look.style != "scarf":
        for sign in (-1, 1):
            brush.oval(
                x + sign * 0.98 * f.rx, y + 0.1 * f.ry, 0.15 * f.rx, 0.2 * f.ry, shade(look.skin, 0.9), LINE
            )
    brush.oval(x, y, f.rx, f.ry, look.skin, LINE)
    draw_front_hair(brush, look, f)
    draw_face(brush, x, y, f.rx, f.ry, look.skin, UNITS[actor.expression], look.vigour)
    if look.glasses:
        for sign in (-1, 1):
            brush.ring(x + sign * 0.42 * f.rx, y - 0.02 * f.ry, 0.3 * f.rx, 0.28 * f.ry, INK, 0.05 * f.rx)
    if in_front:
        draw_arms(brush, look, f, actor.pose)
    if actor.mark in ON_TOP:
        ON_TOP[actor.mark](brush, look, f)


def _painted_over(image: Image.Image, box: Box, paint_over: str, fill: tuple[int, int, int]) -> Image.Image:
    size = image.width
    x1, y1, x2, y2 = (round(v * size) for v in box)
    if paint_over == "person":
        ImageDraw.Draw(image).rectangle((x1, y1, max(x2 - 1, x1), max(y2 - 1, y1)), fill)
        return image
    if paint_over == "context":
        blank = Image.new("RGB", image.size, fill)
        blank.paste(image.crop((x1, y1, x2, y2)), (x1, y1))
        return blank
    raise OptionError(
        "there is no such way to paint over", value=paint_over, remedy="Choose context or person."
    )
