"""From a trained folder to what the light core runs: one ONNX graph, and the notes beside the weights."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from emoscene.recognizers.forward import Graph
from emoscene.recognizers.notes import NOTES_FILE, ModelNotes
from emoscene.scoring.domain import Domain

__all__ = ["export_graph", "write_domain", "write_notes"]

_OPSET = 18
_WORTH_HALVING = 256
#: What the graph computes of the pictures alone.
_OF_PICTURES = ("cells", "features")
_INNER = ".inner"


def export_graph(model: Any, size: int, file: Path) -> None:
    """Write a trained LLaVA (float32, on the CPU) as one graph; weights are stored in half precision and cast
    back when loaded, so that file and folder hold the same numbers."""
    batch, length, reads, before = 2, 90, 5, 4
    image, text = model.config.image_token_id, model.config.text_config
    tokens = torch.randint(image + 1, text.vocab_size, (batch, length))
    tokens[:, 3 : 3 + model.config.image_seq_length] = image
    arguments = (
        torch.zeros(batch, 3, size, size),
        tokens,
        torch.arange(length).repeat(batch, 1),
        torch.ones(length, before + length, dtype=torch.bool).tril(before).repeat(batch, 1, 1),
        torch.arange(reads).repeat(batch, 1),
        torch.zeros(batch, text.num_hidden_layers, 2, text.num_key_value_heads, before, text.head_dim),
    )
    axes = {
        "pixels": {0: "pictures"}, "tokens": {0: "batch", 1: "length"}, "positions": {0: "batch", 1: "length"},
        "mask": {0: "batch", 1: "length", 2: "together"}, "reads": {0: "batch", 1: "reads"},
        "past": {0: "batch", 4: "before"}, "logits": {0: "batch", 1: "reads"}, "features": {0: "pictures"},
        "present": {0: "batch", 4: "length"}, "cells": {0: "pictures"},
    }  # fmt: skip
    with warnings.catch_warnings():
        # The tracer warns of every shape it takes for fixed and of being the older of two exporters; the newer
        # one cannot follow the tower's windows. Equality on other shapes is tested.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Graph(model).eval(), arguments, str(file), dynamo=False, opset_version=_OPSET,
            input_names=list(Graph.inputs), output_names=list(Graph.outputs), dynamic_axes=axes,
        )  # fmt: skip
    exported = onnx.load(str(file))
    halve(exported.graph)
    look_only_at_pictures(exported.graph)
    onnx.checker.check_model(exported)
    onnx.save(exported, str(file))


def halve(graph: onnx.GraphProto) -> None:
    """Store the large float32 weights of a graph as float16 with a cast behind each."""
    casts, kept = [], []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < _WORTH_HALVING:
            kept.append(tensor)
            continue
        half = numpy_helper.from_array(values.astype(np.float16), tensor.name + ".half")
        kept.append(half)
        casts.append(helper.make_node("Cast", [half.name], [tensor.name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)


def look_only_at_pictures(graph: onnx.GraphProto) -> None:
    """Put the tower behind an `If`: a call without pictures, which goes on behind another, does not run it.

    Inside goes what `cells` and `features` need and the rest does not; `cells` is no output any more.
    """
    rest = _needed(graph, ("logits", "present"), stop=_OF_PICTURES)
    inside = _needed(graph, _OF_PICTURES) - rest
    moved = [node for i, node in enumerate(graph.node) if i in inside]
    kept = [node for i, node in enumerate(graph.node) if i not in inside]
    used_outside = {name for node in kept for name in node.input}
    used_inside = {name for node in moved for name in node.input} - used_outside
    weights = [tensor for tensor in graph.initializer if tensor.name in used_inside]
    others = [tensor for tensor in graph.initializer if tensor.name not in used_inside]
    values = {value.name: value for value in graph.output if value.name in _OF_PICTURES}
    then = helper.make_graph(
        [_renamed(node) for node in moved], "look", [], [_inner(values[n]) for n in _OF_PICTURES], weights
    )
    without = helper.make_graph(
        [_nothing(values[name]) for name in _OF_PICTURES], "do_not", [], [_inner(values[n]) for n in _OF_PICTURES]
    )  # fmt: skip
    look = [
        helper.make_node("Size", ["pixels"], ["pixels.size"]),
        helper.make_node("Cast", ["pixels.size"], ["pixels.any"], to=TensorProto.BOOL),
        helper.make_node("If", ["pixels.any"], list(_OF_PICTURES), then_branch=then, else_branch=without),
    ]
    outputs = [value for value in graph.output if value.name != "cells"]
    for field, items in ((graph.node, [*look, *kept]), (graph.initializer, others), (graph.output, outputs)):
        items = [type(item).FromString(item.SerializeToString()) for item in items]
        del field[:]
        field.extend(items)


def _needed(graph: onnx.GraphProto, names: Sequence[str], stop: Sequence[str] = ()) -> set[int]:
    """The nodes, by number, that make these values; those of `stop` are taken as given."""
    maker = {name: i for i, node in enumerate(graph.node) for name in node.output}
    found: set[int] = set()
    wanted = list(names)
    while wanted:
        name = wanted.pop()
        if name in stop or name not in maker or maker[name] in found:
            continue
        found.add(maker[name])
        wanted += graph.node[maker[name]].input
    return found


def _renamed(node: onnx.NodeProto) -> onnx.NodeProto:
    """The node with the inner names of `cells` and `features`, which outside are the names of what `If` gives."""
    copy = onnx.NodeProto.FromString(node.SerializeToString())
    for names in (copy.input, copy.output):
        names[:] = [name + _INNER if name in _OF_PICTURES else name for name in names]
    return copy


def _inner(value: onnx.ValueInfoProto) -> onnx.ValueInfoProto:
    copy = onnx.ValueInfoProto.FromString(value.SerializeToString())
    copy.name += _INNER
    return copy


def _nothing(value: onnx.ValueInfoProto) -> onnx.NodeProto:
    """No rows of this value."""
    shape = (0, *(d.dim_value for d in value.type.tensor_type.shape.dim[1:]))
    empty = numpy_helper.from_array(np.zeros(shape, dtype=np.float32))
    return helper.make_node("Constant", [], [value.name + _INNER], value=empty)


def write_domain(folder: Path, domain: Domain) -> str:
    """Write the domain rule's arrays into the folder; returns the file's name."""
    name = "domain.npz"
    np.savez(
        folder / name, mean=domain.mean.astype(np.float32), whitening=domain.whitening.astype(np.float32)
    )
    return name


def write_notes(folder: Path, notes: ModelNotes) -> None:
    """Write `emoscene.json` into the folder."""
    (folder / NOTES_FILE).write_text(notes.model_dump_json(indent=2) + "\n", "utf-8")
