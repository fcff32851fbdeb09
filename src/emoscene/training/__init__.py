"""Training: recipes, targets and loops. `emoscene train RECIPE --out DIR` runs a recipe."""
