"""Any captioner of transformers as a narrator: models that caption by themselves, and chat models that are asked to.

    Captioner        BLIP, BLIP-2, GIT, encoder-decoders: a caption of the whole picture, of the person's crop, or both
    AskedCaptioner   vision language models: the person is pointed at (red box, ...) and the model is asked to describe
                     them and what is going on

Both write greedily: the same picture gives the same caption, alone or in a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from PIL import Image

from emoscene.errors import AnswerError, EmosceneError, ModelFilesError, OptionError, UnknownModelError
from emoscene.images import regions
from emoscene.narration.base import Narrative, Narrator, View
from emoscene.prompts import template
from emoscene.recognizers.base import Subject
from emoscene.recognizers.folders import Kind, ModelFolder, look_into
from emoscene.recognizers.frames import frame_of
from emoscene.recognizers.loading import (
    Placement,
    load_image_processor,
    load_model,
    load_processor,
    load_tokenizer,
)
from emoscene.recognizers.pointing import Point, Pointer
from emoscene.recognizers.questions import sentence_case
from emoscene.recognizers.tokens import chat_frame, chat_text
from emoscene.types import Sample

__all__ = ["AskedCaptioner", "CaptionView", "Captioner", "load_captioner"]

#: What a captioner that cannot be told whom to look at is shown.
CaptionView = Literal["both", "whole", "crop", "redbox"]
_POINTS: tuple[Point, ...] = ("redbox", "text", "crop")
_MOST_TOKENS = 60
_MOST_PIXELS = 1_048_576
_LICENCE = "that of the model's own card"


class Captioner:
    """Captions by a model that takes a picture and nothing else.

    Args:
        model: A loaded `AutoModelForImageTextToText`.
        images: Its image processor.
        tokenizer: Its tokenizer.
        name: What it is called.
        view: What it is shown: the `whole` picture, the person's `crop`, `both` (two captions in one), or the whole
            picture with a `redbox`, which such models were not taught to read.
        batch_size: Pictures captioned together; the captions do not depend on it.
        most_tokens: A caption's longest.
    """

    limits = "Captioners name what is seen and seldom how a person carries themselves. Words are not read."
    licence = _LICENCE

    def __init__(
        self,
        model: Any,
        images: Any,
        tokenizer: Any,
        name: str,
        *,
        view: CaptionView = "both",
        batch_size: int = 4,
        most_tokens: int = _MOST_TOKENS,
    ) -> None:
        self.name = name
        shown = {"both": "the whole picture and of the person's crop", "crop": "the person's crop"}
        self.summary = f"An image captioner: a caption of {shown.get(view, 'the whole picture')}."
        self._model, self._images, self._tokenizer = model, images, tokenizer
        self._view, self._batch_size, self._most = view, batch_size, most_tokens

    def caption(self, views: Sequence[View]) -> list[Narrative | EmosceneError]:
        """One caption a view, in order; `slots` holds the parts (`whole`, `crop`, `redbox`)."""
        narratives: list[Narrative | EmosceneError] = []
        for start in range(0, len(views), self._batch_size):
            narratives += self._together(views[start : start + self._batch_size])
        return narratives

    def _together(self, views: Sequence[View]) -> list[Narrative | EmosceneError]:
        parts = ("whole", "crop") if self._view == "both" else (self._view,)
        pictures: dict[tuple[object, ...], Image.Image] = {}
        wanted: list[list[tuple[object, ...]] | EmosceneError] = []
        for view in views:
            try:
                keys = [_key(part, view) for part in parts]
                pictures |= {
                    key: _shown(part, view)
                    for key, part in zip(keys, parts, strict=True)
                    if key not in pictures
                }
                wanted.append(keys)
            except EmosceneError as error:
                wanted.append(error)
        texts = dict(zip(pictures, self._written(list(pictures.values())), strict=True))
        return [
            each
            if isinstance(each, EmosceneError)
            else _joined(self.name, parts, [texts[k] for k in each], phrases=True)
            for each in wanted
        ]

    def _written(self, pictures: Sequence[Image.Image]) -> list[str]:
        import torch

        texts = []
        with torch.inference_mode():
            for start in range(0, len(pictures), self._batch_size):
                chunk = list(pictures[start : start + self._batch_size])
                pixels = self._images(images=chunk, return_tensors="pt")["pixel_values"]
                lines = self._model.generate(
                    pixel_values=pixels.to(self._model.device, self._model.dtype),
                    max_new_tokens=self._most,
                    do_sample=False,
                    num_beams=1,
                )
                texts += [self._tokenizer.decode(line, skip_special_tokens=True) for line in lines]
        return [" ".join(text.split()) for text in texts]


class AskedCaptioner:
    """Captions by a vision language model that is asked to describe the person and what is going on.

    Args:
        model: A loaded `AutoModelForImageTextToText`.
        processor: Its processor, with a chat template.
        name: What it is called.
        pointer: How to point at people.
        batch_size: People described together; the descriptions do not depend on it.
        most_tokens: A description's longest.
    """

    limits = "What it writes is not checked against the picture: such models also tell what is not there."
    licence = _LICENCE

    def __init__(
        self,
        model: Any,
        processor: Any,
        name: str,
        pointer: Pointer,
        *,
        batch_size: int = 4,
        most_tokens: int = _MOST_TOKENS,
    ) -> None:
        from emoscene.recognizers.shared_prefix import SharedPrefix

        self.name = name
        self.summary = f"A vision language model asked to describe the person (pointing: {pointer.point})."
        self._writer = SharedPrefix(model, processor)
        chat_frame(
            processor, 2 if pointer.point == "crop" else 1
        )  # Refuses a model without a usable template.
        self._processor = processor
        self._pointer, self._batch_size, self._most = pointer, batch_size, most_tokens

    def caption(self, views: Sequence[View]) -> list[Narrative | EmosceneError]:
        """One description a view, in order."""
        narratives: list[Narrative | EmosceneError] = []
        for start in range(0, len(views), self._batch_size):
            narratives += self._together(views[start : start + self._batch_size])
        return narratives

    def _together(self, views: Sequence[View]) -> list[Narrative | EmosceneError]:
        from emoscene.recognizers.shared_prefix import Row

        rows: list[Row] = []
        outcomes: list[int | EmosceneError] = []
        for view in views:
            try:
                pointed = self._pointer(Subject(Sample(id=""), view.picture, view.box))
            except EmosceneError as error:
                outcomes.append(error)
                continue
            question = template("vlm/describe.v1").render(person=pointed.person)
            text = chat_text(self._processor, question, len(pointed.images))
            outcomes.append(len(rows))
            rows.append(Row(text, pointed.images, (), ()))
        texts = self._writer.write(rows, [()] * len(rows), self._most) if rows else []
        return [
            o
            if isinstance(o, EmosceneError)
            else _joined(self.name, (self._pointer.point,), [texts[o]], phrases=False)
            for o in outcomes
        ]


def load_captioner(
    folder: str | Path,
    *,
    view: str = "auto",
    placement: Placement | None = None,
    batch_size: int = 4,
    most_tokens: int = _MOST_TOKENS,
    most_pixels: int = _MOST_PIXELS,
) -> Narrator:
    """A captioner or a vision language model from a folder in Hugging Face layout, as a narrator.

    Args:
        folder: The folder.
        view: For captioners `both`, `whole`, `crop` or `redbox`; for vision language models the way of pointing,
            `redbox`, `text` or `crop`. `auto` is `both` and `redbox`.
        placement: Where it runs.
        batch_size: People told of together.
        most_tokens: A caption's longest.
        most_pixels: Larger pictures are scaled down to this before a vision language model sees them.

    Raises:
        MissingExtraError: if torch or transformers is not installed.
        UnknownModelError: if the folder holds another kind of model.
        ModelNotHereError, ModelFilesError: as `look_into` and `loading` do.
        OptionError: if an option cannot be used.
    """
    found = look_into(folder)
    if found.kind not in (Kind.CAPTIONER, Kind.VLM):
        raise UnknownModelError(
            f"this is a {found.kind} model, not one that writes captions",
            value=found.path.name,
            remedy="NarraCap narrates with it: give it as its encoder."
            if found.kind is Kind.DUAL_ENCODER
            else "Give the folder of a captioner (BLIP, BLIP-2, GIT) or of a vision language model.",
        )
    for option, number, least in (
        ("batch_size", batch_size, 1),
        ("most_tokens", most_tokens, 1),
        ("most_pixels", most_pixels, 1024),
    ):
        if number < least:
            raise OptionError(
                f"{option} must be at least {least}", value=number, remedy="Leave it out for the default."
            )
    views: tuple[str, ...] = get_args(CaptionView) if found.kind is Kind.CAPTIONER else _POINTS
    chosen = views[0] if view == "auto" else view
    if chosen not in views:
        raise OptionError(
            f"a {found.kind} model cannot be shown this view",
            value=view,
            remedy=f"Choose one of {', '.join(views)}.",
        )
    sizes = {"batch_size": batch_size, "most_tokens": most_tokens}
    if found.kind is Kind.CAPTIONER:
        return _plain(found, chosen, placement or Placement(), sizes)
    processor = load_processor(found.path)
    pointer = Pointer(_point(chosen), frame_of(found.model_type, processor), most_pixels, found.path.name)
    model = load_model(found.path, "AutoModelForImageTextToText", placement or Placement())
    return AskedCaptioner(model, processor, found.path.name, pointer, **sizes)


def _plain(found: ModelFolder, view: str, placement: Placement, sizes: dict[str, int]) -> Captioner:
    # The parts, not the processor: some processors of captioners change the tokenizer they are given.
    images, tokenizer = load_image_processor(found.path), load_tokenizer(found.path)
    model = load_model(found.path, "AutoModelForImageTextToText", placement)
    if found.model_type == "blip-2" and model.config.image_token_index is None:
        raise ModelFilesError(
            "the model's config.json does not say its image_token_index, as those of old revisions",
            value=found.path,
            remedy="Pull a newer revision of the model.",
        )
    known, wanted = len(tokenizer), model.config.get_text_config(decoder=True).vocab_size
    if known < wanted / 2:
        # Without its files a tokenizer is put together of special tokens alone, and every caption would be empty.
        raise ModelFilesError(
            f"the tokenizer knows {known} tokens and the model {wanted}: its vocabulary is missing",
            value=found.path,
            remedy="Pull the folder again, or copy it whole.",
        )
    shown = next(v for v in get_args(CaptionView) if v == view)
    return Captioner(model, images, tokenizer, found.path.name, view=shown, **sizes)


def _point(view: str) -> Point:
    return next(point for point in _POINTS if point == view)


def _key(part: str, view: View) -> tuple[object, ...]:
    """Equal for equal pixels: people of one picture share its whole."""
    return (part, view.picture.sha256, *(() if part == "whole" else view.box.as_tuple()))


def _shown(part: str, view: View) -> Image.Image:
    if part == "crop":
        return regions.crop(view.picture, view.box)
    return regions.red_box(view.picture, view.box) if part == "redbox" else view.picture.image


def _joined(
    name: str, parts: Sequence[str], texts: Sequence[str], *, phrases: bool
) -> Narrative | EmosceneError:
    """One narrative of the parts' captions; phrases become a sentence."""
    cleaned = [" ".join(text.split()).rstrip(" .") for text in texts]
    if not all(cleaned):
        return AnswerError(
            f"{name} wrote no caption for this picture",
            remedy="Use another captioner; one that was never trained writes nothing.",
        )
    slots = {part: (text,) for part, text in zip(parts, cleaned, strict=True)}
    if len(parts) == 2:
        whole, crop = cleaned
        return Narrative(template("narration/whole_and_crop.v1").render(whole=whole, crop=crop), slots)
    text = sentence_case(cleaned[0])
    # Captioners write phrases. A description may be cut off at its longest, and a full stop would hide that.
    return Narrative(f"{text}." if texts[0].rstrip().endswith(".") or phrases else text, slots)
