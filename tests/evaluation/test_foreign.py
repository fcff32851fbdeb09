"""Answers in every layout come to the same rows; ids, scores, free text, VAD and our own tables are understood."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from emoscene.errors import InputError
from emoscene.evaluation.foreign import read_predictions
from emoscene.labels import label_space
from emoscene.runs.truth import TruthRow
from emoscene.types import VAD, Prediction, ScoreKind, Status, to_frame

from .foreign_files import ANSWERS, EMOTIC, IDS, LAYOUTS, TRUTH, jsonl, our_rows, scores_of, table, write

PERSON = "mscoco/COCO_val2014_000000000042_0"


@pytest.mark.parametrize("name", LAYOUTS)
def test_one_set_of_answers_is_the_same_in_every_layout(name: str, tmp_path: Path) -> None:
    found = read_predictions(write(tmp_path, name, LAYOUTS[name](ANSWERS)), EMOTIC, TRUTH)
    assert {row.id: row.labels for row in found.rows} == dict(zip(IDS, ANSWERS.values(), strict=True))
    assert [row.id for row in found.rows] == IDS
    assert all(row.ok for row in found.rows)
    assert (found.missing, found.unknown, found.examples) == ((), 0, ())
    assert found.layout
    assert bool(found.warnings) == (name == "tandon.csv")


@pytest.mark.parametrize("name", [each for each in LAYOUTS if each != "tandon.csv"])  # which numbers by order
def test_the_order_of_rows_does_not_matter(name: str, tmp_path: Path) -> None:
    back = dict(reversed(ANSWERS.items()))
    there = read_predictions(write(tmp_path, name, LAYOUTS[name](ANSWERS)), EMOTIC, TRUTH)
    again = read_predictions(write(tmp_path, name, LAYOUTS[name](back)), EMOTIC, TRUTH)
    assert again.rows == there.rows


def test_sets_are_memberships(tmp_path: Path) -> None:
    row = read_predictions(write(tmp_path, "a.csv", LAYOUTS["one-hot.csv"](ANSWERS)), EMOTIC, TRUTH).rows[0]
    assert row.score_kind is ScoreKind.MEMBERSHIP
    assert {label for label, score in row.scores.items() if score == 1.0} == set(row.labels)
    assert list(row.scores) == list(EMOTIC.ids)


def test_columns_of_numbers_are_scores_of_which_the_top_six_are_chosen(tmp_path: Path) -> None:
    order = tuple(reversed(EMOTIC.ids))
    said = dict.fromkeys(ANSWERS, ("fear", "pain", "anger", "peace", "esteem", "yearning"))
    rows = [[p, *(scores_of(s)[label] for label in order)] for p, s in said.items()]
    file = write(tmp_path, "s.csv", table([["id", *(f"score.{label}" for label in order)], *rows]))
    found = read_predictions(file, EMOTIC, TRUTH)
    assert found.rows[0].labels == said[PERSON]
    assert found.rows[0].dominant == "fear"
    assert found.rows[0].score_kind is ScoreKind.SIMILARITY
    assert found.rows[0].scores == pytest.approx(scores_of(said[PERSON]))


def test_scores_with_labels_keep_both(tmp_path: Path) -> None:
    row = {"id": PERSON, "labels": ["peace"], "scores": scores_of(("fear",)), "score_kind": "probability"}
    found = read_predictions(write(tmp_path, "s.jsonl", jsonl([row])), EMOTIC, TRUTH).rows[0]
    assert (found.labels, found.dominant, found.score_kind) == (("peace",), "fear", ScoreKind.PROBABILITY)


def test_an_object_from_ids_may_hold_scores_and_rows(tmp_path: Path) -> None:
    first, second = list(ANSWERS)[:2]
    data = {first: scores_of(("fear",)), second: {"scores": scores_of(("pain",)), "labels": ["pain"]}}
    found = read_predictions(write(tmp_path, "s.json", json.dumps(data)), EMOTIC, TRUTH)
    assert [row.dominant for row in found.rows] == ["fear", "pain"]
    assert [len(row.labels) for row in found.rows] == [6, 1]
    assert found.missing == tuple(IDS[2:])


def test_whether_a_file_holds_sets_is_decided_by_all_of_it(tmp_path: Path) -> None:
    rows = [[p, *(int(label in s) for label in EMOTIC.ids)] for p, s in ANSWERS.items()]
    rows[-1][-1] = 0.5
    found = read_predictions(write(tmp_path, "s.csv", table([["id", *EMOTIC.ids], *rows])), EMOTIC, TRUTH)
    assert {row.score_kind for row in found.rows} == {ScoreKind.SIMILARITY}


def test_one_label_is_chosen_in_a_space_of_single_labels(tmp_path: Path) -> None:
    study = label_space("caption-study")
    truth = [TruthRow(id=name, labels=frozenset({"fear"})) for name in ("a_1.jpg", "b_2.jpg")]
    scores = [["a_1", *(0.9 if label == "fear" else 0.1 for label in study.ids)]]
    found = read_predictions(write(tmp_path, "s.csv", table([["image", *study.ids], *scores])), study, truth)
    assert found.rows[0].labels == ("fear",)
    several = write(tmp_path, "l.csv", "image,labels\na_1.jpg,fatigue;fear\nb_2.jpg,fear\n")
    named = read_predictions(several, study, truth)
    assert [row.labels for row in named.rows] == [("fatigue",), ("fear",)]
    assert "l.csv: 1 answers name several labels" in named.warnings[0]


def test_further_answers_about_one_picture_are_taken_in_order(tmp_path: Path) -> None:
    study = label_space("caption-study")
    truth = [
        TruthRow(id=name, group="a_1.jpg", labels=frozenset({"fear"})) for name in ("a_1.jpg", "a_1.jpg#2")
    ]
    file = write(tmp_path, "l.csv", "image,label\na_1.jpg,Fear\na_1.jpg,Fatigue\n")
    found = read_predictions(file, study, truth)
    assert [(row.id, row.labels) for row in found.rows] == [
        ("a_1.jpg", ("fear",)),
        ("a_1.jpg#2", ("fatigue",)),
    ]
    assert "order of the file" in found.warnings[0]
    write(tmp_path, "l.csv", "image,label\na_1.jpg,Fear\na_1.jpg,Fatigue\na_1.jpg,Fear\n")
    with pytest.raises(InputError, match=r"l\.csv, row 4: this person is answered for twice, first in row 2"):
        read_predictions(file, study, truth)


# --- ids ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        f"emotic/test/{PERSON}",
        f"test/{PERSON}",
        PERSON,
        f"{PERSON}.JPG",
        f"./{PERSON}.png",
        PERSON.replace("/", "\\"),
        f"/data/emotic/{PERSON.replace('/', '/images/')}.jpg",
        PERSON.partition("/")[2],
        f"{PERSON.partition('/')[2]}.jpg",
    ],
)
def test_ways_to_write_an_id(written: str, tmp_path: Path) -> None:
    found = read_predictions(
        write(tmp_path, "p.csv", table([["id", "labels"], [written, "fear"]])), EMOTIC, TRUTH
    )
    assert [row.id for row in found.rows] == [f"emotic/test/{PERSON}"]


@pytest.mark.parametrize(
    "written",
    [
        f"emotic/val/{PERSON}",
        f"val/{PERSON}",
        "framesdb/COCO_val2014_000000000042_0",
        "mscoco/ade20k/labelmequsnkjf_0",
        f"{PERSON}0",
        "nobody",
    ],
)
def test_another_split_or_folder_is_another_person(written: str, tmp_path: Path) -> None:
    file = write(tmp_path, "p.csv", table([["id", "labels"], [written, "fear"], [IDS[1], "fear"]]))
    found = read_predictions(file, EMOTIC, TRUTH)
    assert [row.id for row in found.rows] == [IDS[1]]
    assert (found.unknown, found.examples) == (1, (f"{written} in row 2",))


def test_the_picture_is_enough_where_one_person_is_known_in_it(tmp_path: Path) -> None:
    alone = write(tmp_path, "p.csv", "id,labels\nade20k/labelmequsnkjf.jpg,fear\n")
    assert [row.id for row in read_predictions(alone, EMOTIC, TRUTH).rows] == [IDS[3]]
    two = write(tmp_path, "p.csv", "id,labels\nmscoco/COCO_val2014_000000000042.jpg,fear\n")
    with pytest.raises(InputError, match=rf"p\.csv, row 2: this id may mean {IDS[0]} or {IDS[1]}.*whole id"):
        read_predictions(two, EMOTIC, TRUTH)


def test_an_end_that_two_people_share_is_refused_with_both(tmp_path: Path) -> None:
    truth = [
        TruthRow(id=f"x/test/{where}/0001", split="test", labels=frozenset({"fear"})) for where in ("a", "b")
    ]
    file = write(tmp_path, "p.jsonl", jsonl([{"id": "0001", "labels": ["fear"]}]))
    with pytest.raises(
        InputError, match=r"p\.jsonl, line 1: this id may mean x/test/a/0001 or x/test/b/0001"
    ):
        read_predictions(file, EMOTIC, truth)


def test_a_column_split_says_which_of_two_people_is_meant(tmp_path: Path) -> None:
    truth = [
        TruthRow(id=f"x/{split}/a", split=split, labels=frozenset({"fear"})) for split in ("val", "test")
    ]
    file = write(tmp_path, "p.csv", "id,labels,split\na,fear,test\na,pain,val\na,peace,train\n")
    found = read_predictions(file, EMOTIC, truth)
    assert [(row.id, row.labels) for row in found.rows] == [("x/val/a", ("pain",)), ("x/test/a", ("fear",))]
    assert found.unknown == 1


# --- free text, VAD, our own -------------------------------------------------------------------------------------


def test_free_text_is_read_as_a_model_means_it_or_as_the_paper_did(tmp_path: Path) -> None:
    texts = [
        "She is not angry, but she shows fear.",
        "The sky is blue.",
        "I'm sorry, I can't help with that.",
    ]
    rows = [{"question_id": f"{p}.jpg", "text": t} for p, t in zip(ANSWERS, texts, strict=False)]
    file = write(tmp_path, "t.jsonl", jsonl(rows))
    strict = read_predictions(file, EMOTIC, TRUTH).rows
    assert [row.status for row in strict] == [Status.OK, Status.UNPARSED, Status.REFUSED]
    assert strict[0].labels == ("fear",)
    assert [row.raw_text for row in strict] == texts
    assert strict[1].error is not None
    assert strict[1].error.message.startswith("t.jsonl, line 2: ")
    loose = read_predictions(file, EMOTIC, TRUTH, parser="substring").rows
    assert [row.status for row in loose] == [Status.OK] * 3
    assert loose[0].labels == ("fear",)


def test_valence_arousal_and_dominance_come_along(tmp_path: Path) -> None:
    file = write(
        tmp_path, "v.csv", f"valence,id,labels,Arousal,dominance\n2,{PERSON},fear,3.5,10\n,{IDS[1]},fear,,\n"
    )
    assert [row.vad for row in read_predictions(file, EMOTIC, TRUTH).rows] == [
        VAD(valence=2, arousal=3.5, dominance=10),
        None,
    ]
    for vad in ({"vad": [2, 3.5, 10]}, {"valence": 2, "arousal": 3.5, "dominance": 10}):
        line = write(tmp_path, "v.jsonl", jsonl([{"id": PERSON, "labels": [], **vad}]))
        assert read_predictions(line, EMOTIC, TRUTH).rows[0].vad == VAD(valence=2, arousal=3.5, dominance=10)


def test_rows_of_ours_are_taken_as_they_are(tmp_path: Path) -> None:
    rows = [
        Prediction(id=IDS[0], status=Status.OK, scores=scores_of(("fear",)), score_kind=ScoreKind.YES_SHARE,
                   labels=("fear",), dominant="fear", caption="a man", model="m", label_space="emotic"),
        Prediction(id=IDS[1], status=Status.REFUSED, raw_text="no", model="m", label_space="emotic"),
    ]  # fmt: skip
    file = write(tmp_path, "rows.jsonl", "".join(row.to_json() + "\n" for row in rows))
    assert read_predictions(file, EMOTIC, TRUTH).rows == tuple(rows)


def test_our_own_table_is_read_back(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    rows = [
        Prediction(id=IDS[0], status=Status.OK, scores=scores_of(("fear",)), score_kind=ScoreKind.YES_SHARE,
                   labels=("fear", "pain"), dominant="fear", vad=VAD(valence=2, arousal=3, dominance=4)),
        Prediction(id=IDS[1], status=Status.REFUSED, raw_text="no"),
    ]  # fmt: skip
    file = tmp_path / "t.csv"
    to_frame(rows).to_csv(file, index=False)
    back = read_predictions(file, EMOTIC, TRUTH).rows
    assert [row.status for row in back] == [Status.OK, Status.REFUSED]
    assert (back[0].labels, back[0].vad, back[0].score_kind) == (
        rows[0].labels,
        rows[0].vad,
        rows[0].score_kind,
    )
    assert back[0].scores == pytest.approx(rows[0].scores)


def test_a_runs_folder_stands_for_its_rows(tmp_path: Path) -> None:
    write(tmp_path, "manifest.json", '{"request": {}}')
    write(tmp_path, "rows.jsonl", our_rows(ANSWERS))
    assert [row.id for row in read_predictions(tmp_path, EMOTIC, TRUTH).rows] == IDS


def test_a_quoted_cell_may_hold_lines_and_the_limit_of_cells_stays(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    file = write(tmp_path, "t.csv", f'id,note,labels\n{PERSON},"two\nlines",fear\n{IDS[1]},,hapiness\n')
    found = read_predictions(file, EMOTIC, TRUTH)
    assert found.rows[0].labels == ("fear",)
    assert found.rows[1].error is not None
    assert found.rows[1].error.message.startswith("t.csv, row 4: ")
    assert csv.field_size_limit() == before


def test_seven_thousand_answers_are_read_in_seconds(tmp_path: Path) -> None:
    truth = [
        TruthRow(id=f"emotic/test/mscoco/a_{n}", split="test", labels=frozenset({"fear"}))
        for n in range(7_275)
    ]
    file = write(
        tmp_path,
        "many.csv",
        table([["id", "labels"], *([f"mscoco/a_{n}.jpg", "fear;pain"] for n in range(7_275))]),
    )
    assert len(read_predictions(file, EMOTIC, truth).rows) == 7_275


@pytest.mark.parametrize("unnamed", ["", "Unnamed: 0"])
def test_the_unnamed_first_column_of_pandas_is_the_id(unnamed: str, tmp_path: Path) -> None:
    text = LAYOUTS["one-hot.csv"](ANSWERS).replace("id,", f"{unnamed},", 1)
    found = read_predictions(write(tmp_path, "p.csv", text), EMOTIC, TRUTH)
    assert [row.labels for row in found.rows] == list(ANSWERS.values())
