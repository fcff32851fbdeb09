"""The three networks: who looks at what, folders, blanks, and that nobody's neighbours matter."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from emoscene.errors import ModelFilesError, OptionError
from emoscene.networks.emotic_cnn import EmoticCnnHead
from emoscene.networks.examples import Batch, Example, batched, shares_of, views
from emoscene.networks.network import CONFIG_FILE, About, EmotionNetwork, load_network, save_network
from emoscene.networks.regions import Regions
from emoscene.networks.shapes import EmoticCnn, Sight, Stream, UnifiedVlp, Vilbert
from emoscene.networks.unified_vlp import UnifiedVlpCore, who_sees
from emoscene.networks.words import Words, make_words
from emoscene.types import BoundingBox
from tests.networks.tiny import LABELS, RESNET, TEXTS, network, shape, tiny_words

NAMES = ("emotic-cnn", "vilbert", "unified-vlp")


def examples(name: str, sight: Sight, count: int = 3) -> list[Example]:
    rng = np.random.default_rng(5)
    words, made = tiny_words(), []
    for number in range(count):
        image = Image.fromarray(rng.integers(0, 255, (60 + 9 * number, 80, 3), dtype=np.uint8))
        box = BoundingBox(x1=10, y1=5, x2=40 + 5 * number, y2=55)
        ids = () if name == "emotic-cnn" else words.encode(TEXTS[number])[0]
        made.append(Example(*views(image, box, sight), shares_of(box, image.size), ids))
    return made


@pytest.mark.parametrize("name", NAMES)
def test_neighbours_do_not_matter(name: str) -> None:
    net = network(name).eval()
    people = examples(name, net.shape.sight)
    with torch.inference_mode():
        together = net(batched(people, net.shape.sight))
        alone = [net(batched([one], net.shape.sight)) for one in people]
    assert together.emotions.shape == (3, len(LABELS))
    for row, one in enumerate(alone):
        torch.testing.assert_close(together.emotions[row], one.emotions[0], atol=1e-5, rtol=0)
        torch.testing.assert_close(together.vad[row], one.vad[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_every_part_learns(name: str) -> None:
    net = network(name)
    people = examples(name, net.shape.sight)
    out = net(batched(people, net.shape.sight))
    (out.emotions.sum() + out.vad.sum()).backward()
    still = {n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()}
    guessing = {
        "core.guess.weight",
        "core.guess.bias",
        "core.guess_norm.weight",
        "core.guess_norm.bias",
        "core.guess_bias",
    }
    # Keys' biases cancel in a softmax; a pooled tower and segments that are not used have nothing to learn.
    assert {n for n in still if not n.endswith("key.bias")} <= guessing


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_gives_the_network_back(name: str, tmp_path: Path) -> None:
    net = network(name, seed=3).eval()
    words = None if name == "emotic-cnn" else tiny_words()
    save_network(net, tmp_path, words)
    again, told = load_network(tmp_path)
    batch = batched(examples(name, net.shape.sight), net.shape.sight)
    with torch.inference_mode():
        assert torch.equal(again(batch).emotions, net(batch).emotions)
    assert again.shape == net.shape
    assert replace(again.about, card={}) == replace(net.about, card={})
    assert (told is None) == (words is None)
    (tmp_path / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(ModelFilesError, match="weights cannot be read"):
        load_network(tmp_path)


def test_folders_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(ModelFilesError, match=r"network\.json is missing"):
        load_network(tmp_path)
    net = network("vilbert")
    save_network(net, tmp_path, tiny_words())
    config = json.loads((tmp_path / CONFIG_FILE).read_text())
    config["shape"]["joint"] = 18
    (tmp_path / CONFIG_FILE).write_text(json.dumps(config))
    with pytest.raises(ModelFilesError, match="of another shape"):
        load_network(tmp_path)
    config["about"]["labels"] = []
    (tmp_path / CONFIG_FILE).write_text(json.dumps(config))
    with pytest.raises(ModelFilesError, match="no head for emotions"):
        load_network(tmp_path)
    config["format"] = 7
    (tmp_path / CONFIG_FILE).write_text(json.dumps(config))
    with pytest.raises(ModelFilesError, match="another version"):
        load_network(tmp_path)


@pytest.mark.parametrize("name", ["vilbert", "unified-vlp"])
def test_words_and_picture_both_reach_the_answer(name: str) -> None:
    net = network(name, seed=2).eval()
    one, two, _ = examples(name, net.shape.sight)
    with torch.inference_mode():
        base = net(batched([one], net.shape.sight)).emotions
        other_words = net(batched([replace(one, ids=two.ids)], net.shape.sight)).emotions
        other_picture = net(batched([replace(two, ids=one.ids)], net.shape.sight)).emotions
    assert (base - other_words).abs().max() > 1e-6
    assert (base - other_picture).abs().max() > 1e-6


@pytest.mark.parametrize("name", ["vilbert", "unified-vlp"])
def test_without_a_picture_the_words_alone_decide(name: str) -> None:
    net = network(name, seed=2, modalities="text").eval()
    assert not net.towers
    people = [Example(ids=tiny_words().encode(text)[0]) for text in TEXTS[:2]]
    with torch.inference_mode():
        out = net(batched(people, net.shape.sight)).emotions
    assert (out[0] - out[1]).abs().max() > 1e-6


def test_views_of_the_cnn() -> None:
    both, body = network("emotic-cnn"), network("emotic-cnn", sight={"view": "body"})
    assert set(both.towers) == {"scene", "body"}
    assert set(body.towers) == {"body"}
    assert isinstance(body.core, EmoticCnnHead)
    assert isinstance(both.core, EmoticCnnHead)
    assert 2 * body.core.fuse.in_features == both.core.fuse.in_features
    box = BoundingBox(x1=0, y1=0, x2=20, y2=20)
    image = Image.new("RGB", (40, 40), "blue")
    image.paste((255, 255, 255), (0, 0, 20, 20))
    scene, crop = views(image, box, Sight(tower=RESNET, size=32, margin=0))
    assert scene is not None
    assert crop is not None
    assert (crop == 255).all()
    assert not (scene == 255).all()
    pointed, _ = views(image, box, Sight(tower=RESNET, size=32, red_box=True))
    assert pointed is not None
    assert not np.array_equal(pointed, scene)


def test_pixels_lie_as_torch_likes_them() -> None:
    """Channels last, a strided convolution's backward pass ends the process on several threads (torch 2.13, CPU)."""
    batch = batched(examples("emotic-cnn", shape("emotic-cnn").sight), shape("emotic-cnn").sight)
    assert batch.scene is not None
    assert batch.body is not None
    assert batch.scene.is_contiguous()
    assert batch.body.is_contiguous()


def test_one_person_alone_can_be_trained_on() -> None:
    net = network("emotic-cnn")
    out = net(batched(examples("emotic-cnn", net.shape.sight)[:1], net.shape.sight))
    assert torch.isfinite(out.emotions).all()


REGIONS = torch.tensor([[True, True, False]])
TOLD = torch.tensor([[True, True, True, True, False]])


def test_bidirectional_everybody_sees_everybody_but_padding() -> None:
    mask = who_sees("bidirectional", REGIONS, TOLD)[0]
    there = torch.tensor([1, 1, 1, 0, 1, 1, 1, 1, 0]).bool()
    assert mask.shape == (9, 9)
    assert all(torch.equal(row, there) for row in mask)


def test_seq2seq_words_see_the_picture_and_what_was_said() -> None:
    mask = who_sees("seq2seq", REGIONS, TOLD)[0]
    picture = [1, 1, 1, 0, 1]
    assert mask[0].tolist() == [bool(v) for v in [*picture, 0, 0, 0, 0]], "[CLS] sees no word"
    assert mask[1].tolist() == mask[0].tolist(), "nor do regions"
    assert mask[5].tolist() == [bool(v) for v in [*picture, 1, 0, 0, 0]]
    assert mask[7].tolist() == [bool(v) for v in [*picture, 1, 1, 1, 0]]


def test_words_to_come_change_no_guess_in_seq2seq_and_do_in_bidirectional() -> None:
    net = network("unified-vlp", seed=4).eval()
    core, words = net.core, tiny_words()
    assert isinstance(core, UnifiedVlpCore)
    ids = torch.tensor([words.encode("she laughs and claps")[0]])
    changed = ids.clone()
    changed[0, 4] = words.blank
    there = torch.ones_like(ids, dtype=torch.bool)
    batch = batched(examples("unified-vlp", net.shape.sight)[:1], net.shape.sight)
    with torch.inference_mode():
        regions = net.regions(batch)
        one, two = (core.word_guesses(x, there, regions, "seq2seq") for x in (ids, changed))
        assert torch.equal(one[:, :3], two[:, :3])
        assert not torch.equal(one[:, 3:], two[:, 3:])
        one, two = (core.word_guesses(x, there, regions, "bidirectional") for x in (ids, changed))
        assert not torch.equal(one[:, :3], two[:, :3])


def test_captions_end_and_do_not_depend_on_neighbours() -> None:
    net = network("unified-vlp", seed=6).eval()
    core, words = net.core, tiny_words()
    assert isinstance(core, UnifiedVlpCore)
    people = examples("unified-vlp", net.shape.sight)

    def written(group: list[Example]) -> list[list[int]]:
        regions = net.regions(batched(group, net.shape.sight))
        return core.write(regions, words.start, words.blank, 6)

    with torch.inference_mode():
        together = written(people)
        assert together == [written([one])[0] for one in people]
    assert all(len(row) <= 6 and words.end not in row for row in together)


def test_padded_regions_are_not_looked_at() -> None:
    for name in ("vilbert", "unified-vlp"):
        net = network(
            name, sight={"tower": None, "detector": "x", "detections": 4}, about={"features": 7}
        ).eval()
        random = torch.Generator().manual_seed(3)
        features = torch.randn(1, 6, 7, generator=random)
        mask = torch.tensor([[True, True, True, False, False, False]])
        ids = torch.tensor([tiny_words().encode(TEXTS[0])[0]])
        answers = []
        for noise in (0.0, 100.0):
            noisy = torch.where(mask[..., None], features, noise)
            regions = Regions(noisy, torch.full((1, 6, 5), 0.5), torch.ones(1, 6), mask)
            batch = Batch(
                torch.zeros(1, 4), ids=ids, words=torch.ones_like(ids, dtype=torch.bool), detected=regions
            )
            with torch.inference_mode():
                answers.append(net(batch).emotions)
        torch.testing.assert_close(answers[0], answers[1], atol=1e-6, rtol=0)


def test_one_emotion_dominates_or_any_number_holds() -> None:
    many, one = network("emotic-cnn"), network("emotic-cnn", about={"single": True})
    shares = network("emotic-cnn", about={"squared": True})
    batch = batched(examples("emotic-cnn", many.shape.sight), many.shape.sight)
    with torch.inference_mode():
        assert torch.allclose(one.eval().scores(one(batch)).sum(dim=1), torch.ones(3))
        out = many.eval()(batch)
        assert torch.equal(many.scores(out), out.emotions.sigmoid())
        assert torch.equal(shares.scores(out), out.emotions.clamp(0, 1))


def test_shapes_that_cannot_be() -> None:
    for faulty in (
        lambda: Stream(width=10, heads=3, layers=1, intermediate=4),
        lambda: Vilbert(connections=((2, 1), (1, 1))),
        lambda: Vilbert(connections=((9, 1),)),
        lambda: UnifiedVlp(positions=40),
        lambda: Sight(tower={"hidden_size": 3}),
        lambda: Vilbert(sight=Sight(size=64, body_size=32)),
    ):
        with pytest.raises(ValueError, match=r"heads|connections|positions|model_type|body_size"):
            faulty()
    with pytest.raises(OptionError, match="no vision tower"):
        EmotionNetwork(EmoticCnn(), About(LABELS, "emotic"))
    with pytest.raises(OptionError, match="no vocabulary"):
        EmotionNetwork(shape("vilbert", vocabulary=0), About(LABELS, "emotic"))
    assert Sight(view="both", cells=4).regions == 34
    assert Sight(view="body", cells=0).regions == 1


def test_a_vocabulary_of_texts(tmp_path: Path) -> None:
    words = make_words(TEXTS, longest=8, size=300)
    ids, _ = words.encode("She laughs, and claps.")
    assert ids[0] == words.start
    assert ids[-1] == words.end
    assert len(ids) <= 8
    assert "she laughs" in words.decode(ids)
    assert not make_words(TEXTS, 30, 300).encode("she laughs")[1]
    long, was_cut = words.encode("she laughs " * 100_000)
    assert was_cut
    assert len(long) == 8
    assert words.encode("\ud800 odd")[0][0] == words.start
    assert words.encode("she [SEP] [CLS] laughs")[0].count(words.end) == 1, "words are words"
    again = make_words(TEXTS, longest=8, size=300)
    assert again.tokenizer.to_str() == words.tokenizer.to_str()
    words.tokenizer.save(str(tmp_path / "tokenizer.json"))
    assert Words.from_file(tmp_path / "tokenizer.json", 8).encode("a dog") == words.encode("a dog")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelFilesError, match="tokenizer cannot be read"):
        Words.from_file(tmp_path / "tokenizer.json", 8)


def test_tokenizers_of_another_kind() -> None:
    from tokenizers import Tokenizer, models

    other: Any = Tokenizer(models.WordLevel({"<unk>": 0, "a": 1}, unk_token="<unk>"))
    with pytest.raises(ModelFilesError, match="none of BERT's kind"):
        Words(other, 8).check("here")
