"""The captions benchmark on a small file: every way of asking in every column, and its arithmetic by hand."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from benchmarks.captions import WAYS, highest, less_their_mean, main

from emoscene.datasets.captions import COLUMNS
from tests.tiny_sentences import save_tiny_sentences

ROWS = (
    "image,emotion,full,minus_interactions,minus_environments\n"
    "a.jpg,Sadness,Ann is sad. Ann weeps.,Ann is sad.,Ann weeps.\n"
    "b.jpg,Anger,He is angry at that.,He is angry.,\n"
    "c.jpg,Anger,Who is this?,This is that.,Who?\n"
)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny_sentences(tmp_path_factory.mktemp("sentences")))


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "captions.csv"
    path.write_text(ROWS, "utf-8")
    return str(path)


def test_every_way_is_measured_in_every_column(
    encoder: str, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--csv", file, "--encoder", encoder, "--rounds", "50", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {(f["way"], f["column"]) for f in found["figures"]} == {(w, c) for w in WAYS for c in COLUMNS}
    assert found["main"] in WAYS
    for figure in found["figures"]:
        assert figure["answered"] == (2 if figure["column"] == "minus_environments" else 3)
        right = sum(label["right"] for label in figure["labels"].values())
        assert figure["accuracy"]["value"] == pytest.approx(right / 3)
        assert figure["accuracy"]["low"] <= figure["accuracy"]["value"] <= figure["accuracy"]["high"]
        assert figure["always_the_most_frequent"] == pytest.approx(2 / 3)


def test_the_table_names_chance_and_the_published_figure(
    encoder: str, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--csv", file, "--encoder", encoder, "--rounds", "50", "--column", "full", "--labels"]) == 0
    shown = capsys.readouterr().out
    assert "chance: 0.077" in shown
    assert "0.41" in shown
    assert "0 / 0 / " in shown


def test_the_intervals_are_whole_in_a_narrow_window(
    encoder: str, file: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["--csv", file, "--encoder", encoder, "--rounds", "50"]) == 0
    shown = capsys.readouterr().out
    assert "…" not in shown
    assert len(re.findall(r"\d\.\d{3} \(\d\.\d\d to \d\.\d\d\)", shown)) == len(WAYS) * len(COLUMNS)


def test_a_missing_file_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--csv", "no-such.csv"]) == 2
    assert "no-such.csv" in capsys.readouterr().err


def test_the_transductive_prior_by_hand() -> None:
    rows = [{"a": 0.9, "b": 0.1}, {"a": 0.7, "b": 0.3}, {}]
    assert highest(rows) == ["a", "a", None]
    centred = less_their_mean(rows)
    assert centred[0] == pytest.approx({"a": 0.1, "b": -0.1})
    assert highest(centred) == ["a", "b", None]
