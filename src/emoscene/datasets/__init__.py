"""Datasets: each one turns its files into `Sample`s with targets."""
