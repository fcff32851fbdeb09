"""Every known fault of EMOTIC: kept, mended or left out, and counted."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emoscene.datasets.emotic import open_emotic
from emoscene.datasets.emotic.emotic import box_in_picture
from emoscene.datasets.registry import open_dataset
from emoscene.errors import MissingFileError, OptionError
from emoscene.images import open_picture
from emoscene.types import Sample
from tests.datasets.emotic import write
from tests.datasets.emotic.write import Scenes, Told, ToldPicture, one, some_scenes

BOX = (1, 1, 30, 30)


def only(told: Told, size: tuple[int, int] = (64, 48)) -> dict[str, list[ToldPicture]]:
    return {"test": [ToldPicture("a.jpg", [told], size=size)]}


def read(root: Path, **options: str) -> tuple[list[Sample], dict[str, int]]:
    """Everybody, and how often each fault was met."""
    dataset = open_emotic(root, **options)  # type: ignore[arg-type]
    ledger = dataset.ledger()
    samples = [sample for split in dataset.splits for sample in dataset.samples(split, ledger)]
    return samples, {each.defect: each.count for each in ledger.findings()}


def mat(root: Path, scenes: Scenes) -> Path:
    write.mat(root / "Annotations" / "Annotations.mat", scenes)
    return root


# --- boxes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("box", "ours", "fault"),
    [
        ((1, 1, 64, 48), (0, 0, 64, 48), None),
        ((5, 6, 20, 30), (4, 5, 20, 30), None),
        ((-9, 0, 20, 30), (0, 0, 20, 30), "box_clamped"),
        ((5, 6, 700, 30), (4, 5, 64, 30), "box_clamped"),
        ((20, 6, 20, 30), None, "box_unusable"),
        ((20, 6, 10, 30), None, "box_unusable"),
        ((100, 6, 120, 30), None, "box_unusable"),
        ((math.nan, 6, 20, 30), None, "box_unusable"),
        ((1, 1, math.inf, 30), None, "box_unusable"),
    ],
)
def test_boxes_begin_at_nought_and_end_at_the_picture(
    box: tuple[float, float, float, float], ours: tuple[float, ...] | None, fault: str | None, tmp_path: Path
) -> None:
    samples, faults = read(mat(tmp_path, only(Told(box, one(["Fear"])))))
    assert len(samples) == 1, "nobody is lost for want of a box"
    assert samples[0].target == frozenset({"fear"})
    found = samples[0].box
    assert (found.as_tuple() if found else None) == ours
    assert {name for name in faults if name.startswith("box")} == ({fault} if fault else set())


def test_without_a_size_a_box_is_not_cut() -> None:
    box, fault = box_in_picture((-4, 1, 9000, 20), None)
    assert box is not None
    assert (box.as_tuple(), fault) == ((-5, 0, 9000, 20), None)


def test_the_picture_is_believed_and_not_the_file(tmp_path: Path) -> None:
    scenes = only(Told((1, 1, 60, 60), one(["Fear"])), size=(100, 100))
    mat(tmp_path, scenes)
    write.pictures(tmp_path, scenes)
    Image.new("RGB", (50, 40)).save(tmp_path / "mscoco/images/a.jpg")
    samples, faults = read(tmp_path)
    assert samples[0].box is not None
    assert samples[0].box.as_tuple() == (0, 0, 50, 40)
    assert faults == {"other_size": 1, "box_clamped": 1}


def test_sides_are_read_by_name_and_not_by_position(tmp_path: Path) -> None:
    file = tmp_path / "CVPR17_Annotations.mat"
    write.mat(file, only(Told((1, 1, 60, 45), one(["Fear"]))), size_fields=("n_row", "n_col"))
    samples, _ = read(file)
    assert samples[0].box is not None
    assert samples[0].box.as_tuple() == (0, 0, 60, 45)


def test_the_others_of_a_picture(tmp_path: Path) -> None:
    people = [Told((1 + i * 10, 1, 10 + i * 10, 30), one(["Fear"])) for i in range(3)]
    people[1] = Told((9, 9, 9, 9), one(["Pain"]))
    samples, _ = read(mat(tmp_path, {"val": [ToldPicture("a.jpg", people)]}))
    assert [[box.x1 for box in sample.others] for sample in samples] == [[20], [0, 20], [0]]
    assert [sample.id for sample in samples] == [f"emotic/val/mscoco/a_{i}" for i in range(3)]


# --- labels and numbers -----------------------------------------------------------------------------------------


def test_one_of_each_kind_comes_back_from_scipy_as_itself(tmp_path: Path) -> None:
    """One split with one picture with one person with one label of one annotator."""
    samples, faults = read(mat(tmp_path, only(Told(BOX, one(["Fear"])))))
    assert samples[0].target == frozenset({"fear"})
    assert [set(each.labels) for each in samples[0].annotations] == [{"fear"}]
    assert "union_differs" not in faults


@pytest.mark.parametrize("squeeze", [True, False])
@pytest.mark.parametrize("records", [True, False])
def test_the_mat_however_scipy_reads_it(squeeze: bool, records: bool, tmp_path: Path) -> None:
    from scipy.io import loadmat

    from emoscene.datasets.emotic.mat import people_of
    from emoscene.datasets.emotic.reading import Names
    from emoscene.labels import label_space

    names = Names(label_space("emotic"))
    scenes = some_scenes()
    file = write.mat(tmp_path / "Annotations.mat", scenes)
    expected = open_emotic(file)
    for split in write.SPLITS:
        variable = loadmat(file, squeeze_me=squeeze, struct_as_record=records)[split]
        people = list(people_of(variable, file, split, names))
        assert [set(person.labels) for person in people] == [
            set(s.target or ()) for s in expected.samples(split)
        ]
        assert [person.annotations for person in people] == [s.annotations for s in expected.samples(split)]
        assert [person.vad for person in people] == [s.target_vad for s in expected.samples(split)]
        assert {person.size for person in people} == {(64, 48)}


def test_every_annotator_is_kept(tmp_path: Path) -> None:
    told = Told(BOX, [(["Fear"], (3, 7, 2)), (["Fear", "Pain"], (4, math.nan, 3)), ([], (5, 5, 5))])
    samples, _ = read(mat(tmp_path, only(told)))
    annotations = samples[0].annotations
    assert [set(each.labels) for each in annotations] == [{"fear"}, {"fear", "pain"}, set()]
    assert [each.vad and each.vad.valence for each in annotations] == [3, None, 5]
    assert samples[0].target == frozenset({"fear", "pain"})


@pytest.mark.parametrize("format_name", ["mat", "corners", "tandon_csv"])
def test_missing_numbers_stay_missing(format_name: str, tmp_path: Path) -> None:
    scenes = {
        "train": [ToldPicture("a.jpg", [Told(BOX, one(["Fear"], (math.nan, 5, 5)))])],
        "test": [ToldPicture("b.jpg", [Told(BOX, one(["Fear"], (1, 5, 10)))])],
    }
    mat(tmp_path, scenes) if format_name == "mat" else getattr(write, format_name)(tmp_path, scenes)
    samples, faults = read(tmp_path)
    assert samples[0].target_vad is None
    assert samples[0].target == frozenset({"fear"})
    assert samples[1].target_vad is not None
    assert faults["vad_missing"] == 1


def test_numbers_off_the_scale_are_counted(tmp_path: Path) -> None:
    scenes = {"train": [ToldPicture("a.jpg", [Told(BOX, one(["Fear"], (0, 5, 11)))])]}
    samples, faults = read(mat(tmp_path / "mat", scenes))
    assert samples[0].target_vad is None
    assert faults["vad_out_of_range"] == 1
    write.tandon_csv(tmp_path / "csv", scenes)
    assert read(tmp_path / "csv")[1]["vad_out_of_range"] == 1


def test_people_without_a_category(tmp_path: Path) -> None:
    scenes = {"test": [ToldPicture("12c.jpg", [Told(BOX, []), Told(BOX, one(["Fear"]))], "emodb_small")]}
    samples, faults = read(mat(tmp_path, scenes))
    assert [sample.id for sample in samples] == ["emotic/test/emodb_small/12c_1"], "numbers stay"
    assert faults["unlabelled"] == 1
    kept, faults = read(tmp_path, unlabelled="keep")
    assert [sample.target for sample in kept] == [None, frozenset({"fear"})]
    assert faults["unlabelled_kept"] == 1


def test_questions_without_a_truth_have_no_target(tmp_path: Path) -> None:
    write.llava(tmp_path, some_scenes(), truth=None)
    samples, faults = read(tmp_path)
    assert (samples, faults["unlabelled"]) == ([], 7)
    kept, _ = read(tmp_path, unlabelled="keep")
    assert {sample.target for sample in kept} == {None}, "pain and fear stand in the question"


@pytest.mark.parametrize(
    ("written", "label", "counted"),
    [
        ("Doubt/Confusion", "doubt_confusion", 0),
        ("doubt/confusion", "doubt_confusion", 0),
        ("doubt / confusion", "doubt_confusion", 1),
        ("doubt confusion", "doubt_confusion", 1),
        ("DOUBT_CONFUSION", "doubt_confusion", 1),
        ("doubt_confusion", "doubt_confusion", 0),
        ("Disquitement", "disquietment", 1),
        ("embarrasment", "embarrassment", 1),
        ("surpirse", "surprise", 1),
    ],
)
def test_spellings(written: str, label: str, counted: int, tmp_path: Path) -> None:
    write.tandon_csv(tmp_path, only(Told(BOX, one([written]))))
    samples, faults = read(tmp_path)
    assert samples[0].target == frozenset({label})
    assert faults.get("respelled", 0) == counted


def test_a_combined_set_that_is_no_union_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Told, "labels", property(lambda self: ["Peace"]))
    samples, faults = read(mat(tmp_path, only(Told(BOX, one(["Fear"])))))
    assert samples[0].target == frozenset({"peace"})
    assert faults["union_differs"] == 1


def test_labels_without_column_names_are_said_to_be_by_position(tmp_path: Path) -> None:
    write.one_hot(tmp_path / "bare", some_scenes())
    write.one_hot(tmp_path / "named", some_scenes(), header=write.ALPHABETICAL)
    assert read(tmp_path / "bare")[1]["positional"] == 7
    assert "positional" not in read(tmp_path / "named")[1]


def test_an_empty_row_of_labels_is_an_unlabelled_person(tmp_path: Path) -> None:
    write.one_hot(tmp_path, only(Told(BOX, one(["Fear"]))))
    table = tmp_path / "test_annot.csv"
    cells = table.read_text().strip().split(",")
    table.write_text(",".join([*cells[:5], *[""] * 26]) + "\n")
    assert read(tmp_path)[1]["unlabelled"] == 1


# --- splits -----------------------------------------------------------------------------------------------------


def leaky(root: Path) -> Path:
    shared = ToldPicture(
        "both.jpg", [Told(BOX, one(["Fear"])), Told((5, 5, 40, 40), one(["Pain"]))], "framesdb"
    )
    own = ToldPicture("own.jpg", [Told(BOX, one(["Peace"]))])
    return mat(root, {"train": [shared, own], "val": [shared], "test": [own]})


def test_pictures_of_val_in_train(tmp_path: Path) -> None:
    samples, faults = read(leaky(tmp_path))
    assert [sample.split for sample in samples].count("train") == 3
    assert (faults["leaked_picture"], faults["leaked_person"]) == (1, 2)
    samples, faults = read(tmp_path, leaked="leave_out")
    assert [sample.id for sample in samples] == [
        "emotic/train/mscoco/own_0",
        "emotic/val/framesdb/both_0",
        "emotic/val/framesdb/both_1",
        "emotic/test/mscoco/own_0",
    ]
    assert faults["leaked_left_out"] == 2


def test_the_same_person_twice_is_kept_and_counted(tmp_path: Path) -> None:
    person = Told(BOX, one(["Fear"]))
    samples, faults = read(mat(tmp_path, {"test": [ToldPicture("a.jpg", [person, person])]}))
    assert [sample.id for sample in samples] == ["emotic/test/mscoco/a_0", "emotic/test/mscoco/a_1"]
    assert faults["same_person_twice"] == 1


def test_the_released_labels(reference_data: Path) -> None:
    dataset = open_dataset("emotic", reference_data / "emotic-labels" / "gt_all.csv", leaked="leave_out")
    ledger = dataset.ledger()
    counts = {split: sum(1 for _ in dataset.samples(split, ledger)) for split in dataset.splits}
    left_out = ledger.count("leaked_left_out")
    assert left_out > 0
    assert counts == {"train": 23_706 - left_out, "val": 3_333, "test": 7_275}
    assert (ledger.count("leaked_picture"), ledger.count("leaked_person")) == (383, 937)
    val = {sample.group for sample in dataset.samples("val")}
    assert not any(sample.group in val for sample in dataset.samples("train"))
    assert not any(sample.group in val for sample in dataset.samples("test"))


# --- pictures ---------------------------------------------------------------------------------------------------

NESTINGS = ["", "emotic", "emotic/emotic", "images", "EMOTIC/PAMI/emotic", "cvpr_emotic"]


@pytest.mark.parametrize("nesting", NESTINGS)
def test_pictures_are_found_however_they_were_unpacked(nesting: str, tmp_path: Path) -> None:
    scenes = some_scenes()
    write.pictures(tmp_path / nesting, scenes)
    write.mat(tmp_path / "Annotations" / "Annotations" / "Annotations.mat", scenes)
    samples, faults = read(tmp_path)
    assert faults == {}
    for sample in samples:
        picture = open_picture(sample.picture)
        assert (picture.width, picture.height) == (64, 48)


def test_pictures_beside_the_one_file_that_is_named(tmp_path: Path) -> None:
    scenes = some_scenes()
    write.pictures(tmp_path / "emotic", scenes)
    file = write.mat(tmp_path / "Annotations" / "Annotations.mat", scenes)
    assert read(file)[1] == {}


def test_a_folder_of_pictures_by_name(tmp_path: Path) -> None:
    scenes = some_scenes()
    write.pictures(tmp_path / "elsewhere" / "p", scenes)
    file = write.mat(tmp_path / "a" / "b" / "c" / "Annotations.mat", scenes)
    samples, faults = read(file)
    assert {sample.picture for sample in samples} == {None}
    assert faults["labels_only"] == 3
    assert read(file, pictures=str(tmp_path / "elsewhere" / "p"))[1] == {}
    with pytest.raises(MissingFileError, match="no such folder of pictures"):
        read(file, pictures=str(tmp_path / "nowhere"))


def test_missing_and_broken_pictures(tmp_path: Path) -> None:
    scenes = some_scenes()
    write.pictures(tmp_path, scenes)
    mat(tmp_path, scenes)
    (tmp_path / "mscoco/images/COCO_train2014_000000000001.jpg").unlink()
    (tmp_path / "ade20k/images/ADE_train_00000003.jpg").write_bytes(b"no picture")
    samples, faults = read(tmp_path)
    assert len(samples) == 7
    assert samples[0].picture == tmp_path / "mscoco/images/COCO_train2014_000000000001.jpg"
    assert (faults["missing_picture"], faults["unreadable_picture"]) == (2, 1)


@pytest.mark.parametrize("mode", ["L", "RGBA", "1"])
def test_pictures_of_other_kinds_have_a_size_too(mode: str, tmp_path: Path) -> None:
    """EMOTIC has grey pictures, and PNG files that are called .jpg."""
    scenes = only(Told((1, 1, 640, 480), one(["Fear"])))
    mat(tmp_path, scenes)
    folder = tmp_path / "mscoco" / "images"
    folder.mkdir(parents=True)
    Image.new(mode, (64, 48)).save(folder / "a.jpg", "JPEG" if mode == "L" else "PNG")
    samples, faults = read(tmp_path)
    assert samples[0].box is not None
    assert samples[0].box.as_tuple() == (0, 0, 64, 48)
    assert faults == {"box_clamped": 1}


def test_a_size_behind_a_long_preamble_is_found(tmp_path: Path) -> None:
    scenes = only(Told((1, 1, 640, 480), one(["Fear"])))
    mat(tmp_path, scenes)
    write.pictures(tmp_path, scenes)
    file = tmp_path / "mscoco/images/a.jpg"
    data = file.read_bytes()
    comment = b"\xff\xfe" + (60_000).to_bytes(2, "big") + bytes(59_998)
    file.write_bytes(data[:2] + comment * 2 + data[2:])
    samples, _ = read(tmp_path)
    assert samples[0].box is not None
    assert samples[0].box.as_tuple() == (0, 0, 64, 48)


def test_a_stream_opens_no_picture_and_reads_each_header_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenes = some_scenes()
    write.pictures(tmp_path, scenes)
    mat(tmp_path, scenes)
    opened: list[str] = []
    real = Path.open

    def counting(self: Path, *args: object, **options: object) -> object:
        if self.suffix == ".jpg":
            opened.append(self.name)
        return real(self, *args, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", counting)
    dataset = open_emotic(tmp_path)
    first = next(stream := dataset.samples("train"))
    assert opened == ["COCO_train2014_000000000001.jpg"], (
        "one picture, when the first of its people is asked for"
    )
    assert isinstance(first.picture, Path)
    assert len(list(stream)) == 2
    assert len(list(dataset.samples("train"))) == 3
    assert len(opened) == 2


def test_options_have_known_values(tmp_path: Path) -> None:
    write.tandon_csv(tmp_path, some_scenes())
    for option in ("leaked", "unlabelled", "view"):
        with pytest.raises(OptionError, match=f"{option} has no such value: maybe.*One of: "):
            read(tmp_path, **{option: "maybe"})
    with pytest.raises(OptionError, match=r"no such split: tset.*There are: train, val, test"):
        next(iter(open_emotic(tmp_path).samples("tset")))


def test_arrays_say_that_they_have_no_boxes(tmp_path: Path) -> None:
    write.tandon_arrays(tmp_path, some_scenes())
    samples, faults = read(tmp_path)
    assert np.asarray(samples[0].picture).dtype == np.uint8
    assert faults == {"no_box": 7}


def test_boxes_of_heads_are_said_to_be_such(tmp_path: Path) -> None:
    assert read(write.bits(tmp_path, some_scenes()))[1]["head_box"] == 7


def test_two_passes_count_the_same(tmp_path: Path) -> None:
    dataset = open_emotic(leaky(tmp_path))

    def counts() -> Iterator[tuple[str, int]]:
        return ((finding.defect, finding.count) for finding in dataset.findings())

    assert list(counts()) == list(counts())
