"""Known labels from every file that holds them, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from emoscene.errors import EmosceneError, InputError, MissingFileError, OptionError
from emoscene.evaluation.foreign import read_predictions, read_truth
from emoscene.evaluation.score_files import score_files
from emoscene.labels import label_space
from emoscene.runs.truth import TruthRow, truth_line
from emoscene.types import VAD, Annotation, BoundingBox, Sample

from .foreign_files import ANSWERS, EMOTIC, LAYOUTS, jsonl, one_hot, table, write

PEOPLE = list(ANSWERS)
STUDY = label_space("caption-study")
#: Layouts that can hold known labels too, and whether an empty set means that nothing is known.
HOLDING = {
    "labels.csv": True,
    "swapped.csv": True,
    "bom-crlf.csv": True,
    "tabs.tsv": True,
    "semicolons.csv": True,
    "lists.csv": True,
    "one-hot.csv": False,
    "peace-first.csv": False,
    "spelled.csv": False,
    "labels.jsonl": False,
    "scores01.jsonl": False,
    "list.json": False,
    "gt-all-like.csv": True,
}


def refused(file: Path, split: str | None = None) -> str:
    with pytest.raises(InputError) as caught:
        read_truth(file, EMOTIC, split=split)
    assert caught.value.remedy
    return str(caught.value)


@pytest.mark.parametrize("name", HOLDING)
def test_known_labels_are_the_same_in_every_layout(name: str, tmp_path: Path) -> None:
    rows = read_truth(write(tmp_path, name, LAYOUTS[name](ANSWERS)), EMOTIC)
    expected = [None if HOLDING[name] and not said else frozenset(said) for said in ANSWERS.values()]
    assert [row.labels for row in rows] == expected
    plain = [row.id.removesuffix(".jpg").replace("/images/", "/") for row in rows]
    assert plain == PEOPLE
    assert rows[0].group == rows[1].group != rows[2].group


def test_what_a_run_wrote_is_read_back(tmp_path: Path) -> None:
    samples = [
        Sample(
            id="emotic/val/mscoco/a_0",
            picture=tmp_path / "a.jpg",
            box=BoundingBox(x1=1, y1=2, x2=30, y2=40),
            group="mscoco/a.jpg",
            split="val",
            target=frozenset({"fear", "pain"}),
            target_vad=VAD(valence=2, arousal=3.5, dominance=10),
            annotations=(Annotation(labels=frozenset({"fear"})), Annotation(labels=frozenset({"pain"}))),
            attributes={"gender": "Female"},
        ),
        Sample(id="emotic/val/mscoco/a_1", group="mscoco/a.jpg", split="val", text="a dog"),
        Sample(id="emotic/val/mscoco/b_0", split="val", target=frozenset()),
    ]
    write(tmp_path, "truth.jsonl", "".join(truth_line(sample) + "\n" for sample in samples))
    write(tmp_path, "manifest.json", "{}")
    rows = read_truth(tmp_path, EMOTIC, split="val")
    assert rows == read_truth(tmp_path / "truth.jsonl", EMOTIC)
    assert rows[0] == TruthRow(
        id="emotic/val/mscoco/a_0",
        group="mscoco/a.jpg",
        split="val",
        labels=frozenset({"fear", "pain"}),
        vad=(2, 3.5, 10),
        annotations=(frozenset({"fear"}), frozenset({"pain"})),
        attributes={"gender": "Female"},
        picture=str(tmp_path / "a.jpg"),
        box=(1, 2, 30, 40),
    )
    assert [row.labels for row in rows[1:]] == [None, frozenset()]
    assert rows[1].text == "a dog"


def test_people_may_be_unlabelled_in_the_first_row(tmp_path: Path) -> None:
    line = truth_line(Sample(id="emotic/val/mscoco/a_1", split="val", text="a dog"))
    assert read_truth(write(tmp_path, "truth.jsonl", line + "\n"), EMOTIC)[0].labels is None


def test_split_group_and_vad_of_a_table(tmp_path: Path) -> None:
    header = "id,split,group,labels,valence,arousal,dominance\n"
    file = write(tmp_path, "t.csv", header + "a,val,p,fear,1,2,3\nb,test,p,pain,,,\n")
    assert read_truth(file, EMOTIC, split="val") == [
        TruthRow(id="a", group="p", split="val", labels=frozenset({"fear"}), vad=(1, 2, 3))
    ]
    assert [row.id for row in read_truth(file, EMOTIC, split="test")] == ["b"]


# --- a missing split ---------------------------------------------------------------------------------------------


def several_in_csv(folder: Path) -> Path:
    return write(folder, "t.csv", "id,split,labels\na,val,fear\na,test,fear\n")


def several_in_jsonl(folder: Path) -> Path:
    return write(
        folder, "t.jsonl", jsonl([{"id": "a", "split": s, "labels": ["fear"]} for s in ("val", "test")])
    )


@pytest.mark.parametrize("made", [several_in_csv, several_in_jsonl])
def test_of_several_splits_one_must_be_named(made: Callable[[Path], Path], tmp_path: Path) -> None:
    file = made(tmp_path)
    said = refused(file)
    assert said.startswith(
        f"{file.name} holds several splits, and none is named: val, test. Name one with --split"
    )
    assert len(read_truth(file, EMOTIC, split="val")) == 1
    with pytest.raises(OptionError, match=f"{file.name} has no such split: train. There are: val, test"):
        read_truth(file, EMOTIC, split="train")


def test_a_split_of_a_file_without_splits(tmp_path: Path) -> None:
    file = write(tmp_path, "t.csv", LAYOUTS["labels.csv"](ANSWERS))
    with pytest.raises(OptionError, match=r"t\.csv does not say which split.*: test\. Leave out --split"):
        read_truth(file, EMOTIC, split="test")


def test_a_format_of_emotic_whose_name_does_not_say_the_split(tmp_path: Path) -> None:
    text = LAYOUTS["tandon.csv"](ANSWERS).replace("Index", "Image Size").replace("\n7,", '\n"[640, 480]",')
    file = write(tmp_path, "people.csv", text)
    assert refused(file).startswith(
        "people.csv: neither the file nor its name says which split it holds. Name it with"
    )
    rows = read_truth(file, EMOTIC, split="test")
    named = read_truth(write(tmp_path, "test.csv", text), EMOTIC)
    assert (
        [row.id for row in rows]
        == [row.id for row in named]
        == [f"emotic/test/{p}" for p in PEOPLE if ANSWERS[p]]
    )
    assert rows[0].vad == (5, 6, 7)
    with pytest.raises(OptionError, match=r"no such split: val\. There are: test"):
        read_truth(tmp_path / "test.csv", EMOTIC, split="val")


# --- faults ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HOLDING)
def test_a_label_outside_the_space_is_an_error(name: str, tmp_path: Path) -> None:
    text = LAYOUTS[name](ANSWERS)
    for right in ("Happiness", "happiness", "HAPPINESS"):
        text = text.replace(right, "hapiness")
    said = refused(write(tmp_path, name, text))
    assert said.startswith(f"{name}, ")
    assert "of the labels of emotic" in said
    assert "hapiness" in said
    assert "Did you mean 'Happiness'?" in said


@pytest.mark.parametrize("name", [each for each in HOLDING if each != "list.json"])
def test_a_person_who_stands_twice_is_an_error(name: str, tmp_path: Path) -> None:
    lines = LAYOUTS[name](ANSWERS).splitlines(keepends=True)
    at, unit = len(lines) - len(ANSWERS), "line" if name.endswith(".jsonl") else "row"
    said = refused(write(tmp_path, name, "".join([*lines, lines[at]])))
    assert f"{name}, {unit} {len(lines) + 1}: this person stands twice, first in {unit} {at + 1}: " in said


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('{"id": "a", "labels": ["fear"], "annotations": [1]}\n', "line 1: annotations are no lists of labels"),
        ('{"id": "a", "labels": ["fear"], "annotations": [["bliss"]]}\n', "line 1: this is none of the labels"),
        ('{"id": "a", "labels": ["fear"], "attributes": [1]}\n', "line 1: attributes are no object of texts"),
        ('{"id": "a", "labels": ["fear"], "box": [1, 2]}\n', "line 1: a box has four numbers"),
        ('{"id": "a", "scores": {"fear": 1, "bliss": 0}}\n', "line 1: this is none of the labels"),
        ('{"id": "a", "scores": {"fear": 0.5}}\n', "line 1: the known value of fear is neither 0 nor 1: 0.5"),
        ('{"id": "a", "response": "She is afraid."}\n', "line 1: this is an answer"),
        ('{"id": "a"}\n', "line 1: the row has no answer"),
        ("[]", "the file holds no people"),
    ],
)  # fmt: skip
def test_malformed_rows(text: str, what: str, tmp_path: Path) -> None:
    assert what in refused(write(tmp_path, "t.jsonl", text))


def test_scores_and_answers_are_no_known_labels(tmp_path: Path) -> None:
    rows: list[list[object]] = [["id", *EMOTIC.ids], ["a", *[0.5] * 26]]
    said = refused(write(tmp_path, "t.csv", table(rows)))
    assert said.startswith("t.csv, row 2: the known value of affection is neither 0 nor 1: 0.5")
    said = refused(write(tmp_path, "rows.jsonl", LAYOUTS["rows.jsonl"](ANSWERS)))
    assert said.startswith("rows.jsonl, line 1: this is an answer, and says nothing of what is known")


def test_a_further_column_of_known_labels_is_none_of_the_space(tmp_path: Path) -> None:
    lines = one_hot(ANSWERS).splitlines()
    text = "\n".join([lines[0] + ",Neutral", *(line + ",1" for line in lines[1:])])
    assert refused(write(tmp_path, "t.csv", text)).startswith(
        "t.csv, row 2: this is none of the labels of emotic: Neutral"
    )


def test_no_file_and_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError):
        read_truth(tmp_path / "t.csv", EMOTIC)
    with pytest.raises(MissingFileError):
        read_truth(tmp_path / "t.csv", STUDY)
    assert "the file is empty" in refused(write(tmp_path, "t.csv", ""))
    with pytest.raises(EmosceneError, match="no annotations of EMOTIC found here"):
        read_truth(tmp_path, EMOTIC)


def test_a_whole_way_from_two_files(tmp_path: Path) -> None:
    truth = write(tmp_path, "t.json", json.dumps({"a": ["fear"], "b": ["pain", "fear"]}))
    scores = score_files(truth, write(tmp_path, "p.csv", "labels,id\nfear,a\npain,b\n"), EMOTIC)
    assert scores.figures["subset_accuracy"].value == 0.5


# --- real files --------------------------------------------------------------------------------------------------


def test_the_captions_of_the_study(tmp_path: Path) -> None:
    head = "image,emotion,full,minus_interactions,minus_environments\n"
    file = write(tmp_path, "c.csv", head + "a_1.jpg,Fear,x,y,z\na_1.jpg,Pain/Suffering - Physical,x,y,z\n")
    rows = read_truth(file, STUDY)
    assert [(row.id, row.group, row.text) for row in rows] == [
        ("a_1.jpg", "a_1.jpg", "x"),
        ("a_1.jpg#2", "a_1.jpg", "x"),
    ]
    assert rows[1].labels == frozenset({"pain_suffering_physical"})
    with pytest.raises(OptionError, match="does not say which split"):
        read_truth(file, STUDY, split="test")
    answers = read_predictions(file, STUDY, rows)
    assert [frozenset(row.labels) for row in answers.rows] == [row.labels for row in rows]


def test_the_real_captions(reference_data: Path) -> None:
    file = reference_data / "captions" / "captions_dev.csv"
    rows = read_truth(file, STUDY)
    assert len(rows) == 176
    answers = read_predictions(file, STUDY, rows)
    assert answers.missing == ()
    assert [frozenset(row.labels) for row in answers.rows] == [row.labels for row in rows]


def test_the_label_file_of_the_authors(reference_data: Path, tmp_path: Path) -> None:
    file = reference_data / "emotic-labels" / "gt_all.csv"
    said = refused(file)
    assert said.startswith(
        "gt_all.csv holds several splits, and none is named: train, val, test. Name one with --split"
    )
    rows = read_truth(file, EMOTIC, split="test")
    assert (len(rows), len({row.group for row in rows})) == (7_275, 4_386)
    assert rows[0].id == "emotic/test/mscoco/COCO_train2014_000000081845_0"
    with file.open(encoding="utf-8") as stream:
        few = write(tmp_path, "few.csv", "".join(line for _, line in zip(range(5), stream, strict=False)))
    assert read_truth(few, EMOTIC)[0].id == "mscoco/COCO_val2014_000000562243_0.jpg"
    with pytest.raises(InputError, match="splits cannot be told apart"):
        read_truth(few, EMOTIC, split="test")
