"""Scored decisions: one request for all labels and dimensions, answered by the server from one reading.

    /systemone   questions by id, `noul` (share of yes) and `score` (expected level)   vLLM, transformers serve, Jev
    /decisions   a list of questions, `predicate` and `score`                          OpenAI

Both paths are tried once with two small questions. A server that ignores pictures gives answers all the same: with a
picture it must read more tokens than without, else its decisions are not used for pictures.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from PIL import Image

from emoscene.errors import AnswerError
from emoscene.labels import LabelSpace
from emoscene.prompts import template
from emoscene.recognizers.base import Answer, Refusal
from emoscene.recognizers.endpoint_client import EndpointClient, Json
from emoscene.recognizers.endpoint_errors import ServerError
from emoscene.recognizers.endpoint_scene import Scene, encode
from emoscene.recognizers.questions import DIMENSIONS
from emoscene.types import VAD, ScoreKind, Status

__all__ = ["Decisions", "Wanted"]

Wanted = Literal["auto", "always", "never"]
#: vLLM and transformers take 64 questions a request.
_MOST_QUESTIONS = 64
#: No such path, not for this model, or not for this input.
_NOT_OFFERED = frozenset({400, 403, 404, 405, 422, 500, 501})


@dataclass(frozen=True)
class Question:
    """A yes/no question, or one for a level if it has `levels` (lowest first)."""

    name: str
    text: str
    levels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Given:
    """One answer: a share of yes from 0 to 1, or an expected level from 0; None where the model declined."""

    value: float | None
    mass: float | None = None


class _Wire(Protocol):
    path: str

    def body(self, model: str, scene: Scene, questions: Sequence[Question]) -> Json: ...
    def read(self, answer: Json) -> Mapping[str, Given]: ...


class _SystemOne:
    path = "/systemone"

    def body(self, model: str, scene: Scene, questions: Sequence[Question]) -> Json:
        assets: Json = {}
        texts = [scene.told, *(q.text for q in questions)]
        for number, picture in enumerate(scene.pictures, 1):
            name = f"picture-{number}"
            while any(name in text for text in texts):  # what stands for a picture stands nowhere else
                name += "x"
            assets[name] = {"type": "image", "format": picture.format, "data_base64": picture.data}
        asked: Json = {}
        for q in questions:
            kind: Json = {"type": "score", "criteria": list(q.levels)} if q.levels else {"type": "noul"}
            asked[q.name] = {**kind, "instructions": q.text}
        state = "\n".join([*assets, scene.told]).strip()
        return {"model": model, "state": state, "questions": asked, **({"assets": assets} if assets else {})}

    def read(self, answer: Json) -> Mapping[str, Given]:
        answers, diagnostics = answer.get("answers"), answer.get("diagnostics")
        if not isinstance(answers, dict):
            return {}
        masses = diagnostics if isinstance(diagnostics, dict) else {}
        given = {}
        for name, one in answers.items():
            if isinstance(one, dict):
                about = masses.get(name)
                mass = _number(about.get("label_mass")) if isinstance(about, dict) else None
                given[name] = Given(_number(one.get("score", one.get("noul"))), mass)
        return given


class _OpenAI:
    path = "/decisions"

    def body(self, model: str, scene: Scene, questions: Sequence[Question]) -> Json:
        content: list[Json] = [{"type": "input_image", "image_url": p.url} for p in scene.pictures]
        if scene.told or not content:
            content.append({"type": "input_text", "text": scene.told})
        asked = []
        for q in questions:
            levels = [{"label": level} for level in q.levels]
            kind: Json = {"type": "score", "levels": levels} if levels else {"type": "predicate"}
            asked.append({**kind, "name": q.name, "instructions": q.text})
        return {"model": model, "input": [{"role": "user", "content": content}], "questions": asked}

    def read(self, answer: Json) -> Mapping[str, Given]:
        answers = answer.get("answers")
        given = {}
        for one in answers if isinstance(answers, list) else []:
            if isinstance(one, dict) and isinstance(one.get("name"), str):
                declined = one.get("type") == "refusal"
                value = None if declined else _number(one.get("score", one.get("probability")))
                if declined or value is not None:
                    given[one["name"]] = Given(value)
        return given


class Decisions:
    """Asks for all labels of a space at once, where the server can.

    Args:
        client: The server.
        model: The model's name there.
        labels: The label space.
        wanted: `auto` uses decisions where they are offered, `always` insists, `never` does not ask.

    Attributes:
        path: The path in use; empty if there is none, None before it is known.
    """

    def __init__(
        self, client: EndpointClient, model: str, labels: LabelSpace, wanted: Wanted = "auto"
    ) -> None:
        self.path: str | None = "" if wanted == "never" else None
        self._client, self._model, self._labels, self._wanted = client, model, labels, wanted
        self._wire: _Wire | None = None
        self._looking = asyncio.Lock()

    async def ask(self, scene: Scene) -> Answer | None:
        """Scores of all labels, or None if the server offers no decisions.

        Raises:
            AnswerError: if there is no answer, or none are offered and `wanted` is `always`.
            Refusal: if the model declines one of the labels.
        """
        if self.path is None:
            async with self._looking:
                if self.path is None:
                    self._wire = await self._offered(with_picture=bool(scene.pictures))
                    self.path = self._wire.path if self._wire else ""
        if self._wire is None:
            if self._wanted == "always":
                raise AnswerError(
                    "the server answers no scored decisions for this model and input",
                    value=self._model,
                    remedy="Use -o decisions=auto.",
                )
            return None
        given: dict[str, Given] = {}
        questions = list(self._questions(scene.person))
        for start in range(0, len(questions), _MOST_QUESTIONS):
            some = questions[start : start + _MOST_QUESTIONS]
            body = self._wire.body(self._model, scene, some)
            given |= self._wire.read(await self._client.post(self._wire.path, body))
        return self._answer(given)

    def _questions(self, person: str) -> Iterator[Question]:
        feel, ending = template("vlm/feel.v2").render(person=person), template("vlm/feel_label.v1")
        for label in self._labels:
            yield Question(f"label_{label.id}", f"{feel} {ending.render(label=label.name.lower())}")
        for dimension in DIMENSIONS:
            levels = tuple(template(f"endpoint/{dimension}_levels.v1").text.splitlines())
            text = template(f"endpoint/{dimension}.v1").render(person=person)
            yield Question(f"level_{dimension}", text, levels)

    def _answer(self, given: Mapping[str, Given]) -> Answer:
        labels = {label.id: given.get(f"label_{label.id}") for label in self._labels}
        declined = [name for name, one in labels.items() if one is not None and one.value is None]
        if declined:
            raise Refusal(
                f"the model declined to decide on {', '.join(declined[:5])}",
                status=Status.REFUSED,
                remedy="Try another model.",
            )
        scores = {
            name: one.value for name, one in labels.items() if one is not None and one.value is not None
        }
        wrong = [n for n in labels if n not in scores or not 0 <= scores[n] <= 1]
        if wrong:
            raise AnswerError(
                "the server left labels without a share of yes from 0 to 1",
                value=", ".join(wrong[:5]),
                remedy="Use -o decisions=never.",
            )
        masses = [one.mass for one in labels.values() if one is not None and one.mass is not None]
        mass = sum(masses) / len(masses) if len(masses) == len(labels) else None
        return Answer(
            scores,
            ScoreKind.YES_SHARE,
            vad=self._vad(given),
            label_mass=None if mass is None else min(1.0, max(0.0, mass)),
        )

    def _vad(self, given: Mapping[str, Given]) -> VAD | None:
        levels = [given[n].value for d in DIMENSIONS if (n := f"level_{d}") in given]
        found = [level for level in levels if level is not None and 0 <= level <= 9]
        if len(found) < len(DIMENSIONS):
            return None
        return VAD(valence=1 + found[0], arousal=1 + found[1], dominance=1 + found[2])

    async def _offered(self, *, with_picture: bool) -> _Wire | None:
        """The first of the two ways that works for this model, and looks at pictures if there are some."""
        plain = Scene(words="A child laughs.")
        grey = encode(Image.new("RGB", (64, 64), (127, 127, 127)), 64, "png")
        questions = [
            q
            for q in self._questions(plain.person)
            if q.name in ("level_valence", f"label_{self._labels.ids[0]}")
        ]
        wires: tuple[_Wire, ...] = (_SystemOne(), _OpenAI())
        for wire in wires:
            body = wire.body(self._model, replace(plain, pictures=(grey,) if with_picture else ()), questions)
            read = await self._try(wire, body, questions)
            if read is None:
                continue
            if not with_picture:
                return wire
            blind = await self._try(wire, _blinded(body), questions)
            if blind is None or read != blind:
                return wire
        return None

    async def _try(self, wire: _Wire, body: Json, questions: Sequence[Question]) -> int | None:
        """The tokens that the server read, -1 if it does not say; None if it does not answer such questions."""
        try:
            answer = await self._client.post(wire.path, body, optional=True)
        except ServerError as error:
            if error.http_status in _NOT_OFFERED:
                return None
            raise
        except AnswerError as error:
            if error.retryable:
                raise
            return None
        given = wire.read(answer)
        if any(q.name not in given or given[q.name].value is None for q in questions):
            return None
        usage = answer.get("usage")
        tokens = usage.get("input_tokens", usage.get("prompt_tokens")) if isinstance(usage, dict) else None
        return tokens if isinstance(tokens, int) else -1


def _blinded(body: Json) -> Json:
    """The same request without its pictures; everything else stays, what stands for a picture too."""
    if "assets" in body:
        return {name: value for name, value in body.items() if name != "assets"}
    [message] = body["input"]
    kept = [part for part in message["content"] if part["type"] != "input_image"]
    return {**body, "input": [{**message, "content": kept}]}


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
