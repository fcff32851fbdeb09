"""A sentence encoder as a reasoner: words are compared with what is written about every label.

Words and texts about labels become unit vectors; a score is their cosine, less what that label gets from captions that
say nothing of anybody's feelings. No training took place on emotions, and a cosine is no probability.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from emoscene.errors import AnswerError, EmosceneError, OptionError
from emoscene.labels import Label, LabelSpace
from emoscene.prompts import template
from emoscene.recognizers.base import Answer, Card, Refusal
from emoscene.recognizers.sentences import SentenceEncoder, Tokens, find_encoder, torch_and_transformers
from emoscene.types import ScoreKind, Status

__all__ = [
    "CUT",
    "Aggregate",
    "LabelPrompt",
    "Names",
    "Prior",
    "SentenceAsk",
    "SentenceReasoner",
    "generic_captions",
    "label_texts",
    "make_sentence_reasoner",
    "subject_as_person",
]

#: What a label is told by: one sentence with its definition; six ways to say the same; or those and, with the same
#: weight, visible signs of it. The signs were written for the label spaces that ship.
LabelPrompt = Literal["definition", "paraphrases", "cues"]
#: `corrected` takes away what each label scores, on average, on captions that say nothing of feelings. Those are
#: written for emoscene: neither labels nor anybody's data went into them.
Prior = Literal["none", "corrected"]
#: The whole text as one vector, or the mean or the highest of its sentences' scores.
Aggregate = Literal["whole", "mean", "max"]
#: `person` reads the name that a text opens with as "the person": names carry no emotion, and prompts hold none.
Names = Literal["keep", "person"]

CUT = "the text is longer than the encoder reads: only its beginning counted"
_DEFINITION, _PARAPHRASES = "text/label_definition.v1", "text/label_paraphrases.v1"
_CUE, _CUES, _GENERIC = "text/label_cue.v1", "text/label_cues.v1", "text/generic_captions.v1"
_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+")
_MOST_SENTENCES, _LONGEST_TEXT = 64, 100_000
_OPENING_NAME: Final = re.compile(r"\s*([A-Z][a-z]+(?:-[A-Z][a-z]+)?)\s")

Vectors = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SentenceAsk:
    """How words are compared with labels; see the types above."""

    prompt: LabelPrompt = "paraphrases"
    prior: Prior = "corrected"
    aggregate: Aggregate = "whole"
    names: Names = "keep"


class SentenceReasoner:
    """Scores labels by cosines, from -1 to 1.

    Args:
        labels: The label space; its texts are encoded once, here.
        encoder: The sentence encoder.
        ask: How to compare.
        batch_size: Texts encoded together; the scores do not depend on it (to 1e-5).

    Raises:
        OptionError: if `prompt=cues` and no cues are written for a label.
    """

    def __init__(
        self,
        labels: LabelSpace,
        encoder: SentenceEncoder,
        ask: SentenceAsk | None = None,
        *,
        batch_size: int = 32,
    ) -> None:
        self.labels = labels
        self.name = encoder.name
        self.ask = ask or SentenceAsk()
        self.card = _card(encoder, self.ask)
        self._encoder = encoder
        self._batch_size = batch_size
        self._labels, self._warnings = self._told()
        self._prior: Vectors = np.zeros(len(labels))
        if self.ask.prior == "corrected":
            scores, _ = self._scores(generic_captions())
            self._prior = np.mean([row for row in scores if row is not None], axis=0)

    def reason(self, texts: Sequence[str]) -> Sequence[Answer | EmosceneError]:
        """One answer a text, in order; a text with nothing to read is refused alone."""
        scores, cut = self._scores(texts)
        return [self._answer(row, was) for row, was in zip(scores, cut, strict=True)]

    def _answer(self, scores: Vectors | None, cut: bool) -> Answer | EmosceneError:
        if scores is None:
            return Refusal(
                "there is nothing to read in these words",
                status=Status.MISSING_INPUT,
                remedy="Give words that describe the scene, such as --text 'She hugs her son.'",
            )
        if not np.isfinite(scores).all():
            return AnswerError("the sentence encoder gave no finite vector for this text")
        kept = np.clip(scores - self._prior, -1.0, 1.0).tolist()
        warnings = ((CUT,) if cut else ()) + self._warnings
        return Answer(dict(zip(self.labels.ids, kept, strict=True)), ScoreKind.SIMILARITY, warnings=warnings)

    def _told(self) -> tuple[Vectors, tuple[str, ...]]:
        """A vector for every label, shape (labels, d), and the warnings that go with every answer.

        A vector is a mean of unit vectors, so that its dot product with a text is a mean of cosines.
        """
        vectors, cut = [], []
        for label in self.labels:
            groups = [
                [self._encoder.tokens(text) for text in group]
                for group in label_texts(label, self.ask.prompt)
            ]
            if any(tokens.cut for group in groups for tokens in group):
                cut.append(label.id)
            vectors.append(np.mean([self._encoded(group).mean(axis=0) for group in groups], axis=0))
        said = (f"definitions longer than the encoder reads: {', '.join(cut)}",) if cut else ()
        return np.array(vectors), said

    def _scores(self, texts: Sequence[str]) -> tuple[list[Vectors | None], list[bool]]:
        """Scores of each text, shape (labels,), before the prior is taken away; None where there is nothing to read.
        With them, whether a part of the text was not read."""
        pieces, of, cut = list[Tokens](), list[list[int]](), list[bool]()
        for text in texts:
            tokens, was_cut = self._pieces(text)
            of.append(list(range(len(pieces), len(pieces) + len(tokens))))
            pieces += tokens
            cut.append(was_cut)
        if not pieces:
            return [None] * len(texts), cut
        cosines = np.clip(self._encoded(pieces) @ self._labels.T, -1.0, 1.0)
        combine = np.max if self.ask.aggregate == "max" else np.mean
        return [combine(cosines[rows], axis=0) if rows else None for rows in of], cut

    def _pieces(self, text: str) -> tuple[list[Tokens], bool]:
        """What is encoded of a text: all of it, or its sentences; and whether something was left out."""
        if self.ask.names == "person":
            text = subject_as_person(text)
        parts, cut = [text], False
        if self.ask.aggregate != "whole":
            parts = _SENTENCE_END.split(text[:_LONGEST_TEXT].strip())
            cut = len(text) > _LONGEST_TEXT or len(parts) > _MOST_SENTENCES
            parts = parts[:_MOST_SENTENCES]
        tokens = [self._encoder.tokens(part) for part in parts]
        return [one for one in tokens if one.ids], cut or any(one.cut for one in tokens)

    def _encoded(self, tokens: Sequence[Tokens]) -> Vectors:
        size = self._batch_size
        chunks = [tokens[start : start + size] for start in range(0, len(tokens), size)]
        return np.concatenate([self._encoder.encode(chunk) for chunk in chunks]).astype(np.float64)


def make_sentence_reasoner(
    labels: LabelSpace,
    encoder: str | None = None,
    ask: SentenceAsk | None = None,
    *,
    device: str = "cpu",
    batch_size: int = 32,
) -> SentenceReasoner:
    """A sentence encoder as a reasoner.

    Args:
        labels: The label space of the answers.
        encoder: As `find_encoder` takes it; None is all-MiniLM-L6-v2.
        ask: How to compare.
        device: A torch device; `auto` takes a GPU if there is one.
        batch_size: Texts encoded together, at least 1.

    Raises:
        MissingExtraError: if torch or transformers is not installed.
        ModelNotHereError: if the encoder is not on this machine.
        ModelFilesError: if its files are unsafe, incomplete or not the published ones.
        OptionError: if an option cannot be used.
    """
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise OptionError(
            "batch_size must be a whole number above 0", value=batch_size, remedy="Try batch_size=32."
        )
    asked = ask or SentenceAsk()
    for label in labels:
        label_texts(label, asked.prompt)  # Said before any weights are read.
    torch, _ = torch_and_transformers()  # Without them no encoder is of use.
    files = find_encoder(encoder)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return SentenceReasoner(labels, SentenceEncoder(files, device), asked, batch_size=batch_size)


def label_texts(label: Label, prompt: LabelPrompt) -> tuple[tuple[str, ...], ...]:
    """What is written about a label: groups of texts; texts of a group weigh the same, and so do the groups.

    Raises:
        OptionError: if `cues` are asked for and none are written for this label.
    """
    name = _DEFINITION if prompt == "definition" else _PARAPHRASES
    # A definition of several lines must not become several prompts.
    definition = " ".join(label.definition.split())
    told = template(name).render(name=label.name.lower(), definition=definition)
    about = tuple(told.split("\n"))
    if prompt != "cues":
        return (about,)
    for line in template(_CUES).text.splitlines():
        ids, _, cues = line.partition(": ")
        if label.id in ids.split():
            return about, (template(_CUE).render(cues=cues),)
    raise OptionError(
        "no visible cues are written for this label",
        value=label.id,
        remedy="Use -o prompt=paraphrases, which needs only the label's definition.",
    )


def generic_captions() -> tuple[str, ...]:
    """Captions that say nothing of anybody's feelings; they go into the prior."""
    return tuple(template(_GENERIC).text.splitlines())


def subject_as_person(text: str) -> str:
    """The text with the name that it opens with read as "the person", wherever it stands.

    A first word counts as a name if it is capitalised and comes again capitalised inside a sentence, or with
    's behind it: "Ann waits. Ann's bag is red." becomes "The person waits. The person's bag is red."
    """
    opening = _OPENING_NAME.match(text[:200])
    if opening is None:
        return text
    name = re.escape(opening[1])
    if not re.search(rf"\b{name}['’]s\b|(?<=[a-z,;] ){name}\b", text[opening.end() :]):
        return text
    whole = re.compile(rf"(^\s*|[.!?]\s+)?\b{name}\b")
    return whole.sub(lambda found: f"{found[1]}The person" if found[1] is not None else "the person", text)


def _card(encoder: SentenceEncoder, ask: SentenceAsk) -> Card:
    told = {
        "definition": f"each label's definition ({_DEFINITION})",
        "paraphrases": f"six wordings of each label's definition ({_PARAPHRASES})",
        "cues": f"each label's definition ({_PARAPHRASES}) and visible signs ({_CUES})",
    }[ask.prompt]
    less = f", less its mean over captions without feelings ({_GENERIC})" if ask.prior == "corrected" else ""
    parts = {"whole": "", "mean": " Sentences are averaged.", "max": " The best sentence counts."}
    return Card(
        name=encoder.name,
        summary=(
            f"Words alone: cosine between the words and {told}{less}, "
            f"by the sentence encoder {encoder.name} from {encoder.source}.{parts[ask.aggregate]}"
        ),
        licence="Apache-2.0 (all-MiniLM-L6-v2); for another encoder see its own card",
        data="A general sentence encoder, not trained on emotions and not fitted to any label set here.",
        limits=(
            "English. Reads no picture. Follows words rather than the scene: a named emotion weighs more "
            "than an implied one, and negation hardly counts. Cosines are small and differ in level from "
            "label to label: they rank, they are no probabilities."
        ),
        uses_picture=False,
        uses_text=True,
    )
