"""The recognizer that asks the model, as training sees it: it points, words and lays out; training adds the answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from emoscene.catalogue.choosing import Choice, resolve
from emoscene.errors import OptionError
from emoscene.labels import LabelSpace
from emoscene.recognizers.base import BatchRecognizer, Subject
from emoscene.recognizers.folders import Kind, ModelFolder, look_into
from emoscene.recognizers.frames import frame_of
from emoscene.recognizers.language_reasoner import LanguageAsk, LanguageReasoner
from emoscene.recognizers.loading import Placement, load_model, load_tokenizer
from emoscene.recognizers.pointing import Pointer
from emoscene.recognizers.questions import Questions
from emoscene.recognizers.text import TextRecognizer
from emoscene.recognizers.vlm import Ask, VisionLanguageRecognizer, load_vlm
from emoscene.training.tuning_recipe import Tuning
from emoscene.types import Sample

__all__ = ["Asker", "base_of", "load_base", "make_asker", "options_of"]


@dataclass(frozen=True)
class Asker:
    """A recognizer, and what in it builds sequences (`source`: the recognizer itself, or its reader of texts)."""

    recognizer: BatchRecognizer[Any]
    source: Any

    @property
    def shared(self) -> Any:
        return self.source.shared

    @property
    def questions(self) -> Questions:
        return self.source.questions  # type: ignore[no-any-return]

    def settle(self, sample: Sample) -> Subject:
        """The picture opened and the box settled. Raises as recognizers do."""
        return self.recognizer.settle(sample)

    def prepare(self, subject: Subject) -> Any:
        """Pointed at and worded. Raises as recognizers do."""
        return self.recognizer.prepare(subject)

    def scoring_row(self, ready: Any) -> Any:
        """Prefix and questions, as score mode asks them."""
        return self.source.scoring_row(ready)

    def free_question(self, ready: Any) -> tuple[Any, tuple[int, ...]]:
        """Prefix, and the tokens up to the answer, as answer mode asks."""
        return self.source.free_question(ready)  # type: ignore[no-any-return]


def base_of(model: str) -> ModelFolder:
    """The folder of the model that a recipe names, as `--model` finds it.

    Raises:
        OptionError: if it is not a whole model that this kind of training takes.
        UnknownModelError, ModelNotHereError, ModelFilesError: as `resolve` does.
    """
    choice: Choice = resolve(model)
    if choice.recognizer not in ("vlm", "language") or "adapter" in choice.options:
        raise OptionError(
            "only whole vision language models and causal language models are fine-tuned so",
            value=model,
            remedy="Name such a model; one with an adapter is merged first (merge: true).",
        )
    return look_into(str(choice.options["model"]))


def load_base(folder: ModelFolder, placement: Placement) -> tuple[Any, Any]:
    """Model, and processor or tokenizer. Raises as `loading` does."""
    if folder.kind is Kind.VLM:
        return load_vlm(folder, placement)
    return load_model(folder.path, "AutoModelForCausalLM", placement), load_tokenizer(folder.path)


def make_asker(recipe: Tuning, folder: ModelFolder, model: Any, processor: Any, labels: LabelSpace) -> Asker:
    """The recognizer that asks this model as the recipe says."""
    ask, mode, together = recipe.ask, _mode(recipe), recipe.schedule.at_once
    if folder.kind is Kind.VLM:
        pointer = Pointer(ask.point, frame_of(folder.model_type, processor), ask.max_pixels)
        how = Ask(mode=mode, prompt=ask.prompt, parser=ask.parser, check_domain=False)  # type: ignore[arg-type]
        recognizer = VisionLanguageRecognizer(
            model, processor, labels, folder.path, pointer, how, batch_size=together
        )
        return Asker(recognizer, recognizer)
    words = LanguageAsk(mode=mode, prompt=ask.prompt, parser=ask.parser)  # type: ignore[arg-type]
    reasoner = LanguageReasoner(model, processor, labels, recipe.name, words, batch_size=together)
    return Asker(TextRecognizer(reasoner, recipe.name, batch_size=together), reasoner)


def options_of(recipe: Tuning, kind: Kind) -> dict[str, Any]:
    """The options with which the trained model is asked as it was trained."""
    options: dict[str, Any] = {
        "mode": _mode(recipe),
        "prompt": recipe.ask.prompt,
        "parser": recipe.ask.parser,
    }
    if kind is Kind.VLM:
        options |= {"point": recipe.ask.point, "max_pixels": recipe.ask.max_pixels, "check_domain": False}
    return options


def _mode(recipe: Tuning) -> str:
    return "answer" if recipe.target.answer == "label_list" else "score"
