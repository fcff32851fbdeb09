"""Published checkpoints in tiny files of their naming: every tensor in its place, the same numbers come out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import emoscene
from emoscene.catalogue.conversion import convert
from emoscene.errors import ModelFilesError
from emoscene.networks.examples import Batch
from emoscene.networks.network import EmotionNetwork, load_network, read_network, save_network
from emoscene.networks.published import (
    emotic_cnn,
    resnet_names,
    unified_vlp,
    unified_vlp_names,
    vilbert,
    vilbert_names,
    which,
)
from emoscene.networks.regions import Regions
from emoscene.networks.shapes import Sight
from emoscene.networks.unified_vlp import UnifiedVlpCore
from emoscene.networks.vilbert import VilbertCore
from emoscene.recognizers.conformance_samples import drawn_samples
from tests.networks import plain
from tests.networks.tiny import LABELS

_LAYERS, _HEADS = (3, 2), (2, 2, 3)
_CONNECTIONS = [(1, 0), (2, 1)]
_CONFIG = {
    "t_biattention_id": [1, 2], "v_biattention_id": [0, 1], "num_attention_heads": 2, "v_num_attention_heads": 2,
    "bi_num_attention_heads": 3, "fusion_method": "mul",
}  # fmt: skip


def _vilbert() -> plain.Tensors:
    return plain.vilbert_tensors(
        text=16, visual=20, joint=12, features=10, words=30, layers=_LAYERS, connections=2
    )


def _regions(count: int, features: int, classes: int = 0) -> Regions:
    random = torch.Generator().manual_seed(4)
    corners = torch.rand(1, count, 2, 2, generator=random).sort(dim=2).values.flatten(2)
    area = (corners[..., 2] - corners[..., 0]) * (corners[..., 3] - corners[..., 1])
    return Regions(
        torch.randn(1, count, features, generator=random),
        torch.cat([corners, area[..., None]], dim=-1),
        torch.rand(1, count, generator=random),
        torch.ones(1, count, dtype=torch.bool),
        torch.rand(1, count, classes, generator=random) if classes else None,
    )


def test_vilbert_says_what_the_published_one_says() -> None:
    tensors = _vilbert()
    found = vilbert(tensors, _CONFIG)
    network = EmotionNetwork(found.shape, replace(found.about, labels=LABELS)).eval()
    lacking = set(network.state_dict()) - set(found.tensors)
    assert {name.split(".")[1] for name in lacking} == {"head", "emotions", "vad"}
    network.load_state_dict(found.tensors, strict=False)
    ids, regions = torch.tensor([2, 7, 9, 3]), _regions(5, 10)
    assert isinstance(network.core, VilbertCore)
    with torch.inference_mode():
        told, seen = network.core.streams(ids[None], torch.ones(1, 4, dtype=torch.bool), regions)
        ours = network.core.text_pool(told[0, 0]).relu(), network.core.visual_pool(seen[0, 0]).relu()
        wanted = plain.vilbert(
            tensors, ids, regions.features[0], regions.places[0], _CONNECTIONS, _HEADS, _LAYERS
        )
    for own, theirs in zip(ours, wanted, strict=True):
        torch.testing.assert_close(own, theirs, atol=1e-5, rtol=1e-5)
    assert wanted[0].abs().sum() > 0


def test_every_tensor_of_vilbert_is_used_or_named() -> None:
    tensors = _vilbert()
    renamed = vilbert_names(tensors)
    assert set(renamed.names) | set(renamed.unused) == set(tensors)
    assert len(set(renamed.names.values())) == len(renamed.names)
    of_no_use = {name.split(".")[0] for name in renamed.unused if not name.startswith("bert.")}
    assert of_no_use == {"cls", "vil_prediction", "vil_logit", "vision_logit", "linguisic_logit"}
    ours = {name for name in renamed.unused if name.startswith("bert.")}
    assert ours == {
        "bert.embeddings.task_embeddings.weight",
        *(
            f"bert.encoder.c_layer.{k}.biOutput.q_dense{n}.{part}"
            for k in (0, 1) for n in (1, 2) for part in ("weight", "bias")
        ),
    }  # fmt: skip
    with pytest.raises(ModelFilesError, match="no place"):
        vilbert_names([*tensors, "bert.encoder.layer.0.attention.self.rotary.weight"])
    several = {
        f"module.{name}".replace("LayerNorm.weight", "LayerNorm.gamma"): t for name, t in tensors.items()
    }
    assert set(vilbert_names(several).names.values()) == set(renamed.names.values())


@pytest.mark.parametrize("kind", ["bidirectional", "seq2seq"])
def test_unified_vlp_says_what_the_published_one_says(kind: Any) -> None:
    tensors = plain.unified_vlp_tensors(width=16, features=12, classes=9, words=40, layers=2)
    found = unified_vlp(tensors, {"num_attention_heads": 2})
    assert found.shape.name == "unified-vlp"
    shape = found.shape.model_copy(update={"sight": Sight(detector="x", detections=4)})
    network = EmotionNetwork(shape, replace(found.about, labels=LABELS, separator=3)).eval()
    network.load_state_dict(found.tensors, strict=False)
    core, ids, regions = network.core, [2, 11, 12, 13, 3], _regions(6, 12, 9)
    assert isinstance(core, UnifiedVlpCore)
    words = torch.ones(1, len(ids), dtype=torch.bool)
    assert regions.classes is not None
    places = torch.cat([regions.places[0], regions.scores[0][:, None]], dim=-1)
    with torch.inference_mode():
        pooled, logits = plain.unified_vlp(
            tensors, ids, regions.features[0], places, regions.classes[0], 2, kind, separator=3
        )
        hidden = core.stream(torch.tensor([ids]), words, regions, kind)
        ours = core.word_guesses(torch.tensor([ids]), words, regions, kind)[0]
        summary = torch.tanh(core.pool(hidden[0, 0]))
    torch.testing.assert_close(summary, pooled, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(ours, logits, atol=1e-4, rtol=1e-5)


def test_every_tensor_of_unified_vlp_is_used_or_named() -> None:
    tensors = plain.unified_vlp_tensors(width=16, features=12, classes=9, words=40, layers=2)
    renamed = unified_vlp_names(tensors)
    assert set(renamed.names) | set(renamed.unused) == set(tensors)
    assert set(renamed.unused) == {
        "cls.predictions.decoder.weight", "ans_classifier.0.weight", "ans_classifier.0.bias",
    }  # fmt: skip
    assert which(tensors) == "unified-vlp"
    assert which(_vilbert()) == "vilbert"
    assert which(["bert.encoder.layer.0.output.dense.weight"]) is None
    # One projection a task: of no use to a single one.
    tensors["cls.predictions.transform.dense.weight"] = torch.zeros(64, 16)
    relaxed = unified_vlp(tensors, {"num_attention_heads": 2})
    assert "cls.predictions.transform.dense.weight" in relaxed.unused
    assert "core.guess.weight" not in relaxed.tensors


def _port(deep: bool) -> tuple[Any, Any, dict[str, torch.Tensor]]:
    widths = (16, 20, 24, 32) if deep else (8, 12, 16, 20)
    context = plain.resnet(widths, (1, 2, 1, 1), deep=deep, seed=1)
    body = plain.resnet(widths, (1, 2, 1, 1), deep=deep, seed=2)
    torch.manual_seed(3)
    fusion = {
        "fc1": torch.nn.Linear(2 * widths[-1], 16), "bn1": torch.nn.BatchNorm1d(16),
        "fc_cat": torch.nn.Linear(16, 26), "fc_cont": torch.nn.Linear(16, 3),
    }  # fmt: skip
    named = torch.nn.ModuleDict(fusion).eval()
    torch.nn.init.normal_(named["bn1"].running_mean, std=0.2)  # type: ignore[arg-type]
    return context, body, dict(named.state_dict())


@pytest.mark.parametrize("deep", [False, True])
def test_the_emotic_cnn_says_what_the_port_says(deep: bool, tmp_path: Path) -> None:
    context, body, fusion = _port(deep)
    found = emotic_cnn(context.state_dict(), body.state_dict(), fusion)
    assert found.unused == ()
    network = EmotionNetwork(found.shape, found.about).eval()
    network.load_state_dict(found.tensors)
    pixels = torch.rand(2, 3, 224, 224), torch.rand(2, 3, 128, 128)
    with torch.inference_mode():
        joined = torch.cat([context(pixels[0]).flatten(1), body(pixels[1]).flatten(1)], dim=1)
        hidden = torch.nn.functional.linear(joined, fusion["fc1.weight"], fusion["fc1.bias"])
        hidden = torch.nn.functional.batch_norm(
            hidden,
            fusion["bn1.running_mean"],
            fusion["bn1.running_var"],
            fusion["bn1.weight"],
            fusion["bn1.bias"],
        ).relu()
        emotions = torch.nn.functional.linear(hidden, fusion["fc_cat.weight"], fusion["fc_cat.bias"])
        levels = 10 * torch.nn.functional.linear(hidden, fusion["fc_cont.weight"], fusion["fc_cont.bias"])
        ours = network(Batch(boxes=torch.zeros(2, 4), scene=pixels[0], body=pixels[1]))
    torch.testing.assert_close(ours.emotions, emotions, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(ours.vad, levels, atol=1e-4, rtol=1e-4)
    assert found.about.labels[9] == "doubt_confusion"
    save_network(network, tmp_path, None)
    again, words = load_network(tmp_path)
    assert words is None
    assert again.shape == network.shape


def test_resnets_by_name_and_by_place() -> None:
    context, _, _ = _port(deep=False)
    by_place = context.state_dict()
    places = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4"}
    by_name = {
        f"module.{places[n.partition('.')[0]]}.{n.partition('.')[2]}": t for n, t in by_place.items()
    } | {"module.fc.weight": torch.ones(2, 2)}
    one, two = resnet_names(by_place), resnet_names(by_name)
    assert sorted(one.names.values()) == sorted(two.names.values())
    assert two.unused == ("module.fc.weight",)
    with pytest.raises(ModelFilesError, match="no ResNet"):
        resnet_names(["features.denseblock1.weight"])


def test_parts_that_do_not_fit() -> None:
    context, body, fusion = _port(deep=False)
    deep, _, _ = _port(deep=True)
    with pytest.raises(ModelFilesError, match="different kinds"):
        emotic_cnn(context.state_dict(), deep.state_dict(), fusion)
    with pytest.raises(ModelFilesError, match="not whole"):
        emotic_cnn(context.state_dict(), body.state_dict(), {"fc1.weight": fusion["fc1.weight"]})
    seven = fusion | {"fc_cat.weight": torch.zeros(7, 16)}
    with pytest.raises(ModelFilesError, match="26 emotions"):
        emotic_cnn(context.state_dict(), body.state_dict(), seven)


def _save(tensors: Any, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.save(dict(tensors), file)


def test_conversion_of_published_files(tmp_path: Path) -> None:
    """The explicit converter alone reads `.bin` files, writes safetensors, and names what it left out."""
    _save(_vilbert(), tmp_path / "vilbert" / "multi_task_model.bin")
    (tmp_path / "vilbert" / "bert_base.json").write_text(json.dumps(_CONFIG | {"hidden_size": 16}))
    done = convert(tmp_path / "vilbert")
    assert done.kind.startswith("vilbert without a head")
    assert set(done.unused) == set(vilbert_names(_vilbert()).unused)
    assert sorted(f.name for f in done.folder.iterdir()) == [
        "conversion.json",
        "model.safetensors",
        "network.json",
    ]
    shape, about = read_network(done.folder)
    assert (shape.name, about.features) == ("vilbert", 10)
    with pytest.raises(ModelFilesError, match="no head for emotions"):
        load_network(done.folder)
    tensors = plain.unified_vlp_tensors(width=64, features=12, classes=9, words=40, layers=2)
    _save(tensors, tmp_path / "vlp" / "model.30.bin")
    assert read_network(convert(tmp_path / "vlp").folder)[0].name == "unified-vlp"
    del tensors["bert.encoder.layer.1.output.dense.bias"]
    _save(tensors, tmp_path / "torn" / "model.30.bin")
    with pytest.raises(ModelFilesError, match="missing"):
        convert(tmp_path / "torn")


def test_conversion_of_the_emotic_cnn(tmp_path: Path) -> None:
    context, body, fusion = _port(deep=False)
    for name, tensors in (("context", context.state_dict()), ("body", body.state_dict()), ("emotic", fusion)):
        _save(tensors, tmp_path / "port" / f"model_{name}1.pth")
    done = convert(tmp_path / "port")
    assert done.kind == "emotic-cnn"
    (row, *_) = emoscene.load(str(done.folder)).predict(drawn_samples())
    assert row.ok
    assert row.vad is not None
    assert all(0 <= score <= 1 for score in row.scores.values())
