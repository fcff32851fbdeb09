"""Training: recipes and the loops that follow them. `emoscene train RECIPE --out DIR` runs a recipe."""
