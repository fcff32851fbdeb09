"""A network with its eyes: what is trained, saved in a folder, and asked.

    Sample's picture, box and words --Eyes/Words--> Example --batched--> EmotionNetwork --> emotions and VAD

The folder holds `network.json` (the shape, the labels), `model.safetensors`, and `tokenizer.json` where words are read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor, nn

from emoscene.errors import ModelFilesError, OptionError
from emoscene.networks.emotic_cnn import EmoticCnnHead
from emoscene.networks.examples import Batch
from emoscene.networks.layers import Outputs
from emoscene.networks.regions import Regions, grid_regions, no_regions
from emoscene.networks.shapes import EmoticCnn, Shape, UnifiedVlp, Vilbert
from emoscene.networks.towers import Tower, build_tower
from emoscene.networks.unified_vlp import UnifiedVlpCore
from emoscene.networks.vilbert import VilbertCore
from emoscene.networks.words import TOKENIZER_FILE, Words

__all__ = [
    "CONFIG_FILE",
    "WEIGHTS_FILE",
    "About",
    "EmotionNetwork",
    "check_fit",
    "load_network",
    "read_network",
    "save_network",
    "write_network",
]

CONFIG_FILE = "network.json"
WEIGHTS_FILE = "model.safetensors"
_FORMAT = 1
_SHAPES: TypeAdapter[Any] = TypeAdapter(Shape)
_AGAIN = "Train or copy the folder again."


@dataclass(frozen=True)
class About:
    """What a folder says of its network beside the shape.

    Attributes:
        labels: Ids of the emotions in the order of the outputs.
        label_space: The space that they come from.
        features: How many features a region has, where they come ready made.
        separator: The id of [SEP], where words are read.
        single: One emotion holds (softmax) and not any number of them (sigmoids).
        squared: Outputs are shares themselves, trained with a squared error, and not logits.
        empty_words: Whether people without words are answered.
        card: What its training says of it: `data`, `figures` and the like.
    """

    labels: tuple[str, ...]
    label_space: str
    features: int = 0
    separator: int = 0
    single: bool = False
    squared: bool = False
    empty_words: bool = True
    card: Mapping[str, Any] = field(default_factory=dict)


class EmotionNetwork(nn.Module):
    """A tower (two for the EMOTIC CNN, whose branches differ) and the network behind it.

    Args:
        shape: What it looks like.
        about: What it answers.
        seed: Of its first weights.

    Raises:
        OptionError: if the tower cannot be built.
    """

    def __init__(self, shape: EmoticCnn | Vilbert | UnifiedVlp, about: About, *, seed: int = 0) -> None:
        super().__init__()
        self.shape, self.about = shape, about
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.towers = nn.ModuleDict(self._towers())
            self.core = self._core()

    def _towers(self) -> dict[str, nn.Module]:
        sight = self.shape.sight
        if self.shape.modalities == "text" or sight.detector:
            return {}
        if sight.tower is None and self.about.features and not isinstance(self.shape, EmoticCnn):
            return {}  # Regions come ready made.
        if sight.tower is None:
            raise OptionError(
                "the network has no vision tower",
                value=self.shape.name,
                remedy="Give sight.tower, the configuration of a vision model, or a folder to take it from.",
            )
        sides = {"scene": sight.size, "body": sight.body_size or sight.size}
        seen = {view: side for view, side in sides.items() if sight.view in ("both", view)}
        if isinstance(self.shape, EmoticCnn):
            return {v: build_tower(sight.tower, side, frozen=sight.frozen) for v, side in seen.items()}
        # The words' networks look at both views with one tower, as detectors do.
        return {"one": build_tower(sight.tower, sight.size, frozen=sight.frozen)}

    def _core(self) -> nn.Module:
        labels, shape = len(self.about.labels), self.shape
        if isinstance(shape, EmoticCnn):
            width = sum(cast(Tower, tower).width for tower in self.towers.values())
            return EmoticCnnHead(shape, width, labels)
        if not shape.vocabulary:
            raise OptionError(
                "the network has no vocabulary", value=shape.name, remedy="Give a tokenizer, or texts."
            )
        if isinstance(shape, Vilbert):
            return VilbertCore(shape, self.features, labels)
        return UnifiedVlpCore(shape, self.features, labels, self.about.separator)

    @property
    def features(self) -> int:
        """How many features a region has."""
        towers = [cast(Tower, tower) for tower in self.towers.values()]
        return towers[0].width if towers else max(1, self.about.features)

    def regions(self, batch: Batch) -> Regions:
        """The regions of a batch, for networks that look at regions."""
        if batch.detected is not None:
            return batch.detected
        if batch.scene is None and batch.body is None:
            return no_regions(len(batch), self.features, batch.boxes.device)
        scene, body = self._grids(batch)
        return grid_regions(scene, body, batch.boxes, self.shape.sight.cells)

    def _grids(self, batch: Batch) -> tuple[Tensor | None, Tensor | None]:
        scene, body = batch.scene, batch.body
        if "one" not in self.towers:
            return self._grid("scene", scene), self._grid("body", body)
        if scene is None or body is None:
            return self._grid("one", scene), self._grid("one", body)
        # Both views at once: the running means of batch norms are then those of what is seen in evaluation.
        both = self._grid("one", torch.cat([scene, body]))
        assert both is not None
        return both[: len(scene)], both[len(scene) :]

    def _grid(self, name: str, pixels: Tensor | None) -> Tensor | None:
        return None if pixels is None else cast(Tensor, self.towers[name](pixels))

    def forward(self, batch: Batch, regions: Regions | None = None) -> Outputs:
        """What the network says of a batch that is on its device; `regions`, where they are known already."""
        if isinstance(self.core, EmoticCnnHead):
            return cast(Outputs, self.core(*self._grids(batch)))
        seen = self.regions(batch) if regions is None else regions
        return cast(Outputs, self.core(batch.ids, batch.words, seen))

    def scores(self, outputs: Outputs) -> Tensor:
        """The outputs as scores (batch, labels): sigmoid, softmax, or as they are where they are shares."""
        if self.about.squared:
            return outputs.emotions.clamp(0, 1)
        return outputs.emotions.softmax(dim=-1) if self.about.single else outputs.emotions.sigmoid()


def save_network(network: EmotionNetwork, folder: Path, words: Words | None) -> None:
    """Write a network into a folder, the weights last."""
    folder.mkdir(parents=True, exist_ok=True)
    if words is not None:
        words.tokenizer.save(str(folder / TOKENIZER_FILE))
    write_network(folder, network.shape, network.about, network.state_dict())


def write_network(
    folder: Path, shape: EmoticCnn | Vilbert | UnifiedVlp, about: About, tensors: Mapping[str, Tensor]
) -> None:
    """Write what a network is and its weights; `load_network` gives it back."""
    from safetensors.torch import save_file

    config = {"format": _FORMAT, "shape": shape.model_dump(mode="json"), "about": asdict(about)}
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=1, ensure_ascii=False) + "\n", "utf-8")
    part = folder / f"{WEIGHTS_FILE}.part"
    plain = {name: value.detach().contiguous().cpu() for name, value in tensors.items()}
    save_file(plain, part, metadata={"format": "pt"})
    part.replace(folder / WEIGHTS_FILE)


def load_network(folder: Path) -> tuple[EmotionNetwork, Words | None]:
    """A network in evaluation mode, and its tokenizer.

    Raises:
        ModelFilesError: if files are missing, broken or do not fit each other.
    """
    shape, about = read_network(folder)
    if not about.labels:
        raise ModelFilesError(
            "this network has no head for emotions yet",
            value=folder,
            remedy="Train it: name the folder as `weights` in a recipe of the kind network.",
        )
    network = EmotionNetwork(shape, about)
    state = read_tensors_of(folder)
    check_fit(network.state_dict(), state, folder)
    network.load_state_dict(state)
    words = None
    if not isinstance(shape, EmoticCnn):
        words = Words.from_file(folder / TOKENIZER_FILE, shape.longest)
        if words.size > shape.vocabulary:
            raise ModelFilesError(
                "the tokenizer has more words than the network", value=folder, remedy=_AGAIN
            )
    return network.eval(), words


def read_network(folder: Path) -> tuple[EmoticCnn | Vilbert | UnifiedVlp, About]:
    """What a folder's `network.json` says.

    Raises:
        ModelFilesError: if it is missing or says something else.
    """
    file = folder / CONFIG_FILE
    try:
        config = json.loads(file.read_text("utf-8"))
        if config["format"] != _FORMAT:
            raise ModelFilesError(
                "this network was saved by another version of emoscene", value=config["format"], remedy=_AGAIN
            )
        about = About(**{**config["about"], "labels": tuple(config["about"]["labels"])})
        return _SHAPES.validate_python(config["shape"]), about
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        raise ModelFilesError(
            f"the folder's {CONFIG_FILE} is missing or cannot be read", value=folder, remedy=_AGAIN
        ) from None


def read_tensors_of(folder: Path) -> dict[str, Tensor]:
    """The weights in a network's folder by name.

    Raises:
        ModelFilesError: if they are missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(folder / WEIGHTS_FILE))
    except (SafetensorError, OSError):
        raise ModelFilesError("the network's weights cannot be read", value=folder, remedy=_AGAIN) from None


def check_fit(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor], folder: object) -> None:
    """Raise ModelFilesError unless the same names with the same shapes are on both sides."""
    lacking = sorted(set(wanted) - set(given))
    others = sorted(set(given) - set(wanted))
    crooked = sorted(k for k in set(wanted) & set(given) if wanted[k].shape != given[k].shape)
    for names, what in ((lacking, "missing"), (others, "of another network"), (crooked, "of another shape")):
        if names:
            raise ModelFilesError(
                f"{len(names)} of the network's weights are {what}, such as {names[0]}",
                value=folder,
                remedy=_AGAIN,
            )
