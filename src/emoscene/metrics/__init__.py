"""Metrics: pure functions on numpy arrays, in float64. What is undefined is nan, never 0."""
