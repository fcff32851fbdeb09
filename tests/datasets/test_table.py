"""Tables of people's own: what is found, what has to be named, what is counted, and how errors read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from emoscene.datasets.registry import open_dataset
from emoscene.errors import EmosceneError, InputError, MissingFileError, OptionError
from emoscene.types import VAD, Sample
from tests.datasets.reading import target_of

Write = Callable[[str, str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def _write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return _write


def read(path: Path, split: str = "all", **options: Any) -> list[Sample]:
    return list(open_dataset("table", path, **options).samples(split))


def counted(path: Path, **options: Any) -> dict[str, int]:
    found = open_dataset("table", path, **options).findings(pictures=False)
    return {finding.defect: finding.count for finding in found}


PEOPLE = (
    "image,x1,y1,x2,y2,labels,valence,arousal,dominance\n"
    + "a.jpg,1,2,30,40,anger; Fear,3,7,5\n"
    + "a.jpg,5,2,30,40,Pain,,,\n"
)


def test_pictures_boxes_and_labels_are_found_by_the_names_of_their_columns(write: Write) -> None:
    path = write("people.csv", PEOPLE)
    first, second = read(path)
    assert first.id == "table/all/a.jpg#0"
    assert second.id == "table/all/a.jpg#1"
    assert first.picture == str(path.parent / "a.jpg")
    assert first.source == first.group == second.group == "a.jpg"
    assert first.box is not None
    assert first.box.as_tuple() == (1, 2, 30, 40)
    assert target_of(first) == {"anger", "fear"}
    assert first.target_vad == VAD(valence=3, arousal=7, dominance=5)
    assert target_of(second) == {"pain"}
    assert second.target_vad is None


@pytest.mark.parametrize(
    "cell",
    [
        "anger;fear",
        " Anger ; FEAR ",
        '"[""anger"", ""fear""]"',
        "\"['Anger', 'Fear']\"",
    ],
)
def test_labels_are_written_in_one_cell_in_several_ways(cell: str, write: Write) -> None:
    (sample,) = read(write("t.csv", f"text,labels\nshe waits,{cell}\n"))
    assert target_of(sample) == {"anger", "fear"}
    assert sample.text == "she waits"
    assert sample.picture is None
    assert sample.id == "table/all/row-1"
    assert sample.group == "row-1"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", "text,label\nshe waits,fear\n"),
        ("t.csv", "\ufefftext,label\r\nshe waits,fear\r\n"),
        ("t.csv", "text;label\nshe waits;fear\n"),
        ("t.tsv", "text\tlabel\nshe waits\tfear\n"),
        ("t.jsonl", '{"text": "she waits", "label": "fear"}\n\n'),
        ("t.jsonl", '{"text": "she waits", "label": ["fear"]}'),
        ("t.json", '[{"text": "she waits", "label": ["fear"]}]'),
    ],
)
def test_every_kind_of_file_gives_the_same_sample(name: str, content: str, write: Write) -> None:
    (sample,) = read(write(name, content))
    assert (sample.text, target_of(sample)) == ("she waits", {"fear"})


def test_parquet_is_read_in_batches(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "t.parquet"
    labels = [["fear"], ["anger", "pain"]] * 100
    parquet.write_table(arrow.table({"text": ["she waits"] * 200, "labels": labels}), path)
    samples = read(path)
    assert len(samples) == 200
    assert target_of(samples[199]) == {"anger", "pain"}


def test_a_damaged_parquet_file_is_one_error(write: Write) -> None:
    pytest.importorskip("pyarrow")
    with pytest.raises(InputError, match=r"t\.parquet.*no Parquet file"):
        read(write("t.parquet", b"PAR1 but not really PAR1"))


def test_a_split_column_makes_splits_in_their_usual_order(write: Write) -> None:
    dataset = open_dataset(
        "table", write("t.csv", "text,label,split\na,fear,test\nb,anger,extra\nc,pain,train\n")
    )
    assert dataset.splits == ("train", "test", "extra")
    assert [sample.text for sample in dataset.samples("test")] == ["a"]
    assert next(iter(dataset.samples("extra"))).id == "table/extra/row-2"
    with pytest.raises(OptionError, match="There are: train, test, extra"):
        dataset.samples("val")


def test_a_split_that_is_no_column_names_the_only_one(write: Write) -> None:
    path = write("t.csv", "text,label\na,fear\n")
    assert open_dataset("table", path, split="test").splits == ("test",)


def test_an_empty_split_is_an_error(write: Write) -> None:
    with pytest.raises(InputError, match=r"line 3.*which split"):
        open_dataset("table", write("t.csv", "text,label,split\na,fear,test\nb,anger,\n"))


def test_a_folder_holds_a_file_a_split(write: Write) -> None:
    write("d/train.csv", "text,label\na,fear\n")
    root = write("d/validation.jsonl", '{"text": "b", "label": "pain"}').parent
    dataset = open_dataset("table", root)
    assert dataset.splits == ("train", "val")
    assert [target_of(sample) for sample in dataset.samples("val")] == [{"pain"}]
    with pytest.raises(MissingFileError, match=r"train\.csv"):
        open_dataset("table", root.parent)


def test_one_column_a_label(write: Write) -> None:
    path = write("t.csv", "text,ang,fear\na,1,0\nb,0.6,0.2\nc,0,0\n")
    samples = read(path, label_columns="ang,fear", codes="ang:anger")
    assert [target_of(sample) for sample in samples] == [{"anger"}, {"anger"}, set()]
    assert [sample.target_scores for sample in samples] == [None, {"anger": 0.6, "fear": 0.2}, None]
    strict = read(path, label_columns=["ang", "fear"], codes={"ang": "anger"}, threshold=0.7)
    assert [target_of(sample) for sample in strict] == [{"anger"}, set(), set()]


def test_columns_of_all_labels_are_found_without_being_named(write: Write) -> None:
    names = "joy,trust,fear,surprise,sadness,disgust,anger,anticipation"
    (sample,) = read(write("t.csv", f"text,{names}\na,1,0,0,0,0,0,0,1\n"), space="plutchik")
    assert target_of(sample) == {"joy", "anticipation"}


VOTED = "text,anger,fear,pain\na,6,3,1\nb,5,5,0\nc,0,0,0\nd,1,8,1\n"


@pytest.mark.parametrize(
    ("votes", "targets"),
    [
        ("majority", [{"anger"}, {"fear"}]),
        ("plurality", [{"anger"}, {"fear"}]),
        ("share:0.3", [{"anger", "fear"}, {"anger", "fear"}, {"fear"}]),
        ("any", [{"anger", "fear", "pain"}, {"anger", "fear"}, {"anger", "fear", "pain"}]),
    ],
)
def test_votes_make_labels_hold_by_a_rule(votes: str, targets: list[set[str]], write: Write) -> None:
    path = write("t.csv", VOTED)
    options = {"vote_columns": "anger,fear,pain", "votes": votes}
    samples = read(path, **options)
    assert [target_of(sample) for sample in samples] == targets
    assert samples[0].target_scores == pytest.approx({"anger": 0.6, "fear": 0.3, "pain": 0.1})
    assert counted(path, **options)["no_majority"] == 4 - len(targets)


def test_each_vote_is_an_annotation_where_everybody_gave_one(write: Write) -> None:
    path = write("t.csv", "text,anger,fear\na,2,1\n")
    (single,) = read(path, vote_columns="anger,fear", space="ekman")
    assert sorted(min(each.labels) for each in single.annotations) == ["anger", "anger", "fear"]
    (several,) = read(path, vote_columns="anger,fear")
    assert several.annotations == ()


def test_boxes_are_corners_or_sizes(write: Write) -> None:
    sized = write("s.csv", "image,x,y,w,h,label\na.jpg,10,20,30,40,fear\n")
    one = write("o.csv", 'image,box,label\na.jpg,"(10, 20, 40, 60)",fear\nb.jpg,,fear\n')
    listed = write("l.jsonl", '{"image": "a.jpg", "bbox": [10, 20, 30, 40], "label": "fear"}')
    expected = (10, 20, 40, 60)
    (first,) = read(sized)
    second, whole = read(one)
    (third,) = read(listed, box_format="xywh")
    for sample in (first, second, third):
        assert sample.box is not None
        assert sample.box.as_tuple() == expected
    assert whole.box is None


def test_valence_is_rescaled_and_kept_as_an_attribute_where_a_part_is_missing(write: Write) -> None:
    path = write("t.csv", "text,label,valence,arousal\na,fear,-1,0\nb,fear,1,-2\n")
    first, second = read(path, vad_range="-1,1", vad_missing=-2)
    assert first.attributes == {"valence": "1", "arousal": "5.5"}
    assert second.attributes == {"valence": "10"}
    assert first.target_vad is None
    assert counted(path, vad_range="-1,1", vad_missing=-2) == {"part_vad": 2}


def test_synonyms_and_missing_labels_are_counted(write: Write) -> None:
    path = write("t.csv", "text,label\na,happy\nb,\n")
    samples = read(path, space="ekman")
    assert [target_of(sample) for sample in samples] == [{"happiness"}, None]
    findings = open_dataset("table", path, space="ekman").findings()
    assert {finding.defect: finding.examples for finding in findings} == {
        "no_label": ("t.csv, line 3",),
        "synonym": ("happy as happiness",),
    }


def test_unknown_labels_are_an_error_with_the_nearest_or_left_out_and_counted(write: Write) -> None:
    path = write("essays.csv", "text,label\na,fear\nb,angr\n")
    with pytest.raises(InputError) as caught:
        read(path)
    for part in ("essays.csv, line 3", "angr", "Did you mean 'anger'", "space=NAME", "unknown=leave_out"):
        assert part in str(caught.value)
    assert [sample.text for sample in read(path, unknown="leave_out")] == ["a"]
    assert counted(path, unknown="leave_out") == {"unknown_label": 1}


def test_faulty_rows_are_an_error_or_left_out_and_counted(write: Write) -> None:
    path = write(
        "t.csv", "image,x1,y1,x2,y2,label\na.jpg,1,1,9,9,fear\nb.jpg,9,9,3,4,fear\nc.jpg,1,x,3,4,fear\n"
    )
    with pytest.raises(InputError, match=r"line 3.*x1 < x2.*box_format=xywh"):
        read(path)
    assert [sample.source for sample in read(path, faulty="leave_out")] == ["a.jpg"]
    assert counted(path, faulty="leave_out") == {"faulty_row": 2}


@pytest.mark.parametrize("name", ["../a.jpg", "/etc/passwd", "x/../../a.jpg", "..\\a.jpg", "C:\\a.jpg"])
def test_pictures_outside_of_their_folder_are_refused(name: str, write: Write) -> None:
    path = write("t.csv", f"image,label\n{name},fear\n")
    with pytest.raises(InputError, match=r"line 2: this picture lies outside.*outside=true"):
        read(path)
    assert len(read(path, outside=True)) == 1


@pytest.mark.parametrize(
    "name", ["http://example.org/a.jpg", "file:///a.jpg", "data:image/png;base64,AAAA", "s3://b/a"]
)
def test_addresses_are_refused_even_outside(name: str, write: Write) -> None:
    with pytest.raises(InputError, match="never fetched"):
        read(write("t.jsonl", json.dumps({"image": name, "label": "fear"})), outside=True)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no rows"),
        (b"text,label\n", "no rows"),
        (b"text,label\na,fear,more\n", "line 2: 3 cells under 2 columns"),
        (b"text,text\na,fear\n", "same name"),
        (b"text,label\na,f\x00ear\n", "line 2: there is a null byte"),
        (b"text,label\nok,fear\n\xff\xfe,fear\n", "line 3: this is not UTF-8"),
        ("text,label\na,fear\n".encode("utf-16"), "UTF-16"),
        (b'text,label\n"a,fear\n', "quotation marks"),
        (b"text,label\n" + b"x" * 140_000 + b",fear\n", "more than 131,072 characters"),
        (b"\x89PNG\r\n\x1a\n\x00", "not UTF-8"),
        (b"words,more\na,b\n", "no column holds labels"),
        (b"label,more\nfear,b\n", "no column holds pictures or texts"),
        (b"text,label,emotion\na,fear,joy\n", "several columns could be the labels: label, emotion"),
        (b"text,caption,label\na,b,fear\n", "several columns could be the text"),
        (b"text,label,id\na,fear,1\nb,fear,1\n", "line 3: this id stands twice"),
        (b"text,label,id\na,fear,\n", "line 2: the id is empty"),
        (b"text,label\na,\"['anger' 'fear']\"\n", "none of the labels"),
        (b'text,label\na,"[anger"\n', "no list of labels"),
        (b"text,label\na,\"[__import__('os')]\"\n", "no list of labels"),
        (b'text,label\na,"' + b"[" * 2000 + b'"\n', "no list of labels"),
    ],
)
def test_hostile_and_faulty_files_end_in_one_sentence(content: bytes, said: str, write: Write) -> None:
    path = write("t.csv", content)
    with pytest.raises(InputError) as caught:
        read(path)
    line = str(caught.value)
    assert said in line
    assert "t.csv" in line
    assert "\n" not in line
    assert len(line) < 700


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "line 1: this is not JSON"),
        ('{"text": "a", "label": "fear"}\n[1]', "line 2: a row must be an object"),
        ('{"a": ' * 5000, "line 1"),
        ('{"text": "a", "label": {"fear": 1}}', "none of the labels"),
        ("", "no rows"),
    ],
)
def test_faulty_json_lines_end_in_one_sentence(content: str, said: str, write: Write) -> None:
    with pytest.raises(InputError, match=r"t\.jsonl") as caught:
        read(write("t.jsonl", content))
    assert said in str(caught.value)


@given(content=st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_content_escapes_as_another_error(content: bytes, tmp_path: Path) -> None:
    for ending in ("csv", "jsonl"):
        path = tmp_path / f"t.{ending}"
        path.write_bytes((b"text,label\n" if ending == "csv" else b"") + content)
        try:
            read(path)
        except EmosceneError as error:
            said = str(error)
        else:
            said = ""
        assert "\n" not in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"label": "x"}, "Did you mean 'labels'"),
        ({"labels": "lable"}, "Did you mean 'label'"),
        ({"votes": "most"}, "majority, plurality"),
        ({"votes": "share:0.0"}, "above 0"),
        ({"vad_range": "3,1"}, "lowest and the highest"),
        ({"box": "a,b"}, "one column or four"),
        ({"box_format": "yxyx"}, "xyxy"),
        ({"codes": "nothing"}, "0:anger"),
        ({"unknown": "ignore"}, "leave_out"),
        ({"space": "emotik"}, "Did you mean 'emotic'"),
        ({"label_columns": "text"}, "names no label"),
        ({"columns": "text,label,text"}, "names 'text' twice"),
        ({"separator": "ab"}, "at most 1"),
        ({"called": "My Table"}, "pattern"),
        ({"preset": "hecco"}, "Did you mean 'heco'"),
    ],
)
def test_impossible_options_are_said(options: dict[str, Any], said: str, write: Write) -> None:
    with pytest.raises(InputError, match=said):
        open_dataset("table", write("t.csv", "text,label\na,fear\n"), **options)


def test_a_space_of_one_label_a_person_takes_no_two(write: Write) -> None:
    with pytest.raises(InputError, match=r"line 2: several labels"):
        read(write("t.csv", "text,label\na,fear;anger\n"), space="ekman")


def test_codes_and_ignored_labels(write: Write) -> None:
    path = write("t.csv", "text,label\na,0\nb,1\nc,9\n")
    options = {"codes": "0:anger,1:fear", "ignore": "9"}
    assert [target_of(sample) for sample in read(path, **options)] == [{"anger"}, {"fear"}]
    assert counted(path, **options) == {"ignored_label": 1}


def test_findings_open_the_pictures(write: Write, tmp_path: Path) -> None:
    Image.new("RGB", (20, 20)).save(tmp_path / "a.png")
    write("broken.png", b"no picture")
    rows = [
        "a.png,1,1,9,9",
        "a.png,10,10,30,30",
        "a.png,50,50,60,60",
        "none.png,1,1,9,9",
        "broken.png,1,1,9,9",
    ]
    path = write("t.csv", "image,x1,y1,x2,y2,label\n" + "".join(f"{row},fear\n" for row in rows))
    found = {each.defect: each.count for each in open_dataset("table", path).findings()}
    assert found == {"no_picture": 1, "unreadable": 1, "box_outside": 1, "box_clamped": 1}
    assert open_dataset("table", path).findings(pictures=False) == []


def test_a_manifest_tells_no_folders_above(write: Write) -> None:
    path = write("deep/down/t.csv", "image,label\na.png,fear\n")
    told = open_dataset("table", path, pictures=str(path.parent.parent)).describe()
    assert (told["root"], told["options"]) == ("t.csv", {"pictures": "deep"})


def test_a_sample_without_anything_stays_and_is_counted(write: Write) -> None:
    path = write("t.csv", "text,label\n,fear\n")
    (sample,) = read(path)
    assert (sample.text, sample.picture) == (None, None)
    assert counted(path) == {"nothing": 1}


def test_authors_are_groups_and_attributes_are_kept(write: Write) -> None:
    path = write("essays.csv", "text,label,author,level\na,fear,ann,high\nb,pain,ann,low\n")
    samples = read(path, called="essays", group="author", attributes="level")
    assert [sample.group for sample in samples] == ["ann", "ann"]
    assert [sample.attributes for sample in samples] == [{"level": "high"}, {"level": "low"}]
    assert samples[0].id == "essays/all/row-1"


def test_the_caption_study_is_a_table(reference_data: Path) -> None:
    path = reference_data / "captions" / "captions_dev.csv"
    samples = read(path, text="full", image="none", group="image", labels="emotion", space="caption-study")
    assert len(samples) == 176
    assert all(target_of(sample) and sample.text for sample in samples)
