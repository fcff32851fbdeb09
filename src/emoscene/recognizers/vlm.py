"""Vision language models end to end: a picture, a way of pointing at the person, and questions.

    score mode    a score for every label and a level for valence, arousal and dominance, read from next-token logits
                  behind one prefix of picture and prompt; nothing is generated
                    read=yes_no   "does the person seem to feel anger?", the share of yes
                    read=name     how likely the label's own name is as the answer to "how does the person feel?"
    answer mode   the paper's published prompt, answered freely and greedily, then parsed

Takes what transformers' `AutoModelForImageTextToText` loads and has a chat template.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from PIL import Image

from emoscene.errors import AnswerError, EmosceneError, OptionError, UnknownModelError
from emoscene.images import open_picture
from emoscene.labels import LabelSpace
from emoscene.recognizers.adapters import adapter_folder, apply_adapter, base_remark
from emoscene.recognizers.base import Answer, BatchRecognizer, Subject
from emoscene.recognizers.folders import Kind, ModelFolder, look_into
from emoscene.recognizers.frames import frame_of
from emoscene.recognizers.free_answers import Parser, answer_from_text
from emoscene.recognizers.loading import Placement, load_model, load_processor
from emoscene.recognizers.notes import card_of, check_label_space, outside, read_domain, read_notes
from emoscene.recognizers.picking import Prompt, pick_prompt
from emoscene.recognizers.pointing import Point, Pointed, Pointer
from emoscene.recognizers.questions import TRAINED, ZERO_SHOT, Estimate, Questions, sentence_case
from emoscene.recognizers.tokens import chat_frame, plain_encoder
from emoscene.scoring.branches import beside
from emoscene.types import Sample

if TYPE_CHECKING:
    from emoscene.recognizers.shared_prefix import Row, SharedPrefix

__all__ = ["Ask", "Mode", "Read", "VisionLanguageRecognizer", "load_vlm", "make"]

Mode = Literal["score", "answer"]
Read = Literal["yes_no", "name"]
#: A picture of about this many pixels costs every family about what it was built for. Larger ones are scaled down.
MOST_PIXELS = 1_048_576
_LONGEST_TEXT, _LONGEST_ANSWER = 80, 120
_GREY = (448, 448)


@dataclass(frozen=True)
class Ask:
    """How the model is asked.

    Attributes:
        mode, read: See the module's text.
        estimate: With `read=name`, how the log-likelihood of a name becomes a score.
        prompt, parser: In answer mode, the question and how its answer is read.
        reason: Whether captions and reasons are written.
        check_domain: Whether pictures unlike the training data are refused, where the folder has a rule.
        packed: Whether branches share their prefix (else each runs alone, slowly, with the same scores).
    """

    mode: Mode = "score"
    read: Read = "yes_no"
    estimate: Estimate = "mean"
    prompt: Prompt = "paper"
    parser: Parser = "strict"
    reason: bool = False
    check_domain: bool = True
    packed: bool = True


@dataclass(frozen=True)
class Ready:
    """One person made ready: how they are pointed at, the tokens of the words that go with it, remarks."""

    pointed: Pointed
    words: tuple[int, ...]
    warnings: tuple[str, ...]


class VisionLanguageRecognizer(BatchRecognizer[Ready]):
    """Scores labels, or answers freely.

    Args:
        model: A loaded `AutoModelForImageTextToText`.
        processor: Its processor, with a chat template.
        labels: The label space.
        folder: Where it came from; its `emoscene.json`, if any, brings the card and the domain rule.
        pointer: How to point at people.
        ask: How to ask.
        batch_size: People answered together; the scores do not depend on it beyond float noise.
        remarks: What every row is to say of the model.
    """

    def __init__(
        self, model: Any, processor: Any, labels: LabelSpace, folder: Path, pointer: Pointer, ask: Ask,
        *, batch_size: int = 4, remarks: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        from emoscene.recognizers.shared_prefix import SharedPrefix

        notes = read_notes(folder)
        check_label_space(notes, labels)
        name = notes.name if notes else folder.name
        super().__init__(name, card_of(notes, name), labels, batch_size=batch_size)
        self._model, self._processor, self._ask, self._notes = model, processor, ask, notes
        self._pointer = replace(pointer, name=name)
        self._remarks = remarks
        self._domain = read_domain(folder, notes) if notes and ask.check_domain else None
        self._shared: SharedPrefix = SharedPrefix(model, processor, share=ask.packed)
        self._frame = chat_frame(processor, 2 if pointer.point == "crop" else 1)
        tokenizer = processor.tokenizer
        tail = tokenizer(self._frame.tail, add_special_tokens=False).input_ids
        self._questions = Questions(
            labels, plain_encoder(tokenizer), tail, unknown=tokenizer.unk_token_id,
            wording=TRAINED if notes else ZERO_SHOT, glue=" " if notes else self._frame.glue,
            answer_glue=self._frame.answer_glue,
        )  # fmt: skip
        if ask.mode == "score":
            # Looked at now, so that a tokenizer without such tokens is refused before any picture is opened.
            assert self._questions.levels
            assert ask.read == "name" or (self._questions.yes and self._questions.no)

    def closing_words(self) -> list[str]:
        """What is to be said once, after the answers."""
        if self._ask.mode == "answer" or self._shared.shares:
            return []
        return [f"every question of {self.name} ran with the picture anew: {self._shared.why_not}"]

    @property
    def shared(self) -> SharedPrefix:
        """What runs the model."""
        return self._shared

    @property
    def questions(self) -> Questions:
        """What is asked."""
        return self._questions

    def scoring_row(self, ready: Ready) -> Row:
        """What score mode asks about one person: the prefix, and behind it all questions."""
        tree = self._tree(ready)
        return self._prefix(ready, tree.segments, tree.reads)

    def free_question(self, ready: Ready) -> tuple[Row, tuple[int, ...]]:
        """What answer mode asks about one person: the prefix, and the tokens up to the answer."""
        prompt = pick_prompt(self._ask.prompt, self.labels, ready.pointed.paper_person)
        return self._prefix(ready), (*ready.words, *self._questions.free(prompt, ready.words))

    def prepare(self, subject: Subject) -> Ready:
        """Point at the person, and turn the words that go with the picture into tokens."""
        pointed = self._pointer(subject)
        words = subject.sample.text
        remarks = self._remarks + self._questions.remarks(words, self.name)
        return Ready(pointed, self._questions.root((), words), remarks)

    def answer(self, batch: Sequence[Ready]) -> Sequence[Answer | EmosceneError]:
        refused = [outside(self._notes, d) if self._domain else None for d in self._distances(batch)]
        known = [ready for ready, error in zip(batch, refused, strict=True) if error is None]
        found = iter(self._chosen(known) if self._ask.mode == "answer" else self._scored(known))
        answers = [next(found) if error is None else error for error in refused]
        told = iter(self._told([r for r, a in zip(batch, answers, strict=True) if isinstance(a, Answer)]))
        return [
            _with_words(a, next(told), r.warnings) if isinstance(a, Answer) else a
            for r, a in zip(batch, answers, strict=True)
        ]

    def _scored(self, batch: Sequence[Ready]) -> list[Answer | EmosceneError]:
        """Scores of all, people of equal pictures behind one prefix."""
        answers: list[Answer | EmosceneError] = [AnswerError("not asked")] * len(batch)
        groups: dict[object, list[int]] = {}
        for i, ready in enumerate(batch):
            groups.setdefault(i if ready.pointed.key is None else ready.pointed.key, []).append(i)
        trees = [self._tree(ready) for ready in batch]
        rows = []
        for members in groups.values():
            segments, begins = beside([trees[i].segments for i in members])
            reads = [
                read + begin for i, begin in zip(members, begins, strict=True) for read in trees[i].reads
            ]
            rows.append(self._prefix(batch[members[0]], segments, tuple(reads)))
        for members, logits in zip(groups.values(), self._shared.logits(rows) if rows else [], strict=True):
            for i, own in zip(members, np.split(logits.cpu().numpy(), len(members)), strict=True):
                answers[i] = self._read(own, trees[i])
        return answers

    def _prefix(self, ready: Ready, segments: Sequence[Any] = (), reads: tuple[int, ...] = ()) -> Row:
        from emoscene.recognizers.shared_prefix import Row

        return Row(self._frame.head, ready.pointed.images, tuple(segments), reads)

    def _tree(self, ready: Ready) -> Any:
        ask = self._questions.tree if self._ask.read == "yes_no" else self._questions.names
        return ask(ready.words, ready.pointed.person)

    def _read(self, logits: Any, tree: Any) -> Answer | EmosceneError:
        try:
            if self._ask.read == "yes_no":
                return self._questions.read(logits)
            prior = self._prior if self._ask.estimate == "prior" else None
            return self._questions.read_names(logits, tree, self._ask.estimate, prior)
        except AnswerError as error:
            return error

    @cached_property
    def _prior(self) -> Mapping[str, float]:
        """What the labels' names score where there is nothing to see: a grey picture."""
        grey = open_picture(Image.new("RGB", _GREY, (128, 128, 128)))
        ready = self.prepare(Subject(Sample(id="grey"), grey, None))
        tree = self._tree(ready)
        (logits,) = self._shared.logits([self._prefix(ready, tree.segments, tree.reads)])
        return self._questions.read_names(logits.cpu().numpy(), tree).scores

    def _chosen(self, batch: Sequence[Ready]) -> list[Answer | EmosceneError]:
        """Sets of labels, read from free answers."""
        tails = [self.free_question(ready)[1] for ready in batch]
        texts = self._written(batch, tails, _LONGEST_ANSWER)
        return [answer_from_text(text, self.labels, self._ask.parser) for text in texts]

    def _told(self, batch: Sequence[Ready]) -> list[tuple[str | None, str | None]]:
        """A caption and a reason for each, if they are wanted."""
        if not self._ask.reason:
            return [(None, None)] * len(batch)
        questions = self._questions.caption, self._questions.reason
        captions, reasons = (
            self._written(batch, [(*r.words, *ask(r.words, r.pointed.person)) for r in batch], _LONGEST_TEXT)
            for ask in questions
        )
        return [(sentence_case(c), sentence_case(r)) for c, r in zip(captions, reasons, strict=True)]

    def _written(self, batch: Sequence[Ready], tails: Sequence[Sequence[int]], most: int) -> list[str]:
        rows = [self._prefix(ready) for ready in batch]
        return self._shared.write(rows, tails, most) if rows else []

    def _distances(self, batch: Sequence[Ready]) -> list[float]:
        import torch

        from emoscene.recognizers.forward import tower_features

        if self._domain is None:
            return [0.0] * len(batch)
        images = [ready.pointed.images[0] for ready in batch]
        pixels = self._processor.image_processor(images, return_tensors="pt")["pixel_values"]
        with torch.inference_mode():
            states = self._model.model.vision_tower(
                pixels.to(self._model.device, self._model.dtype), output_hidden_states=True
            ).hidden_states
            return [float(d) for d in self._domain.distance(tower_features(states).float().cpu().numpy())]


def _with_words(answer: Answer, told: tuple[str | None, str | None], warnings: tuple[str, ...]) -> Answer:
    caption, reason = told
    return replace(answer, caption=caption, reason=reason, warnings=warnings + answer.warnings)


def make(
    labels: LabelSpace,
    *,
    model: str | None = None,
    mode: Mode = "score",
    read: Read = "yes_no",
    estimate: Estimate = "mean",
    point: Point = "redbox",
    prompt: Prompt = "paper",
    parser: Parser = "strict",
    reason: bool = False,
    adapter: str | None = None,
    merge: bool = False,
    check_domain: bool = True,
    packed: bool = True,
    max_pixels: int = MOST_PIXELS,
    device: str = "auto",
    dtype: str = "auto",
    batch_size: int = 4,
) -> VisionLanguageRecognizer:
    """A vision language model from a folder in Hugging Face layout.

    Args:
        labels: The label space of the answers.
        model: The folder (a hub name is resolved to its pulled folder before).
        mode: `score` reads a score for every label; `answer` asks the paper's question and parses the answer.
        read: In score mode, `yes_no` questions, or the likelihood of each label's `name`.
        estimate: With `read=name`: `mean` or `sum` over a name's tokens, or `prior`: the mean less what the same
            name gets on a grey picture.
        point: `redbox` (drawn), `text` (in words), `crop` (a second picture) or `marks` (numbers).
        prompt: In answer mode, `paper` or `defined` (with definitions, asking for six labels).
        parser: In answer mode, `strict`, or `substring` as the paper's authors match.
        reason: Also write a caption and a reason.
        adapter: A folder with a PEFT adapter to put onto the model.
        merge: Merge the adapter into the weights: faster, the same answers to float noise.
        check_domain: Refuse pictures unlike the training data, if the folder has a rule for that.
        packed: Ask all questions behind one prefix; False runs each alone (slow, the same scores).
        max_pixels: Larger pictures are scaled down to this many pixels.
        device: `auto` takes a GPU if there is one.
        dtype: `auto` is float32 on the CPU, else bfloat16; or `float32`, `float16`, `bfloat16`.
        batch_size: People answered together.

    Raises:
        MissingExtraError: if torch or transformers is not installed.
        UnknownModelError: if the folder holds another kind of model.
        ModelNotHereError: if there is no such folder.
        ModelFilesError: if files are missing, or not safetensors.
        OptionError: if an option cannot be used.
    """
    if not model:
        raise OptionError(
            "vlm needs to be told which model", value=model, remedy="Use --model FOLDER, or -o model=FOLDER."
        )
    if batch_size < 1:
        raise OptionError("batch_size must be a whole number above 0", value=batch_size, remedy="Try 4.")
    if max_pixels < 1024:
        raise OptionError("max_pixels must be at least 1024", value=max_pixels, remedy="Try 1000000.")
    folder = vlm_folder(model)
    added = None if adapter is None else adapter_folder(adapter)
    loaded, processor = load_vlm(folder, Placement(device, dtype))
    remark = ""
    if added is not None:
        remark = base_remark(added, folder.path)
        loaded = apply_adapter(loaded, added, merge=merge)
    pointer = Pointer(point, frame_of(folder.model_type, processor), max_pixels)
    ask = Ask(mode, read, estimate, prompt, parser, reason, check_domain, packed)
    return VisionLanguageRecognizer(
        loaded, processor, labels, folder.path, pointer, ask, batch_size=batch_size,
        remarks=(remark,) if remark else (),
    )  # fmt: skip


def vlm_folder(path: str | Path) -> ModelFolder:
    """The folder of a vision language model.

    Raises:
        UnknownModelError: if it holds another kind of model.
        ModelNotHereError, ModelFilesError: as `look_into` does.
    """
    folder = look_into(path)
    if folder.kind is not Kind.VLM:
        raise UnknownModelError(
            f"this is a {folder.kind} model, not one that answers questions about pictures",
            value=folder.path.name,
            remedy="Give its folder as --model, and emoscene finds the way to ask it."
            if folder.kind is Kind.DUAL_ENCODER
            else "Use --model narrated with a narrator and this as -o reasoner=."
            if folder.kind is Kind.LANGUAGE
            else "See `emoscene models list` for models that do.",
        )
    return folder


def load_vlm(folder: ModelFolder, placement: Placement) -> tuple[Any, Any]:
    """Model and processor of a folder. Raises as `loading` does."""
    processor = load_processor(folder.path)
    return load_model(folder.path, "AutoModelForImageTextToText", placement), processor
