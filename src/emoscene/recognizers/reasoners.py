"""Reasoners by name: which of them a specification stands for, and which options it takes.

sentences          a sentence encoder, all-MiniLM-L6-v2 (also: the folder of another one)
a folder           a language model in Hugging Face layout
endpoint           a model behind a server of the OpenAI kind
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from emoscene.errors import OptionError, UnknownModelError
from emoscene.labels import LabelSpace
from emoscene.recognizers.folders import Kind, look_into
from emoscene.recognizers.language_reasoner import LanguageAsk, make_language_reasoner
from emoscene.recognizers.picking import Prompt
from emoscene.recognizers.reasoning import Reasoner
from emoscene.recognizers.sentence_reasoner import LabelPrompt, SentenceAsk, make_sentence_reasoner

__all__ = ["AnyPrompt", "Placing", "make_reasoner"]

_SENTENCES, _ENDPOINT = "sentences", "endpoint"
AnyPrompt = Literal["definition", "paraphrases", "cues", "paper", "defined"]
_Way = Literal["sentences", "language", "endpoint"]

_TAKES: dict[_Way, tuple[str, ...]] = {
    "sentences": ("prompt", "prior", "aggregate", "names"),
    "language": ("mode", "read", "estimate", "prompt", "parser", "reason", "adapter"),
    "endpoint": ("base_url", "model", "mode", "prompt", "parser", "reason", "key_variable"),
}
_PROMPTS: dict[_Way, tuple[str, ...]] = {
    "sentences": get_args(LabelPrompt),
    "language": get_args(Prompt),
    "endpoint": get_args(Prompt),
}
_CALLED: dict[_Way, str] = {
    "sentences": "a sentence encoder",
    "language": "a language model",
    "endpoint": "an endpoint",
}


@dataclass(frozen=True)
class Placing:
    """Where a reasoner runs and how many texts it reads together. Sentence encoders always run in float32."""

    device: str = "auto"
    dtype: str = "auto"
    batch_size: int = 4


def make_reasoner(
    labels: LabelSpace, spec: str, options: Mapping[str, Any], placing: Placing | None = None
) -> Reasoner:
    """The reasoner that a specification stands for.

    Args:
        labels: The label space of the answers.
        spec: `sentences`, `endpoint`, or the folder of a language model or of a sentence encoder.
        options: Its options; what is None counts as not given.
        placing: Where it runs.

    Raises:
        OptionError: if an option is not one of that reasoner's or cannot be used.
        UnknownModelError: if the folder holds a model that reads no captions.
        MissingExtraError, ModelNotHereError, ModelFilesError: as loading it does.
    """
    way = _way(spec)
    given = {name: value for name, value in options.items() if value is not None}
    _check(way, given)
    where = placing or Placing()
    if way == "endpoint":
        from emoscene.recognizers import endpoint

        return endpoint.make_reasoner(labels, endpoint.Settings(**given))
    if way == "language":
        adapter = given.pop("adapter", None)
        return make_language_reasoner(
            labels, spec, LanguageAsk(**given), device=where.device, dtype=where.dtype, adapter=adapter,
            batch_size=where.batch_size,
        )  # fmt: skip
    encoder = None if spec == _SENTENCES else spec
    return make_sentence_reasoner(
        labels, encoder, SentenceAsk(**given), device=where.device, batch_size=where.batch_size
    )


def _way(spec: str) -> _Way:
    if spec == _SENTENCES:
        return "sentences"
    if spec == _ENDPOINT:
        return "endpoint"
    folder = look_into(Path(spec).expanduser())
    if folder.kind is Kind.LANGUAGE:
        return "language"
    if folder.kind is Kind.SENTENCES:
        return "sentences"
    remedy = "Give `sentences`, `endpoint`, or the folder of a causal language model."
    if folder.kind is Kind.VLM:
        remedy = "Ask it about the picture itself: --model FOLDER. As reasoner give a causal language model."
    raise UnknownModelError(
        f"this is a {folder.kind} model, not one that reasons about captions",
        value=folder.path.name,
        remedy=remedy,
    )


def _check(way: _Way, given: Mapping[str, Any]) -> None:
    for name, value in given.items():
        if name not in _TAKES[way]:
            takers = " or ".join(called for w, called in _CALLED.items() if name in _TAKES[w])
            raise OptionError(
                f"{_CALLED[way]} as reasoner has no option {name!r}",
                value=value,
                remedy=f"It belongs to {takers}. Here: {', '.join(_TAKES[way])}.",
            )
    prompt = given.get("prompt")
    if prompt is not None and prompt not in _PROMPTS[way]:
        raise OptionError(
            f"{_CALLED[way]} as reasoner has no such prompt",
            value=prompt,
            remedy=f"Choose one of {', '.join(_PROMPTS[way])}.",
        )
