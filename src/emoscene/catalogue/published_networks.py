"""Published ViLBERT, Unified-VLP and EMOTIC CNN files as folders of the kind `network`.

folder with one .bin of tensors (and its configuration)       --> ViLBERT or Unified-VLP, to be trained
folder with three files: ...context..., ...body..., ...emotic --> the EMOTIC CNN's PyTorch port, which answers
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emoscene.catalogue.pickles import read_tensors
from emoscene.errors import ModelFilesError
from emoscene.recognizers.folders import read_json

if TYPE_CHECKING:
    from emoscene.networks.published import Shaped

__all__ = ["PublishedNetwork", "published_network"]

_FILES = (".bin", ".pth", ".pt", ".tar")
_PARTS = ("context", "body", "emotic")
#: What a published network without emotions has no weights for.
_NEW = ("core.head.", "core.emotions.", "core.vad.", "core.guess")


@dataclass(frozen=True)
class PublishedNetwork:
    """What a folder holds: `kind` is `vilbert`, `unified-vlp` or `emotic-cnn`."""

    kind: str
    files: tuple[Path, ...]
    tensors: tuple[Mapping[str, Any], ...]
    config: Mapping[str, Any]

    def shaped(self) -> Shaped:
        """As a network of ours.

        Raises:
            ModelFilesError: if a tensor has no place, is missing, or does not fit.
        """
        from emoscene.networks import published

        if self.kind == "emotic-cnn":
            found = published.emotic_cnn(*self.tensors)
        else:
            found = published.SHAPERS[self.kind](self.tensors[0], self.config)
        _check(found, self.files[0])
        return found


def published_network(folder: Path) -> PublishedNetwork | None:
    """The published network in a folder, or None if it holds another thing.

    Raises:
        ModelFilesError: if a file holds more than tensors.
    """
    if not folder.is_dir() or next(folder.glob("*.safetensors"), None):
        return None
    files = sorted(file for file in folder.iterdir() if file.suffix in _FILES and file.is_file())
    named = {part: [file for file in files if part in file.name.lower()] for part in _PARTS}
    if len(files) == len(_PARTS) and all(len(found) == 1 for found in named.values()):
        three = tuple(named[part][0] for part in _PARTS)
        return PublishedNetwork("emotic-cnn", three, tuple(read_tensors(file) for file in three), {})
    if len(files) != 1 or files[0].name.startswith("adapter_model"):
        return None
    from emoscene.networks.published import which

    tensors = read_tensors(files[0])
    kind = which(tensors)
    return None if kind is None else PublishedNetwork(kind, (files[0],), (tensors,), _config(folder))


def _config(folder: Path) -> dict[str, Any]:
    """The configuration beside the tensors, under whatever name it was published."""
    for file in sorted(folder.glob("*.json")):
        config = read_json(file)
        if "hidden_size" in config:
            return config
    return {}


def _check(found: Shaped, file: Path) -> None:
    """Every weight of the network is there, but for the head that training adds."""
    import torch

    from emoscene.networks.network import EmotionNetwork, check_fit

    whole = bool(found.about.labels)
    about = found.about if whole else replace(found.about, labels=("any",))
    with torch.device("cpu" if whole else "meta"):
        wanted = EmotionNetwork(found.shape, about).state_dict()
    needed = {n: t for n, t in wanted.items() if whole or n in found.tensors or not n.startswith(_NEW)}
    try:
        check_fit(needed, found.tensors, file)
    except ModelFilesError as error:
        raise ModelFilesError(error.what, value=file, remedy="Give the published file as it is.") from None
