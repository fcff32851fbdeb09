"""The judge of the embedded model, judging readers whose worth is known."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from benchmarks.embedded import Size, judge
from benchmarks.judging import (
    Figure,
    at_least,
    chosen_by_fitted_thresholds,
    interval_above_0,
    macro_f1_of,
    mean_ap_of,
    pair_share,
)

from benchmarks import embedded, held_out
from emoscene.datasets.scenes import EMOTIONS, caption, read, reason, scene_by_id
from emoscene.datasets.scenes.appraisal import tables
from emoscene.labels import LabelSpace, label_space
from emoscene.metrics.bootstrap import Resampling, mean_ap_ci, paired_mean_ap_ci
from emoscene.metrics.sets import set_metrics
from emoscene.recognizers.base import Card
from emoscene.scoring.rules import FittedOn, fit_rules
from emoscene.types import VAD, Prediction, Sample, ScoreKind, Status

PLAN = Resampling(rounds=50, seed=1)
TINY = Size(people=60, new=40, paired=20, captions=4, further=0, fresh=4, painted=True)


class Reader:
    """An exact reader as a recognizer: what it knows of a scene it takes from the sample's id."""

    def __init__(self, reader: str) -> None:
        self.reader = reader
        self.name = reader
        self.card = Card(name=reader, summary="an exact reader", licence="-", data="-", limits="-")
        self.labels: LabelSpace = label_space("emotic")

    def predict(self, samples: Iterable[Sample]) -> Iterator[Prediction]:
        for sample in samples:
            where, _, k = sample.id.partition("/")
            scene = scene_by_id(where)
            with_words = self.reader == "picture" and sample.text
            chance = read(scene, int(k), "picture_words" if with_words else self.reader)
            valence, arousal, dominance = tables().vad_mean(chance).tolist()
            yield Prediction(
                id=sample.id,
                status=Status.OK,
                scores=dict(zip(EMOTIONS, chance.tolist(), strict=True)),
                score_kind=ScoreKind.PROBABILITY,
                vad=VAD(valence=valence, arousal=arousal, dominance=dominance),
                caption=caption(scene, int(k)).text,
                reason=reason(scene, int(k)),
            )


@pytest.fixture(scope="module", autouse=True)
def small_pictures() -> Iterator[None]:
    """Nobody looks at them here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(held_out, "SIZE", 96)
        yield


@pytest.fixture(scope="module")
def of_oracle() -> dict[str, Figure]:
    return {f.name: f for f in judge(lambda **options: Reader("picture"), TINY, 7, PLAN)}


def test_the_oracle_is_all_of_itself(of_oracle: dict[str, Figure]) -> None:
    shares = [f for name, f in of_oracle.items() if "share of the oracle's" in name]
    assert len(shares) == 3
    for figure in shares:
        assert (figure.value, figure.low, figure.high) == pytest.approx((1, 1, 1))
    assert of_oracle["with the words, share of that reader's mAP"].value == pytest.approx(1)


def test_the_oracle_meets_every_bar_that_a_model_is_asked_for(of_oracle: dict[str, Figure]) -> None:
    """But those of pictures painted over, which the reader does not look at."""
    asked = [f for f in of_oracle.values() if f.held is not None and "painted" not in f.name]
    assert len(asked) >= 15
    # So few people leave the interval of what words add wide.
    assert [f.name for f in asked if not f.held and "words add" not in f.name] == []
    assert of_oracle["fall of mAP, person painted over"].value == 0
    assert of_oracle["fall of mAP, person painted over"].held is False
    for slot in ("where", "what", "who", "how"):
        assert of_oracle[f"caption, slot {slot}"].value == 1


@pytest.mark.parametrize("reader", ["prevalence", "person"])
def test_a_reader_of_a_part_does_not_pass(reader: str) -> None:
    people = held_out.drawn("test", 90, 7)
    figures = {
        f.name: f for f in embedded.standard_figures(people, held_out.reader_matrix(people, reader), PLAN)
    }
    assert figures["share of the oracle's mAP"].held is False
    own = figures[f"lead over reader: {reader}"]
    assert (own.value, own.held) == (0, False), "nobody is ahead of himself"


def test_people_stand_where_the_splits_say() -> None:
    held = tables().held_out
    people, new = held_out.drawn("test", 60, 7), held_out.controlled("new_combinations", 20, 7)
    assert not any((s.event, s.setting) in held for s, _ in people.subjects)
    assert all((s.event, s.setting) in held for s, _ in new.subjects)
    assert people.first(30).groups == held_out.drawn("test", 30, 7).groups
    pairs = held_out.controlled("counterfactual", 10, 7)
    assert len(pairs) == 10
    assert [pairs.groups.count(g) for g in set(pairs.groups)] == [2] * 5


def test_intervals_are_those_of_the_metrics() -> None:
    people = held_out.drawn("test", 60, 3)
    one, other = (held_out.reader_matrix(people, r) for r in ("picture", "person"))
    first, second = mean_ap_of(people, one, PLAN), mean_ap_of(people, other, PLAN)
    whole, gap = first.figure("", PLAN), first.above(second).figure("", PLAN)
    expected = mean_ap_ci(people.targets, one, people.groups, PLAN)
    paired = paired_mean_ap_ci(people.targets, (one, other), people.groups, PLAN)
    assert (whole.low, whole.high) == (expected.low, expected.high)
    assert (gap.low, gap.high) == pytest.approx((paired.low, paired.high), abs=1e-12)


def test_thresholds_are_those_of_the_rules() -> None:
    val, test = held_out.drawn("val", 80, 3), held_out.drawn("test", 80, 3)
    fitted, scores = (held_out.reader_matrix(p, "picture") for p in (val, test))
    fingerprint = FittedOn(
        dataset="scenes", split="val", people=80, truth_sha256="0" * 64, rows_sha256="0" * 64, model="picture",
        label_space="emotic", score_kind=ScoreKind.PROBABILITY, emoscene="0",
    )  # fmt: skip
    rules = fit_rules(fitted, val.targets, label_space("emotic"), fitted_on=fingerprint)
    chosen = chosen_by_fitted_thresholds(scores, fitted, val.targets)
    np.testing.assert_array_equal(chosen, rules.apply_to_matrix(scores)[1])
    drawn = macro_f1_of(test, chosen, PLAN)
    assert drawn.value == pytest.approx(set_metrics(test.targets, chosen).figures["macro_f1"].value)
    assert drawn.rounds.shape == (50,)


def test_pairs_count_the_emotion_that_differs() -> None:
    people = held_out.controlled("two_people", 6, 1)
    right = people.targets.astype(np.float64)
    assert pair_share(people, right, PLAN).value == 1
    assert pair_share(people, -right, PLAN).value == 0
    assert pair_share(people, np.zeros_like(right), PLAN).value == 0.5


def test_bars() -> None:
    figure = Figure("f", 0.8, -0.1, 0.9)
    assert at_least(figure, 0.8).held
    assert at_least(figure, 0.81).held is False
    assert interval_above_0(figure).held is False
    assert interval_above_0(Figure("f", 0.8, 0.01, 0.9)).held
    assert interval_above_0(Figure("f", 0.8)).held is False


def test_a_run_is_judged_and_a_missed_bar_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(embedded, "make_of", lambda files, torch: lambda **options: Reader("context"))
    monkeypatch.setattr(embedded, "QUICK", Size(20, 20, 6, 2, 0, 2, False))
    file = tmp_path / "figures.json"
    assert embedded.main(["--quick", "--run", str(tmp_path), "--rounds", "10", "--json", str(file)]) == 1
    assert "missed" in capsys.readouterr().out
    figures = json.loads(file.read_text("utf-8"))
    assert {"name", "value", "low", "high", "bar", "held"} == set(figures[0])
