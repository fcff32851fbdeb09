"""The paper's first approach: a narrator tells what is seen, and a reasoner, who sees nothing, says how it feels.

    picture --narrator--> narrative caption (+ the sample's words) --reasoner--> scores, or a set of labels

The caption stays in the row. Scores, their kind and `raw_text` are the reasoner's (Etesam et al., IROS 2024, section
III-A).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

from emoscene.errors import EmosceneError, OptionError
from emoscene.labels import LabelSpace
from emoscene.narration import Narrative, Narrator, View
from emoscene.recognizers.base import Answer, BatchRecognizer, Card, Refusal, Subject, no_picture
from emoscene.recognizers.free_answers import Parser
from emoscene.recognizers.loading import Placement
from emoscene.recognizers.questions import Estimate
from emoscene.recognizers.reasoners import AnyPrompt, Placing, make_reasoner
from emoscene.recognizers.reasoning import Reasoner
from emoscene.recognizers.sentence_reasoner import Aggregate, Names, Prior
from emoscene.recognizers.text import TextRecognizer, said_at_the_end
from emoscene.types import BoundingBox

__all__ = ["Narrated", "make"]

_NARRACAP, _WORDS = "narracap", "words"


class Narrated(BatchRecognizer[View]):
    """A narrator, and a reasoner that reads what it wrote.

    Args:
        narrator: Writes captions. People of one picture in one batch are told of together.
        reasoner: Reads each caption, and behind it the words that the sample brings.
        batch_size: People answered together; the answers do not depend on it beyond float noise.
        remarks: What else is to be said once, after the answers.
    """

    def __init__(
        self,
        narrator: Narrator,
        reasoner: Reasoner,
        *,
        batch_size: int = 8,
        remarks: Callable[[], list[str]] = list,
    ) -> None:
        card = _card(narrator, reasoner)
        super().__init__(card.name, card, reasoner.labels, batch_size=batch_size)
        self.narrator, self.reasoner = narrator, reasoner
        self._remarks = remarks

    def closing_words(self) -> list[str]:
        """What is to be said once, after the answers."""
        return [*self._remarks(), *said_at_the_end(self.reasoner)]

    def prepare(self, subject: Subject) -> View:
        """The person to tell of; without a box the whole picture."""
        picture = subject.picture
        if picture is None:
            raise no_picture(self.name)
        box = subject.box or BoundingBox(x1=0, y1=0, x2=picture.width, y2=picture.height)
        return View(picture, box, subject.sample.text)

    def answer(self, batch: Sequence[View]) -> Sequence[Answer | EmosceneError]:
        told = list(self.narrator.caption(batch))
        if len(told) != len(batch):
            raise AssertionError(f"{self.narrator.name} told of {len(told)} of {len(batch)} people")
        read = [
            " ".join(filter(None, (narrative.text, (view.words or "").strip())))
            for narrative, view in zip(told, batch, strict=True)
            if isinstance(narrative, Narrative)
        ]
        answers = iter(self.reasoner.reason(read) if read else ())
        return [
            _with_caption(next(answers), narrative) if isinstance(narrative, Narrative) else narrative
            for narrative in told
        ]


def _with_caption(answer: Answer | EmosceneError, narrative: Narrative) -> Answer | EmosceneError:
    if isinstance(answer, EmosceneError):
        if isinstance(answer, Refusal):
            answer.caption = narrative.text
        return answer
    return replace(answer, caption=narrative.text, warnings=(*narrative.warnings, *answer.warnings))


def make(
    labels: LabelSpace,
    *,
    narrator: str = _NARRACAP,
    encoder: str | None = None,
    signals: int | None = None,
    vocabulary: str | None = None,
    view: str | None = None,
    reasoner: str = "sentences",
    prompt: AnyPrompt | None = None,
    prior: Prior | None = None,
    aggregate: Aggregate | None = None,
    names: Names | None = None,
    mode: Literal["score", "answer"] | None = None,
    read: Literal["yes_no", "name"] | None = None,
    estimate: Estimate | None = None,
    parser: Parser | None = None,
    reason: bool | None = None,
    adapter: str | None = None,
    base_url: str | None = None,
    model: str | None = None,
    key_variable: str | None = None,
    device: str = "auto",
    dtype: str = "auto",
    batch_size: int = 8,
) -> Narrated | TextRecognizer:
    """A narrator and a reasoner. Options that the chosen two do not have are refused.

    Args:
        labels: The label space of the answers.
        narrator: `narracap`; the folder of a captioner or of a vision language model; or `words`: the sample's own
            words are the caption, and no picture is looked at.
        encoder: For `narracap`, the folder of a dual encoder (CLIP, SigLIP).
        signals: For `narracap`, tell so many physical signals, whatever their shares.
        vocabulary: For `narracap`, a folder with lists of your own: `who.txt`, `what.txt`, `where.txt`, `how.txt`.
        view: For a folder as narrator, what it is shown, as `load_captioner` takes it.
        reasoner: `sentences`, `endpoint`, or the folder of a language model or of a sentence encoder.
        prompt: For sentence encoders `definition`, `paraphrases` or `cues`, else `paper` or `defined`.
        prior, aggregate, names: Of sentence encoders; see the text recognizer.
        mode, parser, reason: Of language models and endpoints.
        read, estimate, adapter: Of language models.
        base_url, model, key_variable: Of endpoints; `model` is the name on the server.
        device: `auto` takes a GPU if there is one.
        dtype: Of the narrator's model and of a language model. Sentence encoders run in float32.
        batch_size: People told of together.

    Raises:
        OptionError: if an option cannot be used.
        MissingExtraError, UnknownModelError, ModelNotHereError, ModelFilesError: as loading either model does.
    """
    if batch_size < 1:
        raise OptionError("batch_size must be a whole number above 0", value=batch_size, remedy="Try 8.")
    _check_narrator(narrator, encoder, {"signals": signals, "vocabulary": vocabulary}, view)
    options = {
        "prompt": prompt, "prior": prior, "aggregate": aggregate, "names": names, "mode": mode, "read": read,
        "estimate": estimate, "parser": parser, "reason": reason, "adapter": adapter, "base_url": base_url,
        "model": model, "key_variable": key_variable,
    }  # fmt: skip
    reads = make_reasoner(labels, reasoner, options, Placing(device, dtype, batch_size))
    if narrator == _WORDS:
        return TextRecognizer(reads, f"words + {reads.name}", batch_size=batch_size, is_caption=True)
    placement = Placement(device, dtype)
    if narrator != _NARRACAP:
        from emoscene.recognizers.captioner import load_captioner

        shown = load_captioner(narrator, view=view or "auto", placement=placement, batch_size=batch_size)
        return Narrated(shown, reads, batch_size=batch_size)
    from emoscene.narration import ChoiceRules, NarraCap, load_vocabulary
    from emoscene.recognizers.encoders import load_encoder

    assert encoder is not None
    seen = load_encoder(encoder, placement)
    tells = NarraCap(seen, load_vocabulary(vocabulary), ChoiceRules(signals=signals))
    return Narrated(tells, reads, batch_size=batch_size, remarks=lambda: _remark(seen.cache.remark))


def _remark(remark: str | None) -> list[str]:
    return [remark] if remark else []


def _check_narrator(
    narrator: str, encoder: str | None, narracap: dict[str, object], view: str | None
) -> None:
    if narrator == _NARRACAP and not encoder:
        raise OptionError(
            "narracap picks its words with a dual encoder, and none is named",
            value=encoder,
            remedy="Give it with -o encoder=FOLDER (CLIP, SigLIP), or take a captioner: -o narrator=FOLDER.",
        )
    strange = {"view": view} if narrator == _NARRACAP else {"encoder": encoder, **narracap}
    if narrator == _WORDS:
        strange["view"] = view
    for name, value in strange.items():
        if value is not None:
            raise OptionError(
                f"this narrator has no option {name!r}",
                value=value,
                remedy=f"With narrator={narrator}, leave it out.",
            )


def _card(narrator: Narrator, reasoner: Reasoner) -> Card:
    reads = reasoner.card
    return Card(
        name=f"{narrator.name} + {reasoner.name}",
        summary=f"A picture is told in words, and the words are read. {narrator.summary} {reads.summary}",
        licence=f"narrator: {narrator.licence}; reasoner: {reads.licence}",
        data=reads.data,
        limits=f"What the caption leaves out is lost. Narrator: {narrator.limits} Reasoner: {reads.limits}",
        uses_picture=True,
        uses_text=True,
        label_order_invariant=reads.label_order_invariant,
    )
