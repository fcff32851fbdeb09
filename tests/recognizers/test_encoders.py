"""Dual encoders on tiny real models, CLIP's own preprocessing on a real picture and its own vocabulary."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from emoscene.errors import ModelFilesError, ModelNotHereError, OptionError, UnknownModelError
from emoscene.images import open_picture
from emoscene.recognizers.encoders import DualEncoder, Texts, Vectors, load_encoder
from emoscene.recognizers.loading import Placement, load_image_processor, load_tokenizer
from tests.tiny_clip import KINDS, Kind, clip_tokenizer, save_tiny_clip

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

TEXTS = ["a photo", "a photo of a person who seems to feel calm", "home", "fear and peace"]


@pytest.fixture(scope="module", params=KINDS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    kind: Kind = request.param
    return save_tiny_clip(tmp_path_factory.mktemp(kind), kind)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_clip(tmp_path_factory.mktemp("clip"))


def pictures() -> list[Image.Image]:
    rng = np.random.default_rng(5)
    sizes = (60, 80, 3), (33, 120, 3), (100, 30, 3)
    return [Image.fromarray(rng.integers(0, 255, size, dtype=np.uint8)) for size in sizes]


def copy_of(folder: Path, to: Path) -> Path:
    to.mkdir(exist_ok=True)
    for file in folder.iterdir():
        (to / file.name).write_bytes(file.read_bytes())
    return to


def count_texts(encoder: DualEncoder) -> list[int]:
    """How many texts every forward pass of this encoder's text tower takes from now on."""
    passes: list[int] = []
    forward = encoder._model.get_text_features

    def counted(**inputs: Any) -> Any:
        passes.append(len(inputs["input_ids"]))
        return forward(**inputs)

    encoder._model.get_text_features = counted
    return passes


def test_vectors_are_those_of_transformers(folder: Path) -> None:
    """The library's own pair scores, from one joint call, are the scaled cosines (and bias) of ours."""
    import torch
    from transformers import AutoModel, PreTrainedTokenizerFast

    encoder = load_encoder(folder)
    model = AutoModel.from_pretrained(folder, local_files_only=True).eval()
    tokens = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    padded = model.config.model_type != "clip"
    padding: dict[str, Any] = {"padding": "max_length", "max_length": 64} if padded else {"padding": True}
    said = tokens(TEXTS, return_tensors="pt", padding_side="right", **padding)
    assert said["input_ids"].shape[1] == (64 if padded else max(len(ids) for ids in tokens(TEXTS).input_ids))
    inputs = {"input_ids": said["input_ids"]} if padded else dict(said)
    seen = load_image_processor(folder)(images=pictures(), return_tensors="pt")
    with torch.no_grad():
        expected = model(**inputs, **seen).logits_per_image.numpy()
    ours = encoder.scale * encoder.encode_pictures(pictures()) @ encoder.encode_texts(TEXTS).T
    assert (encoder.bias is None) == (not padded)
    assert np.allclose(ours + (encoder.bias or 0.0), expected, atol=1e-4)
    assert np.ptp(expected) > 0.5, "pictures and texts tell apart"


def test_the_batch_does_not_matter(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def vectors(batch_size: int) -> tuple[Vectors, Vectors]:
        monkeypatch.setenv("EMOSCENE_CACHE", str(tmp_path / str(batch_size)))
        encoder = load_encoder(folder, Placement(), batch_size)
        return encoder.encode_pictures(pictures()), encoder.encode_texts(TEXTS)

    for together, alone in zip(vectors(8), vectors(1), strict=True):
        assert together.dtype == np.float32
        assert np.allclose(together, alone, atol=1e-5)
        assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)


def test_pictures_can_be_made_small_before(folder: Path) -> None:
    encoder = load_encoder(folder)
    small = [encoder.pixels(picture) for picture in pictures()]
    assert np.array_equal(encoder.encode_pixels(small), encoder.encode_pictures(pictures()))
    assert sum(array.nbytes for one in small for array in one.values()) < 3 * 64 * 1024
    for vectors in (encoder.encode_pictures([]), encoder.encode_texts([])):
        assert vectors.shape == (0, encoder.encode_texts(["a"]).shape[1])
    assert encoder.cut([]) == []


def test_a_kept_text_costs_no_forward_pass(folder: Path) -> None:
    first, again = load_encoder(folder), load_encoder(folder)
    passes, none = count_texts(first), count_texts(again)
    vectors = first.encode_texts(TEXTS)
    assert sum(passes) == len(TEXTS)
    assert np.array_equal(again.encode_texts(TEXTS[::-1]), vectors[::-1])
    assert none == []
    again.encode_texts([*TEXTS, "more"])
    assert sum(none) == len(TEXTS) + 1


def test_another_model_never_gets_its_vectors(clip: Path, tmp_path: Path) -> None:
    other = copy_of(clip, tmp_path / "other")
    known = load_encoder(clip).fingerprint
    assert load_encoder(other).fingerprint == known, "the same files elsewhere"
    assert load_encoder(other, Placement(dtype="bfloat16")).fingerprint != known
    settings = other / "tokenizer_config.json"
    settings.write_text(settings.read_text().replace("{", '{"note": 1,', 1))
    assert (changed := load_encoder(other).fingerprint) != known
    weights = bytearray((other / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (other / "model.safetensors").write_bytes(weights)
    assert load_encoder(other).fingerprint not in (known, changed)


def test_long_texts_are_cut_and_named(folder: Path) -> None:
    encoder = load_encoder(folder)
    long = "happiness sadness anger fear " * 40
    assert encoder.cut(["a photo", long, "peace", "x" * 100_000]) == [1, 3]
    vectors = encoder.encode_texts([long, long + "and more of it"])
    assert np.allclose(vectors[0], vectors[1], atol=1e-6), "what is beyond the limit does not count"


def test_special_tokens_in_a_text_are_words(clip: Path) -> None:
    """An end in the middle of a text would otherwise hide what follows."""
    encoder = load_encoder(clip)
    one, other = encoder.encode_texts(["a photo <|endoftext|> of fear", "a photo <|endoftext|> of happiness"])
    assert one @ other < 0.99


def test_any_text_has_a_vector(folder: Path) -> None:
    vectors = load_encoder(folder).encode_texts(["\ud800 \x00 \U0001f642", "", "</s><eos><|endoftext|>"])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_siglip_texts_are_prepared_as_in_training(tmp_path: Path) -> None:
    """Lower case for both; SigLIP alone without punctuation, and without the packages that its own class needs."""
    one, two = (load_encoder(save_tiny_clip(tmp_path / kind, kind)) for kind in ("siglip", "siglip2"))
    plain, shouted, marked = "a photo of fear", "A Photo of FEAR", "a photo, of fear!"
    for encoder in (one, two):
        first, second, third = encoder.encode_texts([plain, shouted, marked])
        assert np.array_equal(first, second)
        assert np.array_equal(first, third) == (encoder is one)


def rows(height: int, width: int) -> Image.Image:
    values = np.linspace(0, 255, width, dtype=np.uint8)
    return Image.fromarray(np.broadcast_to(values[None, :, None], (height, width, 3)).copy())


ODD: dict[str, Callable[[], Image.Image]] = {
    "grey": lambda: pictures()[0].convert("L"),
    "palette": lambda: pictures()[0].convert("P"),
    "with alpha": lambda: pictures()[0].convert("RGBA"),
    "one pixel": lambda: Image.new("RGB", (1, 1), (9, 200, 30)),
    "three rows": lambda: rows(3, 90),
    "three columns": lambda: rows(3, 90).transpose(Image.Transpose.ROTATE_90),
    "a long line": lambda: rows(2, 20_000),
}


@pytest.mark.parametrize("odd", ODD)
def test_odd_pictures(odd: str, folder: Path) -> None:
    encoder = load_encoder(folder)
    (alone,) = encoder.encode_pictures([ODD[odd]()])
    assert np.linalg.norm(alone) == pytest.approx(1, abs=1e-5)
    among = encoder.encode_pictures([pictures()[0], ODD[odd]()])
    assert np.allclose(among[1], alone, atol=1e-5)
    as_colour = ODD[odd]().convert("RGB")
    assert np.allclose(encoder.encode_pictures([as_colour])[0], alone, atol=1e-6)


def test_three_rows_are_no_channels(clip: Path) -> None:
    encoder = load_encoder(clip)
    three, six = encoder.pixels(rows(3, 90))["pixel_values"], encoder.pixels(rows(6, 180))["pixel_values"]
    assert np.allclose(three, six, atol=0.05)


def test_the_middle_of_a_long_picture_is_what_was_cut_out_of_it(clip: Path) -> None:
    encoder = load_encoder(clip)
    long = Image.fromarray(np.random.default_rng(1).integers(0, 255, (40, 4001, 3), dtype=np.uint8))
    plain = load_image_processor(clip)(images=[long], return_tensors="np")["pixel_values"]
    assert np.abs(encoder.pixels(long)["pixel_values"] - plain).max() < 0.1


@pytest.mark.parametrize(
    ("card", "said"),
    [
        (
            "---\nlanguage: en\nlicense: apache-2.0\n---\n# A model",
            "apache-2.0, as the model's own card says",
        ),
        ("# A model\n", "not stated in its folder: see the model's own page"),
        (None, "not stated in its folder: see the model's own page"),
    ],
)
def test_the_licence_is_the_one_that_the_card_states(
    clip: Path, tmp_path: Path, card: str | None, said: str
) -> None:
    folder = copy_of(clip, tmp_path / "model")
    if card is not None:
        (folder / "README.md").write_text(card)
    assert load_encoder(folder).licence_note == said


def change(**changed: Any) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        config = folder / "config.json"
        config.write_text(json.dumps(json.loads(config.read_text()) | changed))

    return write


def without(name: str, *, then: str | None = None) -> Callable[[Path], None]:
    def remove(folder: Path) -> None:
        (folder / name).unlink()
        if then:
            (folder / then).write_bytes(b"")

    return remove


def without_text_tower(folder: Path) -> None:
    from safetensors.numpy import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    kept = {name: array for name, array in weights.items() if not name.startswith("text_model")}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})


def another_size(folder: Path) -> None:
    settings = folder / "preprocessor_config.json"
    settings.write_text(settings.read_text().replace("32", "48"))


HOSTILE = {
    "pictures of another size": (another_size, ModelFilesError, "takes pictures of 32 pixels a side"),
    "no weights": (without("model.safetensors"), ModelFilesError, "no weights"),
    "pickles": (without("model.safetensors", then="pytorch_model.bin"), ModelFilesError, "models convert"),
    "half of the weights": (without_text_tower, ModelFilesError, "weights are missing"),
    "no tokenizer": (without("tokenizer.json"), ModelFilesError, "tokenizer"),
    "no image processor": (without("preprocessor_config.json"), ModelFilesError, "image processor"),
    "a vlm": (change(model_type="llava", vision_config={}), UnknownModelError, "this is a vlm model"),
    "a classifier": (
        change(architectures=["CLIPForImageClassification"]),
        UnknownModelError,
        "classifier of pictures",
    ),
}


@pytest.mark.parametrize("fault", HOSTILE)
def test_folders_that_cannot_be_used(fault: str, clip: Path, tmp_path: Path) -> None:
    spoil, kind, said = HOSTILE[fault]
    folder = copy_of(clip, tmp_path / "model")
    spoil(folder)
    with pytest.raises(kind, match=said) as caught:
        load_encoder(folder)
    assert caught.value.remedy


def test_no_folder_and_no_device(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelNotHereError, match="emoscene models pull"):
        load_encoder(tmp_path / "absent")
    with pytest.raises(OptionError, match="dtype"):
        load_encoder(clip, Placement(dtype="int8"))


def test_patches_of_another_size(tmp_path: Path) -> None:
    folder = save_tiny_clip(tmp_path, "siglip2")
    settings = json.loads((folder / "preprocessor_config.json").read_text()) | {"patch_size": 16}
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    with pytest.raises(ModelFilesError, match="patches of 8 pixels"):
        load_encoder(folder)


def test_a_tokenizer_of_another_model(clip: Path, tmp_path: Path) -> None:
    other, folder = save_tiny_clip(tmp_path / "siglip", "siglip"), copy_of(clip, tmp_path / "model")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (other / name).write_bytes((folder / name).read_bytes())
    with pytest.raises(ModelFilesError, match="more words than the model"):
        load_encoder(other).encode_texts(["a photo"])


def test_a_model_that_gives_no_numbers_for_texts_is_refused(clip: Path) -> None:
    import torch

    encoder = load_encoder(clip)
    with torch.no_grad():
        encoder._model.text_projection.weight.fill_(float("inf"))
    with pytest.raises(ModelFilesError, match="no finite vectors"):
        encoder.encode_texts(["a"])


def test_half_precision_stays_near(clip: Path) -> None:
    def cosines(dtype: str) -> Any:
        encoder = load_encoder(clip, Placement(dtype=dtype))
        return encoder.encode_pictures(pictures()) @ encoder.encode_texts(TEXTS).T

    assert np.abs(cosines("float16") - cosines("float32")).max() < 5e-3


def test_clips_preprocessing_gives_openais_own_tensor(reference_data: Path, tmp_path: Path) -> None:
    """The settings of openai/clip-vit-base-patch32, as its folder has them, on a real picture."""
    settings = {
        "crop_size": 224, "do_center_crop": True, "do_normalize": True, "do_resize": True, "size": 224,
        "feature_extractor_type": "CLIPFeatureExtractor", "resample": 3,
        "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711],
    }  # fmt: skip
    clip = save_tiny_clip(tmp_path, image_size=224)
    (clip / "preprocessor_config.json").write_text(json.dumps(settings))
    reference = reference_data / "weights" / "clip-reference"
    image = open_picture(reference / "franz-kafka.jpg").image
    tensor = load_encoder(clip).pixels(image)["pixel_values"]
    expected = np.load(reference / "expected_preprocessed_image.npy")
    assert tensor.shape == expected.shape == (1, 3, 224, 224)
    assert np.abs(tensor - expected).max() < 1e-6


def openai_vocabulary(file: Path) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """The tokens of CLIP in their order: bytes, bytes that end a word, merged pairs, start and end of text."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in printable]
    letters = [*map(chr, printable), *(chr(256 + i) for i in range(len(hidden)))]
    lines = gzip.decompress(file.read_bytes()).decode("utf-8").split("\n")
    pairs = [tuple(line.split()) for line in lines[1 : 49152 - 256 - 2 + 1]]
    words = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(pair) for pair in pairs)]
    words += ["<|startoftext|>", "<|endoftext|>"]
    return {word: i for i, word in enumerate(words)}, [(pair[0], pair[1]) for pair in pairs]


def test_texts_become_the_tokens_of_clips_own_vocabulary(reference_data: Path, tmp_path: Path) -> None:
    from transformers import CLIPConfig

    vocabulary, merges = openai_vocabulary(
        reference_data / "weights" / "clip-reference" / "bpe_simple_vocab_16e6.txt.gz"
    )
    assert len(vocabulary) == 49408
    clip_tokenizer(vocabulary, merges).save_pretrained(tmp_path)
    texts = Texts(load_tokenizer(tmp_path), CLIPConfig())
    assert texts.limit == 77
    said = ["a photo of a cat", "A PHOTO  of a man's doubt", "a photo of a woman", "<|endoftext|> fear"]
    tokens = texts.tokens(said)
    names = {i: word for word, i in vocabulary.items()}
    in_words = [
        [names[i] for i, real in zip(ids, mask, strict=True) if real]
        for ids, mask in zip(tokens["input_ids"].tolist(), tokens["attention_mask"].tolist(), strict=True)
    ]
    # The numbers that are printed for this text wherever CLIP's tokens are explained.
    assert tokens["input_ids"][0, :7].tolist() == [49406, 320, 1125, 539, 320, 2368, 49407]
    assert in_words[1][1:-1] == ["a</w>", "photo</w>", "of</w>", "a</w>", "man</w>", "'s</w>", "doubt</w>"]
    assert in_words[2][1:-1] == ["a</w>", "photo</w>", "of</w>", "a</w>", "woman</w>"]
    assert [len(line) for line in in_words[:3]] == [7, 9, 7]
    assert "<|endoftext|>" not in in_words[3][1:-1]
    assert in_words[3][-2:] == ["fear</w>", "<|endoftext|>"]
