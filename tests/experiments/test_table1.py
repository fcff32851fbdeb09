"""The plan on a handful of people, and (slow) the whole table on the smoke test's."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from experiments.table1 import rows as rows_module
from experiments.table1.plan import RUN, row_folder, run_rows
from experiments.table1.report import write_table
from experiments.table1.rows import SMOKE, Context, Row, all_rows, choose_rows
from experiments.table1.state import read_step
from typer.testing import CliRunner

from emoscene.cli import app as emoscene_app
from emoscene.errors import InputError, OptionError
from emoscene.recognizers.base import Recognizer
from emoscene.recognizers.priors import make_majority

_HANDFUL = replace(SMOKE, people={"train": 12, "val": 8, "test": 10}, picture=48, gate_people=10)
_ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Context, list[str]]]:
    """A table of the priors alone, and what was said while it was made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows_module, "SMOKE", _HANDFUL)
        context = Context(tmp_path_factory.mktemp("table") / "out", smoke=True)
        said: list[str] = []
        assert run_rows(context, choose_rows("rand6,majority,rand6_weighted"), said.append) == []
        yield context, said


def test_rows_are_chosen_in_the_order_of_the_table() -> None:
    assert [row.name for row in choose_rows("rand6, majority")] == ["majority", "rand6"]
    assert len(choose_rows(None)) == len(all_rows())
    with pytest.raises(OptionError, match="no such row"):
        choose_rows("majorty")


def test_every_row_leaves_a_run_that_scores_again(table: tuple[Context, list[str]]) -> None:
    context, _ = table
    for name in ("majority", "rand6", "rand6_weighted"):
        folder = context.out / "rows" / name
        step = read_step(folder)
        assert step is not None
        assert step.finished
        assert step.about["rules"].startswith("none")
        answer = CliRunner().invoke(emoscene_app, ["eval", "score", str(folder / RUN), "--json"])
        assert answer.exit_code == 0, answer.output
        assert json.loads(answer.stdout)["people"] == 10


def test_what_is_finished_is_not_done_again(table: tuple[Context, list[str]]) -> None:
    context, _ = table
    rows = context.out / "rows" / "majority" / RUN / "rows.jsonl"
    before, said = rows.stat().st_mtime_ns, list[str]()
    assert run_rows(context, choose_rows("majority"), said.append) == []
    assert rows.stat().st_mtime_ns == before
    assert any("finished before" in line for line in said)


def test_a_folder_of_another_table_is_refused(table: tuple[Context, list[str]]) -> None:
    context, _ = table
    with pytest.raises(OptionError, match="another size, seed"):
        run_rows(Context(context.out, 1, smoke=True), choose_rows("majority"), print)


def test_a_row_that_fails_is_named_and_others_go_on_and_it_can_be_gone_on_with(
    table: tuple[Context, list[str]],
) -> None:
    context, _ = table
    works = [False]

    def make(context: Context, work: Path) -> Recognizer:
        if not works[0]:
            raise InputError("not yet", remedy="Wait.")
        return make_majority(context.labels)

    fails = Row("fails", "Fails", "prior", "nothing", make)
    after = replace(all_rows()["rand6"], name="after")
    assert run_rows(context, [fails, after], print) == ["fails"]
    noted = read_step(row_folder(context, fails))
    assert noted is not None
    assert not noted.finished
    assert "Wait." in noted.error
    finished = read_step(row_folder(context, after))
    assert finished is not None
    assert finished.finished
    works[0] = True
    assert run_rows(context, [fails], print) == []


def test_the_page_says_what_it_is_and_holds_every_row(table: tuple[Context, list[str]]) -> None:
    context, _ = table
    page = write_table(context.out)
    text, whole = (context.out / "report.md").read_text("utf-8"), page.read_text("utf-8")
    assert "Every picture here is drawn" in text
    assert "Rows that are not finished" in text
    for title in ("Majority", "Rand6", "Rand6-weighted"):
        assert f"**{title}**" in text
        assert title in whole
    assert "<svg" in whole
    found = json.loads((context.out / "table.json").read_text("utf-8"))
    assert set(found["rows"]) == {"majority", "rand6", "rand6_weighted"}
    drawn = [o for o in found["orderings"] if o["better"] == "Rand6-weighted" and o["way"] == "own"]
    assert drawn[0]["rows"] == ["rand6_weighted", "rand6"]
    assert drawn[0]["verdict"] in ("holds", "fails", "undecided")
    assert {o["verdict"] for o in found["orderings"] if o["better"].startswith("LLaVA")} == {"not run"}


def test_a_folder_without_a_table_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no table"):
        write_table(tmp_path)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole table in its smoke size, by the command."""
    out = tmp_path_factory.mktemp("smoke") / "table"
    command = [sys.executable, "-m", "experiments.table1"]
    ran = subprocess.run(
        [*command, "run", "--out", str(out), "--smoke"], cwd=_ROOT, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    told = subprocess.run([*command, "report", "--out", str(out)], cwd=_ROOT, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    return out


@pytest.mark.slow
def test_the_whole_table_runs_in_its_smoke_size(smoke: Path) -> None:
    found = json.loads((smoke / "table.json").read_text("utf-8"))
    assert set(found["rows"]) == set(all_rows())
    assert found["missing"] == []
    assert found["smoke"]
    for name, row in found["rows"].items():
        if row["own"]["coverage"] == 0:
            # After a few steps a model writes no answer that can be read; every other way of asking gives scores.
            assert name in ("vlm_paper", "vlm_defined")
            continue
        ranked = row["own"]["metrics"]["mean_ap"]["value"] is not None
        assert ranked == (row["own"]["score_kind"] != "membership"), name
        # 40 people are too few for some labels; then there are no rules, and the row says why.
        assert (row["fitted"] is not None) == (smoke / "rows" / name / "rules.json").is_file()
        assert row["rules"]
    assert not [o for o in found["orderings"] if o["verdict"] == "not run"]
    assert "This is the smoke test" in (smoke / "report.md").read_text("utf-8")


@pytest.mark.slow
def test_every_row_scores_again_to_the_figures_of_the_table(smoke: Path) -> None:
    found = json.loads((smoke / "table.json").read_text("utf-8"))
    for name in ("vlm_val_aug", "text_val_aug", "emotic_cnn"):
        folder = smoke / "rows" / name
        answer = CliRunner().invoke(emoscene_app, ["eval", "score", str(folder / RUN), "--json"])
        assert answer.exit_code in (0, 1), answer.output
        again = json.loads(answer.stdout)["metrics"]
        for key in ("macro_f1", "mean_ap", "hamming"):
            assert again[key]["value"] == found["rows"][name]["own"]["metrics"][key]["value"], (name, key)
