"""A language model as a reasoner: it reads a narrative caption and says how the person in it apparently feels.

The questions are those put to vision language models, behind the caption in place of a picture: a score for every
label, or the paper's prompt answered freely. Takes what transformers' `AutoModelForCausalLM` loads; models without a
chat template are asked in plain lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from emoscene.errors import AnswerError, EmosceneError, OptionError, UnknownModelError
from emoscene.labels import LabelSpace
from emoscene.prompts import template
from emoscene.recognizers.adapters import adapter_folder, apply_adapter
from emoscene.recognizers.base import Answer, Card, Refusal
from emoscene.recognizers.folders import Kind, look_into
from emoscene.recognizers.free_answers import Parser, answer_from_text
from emoscene.recognizers.loading import Placement, load_model, load_tokenizer
from emoscene.recognizers.picking import Prompt, pick_prompt
from emoscene.recognizers.questions import WORDS_ALONE, WORDS_ONLY, Estimate, Limits, Questions, sentence_case
from emoscene.recognizers.tokens import chat_frame, plain_encoder
from emoscene.types import Status

if TYPE_CHECKING:
    from emoscene.recognizers.shared_prefix import Row, SharedPrefix

__all__ = ["LanguageAsk", "LanguageReasoner", "make_language_reasoner"]

_LONGEST_TEXT, _LONGEST_ANSWER = 80, 120
#: Tokens of the model's context that are kept for question, template and answer, and the fewest words that are read.
_ROOM_TO_ANSWER, _FEWEST_TOKENS = 200, 32
#: Read where the prior is wanted: a scene that says nothing of anybody's feelings.
_NEUTRAL = "language/neutral.v1"


@dataclass(frozen=True)
class LanguageAsk:
    """How the model is asked; as `vlm.Ask`, without pictures."""

    mode: Literal["score", "answer"] = "score"
    read: Literal["yes_no", "name"] = "yes_no"
    estimate: Estimate = "mean"
    prompt: Prompt = "paper"
    parser: Parser = "strict"
    reason: bool = False


class LanguageReasoner:
    """Reads words with a language model.

    Args:
        model: A loaded `AutoModelForCausalLM`.
        tokenizer: Its tokenizer.
        labels: The label space.
        name: What it is called in rows.
        ask: How to ask.
        batch_size: Texts answered together; the scores do not depend on it beyond float noise.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        labels: LabelSpace,
        name: str,
        ask: LanguageAsk,
        *,
        batch_size: int = 4,
    ) -> None:
        from emoscene.recognizers.shared_prefix import SharedPrefix

        self.name, self.labels = name, labels
        self.card = Card(
            name=name,
            summary="A language model, zero-shot, that reads words: "
            + (
                "a score for every label."
                if ask.mode == "score"
                else "the paper's question, answered freely."
            ),
            licence="that of the model's own card",
            limits="Sees no picture. Not fitted to any label set here; its scores are no probabilities.",
            uses_picture=False,
            uses_text=True,
            label_order_invariant=ask.mode == "score",
        )
        self._ask = ask
        self._batch_size = batch_size
        self._shared = SharedPrefix(model, tokenizer)
        frame = chat_frame(tokenizer, 0)
        self._head = frame.head
        tail = tokenizer(frame.tail, add_special_tokens=False).input_ids
        self._person = template("pointing/words.v1").text
        encode = plain_encoder(tokenizer)
        asked = pick_prompt(ask.prompt, labels, self._person) if ask.mode == "answer" else ""
        context = (
            getattr(model.config.get_text_config(), "max_position_embeddings", None) or WORDS_ONLY.characters
        )
        room = context - len(encode(frame.head + asked)) - _ROOM_TO_ANSWER
        self._questions = Questions(
            labels, encode, tail, unknown=tokenizer.unk_token_id, wording=WORDS_ALONE, glue=frame.glue,
            answer_glue=frame.answer_glue,
            limits=Limits(WORDS_ONLY.characters, max(_FEWEST_TOKENS, min(WORDS_ONLY.tokens, room))),
        )  # fmt: skip
        if ask.mode == "score":
            assert self._questions.levels
            assert ask.read == "name" or (self._questions.yes and self._questions.no)
        # What the labels' names score behind words that say nothing.
        self._prior: dict[str, float] | None = None

    def reason(self, texts: Sequence[str]) -> Sequence[Answer | EmosceneError]:
        """One answer a text, in order; a text without words is refused alone."""
        answers: list[Answer | EmosceneError] = [_nothing() for _ in texts]
        full = [i for i, text in enumerate(texts) if text.strip()]
        for start in range(0, len(full), self._batch_size):
            chunk = full[start : start + self._batch_size]
            for i, answer in zip(chunk, self._batch([texts[i] for i in chunk]), strict=True):
                answers[i] = answer
        return answers

    @property
    def shared(self) -> SharedPrefix:
        """What runs the model."""
        return self._shared

    @property
    def questions(self) -> Questions:
        """What is asked."""
        return self._questions

    def scoring_row(self, text: str) -> Row:
        """What score mode asks about a text: the head, and behind it the words and all questions."""
        tree = self._tree(self._questions.root((), text))
        return self._row(tree.segments, tree.reads)

    def free_question(self, text: str) -> tuple[Row, tuple[int, ...]]:
        """What answer mode asks about a text: the head, and the tokens up to the answer."""
        root = self._questions.root((), text)
        prompt = pick_prompt(self._ask.prompt, self.labels, self._person)
        return self._row(), (*root, *self._questions.free(prompt, root))

    def _batch(self, texts: Sequence[str]) -> list[Answer | EmosceneError]:
        roots = [self._questions.root((), text) for text in texts]
        answers = self._chosen(roots) if self._ask.mode == "answer" else self._scored(roots)
        reasons = self._reasons(roots)
        return [
            replace(a, reason=reason, warnings=(*self._questions.remarks(text, self.name), *a.warnings))
            if isinstance(a, Answer)
            else a
            for a, reason, text in zip(answers, reasons, texts, strict=True)
        ]

    def _scored(self, roots: Sequence[tuple[int, ...]]) -> list[Answer | EmosceneError]:
        trees = [self._tree(root) for root in roots]
        rows = [self._row(tree.segments, tree.reads) for tree in trees]
        answers: list[Answer | EmosceneError] = []
        for tree, logits in zip(trees, self._shared.logits(rows), strict=True):
            try:
                answers.append(self._read(logits.cpu().numpy(), tree))
            except AnswerError as error:
                answers.append(error)
        return answers

    def _tree(self, root: Sequence[int]) -> Any:
        ask = self._questions.tree if self._ask.read == "yes_no" else self._questions.names
        return ask(root, self._person)

    def _row(self, segments: Sequence[Any] = (), reads: tuple[int, ...] = ()) -> Row:
        from emoscene.recognizers.shared_prefix import Row

        return Row(self._head, (), tuple(segments), reads)

    def _read(self, logits: Any, tree: Any) -> Answer:
        if self._ask.read == "yes_no":
            return self._questions.read(logits)
        prior = self._priors() if self._ask.estimate == "prior" else None
        return self._questions.read_names(logits, tree, self._ask.estimate, prior)

    def _priors(self) -> dict[str, float]:
        if self._prior is None:
            root = self._questions.root((), template(_NEUTRAL).text)
            names = self._questions.names(root, self._person)
            (logits,) = self._shared.logits([self._row(names.segments, names.reads)])
            self._prior = dict(self._questions.read_names(logits.cpu().numpy(), names).scores)
        return self._prior

    def _chosen(self, roots: Sequence[tuple[int, ...]]) -> list[Answer | EmosceneError]:
        prompt = pick_prompt(self._ask.prompt, self.labels, self._person)
        texts = self._written(roots, [(*r, *self._questions.free(prompt, r)) for r in roots], _LONGEST_ANSWER)
        return [answer_from_text(text, self.labels, self._ask.parser) for text in texts]

    def _reasons(self, roots: Sequence[tuple[int, ...]]) -> list[str | None]:
        if not self._ask.reason:
            return [None] * len(roots)
        tails = [(*root, *self._questions.reason(root, self._person)) for root in roots]
        return [sentence_case(text) for text in self._written(roots, tails, _LONGEST_TEXT)]

    def _written(
        self, roots: Sequence[tuple[int, ...]], tails: Sequence[tuple[int, ...]], most: int
    ) -> list[str]:
        return self._shared.write([self._row() for _ in roots], tails, most)


def _nothing() -> Refusal:
    return Refusal(
        "there are no words to read",
        status=Status.MISSING_INPUT,
        remedy="Give words that describe the scene.",
    )


def make_language_reasoner(
    labels: LabelSpace,
    model: str | Path,
    ask: LanguageAsk,
    *,
    device: str = "auto",
    dtype: str = "auto",
    adapter: str | None = None,
    batch_size: int = 4,
) -> LanguageReasoner:
    """A language model from a folder in Hugging Face layout.

    Raises:
        MissingExtraError: if torch or transformers is not installed.
        UnknownModelError: if the folder holds another kind of model.
        ModelNotHereError, ModelFilesError: as `folders.look_into` and `loading` do.
        OptionError: if an option cannot be used.
    """
    if batch_size < 1:
        raise OptionError("batch_size must be a whole number above 0", value=batch_size, remedy="Try 4.")
    folder = look_into(model)
    if folder.kind is not Kind.LANGUAGE:
        raise UnknownModelError(
            f"this is a {folder.kind} model, not a language model that reads captions",
            value=folder.path.name,
            remedy="Give the folder of a causal language model.",
        )
    added = None if adapter is None else adapter_folder(adapter)
    tokenizer = load_tokenizer(folder.path)
    loaded = load_model(folder.path, "AutoModelForCausalLM", Placement(device, dtype))
    if added is not None:
        loaded = apply_adapter(loaded, added, merge=False)
    return LanguageReasoner(loaded, tokenizer, labels, folder.path.name, ask, batch_size=batch_size)
