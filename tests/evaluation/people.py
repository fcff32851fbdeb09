"""Made-up people with known labels and a model that knows something about them, for tests of evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from emoscene.datasets.base import Dataset, Defect, Facts, Ledger
from emoscene.evaluation.run import Asked, run
from emoscene.labels import LabelSpace, label_space
from emoscene.recognizers.base import Answer, BatchRecognizer, Card, Refusal, Subject
from emoscene.runs.record import RunFiles
from emoscene.types import VAD, Sample, ScoreKind, Status

EKMAN = label_space("ekman")
EMOTIC = label_space("emotic")


class MadeUp(Dataset):
    """People whose words hold their own labels, in pictures of two."""

    def __init__(self, root: Path, labels: LabelSpace = EMOTIC, people: int = 40) -> None:
        facts = Facts("made_up", "Made-up people", "CC0", "nowhere")
        super().__init__(facts, root, labels, ("train", "val", "test"), layout="made up", variant="made up")
        self.people = people

    def samples(self, split: str, ledger: Ledger | None = None) -> Iterator[Sample]:
        self.check_split(split)
        rng = np.random.default_rng(self.splits.index(split))
        for person in range(self.people):
            chosen = rng.random(len(self.labels)) < 0.25
            chosen[rng.integers(len(self.labels))] = True
            names = np.array(self.labels.ids)[chosen]
            target = frozenset(map(str, names if self.labels.multi_label else names[:1]))
            if ledger is not None:
                ledger.note("made_up", str(person))
            yield Sample(
                id=f"made_up/{split}/{person}",
                text=" ".join(sorted(target)),
                target=target,
                target_vad=VAD(valence=1 + person % 9, arousal=5, dominance=3),
                split=split,
                group=f"picture {person // 2}",
                source=f"picture {person // 2}",
            )

    def defects(self) -> Mapping[str, Defect]:
        return {"made_up": Defect("person is made up", "is kept")}


class Guesser(BatchRecognizer[tuple[str, str]]):
    """Reads the labels in the words, errs as often as it is told to, and refuses every tenth person if asked to."""

    def __init__(
        self, labels: LabelSpace = EMOTIC, *, noise: float = 0.5, refuse: bool = False, name: str = "guesser"
    ) -> None:
        card = Card(name, "Guesses.", "CC0", limits="Guesses.", uses_picture=False, uses_text=True)
        super().__init__(name, card, labels)
        self.noise, self.refuse = noise, refuse

    def prepare(self, subject: Subject) -> tuple[str, str]:
        number = int(subject.sample.id.rpartition("/")[2])
        if self.refuse and number % 10 == 0:
            raise Refusal("I would rather not", status=Status.REFUSED, raw_text="No.")
        return subject.sample.id, subject.sample.text or ""

    def answer(self, batch: Any) -> list[Answer]:
        return [self._one(*each) for each in batch]

    def _one(self, name: str, words: str) -> Answer:
        rng = np.random.default_rng(sum(map(ord, name)) + int(1000 * self.noise))
        known = np.array([label in words.split() for label in self.labels.ids], dtype=float)
        scores = (1 - self.noise) * (0.2 + 0.6 * known) + self.noise * rng.random(len(self.labels))
        named = dict(zip(self.labels.ids, scores.tolist(), strict=True))
        return Answer(named, ScoreKind.YES_SHARE, vad=VAD(valence=5, arousal=5.5, dominance=3))


def made_run(
    folder: Path, *, split: str = "test", labels: LabelSpace = EMOTIC, people: int = 40, **guesser: Any
) -> RunFiles:
    """A finished run of the guesser on the made-up people."""
    dataset = MadeUp(folder.parent, labels, people)
    return run(dataset, Guesser(labels, **guesser), Asked(split, {"spec": "guesser"}), folder)
