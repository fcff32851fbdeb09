"""`emoscene analyze`: pictures, boxes and words in; a table, JSON lines, a picture or a page out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from emoscene.cli.completion import label_spaces, model_specs

if TYPE_CHECKING:
    from pathlib import Path

    from emoscene.api import Choice
    from emoscene.labels import LabelSpace
    from emoscene.types import BoundingBox, Picture, Prediction, Sample

__all__ = ["analyze"]


@dataclass(frozen=True)
class _Asked:
    """What was asked for, once it is known to make sense."""

    images: Sequence[str]
    boxes: Sequence[BoundingBox]
    text: str | None
    save: Path | None


def analyze(
    images: list[str] = typer.Argument(None, metavar="[IMAGE]...", help="Pictures (JPEG, PNG, WebP, ...)."),
    box: list[str] = typer.Option(
        None, "--box", metavar="X1,Y1,X2,Y2", help="A person, in pixels of the upright picture. Repeatable."
    ),
    text: str = typer.Option(None, "--text", metavar="WORDS", help="Words that belong to the scene."),
    model: str = typer.Option(
        "auto",
        "--model",
        "-m",
        metavar="SPEC",
        help="A model's name, a folder, a hub id or a YAML file.",
        autocompletion=model_specs,
    ),
    option: list[str] = typer.Option(
        None, "-o", metavar="KEY=VALUE", help="An option of the model. Repeatable."
    ),
    labels: str = typer.Option(
        "emotic",
        "--labels",
        metavar="SPACE",
        help="A label space or a YAML file.",
        autocompletion=label_spaces,
    ),
    reason: bool = typer.Option(False, "--reason", help="Ask for a one-sentence reason."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object a person and line."),
    save: str = typer.Option(None, "--save", metavar="FILE", help="Also write FILE.png or FILE.html."),
) -> int:
    """How do the people in these pictures apparently feel?

    Without --box the whole picture is the person. With --text alone the words are read.
    Exit code: 0 all rows ok, 1 some are not, 2 something asked for cannot be done.
    """
    from emoscene import api
    from emoscene.cli.streams import say, write_line
    from emoscene.labels import label_space
    from emoscene.render.printable import printable_json

    asked = _checked(images or [], box or [], text, save)
    space = label_space(labels)
    options = _options(option or [])
    if reason:
        options["reason"] = True
    choice = api.resolve(model, words_only=not asked.images, **options)
    samples = list(_samples(asked))
    recognizer = api.load(choice, space)
    if choice.auto:
        say(f"model: {choice.name}, because {choice.why}")
    show = _table(space, several=len(samples) > 1)
    rows = []
    for row in recognizer.predict(samples):
        rows.append(row)
        if as_json:
            write_line(printable_json(row.to_json()))
        else:
            show(row)
    if not as_json:
        _closing_words(rows)
    if asked.save is not None:
        _save(asked.save, samples, rows, space, choice)
        say(f"saved: {asked.save}")
    return 0 if all(row.ok for row in rows) else 1


def _checked(images: Sequence[str], boxes: Sequence[str], text: str | None, save: str | None) -> _Asked:
    from pathlib import Path

    from emoscene.errors import MissingFileError, OptionError
    from emoscene.types import BoundingBox

    if not images and text is None:
        raise OptionError(
            "there is nothing to look at",
            remedy="Give a picture, --text WORDS, or both: emoscene analyze --help.",
        )
    if text is not None and not text.strip():
        raise OptionError("--text is empty", remedy="Give some words, or leave it out.")
    if boxes and len(images) != 1:
        raise OptionError(
            "--box needs exactly one IMAGE",
            value=f"{len(images)} given",
            remedy="Analyze the pictures one by one.",
        )
    settled = [BoundingBox.parse(given) for given in boxes]
    for image in images:
        if "://" in image:
            raise MissingFileError(
                "this is an address, and emoscene fetches none",
                value=image,
                remedy="Download the picture and give its path.",
            )
        _check_file(Path(image))
    target = None if save is None else Path(save)
    if target is not None:
        _check_target(target, len(images))
    return _Asked(images, settled, text, target)


def _check_file(path: Path) -> None:
    from emoscene.errors import MissingFileError

    try:
        is_folder, is_there = path.is_dir(), path.exists()
    except OSError:
        raise MissingFileError("this path cannot be looked up", value=path, remedy="Shorten it.") from None
    if is_folder:
        raise MissingFileError(
            "this is a folder, not a picture",
            value=path,
            remedy="Name the pictures, for example with /*.jpg.",
        )
    if not is_there:
        raise MissingFileError("there is no such file", value=path, remedy="Check the path.")


def _check_target(target: Path, images: int) -> None:
    from emoscene.errors import MissingFileError, OptionError

    if target.suffix.lower() not in {".png", ".html"}:
        raise OptionError(
            "--save writes .png or .html", value=target, remedy="Give the file one of these endings."
        )
    if target.suffix.lower() == ".png" and images != 1:
        raise OptionError(
            "a PNG shows exactly one IMAGE",
            value=f"{images} given",
            remedy="Save FILE.html, or give one picture.",
        )
    if target.is_dir() or not target.parent.is_dir():
        raise MissingFileError(
            "--save has no folder to write to", value=target, remedy="Make its folder first."
        )


def _options(given: Sequence[str]) -> dict[str, Any]:
    """`KEY=VALUE` pairs; a value that is a JSON number, true, false or null is read as one."""
    import json

    from emoscene.errors import OptionError

    options: dict[str, Any] = {}
    for pair in given:
        key, equals, value = pair.partition("=")
        key = key.strip().replace("-", "_")
        if not equals or not key:
            raise OptionError("an option is KEY=VALUE", value=pair, remedy="For example: -o batch_size=4.")
        if key == "reason":
            raise OptionError("a reason is asked for with --reason", value=pair, remedy="Leave out the -o.")
        try:
            parsed = json.loads(value, parse_constant=str)
        except json.JSONDecodeError:
            parsed = value
        options[key] = value if isinstance(parsed, dict | list) else parsed
    return options


def _samples(asked: _Asked) -> Iterator[Sample]:
    from emoscene import api

    if not asked.images:
        yield from api.samples_of(None, api.source_of(None), text=asked.text)
    for image in asked.images:
        picture = _picture_with(image, asked.boxes) if asked.boxes else image
        yield from api.samples_of(picture, api.source_of(image), boxes=asked.boxes, text=asked.text)


def _picture_with(image: str, boxes: Sequence[BoundingBox]) -> Any:
    """The opened picture, once every box is known to lie in it; the path of one that cannot be read (a row)."""
    from emoscene.errors import PictureError
    from emoscene.images import open_picture

    try:
        picture = open_picture(image)
    except PictureError:
        return image
    for box in boxes:
        box.clamp(picture.width, picture.height)
    return picture


def _table(space: LabelSpace, *, several: bool) -> Any:
    from rich.console import Console

    from emoscene.render.table import Look, show

    console = Console(highlight=False, markup=False, emoji=False)
    count = 0

    def show_row(row: Prediction) -> None:
        nonlocal count
        count += 1
        show(row, console, space, Look(index=count if several else None))

    return show_row


def _closing_words(rows: Sequence[Prediction]) -> None:
    from emoscene.cli.streams import say, write_line
    from emoscene.render.words import NOTICE

    write_line(NOTICE)
    failed = sum(not row.ok for row in rows)
    if failed and len(rows) > 1:
        say(f"{failed} of {len(rows)} rows are not ok")


def _save(
    target: Path, samples: Sequence[Sample], rows: Sequence[Prediction], space: LabelSpace, choice: Choice
) -> None:
    from emoscene.errors import OptionError

    groups = list(_by_picture(samples, rows))
    if target.suffix.lower() == ".html":
        from emoscene.render.page import Shown, page

        shown = [Shown(picture, tuple(group)) for picture, group in groups]
        target.write_text(page(shown, space, model=choice.name, why=choice.why), encoding="utf-8")
        return
    from emoscene.render.overlay import overlay

    picture, group = groups[0]
    if picture is None:
        raise OptionError("there is no picture to draw on", value=target, remedy="Nothing was saved.")
    overlay(picture, group, space).save(target)


def _by_picture(
    samples: Sequence[Sample], rows: Sequence[Prediction]
) -> Iterator[tuple[Picture | None, list[Prediction]]]:
    """Rows that belong to the same picture, with that picture opened once more (None where it cannot be)."""
    from itertools import groupby

    from emoscene.errors import InputError, PictureError
    from emoscene.images import open_picture
    from emoscene.types import Picture

    def whose(pair: tuple[Sample, Prediction]) -> str:
        return pair[0].source

    for _, pairs in groupby(zip(samples, rows, strict=True), key=whose):
        group = list(pairs)
        given = group[0][0].picture
        picture: Picture | None = None
        if given is not None:
            try:
                picture = given if isinstance(given, Picture) else open_picture(given)
            except (PictureError, InputError):
                picture = None
        yield picture, [row for _, row in group]
