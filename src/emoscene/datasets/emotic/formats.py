"""The formats, one line each, and which of them a file or folder holds. A file is known by its content."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from emoscene.datasets.emotic import arrays, coco, gt_all, listed, llava, mat, one_hot, tandon
from emoscene.datasets.emotic.people import EmoticPerson
from emoscene.datasets.emotic.pictures import folders_below
from emoscene.datasets.emotic.reading import Names, json_bytes, split_named
from emoscene.errors import InputError, OptionError

__all__ = ["FORMATS", "Format", "Source", "format_names", "known_format", "sources"]

_FIRST_BYTES = 64 * 1024
_SPLIT_ORDER = ("train", "extra_train", "val", "test")

Reader = Callable[[Path, str, Names], Iterator[EmoticPerson]]


@dataclass(frozen=True)
class Head:
    """The beginning of a file, read once for all who look at it."""

    file: Path
    data: bytes
    names: Names

    @property
    def text(self) -> str:
        return self.data.decode("utf-8-sig", "replace")

    @property
    def first_line(self) -> str:
        return self.text.partition("\n")[0].strip("\r")

    @property
    def cells(self) -> list[str]:
        """The first row, if this is a table."""
        line = self.first_line
        try:
            return next(csv.reader([line], delimiter="\t" if line.count("\t") > line.count(",") else ","), [])
        except csv.Error:
            return []

    @property
    def whole(self) -> bytes:
        """All of a JSON file, whose annotations may come long after its pictures."""
        return self.data if len(self.data) < _FIRST_BYTES else json_bytes(self.file)


@dataclass(frozen=True)
class Format:
    """A form of EMOTIC's annotations on disk.

    Attributes:
        name: As `layout=` takes it.
        title: What it is.
        variant: Which version of the ground truth it holds; empty where the format does not say.
        endings: How its files are named.
        sniff: Whether a file that begins so is one.
        read: Its reader.
        splits: The splits in a file, of formats whose files hold several; None where the file's name says it.
    """

    name: str
    title: str
    variant: str
    endings: tuple[str, ...]
    sniff: Callable[[Head], bool]
    read: Reader
    splits: Callable[[Path], tuple[str, ...]] | None = None


PAMI, FILTERED, OLDER, CVPR = "PAMI mat", "PAMI mat, filtered", "t7-type", "CVPR'17 mat"


def _is_cvpr(file: Path) -> bool:
    return "cvpr" in file.name.lower()


def _is_json(head: Head) -> bool:
    return head.text.lstrip()[:1] == "{"


#: In the order in which they are preferred where a folder holds several.
FORMATS = (
    Format(
        "mat",
        "Annotations.mat (PAMI release)",
        PAMI,
        (".mat",),
        lambda head: mat.is_mat(head.data) and not _is_cvpr(head.file),
        mat.read_mat,
        mat.mat_splits,
    ),
    Format(
        "mat-cvpr17",
        "CVPR17_Annotations.mat",
        CVPR,
        (".mat",),
        lambda head: mat.is_mat(head.data) and _is_cvpr(head.file),
        mat.read_mat,
        mat.mat_splits,
    ),
    Format(
        "coco-corners",
        "COCO JSON with boxes x1, y1, x2, y2, made of the mat",
        PAMI,
        (".json",),
        lambda head: _is_json(head) and coco.is_corners(head.whole),
        coco.read_corners,
    ),
    Format(
        "tandon-csv",
        "emotic_pre/{split}.csv",
        FILTERED,
        (".csv", ".tsv"),
        lambda head: tandon.is_tandon(head.cells),
        tandon.read_tandon,
    ),
    Format(
        "archive",
        "annots_arrs/annot_arrs_{split}.csv",
        "",
        (".csv", ".tsv"),
        lambda head: one_hot.is_archive(head.cells, head.names),
        one_hot.read_one_hot,
    ),
    Format(
        "one-hot",
        "CSV of path, box and a column a label",
        "",
        (".csv", ".tsv"),
        lambda head: one_hot.is_one_hot(head.cells, head.names),
        one_hot.read_one_hot,
    ),
    Format(
        "listed",
        "Parquet or CSV with labels in one column",
        "",
        (".parquet", ".csv", ".tsv"),
        lambda head: head.data[:4] == b"PAR1" or listed.is_listed(head.cells),
        listed.read_listed,
        listed.listed_splits,
    ),
    Format(
        "gt-all",
        "gt_all.csv (labels only)",
        PAMI,
        (".csv",),
        lambda head: gt_all.is_gt_all(head.first_line),
        gt_all.read_gt_all,
        lambda _: tuple(gt_all.SIZES),
    ),
    Format(
        "coco-bits",
        "COCO JSON with labels as bits and boxes of heads",
        OLDER,
        (".json",),
        lambda head: _is_json(head) and coco.is_bits(head.whole),
        coco.read_bits,
    ),
    Format(
        "llava",
        "JSON lines of questions",
        "",
        (".jsonl", ".json"),
        lambda head: llava.is_llava(head.first_line),
        llava.read_llava,
    ),
    Format(
        "arrays",
        "{split}_cat_arr.npy and its fellows",
        FILTERED,
        (".npy",),
        lambda head: arrays.is_array_name(head.file.name) and head.data[:6] == b"\x93NUMPY",
        arrays.read_arrays,
    ),
)

_ENDINGS = {ending for each in FORMATS for ending in each.endings} | {".t7"}


def format_names() -> tuple[str, ...]:
    return tuple(each.name for each in FORMATS)


@dataclass(frozen=True)
class Source:
    """Annotation files of one format that belong together, by split."""

    format: Format
    files: dict[str, Path] = field(default_factory=dict)

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(sorted(self.files, key=_place))

    def read(self, split: str, names: Names) -> Iterator[EmoticPerson]:
        return self.format.read(self.files[split], split, names)


def _place(split: str) -> tuple[int, str]:
    return (_SPLIT_ORDER.index(split) if split in _SPLIT_ORDER else len(_SPLIT_ORDER), split)


def sources(root: Path, names: Names, *, layout: str | None, split: str | None) -> list[Source]:
    """What a file or folder holds, the preferred first. Files of one format that lie in one folder belong together.

    Args:
        root: The file or folder.
        names: The labels.
        layout: The name of the only format to look for.
        split: The split of a single file whose name does not say it.

    Raises:
        OptionError: if there is no such layout.
        InputError: if there is nothing, or a file that is not read.
    """
    if layout is not None and layout not in format_names():
        raise OptionError(
            "EMOTIC has no such layout", value=layout, remedy=f"One of: {', '.join(format_names())}."
        )
    wanted = [each for each in FORMATS if layout in (None, each.name)]
    if root.is_file():
        return [_of_file(root, wanted, names, split)]
    found: list[Source] = []
    other: list[Path] = []
    for folder in folders_below(root):
        by_format: dict[str, Source] = {}
        for file in sorted(
            child for child in folder.iterdir() if child.suffix.lower() in _ENDINGS and child.is_file()
        ):
            known = _sniff(file, wanted, names)
            if known is None:
                other.append(file)
                continue
            source = by_format.setdefault(known.name, Source(known))
            for each in _splits(file, known, split):
                source.files.setdefault(each, file)
        found += [source for source in by_format.values() if source.files]
    if not found:
        raise _nothing(root, other, layout)
    return sorted(found, key=lambda source: format_names().index(source.format.name))


def _of_file(file: Path, wanted: list[Format], names: Names, split: str | None) -> Source:
    known = _sniff(file, wanted, names)
    if known is None:
        raise _nothing(file, [file], None)
    files = dict.fromkeys(_splits(file, known, split), file)
    if not files and known.name.startswith("mat"):
        raise InputError(
            f"{file.name}: this MATLAB file holds none of train, val and test",
            remedy="EMOTIC's Annotations.mat holds all three; other files of the authors are not read.",
        )
    if not files:
        raise InputError(
            f"{file.name}: the name of the file does not say which split it holds",
            remedy="Rename it (such as test.csv), or set the option split=NAME.",
        )
    return Source(known, files)


def _splits(file: Path, known: Format, split: str | None) -> tuple[str, ...]:
    inside = known.splits(file) if known.splits is not None else ()
    if inside or known.name.startswith("mat"):
        return inside
    named = split or split_named(file.stem)
    return () if named is None else (named,)


def known_format(file: Path, names: Names) -> Format | None:
    """The format of a file, by its content and ending; None if it is none of EMOTIC's."""
    return _sniff(file, list(FORMATS), names)


def _sniff(file: Path, wanted: list[Format], names: Names) -> Format | None:
    with file.open("rb") as stream:
        head = Head(file, stream.read(_FIRST_BYTES), names)
    ending = file.suffix.lower()
    return next((each for each in wanted if ending in each.endings and each.sniff(head)), None)


def _nothing(root: Path, other: list[Path], layout: str | None) -> InputError:
    if any(file.suffix.lower() == ".t7" for file in other):
        return InputError(
            "Torch 7 files are not read",
            value=root.name,
            remedy="Convert them to COCO JSON with category_id as 26 bits (layout coco-bits), or use Annotations.mat.",
        )
    looked = "annotations of EMOTIC" if layout is None else f"annotations in the layout {layout}"
    shown = ", ".join(file.name for file in other[:3])
    return InputError(
        f"no {looked} found here" + (f" (looked at {shown})" if other and root.is_dir() else ""),
        value=root,
        remedy="Name the folder or the annotation file; docs/datasets.md lists the formats.",
    )
