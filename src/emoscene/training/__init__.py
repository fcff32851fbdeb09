"""Training: recipes, targets and loops. `python -m emoscene.training RECIPE --out DIR` runs a recipe."""
