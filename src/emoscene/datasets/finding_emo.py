"""FindingEmo (Mertens et al., NeurIPS 2024): pictures of social scenes, one of 24 emotions of the whole scene each.

Annotations only; pictures are at addresses that this package never fetches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from emoscene.datasets.base import Dataset, Defect, Facts, Finding, Ledger
from emoscene.datasets.table_cells import LabelReader, is_empty, number_in, picture_in, text_in
from emoscene.datasets.table_files import Row, columns_in, rows_in
from emoscene.datasets.table_layout import TableLayout
from emoscene.datasets.table_people import note, rescale
from emoscene.datasets.table_pictures import PICTURE_DEFECTS, findings_of
from emoscene.errors import InputError, MissingFileError
from emoscene.labels import label_space
from emoscene.types import Sample

__all__ = ["FACTS", "open_finding_emo"]

FACTS = Facts(
    name="finding_emo",
    title="FindingEmo: about 25,000 pictures of social scenes, 24 emotions of Plutchik's wheel, valence and arousal",
    licence="annotations and addresses CC BY-NC-SA 4.0; each picture keeps its owner's terms",
    access="https://gitlab.com/EAVISE/lme/findingemo, or the package findingemo-light; download the pictures yourself",
    traps=(
        "The emotion is that of the whole scene, not of a person: there are no boxes.",
        "One annotator a picture in the public file: the label is one opinion.",
        "The public file has no split, so there is one, `all`; the authors' test set is private.",
        "Valence (-3 to 3) and arousal (0 to 6) are told on 1 to 10; there is no dominance, so they are attributes.",
        "Many addresses are dead: `findings` counts the pictures that are not there.",
    ),
)
_FILE = "annotations_single.ann"
_NEEDED = ("index", "image_path", "emotion")
_COLUMNS = TableLayout(separator=",")
_RANGES = {"valence": (-3.0, 3.0), "arousal": (0.0, 6.0)}
_KEPT = ("age", "dec_factors", "ambiguity", "user")
_NOTHING_SAID = "Undefined"
_SPLIT = "all"

_DEFECTS: Mapping[str, Defect] = {
    "rejected": Defect("a picture that the annotator rejected", "left out", "note"),
    "no_emotion": Defect("a picture without an emotion", "left out", "warning"),
}


@dataclass
class FindingEmo(Dataset):
    """FindingEmo that was opened. `pictures` is the folder of the pictures."""

    file: Path = field(kw_only=True)
    pictures: Path = field(kw_only=True)

    def defects(self) -> Mapping[str, Defect]:
        return {**_DEFECTS, **PICTURE_DEFECTS}

    def findings(self, *, pictures: bool = True) -> list[Finding]:
        return findings_of(self, pictures=pictures)

    def samples(self, split: str, ledger: Ledger | None = None) -> Iterator[Sample]:
        self.check_split(split)
        return self._samples(ledger)

    def _samples(self, ledger: Ledger | None) -> Iterator[Sample]:
        reader = LabelReader(self.labels)
        seen: set[str] = set()
        for row in rows_in(self.file, _COLUMNS):
            name = text_in(row.cells["index"])
            if not name or name in seen:
                raise InputError(
                    f"{row.where}: the index is empty or stands twice",
                    value=name,
                    remedy="Get the file again.",
                )
            seen.add(name)
            emotion = text_in(row.cells["emotion"])
            if is_empty(emotion) or emotion == _NOTHING_SAID or _is_rejected(row):
                note(ledger, "rejected" if _is_rejected(row) else "no_emotion", row.where)
                continue
            label, _ = reader.label_of(emotion, row.where)
            source = picture_in(text_in(row.cells["image_path"]).lstrip("/"), row.where, outside=False)
            yield Sample(
                id=f"finding_emo/{_SPLIT}/{name}",
                picture=str(self.pictures / source),
                source=source,
                target=frozenset({label}),
                split=_SPLIT,
                group=source,
                attributes=_attributes(row),
            )


def _is_rejected(row: Row) -> bool:
    return text_in(row.cells.get("reject")).lower() in ("1", "true", "reject")


def _attributes(row: Row) -> dict[str, str]:
    """Valence and arousal on 1 to 10 as `valence` and `arousal`, and what else the annotator said."""
    told: dict[str, str] = {}
    for name, (low, high) in _RANGES.items():
        number = number_in(row.cells.get(name), row.where, name)
        if number is None:
            continue
        if not low <= number <= high:
            raise InputError(
                f"{row.where}: {name} lies outside of {low:g} to {high:g}",
                value=number,
                remedy="Get the file again.",
            )
        told[name] = f"{rescale(number, low, high):.4g}"
    kept = {name: text_in(row.cells.get(name)) for name in _KEPT}
    return told | {name: text for name, text in kept.items() if text and text != _NOTHING_SAID}


def open_finding_emo(root: Path, *, pictures: str | None = None) -> Dataset:
    """Open FindingEmo.

    Args:
        root: `annotations_single.ann`, or a folder that holds it, or holds it in `data`.
        pictures: The folder that the pictures were downloaded to (it holds `Run_1` and `Run_2`); by default
            `images` beside the file, or the file's own folder.

    Raises:
        MissingFileError: if the file is not there.
        InputError: if it has not the columns of FindingEmo.
    """
    files = [root] if root.is_file() else [root / _FILE, root / "data" / _FILE]
    file = next((each for each in files if each.is_file()), None)
    if file is None:
        raise MissingFileError(f"this folder holds no {_FILE}", value=root, remedy=f"Get it: {FACTS.access}.")
    names = columns_in(file, _COLUMNS)
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise InputError(
            f"{file.name}: columns are missing",
            value=", ".join(missing),
            remedy=f"FindingEmo's file begins with index,user,image_path. Found: {', '.join(names[:12])}.",
        )
    places = (
        [Path(pictures).expanduser()] if pictures else [file.parent / "images", root / "images", file.parent]
    )
    return FindingEmo(
        facts=FACTS,
        root=root,
        labels=label_space("finding-emo"),
        splits=(_SPLIT,),
        layout=file.name,
        options={} if pictures is None else {"pictures": Path(pictures).name},
        file=file,
        pictures=next((place for place in places if place.is_dir()), places[0]),
    )
