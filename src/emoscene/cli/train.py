"""`emoscene train`: a recipe in, a model folder out."""

from __future__ import annotations

import typer

__all__ = ["train"]


def train(
    recipe: str = typer.Argument(
        ..., metavar="RECIPE", help="A YAML file, or the name of one that ships: embedded."
    ),
    changes: list[str] = typer.Option(
        [], "--set", metavar="KEY=VALUE", help="Change a field, as in tower_stage.people=9."
    ),
    out: str = typer.Option(
        ..., "--out", metavar="DIR", help="The run's folder; a run cut short goes on here."
    ),
) -> int:
    """Train a model on drawn scenes and export it; --model DIR/model then loads it.

    Prints one JSON line of figures a hundred steps, and keeps them in DIR/log.jsonl. Needs the extra `train`.
    """
    import importlib.util
    from pathlib import Path

    from emoscene.cli.streams import say
    from emoscene.errors import MissingExtraError
    from emoscene.training.recipe import read_recipe, run_recipe

    read = read_recipe(recipe, changes)
    for package in ("torch", "transformers", "onnx"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError.of("train", package)

    say(f"training {recipe} into {out}")
    run_recipe(read, Path(out))
    say(f"done: emoscene analyze PICTURE --box X1,Y1,X2,Y2 --model {out}/model")
    return 0
