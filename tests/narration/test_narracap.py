"""The choice rules on vectors made by hand, and narration by a tiny real CLIP."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from emoscene.errors import AnswerError, BoxError, OptionError
from emoscene.images import open_picture, regions
from emoscene.narration import ChoiceRules, NarraCap, Narrative, View, Vocabularies
from emoscene.narration.narracap import prompts_of, shares, standing_out, told
from emoscene.recognizers.encoders import load_encoder
from emoscene.types import BoundingBox
from tests.tiny_clip import KINDS, Kind, save_tiny_clip

Vectors = npt.NDArray[np.float32]
LISTS = Vocabularies(
    who=("woman", "man", "person"),
    where=("kitchen", "on a beach"),
    what=("reading a book", "sings"),
    how=tuple(f"shows sign {i}" for i in range(100)),
)


class Counting:
    """An encoder whose vectors a test sets; texts are unit vectors in the order of their list."""

    name, fingerprint, licence_note, scale = "by hand", "0", "none", 100.0

    def __init__(self, see: Callable[[Image.Image], Vectors], longest: int = 10_000) -> None:
        self.see, self.longest = see, longest
        self.pictures: list[tuple[int, int]] = []
        self.texts = 0

    def encode_pictures(self, images: Sequence[Image.Image]) -> Vectors:
        self.pictures += [image.size for image in images]
        return np.stack([self.see(image) for image in images]).astype(np.float32)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        self.texts += len(texts)
        return np.eye(len(texts), 100, dtype=np.float32)

    def cut(self, texts: Sequence[str]) -> list[int]:
        return [i for i, text in enumerate(texts) if len(text) > self.longest]


def pointing_at(*places: int) -> Vectors:
    vector = np.zeros(100, np.float32)
    vector[list(places)] = 1 / math.sqrt(len(places))
    return vector


def view(
    box: tuple[int, int, int, int] = (0, 0, 10, 10), seed: int = 0, size: tuple[int, int] = (40, 30)
) -> View:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    return View(open_picture(Image.fromarray(pixels)), BoundingBox.model_validate(box))


def narrative(narrator: NarraCap, seen: View) -> Narrative:
    (found,) = narrator.caption([seen])
    assert isinstance(found, Narrative)
    return found


def test_shares_are_the_softmax_of_scaled_similarities() -> None:
    candidates = np.array([[1, 0], [0, 1], [0.6, 0.8]], np.float32)
    found = shares(candidates, np.array([1, 0], np.float32), 2.0)
    weights = np.exp([2.0, 0.0, 1.2])
    np.testing.assert_allclose(found, weights / weights.sum(), rtol=1e-6)
    assert shares(candidates, np.array([1, 0], np.float32), 1e6)[0] == 1


def test_signals_stand_out_by_more_than_nine_deviations() -> None:
    one = np.full(100, 1e-4)
    one[7] = 1 - one.sum() + one[7]
    assert (one[7] - one.mean()) / one.std() == pytest.approx(math.sqrt(99))
    assert standing_out(one, ChoiceRules()) == (7,)
    two = np.full(100, 1e-4)
    two[[7, 3]] = 0.4, 0.6 - 98e-4
    assert standing_out(two, ChoiceRules()) == (), "7.6 and 6.2 deviations above the mean"
    assert standing_out(two, ChoiceRules(deviations=7)) == (3,)
    assert standing_out(two, ChoiceRules(deviations=5)) == (3, 7), "strongest first"
    assert standing_out(two, ChoiceRules(deviations=5, most=1)) == (3,)
    assert standing_out(two, ChoiceRules(signals=3)) == (3, 7, 0), "of equal ones the first in the list"
    assert standing_out(np.full(100, 0.01), ChoiceRules(deviations=0)) == ()


def test_each_slot_is_picked_by_the_part_of_the_picture_that_it_is_about() -> None:
    crop, whole = pointing_at(2, 41), pointing_at(1)
    encoder = Counting(lambda image: crop if image.size == (10, 10) else whole)
    found = narrative(NarraCap(encoder, LISTS, ChoiceRules(signals=1)), view())
    assert found.slots["who"] == ("person",)
    assert found.slots["where"] == ("on a beach",)
    assert found.slots["what"] == ("sings",)
    assert found.slots["how"] == ("shows sign 2",)
    assert found.text == "This person is a person who sings on a beach. The person shows sign 2."


def test_without_a_signal_that_stands_out_none_is_told() -> None:
    encoder = Counting(lambda image: pointing_at(0) if image.size == (40, 30) else pointing_at(0, 50))
    found = narrative(NarraCap(encoder, LISTS), view())
    assert found.slots["how"] == ()
    assert found.text == "This person is a woman who is reading a book in a kitchen."
    encoder = Counting(lambda image: pointing_at(0))
    assert narrative(NarraCap(encoder, LISTS), view()).text.endswith("in a kitchen. She shows sign 0.")


def test_people_of_a_picture_share_its_encoding_and_lists_are_encoded_once() -> None:
    encoder = Counting(lambda image: pointing_at(image.width % 3))
    narrator = NarraCap(encoder, LISTS)
    same = [view((0, 0, 10, 10)), view((5, 5, 20, 20)), view((1, 1, 30, 30))]
    narrator.caption(same)
    assert sorted(encoder.pictures) == [(10, 10), (15, 15), (29, 29), (40, 30)]
    assert (narrator.name, narrator.licence) == ("narracap with by hand", "none")
    narrator.caption([view((0, 0, 8, 8))])
    assert encoder.pictures[4:] == [(8, 8)], "also those who come later"
    assert encoder.texts == sum(len(LISTS[slot]) for slot in ("who", "where", "what", "how"))


def test_what_is_remembered_of_pictures_is_bounded() -> None:
    encoder = Counting(lambda image: pointing_at(image.width % 3))
    narrator = NarraCap(encoder, LISTS)
    for seed in range(80):
        narrator.caption([view(seed=seed)])
    assert len(encoder.pictures) == 160
    narrator.caption([view(seed=79)])
    narrator.caption([view(seed=0)])
    assert len(encoder.pictures) == 160 + 1 + 2
    assert len(narrator._recent) <= 64


def test_one_bad_view_harms_no_other() -> None:
    def see(image: Image.Image) -> Vectors:
        return pointing_at(1) * (np.nan if image.size == (13, 13) else 1)

    narrator = NarraCap(Counting(see), LISTS)
    outside = view((100, 100, 110, 110))
    found = narrator.caption([view(), outside, view((0, 0, 13, 13)), view((2, 2, 10, 12))])
    assert isinstance(found[0], Narrative)
    assert isinstance(found[1], BoxError)
    assert isinstance(found[2], AnswerError)
    assert "not finite" in str(found[2])
    assert isinstance(found[3], Narrative)
    assert narrator.caption([]) == []
    (alone,) = narrator.caption([outside])
    assert isinstance(alone, BoxError)


def test_rules_that_nothing_could_meet_are_refused() -> None:
    short = Vocabularies(LISTS.who, LISTS.where, LISTS.what, LISTS.how[:82])
    with pytest.raises(OptionError, match="of 82 signals none"):
        NarraCap(Counting(lambda image: pointing_at(0)), short)
    NarraCap(Counting(lambda image: pointing_at(0)), short, ChoiceRules(signals=1))
    NarraCap(Counting(lambda image: pointing_at(0)), short, ChoiceRules(deviations=8.9))
    for faulty in ({"deviations": -1}, {"deviations": math.nan}, {"most": 0}, {"signals": 0}):
        with pytest.raises(OptionError, match=next(iter(faulty))):
            ChoiceRules(**faulty)


def test_an_entry_that_the_encoder_would_cut_is_refused() -> None:
    long = "looks " + "very " * 30 + "far"
    lists = Vocabularies(LISTS.who, LISTS.where, LISTS.what, (*LISTS.how, long))
    narrator = NarraCap(Counting(lambda image: pointing_at(0), longest=100), lists)
    with pytest.raises(OptionError, match=r"'how' is longer than by hand reads: looks very"):
        narrator.caption([view()])


@pytest.fixture(scope="module", params=KINDS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    kind: Kind = request.param
    return save_tiny_clip(tmp_path_factory.mktemp(kind), kind)


def people() -> list[View]:
    boxes = [(2, 2, 20, 28), (10, 3, 38, 29), (0, 0, 40, 30)]
    return [view(boxes[i % 3], seed=i // 2, size=(40 + i // 2, 30)) for i in range(7)]


def test_it_tells_what_the_papers_flow_tells(folder: Path) -> None:
    """Four picture encodings a person, nothing shared, everything encoded anew: the same captions."""
    rules = ChoiceRules(deviations=2)
    encoder = load_encoder(folder)
    narrator = NarraCap(encoder, LISTS, rules)
    captions = []
    for seen in people():
        chosen = {}
        for slot, image in {
            "who": regions.crop(seen.picture, seen.box),
            "where": seen.picture.image,
            "what": seen.picture.image,
            "how": regions.crop(seen.picture, seen.box),
        }.items():
            texts = prompts_of(slot, LISTS)  # type: ignore[arg-type]
            logits = encoder.scale * encoder.encode_texts(texts) @ encoder.encode_pictures([image])[0]
            share = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
            over = np.flatnonzero(share > share.mean() + 2 * share.std())
            picks = over[np.argsort(-share[over])] if slot == "how" else [share.argmax()]
            chosen[slot] = [LISTS[slot][i] for i in picks]  # type: ignore[index]
        captions.append(told(chosen))  # type: ignore[arg-type]
    found = narrator.caption(people())
    assert [f.text for f in found if isinstance(f, Narrative)] == captions
    assert len(set(captions)) > 1


def test_batches_and_order_change_nothing(folder: Path) -> None:
    views, rules = people(), ChoiceRules(deviations=2)
    together = NarraCap(load_encoder(folder, batch_size=16), LISTS, rules).caption(views)
    narrator = NarraCap(load_encoder(folder, batch_size=1), LISTS, rules)
    assert [narrator.caption([v])[0] for v in views] == together
    assert NarraCap(load_encoder(folder, batch_size=3), LISTS, rules).caption(views[::-1]) == together[::-1]


def test_it_narrates_photographs(folder: Path, reference_data: Path) -> None:
    picture = open_picture(reference_data / "photos" / "two_people.jpg")
    half = picture.width // 2
    boxes = [(0, 0, half, picture.height), (half, 0, picture.width, picture.height)]
    views = [View(picture, BoundingBox.model_validate(box)) for box in boxes]
    found = NarraCap(load_encoder(folder), rules=ChoiceRules(signals=2)).caption(views)
    for each in found:
        assert isinstance(each, Narrative)
        assert each.text.startswith("This person is a")
        assert each.text.count("The person ") == 2
        assert [len(each.slots[s]) for s in ("who", "where", "what", "how")] == [1, 1, 1, 2]
