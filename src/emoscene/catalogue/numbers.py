"""The numbers of a loaded model: published ones where there are some, else one pass that must be finite."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emoscene.catalogue.verification import Check
from emoscene.errors import EmosceneError, MissingFileError, ModelFilesError
from emoscene.recognizers.folders import Kind, ModelFolder, look_into
from emoscene.recognizers.loading import Placement, load_model, load_processor, load_tokenizer

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["look_at_numbers"]

CLIP_NUMBERS = "expected_clip_numbers.json"
#: Of CLIP's vision tower, width and patch size: what its authors call the model.
CLIP_NAMES = {(768, 32): "ViT-B/32", (768, 16): "ViT-B/16", (1024, 14): "ViT-L/14"}
_CLIP_TOLERANCE = 0.02
#: Cosines of all-MiniLM-L6-v2 in float32, measured with the published weights (torch 2.13, CPU).
_SENTENCES = ("a child laughs at a birthday party", "someone is very happy", "a man waits alone in the rain")
_COSINES = {(0, 1): 0.352415, (0, 2): -0.015187, (1, 2): 0.145915}
_COSINE_TOLERANCE = 1e-4
_MINILM_WIDTH, _MINILM_LAYERS = 384, 6
_PLACE = Placement()


def look_at_numbers(folder: Path, reference: Path | None) -> Iterator[Check]:
    """Loads a model and checks what it gives."""
    model = look_into(folder)
    lacking = [package for package in ("torch", "transformers") if find_spec(package) is None]
    if lacking:
        yield Check("numbers", "skipped", f'{lacking[0]} is not installed: pip install "emoscene[models]"')
        return
    looks: dict[Kind, Callable[[ModelFolder], Iterator[Check]]] = {
        Kind.DUAL_ENCODER: lambda found: _dual_encoder(found, reference),
        Kind.VLM: _picture_and_text,
        Kind.CAPTIONER: _captioner,
        Kind.LANGUAGE: _language,
        Kind.SENTENCES: _sentences,
        Kind.DETECTOR: _detector,
        Kind.ADAPTER: _adapter,
    }
    try:
        yield from looks[model.kind](model)
    except EmosceneError as error:
        yield Check("numbers", "wrong", str(error))


def _image(side: int = 224) -> Image:
    """A picture with something in it, the same everywhere."""
    import numpy as np
    from PIL import Image

    down, across = np.mgrid[0:side, 0:side]
    pixels = np.stack([down, across, (down * across) // side], axis=-1) * 255 // side
    return Image.fromarray(pixels.astype(np.uint8))


def _finite(what: str, *tensors: Any) -> Check:
    import torch

    fine = all(bool(torch.isfinite(tensor.float()).all()) and tensor.numel() for tensor in tensors)
    return Check(what, "ok" if fine else "wrong", "finite" if fine else "not all are finite numbers")


def _run(model: Any, inputs: Any) -> Any:
    import torch

    cast = {
        name: value.to(model.device, model.dtype) if value.is_floating_point() else value.to(model.device)
        for name, value in inputs.items()
        if hasattr(value, "is_floating_point")
    }
    with torch.inference_mode():
        return model(**cast)


def _dual_encoder(found: ModelFolder, reference: Path | None) -> Iterator[Check]:
    from tempfile import TemporaryDirectory

    import torch

    from emoscene.recognizers.encoders import load_encoder
    from emoscene.recognizers.text_cache import TextCache

    encoder = load_encoder(found.path, Placement(dtype="float32"))

    def logits(image: Any, texts: list[str]) -> Any:
        # What was kept of another run would say nothing of this one.
        with TemporaryDirectory() as nothing:
            encoder.cache = TextCache(Path(nothing))
            cosines = encoder.encode_pictures([image]) @ encoder.encode_texts(texts).T
        return torch.from_numpy(encoder.scale * cosines + (encoder.bias or 0.0))

    yield _finite("similarities", logits(_image(), ["a photo of a man", "a photo of a woman"]))
    if reference is None:
        return
    numbers = _reference(reference)
    vision = found.config.get("vision_config", {})
    name = CLIP_NAMES.get((vision.get("hidden_size", 768), vision.get("patch_size", 32)), "")
    if found.model_type != "clip" or name not in numbers:
        yield Check("published logits", "unknown", f"{CLIP_NUMBERS} has none of this model")
        return
    from PIL import Image

    with Image.open(reference / Path(str(numbers["image"])).name) as picture:
        got = (
            logits(picture.convert("RGB"), [str(text) for text in numbers["texts"]]).float().cpu()[0].tolist()
        )
    wanted = [float(number) for number in numbers[name]["logits_per_image"][0]]
    far = max(abs(a - b) for a, b in zip(got, wanted, strict=True))
    shown = ", ".join(f"{number:.4f}" for number in got)
    published = ", ".join(f"{number:.4f}" for number in wanted)
    yield Check(
        "published logits",
        "ok" if far <= _CLIP_TOLERANCE else "wrong",
        f"{name}: {shown}; published {published}",
    )


def _reference(folder: Path) -> dict[str, Any]:
    file = folder / CLIP_NUMBERS
    try:
        numbers = json.loads(file.read_text(encoding="utf-8"))
    except OSError:
        raise MissingFileError(
            "there are no published numbers here", value=file, remedy=f"Give a folder with {CLIP_NUMBERS}."
        ) from None
    except ValueError:
        numbers = None
    if not isinstance(numbers, dict) or not {"image", "texts"} <= set(numbers):
        raise ModelFilesError(
            "these published numbers cannot be read", value=file, remedy="Give another --reference."
        )
    return numbers


def _picture_and_text(found: ModelFolder) -> Iterator[Check]:
    from emoscene.recognizers.tokens import chat_frame

    model, processor = (
        load_model(found.path, "AutoModelForImageTextToText", _PLACE),
        load_processor(found.path),
    )
    frame = chat_frame(processor)
    inputs = processor(
        text=f"{frame.head} Is this a person?{frame.tail}", images=[_image()], return_tensors="pt"
    )
    yield _finite("one pass", _run(model, inputs).logits)
    yield _yes_and_no(processor.tokenizer)


def _yes_and_no(tokenizer: Any) -> Check:
    """Whether the first tokens of yes and no differ and are known, so that an answer can be read from them."""
    from emoscene.recognizers.tokens import plain_encoder

    encode = plain_encoder(tokenizer)
    first = {word: next(iter(encode(word)), tokenizer.unk_token_id) for word in ("yes", "no", "Yes", "No")}
    pairs = [(first["yes"], first["no"]), (first["Yes"], first["No"])]
    fine = any(yes != no and tokenizer.unk_token_id not in (yes, no) for yes, no in pairs)
    said = ", ".join(f"{word} {token}" for word, token in first.items())
    return Check("tokens of yes and no", "ok" if fine else "wrong", said)


def _captioner(found: ModelFolder) -> Iterator[Check]:
    model, processor = (
        load_model(found.path, "AutoModelForImageTextToText", _PLACE),
        load_processor(found.path),
    )
    inputs = processor(images=[_image()], text=["a picture of"], return_tensors="pt")
    yield _finite("one pass", _run(model, inputs).logits)


def _language(found: ModelFolder) -> Iterator[Check]:
    model, tokenizer = load_model(found.path, "AutoModelForCausalLM", _PLACE), load_tokenizer(found.path)
    inputs = tokenizer("The person seems to feel", return_tensors="pt")
    yield _finite("one pass", _run(model, inputs).logits)
    yield _yes_and_no(tokenizer)


def _detector(found: ModelFolder) -> Iterator[Check]:
    import transformers

    model = load_model(found.path, "AutoModelForObjectDetection", _PLACE)
    processor = transformers.AutoImageProcessor.from_pretrained(found.path, local_files_only=True)
    output = _run(model, processor(images=[_image()], return_tensors="pt"))
    yield _finite("one pass", output.logits, output.pred_boxes)


def _sentences(found: ModelFolder) -> Iterator[Check]:
    from emoscene.recognizers.sentences import EncoderFiles, SentenceEncoder

    encoder = SentenceEncoder(EncoderFiles(found.path, found.path.name, "verified"))
    vectors = encoder.encode([encoder.tokens(text) for text in _SENTENCES])
    cosines = {pair: float(vectors[pair[0]] @ vectors[pair[1]]) for pair in _COSINES}
    shown = ", ".join(f"{cosine:.4f}" for cosine in cosines.values())
    shape = (found.config.get("hidden_size"), found.config.get("num_hidden_layers"))
    if shape != (_MINILM_WIDTH, _MINILM_LAYERS) or found.model_type != "bert":
        fine = all(abs(cosine) <= 1.001 for cosine in cosines.values())
        yield Check("cosines", "ok" if fine else "wrong", f"{shown}; none are known for this encoder")
        return
    far = max(abs(cosines[pair] - wanted) for pair, wanted in _COSINES.items())
    published = ", ".join(f"{wanted:.4f}" for wanted in _COSINES.values())
    yield Check("cosines", "ok" if far <= _COSINE_TOLERANCE else "wrong", f"{shown}; should be {published}")


def _adapter(found: ModelFolder) -> Iterator[Check]:
    """An adapter without its base: its tensors alone."""
    from safetensors import safe_open

    for file in sorted(found.path.glob("*.safetensors")):
        with safe_open(file, "pt") as tensors:
            yield _finite(file.name, *(tensors.get_tensor(name) for name in tensors.keys()))  # noqa: SIM118
