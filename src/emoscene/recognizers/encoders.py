"""Dual encoders: pictures and texts as unit vectors in one space (CLIP, SigLIP, SigLIP 2 and their kind)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from emoscene.errors import UnknownModelError
from emoscene.recognizers.folders import Kind, look_into
from emoscene.recognizers.loading import Placement, load_image_processor, load_model, load_tokenizer
from emoscene.recognizers.text_cache import cached_texts

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["DualEncoder", "load_encoder"]

Vectors = npt.NDArray[np.float32]
#: Families that were trained on texts padded to this length, without a mask: their vector is that of the last place.
_PADDED_TO = {"siglip": 64, "siglip2": 64}
_WEIGHTS = "*.safetensors"


class DualEncoder:
    """A loaded dual encoder.

    Args:
        model, images, tokenizer: Of transformers.
        name: What it is called.
        fingerprint: Of its files and of how texts are prepared; keys the cache of texts.
        batch_size: Pictures or texts encoded together; the vectors do not depend on it beyond float noise.

    Attributes:
        scale: What similarities are multiplied by before a softmax: `exp(logit_scale)`.
        bias: What is added after that, for models trained on single pairs (SigLIP); else None.
    """

    def __init__(
        self, model: Any, images: Any, tokenizer: Any, *, name: str, fingerprint: str, batch_size: int = 32
    ) -> None:
        self.name, self.fingerprint = name, fingerprint
        self._model, self._images, self._tokenizer = model, images, tokenizer
        self._batch_size = batch_size
        self.scale = float(model.logit_scale.detach().float().exp())
        bias = getattr(model, "logit_bias", None)
        self.bias = None if bias is None else float(bias.detach().float())
        self._padded_to = _PADDED_TO.get(model.config.model_type)
        self._longest = self._padded_to or int(model.config.text_config.max_position_embeddings)

    def encode_pictures(self, images: Sequence[Image.Image]) -> Vectors:
        """Unit vectors of RGB pictures, float32 of shape (n, d)."""
        return self._in_batches(images, self._pictures)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of texts, float32 of shape (n, d); kept on disk. Texts beyond the limit are cut (`cut`)."""
        return cached_texts(texts, self.fingerprint, lambda wanted: self._in_batches(wanted, self._texts))

    def cut(self, texts: Sequence[str]) -> list[int]:
        """Which of the texts are longer than the encoder reads."""
        ids = self._tokenizer([_plain(text) for text in texts], truncation=False, verbose=False)["input_ids"]
        return [i for i, line in enumerate(ids) if len(line) > self._longest]

    def _in_batches(self, items: Sequence[Any], encode: Any) -> Vectors:
        import torch

        with torch.inference_mode():
            parts = [
                encode(items[start : start + self._batch_size]).float()
                for start in range(0, len(items), self._batch_size)
            ]
            vectors = torch.nn.functional.normalize(torch.cat(parts), dim=-1)
        found: Vectors = vectors.cpu().numpy()
        return found

    def _pictures(self, images: Sequence[Image.Image]) -> Any:
        inputs = self._images(images=list(images), return_tensors="pt")
        return _pooled(self._model.get_image_features(**self._placed(inputs)))

    def _texts(self, texts: Sequence[str]) -> Any:
        fixed = self._padded_to is not None
        inputs = self._tokenizer(
            [_plain(text) for text in texts], padding="max_length" if fixed else True, truncation=True,
            max_length=self._longest, padding_side="right", return_tensors="pt",
        )  # fmt: skip
        wanted = ("input_ids",) if fixed else ("input_ids", "attention_mask")
        return _pooled(self._model.get_text_features(**self._placed({k: inputs[k] for k in wanted})))

    def _placed(self, inputs: Any) -> dict[str, Any]:
        device, dtype = self._model.device, self._model.dtype
        return {k: v.to(device, dtype) if v.is_floating_point() else v.to(device) for k, v in inputs.items()}


def load_encoder(
    folder: str | Path, placement: Placement | None = None, *, batch_size: int = 32
) -> DualEncoder:
    """A dual encoder from a folder in Hugging Face layout.

    Raises:
        MissingExtraError: if torch or transformers is not installed.
        UnknownModelError: if the folder holds another kind of model.
        ModelNotHereError, ModelFilesError, OptionError: as `look_into` and `loading` do.
    """
    found = look_into(folder)
    if found.kind is not Kind.DUAL_ENCODER:
        raise UnknownModelError(
            f"this is a {found.kind} model, not a dual encoder such as CLIP",
            value=found.path.name,
            remedy="Get one with: emoscene models pull clip-vit-base",
        )
    images, tokenizer = load_image_processor(found.path), load_tokenizer(found.path)
    placement = placement or Placement()
    model = load_model(found.path, "AutoModel", placement)
    print_ = f"{_fingerprint(found.path)}/{model.dtype}"
    return DualEncoder(
        model, images, tokenizer, name=found.path.name, fingerprint=print_, batch_size=batch_size
    )


def _fingerprint(folder: Path) -> str:
    """SHA-256 over the names and bytes of all files that decide a vector."""
    digest = hashlib.sha256()
    for file in sorted([*folder.glob(_WEIGHTS), *folder.glob("*.json"), *folder.glob("*.txt")]):
        digest.update(file.name.encode())
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def _pooled(output: Any) -> Any:
    return getattr(output, "pooler_output", output)


def _plain(text: str) -> str:
    """The text in code points that a tokenizer can take."""
    return text.encode("utf-8", "replace").decode("utf-8")
