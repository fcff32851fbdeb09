"""Targets: what annotators said, as numbers and as text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from emoscene.errors import InputError, OptionError
from emoscene.labels import label_space
from emoscene.scoring.parse import parse_answer
from emoscene.training.targets import NOTHING, LabelList, Order, Teaching, levels, teach, vad_of
from emoscene.types import VAD, Annotation, Sample

EKMAN, EMOTIC = label_space("ekman"), label_space("emotic")


def somebody(*labels: str, votes: Sequence[Sequence[str]] = (), vad: VAD | None = None) -> Sample:
    said = tuple(Annotation(labels=frozenset(vote)) for vote in votes)
    return Sample(id="p", target=frozenset(labels), annotations=said, target_vad=vad)


def test_sets_are_ones_and_zeros_in_the_order_of_the_space() -> None:
    taught = teach([somebody("anger", "fear"), somebody()], EMOTIC, Teaching())
    assert taught.labels.shape == (2, 26)
    assert taught.labels.dtype == np.float32
    assert {EMOTIC.ids[i] for i in np.flatnonzero(taught.labels[0])} == {"anger", "fear"}
    assert not taught.labels[1].any()


def test_votes_are_the_share_of_annotators() -> None:
    voted = somebody("anger", "fear", "pain", votes=[["anger"], ["anger", "fear"], ["pain", "anger"]])
    row = dict(zip(EMOTIC.ids, teach([voted], EMOTIC, Teaching(labels="votes")).labels[0], strict=True))
    assert row["anger"] == 1
    assert row["fear"] == row["pain"] == pytest.approx(1 / 3)
    assert sum(row.values()) == pytest.approx(5 / 3)


def test_a_datasets_own_shares_are_taken_as_they_are() -> None:
    strong = Sample(id="p", target=frozenset({"joy"}), target_scores={"joy": 0.75, "fear": 0.25})
    space = label_space("plutchik")
    row = dict(zip(space.ids, teach([strong], space, Teaching(labels="votes")).labels[0], strict=True))
    assert (row["joy"], row["fear"], row["anger"]) == (0.75, 0.25, 0)


def test_somebody_without_votes_counts_as_one_voter_among_others() -> None:
    voted = somebody("anger", votes=[["anger"], []])
    both = teach([voted, somebody("fear")], EMOTIC, Teaching(labels="votes")).labels
    assert both[0, EMOTIC.ids.index("anger")] == 0.5
    assert both[1, EMOTIC.ids.index("fear")] == 1


def test_smoothing_adds_imagined_annotators_and_counts_fade_with_real_ones() -> None:
    prior = np.linspace(0.1, 0.6, len(EMOTIC))
    few, many = somebody("anger", votes=[["anger"]]), somebody("anger", votes=[["anger"]] * 9)
    found = teach([few, many], EMOTIC, Teaching(labels="votes", smoothing=1), prior).labels
    anger, fear = EMOTIC.ids.index("anger"), EMOTIC.ids.index("fear")
    assert found[:, anger] == pytest.approx([(1 + prior[anger]) / 2, (9 + prior[anger]) / 10])
    assert found[:, fear] == pytest.approx([prior[fear] / 2, prior[fear] / 10])


def test_smoothing_keeps_the_mean_when_everybody_has_one_voter() -> None:
    people = [somebody("anger"), somebody("fear", "anger"), somebody()]
    plain, smooth = (teach(people, EMOTIC, Teaching(smoothing=s)).labels for s in (0, 0.5))
    assert smooth.mean(axis=0) == pytest.approx(plain.mean(axis=0))
    assert smooth.std(axis=0)[EMOTIC.ids.index("fear")] < plain.std(axis=0)[EMOTIC.ids.index("fear")]


def test_levels_go_from_0_to_1_and_back() -> None:
    vads = [VAD(valence=1, arousal=10, dominance=5.5), None, VAD(valence=3.25, arousal=7, dominance=2)]
    found = levels(vads)
    assert found[0] == pytest.approx([0, 1, 0.5])
    assert np.isnan(found[1]).all()
    assert vad_of(found[2]).model_dump() == pytest.approx(vads[2].model_dump() if vads[2] else {})
    assert vad_of([-0.2, 1.2, 0.5]) == VAD(valence=1, arousal=10, dominance=5.5)
    taught = teach([somebody("fear", vad=vads[0])], EMOTIC, Teaching())
    assert taught.levels[0] == pytest.approx([0, 1, 0.5])


def test_what_cannot_be_taught_is_named() -> None:
    with pytest.raises(InputError, match=r"no known labels.*nobody-knows"):
        teach([Sample(id="nobody-knows")], EMOTIC, Teaching())
    with pytest.raises(InputError, match=r"not of the space 'ekman'.*yearning"):
        teach([somebody("yearning")], EKMAN, Teaching())
    with pytest.raises(OptionError, match="votes are kept"):
        teach([somebody("fear")], EMOTIC, Teaching(labels="votes"))


@pytest.mark.parametrize("order", ["alphabetical", "prior", "shuffled"])
@pytest.mark.parametrize("labels", [(), ("fear",), ("doubt_confusion", "anger", "fear"), EMOTIC.ids])
def test_a_list_reads_back_as_the_set_that_it_was_made_of(order: Order, labels: tuple[str, ...]) -> None:
    written = LabelList(EMOTIC, order, range(26) if order == "prior" else ()).text(labels, "0/1/2")
    parsed = parse_answer(written, EMOTIC)
    assert set(parsed.labels) == set(labels)
    assert parsed.outcome == ("labels" if labels else "none")


def test_the_orders_are_what_they_say() -> None:
    three = ["fear", "doubt_confusion", "anger"]
    assert LabelList(EMOTIC).text(three) == "anger, doubt/confusion, fear"
    counts = [{"fear": 9, "anger": 2}.get(label, 0) for label in EMOTIC.ids]
    assert LabelList(EMOTIC, "prior", counts).text(three) == "fear, anger, doubt/confusion"
    assert LabelList(EMOTIC).text([]) == NOTHING
    shuffled = LabelList(EMOTIC, "shuffled")
    seen = {shuffled.text(three, f"0/{epoch}/7") for epoch in range(40)}
    assert len(seen) == 6, "every order comes"
    assert shuffled.text(three, "0/3/7") == shuffled.text(three, "0/3/7")


def test_an_order_by_frequency_needs_counts() -> None:
    with pytest.raises(OptionError, match="no counts"):
        LabelList(EMOTIC, "prior")
