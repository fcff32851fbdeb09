"""One person as a vector of a frozen model: what heads are trained on, and are asked with.

encoder   unit vectors of a dual encoder (CLIP, SigLIP): the picture with a red box, the person's crop, the whole
          picture, and the words if wanted, one after another
prompt    a generative model's hidden state behind picture, words and question, where its answer would begin
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from emoscene.errors import OptionError, UnknownModelError
from emoscene.images import regions
from emoscene.labels import LabelSpace
from emoscene.prompts import template
from emoscene.recognizers.base import Subject, no_picture
from emoscene.recognizers.dual_encoder import square
from emoscene.recognizers.encoders import DualEncoder, load_encoder
from emoscene.recognizers.folders import Kind, ModelFolder, look_into
from emoscene.recognizers.loading import Placement
from emoscene.recognizers.pointing import Point
from emoscene.recognizers.text_cache import TextCache

if TYPE_CHECKING:
    from PIL import Image

__all__ = [
    "EncoderLook",
    "Features",
    "Look",
    "PromptLook",
    "base_digest",
    "default_look",
    "open_features",
    "read_look",
]

Vectors = npt.NDArray[np.float32]
View = Literal["redbox", "crop", "whole"]
#: A crop shows this much more than the box, as a share of its sides.
_MARGIN = 0.1
_CUT = "the words are longer than the encoder reads"
#: What decides a model's features, besides the weights.
_SETTINGS = ("*.json", "*.txt", "*.model", "*.jinja")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EncoderLook(_Part):
    """Features of a dual encoder.

    Attributes:
        views: What is looked at: the whole picture with a red box round the person (`redbox`), the person's `crop`, the
            `whole` picture without a sign of who is meant. Each gives a vector.
        words: Also the vector of the words that go with the picture; zeros where there are none.
    """

    kind: Literal["encoder"] = "encoder"
    views: tuple[View, ...] = Field(default=("redbox", "crop"), min_length=1)
    words: bool = False


class PromptLook(_Part):
    """Features of a generative model: of pictures and words, or of words alone.

    Attributes:
        point: How the person is pointed at.
        prompt: The question: in a `word`, how does the person seem to feel; or the paper's, with all labels (`paper`,
            `defined`).
        pool: The state of the `last` token, where the answer would begin, or the `mean` over all.
        layer: Which layer's; -1 is the last one, behind its norm.
        max_pixels: Larger pictures are scaled down to this.
    """

    kind: Literal["prompt"] = "prompt"
    point: Point = "redbox"
    prompt: Literal["word", "paper", "defined"] = "word"
    pool: Literal["last", "mean"] = "last"
    layer: int = -1
    max_pixels: int = Field(default=1_048_576, ge=1024)


Look = Annotated[EncoderLook | PromptLook, Field(discriminator="kind")]


def read_look(data: Any) -> EncoderLook | PromptLook:
    """A look from plain JSON values. Raises pydantic's ValidationError."""
    look: EncoderLook | PromptLook = TypeAdapter(Look).validate_python(data)
    return look


def default_look(folder: ModelFolder) -> EncoderLook | PromptLook:
    """The look that a model takes when nothing else is said."""
    return EncoderLook() if folder.kind is Kind.DUAL_ENCODER else PromptLook()


class Features(ABC):
    """A frozen model that turns people into vectors.

    Attributes:
        uses_picture, uses_text: What of a sample is looked at.
        sha256: A hash of the model's weights and settings, by their bytes.
        fingerprint: Of everything that decides a vector, besides the person: model, versions, numbers, look.
    """

    uses_picture: bool
    uses_text: bool
    sha256: str
    fingerprint: str

    @abstractmethod
    def prepare(self, subject: Subject) -> Any:
        """One person made ready. Raises what recognizers raise."""

    @abstractmethod
    def vectors(self, batch: Sequence[Any]) -> Vectors:
        """Shape (n, width), one for one; they do not depend on the batch beyond float noise."""

    def remarks(self, ready: Any) -> tuple[str, ...]:
        """What a row says of how this person was looked at."""
        return ()


def base_digest(folder: Path, cache: TextCache | None = None) -> str:
    """A hash of the bytes of a model's weights, settings and tokenizer; those of large files are kept."""
    kept = cache or TextCache()
    digest = hashlib.sha256()
    small = sorted({file for pattern in _SETTINGS for file in folder.glob(pattern)})
    for file in small:
        digest.update(f"\n{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}".encode())
    for file in sorted(folder.glob("*.safetensors")):
        digest.update(f"\n{file.name} {kept.digest(file)}".encode())
    return digest.hexdigest()


def open_features(
    base: str | Path,
    look: EncoderLook | PromptLook,
    labels: LabelSpace,
    placement: Placement,
    batch_size: int,
) -> Features:
    """The frozen model of a folder, ready to look at people.

    Args:
        base: The folder.
        look: How.
        labels: The label space that the head is trained on, for prompts that name the labels.
        placement: Where it runs.
        batch_size: People whose vectors are computed together.

    Raises:
        UnknownModelError: if the look is for another kind of model.
        MissingExtraError, ModelNotHereError, ModelFilesError, OptionError: as loading does.
    """
    folder = look_into(base)
    wanted = (Kind.DUAL_ENCODER,) if isinstance(look, EncoderLook) else (Kind.VLM, Kind.LANGUAGE)
    if folder.kind not in wanted:
        raise UnknownModelError(
            f"features of the kind {look.kind!r} cannot be had from a {folder.kind} model",
            value=folder.path.name,
            remedy="Give a dual encoder (encoder), or a vision language or language model (prompt).",
        )
    if isinstance(look, EncoderLook):
        return _EncoderFeatures(load_encoder(folder.path, placement, batch_size), look)
    return _PromptFeatures(folder, look, labels, placement, batch_size)


class _EncoderFeatures(Features):
    def __init__(self, encoder: DualEncoder, look: EncoderLook) -> None:
        self.uses_picture, self.uses_text = True, look.words
        self._encoder, self._look = encoder, look
        self.sha256 = base_digest(encoder.folder, encoder.cache)

    @cached_property
    def fingerprint(self) -> str:  # type: ignore[override]
        return _hashed(self._encoder.fingerprint, self._look.model_dump_json())

    def prepare(self, subject: Subject) -> Any:
        if subject.picture is None:
            raise no_picture("this head")
        views = [self._encoder.pixels(self._fitted(self._seen(view, subject))) for view in self._look.views]
        return views, ((subject.sample.text or "").strip() if self._look.words else "")

    def _seen(self, view: View, subject: Subject) -> Image.Image:
        assert subject.picture is not None
        if subject.box is None or view == "whole":
            return subject.picture.image
        if view == "redbox":
            return regions.red_box(subject.picture, subject.box)
        return regions.crop(subject.picture, subject.box, _MARGIN)

    def _fitted(self, image: Image.Image) -> Image.Image:
        """Square, where the model would cut out the middle and lose somebody."""
        return square(image) if self._encoder.cuts else image

    def vectors(self, batch: Sequence[Any]) -> Vectors:
        number = len(self._look.views)
        seen = self._encoder.encode_pixels([view for views, _ in batch for view in views])
        parts = [seen.reshape(len(batch), number * seen.shape[1])]
        if self._look.words:
            said = [i for i, (_, text) in enumerate(batch) if text]
            read = np.zeros((len(batch), seen.shape[1]), np.float32)
            if said:
                read[said] = self._encoder.read_texts([batch[i][1] for i in said])
            parts.append(read)
        return np.concatenate(parts, axis=1)

    def remarks(self, ready: Any) -> tuple[str, ...]:
        text = ready[1]
        return (_CUT,) if text and self._encoder.cut([text]) else ()


class _PromptFeatures(Features):
    def __init__(
        self, folder: ModelFolder, look: PromptLook, labels: LabelSpace, placement: Placement, batch_size: int
    ) -> None:
        self._look = look
        self.uses_picture, self.uses_text = folder.kind is Kind.VLM, True
        self._ask, self._source = _asker(folder, look, labels, placement, batch_size)
        self._batch_size = batch_size
        self._model = self._source.shared.model
        layers = int(self._model.config.get_text_config(decoder=True).num_hidden_layers)
        if not -layers - 1 <= look.layer <= layers:
            raise OptionError(
                "the model has no such layer", value=look.layer, remedy=f"It has {layers}; -1 is the last."
            )
        self.sha256 = base_digest(folder.path)
        self._named = labels.to_yaml() if look.prompt != "word" else ""

    @cached_property
    def fingerprint(self) -> str:  # type: ignore[override]
        import transformers

        numbers = f"{transformers.__version__} {self._model.dtype}"
        return _hashed(self.sha256, numbers, self._look.model_dump_json(), self._named)

    def prepare(self, subject: Subject) -> Any:
        ready = self._ask.prepare(subject)
        row, tail = self._source.free_question(ready)
        if self._look.prompt == "word":
            person = ready.pointed.person if self.uses_picture else template("pointing/words.v1").text
            words = ready.words if self.uses_picture else self._source.questions.root((), ready)
            question = template("vlm/name.v1").render(person=person)
            tail = (*words, *self._source.questions.free(question, words))
        said = self._source.questions.remarks(subject.sample.text, "the model")
        return row, tail, said

    def vectors(self, batch: Sequence[Any]) -> Vectors:
        import torch

        parts = []
        with torch.inference_mode():
            for start in range(0, len(batch), self._batch_size):
                some = batch[start : start + self._batch_size]
                inputs = self._source.shared.inputs(
                    [row for row, _, _ in some], [tail for _, tail, _ in some]
                )
                parts.append(
                    self._pooled(self._states(inputs), inputs["attention_mask"]).float().cpu().numpy()
                )
        return cast(Vectors, np.concatenate(parts))

    def _states(self, inputs: Any) -> Any:
        """Hidden states (n, tokens, width) of the layer."""
        if self._look.layer != -1:
            output = self._model(**inputs, use_cache=False, output_hidden_states=True, logits_to_keep=1)
            return output.hidden_states[self._look.layer]
        seen: list[Any] = []
        hook = self._model.get_decoder().register_forward_hook(
            lambda module, args, output: seen.append(output.last_hidden_state)
        )
        try:
            self._model(**inputs, use_cache=False, logits_to_keep=1)
        finally:
            hook.remove()
        return seen[-1]

    def _pooled(self, states: Any, mask: Any) -> Any:
        """Rows are padded on the right."""
        lengths = mask.sum(dim=1)
        if self._look.pool == "last":
            return states[range(len(states)), lengths - 1]
        return (states.float() * mask[..., None]).sum(dim=1) / lengths[:, None]

    def remarks(self, ready: Any) -> tuple[str, ...]:
        return tuple(ready[2])


def _asker(
    folder: ModelFolder, look: PromptLook, labels: LabelSpace, placement: Placement, batch_size: int
) -> tuple[Any, Any]:
    """The recognizer that would ask this model, and what in it builds sequences."""
    paper = "paper" if look.prompt == "word" else look.prompt
    if folder.kind is Kind.VLM:
        from emoscene.recognizers.frames import frame_of
        from emoscene.recognizers.pointing import Pointer
        from emoscene.recognizers.vlm import Ask, VisionLanguageRecognizer, load_vlm

        model, processor = load_vlm(folder, placement)
        pointer = Pointer(look.point, frame_of(folder.model_type, processor), look.max_pixels)
        ask = Ask(mode="answer", prompt=paper, check_domain=False)
        recognizer = VisionLanguageRecognizer(
            model, processor, labels, folder.path, pointer, ask, batch_size=batch_size
        )
        return recognizer, recognizer
    from emoscene.recognizers.language_reasoner import LanguageAsk, LanguageReasoner
    from emoscene.recognizers.loading import load_model, load_tokenizer
    from emoscene.recognizers.text import TextRecognizer

    tokenizer = load_tokenizer(folder.path)
    model = load_model(folder.path, "AutoModelForCausalLM", placement)
    how = LanguageAsk(mode="answer", prompt=paper)
    reasoner = LanguageReasoner(model, tokenizer, labels, folder.path.name, how, batch_size=batch_size)
    return TextRecognizer(reasoner, folder.path.name, batch_size=batch_size), reasoner


def _hashed(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
