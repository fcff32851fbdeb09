"""The gates: no partial reader may come near the oracle, or a model could do well without reading the scene.

A generator version is used for training only if every gate holds; figures are measured on fresh people.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from emoscene.datasets.scenes.appraisal import VERSION_NAME, Array, tables
from emoscene.datasets.scenes.readers import GATE, PARTIAL, READERS, read, tables_digest
from emoscene.datasets.scenes.scene import Scene, sample_scene
from emoscene.metrics.bootstrap import Resampling, mean_ap_ci
from emoscene.metrics.ranking import mean_ap

GATE_SEED = 20_260_101


@dataclass(frozen=True)
class Figure:
    """One reader: its mean AP, the bootstrap standard deviation that 1,000 people (whole pictures) would have,
    and its share of the oracle's mean AP."""

    mean_ap: float
    sd_1000: float
    ratio: float


@dataclass(frozen=True)
class Report:
    """All readers on one sample; `gates` says for each partial reader whether its gate holds."""

    version: str
    tables: str
    split: str
    people: int
    pictures: int
    labels_per_person: float
    rarest_per_1000: float
    figures: dict[str, Figure]
    gates: dict[str, bool]

    @property
    def passed(self) -> bool:
        return all(self.gates.values())

    def to_json(self) -> dict[str, Any]:
        """Plain values, fractions rounded to four places."""
        plain: dict[str, Any] = {**asdict(self), "gate": GATE, "passed": self.passed}
        plain["figures"] = {
            name: {key: round(value, 4) for key, value in asdict(figure).items()}
            for name, figure in self.figures.items()
        }
        for key in ("labels_per_person", "rarest_per_1000"):
            plain[key] = round(plain[key], 3)
        return plain


def targets_of(scenes: list[Scene]) -> npt.NDArray[np.bool_]:
    """The drawn labels, (n, 26), people in the order of the scenes."""
    return np.array([[label in a.labels for label in tables().labels] for s in scenes for a in s.people])


def scores_of(scenes: list[Scene], reader: str) -> Array:
    """A reader's expectation for everybody, (n, 26)."""
    return np.array([read(scene, i, reader) for scene in scenes for i in range(len(scene.people))])


def measure(people: int = 20_000, *, seed: int = GATE_SEED, split: str = "test", rounds: int = 200) -> Report:
    """Every reader on at least `people` fresh people of a split (whole pictures)."""
    scenes: list[Scene] = []
    count = 0
    while count < people:
        scenes.append(sample_scene(seed, len(scenes), split=split))
        count += len(scenes[-1].people)
    targets = targets_of(scenes)
    groups = [i for i, scene in enumerate(scenes) for _ in scene.people]
    scores = {reader: scores_of(scenes, reader) for reader in READERS}
    found = {reader: mean_ap(targets, s).value for reader, s in scores.items()}
    plan, few = Resampling(rounds, seed), slice(0, 1000)
    figures = {
        reader: Figure(
            found[reader],
            mean_ap_ci(targets[few], s[few], groups[few], plan).sd,
            found[reader] / found["picture"],
        )
        for reader, s in scores.items()
    }
    return Report(
        VERSION_NAME, tables_digest(), split, count, len(scenes), float(targets.sum(1).mean()),
        float(targets.mean(0).min() * 1000), figures,
        {reader: figures[reader].ratio <= GATE for reader in PARTIAL},
    )  # fmt: skip
