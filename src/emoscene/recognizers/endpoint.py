"""Any server of the OpenAI kind: hosted models, vLLM, Ollama, LM Studio, llama.cpp, `transformers serve`.

    --model endpoint -o base_url=http://localhost:8000/v1 -o model=NAME

The picture is sent with the person marked, re-encoded, as data in the request: never a path, never an address. With
`input=text`, and as the reasoner behind a narrator, only words are sent.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from emoscene.errors import EmosceneError, OptionError
from emoscene.labels import LabelSpace
from emoscene.recognizers.base import Answer, BatchRecognizer, Card, Refusal, Subject
from emoscene.recognizers.endpoint_address import Address, read_address
from emoscene.recognizers.endpoint_asking import Asker, Manner, Mode
from emoscene.recognizers.endpoint_chat import Chat
from emoscene.recognizers.endpoint_client import EndpointClient, Policy, Usage
from emoscene.recognizers.endpoint_decisions import Decisions, Wanted
from emoscene.recognizers.endpoint_scene import Format, Scene, encode, plain_words
from emoscene.recognizers.frames import Thousandths, Unit
from emoscene.recognizers.free_answers import Parser
from emoscene.recognizers.picking import Prompt
from emoscene.recognizers.pointing import Point, Pointer
from emoscene.types import Status

__all__ = ["EndpointReasoner", "EndpointRecognizer", "Settings", "make", "make_reasoner"]

Input = Literal["picture", "text"]
Coordinates = Literal["unit", "thousandths"]
Structured = Literal["auto", "never"]


@dataclass(frozen=True)
class Settings:
    """The options of `make`, which tells what they mean."""

    base_url: str | None = None
    model: str | None = None
    mode: Mode = "score"
    point: Point = "redbox"
    frame: Coordinates = "unit"
    prompt: Prompt = "paper"
    parser: Parser = "strict"
    structured: Structured = "auto"
    decisions: Wanted = "auto"
    reason: bool = False
    thinking: bool | None = None
    max_tokens: int = 400
    max_side: int = 1024
    picture_format: Format = "jpeg"
    concurrency: int = 4
    timeout: float = 120.0
    deadline: float = 300.0
    retries: int = 4
    key_variable: str | None = None
    price_in: float | None = None
    price_out: float | None = None
    batch_size: int = 16

    def check(self) -> str:
        """The model's name, once all settings can be used.

        Raises:
            OptionError: if one cannot.
        """
        if not self.model:
            raise OptionError(
                "endpoint needs the name of a model", value=self.model, remedy="Give it with -o model=NAME."
            )
        least = {"max_tokens": 1, "max_side": 64, "concurrency": 1, "batch_size": 1, "retries": 0}
        for name, limit in least.items():
            if getattr(self, name) < limit:
                raise OptionError(
                    f"{name} must be at least {limit}",
                    value=getattr(self, name),
                    remedy=f"Try {name}={getattr(Settings, name)}.",
                )
        for name in ("timeout", "deadline"):
            if not 0 < getattr(self, name) < 1e6:
                raise OptionError(
                    f"{name} is a number of seconds above 0",
                    value=getattr(self, name),
                    remedy=f"Try {name}={getattr(Settings, name):g}.",
                )
        for name in ("price_in", "price_out"):
            price = getattr(self, name)
            if price is not None and not 0 <= price < 1e9:
                raise OptionError(f"{name} is a price for a million tokens", value=price, remedy="Try 2.5.")
        return self.model


class _Asking:
    """What the recognizer and the reasoner share: one client, one way of asking, and what they used."""

    def __init__(self, labels: LabelSpace, settings: Settings) -> None:
        model = settings.check()
        address = read_address(settings.base_url, settings.key_variable)
        self._policy = Policy(timeout=settings.timeout, deadline=settings.deadline, retries=settings.retries)
        self.settings = settings
        self.client = EndpointClient(address, concurrency=settings.concurrency, policy=self._policy)
        chat = Chat(self.client, model, thinking=settings.thinking, structured=settings.structured == "auto")
        manner = Manner(settings.mode, settings.prompt, settings.parser, settings.reason, settings.max_tokens)
        self.asker = Asker(labels, chat, Decisions(self.client, model, labels, settings.decisions), manner)
        if address.clear:
            warnings.warn(
                f"{address.host} is asked over plain http: what is sent can be read on the way. Use https.",
                stacklevel=4,
            )

    def answers(self, scenes: Sequence[Scene | EmosceneError]) -> list[Answer | EmosceneError]:
        """One answer a scene, in order; errors stay where they are."""
        asked = [(i, scene) for i, scene in enumerate(scenes) if isinstance(scene, Scene)]
        found = self.client.gather([partial(self.asker.ask, scene) for _, scene in asked])
        answers = dict(zip((i for i, _ in asked), found, strict=True))
        return [answers[i] if isinstance(scene, Scene) else scene for i, scene in enumerate(scenes)]

    def closing_words(self) -> list[str]:
        """What was used, in words; nothing if nothing was asked."""
        usage = self.client.usage
        if not usage.requests:
            return []
        retried = f", {usage.retries} of them retries" if usage.retries else ""
        words = [
            f"{_many(usage.requests, 'request')} to {self.client.address.host}{retried}; "
            f"{usage.prompt_tokens:,} tokens in, {usage.completion_tokens:,} out"
        ]
        price_in, price_out = self.settings.price_in, self.settings.price_out
        if price_in is not None or price_out is not None:
            words[0] += f"; cost {usage.cost(price_in or 0.0, price_out or 0.0):.4g}"
        way = self.asker.way
        return [*words, way] if way else words


class EndpointRecognizer(BatchRecognizer[Scene]):
    """Asks a served model about pictures (`input=picture`) or about the words alone (`input=text`).

    Args:
        labels: The label space of the answers.
        settings: The options, as `make` takes them.
        input: What is sent.
    """

    def __init__(self, labels: LabelSpace, settings: Settings, input: Input = "picture") -> None:
        self._asking = _Asking(labels, settings)
        name = f"{settings.model} (endpoint)"
        card = _card(name, settings, self._asking.client.address, pictures=input == "picture")
        super().__init__(name, card, labels, batch_size=settings.batch_size)
        frame = Thousandths() if settings.frame == "thousandths" else Unit()
        self._pointer = Pointer(settings.point, frame, settings.max_side**2, name)

    @property
    def usage(self) -> Usage:
        """Requests and tokens so far."""
        return self._asking.client.usage

    def closing_words(self) -> list[str]:
        """What was used so far, and how scores were read: lines for the end of a run."""
        return self._asking.closing_words()

    def close(self) -> None:
        """Close the connections."""
        self._asking.client.close()

    def prepare(self, subject: Subject) -> Scene:
        """Point at the person and encode the picture, or take the words."""
        words, remarks = plain_words(subject.sample.text)
        if not self.card.uses_picture:
            return _of_words(words, remarks)
        settings = self._asking.settings
        pointed = self._pointer(subject)
        pictures = tuple(
            encode(image, settings.max_side, settings.picture_format) for image in pointed.images
        )
        return Scene(words, pictures, pointed.person, pointed.paper_person, remarks)

    def answer(self, batch: Sequence[Scene]) -> Sequence[Answer | EmosceneError]:
        return self._asking.answers(batch)


class EndpointReasoner:
    """Asks a served model about captions: the language-only half of the paper's first approach."""

    def __init__(self, labels: LabelSpace, settings: Settings) -> None:
        self._asking = _Asking(labels, settings)
        self.labels = labels
        self.name = f"{settings.model} (endpoint)"
        self.card = _card(self.name, settings, self._asking.client.address, pictures=False)

    @property
    def usage(self) -> Usage:
        """Requests and tokens so far."""
        return self._asking.client.usage

    def closing_words(self) -> list[str]:
        """What was used so far, and how scores were read: lines for the end of a run."""
        return self._asking.closing_words()

    def close(self) -> None:
        """Close the connections."""
        self._asking.client.close()

    def reason(self, texts: Sequence[str]) -> Sequence[Answer | EmosceneError]:
        """One answer a text, in order; an error in its place marks that text alone."""
        scenes: list[Scene | EmosceneError] = []
        for text in texts:
            try:
                scenes.append(_of_words(*plain_words(text)))
            except Refusal as error:
                scenes.append(error)
        return self._asking.answers(scenes)


def make(
    labels: LabelSpace,
    *,
    base_url: str | None = None,
    model: str | None = None,
    mode: Mode = "score",
    input: Input = "picture",
    point: Point = "redbox",
    frame: Coordinates = "unit",
    prompt: Prompt = "paper",
    parser: Parser = "strict",
    structured: Structured = "auto",
    decisions: Wanted = "auto",
    reason: bool = False,
    thinking: bool | None = None,
    max_tokens: int = 400,
    max_side: int = 1024,
    picture_format: Format = "jpeg",
    concurrency: int = 4,
    timeout: float = 120.0,
    deadline: float = 300.0,
    retries: int = 4,
    key_variable: str | None = None,
    price_in: float | None = None,
    price_out: float | None = None,
    batch_size: int = 16,
) -> EndpointRecognizer:
    """A model behind a server of the OpenAI kind.

    Args:
        labels: The label space of the answers.
        base_url: The server, such as `http://localhost:8000/v1`.
        model: The model's name there.
        mode: `score` gives every label a share of yes, `answer` reads a free answer.
        input: `picture`, or `text` to send the words alone.
        point: How the person is pointed at: `redbox`, `text`, `crop` or `marks`.
        frame: For `point=text`, how boxes are written: `unit` from 0 to 1, `thousandths` from 0 to 1000.
        prompt: For `mode=answer`: `paper`, or `defined` with definitions and six labels asked for.
        parser: For `mode=answer`: `strict`, or `substring`, the paper's.
        structured: For `mode=answer`: `auto` asks for JSON where the server takes a schema, `never` sends the prompt
            as published.
        decisions: For `mode=score`: `auto` has the server score all labels at once where it can.
        reason: Also write a caption and a reason.
        thinking: Switch the model's thinking on or off, where its chat template knows `enable_thinking`.
        max_tokens: The longest answer.
        max_side: Pictures are scaled down to this many pixels on their longer side.
        picture_format: `jpeg` (quality 90) or `png`.
        concurrency: Requests under way at once.
        timeout: Seconds for one attempt.
        deadline: Seconds for one request, all attempts and waits together.
        retries: Further attempts after a connection error, a timeout, 408, 409, 429 or 5xx.
        key_variable: The environment variable that holds the key, instead of EMOSCENE_API_KEY.
        price_in, price_out: Prices of a million tokens read and written, for the cost of a run.
        batch_size: People asked about together; the answers do not depend on it.

    Raises:
        MissingExtraError: if the openai package is not installed.
        OptionError: if an option cannot be used, or the key is not there.
    """
    options = dict(locals())
    settings = Settings(**{field.name: options[field.name] for field in dataclasses.fields(Settings)})
    return EndpointRecognizer(labels, settings, input)


def make_reasoner(labels: LabelSpace, settings: Settings) -> EndpointReasoner:
    """The reasoner; see `make` for the settings and errors."""
    return EndpointReasoner(labels, settings)


def _of_words(words: str, remarks: tuple[str, ...]) -> Scene:
    if not words:
        raise Refusal(
            "only words are sent to this model, and this sample has none",
            status=Status.MISSING_INPUT,
            remedy="Give words that describe the scene, or use -o input=picture.",
        )
    return Scene(words, warnings=remarks)


def _many(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _card(name: str, settings: Settings, address: Address, *, pictures: bool) -> Card:
    sent = "The picture and the words are" if pictures else "The words are"
    how = {
        "score": "a share of yes for every label, which is no probability",
        "answer": "the set of labels that a free answer names",
    }[settings.mode]
    return Card(
        name=name,
        summary=f"The model {settings.model} behind {address.host}, zero-shot: {how}.",
        licence="that of the model and of its server",
        limits=f"{sent} sent to {address.host}. Not fitted to any label set here. The server may change the model.",
        uses_picture=pictures,
        uses_text=True,
        label_order_invariant=settings.mode == "score",
    )
