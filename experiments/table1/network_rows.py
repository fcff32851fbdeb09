"""The networks that transformers lacks, trained on the labels of train, and what they see less of: controls.

All begin from the base tower, through recipes of the kind `network`, as `emoscene train` runs them. `face_only` and
`person_only` see the person alone, `image_only` no words, `text_only` no picture.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from emoscene.labels import LabelSpace
from emoscene.recognizers.base import Card, Recognizer
from emoscene.types import BoundingBox, Prediction, Sample
from experiments.table1.base import finished, run_and_load, tower_folder
from experiments.table1.rows import Context, Group, Part, Row
from experiments.table1.vision_sizes import SIZES

__all__ = ["HEADS", "NETWORK_ROWS", "HeadBoxes"]

_SIGHT: dict[str, Any] = {"size": SIZES.side, "red_box": True}
_STREAM = {"width": 128, "heads": 4, "layers": 2, "intermediate": 256}


def _recipe(
    context: Context, name: str, network: Mapping[str, Any], root: Path, words: bool
) -> dict[str, Any]:
    schedule: dict[str, Any] = {
        "epochs": SIZES.network_epochs, "batch": SIZES.batch, "at_once": SIZES.batch, "rate": 5e-4,
        "weight_decay": 0.05, "warm_up": 0.06, "checkpoint_every": 100, "log_every": 20,
    }  # fmt: skip
    if context.smoke:
        schedule["epochs"] = 1
    data = {
        "dataset": "scenes",
        "root": str(root),
        "train": "train",
        "val": "val",
        "val_limit": SIZES.validated,
    }
    if words:
        data["options"] = {"words": True}
    return {
        "kind": "network", "name": f"table1-{name}", "seed": context.seed, "data": data, "network": dict(network),
        "tower": str(tower_folder(context)), "schedule": schedule,
    }  # fmt: skip


def _trained(
    name: str, network: Mapping[str, Any], words: bool, heads: bool, context: Context, work: Path
) -> Recognizer:
    """Run the row's recipe, or go on with it, and load its model."""
    root = context.part("heads") / "scenes" if heads else context.scenes
    recognizer = run_and_load(_recipe(context, name, network, root, words), work, context.labels)
    return HeadBoxes(recognizer, root) if heads else recognizer


class HeadBoxes:
    """A recognizer that is given people's heads in the place of their bodies."""

    def __init__(self, recognizer: Recognizer, root: Path) -> None:
        self._recognizer = recognizer
        self._heads = {}
        for file in sorted(root.glob("*.jsonl")):
            for line in file.read_text("utf-8").splitlines():
                row = json.loads(line)
                x1, y1, x2, y2 = row["box"]
                self._heads[f"scenes/{file.stem}/{row['id']}"] = BoundingBox(x1=x1, y1=y1, x2=x2, y2=y2)

    @property
    def name(self) -> str:
        return f"{self._recognizer.name} on heads"

    @property
    def card(self) -> Card:
        return self._recognizer.card

    @property
    def labels(self) -> LabelSpace:
        return self._recognizer.labels

    def predict(self, samples: Iterable[Sample]) -> Iterator[Prediction]:
        """As the recognizer within."""
        return self._recognizer.predict(s.model_copy(update={"box": self._heads[s.id]}) for s in samples)


def _make_heads(context: Context, folder: Path) -> None:
    """The scenes once more, with the box of the head as the person's."""
    done = folder / "scenes"
    if done.is_dir():
        return
    with finished(done) as part:
        (part / "images").symlink_to(
            os.path.relpath(context.scenes / "images", done), target_is_directory=True
        )
        shutil.copy(context.scenes / "manifest.json", part / "manifest.json")
        for split in context.sizes.people:
            rows = [line | {"box": line["head"]} for line in context.lines(split)]
            (part / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def _row(
    name: str,
    title: str,
    network: Mapping[str, Any],
    *,
    paper: str = "",
    group: Group = "trained",
    words: bool = False,
    heads: bool = False,
) -> Row:
    made = partial(_trained, name, network, words, heads)
    needs = ("base", "heads") if heads else ("base",)
    learnt = "the labels of train, on the base tower" + (", and the words of the scenes" if words else "")
    return Row(name, title, group, learnt, made, paper=paper, needs=needs, words=words)


def _cnn(**sight: Any) -> dict[str, Any]:
    return {"name": "emotic-cnn", "dropout": 0.3, "sight": {**_SIGHT, "cells": 0, "red_box": False, **sight}}


def _vilbert(modalities: str) -> dict[str, Any]:
    text = {**_STREAM, "layers": 3}
    sight = {**_SIGHT, "view": "scene", "cells": 7}
    return {"name": "vilbert", "modalities": modalities, "text": text, "visual": _STREAM, "sight": sight}


def _vlp(modalities: str) -> dict[str, Any]:
    sight = {**_SIGHT, "view": "scene", "cells": 7}
    return {
        "name": "unified-vlp",
        "modalities": modalities,
        "stream": {**_STREAM, "layers": 3},
        "sight": sight,
    }


HEADS = Part("heads", "nothing: the scenes with the boxes of heads", _make_heads)

NETWORK_ROWS: tuple[Row, ...] = (
    _row("emotic_cnn", "EMOTIC CNN", _cnn(), paper="EMOTIC CNN"),
    _row("vilbert", "ViLBERT, picture and words", _vilbert("both"), words=True),
    _row("unified_vlp", "Unified-VLP, picture and words", _vlp("both"), words=True),
    _row("image_only", "Unified-VLP, picture alone", _vlp("image"), group="control"),
    _row("text_only", "Unified-VLP, words alone", _vlp("text"), group="control", words=True),
    _row("person_only", "Person alone (CNN's body branch)", _cnn(view="body"), group="control"),
    _row("face_only", "Face alone (CNN on heads)", _cnn(view="body"), group="control", heads=True),
)
