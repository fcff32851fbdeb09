"""The weights that ship: a tiny vision language model trained on drawn scenes, in two layouts, and its model card.

`model/` is a plain folder in Hugging Face layout (safetensors) for torch; `graph.onnx` is the same weights as one
graph for the light core. `MODEL_CARD.md` says what it was trained on, how well it does, and what it must not be
used for.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["card_file", "graph_file", "model_folder"]

_HERE = Path(__file__).parent


def model_folder() -> Path:
    """The folder in Hugging Face layout; `emoscene.load(model_folder())` runs it with torch."""
    return _HERE / "model"


def graph_file() -> Path:
    """The ONNX graph of the same weights."""
    return _HERE / "graph.onnx"


def card_file() -> Path:
    """The model card, Markdown."""
    return _HERE / "MODEL_CARD.md"
