"""Dual encoders: pictures and texts as unit vectors in one space (CLIP, SigLIP, SigLIP 2 and their kind).

Pictures go through the folder's own image processor, on Pillow, so that they give the same numbers with and without
torchvision; texts through its tokenizer, prepared as in that family's training.
"""

from __future__ import annotations

import hashlib
import re
import string
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from emoscene.errors import ModelFilesError, UnknownModelError
from emoscene.recognizers.folders import Kind, ModelFolder, look_into, read_json
from emoscene.recognizers.loading import Placement, load_image_processor, load_model, load_tokenizer
from emoscene.recognizers.text_cache import TextCache

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["DualEncoder", "Pixels", "Texts", "Vectors", "encoder_folder", "load_encoder"]

Vectors = npt.NDArray[np.float32]
#: One picture as its model takes it: arrays by name, with a first axis of 1.
Pixels = Mapping[str, npt.NDArray[Any]]
#: Families trained on lower-case texts padded to this length, without a mask: the vector is that of the last place.
_PADDED_TO = {"siglip": 64, "siglip2": 64}
#: What decides a vector, besides the weights.
_SETTINGS = ("*.json", "*.txt", "*.model")
#: Where the middle of a picture is cut out, what lies beyond this many times the shorter side is never seen.
_MOST_ASPECT = 16
_LONGEST_CHARACTERS = 64
_STATED_LICENCE = re.compile(r"^license:[ \t]*['\"]?([\w.+-]+)", re.M)
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
Item = TypeVar("Item")


class DualEncoder:
    """A loaded dual encoder.

    Args:
        model: A model of transformers with `get_image_features` and `get_text_features`.
        images: Its image processor.
        texts: How its texts become tokens.
        folder: Where it came from.
        batch_size: Pictures or texts encoded together; the vectors do not depend on it beyond float noise.
        cache: Where vectors of texts are kept.

    Attributes:
        scale: What similarities are multiplied by before a softmax: `exp(logit_scale)`.
        bias: What is added after that, for models trained on single pairs (SigLIP); else None.
        cuts: Whether the middle of a picture is cut out and the rest not seen.
        cache: Where vectors of texts are kept; its `remark` says if they could not be.
    """

    def __init__(
        self, model: Any, images: Any, texts: Texts, folder: Path, *, batch_size: int = 32,
        cache: TextCache | None = None,
    ) -> None:  # fmt: skip
        self.name = folder.name
        self.folder = folder
        self.cache = cache or TextCache()
        self._model, self._images, self._texts = model, images, texts
        self._batch_size = batch_size
        self.scale = float(model.logit_scale.detach().float().exp())
        bias = getattr(model, "logit_bias", None)
        self.bias = None if bias is None else float(bias.detach().float())
        self.cuts = bool(getattr(images, "do_center_crop", False))

    @cached_property
    def fingerprint(self) -> str:
        """Of all that decides a vector of a text: weights, settings and tokenizer by their bytes, dtype, and the
        version of transformers."""
        import transformers

        digest = hashlib.sha256(f"{transformers.__version__} {self._model.dtype}".encode())
        small = sorted({file for pattern in _SETTINGS for file in self.folder.glob(pattern)})
        for file in [*small, *sorted(self.folder.glob("*.safetensors"))]:
            kept = file.suffix == ".safetensors"
            found = self.cache.digest(file) if kept else hashlib.sha256(file.read_bytes()).hexdigest()
            digest.update(f"\n{file.name} {found}".encode())
        return digest.hexdigest()

    @cached_property
    def licence_note(self) -> str:
        """The licence that the folder's own card states, or where to look for it."""
        card = self.folder / "README.md"
        if card.is_file():
            with card.open(encoding="utf-8", errors="replace") as lines:
                stated = _STATED_LICENCE.search(lines.read(4096))
            if stated:
                return f"{stated[1]}, as the model's own card says"
        return "not stated in its folder: see the model's own page"

    def encode_pictures(self, images: Sequence[Image.Image]) -> Vectors:
        """Unit vectors of pictures, float32 of shape (n, d). What the model cannot compute is not finite."""
        return self._in_batches(images, lambda some: self._seen([self.pixels(image) for image in some]))

    def encode_pixels(self, pixels: Sequence[Pixels]) -> Vectors:
        """`encode_pictures` of pictures that went through `pixels` before."""
        return self._in_batches(pixels, self._seen)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of texts, float32 of shape (n, d); kept on disk. Texts beyond the limit are cut (`cut`).

        Raises:
            ModelFilesError: if they are not finite.
        """
        if not texts:
            return self._in_batches([], self._read)
        return self.cache.vectors(texts, self.fingerprint, self._encoded)

    def read_texts(self, texts: Sequence[str]) -> Vectors:
        """`encode_texts` of texts that are not worth keeping."""
        return self._encoded(texts)

    def cut(self, texts: Sequence[str]) -> list[int]:
        """Which of the texts are longer than the encoder reads."""
        return self._texts.cut(texts)

    def pixels(self, image: Image.Image) -> Pixels:
        """A picture as the model takes it: small, whatever the picture's size."""
        upright = image if image.mode == "RGB" else image.convert("RGB")
        shown = _middle(upright) if self.cuts else upright
        inputs = self._images(images=[shown], input_data_format="channels_last", return_tensors="np")
        return {name: np.asarray(array) for name, array in inputs.items()}

    def _encoded(self, texts: Sequence[str]) -> Vectors:
        vectors = self._in_batches(texts, self._read)
        if not np.isfinite(vectors).all():
            raise ModelFilesError(
                "this model gives no finite vectors for texts",
                value=f"{self.name}, {self._model.dtype}",
                remedy="Load it with -o dtype=float32, or pull it again.",
            )
        return vectors

    def _in_batches(self, items: Sequence[Item], encode: Callable[[Sequence[Item]], Any]) -> Vectors:
        import torch

        if not items:
            return np.zeros((0, self._width()), np.float32)
        with torch.inference_mode():
            starts = range(0, len(items), self._batch_size)
            parts = [encode(items[start : start + self._batch_size]).float() for start in starts]
            vectors = torch.nn.functional.normalize(torch.cat(parts), dim=-1)
        found: Vectors = vectors.cpu().numpy()
        return found

    def _width(self) -> int:
        config = self._model.config
        width = getattr(config, "projection_dim", None) or getattr(
            config.text_config, "projection_size", None
        )
        return int(width or config.text_config.hidden_size)

    def _seen(self, pixels: Sequence[Pixels]) -> Any:
        import torch

        together = {
            name: torch.from_numpy(np.concatenate([one[name] for one in pixels])) for name in pixels[0]
        }
        return self._model.get_image_features(**self._placed(together)).pooler_output

    def _read(self, texts: Sequence[str]) -> Any:
        return self._model.get_text_features(**self._placed(self._texts.tokens(texts))).pooler_output

    def _placed(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        device, dtype = self._model.device, self._model.dtype
        return {k: v.to(device, dtype) if v.is_floating_point() else v.to(device) for k, v in inputs.items()}


class Texts:
    """How texts become the tokens of a family.

    Args:
        tokenizer: Of transformers.
        config: The model's configuration.
        strips: Whether punctuation was taken out of the texts that the model was trained on.
    """

    def __init__(self, tokenizer: Any, config: Any, *, strips: bool = False) -> None:
        self._tokenizer, self._strips = tokenizer, strips
        self._padded_to = _PADDED_TO.get(config.model_type)
        self._words = int(config.text_config.vocab_size)
        places = int(config.text_config.max_position_embeddings)
        if config.model_type == "altclip":  # Its places begin behind the one for padding.
            places -= int(config.text_config.pad_token_id) + 1
        limits = [places, self._padded_to, tokenizer.model_max_length]
        self.limit = min(int(limit) for limit in limits if limit)

    def tokens(self, texts: Sequence[str]) -> dict[str, Any]:
        """Tensors for `get_text_features`, cut at the limit.

        Raises:
            ModelFilesError: if there are tokens among them that the model does not know.
        """
        fixed = self._padded_to is not None
        inputs = self._ids(
            texts, padding="max_length" if fixed else True, truncation=True, max_length=self.limit,
            padding_side="right", return_tensors="pt",
        )  # fmt: skip
        if int(inputs["input_ids"].max()) >= self._words:
            raise ModelFilesError(
                "this model's tokenizer knows more words than the model does",
                value=f"{len(self._tokenizer)} and {self._words}",
                remedy="Pull or copy the folder again.",
            )
        wanted = ("input_ids",) if fixed else ("input_ids", "attention_mask")
        return {name: inputs[name] for name in wanted}

    def cut(self, texts: Sequence[str]) -> list[int]:
        """Which of the texts are longer than the limit."""
        lines = self._ids(texts, truncation=False)["input_ids"] if texts else []
        return [i for i, line in enumerate(lines) if len(line) > self.limit]

    def _ids(self, texts: Sequence[str], **options: Any) -> Any:
        # Special tokens that are written in a text are words: an end in the middle would hide the rest.
        plain = [self._plain(text) for text in texts]
        return self._tokenizer(plain, split_special_tokens=True, verbose=False, **options)

    def _plain(self, text: str) -> str:
        """The text in code points that a tokenizer can take, as it was written in training, bounded in length."""
        encodable = text[: _LONGEST_CHARACTERS * (self.limit + 1)].encode("utf-8", "replace").decode("utf-8")
        if self._padded_to is None:
            return encodable
        lower = encodable.lower()
        return " ".join(lower.translate(_NO_PUNCTUATION).split()) if self._strips else lower


def encoder_folder(path: str | Path) -> ModelFolder:
    """The folder of a dual encoder, without loading it.

    Raises:
        UnknownModelError: if it holds another kind of model.
        ModelNotHereError, ModelFilesError: as `look_into` does.
    """
    found = look_into(path)
    named = found.config.get("architectures")
    sorts = isinstance(named, list) and any(str(name).endswith("ForImageClassification") for name in named)
    if found.kind is Kind.DUAL_ENCODER and not sorts:
        return found
    held = "classifier of pictures" if sorts else f"{found.kind} model"
    raise UnknownModelError(
        f"this is a {held}, not a dual encoder such as CLIP",
        value=found.path.name,
        remedy="Get one with: emoscene models pull clip-vit-base",
    )


def load_encoder(folder: str | Path, placement: Placement | None = None, batch_size: int = 32) -> DualEncoder:
    """A dual encoder from a folder in Hugging Face layout.

    Args:
        folder: The folder.
        placement: Where it runs. The dtype `auto` is float32 on the CPU, else float16: bfloat16 would move cosines by
            as much as the labels' differ.
        batch_size: Pictures or texts encoded together.

    Raises:
        MissingExtraError: if torch or transformers is not installed.
        UnknownModelError, ModelNotHereError: as `encoder_folder` does.
        ModelFilesError, OptionError: as `loading` does.
    """
    found = encoder_folder(folder)
    images = load_image_processor(found.path)
    tokenizer, strips = _tokenizer(found.path)
    model = load_model(found.path, "AutoModel", _exact(placement or Placement()))
    texts = Texts(tokenizer, model.config, strips=strips)
    encoder = DualEncoder(model, images, texts, found.path, batch_size=batch_size)
    _check_size(encoder, model.config.vision_config, found.path)
    return encoder


def _exact(placement: Placement) -> Placement:
    if placement.dtype != "auto":
        return placement
    device, _ = placement.resolve()
    return Placement(placement.device, "float32" if device == "cpu" else "float16")


def _tokenizer(folder: Path) -> tuple[Any, bool]:
    """The tokenizer, and whether texts go to it without punctuation.

    SigLIP's own class takes the punctuation out, and needs two more packages; its folders hold the same tokens in a
    form that needs none.
    """
    held = {file.name for file in folder.iterdir()}
    single = held & {"tokenizer.json", "vocab.txt"} or any(name.endswith(".model") for name in held)
    if not single and not held >= {"vocab.json", "merges.txt"}:
        # CLIP's tokenizer would be made without words, and all texts would be alike.
        raise ModelFilesError(
            "this model's tokenizer is missing: there is no tokenizer.json",
            value=folder,
            remedy="Run `emoscene models pull` again, or copy the folder whole.",
        )
    settings = folder / "tokenizer_config.json"
    named = read_json(settings).get("tokenizer_class") if settings.is_file() else None
    if named != "SiglipTokenizer":
        return load_tokenizer(folder), False
    plain = (folder / "tokenizer.json").is_file()
    return load_tokenizer(folder, "PreTrainedTokenizerFast" if plain else "AutoTokenizer"), True


def _check_size(encoder: DualEncoder, vision: Any, folder: Path) -> None:
    """Refuse an image processor that makes pictures of another size than the model takes."""
    from PIL import Image

    pixels = encoder.pixels(Image.new("RGB", (8, 8)))
    made = pixels["pixel_values"].shape
    if "spatial_shapes" in pixels:
        fits, wanted = made[-1] == 3 * vision.patch_size**2, f"patches of {vision.patch_size} pixels"
    else:
        fits, wanted = (
            made[-2:] == (vision.image_size, vision.image_size),
            f"{vision.image_size} pixels a side",
        )
    if not fits:
        raise ModelFilesError(
            f"this model takes pictures of {wanted}, and its preprocessor_config.json makes others",
            value=folder,
            remedy="Pull or copy the folder again.",
        )


def _middle(image: Image.Image) -> Image.Image:
    """The middle of a picture that is extremely long: scaled up by its short side it could fill the memory."""
    wide, high = image.size
    most = _MOST_ASPECT * min(wide, high)
    left, top = max(0, (wide - most) // 2), max(0, (high - most) // 2)
    return image.crop((left, top, wide - left, high - top)) if left or top else image
