"""The Python face: `analyze` one person, `analyze_all` of a picture, `load` a model, `resolve` a model's name.

spec --resolve--> Choice (which recognizer, with which options, and why) --load--> Recognizer --predict--> rows
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from emoscene import catalogue
from emoscene.errors import (
    BoxError,
    ModelNotHereError,
    OptionError,
    PictureError,
    UnknownModelError,
    shorten,
)
from emoscene.images import open_picture
from emoscene.labels import LabelSpace, label_space
from emoscene.people import FACE_DETECTOR, PERSON_DETECTOR, DetectionOptions, Detector, Finder, Found
from emoscene.recognizers import registry
from emoscene.recognizers.asking import Which, answers, find, samples_of
from emoscene.recognizers.base import BatchRecognizer, Card, Recognizer
from emoscene.recognizers.detection import make_finder
from emoscene.recognizers.folders import Kind, look_into
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


@dataclass(frozen=True)
class Choice:
    """Which model answers, and why.

    Attributes:
        name: What to show, and what to give to `load` to get the same model again.
        why: One clause that says why this one.
        recognizer: The registered recognizer that runs it.
        options: The options it is made with.
        auto: Whether emoscene chose it, and not the caller.
        title: What its rows are signed with, where the recognizer cannot know it itself: hub id and commit.
    """

    name: str
    why: str
    recognizer: str
    options: Mapping[str, Any] = field(default_factory=dict)
    auto: bool = False
    title: str = ""

    def check_input(self, *, picture: bool, words: bool) -> None:
        """Refuse what this model can never answer, before anything heavy is imported.

        Raises:
            OptionError: if it reads words, and there is a picture without any.
        """
        if self.recognizer in _WORDS_ALONE and picture and not words:
            raise OptionError(
                "this model reads words and looks at no pictures",
                value=self.name,
                remedy="Add --text WORDS, or let another model tell it what it sees: --model narrated "
                "-o narrator=CAPTIONER -o reasoner=THIS.",
            )


_WORDS_ALONE = frozenset({"text", "language"})


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


def resolve(spec: str | Path = "auto", *, words_only: bool = False, **options: Any) -> Choice:
    """Find out which recognizer a model's name stands for, without loading it.

    Args:
        spec: `auto`; a registered name; a name of the catalogue; a folder with a model in Hugging Face layout;
            a hub id such as `llava-hf/llava-1.5-7b-hf`; or a YAML file with `model:` and `options:`.
        words_only: There is no picture: `auto` then means the text recognizer.
        **options: Options of the model; they win over those of a YAML file.

    Raises:
        UnknownModelError: if nothing has this name.
        ModelNotHereError: if it is known but its files are not on this machine.
        OptionError: if a YAML file cannot be read as a model specification.
    """
    name = os.fspath(spec) if isinstance(spec, Path) else spec
    if name == "auto":
        return _automatic(words_only, options)
    if name in registry.names():
        return Choice(name, "asked for by name", name, _with_folders(options))
    path = Path(name).expanduser()
    if path.suffix in {".yaml", ".yml"} and path.is_file():
        return _from_yaml(path, options)
    if path.is_dir():
        return _from_folder(path, name, "a model folder", options)
    if name.startswith(("/", "./", "../", "~")):
        look_into(path)  # A path and no name: says that there is nothing.
    entry = catalogue.find(name)
    if entry is not None:
        return _from_catalogue(entry, options)
    if catalogue.is_hub_id(name):
        return _from_hub(catalogue.known(name), "asked for by its hub id", options)
    registry.factory(name)
    return Choice(name, "asked for by name", name, options)


def _automatic(words_only: bool, options: Mapping[str, Any]) -> Choice:
    if words_only:
        return Choice("text", "there are only words, and this model reads words", "text", options, auto=True)
    candidates = catalogue.for_photographs()
    here = [entry for entry in candidates if catalogue.is_here(entry)]
    if here and catalogue.is_runnable(here[0]):
        best = here[0]
        why = f"the best model for photographs that is on this machine ({len(here)} of {len(candidates)} are)"
        chosen = _from_hub(best, why, options)
        return replace(chosen, name=best.name, auto=True)
    why = "no model for photographs is on this machine"
    if here:
        why = f'{here[0].name} is on this machine, but running it needs: pip install "emoscene[models]"'
    return Choice("embedded", why, "embedded", options, auto=True)


def _from_yaml(path: Path, options: Mapping[str, Any]) -> Choice:
    import yaml

    remedy = "A model file has `model: NAME` and, if wanted, `options:` with one `key: value` a line."
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        raise OptionError("this model file is not YAML", value=path, remedy=remedy) from None
    known = isinstance(content, dict) and set(content) <= {"model", "options"}
    if not known or not isinstance(content.get("model"), str):
        raise OptionError("this model file does not name a model", value=path, remedy=remedy)
    if not isinstance(content.get("options") or {}, dict):
        raise OptionError("the options of this model file are no mapping", value=path, remedy=remedy)
    model: str = content["model"]
    if model.endswith((".yaml", ".yml")):
        raise OptionError("a model file names a model, not another file", value=model, remedy=remedy)
    if model.startswith("."):
        model = str(path.parent / model)
    chosen = resolve(model, **{**(content.get("options") or {}), **options})
    return replace(chosen, name=str(path), why=f"the file names {chosen.name}")


def _from_catalogue(entry: catalogue.Entry, options: Mapping[str, Any]) -> Choice:
    if entry.recognizer is None:
        raise UnknownModelError(
            "this model is known, but emoscene cannot ask it yet",
            value=entry.name,
            remedy="`emoscene models list` shows the ones that answer now.",
        )
    if entry.hub and not (entry.package and find_spec(entry.package)):
        return _from_hub(entry, "asked for by its name in the catalogue", options)
    return Choice(entry.name, "asked for by its name in the catalogue", entry.recognizer, options)


def _from_hub(entry: catalogue.Entry, why: str, options: Mapping[str, Any]) -> Choice:
    """The snapshot's folder, so that loading asks no server and takes exactly the files that were pulled."""
    folder = catalogue.ready_folder(entry)
    name = entry.name if entry.subfolder else entry.hub
    chosen = _from_folder(folder, name, why, options)
    signs = chosen.recognizer in ("vlm", "dual_encoder", "language")
    return replace(chosen, title=f"{name}@{folder.name[:8]}") if signs else chosen


#: Which recognizer asks a folder of a kind, and the option that takes the folder.
_ASKS = {
    Kind.VLM: ("vlm", "model"),
    Kind.DUAL_ENCODER: ("dual_encoder", "model"),
    Kind.CAPTIONER: ("narrated", "narrator"),
    Kind.LANGUAGE: ("language", "model"),
    Kind.SENTENCES: ("text", "encoder"),
}


def _from_folder(path: Path, name: str, why: str, options: Mapping[str, Any]) -> Choice:
    folder = look_into(path)
    if folder.kind is Kind.ADAPTER:
        if not folder.base:
            raise UnknownModelError(
                "this adapter does not say which model it belongs to",
                value=path,
                remedy=f"Give the model as --model, and -o adapter={shorten(path)}",
            )
        base = resolve(folder.base, **{**options, "adapter": str(path)})
        return replace(base, name=name, why=f"an adapter of {folder.base}")
    if folder.kind not in _ASKS:
        raise UnknownModelError(
            f"this model is a {folder.kind} and does not answer by itself",
            value=name,
            remedy="Use it as --detector, and another as --model.",
        )
    recognizer, option = _ASKS[folder.kind]
    return Choice(name, why, recognizer, {**_with_folders(options), option: str(path)})


#: Options that name another model. Hub ids and catalogue names in them become folders.
_MODEL_OPTIONS = ("model", "narrator", "reasoner", "encoder", "adapter")


def _with_folders(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with every hub id or catalogue name of a model replaced by the folder of its files."""
    settled = dict(options)
    for key in _MODEL_OPTIONS:
        name = options.get(key)
        if key == "model" and "base_url" in options:
            continue  # A name on somebody else's server.
        if not isinstance(name, str) or not name or Path(name).expanduser().exists():
            continue
        entry = catalogue.find(name)
        if entry is None and catalogue.is_hub_id(name):
            entry = catalogue.known(name)
        if entry is not None and entry.hub:
            settled[key] = str(catalogue.ready_folder(entry))
    return settled


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
