"""The people of a training: which of a dataset's are trained on, and which of them judge.

dataset, root, splits --load_people--> People: those trained on, and those that validate, none of whose pictures
                                       is trained on
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field

from emoscene.datasets.base import Dataset
from emoscene.datasets.registry import open_dataset
from emoscene.errors import InputError, MissingFileError, OptionError
from emoscene.labels import LabelSpace
from emoscene.training.augment import Augment, augmented
from emoscene.training.recipe import Part
from emoscene.training.sampling import Balance, Balanced, balance, few
from emoscene.types import Sample

__all__ = ["Data", "People", "load_people"]


class Data(Part):
    """Whom a recipe trains on.

    Attributes:
        dataset: A dataset's name, as `--dataset` takes it.
        root: The file or folder that holds it.
        options: Options of the dataset.
        train, val: Splits; without `val`, nothing is validated and the last weights are kept.
        limit, val_limit: At most so many people, the first of the split.
        samples: So many people of those, drawn by the recipe's seed, every label among them where that is possible (the
            paper's setting of 100).
        texts: Files of JSON lines with `id` and `caption` (or `text`), such as the rows of a captioner's run: they
            take the place of the words of the people they name.
        balance: People with rare labels come several times (the paper's balanced augmentation, with `augment`).
        augment: Pictures and words of those trained on are changed a little each time.
    """

    dataset: str
    root: str
    options: dict[str, Any] = Field(default_factory=dict)
    train: str = "train"
    val: str | None = "val"
    limit: int | None = Field(default=None, ge=1)
    val_limit: int | None = Field(default=None, ge=1)
    samples: int | None = Field(default=None, ge=1)
    texts: tuple[str, ...] = ()
    balance: Balance | None = None
    augment: Augment | None = None


@dataclass(frozen=True)
class People:
    """The people of a training, pictures unopened.

    Attributes:
        dataset: Where they come from.
        train, val: They all have known labels.
        unlabelled: People of the two splits left out because nothing is known of them.
        leaked: People of `val` left out because their picture is trained on.
        balanced: How often each of the people trained on comes in `train`, if not once.
        augment: How those trained on are changed each time.
    """

    dataset: Dataset
    train: Sequence[Sample] = field(repr=False)
    val: Sequence[Sample] = field(repr=False)
    unlabelled: int = 0
    leaked: int = 0
    balanced: Balanced | None = field(default=None, repr=False)
    augment: Augment | None = None

    @property
    def labels(self) -> LabelSpace:
        return self.dataset.labels

    def seen(self, index: int, key: str) -> Sample:
        """One of those trained on, as they are seen this time: `key` is `Draw.key`.

        Raises:
            PictureError, BoxError: if the picture cannot be opened, or the person is not in it.
        """
        sample = self.train[index]
        return sample if self.augment is None else augmented(sample, self.augment, key)

    def describe(self) -> dict[str, Any]:
        """What a manifest says of them."""
        return {
            "dataset": self.dataset.describe(),
            "train": {"people": len(self.train), "sha256": _digest(self.train)},
            "val": {"people": len(self.val), "sha256": _digest(self.val), "leaked_and_left_out": self.leaked},
            "unlabelled_and_left_out": self.unlabelled,
            **({} if self.balanced is None else {"balanced": self.balanced.describe()}),
        }

    def label_counts(self) -> dict[str, int]:
        """How many of those trained on have each label, in the order of the label space."""
        counts = Counter(label for sample in self.train for label in sample.target or ())
        return {label: counts[label] for label in self.labels.ids}


def load_people(data: Data, seed: int) -> People:
    """Read the people of a recipe. In EMOTIC, train and val share pictures: those of val are left out.

    Raises:
        OptionError: for an unknown dataset, option or split, or if nobody is left.
        MissingFileError, InputError: as the dataset does, and if a file of texts cannot be read.
    """
    dataset = open_dataset(data.dataset, data.root, **data.options)
    texts = _texts(data.texts)
    found: dict[str, list[Sample]] = {"train": [], "val": []}
    unlabelled = 0
    for use, split, limit in (("train", data.train, data.limit), ("val", data.val, data.val_limit)):
        if split is None:
            continue
        dataset.check_split(split)
        known = []
        for sample in itertools.islice(dataset.samples(split), limit):
            if sample.target is None:
                unlabelled += 1
                continue
            known.append(
                sample.model_copy(update={"text": texts[sample.id]}) if sample.id in texts else sample
            )
        found[use] = known
    train = _drawn(found["train"], data, seed, dataset.labels)
    if not train:
        raise OptionError(
            "nobody of the split has known labels", value=data.train, remedy="Train on another split."
        )
    pictures = {_picture(sample) for sample in train} - {None}
    val = [sample for sample in found["val"] if _picture(sample) not in pictures]
    if found["val"] and not val:
        raise OptionError(
            "every picture of the validation split is trained on",
            value=data.val,
            remedy="Validate on another split.",
        )
    leaked, balanced = len(found["val"]) - len(val), None
    if data.balance is not None:
        balanced = balance([sample.target or () for sample in train], dataset.labels.ids, data.balance)
        train = [train[i] for i in balanced.indices]
    return People(dataset, train, val, unlabelled, leaked, balanced, data.augment)


def _drawn(train: list[Sample], data: Data, seed: int, labels: LabelSpace) -> list[Sample]:
    if data.samples is None or data.samples >= len(train):
        return train
    return [train[i] for i in few([sample.target or () for sample in train], labels.ids, data.samples, seed)]


def _picture(sample: Sample) -> str | None:
    """What two people of one picture have in common."""
    if isinstance(sample.picture, str | Path):
        return str(sample.picture)
    return sample.group or sample.source or None


def _texts(files: Iterable[str]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for name in files:
        file = Path(name)
        if not file.is_file():
            raise MissingFileError("there is no such file of texts", value=name, remedy="Check data.texts.")
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
            try:
                row = json.loads(line)
                text = row.get("caption") or row.get("text")
                texts[str(row["id"])] = str(text or "")
            except (ValueError, KeyError, AttributeError, TypeError):
                raise InputError(
                    f"{file.name}, line {number}: this is no row with an id and a caption",
                    value=line,
                    remedy="Give the rows.jsonl of a run, or lines with `id` and `text`.",
                ) from None
    return texts


def _digest(samples: Iterable[Sample]) -> str:
    """A hash of who they are and what is known of them."""
    digest = hashlib.sha256()
    for sample in samples:
        digest.update(
            json.dumps(list(_known(sample)), ensure_ascii=False).encode("utf-8", "backslashreplace")
        )
    return digest.hexdigest()


def _known(sample: Sample) -> Iterator[Any]:
    yield sample.id
    yield sorted(sample.target or ())
    yield None if sample.target_vad is None else [round(v, 6) for _, v in sample.target_vad]
    yield [sorted(a.labels) for a in sample.annotations]
    yield sample.target_scores
    yield sample.text
    yield None if sample.box is None else list(sample.box.as_tuple())
