"""A folder of drawn scenes as a dataset: what `make` wrote, read back as samples."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emoscene.datasets.base import Dataset, Facts, Ledger
from emoscene.datasets.scenes.appraisal import CONTROLLED, SPLITS
from emoscene.errors import InputError
from emoscene.labels import label_space
from emoscene.types import VAD, Annotation, BoundingBox, Sample

__all__ = ["FACTS", "open_scenes"]

FACTS = Facts(
    name="scenes",
    title="drawn scenes with EMOTIC's 26 labels, drawn from a written appraisal table",
    licence="Apache-2.0, as emoscene",
    access="`emoscene scenes make --people N --seed S --out DIR`",
    traps=(
        "Nobody real is shown: figures say whether a method reads scenes, not how well it does on photographs.",
        "Training and test people are drawn by the same rules; pairs of event and setting differ where the card says.",
    ),
)


class _Scenes(Dataset):
    def samples(self, split: str, ledger: Ledger | None = None) -> Iterator[Sample]:
        file = self.root / f"{self.check_split(split)}.jsonl"
        with file.open(encoding="utf-8") as stream:
            for number, line in enumerate(stream, 1):
                try:
                    yield self._sample(split, json.loads(line))
                except (ValueError, KeyError, TypeError):
                    raise InputError(
                        f"{file.name}, row {number}: this is no row of drawn scenes",
                        value=line.strip(),
                        remedy="Draw them anew in another folder: `emoscene scenes make`.",
                    ) from None

    def _sample(self, split: str, row: dict[str, Any]) -> Sample:
        x1, y1, x2, y2 = row["box"]
        return Sample(
            id=f"scenes/{split}/{row['id']}",
            picture=self.root / "images" / Path(row["image"]).name,
            box=BoundingBox(x1=x1, y1=y1, x2=x2, y2=y2),
            text=(row["words"] or None) if self.options.get("words") else None,
            source=row["image"],
            target=frozenset(row["labels"]),
            target_vad=VAD(**row["vad"]),
            split=split,
            group=row["pair"] or row["image"],
            annotations=tuple(
                Annotation(labels=frozenset(vote["labels"]), vad=VAD(**vote["vad"]))
                for vote in row["annotators"]
            ),
            attributes=_attributes(row),
        )


def _attributes(row: dict[str, Any]) -> dict[str, str]:
    attributes: dict[str, str] = {"age": row["causes"]["age"]}
    if row["pair"] is not None:
        attributes |= {"pair": row["pair"], "side": row["side"]}
    return attributes


def open_scenes(root: Path, *, words: bool = False) -> Dataset:
    """Open a folder that `emoscene scenes make` wrote.

    Args:
        root: The folder.
        words: Whether the samples hold what is said in the scene, where something is.

    Raises:
        InputError: if the folder holds no finished drawing.
    """
    splits = tuple(split for split in SPLITS + CONTROLLED if (root / f"{split}.jsonl").is_file())
    if not (root / "manifest.json").is_file() or not splits:
        raise InputError(
            "this folder holds no finished drawn scenes",
            value=root,
            remedy="Draw them: emoscene scenes make --people 300 --out DIR.",
        )
    return _Scenes(
        FACTS, root, label_space("emotic"), splits, layout="drawn", variant="drawn", options={"words": words}
    )
