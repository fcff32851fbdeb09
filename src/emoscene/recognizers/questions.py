"""The questions put to a generative model about one person, as a tree of tokens behind one shared prefix.

    prefix: chat header, picture
    └── the words that go with it, if any
        ├── "Does the person in the red box seem to feel"
        │   ├── "affection?" + tail     -> share of yes among yes and no
        │   └── ... one branch a label
        ├── "From 1 to 10, how high is the valence ...?" + tail    -> expected level
        ├── arousal, dominance
        ├── "Describe the person in the red box ..." + tail        -> caption, generated
        └── "What suggests how the person ... seems to feel?" + tail -> reason, generated

Both runtimes (torch and the exported graph) and the training code build their sequences here, so that what was
trained is what is asked. `names` builds another tree: the labels themselves as continuations of one question.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from emoscene.errors import AnswerError, ModelFilesError
from emoscene.labels import LabelSpace
from emoscene.prompts import template
from emoscene.recognizers.base import Answer
from emoscene.scoring.branches import Segment
from emoscene.scoring.reads import expected_level, log_probabilities, yes_share
from emoscene.types import VAD, ScoreKind

__all__ = [
    "DIMENSIONS", "PICTURE_WORDS", "TRAINED", "WORDS_ALONE", "WORDS_ONLY", "ZERO_SHOT", "Encode", "Estimate",
    "Limits", "Names", "Questions", "Tree", "Wording", "sentence_case",
]  # fmt: skip

#: Text to token ids, as plain data: nothing in the text becomes a special token.
Encode = Callable[[str], list[int]]
#: How the log-likelihood of a label's tokens becomes its score: their mean, their sum, or the mean less that of the
#: same label where there is nothing to see.
Estimate = Literal["mean", "sum", "prior"]

DIMENSIONS = ("valence", "arousal", "dominance")


@dataclass(frozen=True)
class Limits:
    """How much of the words is read. Attention costs the square of the tokens: longer ones are cut, and the row
    says so."""

    characters: int
    tokens: int


#: Below this, what was read is hardly what the model would have said.
_LITTLE_MASS = 0.1

#: For words beside a picture, and for words that are all there is.
PICTURE_WORDS, WORDS_ONLY = Limits(2_000, 200), Limits(12_000, 1_500)


@dataclass(frozen=True)
class Wording:
    """Which prompts are used: names of templates, fields `person`, `label`, `dimension` and `top`."""

    feel: str
    levels: Mapping[str, str]
    caption: str
    reason: str
    label: str = "vlm/feel_label.v1"
    name: str = "vlm/name.v1"
    words: str = "vlm/words.v1"


#: The sentences that the models which emoscene trains were taught, and those for models that were not.
TRAINED = Wording("vlm/feel.v2", dict.fromkeys(DIMENSIONS, "vlm/level.v2"), "vlm/caption.v2", "vlm/reason.v2")
ZERO_SHOT = Wording(
    "vlm/ask.v1", {d: f"vlm/rate_{d}.v1" for d in DIMENSIONS}, "vlm/describe.v1", "vlm/cues.v1"
)
#: For words alone, where there is no picture to point into.
WORDS_ALONE = Wording(
    "vlm/ask.v1", {d: f"vlm/rate_{d}.v1" for d in DIMENSIONS}, "vlm/describe.v1", "language/cues.v1",
    words="language/scene.v1",
)  # fmt: skip


@dataclass(frozen=True)
class Tree:
    """The segments for one person, and which of them ask for which label and dimension (indices into `segments`)."""

    segments: tuple[Segment, ...]
    labels: tuple[int, ...]
    dimensions: tuple[int, ...]

    @property
    def reads(self) -> tuple[int, ...]:
        return self.labels + self.dimensions


@dataclass(frozen=True)
class Names:
    """Labels as continuations: for each label the tokens of its name, each with the read (a place in `reads`) that
    it follows; beside them the levels of the dimensions, the last reads."""

    segments: tuple[Segment, ...]
    reads: tuple[int, ...]
    labels: tuple[tuple[tuple[int, int], ...], ...]


class Questions:
    """Builds trees for one label space and reads the logits at their ends.

    Args:
        labels: The labels to ask for.
        encode: The tokenizer, special tokens off.
        tail: Token ids between the end of a question and the answer (end of the user's turn, start of the
            model's), from the model's chat template.
        unknown: The tokenizer's id for what it does not know, if it has one; never an answer.
        wording: The prompts.
        glue: What stands between the prefix and a question: a space, or nothing behind a line break.
        answer_glue: What stands between the tail and the answer.
        limits: How much of the words is read.

    Attributes:
        yes, no, levels: Token ids of the answers. Looking at them raises ModelFilesError if the tokenizer has no
            single token for yes, no, or the levels 1 to 9.
    """

    def __init__(
        self,
        labels: LabelSpace,
        encode: Encode,
        tail: Sequence[int],
        *,
        unknown: int | None = None,
        wording: Wording = TRAINED,
        glue: str = " ",
        answer_glue: str = " ",
        limits: Limits = PICTURE_WORDS,
    ) -> None:
        self.labels = labels
        self.wording = wording
        self.person = template("pointing/redbox.v1").text
        self._encode = encode
        self._unknown = unknown
        self._tail = tuple(tail)
        self._glue = glue
        self._answer_glue = answer_glue
        self._limits = limits
        ends = [template(wording.label).render(label=label.name.lower()) for label in labels]
        self._label_ends = [(*self.follow(" " + end), *self._tail) for end in ends]
        self._names = [tuple(self.follow(answer_glue + label.name.lower())) for label in labels]

    @cached_property
    def yes(self) -> tuple[int, ...]:
        return self._single_tokens("yes")

    @cached_property
    def no(self) -> tuple[int, ...]:
        return self._single_tokens("no")

    @cached_property
    def levels(self) -> list[tuple[int, ...]]:
        return self._levels_and_lead[0]

    def root(self, prefix: Sequence[int], words: str | None) -> tuple[int, ...]:
        """The prefix and the words that go with the picture, as data. Without a prefix, the words alone."""
        said = _readable(words, self._limits.characters)
        if not said:
            return tuple(prefix)
        glue = " " if prefix else self._glue
        return (
            *prefix,
            *self.follow(glue + self._text(self.wording.words, words=said))[: self._limits.tokens],
        )

    def tree(self, root: Sequence[int], person: str | None = None) -> Tree:
        """The branches for all labels and dimensions, behind `root`, or behind the prefix itself if it is empty."""
        segments, below = _rooted(root)
        segments.append(Segment(self._asked(root, self.wording.feel, person), below))
        stem = len(segments) - 1
        first = len(segments)
        segments += [Segment(end, stem) for end in self._label_ends]
        segments += [Segment(end, below) for end in self._level_ends(root, person)]
        n = len(self._label_ends)
        dimensions = tuple(range(first + n, first + n + len(DIMENSIONS)))
        return Tree(tuple(segments), tuple(range(first, first + n)), dimensions)

    def names(self, root: Sequence[int], person: str | None = None) -> Names:
        """The labels' names as continuations of one question, shared beginnings once, and the dimensions."""
        segments, below = _rooted(root)
        segments.append(Segment((*self._asked(root, self.wording.name, person), *self._tail), below))
        stem = len(segments) - 1
        known: dict[tuple[int, ...], int] = {(): stem}
        reads: list[int] = []
        places: dict[int, int] = {}
        labels = []
        for name in self._names:
            steps = []
            for i, token in enumerate(name):
                before = name[:i]
                if before not in known:
                    segments.append(Segment((before[-1],), known[before[:-1]]))
                    known[before] = len(segments) - 1
                if known[before] not in places:
                    places[known[before]] = len(reads)
                    reads.append(known[before])
                steps.append((places[known[before]], token))
            labels.append(tuple(steps))
        for end in self._level_ends(root, person):
            reads.append(len(segments))
            segments.append(Segment(end, below))
        return Names(tuple(segments), tuple(reads), tuple(labels))

    def caption(self, root: Sequence[int] = (0,), person: str | None = None) -> tuple[int, ...]:
        """The question that a caption answers."""
        return (*self._asked(root, self.wording.caption, person), *self._tail)

    def reason(self, root: Sequence[int] = (0,), person: str | None = None) -> tuple[int, ...]:
        """The question that a reason answers."""
        return (*self._asked(root, self.wording.reason, person), *self._tail)

    def free(self, text: str, root: Sequence[int] = (0,)) -> tuple[int, ...]:
        """Any other question, to be answered freely."""
        return (*self.follow((" " if root else self._glue) + text), *self._tail)

    def answer(self, text: str) -> tuple[int, ...]:
        """An answer's tokens, as they follow the question's."""
        return tuple(self.follow(self._answer_glue + text))

    def read(self, logits: npt.NDArray[np.floating]) -> Answer:
        """The answer in next-token logits of shape (labels + 3, vocabulary), in the order of `Tree.reads`.

        Raises:
            AnswerError: if the logits are not finite.
        """
        _check_finite(logits)
        n = len(self.labels)
        shares = [yes_share(row, self.yes, self.no) for row in logits[:n]]
        mass = float(np.mean([mass for _, mass in shares]))
        doubt = f"only {mass:.1%} of the probability fell on yes and no: the model hardly took the questions"
        return Answer(
            scores=dict(zip(self.labels.ids, (s for s, _ in shares), strict=True)),
            score_kind=ScoreKind.YES_SHARE,
            vad=self._vad(logits[n:]),
            label_mass=mass,
            warnings=(doubt,) if mass < _LITTLE_MASS else (),
        )

    def read_names(
        self,
        logits: npt.NDArray[np.floating],
        names: Names,
        estimate: Estimate = "mean",
        prior: Mapping[str, float] | None = None,
    ) -> Answer:
        """The answer in next-token logits of shape (reads, vocabulary), in the order of `Names.reads`.

        The score of a label is the log-likelihood of its name, in nats: the mean over its tokens, or the sum; with
        `prior`, less the label's own value there. `label_mass` is the probability of all the names together.

        Raises:
            AnswerError: if the logits are not finite.
        """
        _check_finite(logits)
        logs = log_probabilities(logits)
        steps = [np.array([logs[place, token] for place, token in label]) for label in names.labels]
        measure = np.sum if estimate == "sum" else np.mean
        scores = {label: float(measure(s)) for label, s in zip(self.labels.ids, steps, strict=True)}
        if prior is not None:
            scores = {label: score - prior[label] for label, score in scores.items()}
        return Answer(
            scores=scores,
            score_kind=ScoreKind.LABEL_LIKELIHOOD,
            vad=self._vad(logits[-len(DIMENSIONS) :]),
            label_mass=min(1.0, float(sum(np.exp(s.sum()) for s in steps))),
        )

    def remarks(self, words: str | None, model: str) -> tuple[str, ...]:
        """Remarks if words that go with the picture are cut, or unknown to the tokenizer."""
        said = _readable(words, self._limits.characters)
        if not said:
            return ()
        ids = self._encode(said)
        remarks = []
        whole = self.follow(" " + self._text(self.wording.words, words=said))
        if len(words or "") > self._limits.characters or len(whole) > self._limits.tokens:
            remarks.append(f"the words are too long: {model} read only their beginning")
        missed = 0 if self._unknown is None else ids.count(self._unknown)
        if missed:
            remarks.append(f"{model} does not know {missed} of the {len(ids)} words given")
        return tuple(remarks)

    def follow(self, text: str) -> list[int]:
        """The tokens of a text that follows other text: no mark of a beginning, which some tokenizers add."""
        before, whole = self._encode("."), self._encode("." + text)
        return whole[len(before) :] if whole[: len(before)] == before else self._encode(text)

    def _vad(self, rows: npt.NDArray[np.floating]) -> VAD:
        levels = [expected_level(row, self.levels)[0] for row in rows]
        stretch = 9 / (len(self.levels) - 1)
        vad = [min(10.0, max(1.0, 1 + (level - 1) * stretch)) for level in levels]
        return VAD(valence=vad[0], arousal=vad[1], dominance=vad[2])

    def _level_ends(self, root: Sequence[int], person: str | None) -> list[tuple[int, ...]]:
        top = str(len(self.levels))
        return [
            (
                *self._asked(root, self.wording.levels[d], person, dimension=d, top=top),
                *self._tail,
                *self._levels_and_lead[1],
            )
            for d in DIMENSIONS
        ]

    def _asked(self, root: Sequence[int], name: str, person: str | None, **values: str) -> tuple[int, ...]:
        text = self._text(name, person=person or self.person, **values)
        return tuple(self.follow((" " if root else self._glue) + text))

    def _text(self, name: str, **values: str) -> str:
        prompt = template(name)
        return prompt.render(**{k: v for k, v in values.items() if k in prompt.fields})

    def _spellings(self, word: str) -> tuple[int, ...]:
        forms = {f for w in (word, word.capitalize(), word.upper()) for f in (w, " " + w)}
        encoded = [self._encode(form) for form in sorted(forms)]
        return tuple(sorted({ids[0] for ids in encoded if len(ids) == 1 and ids[0] != self._unknown}))

    @cached_property
    def _levels_and_lead(self) -> tuple[list[tuple[int, ...]], tuple[int, ...]]:
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
                f"the tokenizer has no single token for {word!r}",
                remedy="Use -o read=name or -o mode=answer, or another model.",
            )
        return ids


def _rooted(root: Sequence[int]) -> tuple[list[Segment], int | None]:
    """The first segments, and the parent of what follows them."""
    return ([Segment(tuple(root))], 0) if root else ([], None)


def _check_finite(logits: npt.NDArray[np.floating]) -> None:
    if not np.isfinite(logits).all():
        raise AnswerError(
            "the model returned numbers that are not finite",
            remedy="Load it with -o dtype=float32, or verify its files.",
        )


def _readable(words: str | None, longest: int) -> str:
    """The words as a tokenizer can take them: no lone surrogates, no space around, not endless."""
    return (words or "")[:longest].encode("utf-8", "replace").decode().strip()


def sentence_case(text: str) -> str:
    """The text with a capital at the beginning of each sentence; other letters stay as they are."""
    return ". ".join(part[:1].upper() + part[1:] for part in text.strip().split(". "))
