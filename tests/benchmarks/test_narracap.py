"""The benchmark of narration, on a tiny shape: it runs, and it would notice captions that differ."""

from __future__ import annotations

import json

import pytest

from benchmarks import narracap
from emoscene.narration import ChoiceRules, Narrative
from emoscene.narration.narracap import prompts_of


def test_the_lists_have_the_papers_sizes() -> None:
    lists = narracap.vocabularies()
    assert [len(set(prompts_of(slot, lists))) for slot in narracap.SIZES] == [8, 224, 843, 889]
    ChoiceRules().check(len(lists.how))


@pytest.mark.slow
def test_a_run_of_the_tiny_shape(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOSCENE_CACHE", "set by the benchmark")
    monkeypatch.setattr("torch.set_num_threads", lambda threads: None)
    words = ["--shape", "tiny", "--threads", "1", "--repeat", "1", "--pictures", "12"]
    assert narracap.main([*words, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["many"]["pictures"] == 12
    assert result["many"]["captions"] > 1
    assert result["ratios"]["one picture, next"] > 2
    told = narracap.ours
    monkeypatch.setattr(narracap, "ours", lambda narrator, view: told(narrator, view) + " The person nods.")
    with pytest.raises(AssertionError, match="captions differ"):
        narracap.main(words)


def test_an_error_in_place_of_a_caption_is_raised() -> None:
    class Failing:
        def caption(self, views: object) -> list[Narrative | Exception]:
            return [ValueError("no")]

    with pytest.raises(ValueError, match="no"):
        narracap.ours(Failing(), next(narracap.views(1)))  # type: ignore[arg-type]
