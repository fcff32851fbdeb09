"""A contact sheet of a split: pictures with the subject framed, and under each what is told and what holds."""

from __future__ import annotations

import textwrap

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from emoscene.datasets.scenes.appraisal import Array, tables
from emoscene.datasets.scenes.captions import caption, label_word, words
from emoscene.datasets.scenes.controlled import PAIRED, Person, people_of
from emoscene.datasets.scenes.draw import draw_scene
from emoscene.datasets.scenes.readers import read
from emoscene.errors import OptionError
from emoscene.images import regions
from emoscene.types import BoundingBox

SIDE, MARGIN, COLUMNS, MOST = 300, 14, 4, 200
_TEXT, _LINE = 14, 19
_CHARACTERS = 42
_INK, _FAINT, _PAPER = (24, 28, 36), (110, 116, 128), (250, 250, 248)


def contact_sheet(split: str, *, seed: int, people: int = 12) -> Image.Image:
    """The first people of a split, four in a row; pairs stand side by side.

    Args:
        split: Any split of the drawn scenes.
        seed: The stream.
        people: How many, 1 to 200; even for pairs.

    Raises:
        OptionError: if there is no such split, or a number is impossible.
    """
    if not 1 <= people <= MOST:
        raise OptionError(
            "a sheet shows no such number of people", value=people, remedy=f"Ask for 1 to {MOST}."
        )
    chosen = list(people_of(split, seed, people))
    columns = min(COLUMNS, len(chosen))
    rows = -(-len(chosen) // columns)
    lines = [_wrapped(person) for person in chosen]
    cell = (SIDE + MARGIN, SIDE + max(map(len, lines)) * _LINE + 2 * MARGIN)
    sheet = Image.new("RGB", (columns * cell[0] + MARGIN, rows * cell[1]), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for place, person in enumerate(chosen):
        x, y = MARGIN + place % columns * cell[0], MARGIN + place // columns * cell[1]
        sheet.paste(_framed(person), (x, y))
        if split in PAIRED and place % 2 == 0:
            draw.line((x + SIDE, y + SIDE // 2, x + SIDE + MARGIN, y + SIDE // 2), _INK, 3)
        for number, (text, colour) in enumerate(lines[place]):
            draw.text(
                (x, y + SIDE + 4 + number * _LINE), text, fill=colour, font=ImageFont.load_default(_TEXT)
            )
    return sheet


def told(person: Person) -> list[tuple[str, str]]:
    """What stands under a picture: a word for what it is, and the text."""
    scene, subject = person.scene, person.subject
    actor = scene.people[subject]
    lines = [("", caption(scene, subject).text)]
    said = words(scene, subject)
    if said is not None:
        lines.append(("words", said + (" (ironic)" if actor.ironic else "")))
    lines.append(("labels", ", ".join(label_word(label) for label in sorted(actor.labels)) or "none"))
    lines.append(("picture", _likely(read(scene, subject, "picture"))))
    if said is not None:
        lines.append(("and words", _likely(read(scene, subject, "picture_words"))))
    return lines


def _likely(chance: Array) -> str:
    best = np.argsort(-chance, kind="stable")[:3].tolist()
    return ", ".join(f"{label_word(tables().labels[i])} {chance[i]:.2f}" for i in best)


def _framed(person: Person) -> Image.Image:
    image = draw_scene(person.scene, SIDE)
    x1, y1, x2, y2 = (edge * SIDE for edge in person.scene.people[person.subject].box)
    return regions.red_box(image, BoundingBox(x1=x1, y1=y1, x2=x2, y2=y2))


def _wrapped(person: Person) -> list[tuple[str, tuple[int, int, int]]]:
    """Lines of text with their colours; what exact readers find likely is faint."""
    return [
        (line, _FAINT if kind in ("picture", "and words") else _INK)
        for kind, text in told(person)
        for line in textwrap.wrap(f"{kind}: {text}" if kind else text, _CHARACTERS)
    ]
