"""Published checkpoints in our names: ViLBERT, Unified-VLP, and the EMOTIC CNN of its PyTorch port.

    bert.encoder.c_layer.N...   facebookresearch/vilbert-multi-task    --vilbert-->      a network without its head
    vis_embed..., bert...       LuoweiZhou/VLP                         --unified_vlp-->  a network without its head
    three files of tensors      Tandon-A/emotic                        --emotic_cnn-->   a network that answers

Every tensor finds its place or is named as unused; one that is neither known nor known to be of no use is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from emoscene.errors import ModelFilesError, shorten
from emoscene.labels import label_space
from emoscene.networks.network import About
from emoscene.networks.shapes import EmoticCnn, Sight, Stream, UnifiedVlp, Vilbert

__all__ = [
    "Renamed",
    "Shaped",
    "emotic_cnn",
    "resnet_names",
    "unified_vlp",
    "unified_vlp_names",
    "vilbert",
    "vilbert_names",
    "which",
]


@dataclass(frozen=True)
class Renamed:
    """Old name to new name of each tensor that is used, and the names of the others."""

    names: dict[str, str]
    unused: tuple[str, ...]


@dataclass(frozen=True)
class Shaped:
    """A published network as ours: what it looks like, its tensors, and the published names that were not used."""

    shape: EmoticCnn | Vilbert | UnifiedVlp
    about: About
    tensors: dict[str, Tensor]
    unused: tuple[str, ...]


#: A pattern of published names, and ours with the pattern's groups in it; None: of no use here.
_Rules = tuple[tuple[str, str | None], ...]
_END = r"\.(weight|bias)"
#: A Transformer layer's parts, behind its number.
_LAYER: tuple[tuple[str, str], ...] = (
    (r"attention\.self\.(query|key|value)" + _END, r"attention.{1}.{2}"),
    (r"attention\.output\.dense" + _END, r"attention.output.{1}"),
    (r"attention\.output\.LayerNorm" + _END, r"attention.norm.{1}"),
    (r"intermediate\.dense" + _END, r"feed.grow.{1}"),
    (r"output\.dense" + _END, r"feed.shrink.{1}"),
    (r"output\.LayerNorm" + _END, r"feed.norm.{1}"),
)


def _layers(published: str, ours: str) -> _Rules:
    return tuple(
        (
            published + r"\.(\d+)\." + old,
            f"{ours}.{{1}}." + re.sub(r"\{(\d)\}", lambda m: f"{{{int(m[1]) + 1}}}", new),
        )
        for old, new in _LAYER
    )


_CONNECTION: _Rules = tuple(
    (r"bert\.encoder\.c_layer\.(\d+)\." + old, "core.connections.{1}." + new)
    for side, stream, number, other in (("v", "visual", 1, 2), ("t", "text", 2, 1))
    for old, new in (
        (rf"biattention\.query{number}" + _END, stream + ".attention.query.{2}"),
        (rf"biattention\.(key|value){other}" + _END, stream + ".attention.{2}.{3}"),
        (rf"biOutput\.dense{number}" + _END, stream + ".attention.output.{2}"),
        (rf"biOutput\.LayerNorm{number}" + _END, stream + ".attention.norm.{2}"),
        (rf"{side}_intermediate\.dense" + _END, stream + ".feed.grow.{2}"),
        (rf"{side}_output\.dense" + _END, stream + ".feed.shrink.{2}"),
        (rf"{side}_output\.LayerNorm" + _END, stream + ".feed.norm.{2}"),
    )
)

_VILBERT: _Rules = (
    (r"bert\.embeddings\.word_embeddings\.weight", "core.words.weight"),
    (r"bert\.embeddings\.position_embeddings\.weight", "core.positions.weight"),
    (r"bert\.embeddings\.token_type_embeddings\.weight", "core.segments.weight"),
    (r"bert\.embeddings\.LayerNorm" + _END, "core.words_norm.{1}"),
    (r"bert\.v_embeddings\.image_embeddings" + _END, "core.features.{1}"),
    (r"bert\.v_embeddings\.image_location_embeddings" + _END, "core.places.{1}"),
    (r"bert\.v_embeddings\.LayerNorm" + _END, "core.regions_norm.{1}"),
    *_layers(r"bert\.encoder\.layer", "core.text"),
    *_layers(r"bert\.encoder\.v_layer", "core.visual"),
    *_CONNECTION,
    (r"bert\.t_pooler\.dense" + _END, "core.text_pool.{1}"),
    (r"bert\.v_pooler\.dense" + _END, "core.visual_pool.{1}"),
    # Made and saved by the original, and never calculated with.
    (r"bert\.encoder\.c_layer\.\d+\.biOutput\.q_dense[12]" + _END, None),
    # Of other tasks: tokens of twelve tasks at once, gates by the words, heads.
    (r"bert\.embeddings\.task_embeddings\.weight", None),
    (r"bert\.encoder\.v_layer\.\d+\.attention\.self\.dyLinear_[qk]" + _END, None),
    (r"(cls|vil_\w+|vision_logit|linguisic_logit)\..+", None),
)

_UNIFIED_VLP: _Rules = (
    (r"bert\.embeddings\.word_embeddings\.weight", "core.words.weight"),
    (r"bert\.embeddings\.position_embeddings\.weight", "core.positions.weight"),
    (r"bert\.embeddings\.token_type_embeddings\.weight", "core.segments.weight"),
    (r"bert\.embeddings\.LayerNorm" + _END, "core.norm.{1}"),
    *_layers(r"bert\.encoder\.layer", "core.layers"),
    (r"bert\.pooler\.dense" + _END, "core.pool.{1}"),
    (r"vis_embed\.([02])" + _END, "core.features.{1}.{2}"),
    (r"vis_pe_embed\.0" + _END, "core.places.0.{1}"),
    (r"cls\.predictions\.transform\.dense" + _END, "core.guess.{1}"),
    (r"cls\.predictions\.transform\.LayerNorm" + _END, "core.guess_norm.{1}"),
    (r"cls\.predictions\.bias", "core.guess_bias"),
    # The word embeddings once more.
    (r"cls\.predictions\.decoder\.weight", None),
    (r"(ans_classifier|cls\.seq_relationship|crit_\w+|vqa2_crit)\..+", None),
)  # fmt: skip


def _renamed(names: Iterable[str], rules: _Rules, of: str) -> Renamed:
    found, unused = {}, []
    for name in names:
        # Some were saved from several GPUs at once, some norms are from TensorFlow.
        plain = re.sub(r"\.gamma$", ".weight", re.sub(r"\.beta$", ".bias", name.removeprefix("module.")))
        for pattern, ours in rules:
            if match := re.fullmatch(pattern, plain):
                if ours is None:
                    unused.append(name)
                else:
                    found[name] = ours.format(plain, *match.groups())
                break
        else:
            raise ModelFilesError(
                f"this {of} holds a tensor that has no place",
                value=shorten(name, 100),
                remedy="Give the published checkpoint as it is, and no other network's.",
            )
    return Renamed(found, tuple(unused))


def vilbert_names(names: Iterable[str]) -> Renamed:
    """Names of vilbert-multi-task in ours.

    Raises:
        ModelFilesError: if a name is none of its.
    """
    return _renamed(names, _VILBERT, "ViLBERT checkpoint")


def unified_vlp_names(names: Iterable[str]) -> Renamed:
    """Names of VLP in ours. Raises as `vilbert_names`."""
    return _renamed(names, _UNIFIED_VLP, "Unified-VLP checkpoint")


def which(names: Iterable[str]) -> str | None:
    """Which published network tensors of these names are of: `vilbert`, `unified-vlp`, or None."""
    plain = {name.removeprefix("module.") for name in names}
    if any(name.startswith("bert.encoder.c_layer.") for name in plain):
        return "vilbert"
    return "unified-vlp" if any(name.startswith("vis_embed.") for name in plain) else None


def vilbert(tensors: Mapping[str, Tensor], config: Mapping[str, Any]) -> Shaped:
    """A published ViLBERT. Its pooled streams and everything before are used; the head for emotions is not there yet.

    Args:
        tensors: By published names.
        config: Its configuration; of what it does not say, the published base model is taken.

    Raises:
        ModelFilesError: if a tensor is unknown or missing.
    """
    renamed = vilbert_names(tensors)
    ours = {new: tensors[old] for old, new in renamed.names.items()}
    _check_whole(ours, ("core.words.weight", "core.features.weight", "core.text_pool.weight"), "ViLBERT")
    text, visual, joint = (ours[f"core.{name}.weight"] for name in ("words", "features", "text_pool"))
    connections = _count(ours, "core.connections")
    text_at = config.get("t_biattention_id") or list(range(6, 6 + connections))
    visual_at = config.get("v_biattention_id") or list(range(connections))
    shape = Vilbert(
        vocabulary=text.shape[0],
        longest=ours["core.positions.weight"].shape[0],
        text=_stream(ours, "core.text", int(config.get("num_attention_heads") or text.shape[1] // 64)),
        visual=_stream(ours, "core.visual", int(config.get("v_num_attention_heads") or 8)),
        joint=joint.shape[0],
        joint_heads=int(config.get("bi_num_attention_heads") or 8),
        connections=tuple(zip(text_at[:connections], visual_at[:connections], strict=True)),
        fusion="sum" if config.get("fusion_method") == "sum" else "mul",
    )
    return Shaped(shape, About((), "", features=visual.shape[1]), ours, renamed.unused)


def unified_vlp(tensors: Mapping[str, Tensor], config: Mapping[str, Any]) -> Shaped:
    """A published Unified-VLP; else as `vilbert`."""
    renamed = unified_vlp_names(tensors)
    ours = {new: tensors[old] for old, new in renamed.names.items()}
    needed = ("core.words.weight", "core.features.0.weight", "core.places.0.weight", "core.positions.weight")
    _check_whole(ours, needed, "Unified-VLP")
    words, features, places, positions = (ours[name] for name in needed)
    unused = list(renamed.unused)
    guess = ours.get("core.guess.weight")
    if guess is not None and guess.shape[0] != guess.shape[1]:
        # One projection a task, side by side; they are of no use to a single one.
        relaxed = {"core.guess.weight", "core.guess.bias", "core.guess_norm.weight", "core.guess_norm.bias"}
        unused += [old for old, new in renamed.names.items() if new in relaxed]
        ours = {name: tensor for name, tensor in ours.items() if name not in relaxed}
    shape = UnifiedVlp(
        vocabulary=words.shape[0],
        stream=_stream(ours, "core.layers", int(config.get("num_attention_heads") or words.shape[1] // 64)),
        positions=positions.shape[0],
        segments=6 if ours["core.segments.weight"].shape[0] == 6 else 2,
        classes=places.shape[1] - 6,
        grown=features.shape[0],
        sight=Sight(detector="detector", detections=98),
    )
    return Shaped(shape, About((), "", features=features.shape[1]), ours, tuple(unused))


def _count(tensors: Iterable[str], prefix: str) -> int:
    """How many layers stand at a prefix."""
    numbers = {m[1] for name in tensors if (m := re.match(re.escape(prefix) + r"\.(\d+)\.", name))}
    return len(numbers)


def _stream(tensors: Mapping[str, Tensor], prefix: str, heads: int) -> Stream:
    name = f"{prefix}.0.feed.grow.weight"
    _check_whole(tensors, (name,), "checkpoint")
    intermediate, width = tensors[name].shape
    return Stream(width=width, heads=heads, layers=_count(tensors, prefix), intermediate=intermediate)


def _check_whole(tensors: Mapping[str, Tensor], needed: Iterable[str], of: str) -> None:
    lacking = [name for name in needed if name not in tensors]
    if lacking:
        raise ModelFilesError(
            f"this {of} is not whole: nothing in it becomes",
            value=lacking[0],
            remedy="Give the published file.",
        )


#: Pixels as the port shifts and scales them (Tandon-A/emotic, main.py), for the picture and for the person.
_SCENE = {"mean": (0.4690646, 0.4407227, 0.40508908), "std": (0.2514227, 0.24312855, 0.24266963)}
_BODY = {"body_mean": (0.43832874, 0.3964344, 0.3706214), "body_std": (0.24784276, 0.23621225, 0.2323653)}
_FUSION: _Rules = (
    (r"fc1" + _END, "core.fuse.{1}"),
    (r"bn1\.(weight|bias|running_mean|running_var|num_batches_tracked)", "core.norm.{1}"),
    (r"fc_cat" + _END, "core.emotions.{1}"),
    (r"fc_cont" + _END, "core.vad.{1}"),
)
_NORM = r"\.(weight|bias|running_mean|running_var|num_batches_tracked)"
#: torchvision's ResNet: by name, or by place in the Sequential that the port saves.
_STEM = {"conv1": "conv1", "bn1": "bn1", "0": "conv1", "1": "bn1"}
_STAGES = {"layer1": 0, "layer2": 1, "layer3": 2, "layer4": 3, "4": 0, "5": 1, "6": 2, "7": 3}


def resnet_names(names: Iterable[str]) -> Renamed:
    """Names of torchvision's ResNet, or of the Sequential made of it, in those of transformers; `fc` is not used.

    Raises:
        ModelFilesError: if a name is none of its.
    """
    found, unused = {}, []
    for name in names:
        plain = name.removeprefix("module.")
        first, _, rest = plain.partition(".")
        ours = None
        if plain.startswith("fc."):
            unused.append(name)
            continue
        if first in _STEM:
            part = "convolution" if _STEM[first] == "conv1" else "normalization"
            ours = f"embedder.embedder.{part}.{rest}"
        elif first in _STAGES and (m := re.fullmatch(r"(\d+)\.(conv|bn)(\d)\.(\w+)", rest)):
            part = "convolution" if m[2] == "conv" else "normalization"
            ours = f"encoder.stages.{_STAGES[first]}.layers.{m[1]}.layer.{int(m[3]) - 1}.{part}.{m[4]}"
        elif first in _STAGES and (m := re.fullmatch(r"(\d+)\.downsample\.([01])\.(\w+)", rest)):
            part = "convolution" if m[2] == "0" else "normalization"
            ours = f"encoder.stages.{_STAGES[first]}.layers.{m[1]}.shortcut.{part}.{m[3]}"
        if ours is None:
            raise ModelFilesError(
                "this is no ResNet of torchvision: a tensor has no place", value=shorten(name, 100),
                remedy="Give the body and context models of the port, as plain lists of tensors.",
            )  # fmt: skip
        found[name] = ours
    return Renamed(found, tuple(unused))


def emotic_cnn(
    context: Mapping[str, Tensor], body: Mapping[str, Tensor], fusion: Mapping[str, Tensor]
) -> Shaped:
    """The EMOTIC CNN of the PyTorch port, whole.

    Its outputs are trained with a squared error and are shares themselves; valence, arousal and dominance come in
    tenths, which the last layer is changed to undo. Labels are the 26 of EMOTIC in the order of the alphabet.

    Raises:
        ModelFilesError: if a tensor has no place, or the parts do not fit.
    """
    space = label_space("emotic")
    labels = tuple(label.id for label in sorted(space, key=lambda label: label.name.lower()))
    tensors: dict[str, Tensor] = {}
    unused: list[str] = []
    configs = []
    for view, given in (("scene", context), ("body", body)):
        renamed = resnet_names(given)
        unused += [f"{view}: {name}" for name in renamed.unused]
        part = {new: given[old] for old, new in renamed.names.items()}
        _check_whole(part, ("embedder.embedder.convolution.weight",), "ResNet")
        configs.append(_resnet_config(part))
        tensors |= {f"towers.{view}.model.{name}": tensor for name, tensor in part.items()}
    if configs[0] != configs[1]:
        raise ModelFilesError(
            "the two branches are of different kinds of ResNet", value=[c["depths"] for c in configs],
            remedy="Give a body and a context model of the same kind.",
        )  # fmt: skip
    head = _renamed(fusion, _FUSION, "fusion model")
    ours = {new: fusion[old] for old, new in head.names.items()}
    _check_whole(
        ours, ("core.fuse.weight", "core.emotions.weight", "core.vad.weight", "core.vad.bias"), "fusion"
    )
    if ours["core.emotions.weight"].shape[0] != len(labels):
        raise ModelFilesError(
            "this network does not tell the 26 emotions of EMOTIC", value=ours["core.emotions.weight"].shape[0],
            remedy="Give the published fusion model.",
        )  # fmt: skip
    # Ten times its output is the level; ours is 5.5 + 2 x output.
    ours["core.vad.weight"] = ours["core.vad.weight"] * 5.0
    ours["core.vad.bias"] = ours["core.vad.bias"] * 5.0 - 2.75
    ours.setdefault("core.norm.num_batches_tracked", torch.tensor(0))
    sight = Sight.model_validate(
        {"tower": configs[0], "size": 224, "body_size": 128, "cells": 0, "margin": 0, **_SCENE, **_BODY}
    )
    shape = EmoticCnn(fused=ours["core.fuse.weight"].shape[0], sight=sight)
    card = {
        "name": "emotic-cnn (PyTorch port)", "data": "EMOTIC",
        "licence": "that of the port (MIT) and of EMOTIC, for research",
    }  # fmt: skip
    about = About(labels, space.name, squared=True, card=card)
    return Shaped(shape, about, tensors | ours, tuple(unused))


def _resnet_config(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """The configuration of transformers for a ResNet's tensors."""
    depths, widths = [], []
    for stage in range(4):
        prefix = f"encoder.stages.{stage}.layers"
        depths.append(_count(tensors, prefix))
        last = max(
            (n for n in tensors if re.match(re.escape(prefix) + r"\.0\.layer\.\d\.convolution", n)),
            default="",
        )
        _check_whole(tensors, (last,), "ResNet")
        widths.append(tensors[last].shape[0])
    deep = "encoder.stages.0.layers.0.layer.2.convolution.weight" in tensors
    return {
        "model_type": "resnet",
        "embedding_size": tensors["embedder.embedder.convolution.weight"].shape[0],
        "hidden_sizes": widths,
        "depths": depths,
        "layer_type": "bottleneck" if deep else "basic",
        "downsample_in_first_stage": False,
        "downsample_in_bottleneck": False,
    }


#: Published name of a network -> what makes it ours.
SHAPERS: dict[str, Callable[[Mapping[str, Tensor], Mapping[str, Any]], Shaped]] = {
    "vilbert": vilbert,
    "unified-vlp": unified_vlp,
}
