"""The questions put to a generative model about one person, as a tree of tokens behind one shared prefix.

    prefix: chat header, picture, the words that go with it
    ├── "Does the person in the red box seem to feel"
    │   ├── "affection?" + tail     -> share of yes among yes and no
    │   └── ... one branch a label
    ├── "From 1 to 10, how high is the valence ...?" + tail    -> expected level
    ├── arousal, dominance
    ├── "Describe the person in the red box ..." + tail        -> caption, generated
    └── "What suggests how the person ... seems to feel?" + tail -> reason, generated

Both runtimes (torch and the exported graph) and the training code build their sequences here, so that what was
trained is what is asked. Texts come from `prompts/vlm/`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emoscene.errors import AnswerError, ModelFilesError
from emoscene.labels import LabelSpace
from emoscene.prompts import template
from emoscene.recognizers.base import Answer
from emoscene.scoring.branches import Segment
from emoscene.scoring.reads import expected_level, yes_share
from emoscene.types import VAD, ScoreKind

__all__ = ["DIMENSIONS", "Encode", "Questions", "Tree", "sentence_case"]

#: Text to token ids, as plain data: nothing in the text becomes a special token.
Encode = Callable[[str], list[int]]

DIMENSIONS = ("valence", "arousal", "dominance")
#: Attention costs the square of the tokens: longer words are cut, and the row says so.
_LONGEST_WORDS, _MOST_TOKENS = 2_000, 200


@dataclass(frozen=True)
class Tree:
    """The segments for one person, and which of them ask for which label and dimension (indices into `segments`)."""

    segments: tuple[Segment, ...]
    labels: tuple[int, ...]
    dimensions: tuple[int, ...]

    @property
    def reads(self) -> tuple[int, ...]:
        return self.labels + self.dimensions


class Questions:
    """Builds trees for one label space and reads the logits at their ends.

    Args:
        labels: The labels to ask for.
        encode: The tokenizer, special tokens off.
        tail: Token ids between the end of a question and the answer (end of the user's turn, start of the
            model's), from the model's chat template.
        unknown: The tokenizer's id for what it does not know, if it has one; never an answer.

    Raises:
        ModelFilesError: if the tokenizer has no single token for yes, no, or the levels 1 to 9.
    """

    def __init__(
        self, labels: LabelSpace, encode: Encode, tail: Sequence[int], *, unknown: int | None = None
    ) -> None:
        self.labels = labels
        self._encode = encode
        self._unknown = unknown
        self._tail = tuple(tail)
        self.yes = self._single_tokens("yes")
        self.no = self._single_tokens("no")
        self.levels, lead = self._find_levels()
        top = str(len(self.levels))
        self._feel = self._plain("vlm/feel.v1")
        self._label_ends = [
            self._plain("vlm/feel_label.v1", label=label.name.lower()) + self._tail for label in labels
        ]
        self._level_ends = [
            self._plain("vlm/level.v1", dimension=d, top=top) + self._tail + lead for d in DIMENSIONS
        ]
        self.caption = self._plain("vlm/caption.v1") + self._tail
        self.reason = self._plain("vlm/reason.v1") + self._tail

    def root(self, prefix: Sequence[int], words: str | None) -> tuple[int, ...]:
        """The shared prefix: header and picture, then the words that go with the picture, as data."""
        said = _readable(words)
        return (*prefix, *self._plain("vlm/words.v1", words=said)[:_MOST_TOKENS]) if said else tuple(prefix)

    def tree(self, root: Sequence[int]) -> Tree:
        """The branches for all labels and dimensions behind `root`."""
        segments = [Segment(tuple(root)), Segment(self._feel, 0)]
        segments += [Segment(end, 1) for end in self._label_ends]
        segments += [Segment(end, 0) for end in self._level_ends]
        n = len(self._label_ends)
        return Tree(tuple(segments), tuple(range(2, 2 + n)), tuple(range(2 + n, 2 + n + len(DIMENSIONS))))

    def read(self, logits: npt.NDArray[np.floating]) -> Answer:
        """The answer in next-token logits of shape (labels + 3, vocabulary), in the order of `Tree.reads`.

        Raises:
            AnswerError: if the logits are not finite.
        """
        if not np.isfinite(logits).all():
            raise AnswerError(
                "the model returned numbers that are not finite",
                remedy="Load it with -o dtype=float32, or verify its files.",
            )
        n = len(self.labels)
        shares = [yes_share(row, self.yes, self.no) for row in logits[:n]]
        levels = [expected_level(row, self.levels)[0] for row in logits[n:]]
        stretch = 9 / (len(self.levels) - 1)
        vad = [min(10.0, max(1.0, 1 + (level - 1) * stretch)) for level in levels]
        return Answer(
            scores=dict(zip(self.labels.ids, (s for s, _ in shares), strict=True)),
            score_kind=ScoreKind.YES_SHARE,
            vad=VAD(valence=vad[0], arousal=vad[1], dominance=vad[2]),
            label_mass=float(np.mean([mass for _, mass in shares])),
        )

    def remarks(self, words: str | None, model: str) -> tuple[str, ...]:
        """Remarks if words that go with the picture are cut, or unknown to the tokenizer."""
        said = _readable(words)
        if not said:
            return ()
        ids = self._encode(said)
        remarks = []
        if len(words or "") > _LONGEST_WORDS or len(self._plain("vlm/words.v1", words=said)) > _MOST_TOKENS:
            remarks.append(f"the words are too long: {model} read only their beginning")
        missed = 0 if self._unknown is None else ids.count(self._unknown)
        if missed:
            remarks.append(f"{model} does not know {missed} of the {len(ids)} words given")
        return tuple(remarks)

    def _plain(self, name: str, **values: str) -> tuple[int, ...]:
        # A leading space: every question follows something.
        return tuple(self._encode(" " + template(name).render(**values)))

    def _spellings(self, word: str) -> tuple[int, ...]:
        forms = {f for w in (word, word.capitalize(), word.upper()) for f in (w, " " + w)}
        encoded = [self._encode(form) for form in sorted(forms)]
        return tuple(sorted({ids[0] for ids in encoded if len(ids) == 1 and ids[0] != self._unknown}))

    def _find_levels(self) -> tuple[list[tuple[int, ...]], tuple[int, ...]]:
        """Token ids of the levels, and what stands before each of them.

        Tokenizers that split numbers into digits have no token for 10: the levels then go from 1 to 9 and are
        stretched. Llama's puts a space token before every digit, which then belongs to the question.
        """
        levels = [self._spellings(str(n)) for n in range(1, 11)]
        if all(levels[:9]):
            return (levels if levels[9] else levels[:9]), ()
        encoded = [tuple(self._encode(str(n))) for n in range(1, 10)]
        lead = encoded[0][:-1]
        last: list[tuple[int, ...]] = [
            (ids[-1],) for ids in encoded if ids[:-1] == lead and ids[-1] != self._unknown
        ]
        if len(set(last)) < 9:
            raise ModelFilesError(
                "the tokenizer has no single tokens for the levels 1 to 9", remedy="Use another model."
            )
        return last, lead

    def _single_tokens(self, word: str) -> tuple[int, ...]:
        ids = self._spellings(word)
        if not ids:
            raise ModelFilesError(
                f"the tokenizer has no single token for {word!r}", remedy="Use another model."
            )
        return ids


def _readable(words: str | None) -> str:
    """The words as a tokenizer can take them: no lone surrogates, no space around, not endless."""
    return (words or "")[:_LONGEST_WORDS].encode("utf-8", "replace").decode().strip()


def sentence_case(text: str) -> str:
    """The text with a capital at the beginning of each sentence; other letters stay as they are."""
    return ". ".join(part[:1].upper() + part[1:] for part in text.strip().split(". "))
