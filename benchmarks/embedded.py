"""How well the embedded model reads held-out drawn people, beside chance, the exact readers and the oracle.

    python -m benchmarks.embedded [--people 1000] [--seed 7] [--json FILE] [--reference ../shared/data]
    python -m benchmarks.embedded --quick --run RUN        300 people, some lines left out: under a minute of CPU

Prints each figure with its 95 % interval (bootstrap over pictures; differences and shares are paired) and its bar, and
exits with 1 if one is missed. The first figures are of `test` people at events in settings that training saw together;
people at events in settings that it never saw together, and those of other controlled splits, follow apart. Labels are
single draws, so the oracle itself is not always right; the readers are exact. Thresholds of the model and of the oracle
are fitted in the same way, on as many people of `val`. Without a bar stand readers that lack only one part.

`--run` judges a training run instead of the model that ships. `--reference` names a folder with photographs and adds
the check of foreign pictures. `--torch` asks the folder through `vlm` instead of the graph.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from benchmarks.held_out import (
    LACKING,
    PARTS,
    Bools,
    Floats,
    Paint,
    People,
    controlled,
    drawn,
    reader_matrix,
    samples,
    score_matrix,
)
from benchmarks.judging import (
    Figure,
    at_least,
    chosen_by_fitted_thresholds,
    interval_above_0,
    macro_f1_of,
    mean_ap_of,
    pair_share,
    show,
)

from emoscene.datasets.scenes import caption
from emoscene.embedded import graph_file, model_folder
from emoscene.labels import label_space
from emoscene.metrics.bootstrap import Resampling, bootstrap_ci
from emoscene.recognizers import registry
from emoscene.recognizers.base import Recognizer
from emoscene.recognizers.embedded import EmbeddedRecognizer, GraphFiles
from emoscene.types import Prediction, Sample, Status

_SHARE_STANDARD, _SHARE_NEW, _PAIRS, _SHARE_F1 = 0.80, 0.65, 0.80, 0.75
_FURTHER = ("face_decides", "scene_decides", "others_decide", "conflict", "rare")
Ask = Callable[[Iterator[Sample]], list[Prediction]]


@dataclass(frozen=True)
class Size:
    """How many people are asked for what; `further` controlled splits are left out with 0."""

    people: int
    new: int
    paired: int
    captions: int
    further: int
    fresh: int
    painted: bool


QUICK = Size(people=300, new=150, paired=60, captions=30, further=0, fresh=40, painted=False)


def full(people: int) -> Size:
    """Everything, on so many people."""
    return Size(people, people, people // 2, people // 2, people // 4, people // 5, painted=True)


# --- ranking --------------------------------------------------------------------------------------------------


def standard_figures(people: People, scores: Floats, plan: Resampling) -> list[Figure]:
    """mAP of the model and of every reader, the share of the oracle's, the lead over each reader of a part."""
    model = mean_ap_of(people, scores, plan)
    readers = {r: mean_ap_of(people, reader_matrix(people, r), plan) for r in (*PARTS, *LACKING, "picture")}
    figures = [model.figure("mAP, embedded model", plan)]
    figures += [value.figure(f"mAP, reader: {r}", plan) for r, value in readers.items()]
    share = model.share_of(readers["picture"]).figure("share of the oracle's mAP", plan)
    figures.append(at_least(share, _SHARE_STANDARD))
    leads = {r: model.above(readers[r]).figure(f"lead over reader: {r}", plan) for r in (*PARTS, *LACKING)}
    figures += [interval_above_0(lead) if r in PARTS else lead for r, lead in leads.items()]
    return figures


def split_figures(split: str, people: People, scores: Floats, plan: Resampling) -> list[Figure]:
    """mAP of the model and of the oracle on the people of a controlled split, and the share."""
    model = mean_ap_of(people, scores, plan)
    oracle = mean_ap_of(people, reader_matrix(people, "picture"), plan)
    share = model.share_of(oracle).figure(f"{split}: share of the oracle's mAP", plan)
    return [
        model.figure(f"{split}: mAP, embedded model", plan),
        oracle.figure(f"{split}: mAP, reader: picture", plan),
        at_least(share, _SHARE_NEW) if split == "new_combinations" else share,
    ]


def word_figures(people: People, scores: Floats, said: Floats, plan: Resampling) -> list[Figure]:
    """With the words that go with the people, against the reader of picture and words, and against itself without."""
    with_words, without = mean_ap_of(people, said, plan), mean_ap_of(people, scores, plan)
    oracle, alone = (mean_ap_of(people, reader_matrix(people, r), plan) for r in ("picture_words", "words"))
    return [
        with_words.figure("mAP, with the words", plan),
        oracle.figure("mAP, reader: picture_words", plan),
        with_words.share_of(oracle).figure("with the words, share of that reader's mAP", plan),
        interval_above_0(with_words.above(without).figure("what the words add to mAP", plan)),
        interval_above_0(with_words.above(alone).figure("with the words, lead over reader: words", plan)),
    ]


def pair_figures(name: str, people: People, scores: Floats, plan: Resampling) -> list[Figure]:
    """The share of pairs ranked rightly, and that of the oracle: labels are drawn, so it is not always right."""
    oracle = pair_share(people, reader_matrix(people, "picture"), plan)
    ours = pair_share(people, scores, plan).figure(f"{name} ranked rightly", plan)
    return [at_least(ours, _PAIRS), oracle.figure(f"{name} ranked rightly, reader: picture", plan)]


# --- chosen sets ----------------------------------------------------------------------------------------------


def set_figures(
    people: People, scores: Floats, fitted_on: People, fitted: Floats, plan: Resampling
) -> list[Figure]:
    """Macro F1 with thresholds fitted on validation people, beside the oracle's with thresholds fitted likewise."""
    ours = chosen_by_fitted_thresholds(scores, fitted, fitted_on.targets)
    read, read_fitted = (reader_matrix(p, "picture") for p in (people, fitted_on))
    theirs = chosen_by_fitted_thresholds(read, read_fitted, fitted_on.targets)
    model, oracle = (macro_f1_of(people, chosen, plan) for chosen in (ours, theirs))
    return [
        model.figure("macro F1, thresholds from val", plan),
        oracle.figure("macro F1, reader: picture, thresholds from val", plan),
        at_least(model.share_of(oracle).figure("share of the oracle's macro F1", plan), _SHARE_F1),
    ]


# --- texts, levels, pictures ----------------------------------------------------------------------------------


def slot_figures(
    people: People, predictions: Sequence[Prediction], bars: dict[str, float], name: str = "caption"
) -> list[Figure]:
    """How often each slot of the caption stands in the text word for word."""
    figures = []
    for slot in ("where", "what", "who", "how"):
        right = np.array(
            [
                getattr(caption(scene, k), slot).lower() in (p.caption or "").lower()
                for (scene, k), p in zip(people.subjects, predictions, strict=True)
            ]
        )
        interval = bootstrap_ci(partial(_share, right), people.groups)
        figure = Figure(f"{name}, slot {slot}", float(right.mean()), interval.low, interval.high)
        figures.append(at_least(figure, bars[slot]) if slot in bars else figure)
    return figures


def _share(right: Bools, rows: npt.NDArray[np.intp]) -> float:
    return float(right[rows].mean())


def painted_figures(people: People, scores: Floats, ask: Ask, plan: Resampling) -> list[Figure]:
    """How far mAP falls with the context or the person painted over, in pairs on the same people."""
    figures = []
    bars: dict[Paint, float] = {"context": 0.08, "person": 0.04}
    for paint, bar in bars.items():
        painted = mean_ap_of(people, score_matrix(ask(samples(people, paint))), plan)
        fall = mean_ap_of(people, scores, plan).above(painted)
        figures.append(at_least(fall.figure(f"fall of mAP, {paint} painted over", plan), bar))
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


def domain_figures(recognizer: Recognizer, fresh: People, seed: int, reference: Path | None) -> list[Figure]:
    """How often fresh scenes are refused, and foreign pictures are not."""
    answers = list(recognizer.predict(samples(fresh)))
    refused = float(np.mean([p.status is Status.OUT_OF_DOMAIN for p in answers]))
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


# --- the whole ------------------------------------------------------------------------------------------------


def judge(
    make: Callable[..., Recognizer], size: Size, seed: int, plan: Resampling, reference: Path | None = None
) -> list[Figure]:
    """All figures of a recognizer; `make` builds it by options."""
    ask = asker(make(check_domain=False))

    def scores_of(people: People, *, said: bool = False) -> Floats:
        return score_matrix(ask(samples(people, said=said)))

    people, val = (drawn(split, size.people, seed) for split in ("test", "val"))
    new = controlled("new_combinations", size.new, seed)
    predictions = ask(samples(people))
    scores = score_matrix(predictions)
    figures = standard_figures(people, scores, plan)
    figures += split_figures("new_combinations", new, scores_of(new), plan)
    for split in ("counterfactual", "two_people"):
        pairs = controlled(split, size.paired, seed)
        figures += pair_figures(f"{split}: pairs", pairs, scores_of(pairs), plan)
    figures += pair_figures("all pairs in one picture", people, scores, plan)
    figures += set_figures(people, scores, val, scores_of(val), plan)
    figures += word_figures(people, scores, scores_of(people, said=True), plan)
    for split in _FURTHER if size.further else ():
        chosen = controlled(split, size.further, seed)
        figures += split_figures(split, chosen, scores_of(chosen), plan)
    tell = asker(make(check_domain=False, reason=True))
    told, told_new = people.first(size.captions), new.first(size.captions)
    figures += slot_figures(told, tell(samples(told)), {"where": 0.95, "what": 0.75})
    figures += slot_figures(told_new, tell(samples(told_new)), {}, "new_combinations: caption")
    if size.painted:
        figures += painted_figures(people, scores, ask, plan)
    figures += vad_figures(people, predictions)
    figures += domain_figures(make(), drawn("test", size.fresh, seed + 1), seed, reference)
    return figures


def asker(recognizer: Recognizer) -> Ask:
    """Samples to predictions."""

    def ask(given: Iterator[Sample]) -> list[Prediction]:
        return list(recognizer.predict(given))

    return ask


def make_of(files: GraphFiles, torch: bool) -> Callable[..., Recognizer]:
    """A factory of the recognizer under test, by options."""
    labels = label_space("emotic")

    def make(**options: Any) -> Recognizer:
        if torch:
            return registry.create("vlm", labels, {"model": str(files.folder), **options})
        return EmbeddedRecognizer(files, labels, **options)

    return make


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and say by the exit code whether all bars were met."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--quick", action="store_true", help="300 people, and fewer lines")
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--torch", action="store_true")
    parser.add_argument("--run", type=Path, help="a training run, instead of the model that ships")
    given = parser.parse_args(argv)
    size = QUICK if given.quick else full(given.people)
    plan = Resampling(rounds=200 if given.quick else given.rounds, seed=given.seed)
    run = given.run
    files = GraphFiles(run / "model", run / "graph.onnx") if run else GraphFiles(model_folder(), graph_file())
    figures = judge(make_of(files, given.torch), size, given.seed, plan, given.reference)
    show(figures)
    if given.json:
        given.json.write_text(json.dumps([vars(f) for f in figures], indent=1), "utf-8")
    return 1 if any(f.held is False for f in figures) else 0


if __name__ == "__main__":
    raise SystemExit(main())
