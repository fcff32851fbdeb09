"""Files that were edited, cut, or are something else: each ends in one sentence with file and row, or is counted."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from emoscene.errors import InputError, MissingFileError
from emoscene.evaluation.foreign import read_predictions, read_truth
from emoscene.evaluation.score_files import score_files
from emoscene.types import Status

from .foreign_files import ANSWERS, EMOTIC, IDS, LAYOUTS, TRUTH, jsonl, one_hot, scores_of, table, write

PEOPLE = list(ANSWERS)
#: Layouts with a list of labels a person, and how a row is called in them.
LISTS = {
    "labels.csv": "row",
    "swapped.csv": "row",
    "tabs.tsv": "row",
    "bom-crlf.csv": "row",
    "lists.csv": "row",
    "gt-all-like.csv": "row",
    "labels.jsonl": "line",
    "labels-scores.jsonl": "line",
    "list.json": "line",
}
#: In which row or line the second person stands.
SECOND = {"gt-all-like.csv": 2, "labels.jsonl": 2, "labels-scores.jsonl": 2, "list.json": 9}


def misspelt(name: str) -> str:
    """The layout's text, with the one label of the second person misspelt."""
    text = LAYOUTS[name](ANSWERS)
    for right, wrong in (
        ("doubt_confusion", "dobt_confusion"),
        ("Doubt/Confusion", "Dobt/Confusion"),
        ("doubt/confusion", "dobt/confusion"),
    ):
        text = text.replace(f'"{right}"]', f'"{wrong}"]') if "scores" in name else text.replace(right, wrong)
    return text


def refused(file: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_predictions(file, EMOTIC, TRUTH)
    assert caught.value.remedy
    assert str(caught.value).startswith(f"{file.name}")
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- a misspelt label, a label of another space ------------------------------------------------------------------


@pytest.mark.parametrize("name", LISTS)
def test_a_misspelt_label_makes_its_answer_unparsed_and_is_counted(name: str, tmp_path: Path) -> None:
    found = read_predictions(write(tmp_path, name, misspelt(name)), EMOTIC, TRUTH)
    assert [row.status for row in found.rows] == [Status.OK, Status.UNPARSED, Status.OK, Status.OK]
    where = f"{LISTS[name]} {SECOND.get(name, 3)}"
    error = found.rows[1].error
    assert error is not None
    assert error.message.startswith(f"{name}, {where}: this is none of the labels of emotic: ")
    assert "Did you mean 'Doubt/Confusion'?" in error.remedy
    assert error.code == "unparsed"
    assert found.unknown_labels.total() == 1
    assert f"{name}: 1 answers name labels that are none of emotic" in found.warnings[0]
    assert where in found.warnings[0]
    assert "unparsed" in found.warnings[0]
    assert "--labels" in found.warnings[0]


@pytest.mark.parametrize("name", LISTS)
def test_labels_outside_the_space_can_be_left_out(name: str, tmp_path: Path) -> None:
    found = read_predictions(write(tmp_path, name, misspelt(name)), EMOTIC, TRUTH, unknown_labels="leave_out")
    assert [row.labels for row in found.rows] == [
        ("anger", "fear"),
        (),
        (),
        ("engagement", "happiness", "peace"),
    ]
    assert all(row.ok for row in found.rows)
    assert "left out" in found.warnings[0]


def test_a_synonym_is_no_spelling(tmp_path: Path) -> None:
    file = write(tmp_path, "p.csv", f"id,labels\n{PEOPLE[0]},happy;fear\n")
    found = read_predictions(file, EMOTIC, TRUTH)
    assert found.rows[0].status is Status.UNPARSED
    assert found.unknown_labels == {"happy": 1}


def test_an_answer_outside_the_space_scores_as_empty_and_wrong(tmp_path: Path) -> None:
    truth = write(tmp_path, "t.csv", "id,labels\na,fear\nb,anger\n")
    right = write(tmp_path, "p.csv", "id,labels\na,fear\nb,anger\n")
    assert score_files(truth, right, EMOTIC).figures["subset_accuracy"].value == 1.0
    wrong = write(tmp_path, "q.csv", "id,labels\na,fear\nb,anger;bliss\n")
    scores = score_files(truth, wrong, EMOTIC)
    assert scores.figures["subset_accuracy"].value == 0.5
    assert scores.to_json()["unparsed_rate"] == 0.5
    assert (
        score_files(truth, wrong, EMOTIC, unknown_labels="leave_out").figures["subset_accuracy"].value == 1.0
    )


@pytest.mark.parametrize("name", ["one-hot.csv", "peace-first.csv", "spelled.csv"])
def test_a_misspelt_column_is_refused_with_the_nearest_label(name: str, tmp_path: Path) -> None:
    text = LAYOUTS[name](ANSWERS)
    head, _, rest = text.partition("\n")
    cells = head.split(",")
    at = next(i for i, cell in enumerate(cells) if cell.lower() == "happiness")
    cells[at] = "Hapiness"
    said = refused(write(tmp_path, name, ",".join(cells) + "\n" + rest))
    assert said.startswith(f"{name}, row 1: the column names none of the labels of emotic: Hapiness.")
    assert "Did you mean 'Happiness'?" in said


def test_label_columns_of_another_space_are_named(tmp_path: Path) -> None:
    text = one_hot(ANSWERS, [label for label in EMOTIC.ids if label != "fear"]).replace(
        "id,", "id,Contempt,", 1
    )
    rows = text.splitlines()
    file = write(tmp_path, "p.csv", "\n".join([rows[0], *(row.replace(",", ",0,", 1) for row in rows[1:])]))
    said = refused(file)
    assert said.startswith(
        "p.csv, row 1: 1 of the 26 labels of emotic have no column: fear. Columns of no label: Contempt"
    )


def test_a_further_column_of_zeros_and_ones_is_a_label_outside_the_space(tmp_path: Path) -> None:
    rows = one_hot(ANSWERS).splitlines()
    text = "\n".join(
        [f"{rows[0]},Neutral,height", *(f"{row},{int(n == 1)},1.7{n}" for n, row in enumerate(rows[1:]))]
    )
    found = read_predictions(write(tmp_path, "p.csv", text), EMOTIC, TRUTH)
    assert [row.status for row in found.rows] == [Status.OK, Status.UNPARSED, Status.OK, Status.OK]
    assert found.rows[1].error is not None
    assert found.rows[1].error.message == "p.csv, row 3: this is none of the labels of emotic: Neutral"
    seven = text.replace(",1,1.71", ",7,1.71")
    harmless = read_predictions(write(tmp_path, "p.csv", seven), EMOTIC, TRUTH)
    assert all(row.ok for row in harmless.rows)
    assert any("Neutral" in each and "not read" in each for each in harmless.warnings)


def test_scores_of_a_label_outside_the_space(tmp_path: Path) -> None:
    strange = {("fera" if label == "fear" else label): score for label, score in scores_of(("pain",)).items()}
    lines = [{"id": PEOPLE[0], "scores": strange}, {"id": PEOPLE[1], "scores": scores_of(())}]
    file = write(tmp_path, "s.jsonl", jsonl(lines))
    found = read_predictions(file, EMOTIC, TRUTH)
    assert [row.status for row in found.rows] == [Status.UNPARSED, Status.OK]
    assert found.rows[0].error is not None
    assert "s.jsonl, line 1" in found.rows[0].error.message
    assert "'Fear'" in found.rows[0].error.remedy
    with pytest.raises(
        InputError, match=r"s\.jsonl, line 1: 1 of the 26 labels of emotic have no score: fear\."
    ):
        read_predictions(file, EMOTIC, TRUTH, unknown_labels="leave_out")


def test_our_rows_of_another_space(tmp_path: Path) -> None:
    text = LAYOUTS["rows.jsonl"](ANSWERS).replace('"fear"', '"bliss"')
    found = read_predictions(write(tmp_path, "rows.jsonl", text), EMOTIC, TRUTH)
    assert {row.status for row in found.rows} == {Status.UNPARSED}
    assert found.unknown_labels == {"bliss": 4}
    kept = read_predictions(tmp_path / "rows.jsonl", EMOTIC, TRUTH, unknown_labels="leave_out")
    assert kept.rows[0].labels == ("anger",)


# --- columns in a wrong order ------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [(), ("a",), ("mscoco/a.jpg", 1, 2, 3, 4)])
def test_numbers_without_a_header_are_refused(before: tuple[object, ...], tmp_path: Path) -> None:
    file = write(tmp_path, "p.csv", table([[*before, *[0] * 25, 1], [*before, *[1] * 26]]))
    said = refused(file)
    assert said.startswith("p.csv, row 1: these are numbers without a header, and several orders")
    assert "Add a header with id and the name of each label" in said


def test_a_header_that_does_not_fit_its_columns(tmp_path: Path) -> None:
    text = LAYOUTS["labels.csv"](dict.fromkeys(PEOPLE, ("fear",))).replace("id,labels", "labels,id")
    said = refused(write(tmp_path, "p.csv", text))
    assert said.startswith(
        f"p.csv, row 2: the column of labels holds a person's id: {PEOPLE[0]}. Mend the header"
    )


def test_pairs_that_stand_the_wrong_way_round(tmp_path: Path) -> None:
    text = table([["['fear']", PEOPLE[0]], ["['pain', 'fear']", PEOPLE[1]]])
    said = refused(write(tmp_path, "p.csv", text))
    assert said.startswith("p.csv, row 1: the labels stand before the person")


def test_a_column_that_stands_twice(tmp_path: Path) -> None:
    said = refused(
        write(tmp_path, "p.csv", one_hot(ANSWERS).replace("Fear", "FEAR").replace("Anger", "Fear", 1))
    )
    assert said.startswith("p.csv, row 1: columns 3 and 17 have one name: FEAR. Keep one of them")
    said = refused(write(tmp_path, "p.csv", "id,labels,ID\na,fear,b\n"))
    assert said.startswith("p.csv, row 1: columns 1 and 3 have one name")


# --- people: twice, unknown, too few -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [each for each in LAYOUTS if each not in ("object.json", "object-line.json", "tandon.csv")]
)
def test_two_answers_for_one_person_are_refused_with_both_rows(name: str, tmp_path: Path) -> None:
    text = LAYOUTS[name](ANSWERS)
    if name == "list.json":
        text = json.dumps([*(items := json.loads(text)), items[0]])
        first, second = "item 1", "item 5"
    else:
        lines = text.splitlines(keepends=True)
        at = len(lines) - len(ANSWERS)
        unit = "line" if name.endswith(".jsonl") else "row"
        first, second = f"{unit} {at + 1}", f"{unit} {len(lines) + 1}"
        text += lines[at]
    said = refused(write(tmp_path, name, text))
    assert said.startswith(
        f"{name}, {second}: this person is answered for twice, first in {first}: {IDS[0]}. Keep one"
    )


def test_one_person_in_two_spellings_is_answered_for_twice(tmp_path: Path) -> None:
    data = json.dumps({PEOPLE[0]: ["fear"], f"{PEOPLE[0]}.jpg": ["pain"]}, indent=0)
    said = refused(write(tmp_path, "p.json", data))
    assert said.startswith("p.json, line 5: this person is answered for twice, first in line 2")
    said = refused(write(tmp_path, "p.csv", f"id,labels\n{PEOPLE[0]},fear\n{IDS[0]},fear\n"))
    assert said.startswith("p.csv, row 3: this person is answered for twice, first in row 2")


@pytest.mark.parametrize("name", LAYOUTS)
def test_answers_for_unknown_people_are_counted_with_examples(name: str, tmp_path: Path) -> None:
    more = {**ANSWERS, "mscoco/COCO_val2014_000000000099_0": ("fear",), "framesdb/frame_x_3": ()}
    found = read_predictions(write(tmp_path, name, LAYOUTS[name](more)), EMOTIC, TRUTH)
    assert [row.id for row in found.rows] == IDS
    assert found.unknown == len(found.examples) == 2
    assert "000000000099" in found.examples[0]
    unit = "line" if "json" in name else "row"
    assert f" in {unit} " in found.examples[0] or name == "object-line.json"
    warning = found.warnings[0]
    assert warning.startswith(f"{name}: 2 answers are about nobody whose labels are known (such as ")
    assert found.examples[0] in warning
    assert "--split" in warning


@pytest.mark.parametrize("name", LAYOUTS)
def test_answers_for_nobody_who_is_known_are_refused(name: str, tmp_path: Path) -> None:
    others = {person.replace("/", "/x"): said for person, said in ANSWERS.items()}
    said = refused(write(tmp_path, name, LAYOUTS[name](others)))
    if name == "no-header.csv":  # is known as answers by the people in it
        assert said.startswith(f"{name}, row 1: this is in no layout")
        return
    assert said.startswith(f"{name}: none of the 4 answers is about anybody whose labels are known: ")
    assert f"The known ids are like '{IDS[0]}'" in said


@pytest.mark.parametrize("name", LAYOUTS)
def test_people_without_an_answer_are_named(name: str, tmp_path: Path) -> None:
    fewer = {person: ANSWERS[person] for person in PEOPLE[:2]}
    found = read_predictions(write(tmp_path, name, LAYOUTS[name](fewer)), EMOTIC, TRUTH)
    assert found.missing == tuple(IDS[2:])
    assert [row.id for row in found.rows] == IDS[:2]


def test_fewer_answers_than_people_is_an_error_unless_they_may_be_missing(tmp_path: Path) -> None:
    truth = write(tmp_path, "t.csv", "id,labels\na,fear\nb,anger\n")
    answers = write(tmp_path, "p.csv", "id,labels\na,fear\n")
    with pytest.raises(InputError, match=r"1 of 2 people have no answer: b.*--missing empty"):
        score_files(truth, answers, EMOTIC)
    assert score_files(truth, answers, EMOTIC, missing="empty").figures["subset_accuracy"].value == 0.5


# --- files that are something else -------------------------------------------------------------------------------


def test_no_file_an_empty_one_and_one_without_rows(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError):
        read_predictions(tmp_path / "p.csv", EMOTIC, TRUTH)
    with pytest.raises(InputError, match="this folder holds no run"):
        read_predictions(tmp_path, EMOTIC, TRUTH)
    for text, what in (
        ("", "the file is empty"),
        ("\n \n", "only empty lines"),
        ("id,labels\n", "the file holds no answers"),
        ("[]", "the file holds no answers"),
        ("{}", "the file holds no answers"),
    ):
        assert what in refused(write(tmp_path, "p.csv", text))


@pytest.mark.parametrize(
    "text",
    [
        "once upon a time\nthere was a file\n",
        "name;height\nAnn;1.7\n",
        "id,emoji\na,b\n",
        "[1, 2, 3]",
        "<html></html>",
        "labels\nfear\n",
        "anger,fear\n1,0\n",
    ],
)
def test_a_file_in_no_layout_shows_its_first_line_and_the_layouts(text: str, tmp_path: Path) -> None:
    said = refused(write(tmp_path, "p.txt", text))
    first = text.splitlines()[0]
    assert (
        f"p.txt, row 1: this is in no layout in which answers or labels of emotic are read: {first}." in said
    )
    for layout in ("id,labels", "one column a label", "JSON lines", "rows.jsonl"):
        assert layout in said


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    for data, what in (
        (b"\x89PNG\r\n\x1a\n\0\0", "p.csv, line 1: this is not UTF-8 text: byte 0x89"),
        (b"PAR1\0\0", "p.csv, line 1: there is a null byte"),
        ("id,labels\na,fear\n".encode("utf-16"), "p.csv, line 1: this is UTF-16"),
        (
            f"id,labels\n{PEOPLE[0]},fear\n\xe4,fear\n".encode("latin-1"),
            "p.csv, line 3: this is not UTF-8 text: byte 0xe4",
        ),
        (f"id,labels\n{PEOPLE[0]},fe\0ar\n".encode(), "p.csv, line 2: there is a null byte"),
    ):
        file.write_bytes(data)
        assert refused(file).startswith(what)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (f"id,labels\n{PEOPLE[0]},anger,fear\n", "row 2: expected 2 columns as in the header, found 3"),
        (f'id,labels\n{PEOPLE[0]},"fear\n{PEOPLE[1]},pain\n', "row 2: quotation marks or line ends"),
        (f"id,labels\r{PEOPLE[0]},fear\r", "row 1: "),
        ("id,labels\n,fear\n", "row 2: the row does not say whom it is about"),
        (f"id,labels\n{PEOPLE[0]},\"['fear'\"\n", "row 2: the list of labels is no flat list"),
        (f"id,labels\n{PEOPLE[0]},\"{'x' * 140_000}\"\n", "row 2: a cell has more than"),
        (f"id,labels\n{PEOPLE[0]},{'fear;' * 2_000}\n", "row 2: a cell names more than 1,000 labels"),
        (f"id,labels,{',' * 20_000}\n", "row 1: a table has at most 10,000 columns"),
        (f"id,labels,valence,arousal,dominance\n{PEOPLE[0]},fear,0.5,5,5\n", "row 2: valence is not from 1 to 10: 0.5"),
        (f"id,labels,valence,arousal,dominance\n{PEOPLE[0]},fear,5,,5\n", "row 2: arousal is empty"),
        (f"id,labels,status\n{PEOPLE[0]},fear,fine\n", "row 2: there is no such status: fine"),
    ],
)  # fmt: skip
def test_malformed_tables(text: str, what: str, tmp_path: Path) -> None:
    assert refused(write(tmp_path, "p.csv", text)).startswith(f"p.csv, {what}")


@pytest.mark.parametrize("bad", ["nan", "inf", "", "high", "1e999", "0,5"])
def test_scores_that_are_no_numbers(bad: str, tmp_path: Path) -> None:
    rows: list[list[object]] = [["id", *EMOTIC.ids], [PEOPLE[0], *[0.5] * 26], [PEOPLE[1], *[0.5] * 25, bad]]
    said = refused(write(tmp_path, "s.csv", table(rows)))
    assert said.startswith("s.csv, row 3: the column 'yearning' is ")
    assert "--missing empty" in said


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('{"id": "a", "labels": ["fear"]}\n{"id": "b", "lab', "line 2: this is not JSON"),
        ('{"id": "a", "labels": ["fear"', "line 1: this is not JSON"),
        ('{"id": "a", "labels": ["fear"]}\n["b", ["fear"]]\n', "line 2: this is no JSON object"),
        ('{"id": "a", "labels": ["fear"]}\n{"labels": ["fear"]}\n', "line 2: the row does not say whom it is about"),
        ('{"id": "a", "labels": ["fear"]}\n{"id": "b"}\n', "line 2: the row has no answer"),
        ('{"id": "a", "labels": [1]}\n', "line 1: labels are no list of texts"),
        ('{"id": "a", "labels": ["fear"], "labels": ["pain"]}\n', "line 1: a key stands twice in one object: labels"),
        ('{"id": "a", "scores": [1, 2]}\n', "line 1: scores are no object from labels to numbers"),
        ('{"id": "a", "scores": {"fear": NaN}}\n', "line 1: the score of 'fear' is no finite number"),
        ('{"id": "a", "scores": {"fear": 1e999}}\n', "line 1: the score of 'fear' is no finite number"),
        ('{"id": "a", "scores": {"fear": "x"}}\n', "line 1: the score of 'fear' is no number"),
        ('{"id": "a", "scores": {"fear": 1, "Fear": 2}}\n', "line 1: two scores are of one label: Fear"),
        ('{"id": "a", "scores": {"fear": ' + "9" * 5_000 + "}}\n", "line 1: "),
        ('{"id": "a", "text": {"b": 1}}\n', "line 1: the answer is no text"),
        ('{"id": "a", "labels": [], "vad": [1, 2]}\n', "line 1: expected valence, arousal and dominance"),
        ('{"id": "a", "labels": [], "vad": 5}\n', "line 1: vad is no list of three numbers"),
        ('{"id": "a", "labels": ' + "[" * 200_000 + "]" * 200_000 + "}\n", "line 1: this is nested too deeply"),
        ('{"a": ' * 100_000 + "1" + "}" * 100_000, "line 1: this is nested too deeply"),
        ('{"a": ["fear"],\n "b": 5}', "line 2: expected labels or scores: 5"),
        ('{"a": ["fear"],\n "b": ["pain"]', "line 2: this is not JSON: expected a comma or the end"),
        ('{"a": ["fear"],\n}', "line 2: this is not JSON: a comma stands before the end"),
        ('{"a": ["fear"],\n b: []}', "line 2: this is not JSON: expected a key in double quotes"),
        ('{"a" ["fear"]\n}', "line 1: this is not JSON: expected a colon"),
        ('{"a": ["fear"]\n} x', "line 2: this is not JSON: something stands behind the end"),
        ('[{"id": "a",\n"labels": [}\n]', "line 2: this is not JSON: "),
        ('[{"id": "a", "labels": []},\n["b"]]', "line 2: this is no JSON object"),
        ('{"schema_version": "1", "id": "a", "status": "fine"}\n', "line 1: this is no row of a run: status: "),
        ('{"schema_version": "1", "id": "a", "status": "ok", "scores": {"fear": NaN}}\n', "line 1: this is no row"),
    ],
)  # fmt: skip
def test_malformed_json(text: str, what: str, tmp_path: Path) -> None:
    assert refused(write(tmp_path, "p.jsonl", text)).startswith(f"p.jsonl, {what}")


def test_running_numbers_without_a_picture_are_about_nobody(tmp_path: Path) -> None:
    file = write(tmp_path, "p.jsonl", jsonl([{"question_id": 1, "text": "fear"}]))
    assert "none of the 1 answers is about anybody whose labels are known: 1 in line 1" in refused(file)


def test_a_million_columns_end_in_a_sentence(tmp_path: Path) -> None:
    assert "row 1: a table has at most 10,000 columns" in refused(
        write(tmp_path, "p.csv", "id,labels" + ",x" * 10**6)
    )


PIECES = (
    b'"',
    b",",
    b"\n",
    b"\r",
    b"\0",
    b"\xff",
    b"[",
    b"}",
    b"{",
    b"'",
    b";",
    b"1e999",
    b"null",
    b"\t",
    b"\\ud800",
)


def damaged(whole: bytes, draw: random.Random) -> bytes:
    """The bytes with one to three pieces put into them."""
    data = bytearray(whole)
    for _ in range(draw.randint(1, 3)):
        at = draw.randrange(len(data))
        data[at : at + draw.randint(0, 3)] = draw.choice(PIECES)
    return bytes(data)


@pytest.mark.parametrize("name", LAYOUTS)
def test_random_damage_never_ends_in_anything_but_a_sentence(name: str, tmp_path: Path) -> None:
    draw, file = random.Random(name), tmp_path / name
    said, read = [], 0
    for _ in range(60):
        file.write_bytes(damaged(LAYOUTS[name](ANSWERS).encode(), draw))
        try:
            read += len(read_predictions(file, EMOTIC, TRUTH).rows)
            read_truth(file, EMOTIC)
        except InputError as error:
            said.append(str(error))
    assert read > 0
    assert said
    assert all(name in each and each.isprintable() and len(each) < 1_500 for each in said)
