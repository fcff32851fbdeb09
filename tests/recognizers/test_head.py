"""The recognizer `head`, on tiny real models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from emoscene.errors import ModelFilesError, OptionError, UnknownModelError
from emoscene.labels import LabelSpace, label_space
from emoscene.networks.head import About, Head, load_head, save_head
from emoscene.recognizers.base import settle
from emoscene.recognizers.conformance import check_recognizer
from emoscene.recognizers.head import HeadRecognizer, make
from emoscene.recognizers.head_features import EncoderLook, PromptLook, open_features, read_look
from emoscene.recognizers.loading import Placement
from emoscene.types import BoundingBox, Sample, ScoreKind, Status
from tests.tiny_clip import save_tiny_clip
from tests.tiny_languages import save_tiny_language
from tests.tiny_llava import save_tiny_llava

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

EKMAN, EMOTIC = label_space("ekman"), label_space("emotic")
LOOKS: dict[str, tuple[str, dict[str, Any]]] = {
    "clip": ("clip", {"kind": "encoder"}),
    "clip with words": ("clip", {"kind": "encoder", "views": ["crop"], "words": True}),
    "llava": ("llava", {"kind": "prompt"}),
    "llava, paper": ("llava", {"kind": "prompt", "prompt": "paper", "pool": "mean", "layer": 1}),
    "language": ("language", {"kind": "prompt"}),
}


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bases")
    return {
        "clip": save_tiny_clip(folder / "clip"),
        "llava": save_tiny_llava(folder / "llava"),
        "language": save_tiny_language(folder / "language"),
    }


def picture(shade: int = 5) -> Image.Image:
    rng = np.random.default_rng(shade)
    return Image.fromarray(rng.integers(0, 255, (60, 80, 3), dtype=np.uint8))


def somebody(name: str = "a", **changes: Any) -> Sample:
    fields = {"picture": picture(), "box": BoundingBox(x1=5, y1=4, x2=40, y2=55), "text": "A child cries."}
    return Sample(id=name, **{**fields, **changes})


def saved(base: Path, look: dict[str, Any], folder: Path, labels: LabelSpace = EKMAN) -> str:
    """A head with drawn weights on the features of a base model."""
    features = open_features(base, read_look(look), labels, Placement(), 4)
    card = {"uses_picture": features.uses_picture, "uses_text": features.uses_text}
    ready = features.prepare(settle(somebody(), _card(**card), "head"))
    width = features.vectors([ready]).shape[1]
    torch.manual_seed(1)
    head = Head(width, len(labels), hidden=8)
    about = About(
        name="tiny head", base=str(base), base_sha256=features.sha256, features=look, label_space=labels.name,
        labels=labels.ids, width=width, hidden=8,
    )  # fmt: skip
    save_head(head, about, labels, folder)
    return str(folder)


def _card(**uses: Any) -> Any:
    from emoscene.recognizers.base import Card

    return Card("head", "", "", **uses)


@pytest.mark.parametrize("name", LOOKS)
def test_it_keeps_every_promise(bases: dict[str, Path], tmp_path: Path, name: str) -> None:
    base, look = LOOKS[name]
    folder = saved(bases[base], look, tmp_path)
    people = [somebody("a"), somebody("b", picture=picture(6), text="He laughs, and nobody else does.")]
    check_recognizer(lambda labels: make(labels, head=folder), people, labels=EKMAN).raise_if_failed()


def test_a_row_holds_sigmoids_and_levels(bases: dict[str, Path], tmp_path: Path) -> None:
    folder = saved(bases["clip"], {"kind": "encoder"}, tmp_path)
    recognizer = make(EKMAN, head=folder)
    (row,) = recognizer.predict([somebody()])
    assert row.status is Status.OK
    assert row.score_kind is ScoreKind.ACTIVATION
    assert row.model == "tiny head"
    head, about = load_head(tmp_path)
    features = open_features(bases["clip"], EncoderLook(), EKMAN, Placement(), 1)
    vectors = features.vectors([features.prepare(settle(somebody(), recognizer.card, "head"))])
    with torch.inference_mode():
        logits, levels = head(torch.from_numpy(vectors))
    assert list(row.scores.values()) == pytest.approx(logits[0].sigmoid().tolist(), abs=1e-6)
    assert row.vad is not None
    assert [level for _, level in row.vad] == pytest.approx([1 + 9 * v for v in levels[0].tolist()], abs=1e-5)
    assert about.labels == EKMAN.ids


def test_encoder_features_are_the_views_one_after_another(bases: dict[str, Path]) -> None:
    def of(*views: str, words: bool = False, **changes: Any) -> Any:
        look = read_look({"kind": "encoder", "views": list(views), "words": words})
        features = open_features(bases["clip"], look, EKMAN, Placement(), 2)
        return features.vectors([features.prepare(settle(somebody(**changes), _card(), "head"))])[0]

    red, crop, whole = of("redbox"), of("crop"), of("whole")
    assert np.allclose(of("crop", "whole", "redbox"), np.concatenate([crop, whole, red]), atol=1e-6)
    assert np.linalg.norm(crop) == pytest.approx(1, abs=1e-5)
    assert min(np.abs(red - whole).max(), np.abs(crop - whole).max()) > 1e-3
    read = of("crop", words=True)[len(crop) :]
    assert np.linalg.norm(read) == pytest.approx(1, abs=1e-5)
    assert np.abs(of("crop", words=True, text="Other.")[len(crop) :] - read).max() > 1e-3
    assert not of("crop", words=True, text=None)[len(crop) :].any()
    moved = BoundingBox(x1=30, y1=4, x2=70, y2=55)
    assert np.allclose(of("whole", box=moved), whole), "nothing says who is meant"
    assert np.abs(of("crop", box=moved) - crop).max() > 1e-3


@pytest.mark.parametrize("base", ["llava", "language"])
def test_prompt_features_are_hidden_states_where_the_answer_would_begin(
    bases: dict[str, Path], base: str
) -> None:
    def of(text: str = "A child cries.", **look: Any) -> Any:
        features: Any = open_features(bases[base], PromptLook(**look), EMOTIC, Placement(), 4)
        card = _card(uses_picture=features.uses_picture, uses_text=True)
        ready = features.prepare(settle(somebody(text=text), card, "head"))
        long = features.prepare(settle(somebody("b", text="He laughs. " * 9), card, "head"))
        together, alone = features.vectors([ready, long])[0], features.vectors([ready])[0]
        assert np.allclose(together, alone, atol=1e-5), "padding is never seen"
        row, tail, _ = ready
        inputs = features._source.shared.inputs([row], [tail])
        with torch.inference_mode():
            states = features._model(**inputs, output_hidden_states=True).hidden_states
        return alone, [layer[0].float().numpy() for layer in states]

    last, states = of()
    assert np.allclose(last, states[-1][-1], atol=1e-5)
    mean, _ = of(pool="mean")
    assert np.allclose(mean, states[-1].mean(axis=0), atol=1e-5)
    middle, _ = of(layer=1)
    assert np.allclose(middle, states[1][-1], atol=1e-5)
    other, _ = of("A man dances.")
    assert np.abs(other - last).max() > 1e-4
    paper, asked = of(prompt="paper")
    assert asked[-1].shape[0] > states[-1].shape[0], "all labels are named"
    assert np.abs(paper - last).max() > 1e-4


def test_a_part_of_the_labels_may_be_asked_and_no_other(bases: dict[str, Path], tmp_path: Path) -> None:
    folder = saved(bases["clip"], {"kind": "encoder"}, tmp_path, EMOTIC)
    with pytest.raises(OptionError, match="'emotic' and does not know"):
        make(EKMAN, head=folder)
    (row,) = make(EMOTIC, head=folder).predict([somebody()])
    assert len(row.labels) == 6


def test_features_of_another_model_are_refused(bases: dict[str, Path], tmp_path: Path) -> None:
    folder = saved(bases["clip"], {"kind": "encoder"}, tmp_path / "head")
    copy = save_tiny_clip(tmp_path / "elsewhere")
    assert isinstance(make(EKMAN, head=folder, model=str(copy)), HeadRecognizer), (
        "the same bytes in another place"
    )
    with pytest.raises(ModelFilesError, match="not the model that the head was trained on"):
        make(EKMAN, head=folder, model=str(save_tiny_clip(tmp_path / "larger", image_size=48)))
    with pytest.raises(UnknownModelError, match="'encoder' cannot be had from a vlm"):
        make(EKMAN, head=folder, model=str(bases["llava"]))


def test_faulty_folders_are_named(bases: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="which head"):
        make(EKMAN)
    with pytest.raises(ModelFilesError, match=r"no head\.json"):
        make(EKMAN, head=str(tmp_path))
    folder = saved(bases["clip"], {"kind": "encoder"}, tmp_path)
    weights = tmp_path / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-8])
    with pytest.raises(ModelFilesError, match="missing, broken or of another shape"):
        make(EKMAN, head=folder)
    weights.unlink()
    with pytest.raises(ModelFilesError, match="missing, broken"):
        make(EKMAN, head=folder)


def test_a_layer_that_is_not_there_is_refused(bases: dict[str, Path]) -> None:
    with pytest.raises(OptionError, match="no such layer"):
        open_features(bases["llava"], PromptLook(layer=9), EKMAN, Placement(), 1)


def test_numbers_that_are_not_finite_are_a_failed_row(bases: dict[str, Path], tmp_path: Path) -> None:
    folder = saved(bases["clip"], {"kind": "encoder"}, tmp_path)
    recognizer: Any = make(EKMAN, head=folder)
    look = recognizer._features.vectors
    recognizer._features.vectors = lambda batch: (
        look(batch) * np.array([[np.nan]] + [[1]] * (len(batch) - 1), np.float32)
    )
    rows = list(recognizer.predict([somebody("a"), somebody("b")]))
    assert [row.status for row in rows] == [Status.FAILED, Status.OK]
