"""`python -m emoscene.training RECIPE --out DIR`: run a recipe."""

from __future__ import annotations

import argparse
from pathlib import Path

from emoscene.training.recipe import read_recipe


def main() -> None:
    """Read the recipe, train, export."""
    parser = argparse.ArgumentParser(prog="python -m emoscene.training", description=__doc__)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    recipe = read_recipe(arguments.recipe)

    from emoscene.training.full import train

    train(recipe, arguments.out)


if __name__ == "__main__":
    main()
