"""Vision language models end to end: the whole picture with a red box round the person, and questions.

Score mode: one yes/no question a label and one level question for each of valence, arousal and dominance, all
behind one prefix of picture and prompt, read from next-token logits. No answer is generated for the scores.
This is the general path for folders in Hugging Face layout; the families it takes so far are in `FAMILIES`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emoscene.errors import (
    AnswerError,
    EmosceneError,
    MissingExtraError,
    ModelFilesError,
    ModelNotHereError,
    OptionError,
    UnknownModelError,
)
from emoscene.images import regions
from emoscene.labels import LabelSpace
from emoscene.recognizers.base import Answer, BatchRecognizer, Subject, no_picture
from emoscene.recognizers.notes import card_of, check_label_space, outside, read_domain, read_notes
from emoscene.recognizers.questions import Questions, sentence_case
from emoscene.recognizers.tokens import chat_frame, plain_encoder
from emoscene.scoring.branches import Segment, collate, pack, path
from emoscene.types import BoundingBox

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["FAMILIES", "VisionLanguageRecognizer", "make"]

#: `model_type` of the families that this path takes: one pixel tensor a picture, positions along one axis, a cache
#: of plain attention, so that branches can share their prefix.
FAMILIES = ("llava",)
_LONGEST_TEXT = 80


@dataclass(frozen=True)
class Ready:
    """One person made ready: pixels (1, 3, height, width), the tokens of the shared prefix, remarks."""

    pixels: Tensor
    root: tuple[int, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Ask:
    """How the model is asked: whether captions and reasons are written, whether pictures unlike the training data
    are refused (where the folder has a rule), and whether branches share one sequence (else each runs alone)."""

    reason: bool = False
    check_domain: bool = True
    packed: bool = True


class VisionLanguageRecognizer(BatchRecognizer[Ready]):
    """Scores labels by the share of yes among yes and no.

    Args:
        model: A loaded `AutoModelForImageTextToText` of one of `FAMILIES`.
        processor: Its processor, with a chat template.
        labels: The label space.
        folder: Where it came from; its `emoscene.json`, if any, brings the card and the domain rule.
        ask: How to ask.
        batch_size: People answered together; the scores do not depend on it beyond float noise.
    """

    def __init__(
        self, model: Any, processor: Any, labels: LabelSpace, folder: Path, *, ask: Ask, batch_size: int = 4
    ) -> None:
        notes = read_notes(folder)
        check_label_space(notes, labels)
        name = notes.name if notes else folder.name
        super().__init__(name, card_of(notes, name), labels, batch_size=batch_size)
        self._model, self._processor, self._ask, self._notes = model, processor, ask, notes
        self._domain = read_domain(folder, notes) if notes and ask.check_domain else None
        self._frame = chat_frame(processor)
        tokenizer = processor.tokenizer
        tail = tokenizer(self._frame.tail, add_special_tokens=False).input_ids
        self._questions = Questions(labels, plain_encoder(tokenizer), tail, unknown=tokenizer.unk_token_id)

    def prepare(self, subject: Subject) -> Ready:
        """Point at the person with a red box and let the processor scale the picture."""
        picture = subject.picture
        if picture is None:
            raise no_picture(self.name)
        whole = BoundingBox(x1=0, y1=0, x2=picture.width, y2=picture.height)
        image = regions.red_box(picture, subject.box or whole)
        inputs = self._processor(text=self._frame.head, images=[image], return_tensors="pt")
        words = subject.sample.text
        root = self._questions.root(inputs["input_ids"][0].tolist(), words)
        return Ready(inputs["pixel_values"], root, self._questions.remarks(words, self.name))

    def answer(self, batch: Sequence[Ready]) -> Sequence[Answer | EmosceneError]:
        import torch

        with torch.inference_mode():
            refused = [outside(self._notes, d) if self._domain else None for d in self._distances(batch)]
            known = [i for i, error in enumerate(refused) if error is None]
            answers = dict(zip(known, self._answers([batch[i] for i in known]), strict=True))
        return [answers[i] if error is None else error for i, error in enumerate(refused)]

    def _answers(self, batch: Sequence[Ready]) -> list[Answer | EmosceneError]:
        answers: list[Answer | EmosceneError] = []
        for ready, logits in zip(batch, self._logits(batch), strict=True):
            try:
                answer = self._questions.read(logits)
            except AnswerError as error:
                answers.append(error)
                continue
            if self._ask.reason:
                caption = self._write(ready, self._questions.caption)
                reason = self._write(ready, self._questions.reason)
                answer = replace(answer, caption=caption, reason=reason)
            answers.append(replace(answer, warnings=ready.warnings))
        return answers

    def _logits(self, batch: Sequence[Ready]) -> list[np.ndarray[Any, np.dtype[np.float32]]]:
        import torch

        from emoscene.recognizers.forward import packed_logits

        if not batch:
            return []
        trees = [self._questions.tree(ready.root) for ready in batch]
        if self._ask.packed:
            together = collate([pack(t.segments) for t in trees], [t.reads for t in trees])
            pixels = torch.cat([ready.pixels for ready in batch])
            return list(packed_logits(self._model, pixels, together).cpu().numpy())
        out = []
        for ready, tree in zip(batch, trees, strict=True):
            rows = []
            for read in tree.reads:
                alone = pack([Segment(path(tree.segments, read))])
                logits = packed_logits(self._model, ready.pixels, collate([alone], [[0]]))
                rows.append(logits[0, 0].cpu().numpy())
            out.append(np.stack(rows))
        return out

    def _write(self, ready: Ready, question: tuple[int, ...]) -> str:
        """Greedy text after the question."""
        import torch

        tokens = torch.tensor([[*ready.root, *question]], device=self._model.device)
        written = self._model.generate(
            input_ids=tokens,
            attention_mask=torch.ones_like(tokens),
            pixel_values=ready.pixels.to(self._model.device, self._model.dtype),
            max_new_tokens=_LONGEST_TEXT,
            do_sample=False,
        )
        text = self._processor.tokenizer.decode(written[0, tokens.shape[1] :], skip_special_tokens=True)
        return sentence_case(text)

    def _distances(self, batch: Sequence[Ready]) -> list[float]:
        import torch

        from emoscene.recognizers.forward import tower_features

        if self._domain is None:
            return [0.0] * len(batch)
        pixels = torch.cat([ready.pixels for ready in batch]).to(self._model.device, self._model.dtype)
        states = self._model.model.vision_tower(pixels, output_hidden_states=True).hidden_states
        return [float(d) for d in self._domain.distance(tower_features(states).cpu().numpy())]


def make(
    labels: LabelSpace,
    *,
    model: str | None = None,
    reason: bool = False,
    check_domain: bool = True,
    packed: bool = True,
    device: str = "auto",
    dtype: str = "auto",
    batch_size: int = 4,
) -> VisionLanguageRecognizer:
    """A vision language model from a folder in Hugging Face layout.

    Args:
        labels: The label space of the answers.
        model: The folder (a hub name is resolved to its pulled folder before).
        reason: Also write a caption and a reason.
        check_domain: Refuse pictures unlike the training data, if the folder has a rule for that.
        packed: Ask all questions in one sequence; False runs each alone (slow, the same scores).
        device: `auto` takes a GPU if there is one.
        dtype: `auto` is float32 on the CPU, else bfloat16; or `float32`, `float16`, `bfloat16`.
        batch_size: People answered together.

    Raises:
        MissingExtraError: if torch or transformers is not installed.
        UnknownModelError: if the model's family is not one of `FAMILIES`.
        ModelNotHereError: if there is no such folder.
        ModelFilesError: if files are missing, or not safetensors.
        OptionError: if an option cannot be used.
    """
    if not model:
        raise OptionError(
            "vlm needs to be told which model", value=model, remedy="Use --model FOLDER, or -o model=FOLDER."
        )
    folder = Path(model)
    if not folder.is_dir():
        raise ModelNotHereError(
            "there is no model folder here",
            value=model,
            remedy=f"Download it with: emoscene models pull {model}",
        )
    if batch_size < 1:
        raise OptionError("batch_size must be a whole number above 0", value=batch_size, remedy="Try 4.")
    loaded, processor = load_folder(folder, device, dtype)
    ask = Ask(reason=reason, check_domain=check_domain, packed=packed)
    return VisionLanguageRecognizer(loaded, processor, labels, folder, ask=ask, batch_size=batch_size)


def load_folder(folder: Path, device: str, dtype: str) -> tuple[Any, Any]:
    """Model and processor of a folder; only safetensors, no code of the folder is run. See `make` for errors."""
    try:
        import torch
        from huggingface_hub.errors import StrictDataclassError
        from jinja2 import TemplateError
        from safetensors import SafetensorError
        from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor
    except ImportError as missing:
        raise MissingExtraError.of("models", missing.name or "transformers") from None
    place = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    kinds = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
    kinds["auto"] = torch.float32 if place == "cpu" else torch.bfloat16
    if dtype not in kinds:
        raise OptionError("there is no such dtype", value=dtype, remedy=f"Choose one of {', '.join(kinds)}.")
    remedy = "Pull or train the folder again."
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except (OSError, ValueError, TypeError, StrictDataclassError):
        raise ModelFilesError("the model's config.json cannot be read", value=folder, remedy=remedy) from None
    if config.model_type not in FAMILIES:
        raise UnknownModelError(
            f"models of the family {config.model_type!r} cannot be asked yet",
            value=folder.name,
            remedy=f"Families that can: {', '.join(FAMILIES)}.",
        )
    try:
        loaded, info = AutoModelForImageTextToText.from_pretrained(
            folder, dtype=kinds[dtype], use_safetensors=True, trust_remote_code=False, local_files_only=True,
            output_loading_info=True,
        )  # fmt: skip
        processor = AutoProcessor.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except (OSError, ValueError, RuntimeError, ImportError, SafetensorError, TemplateError):
        raise ModelFilesError(
            "the model's weights or processor cannot be loaded", value=folder, remedy=remedy
        ) from None
    lacking = sorted(info["missing_keys"]) + sorted(str(key) for key in info["mismatched_keys"])
    if lacking:
        # Without this they would be random numbers, and the answers too.
        raise ModelFilesError(
            f"{len(lacking)} of the model's weights are missing from its files, such as",
            value=lacking[0],
            remedy=remedy,
        )
    try:
        return loaded.eval().to(place), processor
    except (RuntimeError, AssertionError):
        raise OptionError("this device cannot be used", value=device, remedy="Try -o device=cpu.") from None
