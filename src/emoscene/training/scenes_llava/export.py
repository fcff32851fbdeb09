"""From a trained folder to what the light core runs: one ONNX graph, and the notes beside the weights."""

from __future__ import annotations

import warnings
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


def export_graph(model: Any, size: int, file: Path) -> None:
    """Write a trained LLaVA (float32, on the CPU) as one graph; weights are stored in half precision and cast
    back when loaded, so that file and folder hold the same numbers."""
    batch, length, reads = 2, 90, 5
    image = model.config.image_token_id
    tokens = torch.randint(image + 1, model.config.text_config.vocab_size, (batch, length))
    tokens[:, 3 : 3 + model.config.image_seq_length] = image
    arguments = (
        torch.zeros(batch, 3, size, size),
        tokens,
        torch.arange(length).repeat(batch, 1),
        torch.ones(length, length, dtype=torch.bool).tril().repeat(batch, 1, 1),
        torch.arange(reads).repeat(batch, 1),
    )
    axes = {
        "pixels": {0: "batch"}, "tokens": {0: "batch", 1: "length"}, "positions": {0: "batch", 1: "length"},
        "mask": {0: "batch", 1: "length", 2: "length"}, "reads": {0: "batch", 1: "reads"},
        "logits": {0: "batch", 1: "reads"}, "features": {0: "batch"},
    }  # fmt: skip
    with warnings.catch_warnings():
        # The tracer warns of every shape it takes for fixed and of being the older of two exporters; the newer
        # one cannot follow the tower's windows. Equality on other shapes is tested.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Graph(model).eval(), arguments, str(file), dynamo=False, opset_version=_OPSET,
            input_names=list(Graph.inputs), output_names=list(Graph.outputs), dynamic_axes=axes,
        )  # fmt: skip
    halve(file)


def halve(file: Path) -> None:
    """Store the large float32 weights of a graph as float16 with a cast behind each."""
    graph_file = onnx.load(str(file))
    graph = graph_file.graph
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
    onnx.checker.check_model(graph_file)
    onnx.save(graph_file, str(file))


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
