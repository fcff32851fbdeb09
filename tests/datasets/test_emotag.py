"""EmoTag1200 in four modalities; glyphs with a font made here, and with a colour font where the machine has one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from emoscene.datasets import emotag_glyphs
from emoscene.datasets.registry import open_dataset
from emoscene.errors import InputError, MissingFileError, OptionError
from tests.datasets.reading import target_of

HEADER = "unicode,emoji,name,anger,anticipation,disgust,fear,joy,sadness,surprise,trust\n"
ROWS = [
    "1F308,🌈,rainbow,0.0,0.28,0.0,0.0,0.69,0.06,0.22,0.5",
    "1F319,🌙,crescent moon,0.0,0.31,0.0,0.0,0.31,0.0,0.06,0.25",
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "EmoTag1200-scores.csv").write_text(HEADER + "\n".join(ROWS), "utf-8")
    return tmp_path


@pytest.fixture
def font(tmp_path: Path) -> str:
    """A font with a square for the rainbow, and nothing for the moon."""
    builder = pytest.importorskip("fontTools.fontBuilder")
    pens = pytest.importorskip("fontTools.pens.ttGlyphPen")

    def square(left: int, right: int) -> Any:
        pen = pens.TTGlyphPen(None)
        pen.moveTo((left, 0))
        for corner in ((left, 700), (right, 700), (right, 0)):
            pen.lineTo(corner)
        pen.closePath()
        return pen.glyph()

    made = builder.FontBuilder(1000, isTTF=True)
    made.setupGlyphOrder([".notdef", "rainbow"])
    made.setupCharacterMap({0x1F308: "rainbow"})
    made.setupGlyf({".notdef": square(100, 200), "rainbow": square(100, 800)})
    made.setupHorizontalMetrics({".notdef": (300, 100), "rainbow": (900, 100)})
    made.setupHorizontalHeader(ascent=800, descent=-200)
    made.setupNameTable({"familyName": "Square", "styleName": "Regular"})
    made.setupOS2(sTypoAscender=800, usWinAscent=800, usWinDescent=200)
    made.setupPost()
    path = tmp_path / "square.ttf"
    made.save(path)
    return str(path)


def test_names_with_labels_and_strengths(root: Path) -> None:
    first, second = open_dataset("emotag", root).samples("test")
    assert (first.id, first.text, first.picture) == ("emotag/test/1F308", "rainbow", None)
    assert (target_of(first), target_of(second)) == ({"joy", "trust"}, set())
    assert first.target_scores is not None
    assert first.target_scores["joy"] == 0.69
    assert first.attributes == {"emoji": "🌈", "name": "rainbow"}
    (finding,) = open_dataset("emotag", root).findings()
    assert (finding.defect, finding.count) == ("no_label", 1)


def test_the_threshold_and_the_strongest(root: Path) -> None:
    assert [target_of(s) for s in open_dataset("emotag", root, threshold=0.25).samples("test")] == [
        {"joy", "trust", "anticipation"},
        {"joy", "trust", "anticipation"},
    ]
    assert [target_of(s) for s in open_dataset("emotag", root, threshold="top").samples("test")] == [
        {"joy"},
        {"joy", "anticipation"},
    ]


def test_characters_are_text(root: Path) -> None:
    file = root / "EmoTag1200-scores.csv"
    assert [s.text for s in open_dataset("emotag", file, modality="character").samples("test")] == [
        "🌈",
        "🌙",
    ]


def test_glyphs_are_drawn_and_missing_ones_counted(root: Path, font: str) -> None:
    dataset = open_dataset("emotag", root, modality="pair", font=font, size=64)
    first, second = dataset.samples("test")
    assert isinstance(first.picture, Image.Image)
    assert (first.picture.size, first.text) == ((64, 64), "rainbow")
    ink = np.asarray(first.picture.convert("L")) < 128
    assert 0.5 < ink.mean() < 0.75
    assert not ink[:5].any()
    assert not ink[:, -5:].any()
    assert second.picture is None
    assert {each.defect: each.count for each in dataset.findings()} == {"no_glyph": 1, "no_label": 1}
    assert next(iter(open_dataset("emotag", root, modality="glyph", font=font).samples("test"))).text is None


def test_without_a_font_the_remedy_is_said(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emotag_glyphs, "USUAL_FONTS", (str(tmp_path / "none.ttf"),))
    with pytest.raises(OptionError, match=r"no font.*font=FILE"):
        open_dataset("emotag", root, modality="glyph")
    with pytest.raises(MissingFileError, match="no such font"):
        open_dataset("emotag", root, modality="glyph", font=str(tmp_path / "none.ttf"))
    (tmp_path / "bad.ttf").write_bytes(b"no font")
    with pytest.raises(InputError, match=r"no font that can be drawn with: bad\.ttf"):
        open_dataset("emotag", root, modality="glyph", font=str(tmp_path / "bad.ttf"))


def test_folds_part_the_emoji_the_same_way_at_any_time(root: Path) -> None:
    rows = [ROWS[0].replace("1F308", f"{code:X}") for code in range(0x1F300, 0x1F340)]
    (root / "EmoTag1200-scores.csv").write_text(HEADER + "\n".join(rows), "utf-8")
    dataset = open_dataset("emotag", root, folds=4)
    assert dataset.splits == (
        "test",
        *(f"fold-{k}" for k in range(1, 5)),
        *(f"rest-{k}" for k in range(1, 5)),
    )
    sources = {split: [s.source for s in dataset.samples(split)] for split in dataset.splits}
    folds = [source for k in range(1, 5) for source in sources[f"fold-{k}"]]
    assert sorted(folds) == sorted(sources["test"])
    assert all(sources[f"fold-{k}"] for k in range(1, 5))
    assert sorted(sources["fold-2"] + sources["rest-2"]) == sorted(sources["test"])


@pytest.mark.parametrize(
    "options",
    [
        {"modality": "sound"},
        {"size": 5},
        {"threshold": 0},
        {"threshold": "most"},
        {"folds": 1},
        {"folds": 900},
    ],
)
def test_impossible_options_are_said(options: dict[str, Any], root: Path) -> None:
    with pytest.raises(OptionError):
        open_dataset("emotag", root, **options)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (HEADER + ROWS[0] + "\n" + ROWS[0], "line 3.*twice"),
        (HEADER + ROWS[0].replace("0.69", "1.69"), "line 2: joy must be a strength"),
        (HEADER.replace("joy", "glee") + ROWS[0], "columns are missing: joy"),
    ],
)
def test_faulty_files_are_said(content: str, said: str, root: Path) -> None:
    (root / "EmoTag1200-scores.csv").write_text(content, "utf-8")
    with pytest.raises(InputError, match=said):
        list(open_dataset("emotag", root).samples("test"))
    (root / "sub").mkdir()
    with pytest.raises(MissingFileError, match="EmoTag1200"):
        open_dataset("emotag", root / "sub")


def test_the_released_file(reference_data: Path) -> None:
    samples = list(open_dataset("emotag", reference_data / "emotag1200").samples("test"))
    assert len(samples) == 150
    assert sum(not target_of(sample) for sample in samples) == 61


def test_a_colour_font_draws_every_emoji(reference_data: Path) -> None:
    if not any(Path(name).is_file() for name in emotag_glyphs.USUAL_FONTS):
        pytest.skip("needs a font with emoji on this machine, such as fonts-noto-color-emoji")
    samples = list(
        open_dataset("emotag", reference_data / "emotag1200", modality="glyph", size=48).samples("test")
    )
    assert all(isinstance(sample.picture, Image.Image) for sample in samples)
    pixels = {sample.picture.tobytes() for sample in samples}
    assert len(pixels) == 150
    assert np.asarray(samples[0].picture).std(axis=2).max() > 20
