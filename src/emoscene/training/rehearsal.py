"""The dry run: every person opened, pointed at, worded and counted in tokens before the first step.

Nothing is ever cut off a sequence: one that the model's context does not hold is found here, and so is a picture that
does not open.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from emoscene.errors import EmosceneError, InputError, OptionError, shorten
from emoscene.scoring.branches import path
from emoscene.training.asker import Asker
from emoscene.training.data import People
from emoscene.training.tuning import TuningTask
from emoscene.training.tuning_recipe import Tuning
from emoscene.types import Sample

__all__ = ["Rehearsal", "context_of", "rehearse", "without"]


@dataclass(frozen=True)
class Rehearsal:
    """What the dry run found.

    Attributes:
        train, val: People.
        steps: Of the optimiser.
        trained, parameters: How many numbers are trained, and how many there are.
        longest, longest_id: The most tokens that one sequence has, and whose.
        mean: The mean over all people.
        context: How many the model holds; None if it does not say.
        words_cut: People of whose words only the beginning is read.
        shares_prefix: Whether yes/no questions run behind one prefix; empty, or why not.
        faulty: Ids of people who cannot be trained on, and `first_fault`, what ails the first.
    """

    train: int
    val: int
    steps: int
    trained: int
    parameters: int
    longest: int
    longest_id: str
    mean: float
    context: int | None
    words_cut: int
    shares_prefix: str
    faulty: tuple[str, ...] = ()
    first_fault: str = ""

    def plain(self) -> dict[str, Any]:
        return asdict(self) | {"faulty": list(self.faulty)}


def rehearse(
    task: TuningTask, recipe: Tuning, progress: Callable[[int, int], None] | None = None
) -> Rehearsal:
    """Go through all people.

    Raises:
        InputError: if somebody cannot be trained on and the recipe does not let such people be left out.
    """
    people, asker = task.people, task.asker
    context = context_of(task.module)
    # Who comes several times is looked at once, unchanged.
    answers = {sample.id: index for index, sample in enumerate(people.train)}
    everybody = list({sample.id: sample for sample in (*people.train, *people.val)}.values())
    lengths: list[int] = []
    longest, longest_id, cut, faults = 0, "", 0, {}
    for done, sample in enumerate(everybody, 1):
        answer = task.answer(answers[sample.id]) if sample.id in answers else ()
        try:
            length = _length(asker, sample, answer, recipe)
            if context is not None and length > context:
                raise InputError(
                    f"{length} tokens do not fit the model's context of {context}",
                    remedy="Lower ask.max_pixels, or shorten the words.",
                )
        except EmosceneError as error:
            faults[sample.id] = str(error)
            continue
        cut += any("too long" in remark for remark in asker.questions.remarks(sample.text, "it"))
        lengths.append(length)
        if length > longest:
            longest, longest_id = length, sample.id
        if progress is not None:
            progress(done, len(everybody))
    _judge(faults, len(everybody), recipe)
    parameters = list(task.module.parameters())
    known = len([s for s in people.train if s.id not in faults])
    return Rehearsal(
        train=known, val=len([s for s in people.val if s.id not in faults]), steps=recipe.schedule.all_steps(known),
        trained=sum(p.numel() for p in parameters if p.requires_grad), parameters=sum(p.numel() for p in parameters),
        longest=longest, longest_id=longest_id, mean=round(sum(lengths) / max(1, len(lengths)), 1), context=context,
        words_cut=cut, shares_prefix=_shares(asker, recipe, everybody, faults), faulty=tuple(faults),
        first_fault=next(iter(faults.values()), ""),
    )  # fmt: skip


def without(people: People, faulty: Sequence[str]) -> People:
    """The people less those who cannot be trained on."""
    gone = set(faulty)
    if not gone:
        return people
    train, val = ([s for s in part if s.id not in gone] for part in (people.train, people.val))
    return replace(people, train=train, val=val)


def context_of(model: Any) -> int | None:
    """Tokens that the model's positions allow, if its configuration says so."""
    most = getattr(model.config.get_text_config(decoder=True), "max_position_embeddings", None)
    return most if isinstance(most, int) and most > 0 else None


def _length(asker: Asker, sample: Sample, answer: tuple[int, ...], recipe: Tuning) -> int:
    """Tokens of the sequence; of questions behind one prefix, those of the longest path."""
    ready = asker.prepare(asker.settle(sample))
    if recipe.target.answer == "label_list":
        row, tail = asker.free_question(ready)
        return int(asker.shared.inputs([row], [(*tail, *answer)])["input_ids"].shape[1])
    row = asker.scoring_row(ready)
    tail = max((path(row.segments, read) for read in row.reads), key=len)
    return int(asker.shared.inputs([row], [tail])["input_ids"].shape[1])


def _judge(faults: dict[str, str], everybody: int, recipe: Tuning) -> None:
    if not faults:
        return
    if len(faults) == everybody or recipe.unreadable == "refuse":
        first, why = next(iter(faults.items()))
        raise InputError(
            f"{len(faults)} of {everybody} people cannot be trained on, the first being {shorten(first, 60)}",
            value=shorten(why, 120),
            remedy="Mend the data, or leave such people out: --set unreadable=skip",
        )


def _shares(asker: Asker, recipe: Tuning, people: Sequence[Sample], faults: dict[str, str]) -> str:
    """Why yes/no questions do not run behind one prefix. A family that was never tested is tried here, once."""
    if recipe.target.answer == "label_list":
        return ""
    first = next(sample for sample in people if sample.id not in faults)
    asker.shared.logits([asker.scoring_row(asker.prepare(asker.settle(first)))])
    return "" if asker.shared.shares else str(asker.shared.why_not)


def check_validation(people: People, recipe: Tuning) -> None:
    """Refuse early stopping where nobody judges.

    Raises:
        OptionError: if so.
    """
    if recipe.schedule.patience is not None and not people.val:
        raise OptionError(
            "early stopping needs people who judge", value="val", remedy="Name a split in data.val."
        )
