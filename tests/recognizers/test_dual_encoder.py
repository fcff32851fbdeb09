"""The dual-encoder recognizer on tiny real models, loaded from a folder as a user's would be."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from emoscene import load
from emoscene.errors import ModelFilesError, OptionError, UnknownModelError
from emoscene.images import open_picture, regions
from emoscene.labels import LabelSpace, label_space
from emoscene.recognizers.base import WHOLE_PICTURE
from emoscene.recognizers.conformance import check_recognizer
from emoscene.recognizers.dual_encoder import LITTLE_SEEN, DualEncoderRecognizer, Prompts, View, make
from emoscene.recognizers.encoders import DualEncoder, load_encoder
from emoscene.types import BoundingBox, Prediction, Sample, ScoreKind, Status
from tests.tiny_clip import KINDS, Kind, save_tiny_clip

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

EKMAN = label_space("ekman")
EMOTIC = label_space("emotic")


@pytest.fixture(scope="module", params=KINDS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    kind: Kind = request.param
    return save_tiny_clip(tmp_path_factory.mktemp(kind), kind)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_clip(tmp_path_factory.mktemp("clip"))


def picture(width: int = 80, height: int = 60) -> Image.Image:
    rng = np.random.default_rng(5)
    return Image.fromarray(rng.integers(0, 255, (height, width, 3), dtype=np.uint8))


def people() -> list[Sample]:
    boxes = [BoundingBox(x1=5 + 9 * i, y1=4, x2=40 + 9 * i, y2=55) for i in range(4)]
    return [Sample(id=str(i), picture=picture(), box=box) for i, box in enumerate(boxes)]


def ask(folder: Path, sample: Sample, labels: LabelSpace = EKMAN, **options: Any) -> Prediction:
    (row,) = make(labels, model=str(folder), **options).predict([sample])
    return row


def scores(rows: list[Prediction]) -> npt.NDArray[np.float64]:
    return np.array([list(row.scores.values()) for row in rows])


def test_it_keeps_every_promise(folder: Path) -> None:
    check_recognizer(lambda labels: make(labels, model=str(folder)), people()).raise_if_failed()


def test_scores_are_cosines_and_the_six_nearest_are_chosen(folder: Path) -> None:
    row = ask(folder, people()[0], EMOTIC)
    assert row.status is Status.OK
    assert row.score_kind is ScoreKind.SIMILARITY
    assert row.vad is None
    assert list(row.labels) == sorted(row.scores, key=lambda label: -row.scores[label])[:6]
    assert row.dominant == row.labels[0]
    assert len(set(row.scores.values())) > 20
    assert len(ask(folder, people()[0]).labels) == 1, "a space of single labels"


def test_scores_are_those_worked_out_by_hand(clip: Path) -> None:
    """From the sentence, the views and the vectors, for one person of a square picture."""
    square = picture(60, 60)
    box = BoundingBox(x1=10, y1=10, x2=40, y2=40)
    row = ask(clip, Sample(id="0", picture=square, box=box), prompts="paper")
    encoder = load_encoder(clip)
    names = {label.id: label.name.lower() for label in EKMAN}
    said = encoder.encode_texts([f"a photo of a person who feels {names[label]}" for label in row.scores])
    opened = open_picture(square)
    seen = encoder.encode_pictures([regions.red_box(opened, box), regions.crop(opened, box, 0.1)])
    assert np.allclose(scores([row])[0], (seen @ said.T).mean(axis=0), atol=1e-6)


def test_a_labels_vector_is_the_mean_of_its_sentences(clip: Path) -> None:
    encoder = load_encoder(clip)
    told: list[list[str]] = []
    encode = encoder.encode_texts

    def listened(texts: list[str]) -> Any:
        told.append(list(texts))
        return encode(texts)

    encoder.encode_texts = listened  # type: ignore[assignment, method-assign]
    recognizer = DualEncoderRecognizer(EMOTIC, encoder)
    (texts,) = told
    assert len(texts) == len(set(texts)) == 4 * len(EMOTIC)
    doubt = EMOTIC.ids.index("doubt_confusion")
    assert all("doubt or confusion" in text for text in texts[4 * doubt : 4 * doubt + 4])
    mean = encode(texts).reshape(len(EMOTIC), 4, -1).mean(axis=1)
    expected = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    (row,) = recognizer.predict([Sample(id="0", picture=picture(60, 60))])
    (seen,) = encoder.encode_pictures([picture(60, 60)])
    assert np.allclose(scores([row])[0], seen @ expected.T, atol=1e-6)


@pytest.mark.parametrize("prompts", ["templates", "definitions", "paper"])
def test_both_views_are_the_mean_of_each(clip: Path, prompts: Prompts) -> None:
    def of(view: View) -> npt.NDArray[np.float64]:
        rows = make(EKMAN, model=str(clip), view=view, prompts=prompts).predict(people())
        return scores(list(rows))

    assert np.allclose(of("both"), (of("redbox") + of("crop")) / 2, atol=1e-6)
    assert np.abs(of("redbox") - of("crop")).max() > 1e-3


def test_without_a_box_the_picture_is_seen_as_it_is(clip: Path) -> None:
    alone = Sample(id="0", picture=picture())
    rows = [ask(clip, alone, view=view) for view in ("both", "redbox", "crop")]
    assert all(row.scores == rows[0].scores for row in rows)
    assert all(WHOLE_PICTURE in row.warnings for row in rows)
    among = list(make(EKMAN, model=str(clip)).predict([people()[0], alone, people()[1]]))
    assert np.allclose(scores(among)[1], scores(rows)[0], atol=1e-6), "one view among people with two"


def test_nobody_is_cut_away(clip: Path) -> None:
    """CLIP sees the square in the middle of a wide picture. Padded, it sees who stands at the edge."""
    wide = np.full((60, 240, 3), 90, np.uint8)
    box = BoundingBox(x1=2, y1=5, x2=40, y2=58)
    someone = wide.copy()
    someone[10:55, 8:34] = np.random.default_rng(2).integers(0, 255, (45, 26, 3))

    def of(pixels: npt.NDArray[np.uint8], fit: Any) -> Prediction:
        return ask(clip, Sample(id="0", picture=pixels, box=box), view="redbox", fit=fit)

    empty_cut, cut = of(wide, "cut"), of(someone, "cut")
    assert empty_cut.scores == cut.scores
    assert LITTLE_SEEN in cut.warnings
    padded = of(someone, "pad")
    assert np.abs(scores([of(wide, "pad")]) - scores([padded])).max() > 1e-4
    assert LITTLE_SEEN not in padded.warnings


def test_who_stands_in_the_middle_is_seen_also_when_cut(clip: Path) -> None:
    middle = Sample(id="0", picture=picture(200, 60), box=BoundingBox(x1=80, y1=5, x2=120, y2=55))
    assert ask(clip, middle, view="redbox", fit="cut").warnings == ()


def test_models_that_see_the_whole_picture_are_not_padded(tmp_path: Path) -> None:
    siglip = save_tiny_clip(tmp_path, "siglip")
    assert ask(siglip, people()[0]).scores == ask(siglip, people()[0], fit="cut").scores


def test_large_pictures_cost_no_more_memory_than_small_ones(clip: Path) -> None:
    large = Image.new("RGB", (6000, 300), (90, 80, 70))
    recognizer = make(EKMAN, model=str(clip))
    sample = Sample(id="0", picture=large, box=BoundingBox(x1=0, y1=0, x2=200, y2=300))
    ready = recognizer.prepare(recognizer.settle(sample))
    assert [view["pixel_values"].shape for view in ready.views] == [(1, 3, 32, 32)] * 2


def test_labels_are_encoded_once_for_a_model(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    read = DualEncoder._read

    def counted(self: DualEncoder, texts: Any) -> Any:
        calls.append(len(texts))
        return read(self, texts)

    monkeypatch.setattr(DualEncoder, "_read", counted)
    first = list(make(EMOTIC, model=str(clip)).predict(people()))
    assert sum(calls) == 26 * 4
    again = list(make(EMOTIC, model=str(clip)).predict(people()))
    assert sum(calls) == 26 * 4
    assert [row.scores for row in first] == [row.scores for row in again]
    backwards = replace(EMOTIC, labels=EMOTIC.labels[::-1])
    turned = list(make(backwards, model=str(clip)).predict(people()))
    assert sum(calls) == 26 * 4, "another order is the same set"
    for one, other in zip(first, turned, strict=True):
        assert one.scores == pytest.approx(other.scores, abs=1e-9)
    list(make(EMOTIC, model=str(clip), prompts="paper").predict(people()[:1]))
    assert sum(calls) == 26 * 5, "other sentences are other vectors"


def test_a_cache_that_cannot_be_written_to_is_said_once(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = make(EKMAN, model=str(clip))
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("EMOSCENE_CACHE", str(tmp_path / "file"))
    recognizer = make(EKMAN, model=str(clip))
    for first, second in zip(kept.predict(people()), recognizer.predict(people()), strict=True):
        assert second.scores == pytest.approx(first.scores, abs=1e-6)
        assert second.warnings == ()
    assert kept.closing_words() == []
    (said,) = recognizer.closing_words()
    assert "EMOSCENE_CACHE" in said


def test_definitions_that_are_cut_are_said(clip: Path) -> None:
    long = replace(EKMAN.labels[0], definition="feels calm at home " * 60)
    space = replace(EKMAN, labels=(long, *EKMAN.labels[1:]))
    row = ask(clip, people()[0], space, prompts="definitions")
    (said,) = row.warnings
    assert said.startswith(f"sentences longer than the encoder reads: {long.id}, ")
    assert len(said.split(", ")) < len(space)
    assert ask(clip, people()[0], space).warnings == ()


def test_a_model_without_numbers_for_a_picture_marks_its_row(clip: Path) -> None:
    import torch

    encoder = load_encoder(clip)
    recognizer = DualEncoderRecognizer(EKMAN, encoder)
    with torch.no_grad():
        encoder._model.visual_projection.weight.fill_(float("nan"))
    (row,) = recognizer.predict(people()[:1])
    assert row.status is Status.FAILED
    assert row.error is not None
    assert "dtype=float32" in row.error.remedy


def test_a_folder_is_a_model(clip: Path) -> None:
    recognizer = load(clip, "ekman", view="crop")
    (row,) = recognizer.predict(people()[:1])
    assert row.model == clip.name
    assert row.scores == ask(clip, people()[0], view="crop").scores
    assert not recognizer.card.uses_text
    assert "Reads no words" in recognizer.card.limits
    assert recognizer.card.licence


def test_wrong_folders_and_options(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="which model"):
        make(EKMAN)
    with pytest.raises(OptionError, match="batch_size"):
        make(EKMAN, model=str(clip), batch_size=0)
    with pytest.raises(OptionError, match="view"):
        load(clip, view="side")
    with pytest.raises(OptionError, match="Its options: model, view, prompts, fit"):
        load(clip, mode="answer")
    for file in clip.iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    with pytest.raises(ModelFilesError, match="no weights"):
        make(EKMAN, model=str(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "llava", "vision_config": {}}')
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(UnknownModelError, match="vlm"):
        make(EKMAN, model=str(tmp_path))


@pytest.mark.slow
def test_the_command_line_prints_26_cosines(folder: Path, tmp_path: Path) -> None:
    import subprocess
    import sys

    photo = tmp_path / "photo.png"
    picture().save(photo)
    command = ["-c", "from emoscene.cli import main; main()", "analyze", str(photo), "--box", "5,4,40,55"]
    command += ["--model", str(folder), "--json"]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    row = json.loads(done.stdout)
    assert len(row["scores"]) == 26
    assert row["score_kind"] == "similarity"
    assert "[transformers]" not in done.stderr
    assert "Loading" not in done.stderr


def test_nothing_heavy_is_imported_for_the_name() -> None:
    import subprocess
    import sys

    code = "import emoscene.recognizers.dual_encoder, sys; print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
