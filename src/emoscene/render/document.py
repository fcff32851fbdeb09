"""An HTML file that needs nothing else: no script, no font, no request to anywhere.

Every word that came from outside (paths, captions, label names, messages) is escaped, and a content security
policy in the file forbids whatever it does not carry itself.
"""

from __future__ import annotations

import base64
import html
import io
from importlib.resources import files

from PIL import Image

from emoscene import __version__
from emoscene.render import words
from emoscene.render.printable import printable
from emoscene.types import BoundingBox, Picture

__all__ = ["boxed_picture", "document", "escaped", "frame_style", "outline", "thumbnail"]

_LONGER_SIDE = 1000
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def document(title: str, about: str, body: str, *, style: str = "") -> str:
    """The whole file as a string; write it as UTF-8.

    Args:
        title: Its heading.
        about: The line under it.
        body: The main part, as HTML that is escaped already.
        style: CSS beside that of every page.
    """
    shared = files("emoscene.render").joinpath("page.css").read_text(encoding="utf-8")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="emoscene {__version__}">
<title>{escaped(title)}</title>
<style>
{shared}{style}</style>
</head>
<body>
<header>
<h1>{escaped(title)}</h1>
<p class="faint">{escaped(about)}</p>
</header>
<main>
{body}
</main>
<footer>
<p><strong>{escaped(words.NOTICE)}</strong></p>
<p>{escaped(words.USE_NOTICE)}</p>
<p>emoscene {__version__}</p>
</footer>
</body>
</html>
"""


def escaped(text: str) -> str:
    """Other people's text, to stand in HTML between tags or in a quoted attribute."""
    return html.escape(printable(text), quote=True)


def thumbnail(picture: Picture, alt: str, longer_side: int = _LONGER_SIDE) -> str:
    """The picture as an element that carries its pixels, no side longer than `longer_side`; `alt` is escaped here."""
    image = picture.image.convert("RGB")
    image.thumbnail((longer_side, longer_side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=86, optimize=True)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return (
        f'<img alt="{escaped(alt)}" width="{image.width}" height="{image.height}" '
        f'src="data:image/jpeg;base64,{data}">'
    )


def frame_style(picture: Picture) -> str:
    """The frame is never much larger than the picture, nor taller than the window."""
    shape = picture.width / picture.height
    return f"max-width:min({max(picture.width, 360)}px,{78 * shape:.2f}vh)"


def outline(box: BoundingBox, picture: Picture, who: str, badge: str = "") -> str:
    """A box over its picture, in a `.frame`; `who` is the CSS of its colour, `badge` the HTML in its corner."""
    left, top = 100 * box.x1 / picture.width, 100 * box.y1 / picture.height
    width, height = 100 * box.width / picture.width, 100 * box.height / picture.height
    place = f"left:{left:.3f}%;top:{top:.3f}%;width:{width:.3f}%;height:{height:.3f}%"
    return f'<div class="box" style="{who};{place}">{badge}</div>'


def boxed_picture(picture: Picture, box: BoundingBox | None, alt: str, longer_side: int) -> str:
    """A small picture with one person's box, clamped to it.

    Raises:
        BoxError: if the box lies outside of the picture.
    """
    mark = ""
    if box is not None:
        mark = outline(box.clamp(picture.width, picture.height), picture, "--who:#ffd640")
    return f'<div class="frame">{thumbnail(picture, alt, longer_side)}{mark}</div>'
