"""Pictures, boxes and captions seen otherwise: the box stays on the person, and no word that matters is lost."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from emoscene.labels import label_space
from emoscene.narration.narracap import told
from emoscene.narration.vocabulary import load_vocabulary
from emoscene.training.augment import Augment, View, augmented, augmented_view, cropped, flipped, turned
from emoscene.training.paraphrase import paraphrase
from emoscene.types import BoundingBox, Sample

NOTHING = Augment(flip=0, crop=0, colour=0, rotation=0, paraphrase=0)
BOX = BoundingBox(x1=60, y1=20, x2=110, y2=90)


def scene(box: BoundingBox = BOX, size: tuple[int, int] = (160, 120)) -> View:
    """A blue picture with a red person, and somebody else's box."""
    image = Image.new("RGB", size, (0, 0, 200))
    image.paste((250, 0, 0), tuple(int(v) for v in box.as_tuple()))  # type: ignore[arg-type]
    return View(image, (box, BoundingBox(x1=0, y1=0, x2=30, y2=30)))


def red(image: Image.Image) -> BoundingBox:
    """The hull of what is clearly red."""
    pixels = np.asarray(image).astype(int)
    ys, xs = np.nonzero(pixels[..., 0] > pixels[..., 2] + 60)
    return BoundingBox(x1=int(xs.min()), y1=int(ys.min()), x2=int(xs.max()) + 1, y2=int(ys.max()) + 1)


def near(one: BoundingBox, two: BoundingBox, pixels: float) -> bool:
    return max(abs(a - b) for a, b in zip(one.as_tuple(), two.as_tuple(), strict=True)) <= pixels


def test_a_mirror_moves_the_box_and_twice_is_nothing() -> None:
    once = flipped(scene())
    assert once.boxes[0] == red(once.image) == BoundingBox(x1=50, y1=20, x2=100, y2=90)
    twice = flipped(once)
    assert twice.boxes == scene().boxes
    assert twice.image.tobytes() == scene().image.tobytes()


def test_a_crop_keeps_the_whole_person_and_moves_everybody() -> None:
    view = cropped(scene(), (0.1, 0.49, 0.2, 0.05))
    assert view.image.size == (160 - 16 - 32, 120 - 20 - 6), "20 and not 58: there the person begins"
    assert view.boxes[0] == red(view.image) == BoundingBox(x1=44, y1=0, x2=94, y2=70)
    assert view.boxes[1].as_tuple() == (-16, -20, 14, 10)
    assert cropped(scene(), (0, 0, 0, 0)).boxes == scene().boxes


@pytest.mark.parametrize("angle", [-20.0, -4.0, 3.0, 15.0, 45.0])
def test_a_turned_box_is_the_hull_of_the_turned_person(angle: float) -> None:
    view = turned(scene(), angle)
    assert view.image.size == (160, 120)
    assert near(view.boxes[0], red(view.image), 1.5)


@pytest.mark.parametrize("angle", [-9.0, 6.0])
def test_turned_there_and_back_the_box_holds_what_it_held(angle: float) -> None:
    box = turned(turned(scene(), angle), -angle).boxes[0]
    assert box.x1 <= BOX.x1
    assert box.y1 <= BOX.y1
    assert box.x2 >= BOX.x2
    assert box.y2 >= BOX.y2
    assert box.iou(BOX) > 0.5


def test_a_turn_that_would_lose_the_person_is_not_made() -> None:
    corner = scene(BoundingBox(x1=0, y1=0, x2=3, y2=3), (400, 40))
    assert turned(corner, 30) is corner


@given(
    st.integers(0, 150), st.integers(0, 110), st.integers(2, 160), st.integers(2, 120), st.integers(0, 10**6)
)
def test_any_box_stays_on_the_person(x: int, y: int, width: int, height: int, key: int) -> None:
    box = BoundingBox(x1=x, y1=y, x2=x + width, y2=y + height).clamp(160, 120)
    view = augmented_view(scene(box), Augment(colour=0, crop=0.4, rotation=0), str(key))
    assert view.boxes[0] == red(view.image)
    turning = augmented_view(scene(box), Augment(colour=0, crop=0.4, rotation=8), str(key))
    assert turning.boxes[0].x1 >= 0
    assert turning.boxes[0].x2 <= turning.image.width
    assert turning.boxes[0].y1 >= 0
    assert turning.boxes[0].y2 <= turning.image.height


def test_the_key_alone_decides() -> None:
    views = {key: augmented_view(scene(), Augment(), key) for key in ("0/0/1", "0/1/1", "0/0/2")}
    again = augmented_view(scene(), Augment(), "0/1/1")
    assert again.boxes == views["0/1/1"].boxes
    assert again.image.tobytes() == views["0/1/1"].image.tobytes()
    assert len({view.image.tobytes() for view in views.values()}) == 3


def test_one_change_does_not_shift_the_draws_of_another() -> None:
    """Cut the same with and without a turn, a mirror and a tint."""
    plain = augmented_view(scene(), Augment(flip=0, colour=0, rotation=0), "k")
    both = augmented_view(scene(), Augment(flip=0, colour=0.3, rotation=0), "k")
    assert plain.boxes == both.boxes
    assert plain.image.size == both.image.size
    assert plain.image.tobytes() != both.image.tobytes()


def test_how_often_and_how_far() -> None:
    at_the_left = BoundingBox(x1=20, y1=20, x2=50, y2=90)
    how = Augment(flip=0.3, crop=0.1, colour=0, rotation=0)
    views = [augmented_view(scene(at_the_left), how, str(i)) for i in range(300)]
    mirrored = [view.boxes[0].x1 + view.boxes[0].x2 > view.image.width for view in views]
    assert 0.23 < np.mean(mirrored) < 0.37
    assert min(view.image.width for view in views) >= 160 * 0.8
    assert len({view.image.size for view in views}) > 100
    assert augmented_view(scene(), NOTHING, "k") == scene() or (
        augmented_view(scene(), NOTHING, "k").image.tobytes() == scene().image.tobytes()
    )


def test_a_sample_keeps_what_is_known_and_loses_who_fell_out() -> None:
    view = scene()
    known = Sample(
        id="a",
        picture=view.image,
        box=view.boxes[0],
        others=view.boxes[1:],
        target=frozenset({"fear"}),
        text="Words.",
    )
    found = augmented(known, Augment(flip=1, crop=0.3, rotation=0), "0/0/3")
    assert (found.id, found.target, found.text) == ("a", known.target, "Words.")
    assert found.box is not None
    assert near(found.box, red(found.picture), 0)
    assert {len(augmented(known, Augment(crop=0.45, rotation=0), str(i)).others) for i in range(30)} == {0, 1}
    assert augmented(Sample(id="b", text="Words."), Augment(), "k").picture is None
    whole = augmented(Sample(id="c", picture=view.image), Augment(rotation=0), "k")
    assert whole.box is None


def test_pictures_are_not_mirrored_where_the_words_name_a_side() -> None:
    view = scene()
    for text, mirrored in (
        ("The dog on the LEFT barks.", False),
        ("She left.", False),
        ("It is bright.", True),
    ):
        sample = Sample(id="a", picture=view.image, box=view.boxes[0], text=text)
        found = augmented(sample, NOTHING.model_copy(update={"flip": 1.0}), "k")
        assert (found.box != sample.box) is mirrored


# --- words ---

FUNCTION = frozenset(
    "a an the this person is who beside next to close near beneath underneath toward towards among amongst while "
    "whilst although even though as well and also".split()
)


def content(text: str) -> Counter[str]:
    return Counter(word for word in re.findall(r"[a-z'’-]+", text.lower()) if word not in FUNCTION)


def captions() -> list[str]:
    lists = load_vocabulary()
    rng = np.random.default_rng(2)

    def some(slot: str, number: int) -> tuple[str, ...]:
        entries = lists[slot]  # type: ignore[index]
        return tuple(entries[int(i)] for i in rng.choice(len(entries), number, replace=False))

    return [
        told(
            {
                "who": some("who", 1),
                "where": some("where", 1),
                "what": some("what", 1),
                "how": some("how", i % 5),
            }
        )
        for i in range(120)
    ]


def test_captions_keep_every_word_that_says_something() -> None:
    changed = 0
    for i, caption in enumerate(captions()):
        other = paraphrase(caption, f"0/0/{i}")
        assert content(other) == content(caption), other
        assert other.endswith(".")
        assert ".." not in other
        assert other[0].isupper()
        changed += other != caption
    assert changed > 60


def test_the_forms_of_a_caption() -> None:
    caption = "This person is a child who is crying in a kitchen. The person frowns. The person turns away."
    seen = {paraphrase(caption, str(i)) for i in range(400)}
    assert caption in seen
    assert "In a kitchen, a child is crying. The person turns away. The person frowns." in seen
    assert "A child is crying in a kitchen. The person frowns. The person turns away." in seen
    assert (
        "This person is a child. In a kitchen, the person is crying. The person frowns. The person turns away."
        in seen
    )
    assert paraphrase(caption, "7") == paraphrase(caption, "7")


@pytest.mark.parametrize(
    "text",
    [
        'She says "I am near to tears" while she laughs.',
        "He is beside himself with joy.",
        "They wait for a while.",
        "This person is a man who is looking at a phone in a train.",
        "A crowd shouts. Then the man runs. He falls because it is wet.",
        "",
        "lower case and no stop",
    ],
)
def test_what_must_not_change_does_not(text: str) -> None:
    subjects = "This person is a man who", "The person is a man who", "A man"
    allowed = {text, *(text.replace(subjects[0], other) for other in subjects)}
    assert {paraphrase(text, str(i)) for i in range(60)} <= allowed


def test_words_for_emotions_are_never_exchanged() -> None:
    from emoscene.training.paraphrase import _EXCHANGED

    terms = {
        term.lower()
        for space in ("emotic", "plutchik", "ekman")
        for label in label_space(space)
        for term in label.terms
    }
    exchanged = {
        word for phrase, others in _EXCHANGED.items() for text in (phrase, *others) for word in text.split()
    }
    assert not exchanged & terms
    assert not set(_EXCHANGED) & terms
