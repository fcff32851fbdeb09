"""The recognizer of trained networks keeps its promises, and says what it was not given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from emoscene.errors import ModelNotHereError, OptionError
from emoscene.labels import label_space
from emoscene.networks.network import EmotionNetwork, save_network
from emoscene.recognizers.conformance import check_recognizer
from emoscene.recognizers.conformance_samples import drawn_samples
from emoscene.recognizers.network import make
from emoscene.recognizers.registry import create
from emoscene.types import Sample, ScoreKind, Status
from tests.networks.tiny import TEXTS, network, shape, tiny_words
from tests.tiny_detectors import save_tiny_detector

EMOTIC = label_space("emotic")
_ABOUT = {"labels": EMOTIC.ids, "card": {"name": "tiny"}}


def save(folder: Path, name: str, about: dict[str, Any] | None = None, **changes: Any) -> str:
    net = network(name, seed=1, about=_ABOUT | (about or {}), **changes)
    save_network(net, folder, None if name == "emotic-cnn" else tiny_words())
    return str(folder)


@pytest.mark.parametrize(
    ("name", "modalities"),
    [
        ("emotic-cnn", None),
        *((name, m) for name in ("vilbert", "unified-vlp") for m in ("both", "text", "image")),
    ],
)
def test_promises_are_kept(tmp_path: Path, name: str, modalities: str | None) -> None:
    changes: dict[str, Any] = {"modalities": modalities} if modalities else {}
    folder = save(tmp_path, name, **changes)
    report = check_recognizer(lambda labels: create("network", labels, {"model": folder, "batch_size": 3}))
    report.raise_if_failed()
    card = make(EMOTIC, model=folder).card
    assert card.uses_picture == (modalities != "text")
    assert card.uses_text == (modalities in ("both", "text"))


def test_promises_are_kept_with_a_detector(tmp_path: Path) -> None:
    detector = save_tiny_detector(tmp_path / "detector", "rt_detr")
    sight = {"tower": None, "detector": str(detector), "detections": 3}
    with pytest.raises(OptionError):
        EmotionNetwork(shape("emotic-cnn", sight={"tower": None}), network("vilbert").about)
    folder = save(tmp_path / "model", "vilbert", {"features": 16}, sight=sight)
    check_recognizer(lambda labels: make(labels, model=folder)).raise_if_failed()
    detector.rename(tmp_path / "moved")
    with pytest.raises(ModelNotHereError, match="detector=FOLDER"):
        make(EMOTIC, model=folder)
    moved = make(EMOTIC, model=folder, detector=str(tmp_path / "moved"))
    assert next(moved.predict(drawn_samples())).ok


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    person, *_ = drawn_samples()
    wordless = person.model_copy(update={"text": None})
    both = make(EMOTIC, model=save(tmp_path / "both", "vilbert"))
    (row,) = both.predict([wordless])
    assert row.ok
    assert row.score_kind is ScoreKind.ACTIVATION
    assert row.vad is not None
    assert "no words were given" in row.warnings[0]
    assert "answered from the picture alone" in both.card.summary
    (row,) = both.predict([Sample(id="words", text="she laughs")])
    assert row.status is Status.MISSING_INPUT
    strict = make(EMOTIC, model=save(tmp_path / "strict", "vilbert", {"empty_words": False}))
    (row,) = strict.predict([wordless])
    assert row.status is Status.MISSING_INPUT
    assert "not answered" in strict.card.summary
    (row,) = both.predict([person.model_copy(update={"text": " ".join(TEXTS) * 9})])
    assert "cut to the 16 tokens" in row.warnings[0]


def test_the_picture_alone_reads_no_words(tmp_path: Path) -> None:
    person, *_ = drawn_samples()
    image = make(EMOTIC, model=save(tmp_path, "unified-vlp", modalities="image"))
    one, two = image.predict([person, person.model_copy(update={"text": "she cries in the rain"})])
    assert one.scores == pytest.approx(two.scores, abs=1e-6)
    assert not one.warnings


def test_one_emotion_dominates(tmp_path: Path) -> None:
    (row,) = make(EMOTIC, model=save(tmp_path, "emotic-cnn", {"single": True})).predict(drawn_samples()[:1])
    assert row.labels == (row.dominant,)
    assert sum(row.scores.values()) == pytest.approx(1)


def test_captions(tmp_path: Path) -> None:
    vlp = save(tmp_path / "vlp", "unified-vlp")
    rows = list(make(EMOTIC, model=vlp, captions=True).predict(drawn_samples()))
    assert all(row.ok and row.caption is not None for row in rows)
    with pytest.raises(OptionError, match="only Unified-VLP"):
        make(EMOTIC, model=save(tmp_path / "cnn", "emotic-cnn"), captions=True)


def test_what_cannot_be_asked(tmp_path: Path) -> None:
    with pytest.raises(ModelNotHereError, match="no folder of a network"):
        make(EMOTIC, model=str(tmp_path / "nowhere"))
    folder = save(tmp_path / "model", "emotic-cnn", {"labels": EMOTIC.ids[:5]})
    with pytest.raises(OptionError, match="does not know"):
        make(EMOTIC, model=folder)
    with pytest.raises(OptionError, match="looks at pixels"):
        make(EMOTIC, model=save(tmp_path / "whole", "emotic-cnn"), detector="x")
