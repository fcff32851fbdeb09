"""Rows that look at no picture themselves: priors, readers of captions, words alone.

Captions come from the parts `captions` (a small vision language model describes) and `narracap` (a dual encoder picks
who, what, where and how); their readers are a language model that knows stories, and the same model fine-tuned.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from emoscene.recognizers.base import Recognizer, Refusal, Subject
from emoscene.recognizers.language_reasoner import LanguageAsk, make_language_reasoner
from emoscene.recognizers.priors import make_majority, make_rand6, make_rand6_weighted
from emoscene.recognizers.reasoning import Reasoner
from emoscene.recognizers.text import TextRecognizer
from emoscene.training.recipe import Part as RecipePart
from emoscene.types import Sample, Status
from experiments.table1.rows import Context, Part, Row, kept_captions
from experiments.table1.story_model import train_stories
from experiments.table1.web_captions import all_texts

__all__ = ["PARTS", "ROWS", "Told"]

_STEPS = 1_200
#: The first of val, whose labels the fine-tuned reader does not see: rules are fitted on them.
_HELD_BACK = 0.25
_NOTHING_SAID = "Nothing is said."


class Told(TextRecognizer):
    """A reasoner that reads what is told of each sample in place of the words that the sample brings."""

    def __init__(self, reasoner: Reasoner, name: str, tell: Callable[[Sample], str | None]) -> None:
        super().__init__(reasoner, name, batch_size=32, is_caption=True)
        self._tell = tell

    def prepare(self, subject: Subject) -> str:
        told = self._tell(subject.sample)
        if not told:
            raise Refusal(
                "nothing is told of this person",
                status=Status.MISSING_INPUT,
                remedy="Make the part that narrates.",
            )
        return told


def _majority(context: Context, work: Path) -> Recognizer:
    return make_majority(context.labels)


def _rand6(context: Context, work: Path) -> Recognizer:
    return make_rand6(context.labels, seed=context.seed)


def _rand6_weighted(context: Context, work: Path) -> Recognizer:
    return make_rand6_weighted(context.labels, seed=context.seed)


def _make_stories(context: Context, folder: Path) -> None:
    train_stories(folder / "training", context.seed, context.sizes.of(_STEPS), more=list(all_texts()))


def _story_model(context: Context) -> Path:
    """Where the model lies once `STORIES` is made."""
    return context.part("stories") / "training" / "model"


def _stories(context: Context, adapter: Path | None = None) -> Reasoner:
    """The story model: untuned it says feelings by name, which stories teach it first; tuned it answers yes or no."""
    ask = LanguageAsk(read="name") if adapter is None else LanguageAsk()
    added = None if adapter is None else str(adapter)
    folder = _story_model(context)
    return make_language_reasoner(context.labels, folder, ask, device="cpu", adapter=added, batch_size=32)


def _captions(context: Context, narrator: str) -> Mapping[str, str]:
    """What a narrator told of everybody in val and test."""
    folder = context.part(narrator)
    return {**kept_captions(folder, "val"), **kept_captions(folder, "test")}


def _read(narrator: str, context: Context, work: Path) -> Recognizer:
    told = _captions(context, narrator)
    return Told(_stories(context), f"{narrator} + stories", lambda sample: told.get(sample.id))


def _read_words(context: Context, work: Path) -> Recognizer:
    return Told(_stories(context), "words + stories", lambda sample: sample.text or _NOTHING_SAID)


def _fine_tuned(narrator: str, context: Context, work: Path) -> Recognizer:
    """LoRA of the story model on captions of val, people with rare labels repeated, told in other words."""
    told = _captions(context, narrator)
    table = work / "captions.csv"
    if not table.is_file():
        _write_taught(context, told, table)
    run = work / "training"
    _tune(context, table, run)
    reader = _stories(context, run / "model")
    return Told(reader, f"{narrator} + stories, fine-tuned", lambda sample: told.get(sample.id))


def _write_taught(context: Context, told: Mapping[str, str], table: Path) -> None:
    """Captions and labels of val without those held back, and without others in their pictures."""
    samples = list(context.dataset().samples("val"))
    first = round(_HELD_BACK * len(samples))
    held_back = {sample.group for sample in samples[:first]}
    part = table.with_suffix(".part")
    with part.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "text", "labels", "group"])
        for sample in samples[first:]:
            if sample.target and sample.group not in held_back:
                writer.writerow([sample.id, told[sample.id], ";".join(sorted(sample.target)), sample.group])
    part.replace(table)


def _tune(context: Context, table: Path, run: Path) -> None:
    from emoscene.training.lora import train
    from emoscene.training.tuning_recipe import Recipe

    recipe: RecipePart = Recipe.model_validate(
        {
            "kind": "lora",
            "name": "table1-text",
            "model": str(_story_model(context)),
            "seed": context.seed,
            "data": {"dataset": "table", "root": str(table), "val": None, "options": _LAYOUT, "balance": {},
                     "augment": {"paraphrase": 0.5}},
            "target": {"answer": "yes_no", "levels": 0.0},
            "lora": {"rank": 16, "alpha": 32, "dropout": 0.0},
            "schedule": {"epochs": 1 if context.smoke else 3, "batch": 32, "at_once": 32, "rate": 2e-3, "keep": "last",
                         "checkpoint_every": 40, "log_every": 20},
        }
    )  # fmt: skip
    assert isinstance(recipe, Recipe)
    train(recipe, run)


_LAYOUT = {"space": "emotic", "text": "text", "labels": "labels", "label_separator": ";", "id": "id", "image": "none",
           "group": "group", "split": "train"}  # fmt: skip

STORIES = Part(
    "stories",
    "stories of why people feel what they feel, of a stream of their own; no picture, no caption",
    _make_stories,
)
PARTS: tuple[Part, ...] = (STORIES,)

_COUNTS = "how often each label stands in train"
_NARRATED = "web captions of pictures of another seed; stories; no picture with its labels"
ROWS: tuple[Row, ...] = (
    Row("majority", "Majority", "prior", _COUNTS, _majority, paper="Majority"),
    Row("rand6", "Rand6", "prior", "nothing", _rand6, paper="Rand6"),
    Row("rand6_weighted", "Rand6-weighted", "prior", _COUNTS, _rand6_weighted, paper="Rand6-weighted"),
    Row("captions_lm", "Captions + language model", "zero-shot", _NARRATED, partial(_read, "captions"),
        paper="ExpNet + GPT-4", needs=("stories", "captions")),
    Row("narracap_lm", "NarraCap-style + language model", "zero-shot", _NARRATED, partial(_read, "narracap"),
        paper="NarraCap + GPT-4", needs=("stories", "narracap")),
    Row("words_lm", "Words alone, language model", "zero-shot", "stories", _read_words, needs=("stories",), words=True),
    Row("text_val_aug", "Language model-F on captions (val aug)", "trained",
        f"{_NARRATED}; then the labels of three quarters of val beside captions, rare labels repeated",
        partial(_fine_tuned, "narracap"), paper="Mistral-F (val aug)", needs=("stories", "narracap"),
        rules_on=("val", _HELD_BACK)),
)  # fmt: skip
