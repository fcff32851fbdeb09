"""`emoscene eval` and `emoscene runs`, as one types them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Outcome, Run

HEADER = "id,text,labels,split\n"


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """A table of thirty people with words, in two splits."""
    emotions = ("anger", "fear", "happiness;peace", "sadness", "engagement;esteem")
    lines = [
        f"{split}{i},somebody feels {emotions[i % 5].replace(';', ' and ')} today,{emotions[i % 5]},{split}"
        for split in ("train", "val", "test")
        for i in range(15)
    ]
    file = tmp_path / "people.csv"
    file.write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    return file


@pytest.fixture
def ask(run: Run, people: Path, tmp_path: Path) -> Any:
    """Ask a model about the table; gives the outcome and the run's folder."""

    def ask_it(model: str, *words: str, split: str = "test", name: str = "") -> tuple[Outcome, Path]:
        out = tmp_path / (name or f"{model}-{split}")
        return run("eval", "run", "--dataset", "table", "--root", people, "--split", split, "--model", model,
                   "--out", out, *words), out  # fmt: skip

    return ask_it


def test_a_run_is_kept_scored_and_compared(run: Run, ask: Any) -> None:
    outcome, majority = ask("majority")
    assert (outcome.code, outcome.out) == (0, "15 of 15 people: 15 ok\n")
    assert f"next: emoscene eval score {majority}" in outcome.err
    assert ask("rand6")[0].code == 0
    scored = run("eval", "score", majority, "--bootstrap", "50", "--json")
    assert scored.code == 0
    (figures,) = scored.rows
    assert figures["people"] == 15
    assert figures["metrics"]["macro_f1"]["low"] <= figures["metrics"]["macro_f1"]["value"]
    assert figures["metrics"]["mean_ap"]["value"] is None
    assert "every answer names the same labels" in scored.err
    compared = run(
        "eval", "compare", majority, majority.with_name("rand6-test"), "--json", "--bootstrap", "50"
    )
    assert compared.rows[0]["kind"] == "comparison"
    shown = run("eval", "compare", majority, majority.with_name("rand6-test"), "--bootstrap", "50")
    assert "macro_f1" in shown.out


def test_the_table_of_figures_fits_the_terminal(run: Run, ask: Any) -> None:
    _, out = ask("brightness")
    shown = run("eval", "score", out, "--bootstrap", "20")
    assert shown.code == 0
    for word in ("macro_f1", "mean_ap ", "mean_ap_voc2010", "95% interval, 20 rounds by group", "engagement"):
        assert word in shown.out
    assert max(len(line) for line in shown.out.splitlines() if not line.startswith("no ")) <= 84


def test_rules_are_fitted_on_validation_and_applied(run: Run, ask: Any, tmp_path: Path) -> None:
    _, val = ask("brightness", split="val")
    _, test = ask("brightness")
    rules = tmp_path / "rules.json"
    fitted = run("eval", "fit", val, "--out", rules, "--decision", "top_k", "--k", "2")
    assert fitted.code == 0
    assert rules.is_file()
    scored = run("eval", "score", test, "--rules", rules, "--json")
    assert scored.rows[0]["rules"]["id"] == json.loads(rules.read_text())["id"]
    predicted = sum(row["predicted"] for row in scored.rows[0]["per_class"].values())
    assert predicted == 30
    refused = run("eval", "fit", test, "--out", rules)
    assert refused.code == 2
    assert "test" in refused.err


def test_going_on_with_a_run_asks_for_what_is_missing(run: Run, ask: Any) -> None:
    _, out = ask("rand6")
    rows = (out / "rows.jsonl").read_bytes()
    lines = rows.splitlines(keepends=True)
    (out / "rows.jsonl").write_bytes(b"".join(lines[:4]) + lines[4][:30])
    status = run("runs", "status", out)
    assert (status.code, status.out) == (1, "4 of 15 people: 4 ok\n")
    unfinished = run("eval", "score", out)
    assert unfinished.code == 2
    assert "11 of 15 people have no answer" in unfinished.err
    assert "--missing empty" in unfinished.err
    counted = run("eval", "score", out, "--missing", "empty", "--json")
    assert counted.rows[0]["statuses"] == {"missing": 11, "ok": 4}
    assert ask("rand6")[0].code == 0
    assert (out / "rows.jsonl").read_bytes() == rows
    assert run("runs", "status", out, "--json").rows[0]["finished"] is True


def test_rows_that_are_not_ok_are_told_by_the_exit_code(run: Run, people: Path, tmp_path: Path) -> None:
    table = tmp_path / "pictures.csv"
    table.write_text("id,image,labels,split\na,none.png,anger,test\nb,,fear,test\n")
    outcome = run("eval", "run", "--dataset", "table", "--root", table, "--split", "test",
                  "--model", "embedded", "--out", tmp_path / "r")  # fmt: skip
    assert outcome.code == 1
    assert "missing_input" in outcome.out or "unreadable" in outcome.out


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--dataset", "emotics"], "Did you mean 'emotic'?"),
        (["--root", "nowhere.csv"], "there is no such file or folder: nowhere.csv"),
        (["--split", "dev"], "no such split: dev"),
        (["--model", "majorty"], "Did you mean 'majority'?"),
        (["--fit-split", "test"], "cannot be fitted on the people it is then judged by"),
        (["--fit-split", "dev"], "Name one with --fit-split; there are: train, val, test"),
        (["--data", "colour"], "an option is KEY=VALUE: colour"),
        (["--data", "colour=red"], "has no option of this name: colour"),
        (["-o", "k=99"], "From 1 to 26"),
        (["--limit", "0"], "'--limit'"),
    ],
)
def test_what_cannot_be_run_is_one_line_with_a_remedy(
    run: Run, people: Path, tmp_path: Path, words: list[str], what: str
) -> None:
    asked = {"--dataset": "table", "--root": str(people), "--split": "test", "--model": "majority"}
    asked.update(dict(zip(words[::2], words[1::2], strict=True)))
    outcome = run(
        "eval", "run", *(part for pair in asked.items() for part in pair), "--out", tmp_path / "out"
    )
    assert outcome.code == 2
    assert what in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["score"], "there is nothing to score"),
        (["score", "nowhere"], "there is no run in this folder"),
        (["score", "RUN", "--truth", "x.csv"], "exclude each other"),
        (["score", "RUN", "--by", "picture"], "--by is group or person: picture"),
        (["score", "RUN", "--missing", "drop"], "--missing is error or empty: drop"),
        (["score", "RUN", "--interval", "normal"], "--interval is percentile or bca"),
        (["score", "RUN", "--bootstrap", "1"], "bootstrap rounds"),
        (["score", "RUN", "--rules", "nowhere.json"], "nowhere.json"),
        (["score", "RUN", "--split", "val"], "--split goes with --truth and --predictions"),
        (["score", "RUN", "--labels", "ekman"], "--labels goes with --truth and --predictions"),
        (["score", "--truth", "x.csv"], "there is nothing to score"),
        (["fit", "RUN", "--out", "x.json", "--decision", "best"], "best"),
        (["compare", "RUN", "nowhere"], "there is no run in this folder"),
        (["report", "nowhere", "--out", "x"], "there is no run in this folder"),
    ],
)
def test_what_cannot_be_scored_is_one_line_with_a_remedy(
    run: Run, ask: Any, words: list[str], what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _, out = ask("brightness", split="val")
    outcome = run("eval", *(str(out) if word == "RUN" else word for word in words))
    assert outcome.code == 2
    assert what in outcome.err
    assert len(outcome.err.splitlines()) == 1


@pytest.mark.slow
def test_ctrl_c_leaves_rows_and_says_how_to_go_on(people: Path, tmp_path: Path) -> None:
    """A real process and a real signal: it ends with 130, and what was answered is there."""
    table = tmp_path / "many.csv"
    table.write_text("id,text,labels\n" + "".join(f"{i},words,anger\n" for i in range(60_000)))
    code = "import sys; from emoscene.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "eval", "run", "--dataset", "table", "--root", str(table),
               "--split", "all", "--model", "rand6", "--out", str(tmp_path / "run")]  # fmt: skip
    child = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stderr is not None
    for line in child.stderr:
        if "people" in line:
            break
    os.kill(child.pid, signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "interrupted" in err
    assert "the same command goes on with it" in err
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["finished"] is False


@pytest.mark.slow
def test_the_papers_baselines_come_out_of_its_labels(run: Run, reference_data: Path, tmp_path: Path) -> None:
    """Table I of arXiv 2405.08992; the two random rows within three of their own standard errors."""
    labels = reference_data / "emotic-labels" / "gt_all.csv"
    table = {
        "majority": (11.41, 23.08, 15.01, 17.24, 0.76),
        "rand6": (16.90, 23.12, 14.90, 32.29, 0.00),
        "rand6_weighted": (17.02, 23.17, 19.45, 22.67, 0.01),
    }
    keys = ("macro_precision", "macro_recall", "macro_f1", "hamming", "subset_accuracy")
    for model, row in table.items():
        out = tmp_path / model
        asked = run("eval", "run", "--dataset", "emotic", "--root", labels, "--split", "test", "--model", model,
                    "--out", out)  # fmt: skip
        assert asked.code == 0
        (figures,) = run("eval", "score", out, "--json", "--bootstrap", "300").rows
        for key, published in zip(keys, row, strict=True):
            found = figures["metrics"][key]
            allowed = 0.02 if model == "majority" else 3 * 100 * found["sd"] + 0.005
            assert 100 * found["value"] == pytest.approx(published, abs=allowed), (model, key)
        assert 100 * figures["baselines"]["all_labels_macro_f1"] == pytest.approx(25.12, abs=0.02)
        assert 100 * figures["baselines"]["none_hamming"] == pytest.approx(16.98, abs=0.02)
        assert 100 * figures["baselines"]["chance_mean_ap"] == pytest.approx(16.98, abs=0.02)
