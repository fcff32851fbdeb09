"""Samples in, keyed rows out, resumable. One machinery under evaluations and, later, collections of pictures."""
