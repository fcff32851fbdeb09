"""A hundred pictures that are no drawn scenes: what the embedded model should call `out_of_domain`.

    python -m benchmarks.foreign SHEET.png     all of them on one sheet; needs EMOSCENE_REFERENCE_DATA

Photographs and what becomes of them (30), drawings by another hand (35), noise (10), pages of text (10),
plots (10), flat fills (5). The drawings of people in rooms are the hard part, on purpose. A box marks the person,
or whatever a user might point at; it is None where the whole picture is asked about. The same seed gives the same
pictures with the same versions of Pillow, numpy and matplotlib.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from benchmarks.foreign_drawings import DRAWINGS
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

from emoscene.errors import MissingFileError
from emoscene.types import BoundingBox

__all__ = ["COUNT", "Foreign", "contact_sheet", "foreign_pictures"]

COUNT: Final = 100

# Photographs are shrunk to this longest side, as pictures on the web are.
_LONGEST_SIDE = 800

_Share = tuple[float, float, float, float]


@dataclass(frozen=True)
class Foreign:
    """One picture: its kind is `photo`, `drawing`, `noise`, `text`, `plot` or `fill`."""

    name: str
    kind: str
    image: Image.Image
    box: BoundingBox | None


def foreign_pictures(reference: Path, seed: int = 2026) -> list[Foreign]:
    """The hundred pictures, always in the same order.

    Args:
        reference: The folder of reference data, with `photos/` and `weights/clip-reference/franz-kafka.jpg`.
        seed: What chance decides: colours, moods, noise, numbers in plots. The photographs stay the same.

    Raises:
        MissingFileError: if a photograph is not there.
    """
    pictures = [
        *_photographs(reference),
        *_drawings(seed),
        *_noise(seed),
        *_pages(seed),
        *_plots(seed),
        *_fills(),
    ]
    if len(pictures) != COUNT or len({p.name for p in pictures}) != COUNT:
        raise AssertionError(f"{COUNT} pictures of different names were promised, {len(pictures)} were made")
    return pictures


# People and faces in the photographs, as shares of width and height.
_PEOPLE: dict[str, tuple[tuple[_Share, _Share], ...]] = {
    "photos/000000000785.jpg": (((0.33, 0.10, 0.96, 0.94), (0.53, 0.09, 0.63, 0.24)),),
    "photos/group.jpeg": (
        ((0.00, 0.17, 0.32, 0.85), (0.08, 0.22, 0.26, 0.50)),
        ((0.64, 0.25, 1.00, 0.87), (0.72, 0.25, 0.91, 0.55)),
    ),
    "photos/happy-baby.jpeg": (((0.27, 0.12, 0.72, 0.92), (0.36, 0.10, 0.65, 0.57)),),
    "photos/sad-baby.jpeg": (((0.08, 0.00, 1.00, 1.00), (0.27, 0.00, 0.99, 1.00)),),
    "photos/two_people.jpg": (
        ((0.02, 0.01, 0.50, 1.00), (0.16, 0.00, 0.37, 0.38)),
        ((0.51, 0.01, 1.00, 1.00), (0.65, 0.00, 0.87, 0.40)),
    ),
    "weights/clip-reference/franz-kafka.jpg": (((0.22, 0.06, 0.88, 1.00), (0.34, 0.05, 0.66, 0.30)),),
}


def _box(share: _Share, image: Image.Image) -> BoundingBox:
    w, h = image.size
    return BoundingBox(x1=share[0] * w, y1=share[1] * h, x2=share[2] * w, y2=share[3] * h)


def _cut(image: Image.Image, share: _Share) -> Image.Image:
    x1, y1, x2, y2 = _box(share, image).as_tuple()
    return image.crop((round(x1), round(y1), round(x2), round(y2)))


def _open(path: Path) -> Image.Image:
    if not path.is_file():
        raise MissingFileError(
            "a photograph of the reference data is missing",
            value=path,
            remedy="Name the folder of reference data in EMOSCENE_REFERENCE_DATA.",
        )
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    image.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE), Image.Resampling.LANCZOS)
    return image


def _photographs(reference: Path) -> Iterator[Foreign]:
    """Six photographs and twenty-four versions of them: each three ways by turns, and eight faces cut out."""
    for turn, (file, people) in enumerate(_PEOPLE.items()):
        image, stem = _open(reference / file), Path(file).stem
        yield Foreign(stem, "photo", image, _box(people[0][0], image))
        for n, (_, face) in enumerate(people):
            square = _cut(image, face).resize((448, 448), Image.Resampling.BICUBIC)
            yield Foreign(f"{stem}-face-{n}", "photo", square, None)
        yield _version(f"{stem}-a", image, people[-1][0], turn % 3)
        yield _version(f"{stem}-b", image, people[0][0], 3 + turn % 4)
    image = _open(reference / "photos/group.jpeg")
    person = _PEOPLE["photos/group.jpeg"][1][0]
    yield Foreign("group-person", "photo", _cut(image, person), None)
    yield _version("group-poster", image, person, 7)
    baby, two = _open(reference / "photos/happy-baby.jpeg"), _open(reference / "photos/two_people.jpg")
    yield _version("happy-baby-poster", baby, _PEOPLE["photos/happy-baby.jpeg"][0][0], 7)
    yield _version("two-people-blurred", two, _PEOPLE["photos/two_people.jpg"][1][0], 4)


def _version(name: str, image: Image.Image, person: _Share, way: int) -> Foreign:
    """A photograph treated in one of eight ways; the box follows."""
    x1, y1, x2, y2 = person
    if way == 0:
        image, person = ImageOps.mirror(image), (1 - x2, y1, 1 - x1, y2)
    elif way == 1:
        image = image.resize((448, 448), Image.Resampling.BICUBIC)
    elif way == 2:
        image = ImageOps.grayscale(image).convert("RGB")
    elif way == 3:
        image = image.resize((160, round(160 * image.height / image.width)), Image.Resampling.LANCZOS)
    elif way == 4:
        image = image.filter(ImageFilter.GaussianBlur(6))
    elif way == 5:
        image = _as_jpeg(image, quality=8)
    elif way == 6:
        image = ImageOps.autocontrast(ImageOps.solarize(image, 150))
    else:
        # Few flat colours: a photograph that looks like a drawing.
        image = ImageOps.posterize(image.filter(ImageFilter.ModeFilter(9)), 2)
    return Foreign(name, "photo", image, _box(person, image))


def _as_jpeg(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    with Image.open(file) as opened:
        return opened.convert("RGB")


def _drawings(seed: int) -> Iterator[Foreign]:
    """Every third drawing went through JPEG, as clip art on the web often has."""
    made = 0
    for kind, count, draw in DRAWINGS:
        for which in range(count):
            image, box = draw(random.Random(f"{seed}:{kind}:{which}"), which)
            made += 1
            yield Foreign(f"{kind}-{which}", "drawing", _as_jpeg(image, 55) if made % 3 == 0 else image, box)


def _pixels(values: npt.NDArray[np.float64]) -> Image.Image:
    """A picture of values in 0..255, of shape (height, width) or (height, width, 3)."""
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)).convert("RGB")


def _clouds(rng: np.random.Generator, size: int, colours: int) -> npt.NDArray[np.float64]:
    """Smooth noise in several octaves, of shape (size, size, colours)."""
    total = np.zeros((size, size, colours))
    for octave in range(5):
        cells = 2 ** (octave + 2)
        for channel in range(colours):
            coarse = Image.fromarray(rng.random((cells, cells)).astype(np.float32))
            smooth = coarse.resize((size, size), Image.Resampling.BICUBIC)
            total[:, :, channel] += np.asarray(smooth) / 2 ** (octave + 1)
    return total * 255


def _noise(seed: int) -> Iterator[Foreign]:
    rng = np.random.default_rng(seed)

    def salted(ground: Image.Image, share: float) -> Image.Image:
        values, hit = np.asarray(ground).copy(), rng.random(ground.size[::-1])
        values[hit < share / 2], values[hit > 1 - share / 2] = 0, 255
        return Image.fromarray(values)

    cloud = _pixels(_clouds(rng, 448, 3))
    fine = _pixels(rng.normal(128, 60, (448, 448, 3)))
    made = {
        "gaussian-colour": fine,
        "gaussian-grey": _pixels(rng.normal(128, 60, (300, 400))),
        "gaussian-faint": _pixels(rng.normal((210, 190, 160), 12, (448, 448, 3))),
        "uniform": _pixels(rng.uniform(0, 255, (240, 640, 3))),
        "salt-and-pepper": salted(Image.new("RGB", (448, 448), (120, 150, 190)), 0.3),
        "salt-and-pepper-cloud": salted(cloud, 0.08),
        "cloud-colour": cloud,
        "cloud-grey": _pixels(_clouds(rng, 512, 1)[:, :, 0]),
        "blurred": ImageOps.autocontrast(fine.filter(ImageFilter.GaussianBlur(8))),
        "blocks": _pixels(rng.uniform(0, 255, (14, 10, 3))).resize((320, 448), Image.Resampling.NEAREST),
    }
    for n, (name, image) in enumerate(made.items()):
        # Every other one with a box, as a detector that is wrong gives it.
        box = _box((0.3, 0.2, 0.7, 0.95), image) if n % 2 else None
        yield Foreign(f"noise-{name}", "noise", image, box)


_WORDS = (
    "the of a to in is that for on with as at by from person room window table feels letter report garden "
    "morning river paper between quiet under several measured answer happy afraid waiting because weather "
    "signal page column number however street light evening without figure result"
).split()


def _lines(rng: random.Random, count: int, width: int) -> list[str]:
    lines: list[str] = []
    for _ in range(count):
        line = rng.choice(_WORDS).capitalize()
        while len(line) < width:
            line += " " + rng.choice(_WORDS)
        lines.append(line[:width])
    return lines


def _code(rng: random.Random, count: int) -> list[str]:
    names = rng.choices(_WORDS, k=3 * count)
    return [
        " " * rng.choice((0, 4, 4, 8)) + f"{a} = {b}({c!r}, {rng.randint(0, 99)})"
        for a, b, c in zip(names[::3], names[1::3], names[2::3], strict=True)
    ]


def _pages(seed: int) -> Iterator[Foreign]:
    """Pages: letters of several sizes, dark and light ground, two columns, tables, code, a sign."""
    rng = random.Random(f"{seed}:pages")
    looks: tuple[tuple[str, tuple[int, int], int, str, str], ...] = (
        ("letter", (448, 448), 14, "white", "black"),
        ("book", (420, 594), 10, "#fbf5e6", "#222222"),
        ("large", (600, 400), 30, "white", "#123456"),
        ("screen", (640, 480), 13, "#1e1e1e", "#d4d4d4"),
        ("columns", (595, 842), 9, "white", "black"),
        ("table", (640, 360), 14, "white", "black"),
        ("table-coloured", (448, 448), 13, "#eaf2fb", "#1a3b5c"),
        ("code", (448, 448), 12, "#fdf6e3", "#586e75"),
        ("code-dark", (800, 450), 15, "#0b1021", "#7ee787"),
        ("sign", (512, 256), 72, "#c62828", "white"),
    )
    for name, size, points, ground, ink in looks:
        image = Image.new("RGB", size, ground)
        draw, font = ImageDraw.Draw(image), ImageFont.load_default(points)
        step, margin = round(points * 1.45), 20
        rows = (size[1] - 2 * margin) // step
        letters = round((size[0] - 2 * margin) / (points * 0.52))
        if name.startswith("table"):
            _table(draw, rng, size, step + 8, ink, font)
        elif name == "sign":
            draw.text((size[0] / 2, size[1] / 2), "NO EXIT", ink, font, anchor="mm")
        elif name == "columns":
            for left in (margin, size[0] // 2 + 8):
                text = "\n".join(_lines(rng, rows, letters // 2 - 3))
                draw.multiline_text((left, margin), text, ink, font, spacing=step - points)
        else:
            lines = _code(rng, rows) if name.startswith("code") else _lines(rng, rows, letters - 4)
            for row, line in enumerate(lines):
                draw.text((margin, margin + row * step), line if row % 9 != 8 else "", ink, font)
        box = _box((0.1, 0.1, 0.5, 0.9), image) if name in ("letter", "table", "code") else None
        yield Foreign(f"text-{name}", "text", image, box)


def _table(
    draw: ImageDraw.ImageDraw,
    rng: random.Random,
    size: tuple[int, int],
    step: int,
    ink: str,
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
) -> None:
    columns = 5
    for row in range((size[1] - 40) // step):
        y = 20 + row * step
        draw.line((20, y, size[0] - 20, y), ink)
        for column in range(columns):
            cell = rng.choice(_WORDS) if not row or not column else f"{rng.uniform(0, 100):.2f}"
            draw.text((26 + column * (size[0] - 40) / columns, y + 4), cell, ink, font)


def _plots(seed: int) -> Iterator[Foreign]:
    from matplotlib import rc_context
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    rng = np.random.default_rng([seed, 1])
    t = np.linspace(0, 10, 80)

    def draw(axes: Axes, name: str) -> None:
        if name in ("line", "line-dark", "area"):
            for _ in range(3):
                curve = np.cumsum(rng.normal(0, 1, t.size))
                axes.fill_between(t, curve, alpha=0.6) if name == "area" else axes.plot(t, curve)
            axes.set_title("Walks")
        elif name == "bar":
            axes.bar(list("ABCDEF"), rng.uniform(1, 9, 6))
        elif name == "bar-across":
            axes.barh(_WORDS[10:16], rng.uniform(1, 9, 6), color="tab:orange")
        elif name == "scatter":
            axes.scatter(rng.normal(size=150), rng.normal(size=150), c=rng.random(150), s=30)
        elif name == "heat-map":
            axes.imshow(rng.random((9, 12)), cmap="viridis", aspect="auto")
        elif name == "pie":
            axes.pie(rng.uniform(1, 5, 5), labels=list("VWXYZ"))
        elif name == "histogram":
            axes.hist(rng.normal(size=400), bins=25)
        else:
            axes.contourf(np.outer(np.sin(t), np.cos(t * 0.7)), levels=8, cmap="RdBu")

    names = "line line-dark area bar bar-across scatter heat-map pie histogram contour".split()
    for n, name in enumerate(names):
        dark = {"axes.facecolor": "#22272e", "figure.facecolor": "#22272e"} if name == "line-dark" else {}
        with rc_context(dark):
            wide, high = ((4.48, 4.48), (6.4, 4.0), (3.2, 4.4))[n % 3]
            figure = Figure(figsize=(wide, high), dpi=100)
            draw(figure.add_subplot(), name)
        file = io.BytesIO()
        figure.savefig(file, format="png")
        with Image.open(file) as opened:
            image = opened.convert("RGB")
        box = _box((0.25, 0.15, 0.6, 0.9), image) if n % 2 else None
        yield Foreign(f"plot-{name}", "plot", image, box)


def _fills() -> Iterator[Foreign]:
    up = np.linspace(0, 1, 448)
    sunset = (1 - up)[:, None, None] * [70, 110, 190] + up[:, None, None] * [250, 190, 140]
    cells = (np.indices((360, 640)) // 40).sum(axis=0) % 2
    made = {
        "solid": Image.new("RGB", (448, 448), (96, 140, 170)),
        "black": Image.new("RGB", (200, 300), "black"),
        # A horizon, as a wall and a floor have: two flat colours, nobody there.
        "two-tone": _pixels(
            np.where(up[:, None, None] < 0.68, [236, 222, 200], [150, 112, 80]) + np.zeros((1, 448, 1))
        ),
        "gradient": _pixels(sunset + np.zeros((1, 600, 1))),
        "checkerboard": _pixels(np.where(cells[:, :, None] == 0, [255.0, 255, 255], [190, 30, 60])),
    }
    for n, (name, image) in enumerate(made.items()):
        box = _box((0.35, 0.25, 0.65, 0.9), image) if n % 2 == 0 else None
        yield Foreign(f"fill-{name}", "fill", image, box)


def contact_sheet(pictures: Sequence[Foreign], columns: int = 10, side: int = 150) -> Image.Image:
    """All pictures small, in order, each with its name and its box in red; `side` is a cell's width in pixels."""
    label = 14
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * side, rows * (side + label)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(10)
    for n, picture in enumerate(pictures):
        left, top = n % columns * side, n // columns * (side + label)
        small = ImageOps.contain(picture.image, (side - 4, side - 4))
        sheet.paste(small, (left, top))
        draw.text((left, top + side - 2), picture.name[:26], "black", font)
        if picture.box is not None:
            scale = small.width / picture.image.width
            x1, y1, x2, y2 = (c * scale for c in picture.box.as_tuple())
            draw.rectangle((left + x1, top + y1, left + x2, top + y2), outline="red")
    return sheet


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sheet", type=Path, help="where to write the sheet (PNG)")
    parser.add_argument("--seed", type=int, default=2026)
    options = parser.parse_args(argv)
    reference = os.environ.get("EMOSCENE_REFERENCE_DATA")
    if not reference:
        parser.error("EMOSCENE_REFERENCE_DATA names no folder of reference data")
    contact_sheet(foreign_pictures(Path(reference), options.seed)).save(options.sheet)
    return 0


if __name__ == "__main__":
    sys.exit(main())
