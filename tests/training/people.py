"""People whose labels are plain to see, or to read: a table of pictures of one colour, and of sentences."""

from __future__ import annotations

import random
from pathlib import Path

from PIL import Image

__all__ = ["COLOURS", "coloured_people", "save_base", "told_people"]

#: In the label space `ekman`: few labels, few questions.
COLOURS = {
    (235, 20, 20): "anger",
    (20, 200, 30): "happiness",
    (20, 40, 230): "sadness",
    (240, 230, 20): "surprise",
}
_TOLD = {"the red box": "anger", "yes yes yes": "happiness", "no no": "sadness", "USER: 1 2 3": "surprise"}
_LEVELS = {"anger": (2, 9, 7), "happiness": (8, 4, 6), "sadness": (2, 2, 2), "surprise": (7, 9, 3)}


def coloured_people(folder: Path, train: int = 32, val: int = 24) -> Path:
    """A table `people.csv` beside pictures; the colour decides the labels."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(1)
    lines = ["image,x1,y1,x2,y2,labels,split,valence,arousal,dominance"]
    colours = list(COLOURS)
    for index in range(train + val):
        colour = colours[index % len(colours)]
        shaken = tuple(min(255, max(0, c + rng.randint(-15, 15))) for c in colour)
        name = f"{index}.png"
        Image.new("RGB", (40, 36), shaken).save(folder / name)
        lines.append(f"{name},4,3,36,33,{_row(COLOURS[colour], index < train)}")
    (folder / "people.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return folder / "people.csv"


def told_people(folder: Path, train: int = 32, val: int = 24) -> Path:
    """A table `people.csv` of words that decide the labels."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["id,text,labels,split,valence,arousal,dominance"]
    words = list(_TOLD)
    for index in range(train + val):
        said = words[index % len(words)]
        lines.append(f"p{index},{said} {index % 7},{_row(_TOLD[said], index < train)}")
    (folder / "people.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return folder / "people.csv"


def _row(label: str, train: bool) -> str:
    levels = ",".join(str(n) for n in _LEVELS[label])
    return f"{label},{'train' if train else 'val'},{levels}"


def save_base(folder: Path, family: str) -> Path:
    """A tiny model of a family, `language` among them, that can be taught: the output layer of a random model is so
    weak that no adapter before it could make any answer likely."""
    from safetensors.torch import load_file, save_file

    from tests.tiny_languages import save_tiny_language
    from tests.tiny_vlms import save_tiny_vlm

    save_tiny_language(folder) if family == "language" else save_tiny_vlm(folder, family)
    file = folder / "model.safetensors"
    tensors = load_file(file)
    name = next(key for key in tensors if key.endswith("lm_head.weight"))
    tensors[name] = tensors[name] / tensors[name].std()
    save_file(tensors, file, metadata={"format": "pt"})
    return folder
