"""What a server is told about one person: encoded pictures, words as data, and the phrase that says who is meant."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import dataclass
from typing import Any, Literal

from PIL import Image

from emoscene.prompts import template

__all__ = ["Encoded", "Format", "Scene", "encode", "plain_words"]

Format = Literal["jpeg", "png"]
#: Words beyond this are cut, and the row says so.
LONGEST_WORDS = 8_000
_JPEG_QUALITY = 90
#: What tokenizers of servers might take for one of their special tokens, such as <image> and <|im_end|>.
_SPECIAL = re.compile(r"<(?=[|/]?\w[\w|/:-]*>)")


@dataclass(frozen=True)
class Encoded:
    """A picture as it is sent."""

    format: Format
    data: str

    @property
    def url(self) -> str:
        return f"data:image/{self.format};base64,{self.data}"


def encode(image: Image.Image, most_side: int, format: Format) -> Encoded:
    """The picture, no side longer than `most_side`, without anything but its pixels.

    JPEG keeps full colour resolution: the red box is a thin red line.
    """
    if max(image.size) > most_side:
        share = most_side / max(image.size)
        size = max(1, round(image.width * share)), max(1, round(image.height * share))
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    stream = io.BytesIO()
    if format == "jpeg":
        image.save(stream, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
    else:
        image.save(stream, "PNG")
    return Encoded(format, base64.b64encode(stream.getvalue()).decode("ascii"))


@dataclass(frozen=True)
class Scene:
    """One person to ask about. `person` is the phrase for them, `paper_person` the one of the published prompt."""

    words: str
    pictures: tuple[Encoded, ...] = ()
    person: str = template("pointing/words.v1").text
    paper_person: str = template("pointing/words.v1").text
    warnings: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """The words in their frame: beside a picture, or alone; empty without words."""
        if not self.words:
            return ""
        frame = "vlm/words.v1" if self.pictures else "language/scene.v1"
        return template(frame).render(words=self.words)

    def parts(self, question: str) -> list[dict[str, Any]]:
        """The content of a chat message: pictures, words, question. What changes least stands first, so that servers
        that keep prefixes can use them again."""
        told = self.told
        text = f"{told}\n{question}" if told else question
        pictures = [{"type": "image_url", "image_url": {"url": picture.url}} for picture in self.pictures]
        return [*pictures, {"type": "text", "text": text}]


def plain_words(text: str | None) -> tuple[str, tuple[str, ...]]:
    """Words as data, and a remark if they had to be cut: nothing in them is a special token to a server."""
    said = (text or "").encode("utf-8", "replace").decode().replace("\0", "").strip()
    cut = (f"the words are too long: only their first {LONGEST_WORDS} characters were sent",)
    return _SPECIAL.sub("< ", said[:LONGEST_WORDS]), cut if len(said) > LONGEST_WORDS else ()
