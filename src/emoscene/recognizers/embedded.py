"""The embedded model on the light core: the same questions, asked of the exported graph through onnxruntime.

Only what torch and transformers do elsewhere is done here by hand: scaling the picture, the tokenizer file, and
greedy text one token at a time, which goes on where the scores were read. Scores equal those of `vlm` on the same
weights to 1e-4, and texts to the letter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
from PIL import Image

from emoscene import embedded
from emoscene.errors import AnswerError, EmosceneError, ModelFilesError, OptionError
from emoscene.images import regions
from emoscene.labels import LabelSpace
from emoscene.recognizers.base import Answer, BatchRecognizer, Subject, no_picture
from emoscene.recognizers.exported import Exported, Floats, Seen
from emoscene.recognizers.notes import (
    ModelNotes,
    card_of,
    check_label_space,
    outside,
    read_domain,
    read_notes,
)
from emoscene.recognizers.questions import DIMENSIONS, Questions, sentence_case
from emoscene.recognizers.word_level import WordLevel
from emoscene.scoring.branches import Segment, collate, pack
from emoscene.types import BoundingBox

__all__ = ["EmbeddedRecognizer", "GraphFiles", "make", "pixels_of"]

_LONGEST_TEXT = 80


@dataclass(frozen=True)
class GraphFiles:
    """Where a model folder and the graph exported from it are."""

    folder: Path
    graph: Path


@dataclass(frozen=True)
class Ready:
    """One person made ready: pixels (3, size, size), the tokens of the shared prefix, remarks."""

    pixels: Floats
    root: tuple[int, ...]
    warnings: tuple[str, ...]


class EmbeddedRecognizer(BatchRecognizer[Ready]):
    """Scores labels by the share of yes among yes and no; refuses pictures unlike those it was trained on.

    Args:
        files: The model's files.
        labels: The label space; the one it was trained on.
        reason: Also write a caption and a reason.
        check_domain: Refuse pictures unlike the training data.
        batch_size: People answered together; the scores do not depend on it beyond float noise.

    Raises:
        ModelFilesError: if a file is missing or broken.
        OptionError: if the label space is not the one it was trained on.
    """

    def __init__(
        self,
        files: GraphFiles,
        labels: LabelSpace,
        *,
        reason: bool = False,
        check_domain: bool = True,
        batch_size: int = 8,
    ) -> None:
        notes = read_notes(files.folder)
        if notes is None or not files.graph.is_file():
            raise ModelFilesError(
                "the embedded model's files are missing", value=files.graph, remedy="Install emoscene again."
            )
        check_label_space(notes, labels)
        super().__init__(notes.name, card_of(notes, notes.name), labels, batch_size=batch_size)
        self._notes = notes
        self._reason = reason
        self._domain = read_domain(files.folder, notes) if check_domain else None
        self._tokenizer = WordLevel(files.folder)
        self._graph = Exported(files.graph)
        tail = self._tokenizer.encode_template(notes.tail)
        self._questions = Questions(labels, self._tokenizer.encode, tail, unknown=notes.unknown_id)
        head = notes.head.replace(notes.image_token, " ".join([notes.image_token] * notes.image_tokens))
        self._prefix = self._tokenizer.encode_template(head)
        self._texts = (self._questions.caption(), self._questions.reason())

    def prepare(self, subject: Subject) -> Ready:
        """Point at the person with a red box and scale the picture."""
        picture = subject.picture
        if picture is None:
            raise no_picture(self.name)
        whole = BoundingBox(x1=0, y1=0, x2=picture.width, y2=picture.height)
        pixels = pixels_of(regions.red_box(picture, subject.box or whole), self._notes)
        words = subject.sample.text
        root = self._questions.root(self._prefix, words)
        return Ready(pixels, root, self._questions.remarks(words, self.name))

    def answer(self, batch: Sequence[Ready]) -> Sequence[Answer | EmosceneError]:
        asked = [self._questions.tree(ready.root) for ready in batch]
        texts = self._texts if self._reason else ()
        trees = [[*tree.segments, *(Segment(text, 0) for text in texts)] for tree in asked]
        ends = [(*tree.reads, *range(len(tree.segments), len(tree.segments) + len(texts))) for tree in asked]
        together = collate([pack(tree) for tree in trees], ends)
        logits, features, present = self._graph.ask(np.stack([ready.pixels for ready in batch]), together)
        scored = len(self.labels) + len(DIMENSIONS)
        answers = [
            self._read(ready, rows[:scored], row)
            for ready, rows, row in zip(batch, logits, features, strict=True)
        ]
        told = [i for i, answer in enumerate(answers) if isinstance(answer, Answer)]
        if not texts or not told:
            return answers
        if present is None:
            written = [self._write_anew(batch[i]) for i in told]
        else:
            seen = self._graph.behind(together, present, len(texts)).of(told)
            written = self._write(logits[told, scored:], seen)
        for i, (caption, reason) in zip(told, written, strict=True):
            answers[i] = replace(cast(Answer, answers[i]), caption=caption, reason=reason)
        return answers

    def _read(self, ready: Ready, logits: Floats, features: Floats) -> Answer | EmosceneError:
        """The scores of one person, or why there are none."""
        distance = 0.0 if self._domain is None else float(self._domain.distance(features[None])[0])
        refused = outside(self._notes, distance) if self._domain else None
        if refused is not None:
            return refused
        try:
            return replace(self._questions.read(logits), warnings=ready.warnings)
        except AnswerError as error:
            return error

    def _write(self, logits: Floats, seen: Seen) -> list[list[str]]:
        """Greedy texts of all people in step, from the logits (people, texts, vocabulary) that stand at their
        beginnings. A text that is at its end is carried on and not kept."""
        tokens = logits.argmax(axis=-1)
        is_open = tokens != self._notes.end_id
        steps: list[npt.NDArray[np.int64]] = []
        while is_open.any() and len(steps) < _LONGEST_TEXT:
            steps.append(np.where(is_open, tokens, self._notes.end_id))
            logits, seen = self._graph.go_on(seen, tokens)
            tokens = logits.argmax(axis=-1)
            is_open &= tokens != self._notes.end_id
        written = np.stack(steps, axis=-1) if steps else np.zeros((*tokens.shape, 0), dtype=np.int64)
        return [[self._text(ids) for ids in person.tolist()] for person in written]

    def _write_anew(self, ready: Ready) -> list[str]:
        """The same for a graph that keeps nothing: the whole once a token."""
        written: list[list[int]] = [[] for _ in self._texts]
        open_ends = set(range(len(written)))
        while open_ends and max(map(len, written)) < _LONGEST_TEXT:
            branches = [Segment((*q, *w), 0) for q, w in zip(self._texts, written, strict=True)]
            tree = pack([Segment(ready.root), *branches])
            reads = tuple(range(1, len(branches) + 1))
            logits, _, _ = self._graph.ask(ready.pixels[None], collate([tree], [reads]))
            for i in sorted(open_ends):
                token = int(logits[0, i].argmax())
                if token == self._notes.end_id:
                    open_ends.discard(i)
                else:
                    written[i].append(token)
        return [self._text(ids) for ids in written]

    def _text(self, ids: Sequence[int]) -> str:
        return sentence_case(self._tokenizer.decode(i for i in ids if i != self._notes.end_id))


def pixels_of(image: Image.Image, notes: ModelNotes) -> Floats:
    """The picture scaled to a square (bicubic) and normalised: (3, size, size), as the folder's processor does."""
    small = np.asarray(image.resize((notes.size, notes.size), Image.Resampling.BICUBIC), dtype=np.float32)
    mean, std = np.array(notes.mean, dtype=np.float32), np.array(notes.std, dtype=np.float32)
    scaled = (small / np.float32(255) - mean) / std
    return np.ascontiguousarray(scaled.transpose(2, 0, 1))


def make(
    labels: LabelSpace,
    *,
    reason: bool = False,
    check_domain: bool = True,
    batch_size: int = 8,
) -> EmbeddedRecognizer:
    """The embedded model, on the light core.

    Args:
        labels: The label space of the answers: `emotic`.
        reason: Also write a caption and a reason.
        check_domain: Refuse pictures unlike the drawn scenes it was trained on.
        batch_size: People answered together.

    Raises:
        ModelFilesError: if the installation lacks its files.
        OptionError: if the label space is another one, or an option cannot be used.
    """
    if batch_size < 1:
        raise OptionError("batch_size must be a whole number above 0", value=batch_size, remedy="Try 8.")
    files = GraphFiles(embedded.model_folder(), embedded.graph_file())
    return EmbeddedRecognizer(files, labels, reason=reason, check_domain=check_domain, batch_size=batch_size)
