"""The face recognizer on real weights and photographs: what a face tells, and what it does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import emoscene
from emoscene.errors import MissingFileError, ModelFilesError, ModelNotHereError, OptionError
from emoscene.images import open_picture
from emoscene.labels import LabelSpace, label_space, label_space_names
from emoscene.labels.space import Label
from emoscene.people import FACE_DETECTOR as DETECTOR
from emoscene.recognizers.base import WHOLE_PICTURE
from emoscene.recognizers.conformance import check_recognizer
from emoscene.recognizers.face import CUT, EXPRESSIONS, NETWORK, face_pixels, make, mapping, spoken_of
from emoscene.types import BoundingBox, Prediction, Sample, ScoreKind, Status

EMOTIC = label_space("emotic")


@pytest.fixture(autouse=True)
def no_default_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NETWORK, raising=False)
    monkeypatch.delenv(DETECTOR, raising=False)


@pytest.fixture(scope="session")
def files(reference_data: Path) -> dict[str, Any]:
    weights = reference_data / "weights"
    return {
        "network": str(weights / "face-expression/face_expression.onnx"),
        "detector": str(weights / "face-detector-yunet/yunet_n_640_640.onnx"),
    }


def box(*corners: float) -> BoundingBox:
    return BoundingBox.model_validate(corners)


def ask(
    reference_data: Path,
    files: dict[str, Any],
    photo: str,
    of: BoundingBox | None = None,
    labels: LabelSpace = EMOTIC,
) -> Prediction:
    sample = Sample(id=photo, picture=reference_data / "photos" / photo, box=of, source=photo)
    (row,) = make(labels, **files).predict([sample])
    return row


def test_the_laughing_baby_is_happy(reference_data: Path, files: dict[str, Any]) -> None:
    row = ask(reference_data, files, "happy-baby.jpeg")
    assert row.status is Status.OK
    assert row.dominant == "happiness"
    assert row.labels == ("happiness", "pleasure")
    assert row.score_kind is ScoreKind.LABEL_LIKELIHOOD
    assert row.vad is None
    silent = row.warnings[-1]
    assert silent.startswith("this model does not speak of: ")
    named = set(silent.removeprefix("this model does not speak of: ").split(", "))
    assert named == set(EMOTIC.ids) - set(spoken_of(EMOTIC))
    assert all(row.scores[label] == 0 for label in named)


def test_the_crying_baby_is_sad(reference_data: Path, files: dict[str, Any]) -> None:
    row = ask(reference_data, files, "sad-baby.jpeg")
    assert row.dominant == "sadness"
    assert row.labels == ("sadness", "suffering")


def test_a_box_picks_the_person(reference_data: Path, files: dict[str, Any]) -> None:
    left = ask(reference_data, files, "two_people.jpg", box(10, 26, 557, 661))
    right = ask(reference_data, files, "two_people.jpg", box(567, 31, 1115, 661))
    assert left.dominant == "happiness"
    assert left.labels[0] == "happiness"
    assert right.labels == ()
    assert right.warnings[0].startswith("the face looks neutral (0.9")
    in_ekman = ask(reference_data, files, "two_people.jpg", box(567, 31, 1115, 661), label_space("ekman"))
    assert in_ekman.labels == ("neutral",)
    assert in_ekman.warnings == ()


def test_a_small_face_in_a_large_picture_is_found_at_second_look(
    reference_data: Path, files: dict[str, Any]
) -> None:
    people = open_picture(reference_data / "photos/two_people.jpg")
    small = people.image.resize((people.width // 9, people.height // 9))
    canvas = np.zeros((2600, 3800, 3), np.uint8)
    canvas[1900 : 1900 + small.height, 3000 : 3000 + small.width] = np.asarray(small)
    person = box(3000, 1900, 3000 + small.width / 2, 1900 + small.height)
    (row,) = make(EMOTIC, **files).predict([Sample(id="0", picture=canvas, box=person)])
    assert row.status is Status.OK
    assert row.dominant == "happiness"
    assert any(warning.startswith("the face is only") for warning in row.warnings)


def test_no_face_in_the_box_is_no_person(reference_data: Path, files: dict[str, Any]) -> None:
    row = ask(reference_data, files, "000000000785.jpg", box(0, 0, 120, 120))
    assert row.status is Status.NO_PERSON
    assert row.error is not None
    assert "face" in row.error.message
    assert row.error.remedy


def test_without_a_detector_the_box_is_the_face(reference_data: Path, files: dict[str, Any]) -> None:
    sample = Sample(id="0", picture=reference_data / "photos/happy-baby.jpeg", box=box(493, 126, 755, 463))
    whole = Sample(id="1", picture=reference_data / "photos/happy-baby.jpeg")
    first, second = make(EMOTIC, network=files["network"]).predict([sample, whole])
    assert first.dominant == "happiness"
    assert first.warnings[0] == "no face detector was named: the box is taken as the face"
    assert WHOLE_PICTURE in second.warnings


def test_files_named_by_the_environment(files: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelNotHereError, match="-o network=PATH"):
        make(EMOTIC)
    monkeypatch.setenv(NETWORK, files["network"])
    assert make(EMOTIC).card.licence == "MIT"
    monkeypatch.setenv(NETWORK, "/absent.onnx")
    with pytest.raises(MissingFileError):
        make(EMOTIC)


def test_the_wrong_files_are_refused(files: dict[str, Any]) -> None:
    with pytest.raises(ModelFilesError):
        make(EMOTIC, network=files["detector"])
    with pytest.raises(ModelFilesError, match="not those of a face expression network"):
        make(EMOTIC, network=files["detector"], allow_unknown_hash=True)


@pytest.mark.slow
def test_it_keeps_the_promises_of_a_recognizer(reference_data: Path, files: dict[str, Any]) -> None:
    photos = ("happy-baby.jpeg", "sad-baby.jpeg", "000000000785.jpg")
    samples = [Sample(id=photo, picture=reference_data / "photos" / photo, source=photo) for photo in photos]
    report = check_recognizer(lambda labels: make(labels, **files), samples)
    report.raise_if_failed()


def test_the_face_fills_the_square_with_its_aspect_kept() -> None:
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[10:30, 20:30] = (10, 200, 30)
    planes = face_pixels(open_picture(pixels), box(20, 10, 30, 30))
    assert planes.shape == (3, 112, 112)
    assert planes.dtype == np.float32
    assert (planes[:, :, 28:84].transpose(1, 2, 0) == (10, 200, 30)).all()
    assert not planes[:, :, :28].any()
    assert not planes[:, :, 84:].any()


def test_which_labels_an_expression_speaks_of() -> None:
    by_name = {label: (EXPRESSIONS[s.expression], s.weight) for label, s in spoken_of(EMOTIC).items()}
    assert by_name == {
        "happiness": ("happiness", 1.0),
        "pleasure": ("happiness", 0.5),
        "sadness": ("sadness", 1.0),
        "suffering": ("sadness", 0.5),
        "anger": ("anger", 1.0),
        "annoyance": ("anger", 0.5),
        "fear": ("fear", 1.0),
        "disquietment": ("fear", 0.5),
        "aversion": ("disgust", 1.0),
        "surprise": ("surprise", 1.0),
    }
    ekman = label_space("ekman")
    assert {label: EXPRESSIONS[s.expression] for label, s in spoken_of(ekman).items()} == {
        label: label for label in ekman.ids
    }
    assert {label: EXPRESSIONS[s.expression] for label, s in spoken_of(label_space("plutchik")).items()} == {
        "joy": "happiness",
        "sadness": "sadness",
        "anger": "anger",
        "fear": "fear",
        "disgust": "disgust",
        "surprise": "surprise",
    }
    assert "aversion" in spoken_of(label_space("caption-study"))


def test_a_space_without_expressions_and_odd_options_are_refused() -> None:
    colours = LabelSpace("colours", "Colours", (Label("red", "Red", "Of blood."),))
    with pytest.raises(OptionError, match="colours"):
        make(colours)
    odd: tuple[dict[str, Any], ...] = ({"batch_size": 0}, {"batch_size": True}, {"allow_unknown_hash": "yes"})
    for wrong in odd:
        with pytest.raises(OptionError):
            make(EMOTIC, **wrong)


def test_chosen_labels_follow_the_cut(files: dict[str, Any]) -> None:
    recognizer = make(EMOTIC, network=files["network"])
    scores = dict.fromkeys(EMOTIC.ids, 0.0) | {"sadness": 0.5, "anger": CUT, "fear": CUT - 0.01}
    assert recognizer.chosen_labels(scores) == ("sadness", "anger")
    single = make(label_space("ekman"), network=files["network"])
    scores = dict.fromkeys(single.labels.ids, 0.0) | {"sadness": 0.5, "anger": 0.4}
    assert single.chosen_labels(scores) == ("sadness",)


def test_everybody_in_a_group_is_read_by_their_own_face(reference_data: Path, files: dict[str, Any]) -> None:
    rows = emoscene.analyze_all(
        reference_data / "photos/group.jpeg",
        people="all",
        person_detector=reference_data / "weights/person-detector-fastestdet/FastestDet.onnx",
        model="face",
        **files,
    )
    assert [row.status for row in rows] == [Status.OK] * 5
    assert len({tuple(row.scores.values()) for row in rows}) == 5


def test_anothers_face_is_not_this_persons(reference_data: Path, files: dict[str, Any]) -> None:
    photo = reference_data / "photos/two_people.jpg"
    left, behind = box(10, 26, 557, 661), box(150, 0, 600, 661)
    alone = Sample(id="0", picture=photo, box=behind)
    among = Sample(id="1", picture=photo, box=behind, others=(left,))
    (first, second) = make(EMOTIC, **files).predict([alone, among])
    assert first.status is Status.OK
    assert second.status is Status.NO_PERSON
    assert second.error is not None
    assert "not another person's" in second.error.message


@pytest.mark.parametrize("space", label_space_names())
def test_the_card_says_which_expression_means_which_label(space: str, files: dict[str, Any]) -> None:
    labels = label_space(space)
    limits = make(labels, **files).card.limits
    assert mapping(labels) in limits
    said = mapping(labels).partition("Never answered: ")
    for label in labels.ids:
        is_silent = label not in spoken_of(labels)
        assert (label in said[2].rstrip(".").split(", ")) == is_silent
    assert all(f"{expression} -> " in said[0] for expression in EXPRESSIONS)


def test_the_mapping_in_words() -> None:
    assert mapping(label_space("mikels")) == (
        "neutral -> no label; happiness -> amusement; sadness -> sadness; anger -> anger; fear -> fear; "
        "disgust -> disgust; surprise -> no label. Never answered: awe, contentment, excitement."
    )
    assert "happiness -> happiness, pleasure (0.5 of it); " in mapping(EMOTIC)
