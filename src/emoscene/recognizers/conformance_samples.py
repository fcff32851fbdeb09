"""Samples for the conformance checks: a few drawn people that can be answered, and samples that cannot."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from emoscene.recognizers.base import Card
from emoscene.types import BoundingBox, Picture, Sample, Status

__all__ = ["BadSample", "bad_samples", "drawn_samples", "fingerprint", "renamed"]

_ANY = frozenset(Status)


@dataclass(frozen=True)
class BadSample:
    """A sample that is hard or impossible to answer, and the statuses that are right for it."""

    sample: Sample
    allowed: frozenset[Status]


def drawn_samples() -> list[Sample]:
    """Four drawn people, each with a picture, a box and words; sizes and lengths differ."""
    words = (
        "A child laughs and claps at a birthday party.",
        "She sits alone on a bench in the rain, looking down, after the train with her friend has left.",
        "Two men shout at each other in a car park. One of them clenches his fists and his face is red.",
        "He sleeps.",
    )
    sizes = ((200, 160), (120, 220), (320, 240), (96, 96))
    samples = []
    for number, (text, size) in enumerate(zip(words, sizes, strict=True), 1):
        picture, box = _drawn(size, smile=(1.0, -0.6, -1.0, 0.2)[number - 1], shade=40 * number)
        samples.append(Sample(id=f"drawn {number}", source="drawn", picture=picture, box=box, text=text))
    return samples


def _drawn(size: tuple[int, int], smile: float, shade: int) -> tuple[Image.Image, BoundingBox]:
    """A plain figure with a face before a coloured wall, and its box."""
    width, height = size
    picture = Image.new("RGB", size, (shade, 160, 255 - shade))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, int(0.8 * height), width, height), fill=(110, 90, 70))
    unit = min(width, height) / 10
    x, top = width / 2, height / 2 - 4 * unit
    draw.rounded_rectangle((x - 2 * unit, top + 3.4 * unit, x + 2 * unit, top + 8 * unit), unit, fill="navy")
    draw.ellipse(
        (x - 1.8 * unit, top, x + 1.8 * unit, top + 3.6 * unit), fill=(240, 205, 170), outline="black"
    )
    for side in (-0.7, 0.7):
        draw.ellipse(_around(x + side * unit, top + 1.4 * unit, 0.25 * unit), fill="black")
    bend = 0.5 * unit * smile
    corners, middle = top + 2.6 * unit - bend / 2, top + 2.6 * unit + bend / 2
    mouth = [(x - 0.8 * unit, corners), (x, middle), (x + 0.8 * unit, corners)]
    draw.line(mouth, fill="black", width=max(1, round(unit / 6)), joint="curve")
    box = BoundingBox(x1=x - 2.2 * unit, y1=max(0.0, top), x2=x + 2.2 * unit, y2=top + 8 * unit)
    return picture, box


def _around(x: float, y: float, radius: float) -> tuple[float, float, float, float]:
    return (x - radius, y - radius, x + radius, y + radius)


def bad_samples(card: Card) -> list[BadSample]:
    """Samples that a recognizer with this card must take without raising, each with the right statuses."""
    missing = frozenset({Status.OK if card.baseline else Status.MISSING_INPUT})
    bad = [BadSample(Sample(id="neither picture nor words", source="nowhere"), missing)]
    if card.uses_picture:
        bad += _bad_pictures()
    if card.uses_text:
        bad += _hostile_texts(with_picture=card.uses_picture)
        if not card.uses_picture:
            bad.append(BadSample(Sample(id="blank words", text=" \n\t "), missing))
    return bad


def _bad_pictures() -> list[BadSample]:
    unreadable = frozenset({Status.UNREADABLE})
    picture, _ = _drawn((120, 100), smile=0.5, shade=90)
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    whole = stream.getvalue()
    outside = BoundingBox(x1=5000, y1=5000, x2=5100, y2=5100)
    return [
        BadSample(Sample(id="bytes that are no picture", picture=b"this is not a picture"), unreadable),
        BadSample(Sample(id="no bytes", picture=b""), unreadable),
        BadSample(Sample(id="half a picture", picture=whole[: len(whole) // 2]), unreadable),
        BadSample(Sample(id="a picture that claims 60000 x 60000", picture=_huge_png()), unreadable),
        BadSample(
            Sample(id="a file that does not exist", picture="no-such-folder/no-such-picture.png"),
            frozenset({Status.UNREADABLE, Status.MISSING_INPUT}),
        ),
        BadSample(
            Sample(id="a box outside the picture", picture=whole, box=outside), frozenset({Status.NO_PERSON})
        ),
    ]


def _huge_png() -> bytes:
    """A PNG whose header promises 3.6 billion pixels and which holds almost none of them."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0"))
        + chunk(b"IEND", b"")
    )


def _hostile_texts(*, with_picture: bool) -> list[BadSample]:
    """Texts that may be answered or not, but must not raise: what they hold is data."""
    picture, box = _drawn((120, 100), smile=0.5, shade=90) if with_picture else (None, None)
    texts = {
        "control characters and odd scripts": "\x00\x07\x1b[31m red \u202e thgir \u200b\ufeff 😭 \ue000 عربى",
        "special tokens": "[CLS] [SEP] </s> <|im_start|>system <image> <|endoftext|> {name} %s",
        "a megabyte of words": "word " * 200_000,
        "a megabyte without a space": "x" * 1_000_000,
    }
    return [
        BadSample(Sample(id=name, picture=picture, box=box, text=text), _ANY) for name, text in texts.items()
    ]


def renamed(samples: Iterable[Sample], suffix: str) -> list[Sample]:
    """The same samples under other ids."""
    return [sample.model_copy(update={"id": f"{sample.id} {suffix}"}) for sample in samples]


def fingerprint(sample: Sample) -> str:
    """A hash of what the sample's picture holds, to see whether somebody changed it in place."""
    picture = sample.picture
    if isinstance(picture, Picture):
        picture = picture.image
    if isinstance(picture, Image.Image):
        content = f"{picture.mode} {picture.size}".encode() + picture.tobytes()
    elif isinstance(picture, np.ndarray):
        content = picture.tobytes()
    else:
        content = picture if isinstance(picture, bytes) else str(picture).encode("utf-8", "replace")
    return hashlib.sha256(content).hexdigest()
