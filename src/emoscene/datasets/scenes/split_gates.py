"""The gates of the controlled splits: who lacks the deciding part must fall behind, or the split tests nothing.

Measured once with `benchmarks/scenes_readers.py`, then frozen before any model was trained on or asked about these
splits. The figure of a split: `mean_ap` over the 26 labels; `rare_ap`, over the eight rarest; `label_ap`, of the
label with the planted bias; `ranked`, the share of pairs and labels that one of the two has where that one is
ranked higher (ties count half).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from emoscene.datasets.scenes.appraisal import SPLITS, VERSION_NAME, Array, tables
from emoscene.datasets.scenes.bias import ALIGNED, LABEL, read_colour
from emoscene.datasets.scenes.controlled import PAIRED, Person, people_of, rare_labels
from emoscene.datasets.scenes.gates import GATE_SEED
from emoscene.datasets.scenes.readers import GATE, PARTIAL, READERS, read, tables_digest
from emoscene.metrics.ranking import average_precision, mean_ap

FROZEN = "2026-11-24"
Figure = Literal["mean_ap", "rare_ap", "label_ap", "ranked"]
Bools = npt.NDArray[np.bool_]
# Readers of the splits with a planted bias: what else they know beside the colour
COLOUR_READERS: dict[str, Literal["prevalence", "picture"]] = {
    "colour": "prevalence",
    "picture_colour": "picture",
}


@dataclass(frozen=True)
class SplitGate:
    """`reader` reaches at most `most` of what `whole` reaches; `least` the other way round."""

    reader: str
    whole: str = "picture"
    most: float | None = None
    least: float | None = None

    def holds(self, figures: dict[str, float]) -> bool:
        share = figures[self.reader] / figures[self.whole]
        return (self.most is None or share <= self.most) and (self.least is None or share >= self.least)

    def __str__(self) -> str:
        bound = f"at most {self.most:.2f}" if self.most is not None else f"at least {self.least:.2f}"
        return f"{self.reader} {bound} of {self.whole}"


_STANDARD = tuple(SplitGate(reader, most=GATE) for reader in PARTIAL)
SPLIT_GATES: dict[str, tuple[SplitGate, ...]] = {
    **dict.fromkeys((*SPLITS, "new_combinations", "rare"), _STANDARD),
    "face_decides": (SplitGate("without_face", most=0.50),),
    "scene_decides": (SplitGate("without_scene", most=0.60), SplitGate("person", most=0.60)),
    # Little of what anybody feels hangs on the others alone, even here
    "others_decide": (SplitGate("without_others", most=0.90),),
    "words_decide": (
        SplitGate("picture", "picture_words", most=0.60),
        SplitGate("words", "picture_words", most=0.50),
    ),
    # None on the picture: it reaches 0.92, for words that are seen through add little to it
    "irony": (SplitGate("words", "picture_words", most=0.30),),
    "conflict": (SplitGate("face_pose", most=0.55), SplitGate("context", most=0.40)),
    # Whoever reads only what both people share cannot rank them: 0.5 by ties
    "counterfactual": (SplitGate("person", most=0.60), SplitGate("surroundings", most=0.95)),
    "two_people": (SplitGate("context", most=0.60), SplitGate("face_pose", most=0.95)),
    "bias_train": (SplitGate("picture_colour", least=1.08),),
    "bias_same": (SplitGate("picture_colour", least=1.08),),
    "bias_reversed": (SplitGate("picture_colour", most=0.40),),
    "bias_none": (SplitGate("picture_colour", most=0.85),),
}


@dataclass(frozen=True)
class SplitReport:
    """All readers on one split."""

    version: str
    tables: str
    split: str
    people: int
    pictures: int
    labels_per_person: float
    figure: Figure
    figures: dict[str, float]
    gates: dict[str, bool]

    @property
    def passed(self) -> bool:
        return all(self.gates.values())

    def to_json(self) -> dict[str, Any]:
        """Plain values, fractions rounded to four places."""
        return {
            "version": self.version, "tables": self.tables, "split": self.split, "people": self.people,
            "pictures": self.pictures, "labels_per_person": round(self.labels_per_person, 3),
            "figure": self.figure, "figures": {name: round(value, 4) for name, value in self.figures.items()},
            "frozen": FROZEN, "gates": self.gates, "passed": self.passed,
        }  # fmt: skip


def readers_of(split: str) -> tuple[str, ...]:
    """The readers that there are for a split."""
    return (*READERS, *COLOUR_READERS) if split in ALIGNED else READERS


def read_person(person: Person, reader: str) -> Array:
    """What a reader of `readers_of` the person's split expects: (26,)."""
    if reader in COLOUR_READERS:
        return read_colour(person.scene, person.subject, COLOUR_READERS[reader])
    return read(person.scene, person.subject, reader)


def figure_of(split: str) -> Figure:
    """What is measured on a split."""
    if split in PAIRED:
        return "ranked"
    return "rare_ap" if split == "rare" else "label_ap" if split in ALIGNED else "mean_ap"


def measured(split: str, targets: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """The figure of a split: `targets` (n, 26) truth, `scores` (n, 26); pairs in order, a before b."""
    true, said = np.asarray(targets, dtype=bool), np.asarray(scores, dtype=float)
    figure, labels = figure_of(split), tables().labels
    if figure == "ranked":
        return pair_ranking(true, said)
    if figure == "label_ap":
        i = labels.index(LABEL)
        return float(average_precision(true[:, i], said[:, i]))
    columns = [labels.index(label) for label in (rare_labels() if figure == "rare_ap" else labels)]
    return mean_ap(true[:, columns], said[:, columns]).value


def pair_ranking(targets: Bools, scores: Array) -> float:
    """The share of pairs (rows 0 and 1, 2 and 3 ...) and labels that exactly one of the two has where that one is
    ranked higher; ties count half. nan where no pair differs."""
    sign = targets[0::2].astype(int) - targets[1::2].astype(int)
    gap = (scores[0::2] - scores[1::2]) * sign
    differ = sign != 0
    if not differ.any():
        return float("nan")
    return float((gap[differ] > 0).mean() + 0.5 * (gap[differ] == 0).mean())


def targets_of_people(people: Sequence[Person]) -> Bools:
    """The drawn labels, (n, 26)."""
    labels = tables().labels
    return np.array([[label in p.scene.people[p.subject].labels for label in labels] for p in people])


def measure_split(split: str, people: int = 1000, *, seed: int = GATE_SEED) -> SplitReport:
    """Every reader on the first `people` of a split."""
    chosen = list(people_of(split, seed, people))
    targets = targets_of_people(chosen)
    figures = {
        reader: measured(split, targets, np.array([read_person(person, reader) for person in chosen]))
        for reader in readers_of(split)
    }
    return SplitReport(
        VERSION_NAME, tables_digest(), split, people, len({person.scene.id for person in chosen}),
        float(targets.sum(1).mean()), figure_of(split), figures,
        {str(gate): gate.holds(figures) for gate in SPLIT_GATES.get(split, ())},
    )  # fmt: skip
