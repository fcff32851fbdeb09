"""Experiments: whole studies that run by one command. They are no part of the package."""
