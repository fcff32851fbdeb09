"""What was asked on the command line, checked before any model is loaded.

Whatever is wrong with the request itself raises here, one error with its remedy. What is wrong with a picture is
found later and becomes a row.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from emoscene import api
from emoscene.errors import MissingFileError, OptionError
from emoscene.people import DetectionOptions, Finder
from emoscene.recognizers.asking import Nobody, Which, find, samples_of
from emoscene.types import BoundingBox, Picture, Sample

__all__ = ["Asked", "Given", "check", "read_data_options", "read_options"]


@dataclass(frozen=True)
class Given:
    """The words of the command line, as they stood there."""

    images: Sequence[str]
    boxes: Sequence[str]
    people: str | None
    text: str | None
    save: str | None
    detector: str | None = None
    detect: Sequence[str] = ()


@dataclass(frozen=True)
class Asked:
    """What is to be answered: pictures with boxes, with a detector, or whole; or words alone."""

    images: Sequence[str]
    boxes: Sequence[BoundingBox]
    which: Which | None
    text: str | None
    save: Path | None
    #: The one picture that boxes were given for, already open.
    opened: Any = None
    finder: Finder | None = None

    @property
    def several(self) -> bool:
        """Whether more than one row may come."""
        return len(self.images) > 1 or len(self.boxes) > 1 or self.which == "all"

    def samples(self) -> Iterator[Sample | Nobody]:
        """One a person, in order, lazily: at most one picture is open."""
        if not self.images:
            yield from samples_of(None, api.source_of(None), text=self.text)
        for image in self.images:
            source = api.source_of(image)
            if self.which is not None and self.finder is not None:
                opened = api.open_or_keep(image)
                yield from find(opened, source, self.which, self.finder, text=self.text)
            elif self.boxes:
                yield from samples_of(self.opened, source, boxes=self.boxes, text=self.text)
            else:
                yield from samples_of(image, source, text=self.text)

    def picture_of(self, source: str) -> Picture | None:
        """The picture behind a row's source, opened once more; None where there is none or it cannot be read."""
        if isinstance(self.opened, Picture):
            return self.opened
        for image in self.images:
            if api.source_of(image) == source:
                opened = api.open_or_keep(image)
                return opened if isinstance(opened, Picture) else None
        return None


def check(given: Given) -> Asked:
    """Make sense of the request.

    Raises:
        OptionError: if parts of it contradict each other or are missing.
        MissingFileError: if a path is no file, or there is no folder to save to.
        BoxError: if a box is malformed, or lies outside of its picture.
        ModelError: if people are to be found and no detector is named, or it cannot be used.
    """
    if not given.images and given.text is None:
        raise OptionError("there is nothing to look at", remedy="Give a picture, --text WORDS, or both.")
    if given.text is not None and not given.text.strip():
        raise OptionError("--text is empty", remedy="Give some words, or leave it out.")
    if given.boxes and len(given.images) != 1:
        number = f"{len(given.images)} given"
        raise OptionError(
            "--box needs exactly one IMAGE", value=number, remedy="Analyze the pictures one by one."
        )
    which = _which(given)
    boxes = [BoundingBox.parse(box) for box in given.boxes]
    for image in given.images:
        _check_file(image)
    save = None if given.save is None else _target(given.save, given.images)
    opened = _open_for(given.images[0], boxes) if boxes else None
    finder = None if which is None else _finder(given)
    return Asked(given.images, boxes, which, given.text, save, opened, finder)


def _finder(given: Given) -> Finder:
    return api.person_finder(given.detector, DetectionOptions.of(dict(map(_read_pair, given.detect))))


def _which(given: Given) -> Which | None:
    if given.people is None:
        for option, value in (("--detector", given.detector), ("--detect", given.detect)):
            if value:
                raise OptionError(f"{option} goes with --people", remedy="Add --people all.")
        return None
    if given.people not in ("all", "largest"):
        raise OptionError("--people is `all` or `largest`", value=given.people, remedy="Give one of the two.")
    if given.boxes:
        raise OptionError("--people and --box exclude each other", remedy="Leave out one of them.")
    if not given.images:
        raise OptionError("--people needs a picture to look for them", remedy="Give an IMAGE.")
    return cast(Which, given.people)


def _check_file(image: str) -> None:
    if "://" in image:
        raise MissingFileError(
            "this is an address, and emoscene fetches none",
            value=image,
            remedy="Download the picture and give its path.",
        )
    path = Path(image)
    try:
        is_folder, is_there = path.is_dir(), path.exists()
    except (OSError, ValueError):
        raise MissingFileError("this path cannot be looked up", value=image, remedy="Check it.") from None
    if is_folder:
        raise MissingFileError(
            "this is a folder, not a picture", value=image, remedy="Name pictures, for example FOLDER/*.jpg."
        )
    if not is_there:
        raise MissingFileError("there is no such file", value=image, remedy="Check the path.")


def _target(save: str, images: Sequence[str]) -> Path:
    target = Path(save)
    kind = target.suffix.lower()
    if kind not in {".png", ".html"}:
        raise OptionError("--save writes .png or .html", value=save, remedy="End the name in one of them.")
    if kind == ".png" and len(images) != 1:
        raise OptionError(
            "a PNG shows exactly one IMAGE",
            value=f"{len(images)} given",
            remedy="Save a .html, or give one picture.",
        )
    if target.exists() and any(target.samefile(image) for image in images):
        raise OptionError(
            "--save would overwrite the picture itself", value=save, remedy="Give another name."
        )
    if target.is_dir() or not target.parent.is_dir():
        raise MissingFileError(
            "--save has no folder to write to", value=save, remedy="Make its folder first."
        )
    return target


def _open_for(image: str, boxes: Sequence[BoundingBox]) -> Any:
    """The opened picture, once every box is known to lie in it; the path of one that cannot be read (a row)."""
    picture = api.open_or_keep(image)
    if isinstance(picture, Picture):
        for box in boxes:
            box.clamp(picture.width, picture.height)
    return picture


#: Names that the Python functions behind the command line use for something else.
_NOT_OPTIONS = frozenset({"spec", "labels", "words_only"})


def read_options(pairs: Sequence[str]) -> dict[str, Any]:
    """`KEY=VALUE` pairs; a value that is a JSON number, true, false or null is read as one.

    Raises:
        OptionError: if a pair has no key or no equals sign.
    """
    options: dict[str, Any] = {}
    for pair in pairs:
        key, value = _read_pair(pair)
        if key in _NOT_OPTIONS:
            raise OptionError(
                "a model has no option of this name", value=key, remedy="See `emoscene models card`."
            )
        if key == "reason":
            raise OptionError("a reason is asked for with --reason", value=pair, remedy="Leave out the -o.")
        options[key] = value
    return options


def read_data_options(pairs: Sequence[str]) -> dict[str, Any]:
    """`KEY=VALUE` pairs for a dataset, whose options may be named as those of a model may not, such as `labels`.

    Raises:
        OptionError: if a pair has no key or no equals sign.
    """
    return dict(map(_read_pair, pairs))


def _read_pair(pair: str) -> tuple[str, Any]:
    key, equals, value = pair.partition("=")
    key = key.strip().replace("-", "_")
    if not equals or not key:
        raise OptionError(
            "an option is KEY=VALUE",
            value=pair,
            remedy="Write the name, an equals sign and the value: batch_size=4.",
        )
    try:
        parsed = json.loads(value, parse_constant=str)
    except json.JSONDecodeError:
        parsed = value
    return key, value if isinstance(parsed, dict | list) else parsed
