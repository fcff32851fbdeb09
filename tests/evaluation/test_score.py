"""Figures of runs: complete, JSON without NaN, the same for any order, and with their conventions beside them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from emoscene.errors import InputError, OptionError
from emoscene.evaluation.fit import fit_run
from emoscene.evaluation.run import Asked, run
from emoscene.evaluation.score import Settings, run_table, score
from emoscene.evaluation.table import align
from emoscene.metrics.ranking import mean_ap
from emoscene.metrics.sets import SET_KEYS, set_metrics
from emoscene.recognizers.priors import make_majority, make_none
from emoscene.runs.record import RunFiles
from emoscene.scoring.rules import Rules
from tests.evaluation.people import EKMAN, EMOTIC, Guesser, MadeUp, made_run


def test_a_run_that_ranks_has_every_figure(tmp_path: Path) -> None:
    made = made_run(tmp_path / "run")
    table = run_table(made)
    scores = score(table, Settings(rounds=50), about=made.request)
    said = scores.to_json()
    assert set(SET_KEYS) <= set(said["metrics"])
    for key in ("mean_ap", "mean_ap_voc2010", "mean_ap_voc11", "macro_roc_auc", "ece", "brier", "log_loss",
                "top_6_recall", "vad_mae", "vad_rmse", "vad_pairs"):  # fmt: skip
        assert said["metrics"][key]["value"] is not None, key
    assert said["metrics"]["mean_ap"]["value"] == pytest.approx(mean_ap(table.truth, table.scores).value)
    assert said["metrics"]["macro_f1"]["value"] == pytest.approx(
        set_metrics(table.truth, table.chosen).figures["macro_f1"].value
    )
    for key in (*SET_KEYS, "mean_ap"):
        figure = said["metrics"][key]
        assert figure["low"] <= figure["value"] + 1e-9 or key.startswith("mean"), key
        assert figure["low"] <= figure["high"]
    # Everybody's arousal is 5 and predicted 5.5; dominance is right and constant: nothing agrees or disagrees.
    assert said["metrics"]["vad_mae_arousal"]["value"] == pytest.approx(0.5)
    assert said["metrics"]["vad_ccc_dominance"]["reason"].endswith("one and the same constant")
    assert said["per_class"]["anger"]["ap_low"] <= said["per_class"]["anger"]["ap_high"]
    assert said["conventions"]["ground_truth"] == "made up"
    assert said["conventions"]["bootstrap"]["unit"] == "group"
    assert (said["people"], said["groups"], said["coverage"]) == (40, 20, 1.0)
    json.dumps(said, allow_nan=False)


def test_sets_are_not_ranked_and_what_is_undefined_is_null_with_a_reason(tmp_path: Path) -> None:
    dataset = MadeUp(tmp_path)
    run(dataset, make_none(EMOTIC), Asked("test"), tmp_path / "run")
    said = score(run_table(RunFiles.open(tmp_path / "run"))).to_json()
    for key in ("mean_ap", "macro_roc_auc", "ece", "macro_precision", "accuracy", "vad_mae"):
        assert said["metrics"][key]["value"] is None
        assert said["metrics"][key]["reason"]
    assert said["metrics"]["mean_ap"]["reason"].startswith("the scores are sets (membership)")
    assert said["per_class"]["anger"]["precision"] is None
    assert said["conventions"]["bootstrap"] is None
    assert "low" not in said["metrics"]["macro_f1"]


def test_who_was_not_answered_counts_and_is_bounded(tmp_path: Path) -> None:
    whole = score(run_table(made_run(tmp_path / "whole"))).to_json()
    part = score(run_table(made_run(tmp_path / "part", refuse=True))).to_json()
    assert part["statuses"] == {"ok": 36, "refused": 4}
    assert part["coverage"] == 0.9
    for key in ("macro_f1", "micro_f1", "samples_f1"):
        value, bound = part["metrics"][key]["value"], part["bounds"][key]
        assert bound["worst"] <= value < bound["best"]
        assert bound["worst"] < whole["metrics"][key]["value"] < bound["best"]
    assert any("4 of 40 people were not answered" in said for said in part["warnings"])


def test_who_was_not_answered_hits_nothing(tmp_path: Path) -> None:
    made = made_run(tmp_path / "run")
    few = list(made.rows())[:1]
    said = score(align(made.truth(), few, made.labels, missing="empty")).figures
    assert said["top_6_hit"].value <= 1 / 40
    assert said["top_1_precision"].value <= 1 / 40


def test_rules_of_an_unfinished_run_are_not_fitted_in_silence(tmp_path: Path) -> None:
    made = made_run(tmp_path / "val", split="val", people=60)
    rows = (tmp_path / "val" / "rows.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "val" / "rows.jsonl").write_text("".join(rows[:30]))
    with pytest.raises(InputError, match="30 of 60 people have no answer"):
        fit_run(made)
    assert fit_run(made, missing="empty").fitted_on.people == 30


def test_rules_of_another_model_or_of_a_part_of_these_people_are_told(tmp_path: Path) -> None:
    rules = fit_run(made_run(tmp_path / "val", split="val", people=60))
    part = made_run(tmp_path / "part", split="val", people=40)
    assert any("or some of them" in said for said in run_table(part, rules=rules).warnings)
    other = made_run(tmp_path / "other", name="other")
    assert any(
        "on scores of guesser, and these are of other" in said
        for said in run_table(other, rules=rules).warnings
    )


def test_figures_do_not_depend_on_the_order_of_rows(tmp_path: Path) -> None:
    made = made_run(tmp_path / "run")
    rows = list(made.rows())
    one = score(align(made.truth(), rows, made.labels)).to_json()
    other = score(align(made.truth(), rows[::-1], made.labels)).to_json()
    assert one == other


def test_people_alone_and_pictures_are_drawn_as_asked(tmp_path: Path) -> None:
    table = run_table(made_run(tmp_path / "run"))
    group, person = (score(table, Settings(rounds=200, unit=unit)) for unit in ("group", "person"))
    assert group.intervals["micro_f1"] != person.intervals["micro_f1"]
    again = score(table, Settings(rounds=200))
    assert again.intervals == group.intervals
    assert score(table, Settings(rounds=200, seed=1)).intervals != group.intervals
    bca = score(table, Settings(rounds=200, method="bca"))
    assert bca.intervals["mean_ap"] != group.intervals["mean_ap"]


def test_single_labels_have_an_accuracy(tmp_path: Path) -> None:
    made = made_run(tmp_path / "run", labels=EKMAN, noise=0.2)
    said = score(run_table(made)).to_json()
    assert said["metrics"]["accuracy"]["value"] == 1.0
    assert said["metrics"]["subset_accuracy"]["value"] == 1.0
    refused = score(run_table(made_run(tmp_path / "refused", labels=EKMAN, noise=0.2, refuse=True)))
    assert refused.figures["accuracy"].value == 0.9


def test_rules_of_validation_are_applied_and_named(tmp_path: Path) -> None:
    rules = fit_run(made_run(tmp_path / "val", split="val", people=200), calibration="platt")
    rules.save(tmp_path / "rules.json")
    loaded = Rules.load(tmp_path / "rules.json")
    assert loaded.fitted_on.split == "val"
    test = made_run(tmp_path / "test", people=200)
    plain, ruled = score(run_table(test)), score(run_table(test, rules=loaded), rules=loaded)
    assert ruled.to_json()["rules"]["id"] == rules.id
    assert ruled.to_json()["score_kind"] == "probability"
    # Guesses of 0.2 and 0.8 claim shares that they do not have; fitted ones nearly do.
    assert ruled.figures["ece"].value < plain.figures["ece"].value / 2
    assert ruled.figures["macro_f1"].value > plain.figures["macro_f1"].value
    assert ruled.figures["mean_ap"].value == pytest.approx(plain.figures["mean_ap"].value, abs=1e-9)
    on_itself = run_table(RunFiles.open(tmp_path / "val"), rules=loaded)
    assert any("fitted on these very people" in said for said in on_itself.warnings)
    assert not any("very people" in said for said in run_table(test, rules=loaded).warnings)


def test_rules_are_not_fitted_on_test_people_or_sets(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="test"):
        fit_run(made_run(tmp_path / "test", split="test"))
    dataset = MadeUp(tmp_path)
    run(dataset, make_majority(EMOTIC), Asked("val"), tmp_path / "val")
    with pytest.raises(InputError, match=r"membership|sets"):
        fit_run(RunFiles.open(tmp_path / "val"))


def test_a_prior_is_not_fitted_on_those_it_is_judged_by(tmp_path: Path) -> None:
    dataset = MadeUp(tmp_path)
    with pytest.raises(OptionError, match="cannot be fitted on the people it is then judged by"):
        run(dataset, make_majority(EMOTIC), Asked("test", fit_split="test"), tmp_path / "a")
    with pytest.raises(OptionError, match="no such split to count labels on: dev"):
        run(dataset, make_majority(EMOTIC), Asked("test", fit_split="dev"), tmp_path / "b")
    made = run(dataset, make_majority(EMOTIC), Asked("test"), tmp_path / "c")
    assert made.request["fit"]["split"] == "train"
    assert made.request["fit"]["people"] == 40


def test_a_model_of_other_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="labels are emotic and the model's answers are ekman"):
        run(MadeUp(tmp_path), Guesser(EKMAN), Asked("test"), tmp_path / "run")
    with pytest.raises(OptionError, match=r"no such split: dev\. There are: train, val, test"):
        run(MadeUp(tmp_path), Guesser(), Asked("dev"), tmp_path / "run")


def test_the_manifest_says_what_the_dataset_does_to_its_faults(tmp_path: Path) -> None:
    made = made_run(tmp_path / "run")
    (finding,) = made.manifest["findings"]
    assert (finding["defect"], finding["count"], finding["action"]) == ("made_up", 40, "is kept")
    limited = run(MadeUp(tmp_path), Guesser(), Asked("test", limit=7), tmp_path / "limited")
    assert len(list(limited.rows())) == 7


def test_impossible_rounds_are_refused() -> None:
    for rounds in (-1, 1, 10**7):
        with pytest.raises(OptionError, match="bootstrap rounds"):
            Settings(rounds=rounds)
    assert math.isclose(Settings().level, 0.95)
