"""The Python face: resolve, load, analyze, and what `import emoscene` hands out."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import emoscene
from emoscene import api, catalogue
from emoscene.catalogue import choosing
from emoscene.errors import (
    BoxError,
    LabelSpaceError,
    MissingExtraError,
    MissingFileError,
    ModelFilesError,
    ModelNotHereError,
    OptionError,
    UnknownModelError,
)
from emoscene.types import BoundingBox, Sample, Status
from tests import stand_in


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stand_in.register(monkeypatch)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("EMOSCENE_PERSON_DETECTOR", raising=False)
    api._kept.cache_clear()


def pixels() -> Any:
    picture = np.full((60, 90, 3), 60, dtype=np.uint8)
    picture[:, 45:] = 220
    return picture


#: What is read of a folder before it is loaded.
LLAVA = '{"model_type": "llava", "vision_config": {}}'


def put_in_cache(hub: Path, hub_id: str, *, weights: bool = True) -> Path:
    """A model's files as the hub's client lays them out."""
    repository = hub / f"models--{hub_id.replace('/', '--')}"
    commit = "0123456789" * 4
    snapshot = repository / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    (snapshot / "config.json").write_text(LLAVA)
    if weights:
        (snapshot / "model.safetensors").write_bytes(b"")
    return snapshot


def test_every_public_name_is_there() -> None:
    for name in emoscene.__all__:
        assert getattr(emoscene, name) is not None
    assert set(emoscene.__all__) - {"__version__"} == set(emoscene._HOMES)
    assert set(emoscene.__all__) <= set(dir(emoscene))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = emoscene.nothing
    assert importlib.import_module("emoscene.api").analyze is emoscene.analyze


@pytest.mark.parametrize(
    "box", [(45, 0, 90, 60), [45, 0, 90, 60], "45,0,90,60", BoundingBox(x1=45, y1=0, x2=90, y2=60)]
)
def test_analyze_one_person(box: Any) -> None:
    row = emoscene.analyze(pixels(), box=box, model="brightness")
    assert row.status is Status.OK
    assert row.id == "ndarray#0"
    assert row.box == BoundingBox(x1=45, y1=0, x2=90, y2=60)
    assert row.vad is not None
    assert row.vad.valence == pytest.approx(1 + 9 * 220 / 255)


def test_numpy_boxes() -> None:
    row = emoscene.analyze(pixels(), box=np.array([0.0, 0.0, 45.0, 60.0]), model="brightness")  # type: ignore[arg-type]
    assert row.ok


def test_analyze_all_keeps_the_order_of_the_boxes() -> None:
    rows = emoscene.analyze_all(
        pixels(), boxes=[(45, 0, 90, 60), (0, 0, 45, 60), (99, 99, 120, 120)], model="brightness"
    )
    assert [row.status for row in rows] == [Status.OK, Status.OK, Status.NO_PERSON]
    assert [row.id for row in rows] == ["ndarray#0", "ndarray#1", "ndarray#2"]
    assert rows[0].vad is not None
    assert rows[1].vad is not None
    assert rows[0].vad.valence > rows[1].vad.valence


def test_the_same_picture_from_everywhere_gives_the_same_scores(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(pixels()).save(path)
    pictures = [path, str(path), path.read_bytes(), pixels(), Image.open(path), emoscene.open_picture(path)]
    rows = [emoscene.analyze(picture, model="brightness") for picture in pictures]
    assert all(row.scores == rows[0].scores for row in rows)
    assert [row.source for row in rows[:4]] == [str(path), str(path), "bytes", "ndarray"]


def test_what_is_wrong_with_the_call_raises(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError):
        emoscene.analyze(tmp_path / "none.png", model="brightness")
    with pytest.raises(BoxError):
        emoscene.analyze(pixels(), box=(9, 9, 1, 1), model="brightness")
    with pytest.raises(BoxError):
        emoscene.analyze(pixels(), box=(1, 2, 3), model="brightness")
    with pytest.raises(OptionError, match="nothing to look at"):
        emoscene.analyze(model="brightness")
    with pytest.raises(OptionError, match="exclude each other"):
        emoscene.analyze_all(pixels(), boxes=[(0, 0, 9, 9)], people="all", model="brightness")
    with pytest.raises(ModelNotHereError):
        emoscene.analyze_all(pixels(), people="all", model="brightness")
    with pytest.raises(LabelSpaceError):
        emoscene.load("brightness", labels="none")
    with pytest.raises(OptionError, match="gloo"):
        emoscene.load("brightness", gloo=1)


def test_what_is_wrong_with_a_picture_is_a_row(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_text("no picture")
    assert emoscene.analyze(path, model="brightness").status is Status.UNREADABLE
    assert emoscene.analyze(b"", model="brightness").status is Status.UNREADABLE


def test_models_are_kept_and_options_tell_them_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    make = stand_in.Brightness

    def counted(*given: Any, **options: Any) -> stand_in.Brightness:
        made.append(options)
        return make(*given, **options)

    monkeypatch.setattr(stand_in, "Brightness", counted)
    for _ in range(3):
        plain = emoscene.analyze(pixels(), model="brightness")
    gloomy = emoscene.analyze(pixels(), model="brightness", gloom=0.3)
    assert len(made) == 2
    assert plain.scores != gloomy.scores


def test_words_alone_go_to_the_text_recognizer(monkeypatch: pytest.MonkeyPatch) -> None:
    choice = emoscene.resolve("auto", words_only=True)
    assert (choice.recognizer, choice.auto) == ("text", True)
    assert "words" in choice.why
    import sys

    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"emoscene\[text\]"):
        emoscene.analyze(text="They cry at the grave.")


def test_auto_without_models_is_embedded() -> None:
    choice = emoscene.resolve("auto")
    assert choice.recognizer == "embedded"
    assert "no model for photographs is on this machine" in choice.why


def test_auto_takes_the_best_model_that_is_wholly_here(tmp_path: Path) -> None:
    put_in_cache(tmp_path / "hub", "llava-hf/llava-1.5-13b-hf", weights=False)
    snapshot = put_in_cache(tmp_path / "hub", "llava-hf/llava-1.5-7b-hf")
    choice = emoscene.resolve("auto", batch_size=2)
    assert choice.name == "llava-1.5-7b"
    assert choice.options == {"model": str(snapshot), "batch_size": 2}
    assert f"1 of {len(catalogue.for_photographs())}" in choice.why


def test_auto_without_torch_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_in_cache(tmp_path / "hub", "llava-hf/llava-1.5-7b-hf")
    monkeypatch.setattr("emoscene.catalogue.here.find_spec", lambda name: None)
    choice = emoscene.resolve("auto")
    assert choice.recognizer == "embedded"
    assert 'pip install "emoscene[models]"' in choice.why


def test_auto_recognizer_says_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        choosing, "_automatic", lambda w, o: api.Choice("brightness", "a test", "brightness", o, True)
    )
    recognizer = emoscene.load(gloom=0.1)
    assert isinstance(recognizer, emoscene.AutoRecognizer)
    assert isinstance(recognizer, emoscene.Recognizer)
    assert recognizer.choice.why == "a test"
    assert (recognizer.name, recognizer.labels.name) == ("brightness", "emotic")
    rows = list(recognizer.predict([Sample(id="a", picture=pixels()), Sample(id="b", picture=b"")]))
    assert [row.id for row in rows] == ["a", "b"]


def test_names_of_the_catalogue_and_hub_ids(tmp_path: Path) -> None:
    snapshot = put_in_cache(tmp_path / "hub", "llava-hf/llava-1.5-7b-hf")
    for spec in ("llava-1.5-7b", "llava-hf/llava-1.5-7b-hf"):
        choice = emoscene.resolve(spec, mode="score")
        assert choice.recognizer == "vlm"
        assert choice.options == {"model": str(snapshot), "mode": "score"}
        assert choice.title == "llava-hf/llava-1.5-7b-hf@01234567"
    with pytest.raises(ModelNotHereError, match="emoscene models pull"):
        emoscene.resolve("llava-1.5-13b")
    with pytest.raises(UnknownModelError, match="cannot ask it yet"):
        emoscene.resolve("hsemotion-b0")
    with pytest.raises(UnknownModelError, match="Did you mean"):
        emoscene.resolve("brightnes")


def test_converted_adapters_of_the_catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOSCENE_CACHE", str(tmp_path / "own"))
    with pytest.raises(ModelNotHereError, match="models pull llava-13b-emotic"):
        emoscene.resolve("llava-13b-emotic")
    converted = tmp_path / "own" / "converted" / "llava-13b-emotic" / ("89abcdef01" * 4)
    converted.mkdir(parents=True)
    config = '{"peft_type": "LORA", "base_model_name_or_path": "llava-hf/llava-1.5-13b-hf"}'
    (converted / "adapter_config.json").write_text(config)
    (converted / "adapter_model.safetensors").write_bytes(b"")
    with pytest.raises(ModelNotHereError, match=r"models pull llava-1\.5-13b"):
        emoscene.resolve("llava-13b-emotic")
    base = put_in_cache(tmp_path / "hub", "llava-hf/llava-1.5-13b-hf")
    choice = emoscene.resolve("llava-13b-emotic")
    assert choice.options == {"model": str(base), "adapter": str(converted)}
    assert choice.title == "llava-13b-emotic@89abcdef"


def test_folders(tmp_path: Path) -> None:
    with pytest.raises(UnknownModelError, match=r"no config\.json"):
        emoscene.resolve(tmp_path)
    (tmp_path / "config.json").write_text(LLAVA)
    with pytest.raises(ModelFilesError, match="no weights"):
        emoscene.resolve(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"")
    choice = emoscene.resolve(tmp_path)
    assert (choice.recognizer, choice.options) == ("vlm", {"model": str(tmp_path)})


def test_a_choice_can_be_loaded_and_a_yaml_file_be_overruled(tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text("model: brightness\noptions: {gloom: 0.2, batch_size: 3}\n")
    choice = emoscene.resolve(spec, gloom=0.4)
    assert choice.options == {"gloom": 0.4, "batch_size": 3}
    recognizer = emoscene.load(choice)
    assert isinstance(recognizer, stand_in.Brightness)
    assert (recognizer.gloom, recognizer.batch_size) == (0.4, 3)


def test_a_pulled_model_answers_under_its_hub_id_and_commit() -> None:
    choice = api.Choice("llava-1.5-7b", "a test", "brightness", title="a/b@01234567")
    recognizer = emoscene.load(choice)
    (row,) = recognizer.predict([Sample(id="a", picture=pixels())])
    assert (row.model, recognizer.card.name) == ("a/b@01234567", "a/b@01234567")


def test_a_model_file_names_a_folder_beside_it(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "config.json").write_text(LLAVA)
    (tmp_path / "weights" / "model.safetensors").write_bytes(b"")
    spec = tmp_path / "spec.yaml"
    spec.write_text("model: ./weights\n")
    assert emoscene.resolve(spec).options == {"model": str(tmp_path / "weights")}


def test_people_are_found_in_the_order_of_the_pictures(
    reference_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = reference_data / "weights/person-detector-fastestdet/FastestDet.onnx"
    monkeypatch.setenv("EMOSCENE_PERSON_DETECTOR", str(detector))
    group = reference_data / "photos/group.jpeg"
    everybody = emoscene.analyze_all(group, people="all", model="brightness")
    largest = emoscene.analyze_all(group, people="largest", model="brightness")
    boxes = [row.box for row in everybody if row.box is not None]
    assert len(boxes) >= 3
    assert [box.x1 for box in boxes] == sorted(box.x1 for box in boxes)
    assert [row.box for row in largest] == [max(boxes, key=lambda box: box.area)]
    nobody = emoscene.analyze_all(pixels(), people="all", model="brightness")
    assert [row.status for row in nobody] == [Status.NO_PERSON]
    assert nobody[0].id == "ndarray#0"


def test_no_boxes_are_nobody() -> None:
    assert emoscene.analyze_all("examples/birthday.png", boxes=[], model="embedded") == []


@pytest.mark.parametrize("box", [(1, 2, "a", 4), (1, 2, None, 4)])
def test_a_box_that_is_no_numbers_is_a_box_error(box: Any) -> None:
    with pytest.raises(BoxError, match="four numbers"):
        emoscene.analyze("examples/birthday.png", box=box, model="embedded")


@pytest.mark.parametrize("name", ["boxes", "people"])
def test_one_person_is_asked_for_with_box(name: str) -> None:
    options: dict[str, Any] = {name: []}
    with pytest.raises(OptionError, match="analyze_all"):
        emoscene.analyze("examples/birthday.png", model="embedded", **options)
