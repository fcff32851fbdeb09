"""The benchmark of datasets on small files: everybody that is written is read, in every format."""

from __future__ import annotations

import json

import pytest

from benchmarks import datasets

SMALL = {"train": (12, 1), "val": (6, 5), "test": (9, 3)}


def test_made_up_people_are_as_many_as_asked_and_the_same_again() -> None:
    made = datasets.scenes(SMALL)
    counts = {split: sum(len(picture.people) for picture in pictures) for split, pictures in made.items()}
    assert counts == {"train": 12, "val": 6, "test": 9}
    assert [len(told.said) for told in made["val"][0].people] == [5] * len(made["val"][0].people)
    assert made == datasets.scenes(SMALL)
    assert made != datasets.scenes(SMALL, seed=1)


@pytest.mark.slow
def test_every_format_is_read_in_a_process_of_its_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert datasets.main(["--people", "9", "--json"], SMALL) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["passed"] is True
    assert [row["layout"] for row in said["rows"]] == ["mat", *datasets.WRITERS]
    assert said["rows"][0]["people"] == {"train": 12, "val": 6, "test": 9}
    for row in said["rows"][1:]:
        assert row["people"] == {"train": 3, "val": 3, "test": 3}
        assert row["seconds"] > 0
        assert 10 < row["megabytes"] < 1500
    monkeypatch.setitem(datasets.BARS, "seconds", 0.0)
    monkeypatch.setattr(datasets, "WRITERS", {})
    assert datasets.main(["--people", "3"], SMALL) == 1
    assert "1,500 MB: False" in capsys.readouterr().out
