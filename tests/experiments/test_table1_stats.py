"""Verdicts on orderings, on answers whose order is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from experiments.table1.rows import Row, all_parts, all_rows
from experiments.table1.state import Step
from experiments.table1.stats import Claim, Scored, against, chance_of, judge, plain, read_claims

from emoscene.evaluation.report.tables import published
from emoscene.evaluation.score import Settings, score
from emoscene.evaluation.table import Table
from emoscene.labels import label_space
from emoscene.types import ScoreKind

_PEOPLE, _LABELS = 200, len(label_space("emotic"))
_ROUNDS = Settings(60)


def _truth() -> np.ndarray:
    return np.random.default_rng(0).random((_PEOPLE, _LABELS)) < 0.15


def _table(noise: float, kind: ScoreKind = ScoreKind.SIMILARITY, seed: int = 1) -> Table:
    """Answers that rank people by their labels and noise; the four highest are chosen."""
    truth = _truth()
    scores = truth + noise * np.random.default_rng(seed).normal(size=truth.shape)
    chosen = scores >= np.sort(scores, axis=1)[:, [-4]]
    ids = tuple(f"scenes/test/{i}" for i in range(_PEOPLE))
    unknown = np.full((_PEOPLE, 3), np.nan)
    return Table(
        label_space("emotic"), ids, tuple(str(i // 2) for i in range(_PEOPLE)), ("ok",) * _PEOPLE, truth, chosen,
        chosen.astype(float) if kind is ScoreKind.MEMBERSHIP else scores, kind, scores.argmax(axis=1), unknown, unknown,
    )  # fmt: skip


def _scored(
    name: str,
    paper: str,
    noise: float,
    *,
    group: Literal["prior", "zero-shot", "trained", "control"] = "trained",
    from_chance: bool = True,
    **table: Any,
) -> Scored:
    own = score(_table(noise, **table), _ROUNDS)

    def make(context: object, work: Path) -> Any:
        raise AssertionError

    row = Row(name, name, group, "", make, paper=paper)
    return Scored(row, Step(Path(), {}), own, own if own.table.ranks else None, 0.1, from_chance)


def _rows(**changed: Scored) -> dict[str, Scored]:
    rows = {
        "tuned": _scored("tuned", "LLaVA-F (val aug)", 0.2),
        "cnn": _scored("cnn", "EMOTIC CNN", 1.5, seed=2),
    }
    return rows | changed


def _claim(better: str = "LLaVA-F (val aug)", worse: str = "EMOTIC CNN", figure: str = "macro_f1") -> Claim:
    return Claim(better, worse, figure, "one beats the other", (2.0, 1.0))


def test_an_ordering_holds_or_fails_by_its_paired_interval() -> None:
    there, turned = judge(_rows(), [_claim(), _claim(better="EMOTIC CNN", worse="LLaVA-F (val aug)")], "own")
    assert there.verdict == "holds"
    assert there.low > 0
    assert there.p < 0.05
    assert turned.verdict == "fails"
    assert turned.difference == pytest.approx(-there.difference)


def test_less_of_a_loss_is_better() -> None:
    (found,) = judge(_rows(), [_claim(figure="hamming")], "own")
    assert found.verdict == "holds"
    assert found.low > 0


def test_equal_rows_are_undecided() -> None:
    rows = _rows(cnn=_scored("cnn", "EMOTIC CNN", 0.2, seed=2))
    (found,) = judge(rows, [_claim()], "own")
    assert found.verdict == "undecided"
    assert found.low < 0 < found.high


def test_a_zero_shot_row_like_chance_does_not_count() -> None:
    near = _scored("cnn", "EMOTIC CNN", 1.5, seed=2, group="zero-shot", from_chance=False)
    (found,) = judge(_rows(cnn=near), [_claim()], "own")
    assert found.verdict == "does not count"
    assert "cnn" in found.why
    assert found.low > 0


@pytest.mark.parametrize("kind", [ScoreKind.SIMILARITY, ScoreKind.MEMBERSHIP])
def test_answers_are_told_from_chance_or_not(kind: ScoreKind) -> None:
    good, noise = (score(_table(spread, kind), _ROUNDS) for spread in (0.5, 1e6))
    chance, told = chance_of(good)
    assert told
    assert chance < good.figures["macro_f1" if kind is ScoreKind.MEMBERSHIP else "mean_ap"].value
    assert not chance_of(noise)[1]


def test_few_people_make_chance_higher_than_the_share_that_has_a_label() -> None:
    noise = score(_table(1e6), _ROUNDS)
    assert chance_of(noise)[0] > noise.baselines["chance_mean_ap"]


def test_what_was_not_run_and_what_is_not_ranked_is_said() -> None:
    sets = _scored("cnn", "EMOTIC CNN", 1.5, kind=ScoreKind.MEMBERSHIP)
    missing, unranked = (
        judge({"tuned": _rows()["tuned"]}, [_claim()], "own")[0],
        judge(_rows(cnn=sets), [_claim()], "ranking")[0],
    )
    assert (missing.verdict, missing.why) == ("not run", "EMOTIC CNN")
    assert unranked.verdict == "does not count"
    assert "sets without scores: cnn" in unranked.why


def test_rankings_are_compared_by_map() -> None:
    (found,) = judge(_rows(), [_claim(figure="hamming")], "ranking")
    assert found.verdict == "holds"
    assert np.isnan(found.p)
    (said,) = plain([found])
    assert said["figure"] == "mean_ap"
    assert said["p"] is None


def test_p_is_corrected_for_the_number_of_orderings() -> None:
    one = judge(_rows(), [_claim()], "own")[0]
    many = judge(_rows(), [_claim()] * 4, "own")[0]
    assert many.p == pytest.approx(min(1.0, 4 * one.p))


def test_our_own_orderings_name_rows_and_may_be_about_some_people() -> None:
    claim = Claim("tuned", "cnn", "macro_f1", "", among="words")
    spoken = frozenset(f"scenes/test/{i}" for i in range(60))
    all_of_them = judge(_rows(), [Claim("tuned", "cnn", "macro_f1", "")], "own")[0]
    some = judge(_rows(), [claim], "own", spoken)[0]
    nobody = judge(_rows(), [claim], "own")[0]
    assert some.verdict == "holds"
    assert some.difference != all_of_them.difference
    assert nobody.verdict == "does not count"


def test_a_reference_beside_every_other() -> None:
    found = against(_rows(), "tuned", "own")
    assert list(found) == ["cnn"]
    comparison, p = found["cnn"]
    assert comparison.figures["macro_f1"].value > 0
    assert p < 0.05


def test_every_ordering_names_rows_that_are_there() -> None:
    papers = {row.paper for row in all_rows().values()}
    for claim in read_claims():
        names = papers if claim.published else set(all_rows())
        assert {claim.better, claim.worse} <= names, claim


def test_the_papers_orderings_are_as_the_paper_prints_them() -> None:
    for claim in read_claims():
        if claim.published:
            better, worse = claim.published
            assert better < worse if claim.figure == "hamming" else better > worse, claim


def test_rows_and_parts_fit_together() -> None:
    printed = {str(line[0]) for group in published()["table_1"]["groups"] for line in group["rows"]}
    names = list(all_rows())
    assert len(names) == len(set(names))
    stood_for = [row.paper for row in all_rows().values() if row.paper]
    assert len(stood_for) == len(set(stood_for))
    assert set(stood_for) <= printed
    for row in all_rows().values():
        assert set(row.needs) <= set(all_parts())
        assert row.name == row.name.lower().replace(" ", "")
    for part in all_parts().values():
        assert set(part.needs) <= set(all_parts())
