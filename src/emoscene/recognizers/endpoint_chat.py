"""Chat completions, in the dialect that the server turns out to speak.

Servers differ in what they take: the name of the token limit, a temperature, a schema for the answer, log
probabilities. What one refuses is left away, and remembered.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emoscene.errors import AnswerError
from emoscene.recognizers.base import Refusal
from emoscene.recognizers.endpoint_client import EndpointClient, Json
from emoscene.recognizers.endpoint_errors import ServerError
from emoscene.recognizers.endpoint_scene import Scene
from emoscene.types import Status

__all__ = ["Chat", "NoLogprobsError", "Reply"]

_PATH = "/chat/completions"
_TOP_LOGPROBS = (20, 5)
#: Models that think aloud begin with this; it is no part of the answer.
_THOUGHT = re.compile(r"\A\s*<think>.*?(</think>|\Z)", re.DOTALL)
_BLANKS = " \t\n\r\u0120\u2581\u010a"


class NoLogprobsError(AnswerError):
    """The server gives no log probabilities."""


@dataclass(frozen=True)
class Reply:
    """What the model wrote: `text` without its thoughts, `raw` with them, `cut` if it was not let finish."""

    text: str
    raw: str
    cut: bool = False
    structured: bool = False


class Chat:
    """Asks one model of a server.

    Args:
        client: The server.
        model: The model's name there.
        thinking: Switches the thinking of models that can on or off; None leaves it to the server.
        structured: Whether a schema is sent; `Chat` itself sets it to False once the server refuses one.
    """

    def __init__(
        self, client: EndpointClient, model: str, *, thinking: bool | None = None, structured: bool = True
    ) -> None:
        self.client = client
        self.model = model
        self.structured = structured
        self.no_logprobs: NoLogprobsError | None = None
        self._thinking = thinking
        self._dropped: set[str] = set()
        self._renamed = client.address.host == "api.openai.com"
        self._top = _TOP_LOGPROBS[0]

    async def write(
        self, scene: Scene, question: str, *, max_tokens: int, schema: Mapping[str, Any] | None = None
    ) -> Reply:
        """What the model writes when asked, greedily.

        Raises:
            Refusal: if it declines, or writes nothing.
            AnswerError: if there is no answer.
        """
        fields: Json = {"temperature": 0, "max_tokens": max_tokens}
        if schema is not None and self.structured:
            fields["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "apparent_emotions", "strict": True, "schema": dict(schema)},
            }
        answer, sent = await self._ask(scene, question, fields)
        choice = _choice(answer)
        message = choice["message"]
        finish = choice.get("finish_reason")
        if message.get("refusal") or finish == "content_filter":
            raise Refusal(
                "the model declined to answer",
                status=Status.REFUSED,
                remedy="See raw_text; try another model, or -o mode=score.",
                raw_text=str(message.get("refusal") or message.get("content") or "") or None,
            )
        raw = message.get("content")
        raw = raw if isinstance(raw, str) else ""
        text = _THOUGHT.sub("", raw).strip()
        if not text:
            raise Refusal(
                "the model wrote no answer" + (" within its tokens" if finish == "length" else ""),
                status=Status.UNPARSED,
                remedy="Allow more with -o max_tokens=NUMBER, or switch its thinking off with -o thinking=false.",
                raw_text=raw or None,
            )
        return Reply(text, raw, cut=finish == "length", structured="response_format" in sent)

    async def first_token(self, scene: Scene, question: str) -> dict[str, float]:
        """The probabilities of the likeliest first words of the answer, by word in lower case, blanks stripped.

        Raises:
            NoLogprobsError: if the server gives none; it is not asked for them again.
        """
        if self.no_logprobs is not None:
            raise self._no_logprobs()
        fields = {"temperature": 0, "max_tokens": 1, "logprobs": True, "top_logprobs": self._top}
        answer, sent = await self._ask(scene, question, fields)
        logprobs = _choice(answer).get("logprobs") if "logprobs" in sent else None
        content = logprobs.get("content") if isinstance(logprobs, dict) else None
        first = content[0] if isinstance(content, list) and content else None
        top = first.get("top_logprobs") if isinstance(first, dict) else None
        if not isinstance(top, list) or not top:
            self.no_logprobs = self._no_logprobs()
            raise self._no_logprobs()
        masses: dict[str, float] = {}
        for entry in top:
            token, log = (
                (entry.get("token"), entry.get("logprob")) if isinstance(entry, dict) else (None, None)
            )
            if isinstance(token, str) and isinstance(log, int | float) and not math.isnan(log):
                word = token.strip(_BLANKS).lower()
                masses[word] = masses.get(word, 0.0) + math.exp(min(0.0, log))
        return masses

    def _no_logprobs(self) -> NoLogprobsError:
        return NoLogprobsError(
            "the server gives no log probabilities for this model, so labels cannot be scored",
            value=self.model,
            remedy="Use -o mode=answer.",
        )

    async def _ask(self, scene: Scene, question: str, fields: Json) -> tuple[Json, Json]:
        """The answer, and the fields that were sent in the end."""
        messages = [{"role": "user", "content": scene.parts(question)}]
        first = body = self._spoken({"model": self.model, "messages": messages, **fields})
        while True:
            try:
                answer = await self.client.post(_PATH, body)
            except ServerError as error:
                simpler = self._simpler(body, error) if error.http_status in (400, 422) else None
                if simpler is None:
                    raise
                body = simpler
                continue
            self._learn(first, body)
            return answer, body

    def _spoken(self, body: Json) -> Json:
        """The body in what is known of the server's dialect."""
        body = {name: value for name, value in body.items() if name not in self._dropped}
        if self._thinking is not None:
            body["chat_template_kwargs"] = {"enable_thinking": self._thinking}
        return _renamed(body) if self._renamed else body

    def _simpler(self, body: Json, error: ServerError) -> Json | None:
        """The body less what the server refuses; None if that cannot be told."""
        if "max_tokens" in body and _mentions(error, "max_tokens", "max_completion_tokens"):
            return _renamed(body)
        if "temperature" in body and _mentions(error, "temperature"):
            return _without(body, "temperature")
        if body.get("top_logprobs") == _TOP_LOGPROBS[0] and _mentions(error, "top_logprobs"):
            return {**body, "top_logprobs": _TOP_LOGPROBS[1]}
        if "logprobs" in body and _mentions(error, "logprobs"):
            return _without(body, "logprobs", "top_logprobs")
        if "response_format" in body:
            return _without(body, "response_format")
        return None

    def _learn(self, first: Json, accepted: Json) -> None:
        """Remember what had to change before the server took it."""
        self._renamed |= "max_completion_tokens" in accepted
        self._top = accepted.get("top_logprobs", self._top)
        if "temperature" not in accepted:
            self._dropped.add("temperature")
        if "response_format" in first and "response_format" not in accepted:
            self.structured = False


def _choice(answer: Json) -> Json:
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, dict) or not isinstance(choice.get("message"), dict):
        raise AnswerError(
            "the server's answer holds no message", remedy="Check that it is a server of the OpenAI kind."
        )
    return choice


def _mentions(error: ServerError, *names: str) -> bool:
    said = f"{error.param} {error.said}".lower()
    return any(name in said for name in names)


def _without(body: Json, *names: str) -> Json:
    return {name: value for name, value in body.items() if name not in names}


def _renamed(body: Json) -> Json:
    """The token limit under the name that newer models of OpenAI want."""
    return {("max_completion_tokens" if name == "max_tokens" else name): v for name, v in body.items()}
