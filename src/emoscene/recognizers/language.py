"""Words alone, read by a language model."""

from __future__ import annotations

from typing import Literal

from emoscene.errors import OptionError
from emoscene.labels import LabelSpace
from emoscene.recognizers.free_answers import Parser
from emoscene.recognizers.language_reasoner import LanguageAsk, make_language_reasoner
from emoscene.recognizers.picking import Prompt
from emoscene.recognizers.questions import Estimate
from emoscene.recognizers.text import TextRecognizer

__all__ = ["make"]


def make(
    labels: LabelSpace,
    *,
    model: str | None = None,
    mode: Literal["score", "answer"] = "score",
    read: Literal["yes_no", "name"] = "yes_no",
    estimate: Estimate = "mean",
    prompt: Prompt = "paper",
    parser: Parser = "strict",
    reason: bool = False,
    adapter: str | None = None,
    device: str = "auto",
    dtype: str = "auto",
    batch_size: int = 4,
) -> TextRecognizer:
    """A language model that reads the sample's words.

    Args:
        labels: The label space of the answers.
        model: The folder of a causal language model in Hugging Face layout.
        mode: `score` gives every label a score, `answer` reads a free answer.
        read: For `mode=score`: `yes_no` shares, or the likelihood of each label's `name`.
        estimate: For `read=name`: `mean`, `sum`, or `prior` (less what it is behind words that say nothing).
        prompt: For `mode=answer`: `paper`, or `defined` with definitions and six labels asked for.
        parser: For `mode=answer`: `strict`, or `substring`, the paper's.
        reason: Also write a reason.
        adapter: A folder with a PEFT adapter.
        device: `auto` takes a GPU if there is one.
        dtype: `auto` is the model's own on a GPU.
        batch_size: Texts read together.

    Raises:
        OptionError: if no model is named, or an option cannot be used.
        MissingExtraError, UnknownModelError, ModelNotHereError, ModelFilesError: as `make_language_reasoner` does.
    """
    if not model:
        raise OptionError(
            "language needs to be told which model",
            value=model,
            remedy="Use --model FOLDER, or a hub name, of a causal language model.",
        )
    ask = LanguageAsk(mode, read, estimate, prompt, parser, reason)
    reasoner = make_language_reasoner(
        labels, model, ask, device=device, dtype=dtype, adapter=adapter, batch_size=batch_size
    )
    return TextRecognizer(reasoner, reasoner.name, batch_size=batch_size)
