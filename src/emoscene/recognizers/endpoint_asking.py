"""How a served model is asked how a person seems to feel, and how its answers become scores.

answer   one free answer: the published prompt, as JSON where the server takes a schema    membership
score    all questions in one request, where the server answers scored decisions           share of yes
         else one request a label, read from the log probabilities of its first token      share of yes
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from emoscene.errors import AnswerError, EmosceneError
from emoscene.labels import LabelSpace
from emoscene.prompts import template
from emoscene.recognizers.base import Answer, Refusal
from emoscene.recognizers.endpoint_chat import Chat, Reply
from emoscene.recognizers.endpoint_decisions import Decisions
from emoscene.recognizers.endpoint_scene import Scene
from emoscene.recognizers.free_answers import Parser, answer_from_text
from emoscene.recognizers.picking import Prompt, pick_prompt
from emoscene.recognizers.questions import DIMENSIONS, sentence_case
from emoscene.types import VAD, ScoreKind, Status

__all__ = ["Asker", "Manner", "Mode"]

Mode = Literal["score", "answer"]
#: Nine levels: every tokenizer has one token for each of their digits. They are stretched to 1 to 10.
_LEVELS = 9


@dataclass(frozen=True)
class Manner:
    """How to ask: the mode; in answer mode the prompt and the parser; whether a caption and a reason are written; and
    the longest answer in tokens."""

    mode: Mode = "score"
    prompt: Prompt = "paper"
    parser: Parser = "strict"
    reason: bool = False
    max_tokens: int = 400


@dataclass
class Asker:
    """Asks about scenes. `labels` is the space of the answers."""

    labels: LabelSpace
    chat: Chat
    decisions: Decisions
    manner: Manner = field(default_factory=Manner)

    async def ask(self, scene: Scene) -> Answer:
        """The answer about one scene.

        Raises:
            EmosceneError: if there is none.
        """
        answer = await (self._pick(scene) if self.manner.mode == "answer" else self._score(scene))
        if self.manner.reason:
            answer = await self._explained(scene, answer)
        return replace(answer, warnings=scene.warnings + answer.warnings)

    @property
    def way(self) -> str:
        """How scores were read so far; empty before the first."""
        if self.manner.mode == "answer":
            return ""
        if self.decisions.path:
            return f"scores are the server's decisions ({self.decisions.path})"
        return "scores are read from log probabilities" if self.decisions.path == "" else ""

    async def _score(self, scene: Scene) -> Answer:
        decided = await self.decisions.ask(scene)
        return decided if decided is not None else await self._yes_no(scene)

    async def _pick(self, scene: Scene) -> Answer:
        question = pick_prompt(self.manner.prompt, self.labels, scene.paper_person)
        names = {label.name.lower(): label.id for label in self.labels}
        explained = self.manner.reason
        schema = None
        if self.chat.structured:
            form = template("endpoint/structured_reason.v1" if explained else "endpoint/structured.v1")
            question += "\n" + form.render(**({"person": scene.person} if explained else {}))
            schema = _schema(list(names), explained)
        reply = await self.chat.write(scene, question, max_tokens=self.manner.max_tokens, schema=schema)
        read = _json_answer(reply, self.labels) if schema else None
        answer = read or answer_from_text(reply.text, self.labels, self.manner.parser)
        if isinstance(answer, Refusal):
            raise Refusal(answer.what, status=answer.status, remedy=answer.remedy, raw_text=reply.raw)
        if isinstance(answer, EmosceneError):
            raise answer
        cut = (f"the answer was cut after {self.manner.max_tokens} tokens",) if reply.cut else ()
        return replace(answer, raw_text=reply.raw, warnings=answer.warnings + cut)

    async def _yes_no(self, scene: Scene) -> Answer:
        """One request a label and dimension. The first goes ahead: the server then has the rest's beginning."""
        asked = template("vlm/ask.v1").render(person=scene.person)
        ending = template("vlm/feel_label.v1")
        texts = [f"{asked} {ending.render(label=label.name.lower())}" for label in self.labels]
        texts += [
            template(f"vlm/rate_{dimension}.v1").render(person=scene.person, top=str(_LEVELS))
            for dimension in DIMENSIONS
        ]
        first = await self.chat.first_token(scene, texts[0])
        tasks = [asyncio.ensure_future(self.chat.first_token(scene, text)) for text in texts[1:]]
        try:
            rest = await asyncio.gather(*tasks)
        finally:
            for task in tasks:  # where one fails, the others are of no use
                task.cancel()
        masses = [first, *rest]
        pairs = [(found.get("yes", 0.0), found.get("no", 0.0)) for found in masses[: len(self.labels)]]
        for label, (yes, no), found in zip(self.labels, pairs, masses, strict=False):
            if yes + no <= 0:
                raise _unread(label.name.lower(), found)
        scores = {label.id: yes / (yes + no) for label, (yes, no) in zip(self.labels, pairs, strict=True)}
        return Answer(
            scores,
            ScoreKind.YES_SHARE,
            vad=_levels(masses[len(self.labels) :]),
            label_mass=min(1.0, sum(yes + no for yes, no in pairs) / len(pairs)),
        )

    async def _explained(self, scene: Scene, answer: Answer) -> Answer:
        """The answer with a caption and a reason. Without them it still is one: the row says what is missing."""
        wanted = {}
        if scene.pictures:
            wanted["caption"] = template("vlm/describe.v1").render(person=scene.person)
        if answer.reason is None:
            cues = "vlm/cues.v1" if scene.pictures else "language/cues.v1"
            wanted["reason"] = template(cues).render(person=scene.person)
        texts: dict[str, Any] = {}
        for name, question in wanted.items():
            try:
                reply = await self.chat.write(scene, question, max_tokens=self.manner.max_tokens)
                texts[name] = sentence_case(reply.text)
            except (AnswerError, Refusal) as error:
                missing = f"there is no {name}: {error.what}"
                texts["warnings"] = (*texts.get("warnings", answer.warnings), missing)
        return replace(answer, **texts)


def _schema(names: list[str], reason: bool) -> Mapping[str, Any]:
    """The JSON schema of an answer. Labels stand first: a reason asked for does not change them."""
    fields: dict[str, Any] = {"labels": {"type": "array", "items": {"type": "string", "enum": names}}}
    if reason:
        fields["reason"] = {"type": "string"}
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def _json_answer(reply: Reply, labels: LabelSpace) -> Answer | None:
    """The answer in a JSON object with a list `labels`; None if the text is something else."""
    try:
        read = json.loads(reply.text)
    except (ValueError, RecursionError):
        return None
    named = read.get("labels") if isinstance(read, dict) else None
    if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
        return None
    found = [(name, labels.find(name)) for name in named]
    strangers = [name for name, label in found if label is None]
    chosen = list(dict.fromkeys(label.id for _, label in found if label is not None))
    if strangers and not chosen:
        return None
    chosen = chosen if labels.multi_label else chosen[:1]
    reason = read.get("reason")
    unknown = f"named, but no label of {labels.name}: {', '.join(strangers[:8])}"
    return Answer(
        dict.fromkeys(labels.ids, 0.0) | dict.fromkeys(chosen, 1.0),
        ScoreKind.MEMBERSHIP,
        labels=tuple(chosen),
        reason=sentence_case(reason) if isinstance(reason, str) and reason.strip() else None,
        warnings=(unknown,) if strangers else (),
    )


def _unread(label: str, found: Mapping[str, float]) -> Refusal:
    likeliest = max(found, key=found.__getitem__)
    return Refusal(
        f"asked for {label}, the model would begin its answer with neither yes nor no",
        status=Status.UNPARSED,
        remedy="Switch its thinking off with -o thinking=false, or use -o mode=answer.",
        raw_text=likeliest or None,
    )


def _levels(masses: list[dict[str, float]]) -> VAD | None:
    """Expected levels, or None if the model would not begin one of the answers with a digit."""
    levels = []
    for found in masses:
        shares = {n: found.get(str(n), 0.0) for n in range(1, _LEVELS + 1)}
        total = sum(shares.values())
        if total <= 0:
            return None
        level = sum(n * share for n, share in shares.items()) / total
        levels.append(min(10.0, 1 + (level - 1) * 9 / (_LEVELS - 1)))
    return VAD(valence=levels[0], arousal=levels[1], dominance=levels[2])
