"""The embedded model: a small LLaVA trained from nothing on drawn scenes, tower first, then the whole."""
