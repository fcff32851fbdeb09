"""`emoscene analyze`: what comes out, where, and with which exit code."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from emoscene.catalogue import choosing
from emoscene.render.words import NOTICE
from emoscene.types import Prediction
from tests.cli.conftest import Run

KEYS = [
    "schema_version",
    "id",
    "source",
    "status",
    "error",
    "box",
    "scores",
    "score_kind",
    "labels",
    "dominant",
    "vad",
    "caption",
    "reason",
    "evidence",
    "label_mass",
    "raw_text",
    "model",
    "label_space",
    "warnings",
]


def test_a_row_has_the_names_of_the_contract_and_comes_back(run: Run, grey: Path) -> None:
    done = run("analyze", grey, "--box", "0,0,60,80", "-m", "brightness", "--json")
    assert (done.code, done.err) == (0, "")
    (row,) = done.rows
    assert list(row) == KEYS
    assert row["box"] == [0, 0, 60, 80]
    assert row["score_kind"] == "yes_share"
    assert len(row["scores"]) == 26
    assert Prediction.from_row(row).to_row() == row


def test_golden_row(run: Run, grey: Path) -> None:
    row = run("analyze", grey, "--box", "0,0,60,80", "-m", "brightness", "--json", "--labels", "ekman").rows[
        0
    ]
    brightness = 50 / 255
    scores = row.pop("scores")
    assert row == {
        "schema_version": "1",
        "id": f"{grey}#0",
        "source": str(grey),
        "status": "ok",
        "error": None,
        "box": [0, 0, 60, 80],
        "score_kind": "yes_share",
        "labels": row["labels"],
        "dominant": list(scores)[round(brightness * (len(scores) - 1))],
        "vad": {
            "valence": pytest.approx(1 + 9 * brightness),
            "arousal": 5.5,
            "dominance": pytest.approx(10 - 9 * brightness),
        },
        "caption": "Somebody stands in the light.",
        "reason": None,
        "evidence": None,
        "label_mass": None,
        "raw_text": None,
        "model": "brightness",
        "label_space": "ekman",
        "warnings": [],
    }
    assert row["labels"] == sorted(scores, key=scores.__getitem__, reverse=True)[:1]


def test_boxes_come_back_in_order_with_keys_of_their_own(run: Run, grey: Path) -> None:
    done = run("analyze", grey, "--box", "60,0,120,80", "--box", "0,0,60,80", "-m", "brightness", "--json")
    light, dark = done.rows
    assert [light["id"], dark["id"]] == [f"{grey}#0", f"{grey}#1"]
    assert light["vad"]["valence"] > dark["vad"]["valence"]


def test_without_a_box_the_whole_picture_is_the_person_and_the_answer_says_so(run: Run, grey: Path) -> None:
    done = run("analyze", grey, "-m", "brightness")
    assert done.code == 0
    assert "whole picture" in done.out
    assert "no box was given: the whole picture is taken as the person" in done.out
    assert NOTICE in done.out


def test_a_box_partly_outside_is_clamped_with_a_warning(run: Run, grey: Path) -> None:
    done = run("analyze", grey, "--box", "-10,5,60,900", "-m", "brightness", "--json")
    (row,) = done.rows
    assert done.code == 0
    assert row["box"] == [0, 5, 60, 80]
    assert row["warnings"] == ["the box reached beyond the picture and was clamped"]


def test_text_named_jpg_is_a_row(run: Run, no_picture: Path, grey: Path) -> None:
    done = run("analyze", no_picture, grey, "-m", "brightness", "--json")
    assert done.code == 1
    assert [row["status"] for row in done.rows] == ["unreadable", "ok"]
    assert done.rows[0]["error"]["remedy"]
    table = run("analyze", no_picture, "-m", "brightness")
    assert table.code == 1
    assert "unreadable:" in table.out


def test_an_unreadable_picture_with_a_box_is_still_a_row(run: Run, no_picture: Path) -> None:
    done = run("analyze", no_picture, "--box", "1,1,9,9", "-m", "brightness", "--json")
    assert done.code == 1
    assert done.rows[0]["status"] == "unreadable"


def test_refused_rows_carry_no_scores_and_exit_1(run: Run, dark: Path, grey: Path) -> None:
    done = run("analyze", dark, grey, "-m", "brightness")
    assert done.code == 1
    assert "out_of_domain: it is too dark to see" in done.out
    assert "Turn on the light." in done.out
    assert "1 of 2 rows are not ok" in done.err


def test_options_reach_the_model(run: Run, grey: Path) -> None:
    plain = run("analyze", grey, "-m", "brightness", "--json").rows[0]
    options = ("-o", "gloom=0.3", "-o", "batch-size=1", "--reason")
    gloomy = run("analyze", grey, "-m", "brightness", "--json", *options).rows[0]
    assert gloomy["vad"]["valence"] < plain["vad"]["valence"]
    assert gloomy["reason"] == "The light is on."


def test_a_model_file_names_model_and_options(run: Run, grey: Path, tmp_path: Path) -> None:
    spec = tmp_path / "gloomy.yaml"
    spec.write_text("model: brightness\noptions:\n  gloom: 0.3\n")
    by_file = run("analyze", grey, "-m", spec, "--json").rows[0]
    by_hand = run("analyze", grey, "-m", "brightness", "-o", "gloom=0.3", "--json").rows[0]
    assert by_file == by_hand


def test_overlay_is_saved_beside_the_table(run: Run, grey: Path, tmp_path: Path) -> None:
    target = tmp_path / "answer.png"
    done = run("analyze", grey, "--box", "0,0,60,80", "-m", "brightness", "--save", target)
    assert done.code == 0
    assert f"saved: {target}" in done.err
    with Image.open(target) as image:
        assert image.format == "PNG"


def test_page_shows_good_and_bad_rows(run: Run, grey: Path, no_picture: Path, tmp_path: Path) -> None:
    target = tmp_path / "answer.html"
    done = run("analyze", grey, no_picture, "-m", "brightness", "--save", target)
    page = target.read_text(encoding="utf-8")
    assert done.code == 1
    assert page.count('class="scene') == 2
    assert "unreadable" in page


def test_an_overlay_of_an_unreadable_picture_is_an_error(run: Run, no_picture: Path, tmp_path: Path) -> None:
    target = tmp_path / "answer.png"
    done = run("analyze", no_picture, "-m", "brightness", "--save", target)
    assert done.code == 2
    assert "there is no picture to draw on" in done.err
    assert not target.exists()


HOSTILE = "\x1b[31mred\x07[bold]x\u202e.png"


def test_hostile_file_names_do_not_steer_the_terminal(run: Run, grey: Path) -> None:
    path = grey.rename(grey.with_name(HOSTILE))
    table = run("analyze", path, "-m", "brightness")
    lines = run("analyze", path, "-m", "brightness", "--json")
    missing = run("analyze", path.with_name(HOSTILE + "x"))
    for said in (table.out, table.err, lines.out, missing.err):
        assert not set(said) & set("\x1b\x07\u202e")
    assert "[bold]" in table.out
    assert lines.rows[0]["source"] == str(path)
    assert missing.code == 2


def test_file_names_that_are_no_utf8(run: Run, grey: Path) -> None:
    path = grey.rename(grey.with_name("caf\udce9.png"))
    done = run("analyze", path, "-m", "brightness", "--json")
    assert done.code == 0
    assert done.rows[0]["source"].endswith("caf\\udce9.png")
    assert run("analyze", path, "-m", "brightness").code == 0


def test_auto_says_which_model_answers_and_why(run: Run, grey: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    choice = choosing.Choice("brightness", "it is here", "brightness", auto=True)
    monkeypatch.setattr(choosing, "_automatic", lambda words_only, options: choice)
    done = run("analyze", grey, "--json")
    assert done.err == "model: brightness, because it is here\n"
    assert len(done.rows) == 1


def test_people_are_found(
    run: Run, reference_data: Path, monkeypatch: pytest.MonkeyPatch, dark: Path
) -> None:
    detector = reference_data / "weights/person-detector-fastestdet/FastestDet.onnx"
    monkeypatch.setenv("EMOSCENE_PERSON_DETECTOR", str(detector))
    skier = reference_data / "photos/000000000785.jpg"
    done = run("analyze", dark, skier, dark, "--people", "all", "-m", "brightness", "--json")
    assert done.code == 1
    assert [row["status"] for row in done.rows] == ["no_person", "ok", "no_person"]
    x1, y1, x2, y2 = done.rows[1]["box"]
    assert x1 < 390 < x2
    assert y1 < 200 < y2
    assert done.rows[0]["model"] == "brightness"
