"""The benchmark of detectors: matching, and a run on the photographs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import people
from emoscene.types import BoundingBox


def box(*corners: float) -> BoundingBox:
    return BoundingBox.model_validate(corners)


def test_each_found_box_matches_one_true_box() -> None:
    true = [box(0, 0, 10, 10), box(0, 0, 10, 12)]
    assert people.overlaps(true, [box(0, 0, 10, 12)]) == (0, 1)
    assert people.overlaps(true, [box(0, 0, 10, 12), box(0, 0, 10, 5)]) == (0.5, 1)
    assert people.overlaps(true, []) == (0, 0)
    assert people.overlaps([], true) == ()


def test_a_run_on_the_photographs(
    reference_data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(people, "RUNS", 1)
    truth = tmp_path / "truth.json"
    truth.write_text(json.dumps({"000000000785.jpg": [[281, 45, 500, 392]]}))
    weights = reference_data / "weights"
    words = [
        str(reference_data / "photos"),
        *("--detector", str(weights / "person-detector-fastestdet/FastestDet.onnx")),
        *("--faces", str(weights / "face-detector-yunet/yunet_n_640_640.onnx")),
        *("--truth", str(truth)),
    ]
    assert people.main([*words, "--json"]) == 0
    results = {result["picture"]: result for result in json.loads(capsys.readouterr().out)}
    assert {name: (r["people"], r["faces"]) for name, r in results.items()} == {
        "000000000785.jpg": (1, 1),
        "group.jpeg": (5, 5),
        "happy-baby.jpeg": (1, 1),
        "sad-baby.jpeg": (1, 1),
        "two_people.jpg": (2, 2),
    }
    assert results["000000000785.jpg"]["ious"][0] > 0.7
    assert results["group.jpeg"]["ious"] is None
    assert people.main([*words, "--detect", "score=0.99"]) == 0
    assert "matched 0 of 1 true boxes" in capsys.readouterr().out
