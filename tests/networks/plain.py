"""The published networks written down plainly, on tensors in their own names, to hold ours against."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["resnet", "unified_vlp", "unified_vlp_tensors", "vilbert", "vilbert_tensors"]

Tensors = dict[str, Tensor]


class _Draw:
    def __init__(self, seed: int) -> None:
        self.random, self.made = torch.Generator().manual_seed(seed), Tensors()

    def linear(self, name: str, out: int, of: int) -> None:
        self.made[f"{name}.weight"] = torch.randn(out, of, generator=self.random) / math.sqrt(of)
        self.made[f"{name}.bias"] = torch.randn(out, generator=self.random) * 0.1

    def norm(self, name: str, width: int) -> None:
        self.made[f"{name}.weight"] = 1 + 0.1 * torch.randn(width, generator=self.random)
        self.made[f"{name}.bias"] = 0.1 * torch.randn(width, generator=self.random)

    def table(self, name: str, rows: int, width: int) -> None:
        self.made[f"{name}.weight"] = torch.randn(rows, width, generator=self.random)

    def layer(self, name: str, width: int, grown: int) -> None:
        for part in ("query", "key", "value"):
            self.linear(f"{name}.attention.self.{part}", width, width)
        self.linear(f"{name}.attention.output.dense", width, width)
        self.norm(f"{name}.attention.output.LayerNorm", width)
        self.linear(f"{name}.intermediate.dense", grown, width)
        self.linear(f"{name}.output.dense", width, grown)
        self.norm(f"{name}.output.LayerNorm", width)


def vilbert_tensors(
    *,
    text: int,
    visual: int,
    joint: int,
    features: int,
    words: int,
    layers: tuple[int, int],
    connections: int,
) -> Tensors:
    """A tiny ViLBERT as vilbert-multi-task saves it, heads of other tasks and parts without use included."""
    draw = _Draw(1)
    draw.table("bert.embeddings.word_embeddings", words, text)
    draw.table("bert.embeddings.position_embeddings", 12, text)
    draw.table("bert.embeddings.token_type_embeddings", 2, text)
    draw.table("bert.embeddings.task_embeddings", 20, text)
    draw.norm("bert.embeddings.LayerNorm", text)
    draw.linear("bert.v_embeddings.image_embeddings", visual, features)
    draw.linear("bert.v_embeddings.image_location_embeddings", visual, 5)
    draw.norm("bert.v_embeddings.LayerNorm", visual)
    for k in range(layers[0]):
        draw.layer(f"bert.encoder.layer.{k}", text, 2 * text)
    for k in range(layers[1]):
        draw.layer(f"bert.encoder.v_layer.{k}", visual, visual)
    for k in range(connections):
        name = f"bert.encoder.c_layer.{k}"
        for number, width in ((1, visual), (2, text)):
            for part in ("query", "key", "value"):
                draw.linear(f"{name}.biattention.{part}{number}", joint, width)
            draw.linear(f"{name}.biOutput.dense{number}", width, joint)
            draw.norm(f"{name}.biOutput.LayerNorm{number}", width)
            draw.linear(f"{name}.biOutput.q_dense{number}", width, joint)
        for side, width, grown in (("v", visual, visual), ("t", text, 2 * text)):
            draw.linear(f"{name}.{side}_intermediate.dense", grown, width)
            draw.linear(f"{name}.{side}_output.dense", width, grown)
            draw.norm(f"{name}.{side}_output.LayerNorm", width)
    draw.linear("bert.t_pooler.dense", joint, text)
    draw.linear("bert.v_pooler.dense", joint, visual)
    draw.linear("cls.bi_seq_relationship", 2, joint)
    draw.linear("vil_prediction.main.0", 2 * joint, joint)
    draw.linear("vil_logit", 1, joint)
    draw.linear("vision_logit", 1, visual)
    draw.linear("linguisic_logit", 1, text)
    return draw.made


def _linear(t: Tensors, name: str, x: Tensor) -> Tensor:
    return x @ t[f"{name}.weight"].T + t[f"{name}.bias"]


def _norm(t: Tensors, name: str, x: Tensor, eps: float) -> Tensor:
    middle = x.mean(-1, keepdim=True)
    spread = ((x - middle) ** 2).mean(-1, keepdim=True)
    return t[f"{name}.weight"] * (x - middle) / (spread + eps).sqrt() + t[f"{name}.bias"]


def _attend(query: Tensor, key: Tensor, value: Tensor, heads: int, allowed: Tensor) -> Tensor:
    """One head after the other; `allowed` (queries, keys)."""
    found = []
    for q, k, v in zip(query.chunk(heads, -1), key.chunk(heads, -1), value.chunk(heads, -1), strict=True):
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]) + (1.0 - allowed.float()) * -10000.0
        found.append(scores.softmax(-1) @ v)
    return torch.cat(found, -1)


def _layer(t: Tensors, name: str, x: Tensor, heads: int, allowed: Tensor, eps: float) -> Tensor:
    query, key, value = (_linear(t, f"{name}.attention.self.{p}", x) for p in ("query", "key", "value"))
    found = _linear(t, f"{name}.attention.output.dense", _attend(query, key, value, heads, allowed))
    x = _norm(t, f"{name}.attention.output.LayerNorm", found + x, eps)
    grown = functional.gelu(_linear(t, f"{name}.intermediate.dense", x))
    return _norm(t, f"{name}.output.LayerNorm", _linear(t, f"{name}.output.dense", grown) + x, eps)


def vilbert(
    t: Tensors, ids: Tensor, features: Tensor, places: Tensor, connections: list[tuple[int, int]],
    heads: tuple[int, int, int], layers: tuple[int, int],
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Pooled words and pooled regions of one pair (n,), (m, features), (m, 5), with every layer as in the original."""
    eps = 1e-12
    x = t["bert.embeddings.word_embeddings.weight"][ids]
    x = x + t["bert.embeddings.position_embeddings.weight"][: len(ids)]
    x = _norm(t, "bert.embeddings.LayerNorm", x + t["bert.embeddings.token_type_embeddings.weight"][0], eps)
    y = _linear(t, "bert.v_embeddings.image_embeddings", features)
    y = y + _linear(t, "bert.v_embeddings.image_location_embeddings", places)
    y = _norm(t, "bert.v_embeddings.LayerNorm", y, eps)
    told, seen = torch.ones(1, len(ids)), torch.ones(1, len(features))
    at = (0, 0)
    for number, (text, visual) in enumerate([*connections, layers]):
        for k in range(at[0], text):
            x = _layer(t, f"bert.encoder.layer.{k}", x, heads[0], told, eps)
        for k in range(at[1], visual):
            y = _layer(t, f"bert.encoder.v_layer.{k}", y, heads[1], seen, eps)
        at = (text, visual)
        if number == len(connections):
            break
        name = f"bert.encoder.c_layer.{number}"
        one = {p: _linear(t, f"{name}.biattention.{p}1", y) for p in ("query", "key", "value")}
        two = {p: _linear(t, f"{name}.biattention.{p}2", x) for p in ("query", "key", "value")}
        for_words = _attend(two["query"], one["key"], one["value"], heads[2], seen)
        for_regions = _attend(one["query"], two["key"], two["value"], heads[2], told)
        y = _norm(
            t, f"{name}.biOutput.LayerNorm1", _linear(t, f"{name}.biOutput.dense1", for_regions) + y, eps
        )
        x = _norm(t, f"{name}.biOutput.LayerNorm2", _linear(t, f"{name}.biOutput.dense2", for_words) + x, eps)
        grown = functional.gelu(_linear(t, f"{name}.v_intermediate.dense", y))
        y = _norm(t, f"{name}.v_output.LayerNorm", _linear(t, f"{name}.v_output.dense", grown) + y, eps)
        grown = functional.gelu(_linear(t, f"{name}.t_intermediate.dense", x))
        x = _norm(t, f"{name}.t_output.LayerNorm", _linear(t, f"{name}.t_output.dense", grown) + x, eps)
    return _linear(t, "bert.t_pooler.dense", x[0]).relu(), _linear(t, "bert.v_pooler.dense", y[0]).relu()


def unified_vlp_tensors(*, width: int, features: int, classes: int, words: int, layers: int) -> Tensors:
    """A tiny Unified-VLP as VLP saves it."""
    draw = _Draw(2)
    draw.table("bert.embeddings.word_embeddings", words, width)
    draw.table("bert.embeddings.position_embeddings", 200, width)
    draw.table("bert.embeddings.token_type_embeddings", 6, width)
    draw.norm("bert.embeddings.LayerNorm", width)
    for k in range(layers):
        draw.layer(f"bert.encoder.layer.{k}", width, 2 * width)
    draw.linear("bert.pooler.dense", width, width)
    draw.linear("vis_embed.0", features, features)
    draw.linear("vis_embed.2", width, features)
    draw.linear("vis_pe_embed.0", width, 6 + classes)
    draw.linear("cls.predictions.transform.dense", width, width)
    draw.norm("cls.predictions.transform.LayerNorm", width)
    draw.made["cls.predictions.bias"] = torch.randn(words, generator=draw.random)
    draw.made["cls.predictions.decoder.weight"] = draw.made["bert.embeddings.word_embeddings.weight"].clone()
    draw.linear("ans_classifier.0", 4, width)
    return draw.made


def unified_vlp(
    t: Tensors, ids: list[int], features: Tensor, places: Tensor, classes: Tensor, heads: int, kind: str,
    separator: int,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Pooled first place, and logits of the words behind [CLS], of one pair; ids are [CLS] word ... [SEP]."""
    eps, regions = 1e-5, len(features)
    table = t["bert.embeddings.word_embeddings.weight"]
    what = _linear(t, "vis_embed.2", _linear(t, "vis_embed.0", features).relu()).relu()
    box = functional.layer_norm(places, [6])
    where = _linear(
        t, "vis_pe_embed.0", torch.cat([box, functional.layer_norm(classes, [classes.shape[-1]])], -1)
    )
    told = table[torch.tensor([ids[0], separator, *ids[1:]])]
    x = torch.cat([told[:1], what, told[1:]])
    position = t["bert.embeddings.position_embeddings.weight"][: len(x)]
    position = torch.cat([position[:1], where.relu(), position[regions + 1 :]])
    first, second = (4, 5) if kind == "seq2seq" else (0, 1)
    segment = torch.tensor([first] * (regions + 2) + [second] * (len(ids) - 1))
    x = x + position + t["bert.embeddings.token_type_embeddings.weight"][segment]
    x = _norm(t, "bert.embeddings.LayerNorm", x, eps)
    allowed = torch.zeros(len(x), len(x))
    for row in range(len(x)):
        for column in range(len(x)):
            picture = column < regions + 2
            before = row >= regions + 2 and column <= row
            allowed[row, column] = kind == "bidirectional" or picture or before
    for k in range(sum(name.endswith("intermediate.dense.bias") for name in t)):
        x = _layer(t, f"bert.encoder.layer.{k}", x, heads, allowed, eps)
    pooled = _linear(t, "bert.pooler.dense", x[0]).tanh()
    changed = functional.gelu(_linear(t, "cls.predictions.transform.dense", x[regions + 2 :]))
    changed = _norm(t, "cls.predictions.transform.LayerNorm", changed, eps)
    return pooled, changed @ table.T + t["cls.predictions.bias"]


class _Basic(torch.nn.Module):
    def __init__(self, of: int, to: int, stride: int) -> None:
        super().__init__()
        self.conv1 = torch.nn.Conv2d(of, to, 3, stride, 1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(to)
        self.conv2 = torch.nn.Conv2d(to, to, 3, 1, 1, bias=False)
        self.bn2 = torch.nn.BatchNorm2d(to)
        changes = stride != 1 or of != to
        down = torch.nn.Sequential(torch.nn.Conv2d(of, to, 1, stride, bias=False), torch.nn.BatchNorm2d(to))
        self.downsample = down if changes else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        out: Tensor = (y + (x if self.downsample is None else self.downsample(x))).relu()
        return out


class _Bottleneck(torch.nn.Module):
    def __init__(self, of: int, to: int, stride: int) -> None:
        super().__init__()
        thin = to // 4
        self.conv1 = torch.nn.Conv2d(of, thin, 1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(thin)
        self.conv2 = torch.nn.Conv2d(thin, thin, 3, stride, 1, bias=False)
        self.bn2 = torch.nn.BatchNorm2d(thin)
        self.conv3 = torch.nn.Conv2d(thin, to, 1, bias=False)
        self.bn3 = torch.nn.BatchNorm2d(to)
        changes = stride != 1 or of != to
        down = torch.nn.Sequential(torch.nn.Conv2d(of, to, 1, stride, bias=False), torch.nn.BatchNorm2d(to))
        self.downsample = down if changes else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu())).relu()
        out: Tensor = (
            self.bn3(self.conv3(y)) + (x if self.downsample is None else self.downsample(x))
        ).relu()
        return out


def resnet(widths: tuple[int, ...], depths: tuple[int, ...], *, deep: bool, seed: int) -> torch.nn.Sequential:
    """A ResNet with torchvision's blocks, without the last layer, as the port of the EMOTIC CNN saves it: by places."""
    torch.manual_seed(seed)
    block = _Bottleneck if deep else _Basic
    parts: list[torch.nn.Module] = [
        torch.nn.Conv2d(3, 8, 7, 2, 3, bias=False), torch.nn.BatchNorm2d(8), torch.nn.ReLU(),
        torch.nn.MaxPool2d(3, 2, 1),
    ]  # fmt: skip
    of = 8
    for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
        first = block(of, width, 1 if stage == 0 else 2)
        parts.append(torch.nn.Sequential(first, *(block(width, width, 1) for _ in range(depth - 1))))
        of = width
    network = torch.nn.Sequential(*parts, torch.nn.AdaptiveAvgPool2d(1))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.running_mean, std=0.1)  # type: ignore[arg-type]
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)  # type: ignore[arg-type]
            torch.nn.init.normal_(module.bias, std=0.1)
    return network.eval()
