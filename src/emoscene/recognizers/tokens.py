"""A tokenizer's two ways of reading: templates with their special tokens, and users' words as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from emoscene.errors import ModelFilesError
from emoscene.recognizers.questions import Encode

__all__ = ["ChatFrame", "chat_frame", "plain_encoder"]

_MARK = "QUESTIONSTANDSHERE"


@dataclass(frozen=True)
class ChatFrame:
    """What a chat template puts before a question (picture included) and between question and answer."""

    head: str
    tail: str


def chat_frame(processor: Any) -> ChatFrame:
    """The frame of one turn with one picture, found by rendering the template round a mark.

    Raises:
        ModelFilesError: if the model has no chat template, or one that swallows the question.
    """
    turn = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": _MARK}]}]
    if not getattr(processor, "chat_template", None):
        raise ModelFilesError(
            "the model has no chat template",
            remedy="Use an instruction-tuned model with chat_template.jinja.",
        )
    from jinja2 import TemplateError

    try:
        text = processor.apply_chat_template(turn, add_generation_prompt=True, tokenize=False)
    except (TemplateError, TypeError, ValueError):
        raise ModelFilesError("the model's chat template is faulty", remedy="Use another model.") from None
    head, mark, tail = text.partition(_MARK)
    if not mark or _MARK in tail or processor.image_token not in head:
        raise ModelFilesError(
            "the chat template does not keep the picture before the question", remedy="Use another model."
        )
    return ChatFrame(head.rstrip(" "), tail)


def plain_encoder(tokenizer: Any) -> Encode:
    """Text to ids, nothing added, and special tokens in the text read as plain characters."""

    def encode(text: str) -> list[int]:
        return list(tokenizer(text, add_special_tokens=False, split_special_tokens=True).input_ids)

    return encode
