"""Malformed and hostile files end in one error that names the file, the row and the remedy."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emoscene.datasets.emotic import gt_all, mat, open_emotic, reading
from emoscene.errors import EmosceneError, InputError, MissingExtraError, MissingFileError
from tests.datasets.emotic import write
from tests.datasets.emotic.write import some_scenes


def read(root: Path, **options: str) -> list[Any]:
    dataset = open_emotic(root, **options)  # type: ignore[arg-type]
    return [sample for split in dataset.splits for sample in dataset.samples(split)]


def change(file: Path, old: str, new: str) -> Path:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    return file


# --- tables -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "'Anger'",
            "'Angr'",
            r"train.csv, row 3: this is none of the labels of emotic: Angr. Did you mean 'Anger'",
        ),
        ("'Anger'", "'worried'", r"train.csv, row 3: this is none of the labels of emotic: worried"),
        ("'Anger'", "'Spain'", r"none of the labels of emotic: Spain"),
        ("[21, 5, 40, 48]", "[21, 5, 40]", r"train.csv, row 3: a box has four numbers"),
        ("[21, 5, 40, 48]", "[21, 5, 40, x]", r"train.csv, row 3: a corner of the box is no number: x"),
        ("[2.0, 8.0, 6.0]", "[2, 8]", r"train.csv, row 3: expected valence, arousal and dominance"),
        ("['Anger']", "[['Anger']]", r"train.csv, row 3: Categorical_Labels is no flat list"),
        ("['Anger']", "['Anger'", r"train.csv, row 3: Categorical_Labels is no flat list"),
        ("['Anger']", "['Anger'''Fear']", r"train.csv, row 3: Categorical_Labels is no flat list"),
        (
            "mscoco/images",
            "../../etc",
            r"train.csv, row 2: this is no path below the folder of pictures: ../../etc",
        ),
        ("mscoco/images", "/etc", r"train.csv, row 2: this is no path below the folder"),
        ("mscoco/images", "C:/x", r"train.csv, row 2: this is no path below the folder"),
        ("COCO_train2014_000000000001.jpg", "../passwd", r"row 2: this is no path below"),
        ("COCO_train2014_000000000001.jpg", "a/passwd", r"row 2: this is no plain file name: a/passwd"),
        ("COCO_train2014_000000000001.jpg", "a\\b.jpg", r"row 2: this is no path below"),
        ("Categorical_Labels", "Labels", r"no annotations of EMOTIC"),
        ("Continuous_Labels", "VAD", r"train.csv, row 1: columns are missing: Continuous_Labels"),
        ("Male,Kid", "Male", r"train.csv, row 3: expected 9 columns as in the header, found 8"),
        ("Gender", "Age", r"train.csv, row 1: a column stands twice"),
    ],
)
def test_a_faulty_table(old: str, new: str, said: str, tmp_path: Path) -> None:
    scenes = {"train": some_scenes()["train"]}
    write.tandon_csv(tmp_path, scenes)
    change(tmp_path / "train.csv", old, new)
    with pytest.raises(InputError, match=said) as error:
        read(tmp_path)
    assert error.value.remedy


@pytest.mark.parametrize(
    "cell",
    [
        "[" * 5_000,
        "[" * 200_000,
        "(" * 3_000 + ")" * 3_000,
        "-" * 20_000 + "1",
        "['a', " * 5_000,
        "__import__('os').system('touch /tmp/x')",
        "[x for x in ().__class__.__bases__]",
        "'" + "\\x41" * 100 + "'",
        ",".join("1" * 300),
    ],
)
def test_a_cell_is_taken_apart_and_never_evaluated(cell: str) -> None:
    with pytest.raises(InputError, match=r"x.csv, row 7: the list") as error:
        reading.read_list(cell, reading.Place(Path("x.csv"), 7), "the list")
    assert len(str(error.value)) < 400


@pytest.mark.parametrize(
    ("cell", "items"),
    [
        ("['Anger', 'Fear']", ["Anger", "Fear"]),
        ('["Anger","Fear"]', ["Anger", "Fear"]),
        ("['Doubt/Confusion']", ["Doubt/Confusion"]),
        ("('Anger', 'Fear',)", ["Anger", "Fear"]),
        ("['Anger' 'Fear']", ["Anger", "Fear"]),
        ("[1, 2.5, nan]", ["1", "2.5", "nan"]),
        ("[np.float64(5.0), np.str_('Fear')]", ["5.0", "Fear"]),
        ("[]", []),
        ("", []),
        ("Fear", ["Fear"]),
    ],
)
def test_lists_as_python_and_numpy_print_them(cell: str, items: list[str]) -> None:
    assert reading.read_list(cell, reading.Place(Path("x.csv"), 1), "the list") == items


def test_tables_that_are_none(tmp_path: Path) -> None:
    write.tandon_csv(tmp_path, {"test": some_scenes()["test"]})
    table = tmp_path / "test.csv"
    whole = table.read_bytes()
    table.write_bytes(whole + b"\xff\xfe\xfd")
    with pytest.raises(InputError, match=r"test.csv, row 5: this is not UTF-8"):
        read(tmp_path)
    table.write_bytes(whole + b'"' + b"x" * 200_000)
    with pytest.raises(InputError, match=r"test.csv, row \d+: this is not CSV"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        (7, "2", r"test_annot.csv, row 2: the column annoyance is neither 0 nor 1: 2"),
        (7, "", r"row 2: the column annoyance is neither 0 nor 1"),
        (0, "../../etc/passwd", r"row 2: this is no path below the folder of pictures"),
        (0, "/etc/passwd", r"row 2: this is no path below"),
        (1, "left", r"row 2: a corner of the box is no number: left"),
    ],
)
def test_a_faulty_one_hot_row(column: int, value: str, said: str, tmp_path: Path) -> None:
    write.one_hot(tmp_path, {"test": some_scenes()["test"]})
    table = tmp_path / "test_annot.csv"
    rows = [line.split(",") for line in table.read_text().splitlines()]
    rows[1][column] = value
    table.write_text("\n".join(map(",".join, rows)))
    with pytest.raises(InputError, match=said):
        read(tmp_path)


def test_box_columns_where_labels_are_expected(tmp_path: Path) -> None:
    """Somebody moved the box behind the labels: without names that must not go through."""
    write.one_hot(tmp_path, {"test": some_scenes()["test"]})
    table = tmp_path / "test_annot.csv"
    rows = [line.split(",") for line in table.read_text().splitlines()]
    table.write_text("\n".join(",".join([row[0], *row[5:], *row[1:5]]) for row in rows))
    with pytest.raises(InputError, match=r"the column \w+ is neither 0 nor 1.*expected order"):
        read(tmp_path)


def test_a_label_column_that_is_missing_or_double(tmp_path: Path) -> None:
    write.archive(tmp_path, {"test": some_scenes()["test"]})
    table = tmp_path / "annots_arrs" / "annot_arrs_test.csv"
    whole = table.read_text("utf-8-sig")
    table.write_text(whole.replace(",Fear,", ",Fera,"))
    with pytest.raises(InputError, match="no annotations of EMOTIC"):
        read(tmp_path)
    table.write_text(whole.replace(",Arr_name,", ",Peace,").replace(",Fear,", ",Fera,"))
    with pytest.raises(InputError, match=r"row 1: label columns are missing or stand twice: fear"):
        read(table)


def test_the_label_file_cut_short_or_doubled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gt_all, "SIZES", {"train": 3, "val": 1, "test": 3})
    file = write.gt_all(tmp_path / "gt_all.csv", some_scenes())
    lines = file.read_text().splitlines()
    file.write_text("\n".join(lines[:-1]))
    with pytest.raises(InputError, match=r"gt_all.csv: 6 rows, and the released file has 7"):
        read(file)
    file.write_text("\n".join([*lines[:-2], lines[-3], lines[-1]]))
    with pytest.raises(
        InputError, match=r"gt_all.csv, row 6: this person stands twice in test, first in row 5"
    ):
        read(file)
    file.write_text("\n".join([*lines[:-1], "../../etc/passwd_0.jpg,['fear']"]))
    with pytest.raises(InputError, match=r"gt_all.csv, row 7: "):
        read(file)


# --- JSON -------------------------------------------------------------------------------------------------------


def in_corners(field: str, value: object) -> Callable[[dict[str, Any]], None]:
    def edit(data: dict[str, Any]) -> None:
        data["annotations"][1][field] = value

    return edit


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (in_corners("image_id", 99), r"annotation 1: there is no picture with this image_id: 99"),
        (in_corners("image_id", [1]), r"annotation 1: there is no picture with this image_id"),
        (in_corners("bbox", "1,2,3,4"), r"annotation 1: bbox is no list of four numbers"),
        (in_corners("bbox", [1, 2, 3, {}]), r"annotation 1: a corner of the box is no number"),
        (in_corners("annotations_categories", "Fear"), r"annotation 1: annotations_categories is no list"),
        (
            in_corners("annotations_categories", ["Feer"]),
            r"annotation 1: this is none of .*Did you mean 'Fear'",
        ),
        (in_corners("annotations_continuous", "many"), r"annotation 1: annotations_continuous is neither"),
        (
            lambda data: data["images"].append(data["images"][0]),
            r"image 2: this id of a picture stands twice",
        ),
        (lambda data: data["images"][0].update(folder="../.."), r"annotation 0: this is no path below"),
        (
            lambda data: data["images"][0].update(file_name="/etc/passwd"),
            r"annotation 0: this is no path below",
        ),
        (lambda data: data.update(images={}), r"the lists of COCO are missing"),
    ],
)
def test_a_faulty_coco_file(edit: Callable[[dict[str, Any]], None], said: str, tmp_path: Path) -> None:
    write.corners(tmp_path, {"test": some_scenes()["test"]})
    file = tmp_path / "EMOTIC_test_x1y1x2y2.json"
    data = json.loads(file.read_text())
    edit(data)
    file.write_text(json.dumps(data))
    with pytest.raises(InputError, match=rf"EMOTIC_test_x1y1x2y2.json.*{said}"):
        read(tmp_path)


def test_json_that_is_deep_large_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "emotic_test_bi.json"
    head = '{"images": [{"id": 1}], "annotations": [{"category_id": '
    file.write_text(head + "[" * 100_000)
    with pytest.raises(
        InputError, match=r"emotic_test_bi.json: this is not JSON, or it is nested too deeply"
    ):
        read(file)
    monkeypatch.setattr(reading, "_LARGEST_JSON", 1_000)
    with pytest.raises(InputError, match=r"emotic_test_bi.json: the file is longer than 1,000 bytes"):
        read(file)


@pytest.mark.parametrize("bits", [-1, 1 << 26, "3", None, 1.5])
def test_labels_that_are_no_26_bits(bits: object, tmp_path: Path) -> None:
    write.bits(tmp_path, {"test": some_scenes()["test"]})
    file = tmp_path / "emotic_test_bi.json"
    data = json.loads(file.read_text())
    data["annotations"][0]["category_id"] = bits
    file.write_text(json.dumps(data))
    with pytest.raises(InputError, match="annotation 0: category_id is no number of 26 bits"):
        read(tmp_path)


def test_boxes_written_in_another_way_by_the_name_of_the_file(tmp_path: Path) -> None:
    write.corners(tmp_path, {"test": some_scenes()["test"]})
    file = (tmp_path / "EMOTIC_test_x1y1x2y2.json").rename(tmp_path / "EMOTIC_test_xywh.json")
    with pytest.raises(InputError, match="boxes of this file are x, y, width, height"):
        read(file)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nonsense", r"test.jsonl, line 4: this is no JSON object"),
        ("[" * 100_000, r"test.jsonl, line 4: this is no JSON object"),
        ('{"question_id": 9, "image": "../../x_0.jpg"}', r"line 4: this is no path below"),
        ('{"question_id": 9, "image": "mscoco/x.jpg"}', r"line 4: the picture names no person"),
        (
            '{"question_id": 9, "image": "mscoco/x_0.jpg", "labels": ["feer"]}',
            r"line 4: .*Did you mean 'Fear'",
        ),
        ('{"question_id": 9, "image": "mscoco/x_0.jpg", "labels": 3}', r"line 4: labels are no list"),
        (
            '{"question_id": 9, "image": "ade20k/ADE_train_00000003_0.jpg"}',
            r"line 4: .*stands twice, first in line 3",
        ),
        ('{"question_id": 9, "text": "fear"}', r"test.jsonl: this is a file of answers.*--predictions"),
    ],
)
def test_a_faulty_line_of_questions(line: str, said: str, tmp_path: Path) -> None:
    write.llava(tmp_path, {"test": some_scenes()["test"]})
    file = tmp_path / "test.jsonl"
    file.write_text(file.read_text() + line + "\n")
    with pytest.raises(InputError, match=said):
        read(tmp_path)


# --- arrays -----------------------------------------------------------------------------------------------------


class Trap:
    """What a hostile pickle runs when it is loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("a pickle was loaded",))


def test_arrays_of_objects_are_never_loaded(tmp_path: Path) -> None:
    write.tandon_arrays(tmp_path, {"test": some_scenes()["test"]})
    np.save(tmp_path / "test_cat_arr.npy", np.array([Trap()], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"test_cat_arr.npy: this is no array of numbers"):
        read(tmp_path)
    with (tmp_path / "test_cat_arr.npy").open("wb") as stream:
        pickle.dump(Trap(), stream)
    with pytest.raises(InputError, match="no annotations of EMOTIC"):
        read(tmp_path)


def test_arrays_that_do_not_fit(tmp_path: Path) -> None:
    write.tandon_arrays(tmp_path, {"test": some_scenes()["test"]})
    labels = np.load(tmp_path / "test_cat_arr.npy")
    for faulty, said in (
        (labels[:2], "the arrays do not fit each other"),
        (labels[:, :25], "the arrays do not fit each other"),
        (labels[0], "the arrays do not fit each other"),
        (labels * 0.5, "row 0: a label is neither 0 nor 1"),
        (labels * np.nan, "row 0: a label is neither 0 nor 1"),
    ):
        np.save(tmp_path / "test_cat_arr.npy", faulty)
        with pytest.raises(InputError, match=rf"test_cat_arr.npy.*{said}"):
            read(tmp_path)
    np.save(tmp_path / "test_cat_arr.npy", labels)
    pictures = np.load(tmp_path / "test_context_arr.npy")
    np.save(tmp_path / "test_context_arr.npy", pictures.astype(float))
    with pytest.raises(InputError, match="pixels are not 8-bit numbers"):
        read(tmp_path)
    whole = (tmp_path / "test_cat_arr.npy").read_bytes()
    (tmp_path / "test_cat_arr.npy").write_bytes(whole[:200])
    with pytest.raises(InputError, match="no array of numbers, or it breaks off"):
        read(tmp_path)
    (tmp_path / "test_cont_arr.npy").unlink()
    with pytest.raises(MissingFileError, match=r"an array is missing: test_cont_arr.npy"):
        read(tmp_path)


# --- MATLAB -----------------------------------------------------------------------------------------------------


def test_mats_that_are_none(tmp_path: Path) -> None:
    file = tmp_path / "Annotations.mat"
    file.write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512) + b"\x89HDF\r\n\x1a\n")
    with pytest.raises(InputError, match=r"MATLAB 7.3 file \(HDF5\), which is not read.*-v7"):
        read(tmp_path)
    file.write_bytes(b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + b"\x0f\x00\x00\x00\xff\xff\xff\x7f")
    with pytest.raises(InputError, match=r"Annotations.mat: this MATLAB file is broken"):
        read(tmp_path)


def test_a_mat_that_breaks_off_anywhere(tmp_path: Path) -> None:
    file = write.mat(tmp_path / "Annotations.mat", some_scenes())
    whole = file.read_bytes()
    for length in (0, 60, 130, 140, len(whole) // 3, len(whole) // 2, len(whole) - 5):
        file.write_bytes(whole[:length])
        with pytest.raises(EmosceneError) as error:
            read(file)
        assert error.value.remedy


def test_a_mat_with_bytes_turned_over_ends_in_an_error_or_in_people(tmp_path: Path) -> None:
    file = write.mat(tmp_path / "Annotations.mat", some_scenes())
    whole = file.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        broken = bytearray(whole)
        broken[int(rng.integers(128, len(whole)))] ^= int(rng.integers(1, 256))
        file.write_bytes(broken)
        with suppress(EmosceneError):
            assert all(sample.target for sample in read(file))


def test_a_mat_that_unpacks_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write.mat(tmp_path / "Annotations.mat", some_scenes())
    assert len(read(file)) == 7
    monkeypatch.setattr(mat, "_LARGEST_VARIABLE", 4_000)
    assert file.stat().st_size < 4_000, "small on disk"
    with pytest.raises(InputError, match=r"Annotations.mat: a variable unpacks to more than 4,000 bytes"):
        read(file)


def test_a_mat_of_something_else(tmp_path: Path) -> None:
    from scipy.io import savemat

    file = tmp_path / "thresholds.mat"
    savemat(file, {"thresholds": np.zeros((1, 26))})
    with pytest.raises(InputError, match="holds none of train, val and test"):
        read(file)
    with pytest.raises(InputError, match="no annotations of EMOTIC"):
        read(tmp_path)
    savemat(file, {"test": np.zeros((1, 3)), "train": {"filename": "a.jpg", "folder": "mscoco/images"}})
    with pytest.raises(
        InputError, match=r"thresholds.mat, picture train\(1\): a field is missing: image_size"
    ):
        read(file)


@pytest.mark.parametrize("field", ["filename", "folder"])
def test_a_path_in_a_mat_that_leads_away(field: str, tmp_path: Path) -> None:
    scenes = {"test": [write.ToldPicture("a.jpg", some_scenes()["test"][0].people)]}
    if field == "filename":
        scenes["test"] = [write.ToldPicture("../../../etc/passwd", scenes["test"][0].people)]
    else:
        scenes["test"] = [write.ToldPicture("passwd", scenes["test"][0].people, "../../etc")]
    file = write.mat(tmp_path / "Annotations.mat", scenes)
    with pytest.raises(InputError, match=r"Annotations.mat, picture test\(1\): this is no path below"):
        read(file)


def test_without_scipy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    file = write.mat(tmp_path / "Annotations.mat", some_scenes())
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(MissingExtraError, match=r"'scipy'.*emoscene\[emotic\]"):
        read(file)


def test_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    (tmp_path / "emotic.parquet").write_bytes(b"PAR1" + bytes(20) + b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"'pyarrow'.*emoscene\[datasets\]"):
        read(tmp_path)


def test_a_parquet_file_that_is_none(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "emotic.parquet").write_bytes(b"PAR1" + bytes(20) + b"PAR1")
    with pytest.raises(InputError, match=r"emotic.parquet: this is no Parquet file"):
        read(tmp_path)
