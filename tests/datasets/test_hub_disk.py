"""Datasets of the hub on disk, written in the layout of `save_to_disk` and as Parquet."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from emoscene.datasets.registry import open_dataset
from emoscene.errors import InputError, MissingExtraError
from emoscene.images import open_picture
from tests.datasets.reading import target_of

arrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

CLASS = {"_type": "ClassLabel", "names": ["anger", "fear"]}
IMAGE = {"_type": "Image"}
TEXT = {"_type": "Value", "dtype": "string"}


def png(value: int = 0) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (20, 30), (value, value, value)).save(stream, "PNG")
    return stream.getvalue()


def table(columns: dict[str, list[Any]], features: dict[str, Any], *, metadata: bool = True) -> Any:
    made = arrow.table(columns)
    info = json.dumps({"info": {"features": features}})
    return made.replace_schema_metadata({"huggingface": info} if metadata else None)


def save(
    folder: Path, made: Any, features: dict[str, Any], shards: int = 1, split: str | None = None
) -> Path:
    """As `save_to_disk` writes: Arrow streams, what they hold, and their names."""
    folder.mkdir(parents=True)
    names = [f"data-{k:05d}-of-{shards:05d}.arrow" for k in range(shards)]
    rows = -(-made.num_rows // shards)
    for k, name in enumerate(names):
        with (
            arrow.OSFile(str(folder / name), "wb") as sink,
            arrow.ipc.new_stream(sink, made.schema) as writer,
        ):
            writer.write_table(made.slice(k * rows, rows))
    (folder / "dataset_info.json").write_text(json.dumps({"features": features}))
    state = {"_data_files": [{"filename": name} for name in names], "_split": split}
    (folder / "state.json").write_text(json.dumps(state))
    return folder


FEATURES = {"image": IMAGE, "label": CLASS}
COLUMNS: dict[str, list[Any]] = {
    "image": [
        {"bytes": png(1), "path": "a.png"},
        {"bytes": png(2), "path": None},
        {"bytes": None, "path": "c.png"},
    ],
    "label": [0, 1, -1],
}


@pytest.mark.parametrize("metadata", [True, False])
def test_pictures_and_classes_of_a_saved_dictionary(metadata: bool, tmp_path: Path) -> None:
    root = tmp_path / "d"
    made = table(COLUMNS, FEATURES, metadata=metadata)
    save(root / "test", made, FEATURES)
    save(root / "train", made, FEATURES, shards=2)
    (root / "dataset_dict.json").write_text('{"splits": ["test", "train"]}')
    dataset = open_dataset("hub", root)
    assert dataset.splits == ("train", "test")
    first, second, third = dataset.samples("train")
    assert (first.id, first.source, target_of(first)) == ("hub/train/row-1", "a.png", {"anger"})
    assert open_picture(first.picture).width == 20
    assert (second.source, second.group, target_of(second)) == ("row-2", "row-2", {"fear"})
    assert (third.picture, target_of(third)) == (str(root / "train/c.png"), None)
    found = {each.defect: each.count for each in dataset.findings()}
    assert found == {"no_label": 2, "no_picture": 2}


def test_several_classes_a_row_and_texts(tmp_path: Path) -> None:
    for kind in ({"_type": "List", "feature": CLASS}, {"_type": "Sequence", "feature": CLASS}, [CLASS]):
        features = {"text": TEXT, "labels": kind}
        root = tmp_path / str(len(list(tmp_path.iterdir())))
        save(root, table({"text": ["x", "y"], "labels": [[0, 1], []]}, features), features, split="test")
        dataset = open_dataset("hub", root)
        assert dataset.splits == ("test",)
        first, second = dataset.samples("test")
        assert (first.text, target_of(first)) == ("x", {"anger", "fear"})
        assert target_of(second) == set()


def test_parquet_files_by_split_and_labels_as_words(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    made = table({"text": ["x", "y"], "emotion": ["anger", "Pain;fear"]}, {}, metadata=False)
    parquet.write_table(made, tmp_path / "data" / "test-00000-of-00002.parquet")
    parquet.write_table(made, tmp_path / "data" / "test-00001-of-00002.parquet")
    parquet.write_table(made, tmp_path / "train.parquet")
    dataset = open_dataset("hub", tmp_path)
    assert dataset.splits == ("train", "test")
    assert [target_of(sample) for sample in dataset.samples("test")] == [{"anger"}, {"pain", "fear"}] * 2
    assert [sample.id for sample in dataset.samples("test")][-1] == "hub/test/row-4"


def test_numbers_without_names_need_codes(tmp_path: Path) -> None:
    parquet.write_table(arrow.table({"text": ["x"], "label": [1]}), tmp_path / "train.parquet")
    with pytest.raises(InputError, match=r"row 1: this is none of the labels.*1"):
        list(open_dataset("hub", tmp_path).samples("train"))
    (sample,) = open_dataset("hub", tmp_path, codes="0:anger,1:fear").samples("train")
    assert target_of(sample) == {"fear"}


def test_a_class_without_a_name_is_said(tmp_path: Path) -> None:
    features = {"text": TEXT, "label": CLASS}
    root = save(tmp_path / "d", table({"text": ["x"], "label": [7]}, features), features)
    with pytest.raises(InputError, match=r"row 1.*no name: 7"):
        list(open_dataset("hub", root).samples("all"))


@pytest.mark.parametrize("name", ["../other.arrow", "/etc/passwd", "a/b.arrow", ""])
def test_files_elsewhere_are_refused(name: str, tmp_path: Path) -> None:
    root = save(tmp_path / "d", table(COLUMNS, FEATURES), FEATURES)
    (root / "state.json").write_text(json.dumps({"_data_files": [{"filename": name}]}))
    with pytest.raises(InputError, match="names of Arrow files"):
        open_dataset("hub", root)


def test_splits_elsewhere_are_refused(tmp_path: Path) -> None:
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["../x"]}')
    with pytest.raises(InputError, match="names of splits"):
        open_dataset("hub", tmp_path)


def test_pictures_elsewhere_are_refused(tmp_path: Path) -> None:
    features = {"image": TEXT, "label": CLASS}
    root = save(tmp_path / "d", table({"image": ["../a.png"], "label": [0]}, features), features)
    with pytest.raises(InputError, match=r"row 1.*outside"):
        list(open_dataset("hub", root).samples("all"))


def test_damaged_and_missing_files_end_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="save_to_disk"):
        open_dataset("hub", tmp_path)
    root = save(tmp_path / "d", table(COLUMNS, FEATURES), FEATURES)
    data = root / "data-00000-of-00001.arrow"
    data.write_bytes(data.read_bytes()[:300])
    with pytest.raises(InputError, match=r"data-00000-of-00001\.arrow.*cannot be read"):
        list(open_dataset("hub", root).samples("all"))
    data.unlink()
    with pytest.raises(InputError, match="not there: data-00000-of-00001"):
        open_dataset("hub", root)
    (root / "state.json").write_text("[" * 10000)
    with pytest.raises(InputError, match="no JSON object"):
        open_dataset("hub", root)


def test_the_extra_is_named_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = save(tmp_path / "d", table(COLUMNS, FEATURES), FEATURES)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"emoscene\[datasets\]"):
        open_dataset("hub", root)
