"""The catalogue: its entries hold together, and names are found."""

from __future__ import annotations

import inspect

import pytest

from emoscene import catalogue
from emoscene.catalogue.entry import is_commit
from emoscene.errors import UnknownModelError
from emoscene.recognizers import registry


def test_entries_hold_together() -> None:
    entries = catalogue.entries()
    assert len({entry.name for entry in entries}) == len(entries)
    for entry in entries:
        assert entry.hub or entry.address or entry.kind == "embedded"
        assert entry.megabytes > 0
        assert entry.recognizer in {None, "--detector", *registry.names()}
        assert (entry.recognizer == "--detector") <= (entry.kind == "detector")
        assert bool(entry.files) != bool(entry.hub) or entry.kind == "embedded"
        assert not entry.pickles or entry.hub
        assert (entry.kind == "adapter") == bool(entry.base) == bool(entry.subfolder)
        assert all(name.endswith(".bin") and "/" not in name for name in entry.pickles)
        assert not entry.photographs or (entry.recognizer == "vlm" and entry.hub)
        assert catalogue.card(entry.name).startswith("#")
        assert entry.family
        assert entry.revision is None or (entry.hub and is_commit(entry.revision))
    ranks = [entry.photographs for entry in catalogue.for_photographs()]
    assert ranks == list(range(1, len(ranks) + 1))


def test_options_of_single_files_are_options_of_their_recognizer() -> None:
    for entry in catalogue.entries():
        if entry.option:
            assert entry.recognizer is not None
            assert entry.option in inspect.signature(registry.factory(entry.recognizer)).parameters


def test_find_takes_names_and_hub_ids() -> None:
    by_name = catalogue.find("SmolVLM-256M")
    assert by_name is not None
    assert by_name is catalogue.find(by_name.hub)
    assert catalogue.find("nothing") is None
    with pytest.raises(UnknownModelError, match="Did you mean 'minilm'"):
        catalogue.known("minlm")


@pytest.mark.parametrize("name", ["a/b", "Qwen/Qwen2.5-VL-3B-Instruct", "a.b/c_d-e"])
def test_hub_ids(name: str) -> None:
    assert catalogue.is_hub_id(name)


@pytest.mark.parametrize("name", ["a", "a/b/c", "../b", "./b", "/a/b", "a/", "a/..", "a b/c", "a/b\n", ""])
def test_no_hub_ids(name: str) -> None:
    assert not catalogue.is_hub_id(name)


def test_memory_is_computed_from_the_weights() -> None:
    llava = catalogue.known("llava-1.5-13b")
    assert llava.memory_gb == pytest.approx(13.351 * 2 * 1.2)
    assert catalogue.known("llava-13b-emotic").memory_gb == llava.memory_gb
    assert catalogue.known("hsemotion-b0").memory_gb is None


def test_weights_are_not_smaller_than_their_download() -> None:
    """Half precision or float32 on the hub: between two and four bytes a weight, or one of the two is wrong."""
    for entry in catalogue.entries():
        if entry.parameters > 100:
            assert 1.9 < entry.megabytes / entry.parameters < 4.2, entry.name


def test_no_two_models_share_a_commit() -> None:
    pinned = [entry.revision for entry in catalogue.entries() if entry.revision]
    assert len(set(pinned)) == len(pinned)


def test_bases_of_adapters_are_known() -> None:
    for entry in catalogue.entries():
        if entry.base:
            base = catalogue.find(entry.base)
            assert base is not None
            assert base.kind == "vlm"


def test_several_near_names_are_offered() -> None:
    with pytest.raises(UnknownModelError, match=r"'qwen2\.5-vl-7b' or 'qwen2\.5-vl-3b'"):
        catalogue.known("Qwen2.5-VL-6b")


@pytest.mark.parametrize(
    "name", ["clip-vit-base", "rtdetr-r50", "blip-base", "mistral-7b", "llava-13b-emotic", "yunet"]
)
def test_cards_say_how_a_model_is_asked(name: str) -> None:
    card = catalogue.card(name)
    lines = {line.partition(": ")[0].lstrip("- "): line.partition(": ")[2] for line in card.splitlines()}
    assert lines["answers now"].startswith("yes")
    assert set(lines) >= {"kind", "family", "size", "licence", "memory", "needs", "on this machine"}


def test_a_card_of_a_model_that_the_catalogue_does_not_have() -> None:
    card = catalogue.card("someone/model")
    assert "Not in the catalogue." in card
    assert "emoscene models pull someone/model" in card
