"""`emoscene train`: a recipe in, a run's folder out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from emoscene.training.recipe import Part

__all__ = ["train"]


def train(
    recipe: str = typer.Argument(
        ..., metavar="RECIPE", help="A YAML file, or the name of one that ships, such as embedded."
    ),
    changes: list[str] = typer.Option(
        [], "--set", metavar="KEY=VALUE", help="Change a field, as in schedule.epochs=1."
    ),
    out: str | None = typer.Option(
        None, "--out", metavar="DIR", help="The run's folder; a run cut short goes on here."
    ),
    dry: bool = typer.Option(
        False,
        "--dry-run",
        help="Look through all people, print the recipe and what was found, and train nothing.",
    ),
) -> int:
    """Train a model after a recipe; --model DIR then loads it.

    Prints one JSON line of figures every few steps, and keeps them in DIR/log.jsonl. Ctrl-C ends the step under way and
    leaves a folder that the same command goes on with. Needs the extra `train`.
    """
    import importlib.util
    from pathlib import Path

    from emoscene.cli.progress import training_bar
    from emoscene.cli.streams import say
    from emoscene.errors import MissingExtraError, OptionError
    from emoscene.training.recipe import read_recipe, run_recipe

    read = read_recipe(recipe, changes)
    needed = ["torch", "transformers", *(["onnx"] if getattr(read, "kind", "") == "scenes-llava" else [])]
    for package in needed:
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError.of("train", package)
    if dry:
        _rehearse(read)
        return 0
    if out is None:
        raise OptionError("a run needs a folder", value="--out", remedy="Give one: --out DIR, or --dry-run.")

    say(f"training {recipe} into {out}")
    with training_bar() as (progress, counting):
        run_recipe(read, Path(out), progress=_also_printed(progress), counting=counting)
    say(f"done: emoscene analyze PICTURE --box X1,Y1,X2,Y2 --model {out}")
    return 0


def _rehearse(recipe: Part) -> None:
    """The resolved recipe on stderr, what the dry run found as one JSON line on stdout."""
    import json

    import yaml

    from emoscene.cli.progress import people_bar
    from emoscene.cli.streams import say, write_line
    from emoscene.training.recipe import dry_run

    say(yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True), lines=True)
    with people_bar() as counting:
        found = dry_run(recipe, counting)
    write_line(json.dumps(found, ensure_ascii=False))


def _also_printed(progress: Callable[[Any], None]) -> Callable[[Any], None]:
    """Lines of the log go to stdout as well."""
    import json

    from emoscene.cli.streams import write_line

    def told(event: Any) -> None:
        if event.line is not None:
            write_line(json.dumps(dict(event.line)))
        else:
            progress(event)

    return told
