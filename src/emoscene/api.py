"""The Python face: `analyze` one person, `analyze_all` of a picture, `load` a model, `resolve` a model's name.

spec --resolve--> Choice (which recognizer, with which options, and why) --load--> Recognizer --predict--> rows
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from emoscene import catalogue
from emoscene.catalogue.choosing import Choice, resolve
from emoscene.errors import (
    BoxError,
    ModelNotHereError,
    OptionError,
    PictureError,
    UnknownModelError,
)
from emoscene.images import open_picture
from emoscene.labels import LabelSpace, label_space
from emoscene.people import FACE_DETECTOR, PERSON_DETECTOR, DetectionOptions, Detector, Finder, Found
from emoscene.recognizers import registry
from emoscene.recognizers.asking import Which, answers, find, samples_of
from emoscene.recognizers.base import BatchRecognizer, Card, Recognizer
from emoscene.recognizers.detection import make_finder
from emoscene.types import BoundingBox, Picture, Prediction, Sample

__all__ = [
    "AutoRecognizer",
    "Choice",
    "analyze",
    "analyze_all",
    "closing_words",
    "find_people",
    "load",
    "resolve",
]

Box = BoundingBox | Sequence[float] | str
Labels = str | Path | LabelSpace


class AutoRecognizer:
    """The recognizer that `auto` settled on; `choice` says which one it is and why."""

    def __init__(self, choice: Choice, recognizer: Recognizer) -> None:
        self.choice = choice
        self.recognizer = recognizer

    @property
    def name(self) -> str:
        return self.recognizer.name

    @property
    def card(self) -> Card:
        return self.recognizer.card

    @property
    def labels(self) -> LabelSpace:
        return self.recognizer.labels

    def predict(self, samples: Iterable[Sample]) -> Iterator[Prediction]:
        """One prediction a sample, in order, lazily; never raises for a bad sample."""
        return self.recognizer.predict(samples)

    def closing_words(self) -> list[str]:
        """What the recognizer has to say once, after its answers."""
        return closing_words(self.recognizer)


def closing_words(recognizer: Recognizer) -> list[str]:
    """What a recognizer has to say once, after its answers: what they cost, or how they were got. Most say nothing."""
    say = getattr(recognizer, "closing_words", None)
    return list(say()) if callable(say) else []


def load(spec: str | Path | Choice = "auto", labels: Labels = "emotic", **options: Any) -> Recognizer:
    """Load a model.

    Args:
        spec: What `resolve` takes, or what it gave.
        labels: The label space of the answers: a name (`emotic`, `ekman`, ...), a YAML file, or a `LabelSpace`.
        **options: Options of the model, such as `mode="score"` or `batch_size=4`.

    Returns:
        A recognizer: `load("embedded").predict(samples)`. For `auto` it is an `AutoRecognizer`, whose `choice`
        says which model it is and why.

    Raises:
        UnknownModelError, ModelNotHereError, OptionError: as `resolve` does.
        LabelSpaceError: if the label space is unknown or its file is faulty.
        MissingExtraError: if the model needs packages that are not installed.
    """
    choice = spec if isinstance(spec, Choice) else resolve(spec, **options)
    space = labels if isinstance(labels, LabelSpace) else label_space(labels)
    settings = dict(choice.options) | options
    recognizer = registry.create(choice.recognizer, space, settings)
    if choice.title and isinstance(recognizer, BatchRecognizer):
        recognizer.name = choice.title
        recognizer.card = replace(recognizer.card, name=choice.title)
    return AutoRecognizer(choice, recognizer) if choice.auto else recognizer


def analyze(
    picture: Any = None,
    *,
    box: Box | None = None,
    text: str | None = None,
    model: str | Path = "auto",
    labels: Labels = "emotic",
    **options: Any,
) -> Prediction:
    """How does the person in the box apparently feel? One person in, one row out.

    Args:
        picture: A path, bytes, file object, numpy array, PIL image or opened picture; or None with `text` alone.
        box: The person as `(x1, y1, x2, y2)` or `"x1,y1,x2,y2"`, in pixels of the upright picture. Without it
            the whole picture is the person, and the row's warnings say so.
        text: Words that belong to the scene.
        model: What `resolve` takes. The last two models stay loaded.
        labels: The label space of the answers.
        **options: Options of the model.

    Returns:
        One `Prediction`. A file that is no picture, or a box outside of the picture, gives a row whose `status`
        and `error` say so; it does not raise.

    Raises:
        MissingFileError: if `picture` is a path where there is no file.
        BoxError: if `box` is not four finite numbers with x1 < x2 and y1 < y2.
        OptionError: if there is neither a picture nor text.
        EmosceneError: as `load` does.
    """
    for name in ("boxes", "people", "person_detector", "detection"):
        if name in options:
            raise OptionError(
                f"analyze answers for one person and takes no {name}=", remedy="Use analyze_all, or box=."
            )
    boxes = None if box is None else [box]
    return analyze_all(picture, boxes=boxes, text=text, model=model, labels=labels, **options)[0]


def analyze_all(
    picture: Any = None,
    *,
    boxes: Sequence[Box] | None = None,
    people: Which | None = None,
    person_detector: str | Path | Detector | None = None,
    detection: DetectionOptions | None = None,
    text: str | None = None,
    model: str | Path = "auto",
    labels: Labels = "emotic",
    **options: Any,
) -> list[Prediction]:
    """`analyze` for several people of one picture: one row a person.

    Args:
        picture: As for `analyze`.
        boxes: The people, in the order of the rows.
        people: Instead of boxes: `all` finds everybody, from left to right, `largest` the one with the largest
            box. Where nobody is found there is one row, with the status `no_person`.
        person_detector: What finds them: an .onnx file (FastestDet, YuNet), a folder, a hub id or a catalogue name of a
            detector of transformers, or your own `Detector`. Without it EMOSCENE_PERSON_DETECTOR names one.
        detection: Who counts as found; see `DetectionOptions`.
        text, model, labels, **options: As for `analyze`.

    Raises:
        ModelNotHereError: if people are to be found and no detector is named.
        EmosceneError: as `analyze` does.
    """
    if picture is None and text is None:
        raise OptionError("there is nothing to look at", remedy="Give a picture, text, or both.")
    if boxes is not None and people is not None:
        raise OptionError(
            "boxes and people exclude each other", remedy="Give the boxes, or have people found."
        )
    if people is None and (person_detector is not None or detection is not None):
        raise OptionError("no people are to be found, so no detector is used", remedy='Give people="all".')
    source = source_of(picture)
    settled = None if boxes is None else [_box(box) for box in boxes]
    finder = None if people is None else person_finder(person_detector, detection)
    opened = open_or_keep(picture)
    if picture is not None and text is None:
        resolve(model, **options).check_input(picture=True, words=False)
    recognizer = _loaded(model, labels, picture is None, options)
    if people is None or finder is None:
        return list(recognizer.predict(samples_of(opened, source, boxes=settled, text=text)))
    return list(answers(recognizer, find(opened, source, people, finder, text=text)))


def find_people(
    picture: Any,
    which: Which = "all",
    *,
    person_detector: str | Path | Detector | None = None,
    detection: DetectionOptions | None = None,
) -> Found:
    """Who is in a picture: boxes with stable ids, and the faces that belong to them.

    Args:
        picture: As for `analyze`.
        which: `all` or `largest`, as `people` of `analyze_all`.
        person_detector, detection: As for `analyze_all`. Faces are looked for where EMOSCENE_FACE_DETECTOR names a
            face detector.

    Raises:
        PersonNotFoundError: if nobody is found.
        PictureError, MissingFileError: if there is no picture that can be read.
        ModelError: if no detector is named, or it cannot be used.
    """
    opened = picture if isinstance(picture, Picture) else open_picture(picture)
    return person_finder(person_detector, detection, faces=True).find(opened, which)


def person_finder(
    detector: str | Path | Detector | None = None,
    detection: DetectionOptions | None = None,
    *,
    faces: bool = False,
) -> Finder:
    """What finds people, its files checked. The last one named stays loaded."""
    options = detection or DetectionOptions()
    if detector is not None and not isinstance(detector, str | Path):
        return Finder(detector, options)
    spec = None if detector is None else os.fspath(detector)
    return _kept_finder(
        spec, options, faces, (os.environ.get(PERSON_DETECTOR), os.environ.get(FACE_DETECTOR))
    )


@functools.lru_cache(maxsize=1)
def _kept_finder(
    spec: str | None, options: DetectionOptions, faces: bool, environment: tuple[str | None, ...]
) -> Finder:
    return make_finder(spec, options, _files_of, faces=faces)


def _files_of(name: str) -> Path:
    """The folder of a hub id or catalogue name, or the file that an entry's variable names."""
    entry = catalogue.find(name)
    if entry is not None and entry.variable:
        file = Path(os.environ.get(entry.variable) or "no such file")
        if file.is_file():
            return file
        raise ModelNotHereError(
            f"{entry.name} is a file, and {entry.variable} names none", remedy="Give the file's path."
        )
    hub_id = entry.hub if entry is not None else name
    if not catalogue.is_hub_id(hub_id):
        raise UnknownModelError(
            "no file, folder or known model has this name",
            value=name,
            remedy="A detector is FastestDet.onnx, a model's folder, or a hub id such as PekingU/rtdetr_r18vd.",
        )
    return catalogue.ready_folder(entry or catalogue.known(hub_id))


def open_or_keep(picture: Any) -> Any:
    """The picture opened once for all its people; what cannot be decoded stays as it is and becomes a row."""
    if picture is None or isinstance(picture, Picture):
        return picture
    try:
        return open_picture(picture)
    except PictureError:
        return picture


def source_of(picture: Any) -> str:
    """A printable word for where a picture comes from: its path, or its kind."""
    if picture is None:
        return "text"
    if isinstance(picture, Picture):
        return picture.source
    if isinstance(picture, str | os.PathLike):
        path = os.fspath(picture)
        if isinstance(path, str) and not path.startswith("data:"):
            return _encodable(path)
    return type(picture).__name__ if not isinstance(picture, str) else "base64"


def _encodable(path: str) -> str:
    """File names may hold bytes that are no UTF-8; rows are UTF-8, so those bytes are written as escapes."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")


def _box(box: Box) -> BoundingBox:
    if isinstance(box, BoundingBox):
        return box
    if isinstance(box, str):
        return BoundingBox.parse(box)
    try:
        corners = ",".join(str(float(corner)) for corner in box)
    except (TypeError, ValueError):
        raise BoxError(
            "a box is four numbers", value=box, remedy="Write it as (x1, y1, x2, y2) in pixels."
        ) from None
    return BoundingBox.parse(corners)


def _loaded(model: str | Path, labels: Labels, words_only: bool, options: Mapping[str, Any]) -> Recognizer:
    settings = tuple(sorted(options.items()))
    try:
        hash((model, labels, settings))
    except TypeError:
        return load(resolve(model, words_only=words_only, **options), labels)
    return _kept(model, labels, words_only, settings)


@functools.lru_cache(maxsize=2)
def _kept(
    model: str | Path, labels: Labels, words_only: bool, options: tuple[tuple[str, Any], ...]
) -> Recognizer:
    return load(resolve(model, words_only=words_only, **dict(options)), labels)
