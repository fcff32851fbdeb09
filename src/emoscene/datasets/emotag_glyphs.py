"""Emoji drawn as pictures, with a font of this machine.

Fonts with pictures of one size (CBDT, such as Noto Color Emoji) are opened at that size and scaled; outlines are drawn
in black. What the font does not have is told apart by its sign for a missing character.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from emoscene.errors import InputError, MissingFileError, OptionError

__all__ = ["USUAL_FONTS", "GlyphFont", "open_font"]

#: Where systems keep a font with emoji.
USUAL_FONTS = (
    "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf",
    "/usr/share/fonts/noto/NotoColorEmoji.ttf",
    "/usr/share/fonts/google-noto-emoji/NotoColorEmoji.ttf",
    "/usr/share/fonts/google-noto-color-emoji-fonts/NotoColorEmoji.ttf",
    "/System/Library/Fonts/Apple Color Emoji.ttc",
    "C:/Windows/Fonts/seguiemj.ttf",
)
#: Sizes that bitmap fonts have: Noto's 109, Apple's 160, 96, 64, 137 (outlines take the first).
_SIZES = (109, 160, 137, 136, 128, 96, 64)
#: A code point that no font may have.
_NO_CHARACTER = "\U0010ffff"
#: Selects the picture of a character; drawn apart by a simple layout, and not needed.
_SELECTOR = "\ufe0f"
_MARGIN = 0.1


@dataclass(frozen=True)
class GlyphFont:
    """A font that was opened, and the side of the pictures drawn with it."""

    font: ImageFont.FreeTypeFont
    size: int
    missing: bytes

    def draw(self, emoji: str) -> Image.Image | None:
        """The emoji in the middle of a white square, or None if the font does not have it."""
        drawn = _drawn(self.font, emoji.replace(_SELECTOR, ""))
        box = drawn.getbbox()
        if box is None or drawn.tobytes() == self.missing:
            return None
        glyph = drawn.crop(box)
        longest = round(self.size * (1 - 2 * _MARGIN))
        scale = longest / max(glyph.size)
        glyph = glyph.resize(
            (max(1, round(glyph.width * scale)), max(1, round(glyph.height * scale))),
            Image.Resampling.LANCZOS,
        )
        picture = Image.new("RGB", (self.size, self.size), "white")
        picture.paste(glyph, ((self.size - glyph.width) // 2, (self.size - glyph.height) // 2), glyph)
        return picture


def _drawn(font: ImageFont.FreeTypeFont, text: str) -> Image.Image:
    side = int(font.size * 2)
    canvas = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    ImageDraw.Draw(canvas).text(
        (side // 8, side // 8), text, font=font, fill=(0, 0, 0, 255), embedded_color=True
    )
    return canvas


def open_font(file: str | None, size: int) -> GlyphFont:
    """The font in `file`, or the first of the usual ones that is there.

    Raises:
        OptionError: if no font is named and none is found.
        MissingFileError: if the named file is not there.
        InputError: if it is no font that can be drawn with.
    """
    if file is None:
        place = next((Path(each) for each in USUAL_FONTS if Path(each).is_file()), None)
        if place is None:
            raise OptionError(
                "no font with emoji was found on this machine",
                remedy="Install one (Debian: apt install fonts-noto-color-emoji) or name a file: font=FILE.ttf; "
                "modality=name needs none.",
            )
    else:
        place = Path(file).expanduser()
        if not place.is_file():
            raise MissingFileError(
                "there is no such font file", value=file, remedy="Check the path given as font."
            )
    font = _at_its_size(place)
    return GlyphFont(font, size, _drawn(font, _NO_CHARACTER).tobytes())


def _at_its_size(place: Path) -> ImageFont.FreeTypeFont:
    for points in _SIZES:
        try:
            return ImageFont.truetype(str(place), points, layout_engine=ImageFont.Layout.BASIC)
        except OSError:
            continue
    raise InputError(
        "this is no font that can be drawn with",
        value=place.name,
        remedy="Name a TrueType or OpenType font with outlines or bitmaps, such as NotoColorEmoji.ttf.",
    )
