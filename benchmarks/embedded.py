"""How well the embedded model reads held-out drawn people, beside chance, the exact readers and the oracle.

    python -m benchmarks.embedded [--people 1000] [--seed 7] [--json FILE] [--reference ../shared/data]

Prints each figure with its 95 % interval (bootstrap over pictures) and its bar, and exits with 1 if one is missed.
The scenes are drawn from a seed that no training run used, split `test` (which holds pairs of event and setting
that training never saw). Labels are single draws; the readers are exact. `--reference` names a folder with
photographs and adds the check of foreign pictures. `--torch` asks the folder through `vlm` instead of the graph.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from emoscene.datasets.scenes import EMOTIONS, Scene, caption, draw_scene, read, sample_scene, words
from emoscene.datasets.scenes.appraisal import tables
from emoscene.embedded import graph_file, model_folder
from emoscene.labels import label_space
from emoscene.metrics.bootstrap import Resampling, bootstrap_ci, mean_ap_ci, paired_mean_ap_ci
from emoscene.metrics.ranking import mean_ap
from emoscene.recognizers import registry
from emoscene.recognizers.base import Recognizer
from emoscene.recognizers.embedded import EmbeddedRecognizer, GraphFiles
from emoscene.types import BoundingBox, Prediction, Sample, Status

SIZE = 448
READERS = ("prevalence", "setting", "context", "others", "surroundings", "face_pose", "person", "picture")
Floats = npt.NDArray[np.float64]
Paint = Literal["context", "person"]


@dataclass(frozen=True)
class Figure:
    """One line of the report. `bar` says what is asked, `held` whether it is met (None: nothing is asked)."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    bar: str = ""
    held: bool | None = None


@dataclass(frozen=True)
class People:
    """Held-out people: scene and number of the subject, labels (n, 26), and the picture each belongs to."""

    subjects: list[tuple[Scene, int]]
    targets: npt.NDArray[np.bool_]
    pictures: list[str]


def held_out(people: int, seed: int) -> People:
    """The first `people` people of the test stream, all subjects of each picture."""
    subjects: list[tuple[Scene, int]] = []
    index = 0
    while len(subjects) < people:
        scene = sample_scene(seed, index, split="test")
        subjects += [(scene, k) for k in range(len(scene.people))]
        index += 1
    subjects = subjects[:people]
    targets = np.array([[e in scene.people[k].labels for e in EMOTIONS] for scene, k in subjects])
    return People(subjects, targets, [scene.id for scene, _ in subjects])


def samples(people: People, paint: Paint | None = None, *, said: bool = False) -> Iterator[Sample]:
    """The people as samples, drawn one at a time; with `said`, the words that go with them."""
    for scene, k in people.subjects:
        image = draw_scene(scene, SIZE, paint_over=paint, subject=k)
        box = BoundingBox.model_validate([c * SIZE for c in scene.people[k].box])
        text = words(scene, k) if said else None
        yield Sample(id=f"{scene.id}/{k}", picture=image, box=box, text=text)


def score_matrix(predictions: Sequence[Prediction]) -> Floats:
    """Scores (n, 26); a person without an answer scores 0 everywhere."""
    return np.array([[p.scores.get(e, 0.0) for e in EMOTIONS] for p in predictions])


def reader_matrix(people: People, reader: str) -> Floats:
    """What an exact reader says of each person: (n, 26)."""
    return np.array([read(scene, k, reader) for scene, k in people.subjects])


def ranking_figures(people: People, scores: Floats, plan: Resampling) -> list[Figure]:
    """mAP of the model and every reader, the share of the oracle's, the lead over face and pose."""
    rows = {"embedded model": scores} | {f"reader: {r}": reader_matrix(people, r) for r in READERS}
    figures = []
    for name, matrix in rows.items():
        interval = mean_ap_ci(people.targets, matrix, people.pictures, plan)
        figures.append(
            Figure(f"mAP, {name}", mean_ap(people.targets, matrix).value, interval.low, interval.high)
        )
    share = figures[0].value / figures[-1].value
    figures.append(Figure("share of the oracle's mAP", share, bar="at least 0.60", held=share >= 0.60))
    face = rows["reader: face_pose"]
    lead = paired_mean_ap_ci(people.targets, (scores, face), people.pictures, plan)
    gain = figures[0].value - mean_ap(people.targets, face).value
    figures.append(
        Figure("lead over face and pose", gain, lead.low, lead.high, "interval above 0", lead.low > 0)
    )
    return figures


def pair_figure(people: People, scores: Floats, plan: Resampling) -> Figure:
    """Two people of one picture that differ in an emotion: is the one who has it ranked higher?"""
    of_picture: dict[str, list[int]] = {}
    for i, picture in enumerate(people.pictures):
        of_picture.setdefault(picture, []).append(i)
    wins, count = np.zeros(len(scores)), np.zeros(len(scores))
    for members in of_picture.values():
        for a in members:
            for b in members:
                differs = people.targets[a] & ~people.targets[b]
                gap = (scores[a] - scores[b])[differs]
                wins[a] += float((gap > 0).sum() + 0.5 * (gap == 0).sum())
                count[a] += int(differs.sum())
    interval = bootstrap_ci(lambda r: float(wins[r].sum() / count[r].sum()), people.pictures, seed=plan.seed)
    share = float(wins.sum() / count.sum())
    return Figure(
        "pairs in one picture ranked rightly",
        share,
        interval.low,
        interval.high,
        "at least 0.65",
        share >= 0.65,
    )


def _share(right: npt.NDArray[np.bool_], rows: npt.NDArray[np.intp]) -> float:
    return float(right[rows].mean())


def never_trained(scene: Scene) -> bool:
    """Whether the scene's pair of event and setting is held out of training."""
    t = tables()
    return bool(
        t.setting_given_event("train")[t.events.index(scene.event), t.settings.index(scene.setting)] == 0
    )


def slot_figures(people: People, predictions: Sequence[Prediction]) -> list[Figure]:
    """How often each slot of the caption stands in the text word for word."""
    bars = {"where": 0.95, "what": 0.75}
    figures = []
    for slot in ("where", "what", "who", "how"):
        right = np.array(
            [
                getattr(caption(scene, k), slot).lower() in (p.caption or "").lower()
                for (scene, k), p in zip(people.subjects, predictions, strict=True)
            ]
        )
        value = float(right.mean())
        interval = bootstrap_ci(partial(_share, right), people.pictures)
        if slot == "where":
            unseen = np.array([never_trained(scene) for scene, _ in people.subjects])
            figures.append(
                Figure("caption, slot where, pairs seen in training", float(right[~unseen].mean()))
            )
            figures.append(Figure("caption, slot where, pairs never seen", float(right[unseen].mean())))
        bar = bars.get(slot)
        figures.append(
            Figure(
                f"caption, slot {slot}", value, interval.low, interval.high,
                f"at least {bar:.2f}" if bar else "", value >= bar if bar else None,
            )
        )  # fmt: skip
    return figures


def painted_figures(
    people: People, scores: Floats, ask: Callable[[Iterator[Sample]], list[Prediction]], plan: Resampling
) -> list[Figure]:
    """How far mAP falls with the context or the person painted over, in pairs on the same people."""
    figures = []
    bars: dict[Paint, float] = {"context": 0.08, "person": 0.04}
    for paint, bar in bars.items():
        painted = score_matrix(ask(samples(people, paint)))
        fall = mean_ap(people.targets, scores).value - mean_ap(people.targets, painted).value
        interval = paired_mean_ap_ci(people.targets, (scores, painted), people.pictures, plan)
        figures.append(
            Figure(f"fall of mAP, {paint} painted over", fall, interval.low, interval.high,
                   f"at least {bar:.2f}", fall >= bar)
        )  # fmt: skip
    return figures


def vad_figures(people: People, predictions: Sequence[Prediction]) -> list[Figure]:
    """Mean absolute error on the 1-10 scale, beside that of always saying the mean."""
    figures = []
    for d, name in enumerate(("valence", "arousal", "dominance")):
        truth = np.array([scene.people[k].vad[d] for scene, k in people.subjects])
        said = np.array([getattr(p.vad, name) if p.vad else np.nan for p in predictions])
        figures.append(Figure(f"MAE, {name}", float(np.nanmean(np.abs(said - truth)))))
        figures.append(Figure(f"MAE, {name}, always the mean", float(np.abs(truth - truth.mean()).mean())))
    return figures


def domain_figures(recognizer: Recognizer, seed: int, reference: Path | None) -> list[Figure]:
    """How often fresh scenes are refused, and foreign pictures are not."""
    fresh = list(recognizer.predict(samples(held_out(200, seed + 1))))
    refused = float(np.mean([p.status is Status.OUT_OF_DOMAIN for p in fresh]))
    figures = [Figure("fresh scenes refused", refused, bar="at most 0.02", held=refused <= 0.02)]
    if reference is not None:
        from benchmarks.foreign import foreign_pictures

        foreign = foreign_pictures(reference, seed=seed)
        asked = (Sample(id=f.name, picture=f.image, box=f.box) for f in foreign)
        answers = list(recognizer.predict(asked))
        known = [
            f.name for f, p in zip(foreign, answers, strict=True) if p.status is not Status.OUT_OF_DOMAIN
        ]
        value = 1 - len(known) / len(foreign)
        figures.append(Figure("foreign pictures refused", value, bar="at least 0.98", held=value >= 0.98))
        print("foreign pictures answered:", ", ".join(known) or "none", file=sys.stderr)
    return figures


def make_asker(files: GraphFiles, torch: bool) -> Callable[..., Recognizer]:
    """A factory of the recognizer under test, by options."""
    labels = label_space("emotic")

    def make(**options: Any) -> Recognizer:
        if torch:
            return registry.create("vlm", labels, {"model": str(files.folder), **options})
        return EmbeddedRecognizer(files, labels, **options)

    return make


def main() -> int:
    """Measure, print, and say by the exit code whether all bars were met."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--torch", action="store_true")
    parser.add_argument("--run", type=Path, help="a training run, instead of the model that ships")
    arguments = parser.parse_args()
    plan = Resampling(rounds=arguments.rounds, seed=arguments.seed)
    run = arguments.run
    files = GraphFiles(run / "model", run / "graph.onnx") if run else GraphFiles(model_folder(), graph_file())
    make = make_asker(files, arguments.torch)
    people = held_out(arguments.people, arguments.seed)
    free = make(check_domain=False)

    def ask(given: Iterator[Sample]) -> list[Prediction]:
        return list(free.predict(given))

    predictions = list(make(check_domain=False, reason=True).predict(samples(people)))
    scores = score_matrix(predictions)
    figures = ranking_figures(people, scores, plan)
    said = score_matrix(ask(samples(people, said=True)))
    interval = mean_ap_ci(people.targets, said, people.pictures, plan)
    figures.append(
        Figure("mAP, with the words", mean_ap(people.targets, said).value, interval.low, interval.high)
    )
    figures.append(pair_figure(people, scores, plan))
    figures += slot_figures(people, predictions)
    figures += painted_figures(people, scores, ask, plan)
    figures += vad_figures(people, predictions)
    figures += domain_figures(make(), arguments.seed, arguments.reference)
    show(figures)
    if arguments.json:
        arguments.json.write_text(json.dumps([vars(f) for f in figures], indent=1), "utf-8")
    return 1 if any(f.held is False for f in figures) else 0


def show(figures: Sequence[Figure]) -> None:
    """The report as a table."""
    table = Table("figure", "value", "95 % interval", "bar", "")
    for f in figures:
        interval = "" if f.low is None or f.high is None else f"{f.low:.3f} to {f.high:.3f}"
        mark = "" if f.held is None else ("met" if f.held else "missed")
        table.add_row(f.name, f"{f.value:.3f}", interval, f.bar, mark)
    Console(width=110).print(table)


if __name__ == "__main__":
    raise SystemExit(main())
