"""Drawn scenes come back from their folder as samples that a model can be asked about."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emoscene import api
from emoscene.datasets.registry import open_dataset
from emoscene.datasets.scenes.make import make_dataset
from emoscene.errors import InputError
from emoscene.evaluation.run import Asked, run
from emoscene.evaluation.score import run_table, score


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "scenes"
    make_dataset(folder, people=20, seed=3, workers=1, splits={"train": 0.5, "test": 0.5}, gate_people=20)
    return folder


def test_people_come_back_with_pictures_boxes_labels_and_vad(drawn: Path) -> None:
    dataset = open_dataset("scenes", drawn)
    assert dataset.splits == ("train", "test")
    people = list(dataset.samples("test"))
    rows = [json.loads(line) for line in (drawn / "test.jsonl").read_text().splitlines()]
    assert [person.id for person in people] == [f"scenes/test/{row['id']}" for row in rows]
    for person, row in zip(people, rows, strict=True):
        assert person.picture.is_file()
        assert person.box is not None
        assert list(person.box.as_tuple()) == row["box"]
        assert person.target == frozenset(row["labels"])
        assert person.target_vad is not None
        assert person.target_vad.valence == row["vad"]["valence"]
        assert person.text is None
        assert [vote.labels for vote in person.annotations] == [
            frozenset(vote["labels"]) for vote in row["annotators"]
        ]
        assert len(person.annotations) == 5
        assert person.group == row["image"]
        assert "pair" not in person.attributes
    spoken = list(open_dataset("scenes", drawn, words=True).samples("test"))
    assert [person.text for person in spoken] == [row["words"] or None for row in rows]


def test_pairs_say_which_they_are_and_stay_together(tmp_path: Path) -> None:
    make_dataset(
        tmp_path,
        people=8,
        seed=3,
        workers=1,
        size=64,
        splits={"counterfactual": 1, "test": 1},
        gate_people=20,
    )
    dataset = open_dataset("scenes", tmp_path)
    assert dataset.splits == ("test", "counterfactual")
    a, b = list(dataset.samples("counterfactual"))[:2]
    assert a.attributes["pair"] == b.attributes["pair"] == a.group == b.group
    assert (a.attributes["side"], b.attributes["side"]) == ("a", "b")
    assert a.box == b.box
    assert a.picture != b.picture
    assert {person.split for person in dataset.samples("counterfactual")} == {"counterfactual"}


@pytest.mark.slow
def test_the_model_that_ships_is_scored_on_them(drawn: Path, tmp_path: Path) -> None:
    dataset = open_dataset("scenes", drawn)
    made = run(dataset, api.load("embedded"), Asked("test", {"spec": "embedded"}), tmp_path / "run")
    figures = score(run_table(made)).figures
    assert figures["mean_ap"].value > 0.1
    assert figures["vad_pairs"].value == 10
    assert figures["vad_mae"].value < 3


def test_what_is_no_drawing_is_said(drawn: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no finished drawn scenes"):
        open_dataset("scenes", tmp_path)
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "manifest.json").write_text("{}")
    (broken / "test.jsonl").write_text('{"id": 1}\n')
    with pytest.raises(InputError, match=r"test\.jsonl, row 1"):
        list(open_dataset("scenes", broken).samples("test"))
