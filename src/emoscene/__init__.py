"""emoscene: how does the person in the bounding box feel? Apparent emotion from the whole scene."""

__version__ = "0.1.0"
