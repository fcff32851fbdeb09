"""A tokenizer's two ways of reading: templates with their special tokens, and users' words as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from emoscene.errors import ModelFilesError
from emoscene.recognizers.questions import Encode

__all__ = ["PLAIN", "ChatFrame", "chat_frame", "chat_text", "plain_encoder"]

_MARK = "QUESTIONSTANDSHERE"


@dataclass(frozen=True)
class ChatFrame:
    """What a chat template puts before a question (pictures included) and between question and answer.

    `glue` are the spaces between head and question, if the template has any: they belong to the question's first token.
    """

    head: str
    tail: str
    glue: str = ""

    @property
    def answer_glue(self) -> str:
        """What stands between the tail and the answer."""
        return "" if self.tail[-1:].isspace() else " "


#: For language models that were never taught a chat.
PLAIN = ChatFrame("Read this and answer.\n", "\nAnswer:")


def chat_frame(processor: Any, pictures: int = 1) -> ChatFrame:
    """The frame of one turn with `pictures` before the question, found by rendering the template round a mark.

    Args:
        processor: A processor, or for text alone a tokenizer. A tokenizer without a template gets `PLAIN`.
        pictures: How many.

    Raises:
        ModelFilesError: if the model has no chat template, or one that swallows the question or the pictures.
    """
    if not getattr(processor, "chat_template", None):
        if not pictures:
            return PLAIN
        raise ModelFilesError(
            "the model has no chat template",
            remedy="Use an instruction-tuned model with chat_template.jinja.",
        )
    text = _rendered(processor, pictures)
    head, mark, tail = text.partition(_MARK)
    shown = not pictures or head != _rendered(processor, 0).partition(_MARK)[0]
    if not mark or _MARK in tail or not shown:
        raise ModelFilesError(
            "the chat template does not keep the picture before the question", remedy="Use another model."
        )
    bare = head.rstrip(" ")
    return ChatFrame(bare, tail, head[len(bare) :])


def chat_text(processor: Any, question: str, pictures: int = 1) -> str:
    """One turn to the letter of the chat template: pictures, the question right behind them, the answer's beginning.

    Raises:
        ModelFilesError: as `chat_frame`.
    """
    chat_frame(processor, pictures)
    return _rendered(processor, pictures, question)


def _rendered(processor: Any, pictures: int, question: str = _MARK) -> str:
    from jinja2 import TemplateError

    parts: list[dict[str, str]] = [*([{"type": "image"}] * pictures), {"type": "text", "text": question}]
    is_tokenizer = not hasattr(processor, "tokenizer")
    turn = [{"role": "user", "content": question if is_tokenizer else parts}]
    options = {"add_generation_prompt": True, "tokenize": False}
    if "enable_thinking" in str(processor.chat_template):
        # Answers are read where they begin: a model that would think first is asked not to.
        options["enable_thinking"] = False
    try:
        return str(processor.apply_chat_template(turn, **options))
    except (TemplateError, TypeError, ValueError):
        raise ModelFilesError("the model's chat template is faulty", remedy="Use another model.") from None


def plain_encoder(tokenizer: Any) -> Encode:
    """Text to ids, nothing added, and special tokens in the text read as plain characters."""

    def encode(text: str) -> list[int]:
        return list(tokenizer(text, add_special_tokens=False, split_special_tokens=True).input_ids)

    return encode
