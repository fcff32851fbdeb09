"""Rules as they are kept and applied: rows in, rows out, and files that are found out."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emoscene.errors import InputError, MissingFileError
from emoscene.scoring import ruleset
from emoscene.scoring.rules import CALIBRATIONS, DECISIONS, Rules, fit_rules
from emoscene.types import ErrorInfo, Prediction, ScoreKind, Status
from tests.scoring.test_rules import IDS, SINGLE, SPACE, Floats, fingerprint, fit, made, single


@pytest.fixture(scope="module")
def rules() -> Rules:
    scores, truth = made()
    return fit(scores, truth, calibration="platt")


def row(given: Floats, **changes: Any) -> Prediction:
    return Prediction.model_validate(
        {
            "id": "made/test/1",
            "status": "ok",
            "scores": dict(zip(IDS, given.tolist(), strict=True)),
            "score_kind": "yes_share",
            "labels": IDS,
            "dominant": "joy",
            "model": "toy",
            "label_space": "three",
            "warnings": ("the box was clamped",),
            **changes,
        }
    )


# --- rows ---


@pytest.mark.parametrize("decision", DECISIONS)
@pytest.mark.parametrize("calibration", CALIBRATIONS)
def test_rows_are_decided_as_the_matrix_is(decision: str, calibration: str) -> None:
    fitted = fit(*made(), decision=decision, calibration=calibration)
    scores = made(1, 100)[0]
    calibrated, chosen = fitted.apply_to_matrix(scores)
    rows = [row(s) for s in scores]
    decided = [fitted.apply(r) for r in rows]
    assert fitted.apply_many(rows) == decided
    for i, one in enumerate(decided):
        assert one.scores == dict(zip(IDS, calibrated[i].tolist(), strict=True))
        assert set(one.labels) == {label for label, c in zip(IDS, chosen[i], strict=True) if c}
        assert [one.scores[label] for label in one.labels] == sorted(
            (one.scores[label] for label in one.labels), reverse=True
        )
        assert one.dominant == one.top(1)[0][0]
        assert one.raw_scores == rows[i].scores
        assert one.rules_id == fitted.id
        assert one.score_kind is (ScoreKind.YES_SHARE if calibration == "none" else ScoreKind.PROBABILITY)
        assert Prediction.from_json(one.to_json()) == one


def test_the_rest_of_a_row_and_the_row_itself_stay_as_they_were(rules: Rules) -> None:
    before = row(np.array([0.9, 0.2, 0.4]), caption="a beach", source="a.jpg")
    copy = before.model_copy(deep=True)
    after = rules.apply(before)
    assert before == copy
    changed = {key for key, value in after if value != getattr(before, key)}
    assert changed <= {"scores", "score_kind", "labels", "dominant", "raw_scores", "rules_id"}


def test_rows_without_an_answer_pass_unchanged_and_in_their_places(rules: Rules) -> None:
    failed = Prediction(
        id="x", status=Status.FAILED, error=ErrorInfo(code="answer", message="no"), label_space="other"
    )
    assert rules.apply(failed) is failed
    answered = row(np.array([0.9, 0.2, 0.4]))
    assert rules.apply_many([failed, answered, failed]) == [failed, rules.apply(answered), failed]
    assert rules.apply_many([]) == []


def test_of_single_labels_the_chosen_one_is_dominant() -> None:
    fitted = fit_rules(*single(), SINGLE, fitted_on=fingerprint(300), decision="prior_matched")
    seen = set()
    for scores in single(1)[0]:
        decided = fitted.apply(row(scores))
        assert decided.labels == (decided.dominant,)
        seen.add(decided.dominant == decided.top(1)[0][0])
    assert seen == {True, False}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rules_id": "abc"}, "decided already, by the rules abc"),
        ({"label_space": "emotic"}, r"another label space than the rules \w{12} \(three\): emotic"),
        ({"label_space": ""}, "another label space.*: none"),
        ({"score_kind": "similarity"}, r"another kind of score.*\(yes_share\): similarity"),
        ({"score_kind": "membership"}, "membership say 0 or 1.*Score this run without rules"),
        (
            {"scores": {"joy": 0.1, "fear": 0.2}, "labels": (), "dominant": None},
            "each of the 3 labels.*: calm",
        ),
        (
            {"scores": {"joy": 0.1, "fear": 0.2, "calm": 0.1, "rage": 1}, "labels": ()},
            "each of the 3 labels and no other: rage",
        ),
        ({"scores": {}, "score_kind": None}, "each of the 3 labels.*: calm, fear, joy"),
    ],
)
def test_rows_of_another_kind_are_refused_with_their_id(
    rules: Rules, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said) as caught:
        rules.apply(row(np.array([0.9, 0.2, 0.4]), **changes))
    assert "made/test/1" in caught.value.what
    assert caught.value.remedy


def test_rules_are_not_applied_twice(rules: Rules) -> None:
    with pytest.raises(InputError, match=f"decided already, by the rules {rules.id}"):
        rules.apply(rules.apply(row(np.array([0.9, 0.2, 0.4]))))


def test_scores_of_another_model_are_decided_with_a_warning(rules: Rules) -> None:
    decided = rules.apply(row(np.array([0.9, 0.2, 0.4]), model="other"))
    assert decided.warnings == (
        "the box was clamped",
        f"the rules {rules.id} were fitted on scores of another model: toy",
    )


def test_a_matrix_that_is_none_is_refused(rules: Rules) -> None:
    with pytest.raises(InputError, match=r"shape \(people, 3\)"):
        rules.apply_to_matrix([[0.1, 0.2]])
    with pytest.raises(InputError, match=r"row 1, label 'calm'.*: nan"):
        rules.apply_to_matrix([[0.1, 0.2, 0.3], [0.1, 0.2, np.nan]])
    assert rules.apply_to_matrix(np.zeros((0, 3)))[1].shape == (0, 3)


# --- files ---


@pytest.mark.parametrize("decision", DECISIONS)
@pytest.mark.parametrize("calibration", CALIBRATIONS)
def test_rules_are_read_as_they_were_written(tmp_path: Path, decision: str, calibration: str) -> None:
    fitted = fit(*made(), decision=decision, calibration=calibration)
    file = tmp_path / "rules.json"
    fitted.save(file)
    assert Rules.load(file) == fitted
    assert Rules.load(str(file)).id == fitted.id
    assert re.fullmatch("[0-9a-f]{12}", fitted.id)
    assert [f.name for f in tmp_path.iterdir()] == ["rules.json"]


def test_other_rules_have_another_id(rules: Rules) -> None:
    scores, truth = made()
    others = [
        fit(scores, truth, calibration="platt", decision="equal_pr"),
        fit_rules(
            scores,
            truth,
            SPACE,
            fitted_on=fingerprint(400, rows_sha256="c" * 64),
            calibration="platt",
        ),
    ]
    assert len({rules.id, *(other.id for other in others)}) == 3


def _edited(rules: Rules, **changes: Any) -> str:
    """The file with values changed; keys are dotted paths, `...` removes."""
    data = json.loads(rules.to_json())
    for path, value in changes.items():
        *parents, last = path.split(".")
        at = data
        for key in parents:
            at = at[key]
        if value is ...:
            del at[last]
        else:
            at[last] = value
    return json.dumps(data)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"decision.thresholds.joy": 0.5}, "the rules were changed since they were fitted"),
        ({"fitted_on.model": "other"}, "the rules were changed since they were fitted"),
        ({"id": "000000000000"}, "the rules were changed since they were fitted"),
        ({"id": ...}, "id: Field required"),
        ({"fitted_on.people": "400"}, "fitted_on.people: "),
        ({"fitted_on.truth_sha256": "abc"}, "fitted_on.truth_sha256: "),
        ({"decision.kind": "best"}, "decision.kind: "),
        ({"decision.thresholds.joy": "sometimes"}, "decision.thresholds.joy"),
        ({"decision.thresholds.joy": ...}, "decision.thresholds must name every label"),
        ({"decision.k": 2}, "decision.k must be"),
        ({"calibration.maps.joy.slope": -1.0}, "calibration.maps.joy.sigmoid.slope: "),
        ({"calibration.maps.joy": ...}, "calibration.maps must name every label"),
        ({"calibration.kind": "none"}, "calibration.maps must name no label"),
        (
            {"fitted.rage": {"positives": 1, "chosen": 1, "hits": 1, "notes": []}},
            "fitted must name every label",
        ),
        ({"labels": ["joy", "joy", "fear"]}, "labels must be a list of different ids"),
        ({"fitted_on.split": "test"}, "fitted_on.split is 'test'"),
        ({"fitted_on.score_kind": "membership"}, "fitted_on.score_kind: scores of kind membership"),
        ({"extra": 1}, "extra: "),
        ({"schema_version": "2"}, "schema_version: "),
    ],
)
def test_a_file_that_was_edited_is_found_out_and_the_key_named(
    tmp_path: Path, rules: Rules, changes: dict[str, Any], said: str
) -> None:
    file = tmp_path / "rules.json"
    file.write_text(_edited(rules, **changes))
    with pytest.raises(InputError, match=re.escape(said)) as caught:
        Rules.load(file)
    assert "rules.json" in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 200_000, "not JSON"),
        (b'{"id": 1, "id": 2}', "the key 'id' stands twice"),
        (b'{"id": NaN}', "NaN is no number"),
        (b"[]", "no usable rules file"),
        (b"3", "no usable rules file"),
    ],
)
def test_a_file_that_holds_no_rules_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "rules.json"
    file.write_bytes(content)
    with pytest.raises(InputError, match=said):
        Rules.load(file)


def test_a_file_that_is_too_large_is_not_read(
    tmp_path: Path, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "rules.json"
    rules.save(file)
    monkeypatch.setattr(ruleset, "_LARGEST_FILE", file.stat().st_size)
    assert Rules.load(file) == rules
    monkeypatch.setattr(ruleset, "_LARGEST_FILE", file.stat().st_size - 1)
    with pytest.raises(InputError, match="too large"):
        Rules.load(file)


def test_a_file_that_is_not_there_or_cannot_be_written_is_one_sentence(tmp_path: Path, rules: Rules) -> None:
    with pytest.raises(MissingFileError, match=r"no such rules file.*eval fit"):
        Rules.load(tmp_path / "rules.json")
    with pytest.raises(InputError, match=r"cannot be written \(no such file or directory\)"):
        rules.save(tmp_path / "nowhere" / "rules.json")


def test_a_file_that_cannot_be_read_is_one_sentence(
    tmp_path: Path, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "rules.json"
    rules.save(file)

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"cannot be read \(permission denied\)"):
        Rules.load(file)


def test_a_write_that_fails_leaves_the_old_file_whole(
    tmp_path: Path, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "rules.json"
    rules.save(file)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="no space left on device"):
        fit(*made(3)).save(file)
    assert Rules.load(file) == rules
    assert [f.name for f in tmp_path.iterdir()] == ["rules.json"]


# --- reading ---


def test_the_description_names_what_they_are_and_every_label() -> None:
    scores, truth = made()
    truth[:, 1] = False
    lines = fit(scores, truth, calibration="platt").describe()
    assert re.fullmatch(r"rules \w{12}: calibration platt, decision best_f1, shrinkage 20", lines[0])
    assert lines[1] == "fitted on made/val, 400 people, yes_share scores of toy, label space three"
    assert lines[2].split() == ["label", "threshold", "positives", "chosen", "hits", "notes"]
    assert [line.split()[0] for line in lines[3:]] == list(IDS)
    assert lines[4].split()[1:5] == ["never", "0", "0", "0"]
    assert lines[4].endswith("few examples: shared slope; no positive: never chosen")
    top = fit(scores, truth, decision="top_k").describe()
    assert top[0].endswith("decision top_k, k = 1")
    assert top[3].split()[1] == "-"
