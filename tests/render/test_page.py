from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser

from PIL import Image

from emoscene.labels import Label, LabelSpace
from emoscene.render.page import Shown, page
from emoscene.render.words import NOTICE, USE_NOTICE
from emoscene.types import BoundingBox, Picture, Status
from tests.render.conftest import failed, prediction

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
VOID = {"meta", "img", "br"}


class Reader(HTMLParser):
    """Collects tags and attributes, and checks that every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_it_needs_nothing_from_outside(picture: Picture, emotic: LabelSpace) -> None:
    text = page(
        [Shown(picture, (prediction(), prediction(id="b")))], emotic, model="a-model", why="of a reason"
    )
    read = Reader(text)
    assert not {"script", "link", "iframe", "object"} & set(read.tags)
    assert [value for name, value in read.attributes if name in {"href", "srcset", "action"}] == []
    assert all(
        value.startswith("data:image/jpeg;base64,") for name, value in read.attributes if name == "src"
    )
    assert not re.search(r"https?:|//[a-z]|@import|url\(", text)
    assert "default-src 'none'" in text


def test_foreign_words_are_escaped(picture: Picture) -> None:
    labels = LabelSpace("own", "own", (Label("fear", EVIL, EVIL),))
    row = prediction(
        source=EVIL,
        caption=EVIL,
        reason=EVIL,
        warnings=(EVIL,),
        model=EVIL,
        scores={"fear": 0.5},
        labels=("fear",),
        dominant="fear",
    )
    text = page([Shown(picture, (row,)), Shown(None, (failed(source=EVIL),))], labels, model=EVIL, why=EVIL)
    read = Reader(text)
    assert "script" not in read.tags
    assert not [name for name, _ in read.attributes if name.startswith("on")]
    assert read.tags.count("img") == 1
    assert "alert(1)" in "".join(read.words)


def test_what_stands_in_it(picture: Picture, emotic: LabelSpace) -> None:
    rows = (prediction(), prediction(id="b", box=BoundingBox(x1=100, y1=15, x2=150, y2=75)))
    text = page([Shown(picture, rows), Shown(None, (failed(),))], emotic, model="a-model")
    words = " ".join(" ".join(Reader(text).words).split())
    for said in ("photo.png", "Yearning", "0.52", "7.2", NOTICE, USE_NOTICE, "unreadable", "Save it as PNG."):
        assert said in words
    assert "left:50.000%;top:10.000%;width:25.000%;height:40.000%" in text
    assert "prefers-color-scheme: dark" in text


def test_all_labels_are_on_the_page(picture: Picture, emotic: LabelSpace) -> None:
    words = Reader(page([Shown(picture, (prediction(),))], emotic)).words
    assert {label.name for label in emotic} <= set(words)


def test_the_thumbnail_is_the_picture(picture: Picture) -> None:
    text = page([Shown(picture, (prediction(),))])
    found = re.search(r"base64,([^\"]+)\"", text)
    assert found
    image = Image.open(io.BytesIO(base64.b64decode(found[1])))
    assert image.size == (picture.width, picture.height)
    red, green, blue = image.convert("RGB").resize((1, 1)).getpixel((0, 0))  # type: ignore[misc]
    assert abs(red - 90) + abs(green - 120) + abs(blue - 90) < 10


def test_rows_that_are_not_ok(picture: Picture) -> None:
    text = page([Shown(picture, (failed(Status.OUT_OF_DOMAIN),))])
    assert "out of domain" in text
    assert 'class="bars"' not in text
