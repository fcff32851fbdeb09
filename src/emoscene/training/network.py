"""Training of the networks that transformers lacks: recipe in, run folder out, which `--model` loads.

people --> tower, tokenizer, shape settled --> network --loop--> model/, MODEL_CARD.md
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from emoscene.errors import MissingFileError, ModelFilesError, OptionError
from emoscene.labels import LabelSpace
from emoscene.networks.network import About, EmotionNetwork, read_network, read_tensors_of, save_network
from emoscene.networks.regions import DetectorEyes
from emoscene.networks.shapes import EmoticCnn, UnifiedVlp
from emoscene.networks.towers import Tower, take_weights, vision_part
from emoscene.networks.words import TOKENIZER_FILE, Words, make_words
from emoscene.recognizers.loading import Placement, load_model, load_tokenizer
from emoscene.recognizers.network import open_eyes
from emoscene.training.checkpoints import Checkpoints
from emoscene.training.data import People, load_people
from emoscene.training.folder import RunFolder
from emoscene.training.loop import Fitted, Progress, fit, training_device
from emoscene.training.losses import check_parts
from emoscene.training.merge import written_whole
from emoscene.training.network_recipe import Recipe
from emoscene.training.network_task import NetworkTask, Senses
from emoscene.training.targets import teach
from emoscene.types import Sample

__all__ = ["Prepared", "dry_run", "look_through", "prepare", "train"]


Counting = Callable[[int, int], None]


@dataclass(frozen=True)
class Prepared:
    """Everything before the first step."""

    network: EmotionNetwork
    words: Words | None
    task: NetworkTask
    people: People
    said: dict[str, Any]


def train(
    recipe: Recipe, out: Path, progress: Progress | None = None, counting: Counting | None = None
) -> None:
    """Run the recipe into the folder `out`; what is there already of the same run is gone on with.

    Raises:
        OptionError: if the folder holds another run, or a field cannot be used with this data.
        InputError: if somebody's picture cannot be opened.
    """
    people = load_people(recipe.data, recipe.seed)
    with RunFolder.claim(out, recipe, people.describe(), free=("keep_checkpoints", "cache_mb")) as folder:
        if folder.finished:
            return
        ready = prepare(recipe, people)
        if "looked_through" not in folder.manifest:
            folder.say(network=ready.said, looked_through=look_through(ready, counting))
        fitted = fit(ready.task, recipe.schedule, folder, seed=recipe.seed, progress=progress)
        if not folder.leads:
            return
        network = ready.network.cpu()
        network.about = replace(network.about, card=_card(recipe, ready, fitted))

        def write(part: Path) -> None:
            save_network(network, part, ready.words)
            folder.write_model_note("network", {"model": "./"}, part, recipe.name)

        written_whole(folder.model, write)
        (folder.path / "MODEL_CARD.md").write_text(card_text(recipe, ready, fitted), "utf-8")
        folder.finish(fitted=asdict(fitted))
        if not recipe.keep_checkpoints:
            Checkpoints(folder.path / "checkpoints").remove()


def dry_run(recipe: Recipe, counting: Counting | None = None) -> dict[str, Any]:
    """What the recipe would train, and on whom, as plain JSON values. Raises as `train` does."""
    people = load_people(recipe.data, recipe.seed)
    ready = prepare(recipe, people)
    return {
        "data": people.describe(),
        "labels": people.label_counts(),
        "network": ready.said,
        "looked_through": look_through(ready, counting),
    }


def look_through(ready: Prepared, counting: Counting | None = None) -> dict[str, Any]:
    """Open every picture and read all words before the first step.

    Raises:
        InputError: if somebody cannot be trained on.
    """
    samples = [*ready.task.train[0], *ready.task.val[0]]
    cut = without = longest = 0
    for number, sample in enumerate(samples, 1):
        example = ready.task.senses(sample)
        longest = max(longest, len(example.ids))
        if ready.words is not None:
            cut += bool(sample.text) and ready.words.encode(sample.text or "")[1]
            without += not (sample.text or "").strip()
        if counting is not None:
            counting(number, len(samples))
    steps = ready.task.recipe.schedule.all_steps(ready.task.size)
    return {
        "train": len(ready.task.train[0]), "val": len(ready.task.val[0]), "steps": steps, "longest": longest,
        "words_cut": cut, "without_words": without,
    }  # fmt: skip


def prepare(recipe: Recipe, people: People) -> Prepared:
    """Settle tower, tokenizer and shape, and build the network and its task.

    Raises:
        OptionError, ModelError: if a field names something that cannot be used.
    """
    check_parts(recipe.loss, batch=recipe.schedule.batch, at_once=recipe.schedule.at_once)
    if recipe.captions and not (
        isinstance(recipe.network, UnifiedVlp) and recipe.network.modalities == "both"
    ):
        raise OptionError(
            "only a Unified-VLP that is given picture and words learns to guess words",
            value=recipe.network.name,
            remedy="Set captions to 0.",
        )
    space = people.labels
    train_people = _usable(people.train, recipe)
    val_people = _usable(people.val, recipe)
    if not train_people:
        raise OptionError(
            "nobody has what this network is given", value=recipe.network.modalities,
            remedy="Check data, modalities and missing_words.",
        )  # fmt: skip
    eyes = _eyes(recipe)
    tower = _tower(recipe)
    words = _words(recipe, train_people)
    shape = _settled(recipe, tower, words, eyes)
    about = _about(recipe, space, words, eyes)
    network = EmotionNetwork(shape, about, seed=recipe.seed)
    if tower is not None:
        for one in network.towers.values():
            assert isinstance(one, Tower)
            take_weights(one, tower)
    fresh = _start_from(network, recipe.weights) if recipe.weights else []
    network.to(training_device())
    taught = teach(train_people, space, recipe.teaching)
    prior = taught.labels.mean(axis=0)
    senses = Senses(network, words, eyes, recipe.cache_mb * 2**20)
    judged = teach(val_people, space, recipe.teaching, prior)
    task = NetworkTask(network, senses, recipe, (train_people, taught), (val_people, judged))
    said = {
        "parameters": sum(p.numel() for p in network.parameters()),
        "trained": sum(p.numel() for p in network.parameters() if p.requires_grad),
        "shape": shape.model_dump(mode="json"),
        "people_without_what_it_needs": len(people.train) - len(train_people),
        "weights_not_found": fresh,
    }
    return Prepared(network, words, task, people, said)


def _usable(samples: Sequence[Sample], recipe: Recipe) -> list[Sample]:
    """Those who have what the network is given."""
    kept = list(samples)
    if recipe.network.modalities != "text":
        kept = [sample for sample in kept if sample.picture is not None]
    needs_words = recipe.reads_words and recipe.network.modalities != "image"
    if needs_words and (recipe.network.modalities == "text" or recipe.missing_words == "refuse"):
        kept = [sample for sample in kept if (sample.text or "").strip()]
    return kept


def _eyes(recipe: Recipe) -> DetectorEyes | None:
    sight = recipe.network.sight
    if not sight.detector or recipe.network.modalities == "text":
        return None
    if recipe.is_cnn:
        raise OptionError(
            "the EMOTIC CNN looks at pixels and not at regions",
            value="sight.detector",
            remedy="Leave it out.",
        )
    return open_eyes(Path(sight.detector), sight.detections, training_device())


def _tower(recipe: Recipe) -> nn.Module | None:
    """The vision model of the folder that the recipe names."""
    if not recipe.tower or recipe.network.modalities == "text":
        return None
    folder = Path(recipe.tower)
    if not folder.is_dir():
        raise MissingFileError(
            "there is no folder of a vision tower", value=recipe.tower, remedy="Check the recipe's tower."
        )
    return vision_part(load_model(folder, "AutoModel", Placement("cpu", "float32")))


def _words(recipe: Recipe, people: Sequence[Sample]) -> Words | None:
    network = recipe.network
    if isinstance(network, EmoticCnn):
        return None
    if recipe.tokenizer:
        words = Words(load_tokenizer(Path(recipe.tokenizer)).backend_tokenizer, network.longest)
        words.check(recipe.tokenizer)
        return words
    started = Path(recipe.weights) / TOKENIZER_FILE if recipe.weights else None
    if started is not None and started.is_file():
        return Words.from_file(started, network.longest)
    return make_words((s.text for s in people if s.text), network.longest, recipe.vocabulary)


def _settled(recipe: Recipe, tower: nn.Module | None, words: Words | None, eyes: DetectorEyes | None) -> Any:
    """The shape with everything that only the tower, the tokenizer and the detector know."""
    shape = recipe.network
    changes: dict[str, Any] = {}
    if tower is not None:
        config: Any = tower.config
        mean_std = _pixel_scale(Path(recipe.tower or ""))
        changes["sight"] = shape.sight.model_copy(update={"tower": config.to_dict(), **mean_std})
    if words is not None:
        size = max(words.size, getattr(shape, "vocabulary", 0))
        changes["vocabulary"] = size
    if eyes is not None and isinstance(shape, UnifiedVlp) and shape.classes not in (0, eyes.classes):
        raise OptionError(
            f"the detector tells {eyes.classes} classes",
            value=shape.classes,
            remedy="Set network.classes to that.",
        )
    settled = shape.model_copy(update=changes)
    return type(shape).model_validate(settled.model_dump())


def _pixel_scale(folder: Path) -> dict[str, Any]:
    """Mean and spread of pixels, where the tower's folder says them."""
    file = folder / "preprocessor_config.json"
    try:
        said = json.loads(file.read_text("utf-8"))
        mean, std = said.get("image_mean"), said.get("image_std")
    except (OSError, ValueError, AttributeError):
        return {}
    if isinstance(mean, list) and isinstance(std, list) and len(mean) == len(std) == 3:
        return {"mean": tuple(mean), "std": tuple(std)}
    return {}


def _about(recipe: Recipe, space: LabelSpace, words: Words | None, eyes: DetectorEyes | None) -> About:
    single = (not space.multi_label) if recipe.dominant is None else recipe.dominant
    return About(
        labels=space.ids,
        label_space=space.name,
        features=0 if eyes is None else eyes.width,
        separator=0 if words is None else words.end,
        single=single,
        empty_words=recipe.missing_words == "answer",
    )


def _start_from(network: EmotionNetwork, folder: str) -> list[str]:
    """Take the weights of another network where names and shapes agree; names those that stay as they are."""
    kind = read_network(Path(folder))[0].name
    if kind != network.shape.name:
        raise ModelFilesError(
            f"the weights are of a {kind}", value=folder, remedy=f"Give those of a {network.shape.name}."
        )
    given = read_tensors_of(Path(folder))
    own = network.state_dict()
    # A network that reads fewer tokens has the first of the positions.
    name = "core.positions.weight"
    if name in given and name in own and given[name].shape[1:] == own[name].shape[1:]:
        given[name] = given[name][: len(own[name])]
    taken = {
        name: given[name] for name, value in own.items() if name in given and given[name].shape == value.shape
    }
    if not taken:
        raise ModelFilesError(
            "no weight of this folder fits the network",
            value=folder,
            remedy="Give a network of the same shape.",
        )
    with torch.no_grad():
        for name, value in taken.items():
            own[name].copy_(value)
    return sorted(set(own) - set(taken))


def _card(recipe: Recipe, ready: Prepared, fitted: Fitted) -> dict[str, Any]:
    return {
        "name": recipe.name,
        "data": f"{ready.people.dataset.facts.name}, {len(ready.task.train[0]):,} people of {recipe.data.train!r}",
        "licence": ready.people.dataset.facts.licence,
        "figures": {name: round(value, 4) for name, value in (fitted.best or fitted.last).items()},
    }


def card_text(recipe: Recipe, ready: Prepared, fitted: Fitted) -> str:
    """MODEL_CARD.md."""
    shape, about, facts = ready.network.shape, ready.network.about, ready.people.dataset.facts
    figures = fitted.best or fitted.last
    told = "\n".join(f"| {name} | {value:.4f} |" for name, value in figures.items()) or "| none | |"
    given = {"both": "the picture and the words", "text": "the words alone", "image": "the picture alone"}
    trained, split = len(ready.task.train[0]), recipe.data.train
    return f"""# {recipe.name}

{shape.name}, {ready.said["parameters"]:,} parameters. It is given {given[shape.modalities]} and tells
{len(about.labels)} *apparent* emotions of the space `{about.label_space}`, and valence, arousal and dominance.

- Trained on {trained:,} people of `{split}` of {facts.name}, {fitted.steps:,} steps, seed {recipe.seed}.
- Terms of the data, which the weights follow: {facts.licence}
- Ask it: `emoscene analyze PICTURE --box X1,Y1,X2,Y2 --model FOLDER`
- Train it again: `emoscene train recipe.yaml --out DIR`

| figure on `{recipe.data.val}` | value |
|---|---|
{told}

Scores are what the network puts out, from 0 to 1; they are no probabilities until rules are fitted with
`emoscene eval fit`. What it tells is how a person *appears* to an onlooker, learned from annotators with their own
culture and biases; it does not know what anybody feels. The EU's AI Act prohibits inferring emotions of people at work
and in education (Article 5) and asks for disclosure elsewhere (Article 50). Not for decisions about people.
"""
