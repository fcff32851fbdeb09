"""`emoscene analyze`: pictures, boxes and words in; a table, JSON lines, a picture or a page out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import typer

from emoscene.cli.completion import detectors, label_spaces, model_specs, which_people

if TYPE_CHECKING:
    from emoscene.api import Choice
    from emoscene.cli.asked import Asked
    from emoscene.labels import LabelSpace
    from emoscene.types import Prediction

__all__ = ["analyze"]


def analyze(
    images: list[str] = typer.Argument(None, metavar="IMAGE", help="Pictures."),
    box: list[str] = typer.Option(
        None, "--box", metavar="X1,Y1,X2,Y2", help="A person, in pixels of the upright picture. Repeatable."
    ),
    people: str = typer.Option(
        None,
        "--people",
        metavar="all|largest",
        help="Find the people instead of naming boxes.",
        autocompletion=which_people,
    ),
    detector: str = typer.Option(
        None,
        "--detector",
        metavar="SPEC",
        help="What finds them: an .onnx file, a folder, a hub id.",
        autocompletion=detectors,
    ),
    detect: list[str] = typer.Option(
        None, "--detect", metavar="KEY=VALUE", help="score, overlap, min_side, min_share or most. Repeatable."
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

    Without --box or --people the whole picture is the person. With --text alone the words are read.
    Exit code: 0 all rows ok, 1 some are not, 2 something asked for cannot be done.
    """
    from emoscene import api
    from emoscene.cli.asked import Given, check, read_options
    from emoscene.cli.streams import say
    from emoscene.labels import label_space
    from emoscene.recognizers.asking import answers

    asked = check(Given(images or [], box or [], people, text, save, detector, detect or ()))
    space = label_space(labels)
    options = read_options(option or []) | ({"reason": True} if reason else {})
    choice = api.resolve(model, words_only=not asked.images, **options)
    choice.check_input(picture=bool(asked.images), words=text is not None)
    recognizer = api.load(choice, space)
    if choice.auto:
        say(f"model: {choice.name}, because {choice.why}")
    if text is not None and not recognizer.card.uses_text:
        say(f"note: {recognizer.name} reads no words; --text is not used")
    show = _json_line if as_json else _table(space, several=asked.several)
    rows = []
    for row in answers(recognizer, asked.samples()):
        rows.append(row)
        show(row)
    if not as_json:
        _closing_words(rows)
    for line in api.closing_words(recognizer):
        say(f"note: {line}")
    if asked.save is not None:
        _save(asked, rows, space, choice)
        say(f"saved: {asked.save}")
    return 0 if all(row.ok for row in rows) else 1


def _json_line(row: Prediction) -> None:
    from emoscene.cli.streams import write_line
    from emoscene.render.printable import printable_json

    write_line(printable_json(row.to_json()))


def _table(space: LabelSpace, *, several: bool) -> Callable[[Prediction], None]:
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


def _save(asked: Asked, rows: Sequence[Prediction], space: LabelSpace, choice: Choice) -> None:
    from itertools import groupby

    from emoscene.errors import PictureError

    assert asked.save is not None
    groups = [(source, tuple(group)) for source, group in groupby(rows, lambda row: row.source)]
    if asked.save.suffix.lower() == ".html":
        from emoscene.render.page import Shown, page

        shown = (Shown(asked.picture_of(source), group) for source, group in groups)
        asked.save.write_text(page(shown, space, model=choice.name, why=choice.why), encoding="utf-8")
        return
    from emoscene.render.overlay import overlay

    source, group = groups[0]
    picture = asked.picture_of(source)
    if picture is None:
        raise PictureError(
            "there is no picture to draw on", value=asked.images[0], remedy="Nothing was saved."
        )
    overlay(picture, group, space).save(asked.save)
