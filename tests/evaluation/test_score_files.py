"""Answers from elsewhere: every layout scores the same as the run it was written from, and faults are named."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emoscene.errors import InputError
from emoscene.evaluation.score import run_table, score
from emoscene.evaluation.score_files import score_files
from emoscene.runs.record import RunFiles
from tests.evaluation.people import EMOTIC, made_run


def _short(row_id: str) -> str:
    return row_id.split("/", 2)[2]


def _plain(file: Path, rows: list[Any]) -> None:
    file.write_text("id,labels\n" + "".join(f"{row.id},{';'.join(row.labels)}\n" for row in rows))


def _columns(file: Path, rows: list[Any]) -> None:
    """A column a label, in no order of anybody's, with display names."""
    order = EMOTIC.ids[::-1]
    with file.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t")
        writer.writerow(["id", *(EMOTIC[label].name for label in order)])
        writer.writerows([row.id, *(int(label in row.labels) for label in order)] for row in rows)


def _texts(file: Path, rows: list[Any]) -> None:
    lines = ({"question_id": _short(row.id), "text": ", ".join(EMOTIC[label].name for label in row.labels)}
             for row in rows)  # fmt: skip
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))


def _json_lines(file: Path, rows: list[Any]) -> None:
    file.write_text("".join(json.dumps({"labels": row.labels, "id": row.id}) + "\n" for row in rows[::-1]))


def _object(file: Path, rows: list[Any]) -> None:
    file.write_text(json.dumps({row.id: row.labels for row in rows}))


WRITERS: dict[str, Callable[[Path, list[Any]], None]] = {
    "plain.csv": _plain,
    "columns.tsv": _columns,
    "texts.jsonl": _texts,
    "lines.jsonl": _json_lines,
    "object.json": _object,
}
KEYS = ("macro_precision", "macro_recall", "macro_f1", "micro_f1", "hamming", "subset_accuracy")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> RunFiles:
    return made_run(tmp_path_factory.mktemp("made") / "run")


@pytest.mark.parametrize("name", WRITERS)
def test_every_layout_scores_as_the_run_does(name: str, made: RunFiles, tmp_path: Path) -> None:
    WRITERS[name](tmp_path / name, list(made.rows()))
    expected = score(run_table(made)).figures
    found = score_files(made.folder / "truth.jsonl", tmp_path / name, EMOTIC)
    for key in KEYS:
        assert found.figures[key].value == pytest.approx(expected[key].value), key
    said = found.to_json()["run"]
    assert said["predictions"]["file"] == name
    assert len(said["predictions"]["sha256"]) == 64


def test_the_runs_own_rows_rank_as_the_run_does(made: RunFiles) -> None:
    found = score_files(made.folder, made.folder / "rows.jsonl", EMOTIC)
    expected = score(run_table(made)).figures
    assert found.figures["mean_ap"].value == pytest.approx(expected["mean_ap"].value)
    assert found.figures["vad_mae"].value == pytest.approx(expected["vad_mae"].value)


def test_a_label_outside_the_space_makes_its_row_unparsed_or_is_left_out(
    made: RunFiles, tmp_path: Path
) -> None:
    rows = list(made.rows())
    _plain(tmp_path / "a.csv", rows)
    text = (tmp_path / "a.csv").read_text().splitlines()
    text[3] += ";hunger"
    (tmp_path / "a.csv").write_text("\n".join(text) + "\n")
    wrong = score_files(made.folder, tmp_path / "a.csv", EMOTIC)
    assert wrong.to_json()["statuses"] == {"ok": 39, "unparsed": 1}
    assert wrong.to_json()["unparsed_rate"] == pytest.approx(1 / 40)
    assert wrong.to_json()["run"]["predictions"]["unknown_labels"] == {"hunger": 1}
    assert any("hunger" in said and "row 4" in said for said in wrong.warnings)
    without = score_files(made.folder, tmp_path / "a.csv", EMOTIC, unknown_labels="leave_out")
    assert without.figures["macro_f1"].value == pytest.approx(
        score(run_table(made)).figures["macro_f1"].value
    )


def test_missing_and_unknown_people_are_told_together(made: RunFiles, tmp_path: Path) -> None:
    rows = list(made.rows())
    _plain(tmp_path / "a.csv", rows)
    lines = (tmp_path / "a.csv").read_text().splitlines()
    lines[2] = lines[2].replace("made_up/test/1,", "made_up/test/one,")
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError) as error:
        score_files(made.folder, tmp_path / "a.csv", EMOTIC)
    said = str(error.value)
    for part in ("a.csv: 1 of 40 people have no answer", "made_up/test/one", "row 3", "--missing empty"):
        assert part in said
    counted = score_files(made.folder, tmp_path / "a.csv", EMOTIC, missing="empty")
    assert counted.to_json()["statuses"] == {"missing": 1, "ok": 39}
    assert any("made_up/test/one" in said for said in counted.warnings)
