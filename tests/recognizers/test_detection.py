"""Object detectors of transformers from a folder, as a user names one: boxes in pixels of the upright picture."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

import emoscene
from emoscene.errors import (
    AnswerError,
    EmosceneError,
    MissingExtraError,
    MissingFileError,
    ModelFilesError,
    ModelNotHereError,
    OptionError,
    UnknownModelError,
)
from emoscene.images import open_picture
from emoscene.people import DetectionOptions
from emoscene.people.detector import best_of_overlapping
from emoscene.recognizers.detection import TransformersDetector, open_detector
from emoscene.types import BoundingBox, Picture, Status
from tests import stand_in
from tests.tiny_detectors import FAMILIES, SETTABLE, Seen, save_tiny_detector

pytest.importorskip("transformers", reason="object detectors need the extra `models`")

#: Centre, width and height in shares; as corners 0.4, 0.1, 0.6, 0.7.
SEEN = Seen((0.5, 0.4, 0.2, 0.6))
SHAPES = [(200, 120), (120, 200), (300, 90), (90, 300), (96, 64)]


def pixels(width: int, height: int, seed: int = 0) -> Picture:
    rng = np.random.default_rng(seed)
    return open_picture(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One folder a family that sees SEEN, where that can be set, and one with random heads."""
    root = tmp_path_factory.mktemp("detectors")
    made = {
        f"{family}-seen": save_tiny_detector(root / f"{family}-seen", family, SEEN) for family in SETTABLE
    }
    return made | {family: save_tiny_detector(root / family, family) for family in FAMILIES}


def assert_box(box: BoundingBox, *wanted: float) -> None:
    np.testing.assert_allclose(box.as_tuple(), wanted, atol=0.01)


@pytest.mark.parametrize("family", SETTABLE)
def test_a_known_share_becomes_pixels_of_wide_and_tall_pictures(
    family: str, folders: dict[str, Path]
) -> None:
    detector = TransformersDetector(folders[f"{family}-seen"])
    for width, height in SHAPES:
        (person,) = detector.detect(pixels(width, height))
        assert person.id == "p0"
        assert person.score == pytest.approx(0.9, abs=1e-5)
        assert_box(person.box, 0.4 * width, 0.1 * height, 0.6 * width, 0.7 * height)


def read_plainly(folder: Path, picture: Picture) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """All person queries of a folder's model: boxes in pixels and scores, read from its raw outputs."""
    import torch
    from transformers import AutoImageProcessor, AutoModelForObjectDetection

    model = AutoModelForObjectDetection.from_pretrained(folder).eval()
    inputs = AutoImageProcessor.from_pretrained(folder)(images=picture.image, return_tensors="pt")
    with torch.inference_mode():
        outputs = model(inputs["pixel_values"])
    logits = outputs.logits[0].double().numpy()
    if model.config.model_type in ("detr", "yolos"):
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        scores = np.where(shares[:, :-1].argmax(axis=1) == 1, shares[:, 1], -1)
    else:
        scores = 1 / (1 + np.exp(-logits[:, 1]))
    x, y, w, h = outputs.pred_boxes[0].double().numpy().T
    corners = np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], axis=1)
    return corners * np.array([picture.width, picture.height] * 2), scores


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_read_as_its_raw_outputs_say(family: str, folders: dict[str, Path]) -> None:
    picture = pixels(600, 440)
    boxes, scores = read_plainly(folders[family], picture)
    # Families with a sigmoid score all pairs of query and class, and keep as many pairs as there are queries.
    options = DetectionOptions(score=float(np.sort(scores)[-3]) - 1e-6, overlap=0.7)
    assert options.score is not None
    people = TransformersDetector(folders[family], options).detect(picture)

    good = scores >= options.score
    kept = best_of_overlapping(boxes[good].astype(np.float32), scores[good].astype(np.float32), 0.7)
    wanted = sorted(
        (tuple(np.clip(box, 0, [600, 440] * 2)), score)
        for box, score in zip(boxes[good][kept], scores[good][kept], strict=True)
    )
    assert 1 <= len(wanted) == len(people)
    for person, (box, score) in zip(people, wanted, strict=True):
        assert_box(person.box, *box)
        assert person.score == pytest.approx(score, abs=1e-4)


@pytest.mark.parametrize("pad", [None, {"height": 128, "width": 128}, {"height": 96, "width": 160}])
@pytest.mark.parametrize("family", ["detr", "yolos", "deformable_detr"])
def test_what_a_network_is_trained_to_say_of_a_box_is_read_as_that_box(
    family: str, pad: dict[str, int] | None, tmp_path: Path
) -> None:
    from transformers import AutoImageProcessor

    padding: dict[str, Any] = {} if pad is None else {"do_pad": True, "pad_size": pad}
    folder = save_tiny_detector(tmp_path / "plain", family, processor=padding)
    picture = pixels(200, 120)
    truth = {"image_id": 1, "annotations": [
        {"image_id": 1, "category_id": 1, "bbox": [30, 20, 50, 80], "area": 4000, "iscrowd": 0}
    ]}  # fmt: skip
    processor = AutoImageProcessor.from_pretrained(folder)
    target = processor(images=picture.image, annotations=truth, return_tensors="pt")["labels"][0]
    says = tuple(float(share) for share in target["boxes"][0])
    trained = save_tiny_detector(tmp_path / "trained", family, Seen(says), processor=padding)  # type: ignore[arg-type]
    (person,) = TransformersDetector(trained).detect(picture)
    assert_box(person.box, 30, 20, 80, 100)


def test_boxes_are_those_of_the_upright_picture(folders: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "turned.jpg"
    turned = Image.new("RGB", (200, 120), (90, 90, 90))
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(path, exif=exif)
    (row,) = emoscene.analyze_all(path, people="all", person_detector=folders["detr-seen"], model="embedded")
    assert row.box is not None
    assert_box(row.box, 0.4 * 120, 0.1 * 200, 0.6 * 120, 0.7 * 200)


def test_score_class_and_overlap_decide_who_is_found(folders: dict[str, Path], tmp_path: Path) -> None:
    picture = pixels(200, 120)

    def count(folder: Path, **options: Any) -> int:
        return len(TransformersDetector(folder, DetectionOptions(**options)).detect(picture))

    for family in SETTABLE:
        folder = folders[f"{family}-seen"]
        assert count(folder, score=0.89) == 1
        assert count(folder, score=0.91) == 0
        # All six queries say the same; only then do all stay.
        assert count(folder, overlap=1) == 6
    dog = save_tiny_detector(tmp_path / "dog", "detr", Seen(SEEN.box, number=2))
    assert count(dog, score=0) == 0
    unsure = save_tiny_detector(tmp_path / "unsure", "detr", Seen(SEEN.box, score=0.65))
    assert TransformersDetector(unsure).score == 0.7
    assert count(unsure) == 0
    unsure = save_tiny_detector(tmp_path / "sigmoid", "conditional_detr", Seen(SEEN.box, score=0.65))
    assert TransformersDetector(unsure).score == 0.5
    assert count(unsure) == 1


@pytest.mark.parametrize("family", ["detr", "rt_detr", "yolos"])
def test_the_same_people_whatever_was_looked_at_before(family: str, folders: dict[str, Path]) -> None:
    pictures = [pixels(200, 120), pixels(90, 300, seed=1), pixels(64, 64, seed=2)]
    options = DetectionOptions(score=0.0)
    alone = [TransformersDetector(folders[family], options).detect(picture) for picture in pictures]
    detector = TransformersDetector(folders[family], options)
    assert [detector.detect(picture) for picture in pictures[::-1]] == alone[::-1]
    assert any(alone)


def test_nobody_and_too_small_are_rows(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in.register(monkeypatch)
    common: dict[str, Any] = {
        "people": "all", "person_detector": folders["detr-seen"], "model": "brightness"
    }  # fmt: skip
    picture = pixels(200, 120)
    (row,) = emoscene.analyze_all(picture, **common)
    assert row.status is Status.OK
    for options, words in (
        (DetectionOptions(score=0.95), "finds nobody"),
        (DetectionOptions(min_side=41), "too small (below 41 pixels or 0.0005 of the picture)"),
        (DetectionOptions(min_share=0.2), "too small"),
    ):
        (row,) = emoscene.analyze_all(picture, detection=options, **common)
        assert row.status is Status.NO_PERSON
        assert row.error is not None
        assert words in row.error.message
    (row,) = emoscene.analyze_all(picture, detection=DetectionOptions(overlap=1, most=1), **common)
    assert row.warnings[0] == "only the 1 most confident of 6 people are answered for"


def test_a_picture_that_a_detector_cannot_take_is_a_row(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    strip = pixels(3000, 2)
    with pytest.raises(AnswerError, match="3000 x 2"):
        TransformersDetector(folders["yolos-seen"]).detect(strip)
    stand_in.register(monkeypatch)
    (row,) = emoscene.analyze_all(
        strip, people="all", person_detector=folders["yolos-seen"], model="brightness"
    )
    assert row.status is Status.FAILED
    broken = save_tiny_detector(tmp_path / "nan", "detr", Seen(SEEN.box, score=float("nan")))
    with pytest.raises(AnswerError, match="no numbers"):
        TransformersDetector(broken).detect(pixels(100, 100))


def change(folder: Path, target: Path, **settings: Any) -> Path:
    """A copy with a changed configuration; a value of None takes the setting away."""
    shutil.copytree(folder, target)
    config = json.loads((target / "config.json").read_text()) | settings
    config = {key: value for key, value in config.items() if value is not None}
    (target / "config.json").write_text(json.dumps(config))
    return target


def no_such_name(name: str) -> Path:
    raise UnknownModelError("no such name", value=name)


def test_folders_that_are_no_detector_of_people(folders: dict[str, Path], tmp_path: Path) -> None:
    good = folders["detr-seen"]
    cats = change(good, tmp_path / "cats", id2label={"0": "cat", "1": "personal computer", "2": "dog"})
    unnamed = change(good, tmp_path / "unnamed", id2label=None)
    other = change(good, tmp_path / "other", architectures=["CLIPModel"], model_type="clip")
    timm = change(good, tmp_path / "timm", backbone_config=None, backbone="resnet50", use_timm_backbone=True)
    silent = change(good, tmp_path / "silent", backbone_config=None, use_timm_backbone=None)
    nested = change(good, tmp_path / "nested", backbone_config={"model_type": "timm_backbone"})
    named = change(
        good,
        tmp_path / "named",
        backbone_config=None,
        backbone="microsoft/resnet-50",
        use_timm_backbone=False,
    )
    pickled = tmp_path / "pickled"
    shutil.copytree(good, pickled)
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    torchvision = change(good, tmp_path / "torchvision", model_type="rf_detr")
    expected: list[tuple[Path, type[EmosceneError], str]] = [
        (cats, ModelFilesError, "no class `person`; its classes: cat, personal computer, dog"),
        (unnamed, ModelFilesError, "none are named"),
        (other, ModelFilesError, "no object detector"),
        (timm, MissingExtraError, "'timm'"),
        (silent, MissingExtraError, "'timm'"),
        (nested, MissingExtraError, "'timm'"),
        (named, ModelFilesError, "names its backbone"),
        (torchvision, MissingExtraError, "'torchvision'"),
        (pickled, ModelFilesError, "pickles"),
        (tmp_path, UnknownModelError, "no config.json"),
        (pickled / "pytorch_model.bin", ModelFilesError, "pickle"),
        (good / "model.safetensors", ModelNotHereError, "named by its folder"),
        (tmp_path / "absent.onnx", MissingFileError, "no detector here"),
        (tmp_path / "absent", UnknownModelError, "no such name"),
    ]
    for path, kind, words in expected:
        with pytest.raises(kind) as caught:
            open_detector(str(path), DetectionOptions(), no_such_name)
        assert type(caught.value) is kind
        assert words in str(caught.value)


@pytest.mark.parametrize(
    "written",
    [
        {"feature_extractor_type": "DetrFeatureExtractor", "max_size": 96, "size": 64},
        {"image_processor_type": "DetrImageProcessorFast", "size": {"shortest_edge": 64, "longest_edge": 96}},
        {"image_processor_type": "YolosImageProcessor", "size": {"shortest_edge": 64, "longest_edge": 96}},
    ],
)
def test_processors_as_older_folders_have_them(
    written: dict[str, Any], folders: dict[str, Path], tmp_path: Path
) -> None:
    kind = str(written.get("feature_extractor_type") or written["image_processor_type"])
    folder = change(folders["yolos-seen" if kind.startswith("Yolos") else "detr-seen"], tmp_path / "older")
    (folder / "preprocessor_config.json").write_text(json.dumps(written))
    (person,) = TransformersDetector(folder).detect(pixels(200, 120))
    assert_box(person.box, 80, 12, 120, 84)


def test_missing_weights_are_an_error_and_no_random_numbers(folders: dict[str, Path], tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder = change(folders["detr-seen"], tmp_path / "lacking")
    tensors = load_file(folder / "model.safetensors")
    del tensors["bbox_predictor.layers.2.bias"]
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelFilesError, match=r"bbox_predictor\.layers\.2\.bias"):
        TransformersDetector(folder).detect(pixels(50, 50))
    (folder / "preprocessor_config.json").unlink()
    shutil.copy(folders["detr-seen"] / "model.safetensors", folder)
    with pytest.raises(ModelFilesError, match="processor"):
        TransformersDetector(folder).detect(pixels(50, 50))


def test_hub_ids_are_found_in_the_cache(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in.register(monkeypatch)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "models--someone--detr"
    shutil.copytree(folders["detr-seen"], repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    found = emoscene.find_people(pixels(200, 120), person_detector="someone/detr")
    assert_box(found.people[0].box, 80, 12, 120, 84)
    with pytest.raises(ModelNotHereError, match="emoscene models pull someone/other"):
        emoscene.find_people(pixels(200, 120), person_detector="someone/other")
    with pytest.raises(UnknownModelError, match="hub id such as"):
        emoscene.find_people(pixels(200, 120), person_detector="nothing")


def test_a_detector_goes_with_people(folders: dict[str, Path]) -> None:
    options: dict[str, Any]
    for options in ({"person_detector": folders["detr"]}, {"detection": DetectionOptions()}):
        with pytest.raises(OptionError, match='people="all"'):
            emoscene.analyze_all(pixels(20, 20), model="embedded", **options)
        with pytest.raises(OptionError, match="one person"):
            emoscene.analyze(pixels(20, 20), model="embedded", **options)


def test_a_wrong_folder_is_told_before_torch_is_imported(folders: dict[str, Path], tmp_path: Path) -> None:
    cats = change(folders["detr-seen"], tmp_path / "cats", id2label={"0": "cat"})
    Image.new("RGB", (50, 50)).save(tmp_path / "picture.png")
    code = (
        "import sys; from emoscene.cli import main; "
        "code = main(sys.argv[1:]); assert 'torch' not in sys.modules; sys.exit(code)"
    )
    words = ["analyze", str(tmp_path / "picture.png"), "--people", "all", "--detector", str(cats)]
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: this detector has no class `person`; its classes: cat")
    assert done.stderr.count("\n") == 1
    # On an idle machine it is half a second.
    assert time.perf_counter() - begin < 5
