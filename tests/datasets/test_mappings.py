"""Known datasets that the table reader reads: each on a small copy written in its real layout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emoscene.datasets.mappings import presets
from emoscene.datasets.registry import open_dataset
from emoscene.datasets.table_layout import layout_of
from emoscene.labels import label_space
from emoscene.types import Annotation
from tests.datasets.reading import target_of

DOCS = Path(__file__).parents[2] / "docs" / "datasets.md"


def write(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8")
    return path


@pytest.mark.parametrize("name", list(presets()))
def test_every_preset_is_whole(name: str) -> None:
    preset = presets()[name]
    assert preset.facts.traps
    assert layout_of(preset.options).called == name
    assert label_space(preset.options["space"])


def _presets_as_markdown() -> str:
    """The table of `docs/datasets.md`."""
    lines = ["| preset | what it is | root | label space | licence and access |", "|---|---|---|---|---|"]
    for name, preset in presets().items():
        facts, space = preset.facts, preset.options["space"]
        lines.append(
            f"| `{name}` | {facts.title} | {preset.root} | `{space}` | {facts.licence}; {facts.access} |"
        )
    lines += ["", "Known traps, and what is done about them:", ""]
    for name, preset in presets().items():
        lines += [f"- `{name}`: {' '.join(preset.facts.traps)}"]
    return "\n".join(lines) + "\n"


def test_the_documentation_has_the_table_of_presets() -> None:
    assert _presets_as_markdown() in DOCS.read_text("utf-8")


def test_heco_with_its_typing_error(tmp_path: Path) -> None:
    header = "Image,xmin,ymin,xmax,ymax,Category,Valence,Arousal,Dominance,Label_SA,Label_CA\n"
    rows = "a.jpg,1,2,30,40,Peace,6,3,5,1,0\na.jpg,9,2,30,40,Happinesst,8,6,7,0,1\n"
    (tmp_path / "HECO" / "Images").mkdir(parents=True)
    dataset = open_dataset(
        "table", write(tmp_path / "HECO/Labels/HECO_Labels.csv", header + rows), preset="heco"
    )
    first, second = dataset.samples("all")
    assert dataset.facts.name == "heco"
    assert first.id == "heco/all/a.jpg#0"
    assert (target_of(first), target_of(second)) == ({"peace"}, {"happiness"})
    assert second.target_vad is not None
    assert second.target_vad.valence == 8
    assert second.attributes == {"Label_SA": "0", "Label_CA": "1"}
    assert Path(str(first.picture)) == tmp_path / "HECO/Labels/../Images/a.jpg"


BOLD_ORDER = (
    "peace affection esteem anticipation engagement confidence happiness pleasure excitement surprise sympathy "
    "doubt_confusion disconnection fatigue embarrassment yearning disapproval aversion annoyance anger sensitivity "
    "sadness disquietment fear pain suffering"
).split()


def test_bold_has_no_header_and_begins_with_peace(tmp_path: Path) -> None:
    shares = {"peace": 0.5, "doubt_confusion": 0.8, "suffering": 0.49}
    cells = [f"{shares.get(label, 0.0)}" for label in BOLD_ORDER]
    line = ",".join(["003/film.mp4/0114.mp4", "0", "12", "112", *cells, "0.4,0.5,0.6,male,adult,asian,0.9"])
    root = write(tmp_path / "annotations/val.csv", f"{line}\n").parent
    dataset = open_dataset("table", root, preset="bold")
    (sample,) = dataset.samples("val")
    assert dataset.splits == ("val",)
    assert target_of(sample) == {"peace", "doubt_confusion"}
    assert sample.target_scores is not None
    assert sample.target_scores["suffering"] == 0.49
    assert sample.target_vad is None
    assert str(sample.picture).endswith("../frames/003/film.mp4/0114.jpg")
    assert sample.attributes["gender"] == "male"


def test_emoset_has_items_of_three_and_of_four(tmp_path: Path) -> None:
    four = [["awe", "awe_1", "image/awe/awe_1.jpg", "annotation/awe/awe_1.json"]]
    three = [["fear", "image/fear/fear_1.jpg", "annotation/fear/fear_1.json"]]
    write(tmp_path / "train.json", json.dumps(four))
    write(tmp_path / "test.json", json.dumps(three))
    dataset = open_dataset("table", tmp_path, preset="emoset")
    assert dataset.splits == ("train", "test")
    (first,) = dataset.samples("train")
    (second,) = dataset.samples("test")
    assert (first.id, target_of(first)) == ("emoset/train/awe_1", {"awe"})
    assert (target_of(second), second.picture) == ({"fear"}, str(tmp_path / "image/fear/fear_1.jpg"))


def test_emotion6_takes_the_highest_share(tmp_path: Path) -> None:
    header = (
        "[image_filename]\t[valence]\t[arousal]\t[prob. anger]\t[prob. disgust]\t[prob. fear]\t[prob. joy]\t"
        "[prob. sadness]\t[prob. surprise]\t[prob. neutral]\n"
    )
    rows = "disgust/1.jpg\t1\t5\t0.1\t0.7\t0\t0.1\t0.1\t0\t0\njoy/2.jpg\t9\t9\t0\t0\t0\t0.5\t0\t0.5\t0\n"
    (tmp_path / "images").mkdir()
    dataset = open_dataset("table", write(tmp_path / "ground_truth.txt", header + rows), preset="emotion6")
    (sample,) = dataset.samples("all")
    assert target_of(sample) == {"disgust"}
    assert sample.target_scores is not None
    assert sample.target_scores["happiness"] == 0.1
    assert sample.attributes == {"valence": "1", "arousal": "5.5"}
    assert sample.picture == str(tmp_path / "images/disgust/1.jpg")
    assert {each.defect: each.count for each in dataset.findings(pictures=False)} == {
        "no_majority": 1,
        "part_vad": 1,
    }


def test_ferplus_counts_votes_as_its_authors_do(tmp_path: Path) -> None:
    header = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF\n"
    rows = [
        "Training,fer0000000.png,4,0,0,1,3,2,0,0,0,0",  # 4 of 9: the single vote counts as none
        "Training,fer0000002.png,6,0,0,1,1,0,0,0,2,0",  # 6 of 8
        "PublicTest,fer0028638.png,0,0,0,0,0,0,0,0,0,10",
        "PublicTest,,0,0,0,0,0,0,0,0,0,10",
        "PrivateTest,fer0032220.png,0,10,0,0,0,0,0,0,0,0",
        "PrivateTest,fer0032221.png,0,3,0,0,0,0,0,0,7,0",
    ]
    dataset = open_dataset(
        "table", write(tmp_path / "fer2013new.csv", header + "\n".join(rows)), preset="ferplus"
    )
    assert dataset.splits == ("train", "val", "test")
    (kept,) = dataset.samples("train")
    assert target_of(kept) == {"neutral"}
    assert kept.target_scores is not None
    assert kept.target_scores["neutral"] == 0.75
    assert kept.annotations == (Annotation(labels=frozenset({"neutral"})),) * 6
    assert kept.picture == str(tmp_path / "FER2013Train/fer0000002.png")
    assert list(dataset.samples("val")) == []
    (happy,) = dataset.samples("test")
    assert target_of(happy) == {"happiness"}
    several = open_dataset("table", dataset.root, preset="ferplus", votes="plurality")
    assert [target_of(sample) for sample in several.samples("train")] == [{"neutral"}, {"neutral"}]


def test_affectnet_reads_codes_and_leaves_out_what_is_no_expression(tmp_path: Path) -> None:
    header = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal\n"
    rows = [
        "689/a.jpg,134,134,899,899,1;2,1,0.785714,-0.055556",
        "689/b.jpg,20,20,165,165,1;2,8,-2,-2",
        "689/c.jpg,NULL,NULL,NULL,NULL,1;2,6,-1,1",
    ]
    root = write(tmp_path / "Manually_Annotated_file_lists/validation.csv", header + "\n".join(rows)).parent
    dataset = open_dataset("table", root, preset="affectnet")
    (sample,) = dataset.samples("val")
    assert target_of(sample) == {"happiness"}
    assert sample.box is not None
    assert sample.box.as_tuple() == (134, 134, 1033, 1033)
    assert float(sample.attributes["valence"]) == pytest.approx(1 + 9 * 1.785714 / 2, abs=1e-3)
    found = {each.defect: each.count for each in dataset.findings(pictures=False)}
    assert found == {"faulty_row": 1, "ignored_label": 1, "part_vad": 2}


def test_rafdb_finds_the_aligned_pictures(tmp_path: Path) -> None:
    lists = write(tmp_path / "basic/EmoLabel/list_patition_label.txt", "train_00001.jpg 5\ntest_0001.jpg 7\n")
    (tmp_path / "basic/Image/aligned").mkdir(parents=True)
    dataset = open_dataset("table", lists, preset="rafdb")
    assert dataset.splits == ("train", "test")
    (train,) = dataset.samples("train")
    (test,) = dataset.samples("test")
    assert (target_of(train), target_of(test)) == ({"sadness"}, {"neutral"})
    assert str(train.picture).endswith("Image/aligned/train_00001_aligned.jpg")
