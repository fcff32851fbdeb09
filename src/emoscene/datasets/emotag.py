"""EmoTag1200: 150 emoji with the strength of each of Plutchik's eight emotions, as a picture, as a name, or as both.

The nearest openly licensed thing to a benchmark of emoji. A glyph is drawn with a font of this machine, because none
ships with the package and none is fetched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

from emoscene.datasets.base import Dataset, Defect, Facts, Ledger
from emoscene.datasets.emotag_glyphs import GlyphFont, open_font
from emoscene.datasets.table_cells import number_in, text_in
from emoscene.datasets.table_files import Row, columns_in, rows_in
from emoscene.datasets.table_layout import TableLayout
from emoscene.datasets.table_people import note
from emoscene.errors import InputError, MissingFileError, OptionError
from emoscene.labels import label_space
from emoscene.types import Sample

__all__ = ["FACTS", "open_emotag"]

FACTS = Facts(
    name="emotag",
    title="EmoTag1200: 150 emoji, strengths from 0 to 1 of Plutchik's eight emotions",
    licence="MIT",
    access="https://github.com/abushoeb/EmoTag, the file data/EmoTag1200-scores.csv",
    traps=(
        "Strengths are graded, and labels are cut from them: with a threshold of 0.5, 61 of the 150 emoji have no "
        "label, with 0.4 36, with 0.3 19. The strengths stay as soft targets.",
        "How an emoji looks depends on the font; glyphs of another vendor give other answers.",
        "An emoji is no person in a scene: this tests signs and words, not context.",
    ),
)
Modality = Literal["name", "character", "glyph", "pair"]
_MODALITIES: tuple[Modality, ...] = ("name", "character", "glyph", "pair")
_FILE = "EmoTag1200-scores.csv"
_TABLE = TableLayout(separator=",")
_TEST = "test"
_MOST_FOLDS = 50

_DEFECTS: Mapping[str, Defect] = {
    "no_glyph": Defect(
        "an emoji that the font does not have",
        "kept without a picture; its status may be `missing_input`",
        "warning",
    ),
    "no_label": Defect("an emoji with no emotion of that strength", "kept with no labels", "note"),
}


@dataclass
class EmoTag(Dataset):
    """EmoTag1200 that was opened."""

    file: Path = field(kw_only=True)
    modality: Modality = field(kw_only=True)
    threshold: float | None = field(kw_only=True)
    folds: int = field(kw_only=True)
    font: GlyphFont | None = field(kw_only=True)

    def defects(self) -> Mapping[str, Defect]:
        return _DEFECTS

    def samples(self, split: str, ledger: Ledger | None = None) -> Iterator[Sample]:
        self.check_split(split)
        return self._samples(split, ledger)

    def _samples(self, split: str, ledger: Ledger | None) -> Iterator[Sample]:
        seen: set[str] = set()
        for row in rows_in(self.file, _TABLE):
            code = text_in(row.cells["unicode"])
            if not code or code in seen:
                raise InputError(
                    f"{row.where}: the code is empty or stands twice",
                    value=code,
                    remedy="Get the file again.",
                )
            seen.add(code)
            if _is_in(split, code, self.folds):
                yield self._sample(row, code, split, ledger)

    def _sample(self, row: Row, code: str, split: str, ledger: Ledger | None) -> Sample:
        emoji, name = text_in(row.cells["emoji"]), text_in(row.cells["name"])
        scores = {label.id: _strength(row, label.id) for label in self.labels}
        if self.threshold is None:
            target = frozenset(label for label, score in scores.items() if score == max(scores.values()) > 0)
        else:
            target = frozenset(label for label, score in scores.items() if score >= self.threshold)
        if not target:
            note(ledger, "no_label", name)
        picture = self.font.draw(emoji) if self.font is not None else None
        if self.font is not None and picture is None:
            note(ledger, "no_glyph", name)
        words = {"name": name, "pair": name, "character": emoji, "glyph": None}[self.modality]
        return Sample(
            id=f"emotag/{split}/{code}",
            picture=picture,
            text=words,
            source=code,
            target=target,
            target_scores=scores,
            split=split,
            group=code,
            attributes={"emoji": emoji, "name": name},
        )


def _strength(row: Row, label: str) -> float:
    score = number_in(row.cells[label], row.where, label)
    if score is None or not 0 <= score <= 1:
        raise InputError(
            f"{row.where}: {label} must be a strength from 0 to 1", value=score, remedy="Get the file again."
        )
    return score


def _is_in(split: str, code: str, folds: int) -> bool:
    """Whether an emoji belongs to `test` (all do), to `fold-k`, or to `rest-k`, which is all but fold k."""
    if split == _TEST:
        return True
    kind, _, number = split.partition("-")
    fold = int.from_bytes(hashlib.sha256(code.encode()).digest()[:8], "big") % folds + 1
    return (fold == int(number)) == (kind == "fold")


def open_emotag(
    root: Path,
    *,
    modality: str = "name",
    font: str | None = None,
    size: int = 224,
    threshold: float | str = 0.5,
    folds: int = 0,
) -> Dataset:
    """Open EmoTag1200.

    Args:
        root: `EmoTag1200-scores.csv`, or a folder that holds it, or holds it in `data`.
        modality: What a model is given: `name` (`rainbow`), `character` (the emoji as text), `glyph` (a picture), or
            `pair` (picture and name).
        font: A font file with emoji, for pictures; by default one of the usual places on this machine.
        size: Side of the picture in pixels.
        threshold: From which strength a label holds; `top` for the strongest alone (several where they tie).
        folds: For cross-validation: splits `fold-1` ... and, with all the others, `rest-1` ...; the same at any time.

    Raises:
        OptionError: if an option cannot be used, or no font is found.
        MissingFileError: if the file or the font is not there.
        InputError: if the columns are not those of EmoTag1200.
    """
    _check_options(modality, size, threshold, folds)
    files = [root] if root.is_file() else [root / _FILE, root / "data" / _FILE]
    file = next((each for each in files if each.is_file()), None)
    if file is None:
        raise MissingFileError(f"this folder holds no {_FILE}", value=root, remedy=f"Get it: {FACTS.access}.")
    labels = label_space("plutchik")
    names = columns_in(file, _TABLE)
    missing = [name for name in ("unicode", "emoji", "name", *labels.ids) if name not in names]
    if missing:
        raise InputError(
            f"{file.name}: columns are missing",
            value=", ".join(missing),
            remedy="The file begins with unicode,emoji,name,anger. Get it again.",
        )
    drawn = modality in ("glyph", "pair")
    folded = [f"{kind}-{k}" for kind in ("fold", "rest") for k in range(1, folds + 1)]
    return EmoTag(
        facts=FACTS,
        root=root,
        labels=labels,
        splits=(_TEST, *folded),
        layout=f"{file.name} as {modality}",
        options={"modality": modality, "threshold": threshold, "folds": folds, "size": size},
        file=file,
        modality=cast(Modality, modality),
        threshold=None if isinstance(threshold, str) else float(threshold),
        folds=folds,
        font=open_font(font, size) if drawn else None,
    )


def _check_options(modality: str, size: int, threshold: float | str, folds: int) -> None:
    if modality not in _MODALITIES:
        raise OptionError(
            "there is no such modality", value=modality, remedy=f"One of: {', '.join(_MODALITIES)}."
        )
    if not 16 <= size <= 2048:
        raise OptionError("a glyph has 16 to 2048 pixels a side", value=size, remedy="Set size=224.")
    if threshold != "top" and (isinstance(threshold, str) or not 0 < threshold <= 1):
        raise OptionError(
            "threshold is a strength above 0 and up to 1, or `top`",
            value=threshold,
            remedy="Set threshold=0.5.",
        )
    if not (folds == 0 or 2 <= folds <= _MOST_FOLDS):
        raise OptionError(f"folds is 0, or 2 to {_MOST_FOLDS}", value=folds, remedy="Set folds=5.")
