"""EMOTIC as a dataset: people of any format become samples, and what was wrong with them is counted.

annotations --formats--> EmoticPerson(s) --Emotic.samples--> Sample(s)     pictures are found and measured, not opened
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

from emoscene.datasets.base import Dataset, Defect, Facts, Ledger
from emoscene.datasets.emotic.arrays import VIEWS, mapped, read_arrays
from emoscene.datasets.emotic.defects import DEFECTS
from emoscene.datasets.emotic.formats import FILTERED, OLDER, PAMI, Source, sources
from emoscene.datasets.emotic.people import EmoticPerson
from emoscene.datasets.emotic.pictures import Pictures, find_pictures
from emoscene.datasets.emotic.reading import Names
from emoscene.errors import BoxError, InputError, MissingFileError, OptionError
from emoscene.labels import label_space
from emoscene.types import BoundingBox, Sample

__all__ = ["FACTS", "Emotic", "open_emotic"]

Leaked = Literal["keep", "leave_out"]
Unlabelled = Literal["leave_out", "keep"]

FACTS = Facts(
    name="emotic",
    title="EMOTIC: 34,320 people in 23,571 pictures, 26 categories, valence, arousal and dominance",
    licence="non-commercial research and education; COCO and ADE20K pictures keep their own terms",
    access="ask the authors at https://s3.sunai.uoc.edu/emotic/ (the form it links to has moved several times)",
    traps=(
        "Two test sets are in use: PAMI mat (7,280 people, of whom 7,275 are labelled) and t7-type "
        "(5,369 people, other labels); figures on one do not compare with figures on the other.",
        "383 pictures of val, 937 people, are in train too.",
        "Labels are one annotator's in train, the union of five in val and of three in test.",
        "Formats from which people were dropped number those who are left, so that an id may mean somebody else "
        "than in the mat.",
    ),
)

#: How many people test has, all and with a category, in the versions that are known.
_TEST_SIZES = {PAMI: (7_280, 7_275), FILTERED: (7_203,), OLDER: (5_369, 5_368)}
#: Below this, a test split is plainly a part, or somebody's own.
_SMALLEST_VERSION = 1_000


@dataclass
class Emotic(Dataset):
    """EMOTIC as it lies on a disk.

    Attributes:
        source: The annotation files.
        pictures: Where the pictures are.
        others: Annotation files that lie there too and are not read.
        leaked: Whether pictures of val stay in train.
        unlabelled: Whether people without a category are given.
    """

    source: Source = field(kw_only=True)
    pictures: Pictures = field(kw_only=True)
    others: tuple[str, ...] = ()
    leaked: Leaked = "keep"
    unlabelled: Unlabelled = "leave_out"
    _people: dict[str, list[EmoticPerson]] = field(default_factory=dict, repr=False)

    def defects(self) -> Mapping[str, Defect]:
        return DEFECTS

    def people(self, split: str) -> list[EmoticPerson]:
        """Everybody of a split as the file has them. Read once; labels and boxes are small, pictures are not held."""
        if split not in self._people:
            with _no_collection():
                self._people[split] = list(self.source.read(split, Names(self.labels)))
        return self._people[split]

    def samples(self, split: str, ledger: Ledger | None = None) -> Iterator[Sample]:
        self.check_split(split)
        ledger = ledger or self.ledger()
        people = self.people(split)
        self._note_split(split, people, ledger)
        shared = self._shared(split)
        members = _by_picture(people)
        looks: dict[str, _Look] = {}
        for person in people:
            look = looks.get(person.picture)
            if look is None:
                look = looks[person.picture] = self._look(members[person.picture])
                look.note_picture(ledger)
                if person.picture in shared and split == "val":
                    ledger.note("leaked_picture", person.picture)
            if person.picture in shared and split == "val":
                ledger.note("leaked_person", person.annotation_id)
            if person.picture in shared and split == "train":
                ledger.note("leaked_left_out", person.annotation_id)
                continue
            if not person.labels:
                ledger.note(f"unlabelled{'_kept' if self.unlabelled == 'keep' else ''}", person.annotation_id)
                if self.unlabelled != "keep":
                    continue
            look.note_person(person, ledger)
            yield _sample(person, look)

    def _shared(self, split: str) -> frozenset[str]:
        """The pictures that train and val have in common: of val always, of train where they are to be left out."""
        concerned = split == "val" or (split == "train" and self.leaked == "leave_out")
        if not concerned or not {"train", "val"} <= set(self.splits):
            return frozenset()
        train, val = ({person.picture for person in self.people(each)} for each in ("train", "val"))
        return frozenset(train & val)

    def _note_split(self, split: str, people: Sequence[EmoticPerson], ledger: Ledger) -> None:
        """What concerns a split as a whole."""
        if self.pictures.root is None and all(person.pixels is person.array is None for person in people):
            ledger.note("labels_only", split)
        if split == self.splits[0]:
            for name in self.others:
                ledger.note("other_files", name)
        sizes = _TEST_SIZES.get(self.source.format.variant)
        if split == "test" and sizes and len(people) >= _SMALLEST_VERSION and len(people) not in sizes:
            ledger.note("other_count", f"{len(people):,} people")
        boxes = Counter((person.picture, person.box) for person in people if person.box is not None)
        for (picture, _), times in boxes.items():
            if times > 1:
                ledger.note("same_person_twice", picture, count=times - 1)

    def _look(self, people: Sequence[EmoticPerson]) -> _Look:
        """What is known of a picture and the boxes in it, without decoding it."""
        first = people[0]
        if first.pixels is not None:
            size: tuple[int, int] | None = (first.pixels.shape[1], first.pixels.shape[0])
            return _Look(first.pixels, people, _boxes(people, size))
        path = self.pictures.path(first.database, first.filename)
        if path is None and first.array is not None:
            return _scaled_look(first.array, people)
        size, faults, missing = first.size, [], False
        if path is not None:
            try:
                size = self.pictures.size(path)
                if size is None:
                    faults.append("unreadable_picture")
                elif first.size is not None and first.size != size:
                    faults.append("other_size")
            except MissingFileError:
                missing = True
        return _Look(path, people, _boxes(people, size or first.size), tuple(faults), missing)


@dataclass(frozen=True)
class _Look:
    """A picture as it was found: what `open_picture` will be given, its people, and each one's box or what is wrong."""

    picture: Any
    people: Sequence[EmoticPerson]
    boxes: Mapping[int, tuple[BoundingBox | None, str | None]]
    faults: tuple[str, ...] = ()
    missing: bool = False

    def note_picture(self, ledger: Ledger) -> None:
        for fault in self.faults:
            ledger.note(fault, self.people[0].picture)

    def note_person(self, person: EmoticPerson, ledger: Ledger) -> None:
        for fault in (
            *person.faults,
            self.boxes[person.index][1],
            "missing_picture" if self.missing else None,
        ):
            if fault is not None:
                ledger.note(fault, person.annotation_id)


def _scaled_look(array: Path, people: Sequence[EmoticPerson]) -> _Look:
    """A picture that was scaled and kept as an array: its boxes are cut to the picture as it was, then scaled too."""
    pixels = mapped(array)
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise InputError(
            f"{array.name}: this array is no picture",
            value=pixels.shape,
            remedy="Expected height x width x 3 numbers of 8 bits.",
        )
    size = people[0].size
    boxes = _boxes(people, size)
    if size is None:
        return _Look(pixels, people, dict.fromkeys(boxes, (None, "box_unusable")))
    across, down = pixels.shape[1] / size[0], pixels.shape[0] / size[1]
    scaled = {index: (box and _scaled(box, across, down), fault) for index, (box, fault) in boxes.items()}
    return _Look(pixels, people, scaled)


def _scaled(box: BoundingBox, across: float, down: float) -> BoundingBox:
    return BoundingBox(x1=box.x1 * across, y1=box.y1 * down, x2=box.x2 * across, y2=box.y2 * down)


def _sample(person: EmoticPerson, look: _Look) -> Sample:
    return Sample(
        id=f"emotic/{person.split}/{person.annotation_id}",
        picture=look.picture,
        box=look.boxes[person.index][0],
        others=tuple(
            box for index, (box, _) in look.boxes.items() if index != person.index and box is not None
        ),
        source=person.picture,
        group=person.picture,
        split=person.split,
        target=person.labels or None,
        target_vad=person.vad,
        annotations=person.annotations,
        attributes=person.attributes,
    )


@contextmanager
def _no_collection() -> Iterator[None]:
    """Without looking for circles of garbage: a million small objects are made, none in a circle, and looking for
    one again and again takes a sixth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _by_picture(people: Sequence[EmoticPerson]) -> dict[str, list[EmoticPerson]]:
    members: dict[str, list[EmoticPerson]] = {}
    for person in people:
        members.setdefault(person.picture, []).append(person)
    return members


def _boxes(
    people: Sequence[EmoticPerson], size: tuple[int, int] | None
) -> dict[int, tuple[BoundingBox | None, str | None]]:
    return {person.index: box_in_picture(person.box, size) for person in people}


def box_in_picture(
    box: tuple[float, float, float, float] | None, size: tuple[int, int] | None
) -> tuple[BoundingBox | None, str | None]:
    """A box of EMOTIC as one of ours, and the defect it had.

    The one place where MATLAB's pixels become ours: x1, y1, x2, y2 with the first and last pixel, counted from 1,
    become the edges x1 - 1, y1 - 1, x2, y2, counted from 0. Then the box is cut to the picture.
    """
    if box is None:
        return None, "no_box"
    try:
        ours = BoundingBox(x1=box[0] - 1, y1=box[1] - 1, x2=box[2], y2=box[3])
        cut = ours if size is None else ours.clamp(*size)
    except BoxError:
        return None, "box_unusable"
    return cut, None if cut is ours else "box_clamped"


def open_emotic(
    root: Path,
    *,
    layout: str | None = None,
    pictures: str | None = None,
    split: str | None = None,
    leaked: Leaked = "keep",
    unlabelled: Unlabelled = "leave_out",
    view: Literal["context", "body"] = "context",
) -> Dataset:
    """Open EMOTIC wherever it lies and in whatever format.

    Args:
        root: The folder of the download, or one annotation file.
        layout: The format to read where there are several (`formats.FORMATS`); the first of them by default.
        pictures: The folder that holds `mscoco`, `framesdb`, `emodb_small` and `ade20k`, if it is not found.
        split: Which split a single file holds whose name does not say it.
        leaked: `leave_out` takes the pictures that val has too out of train.
        unlabelled: `keep` gives people without a category too, without a target.
        view: Which of the arrays is the picture, for the layout `arrays`: `context` or `body`.

    Raises:
        OptionError: for an unknown layout or value.
        MissingFileError: if there is no folder of pictures where one was named.
        InputError: if nothing there is EMOTIC, or a file is malformed.
        MissingExtraError: if the format needs a package that is not installed.
    """
    for name, value, known in (
        ("leaked", leaked, get_args(Leaked)),
        ("unlabelled", unlabelled, get_args(Unlabelled)),
        ("view", view, VIEWS),
    ):
        if value not in known:
            raise OptionError(f"{name} has no such value", value=value, remedy=f"One of: {', '.join(known)}.")
    labels = label_space("emotic")
    found = sources(root, Names(labels), layout=layout, split=split)
    source = found[0]
    if source.format.name == "arrays":
        source = replace(source, format=replace(source.format, read=partial(read_arrays, view=view)))
    looked_at = view if source.format.name == "arrays" else None
    given = {
        "layout": layout,
        "pictures": pictures,
        "split": split,
        "leaked": leaked,
        "unlabelled": unlabelled,
        "view": looked_at,
    }
    return Emotic(
        FACTS,
        root,
        labels,
        source.splits,
        layout=source.format.name,
        variant=source.format.variant or _variant_by_count(source, Names(labels)),
        options={name: value for name, value in given.items() if value is not None},
        source=source,
        pictures=Pictures(_picture_folder(root, pictures)),
        others=tuple(each.format.name + ": " + ", ".join(_file_names(each)) for each in found[1:]),
        leaked=leaked,
        unlabelled=unlabelled,
    )


def _file_names(source: Source) -> list[str]:
    return list(dict.fromkeys(file.name for file in source.files.values()))


def _picture_folder(root: Path, named: str | None) -> Path | None:
    if named is None:
        return find_pictures(root)
    folder = Path(named)
    if not folder.is_dir():
        raise MissingFileError(
            "there is no such folder of pictures",
            value=named,
            remedy="Name the folder that holds mscoco, framesdb, emodb_small and ade20k.",
        )
    return find_pictures(folder) or folder


def _variant_by_count(source: Source, names: Names) -> str:
    """The version of the ground truth by the number of people in test, for formats that do not say it."""
    if "test" not in source.files:
        return "not stated by this format"
    count = sum(1 for _ in source.read("test", names))
    for variant, sizes in _TEST_SIZES.items():
        if count in sizes:
            return f"{variant} (by its {count:,} people in test)"
    return f"unknown ({count:,} people in test)"
