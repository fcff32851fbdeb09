"""A dataset through a recognizer, scored, compared and reported: three steps that can each be done again alone."""
