"""Real object detectors of transformers, only tiny, saved as the hub's are: configuration, safetensors, processor.

Weights are random. For families whose boxes come from the head alone, the head can be set so that every query sees the
same person at a known place in every picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["CLASSES", "FAMILIES", "SETTABLE", "Seen", "save_tiny_detector"]

#: As in COCO's layout for DETR, with an unused class before the person.
CLASSES = {0: "N/A", 1: "Person", 2: "dog"}
#: The families whose head alone decides on the box. Others start from places of their own choice.
SETTABLE = ("conditional_detr", "deformable_detr", "detr", "yolos")
FAMILIES = (*SETTABLE, "d_fine", "rt_detr", "rt_detr_v2")
_SOFTMAX = ("detr", "yolos")
_QUERIES = 6


@dataclass(frozen=True)
class Seen:
    """What every query says: centre x, centre y, width and height in shares, a score, and the class's number."""

    box: tuple[float, float, float, float]
    score: float = 0.9
    number: int = 1


def save_tiny_detector(
    folder: Path,
    family: str,
    seen: Seen | None = None,
    *,
    classes: dict[int, str] | None = None,
    processor: dict[str, Any] | None = None,
) -> Path:
    """Random weights from a fixed seed, with a head that sees `seen` if it is given, in `folder`."""
    import torch

    torch.manual_seed(5)
    model, pictures = _made(family, classes or CLASSES, processor or {})
    if seen is not None:
        _see(model, family, seen)
    else:
        _spread(model)
    model.save_pretrained(folder)
    pictures.save_pretrained(folder)
    return folder


def _made(family: str, names: dict[int, str], processor: dict[str, Any]) -> tuple[Any, Any]:
    import transformers as t

    aspect = {"size": {"shortest_edge": 64, "longest_edge": 96}} | processor
    square = {"size": {"height": 64, "width": 64}} | processor
    common = {"id2label": names, "num_queries": _QUERIES}
    if family == "yolos":
        config = t.YolosConfig(
            id2label=names, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
            image_size=[64, 96], patch_size=16, num_detection_tokens=_QUERIES,
        )  # fmt: skip
        return t.YolosForObjectDetection(config), t.YolosImageProcessorPil(**aspect)
    if family in ("detr", "conditional_detr", "deformable_detr"):
        wide = 32 if family == "deformable_detr" else 16
        stages = ["stage2", "stage3", "stage4"] if family == "deformable_detr" else ["stage4"]
        shape = {
            "d_model": wide, "encoder_layers": 1, "decoder_layers": 2, "encoder_attention_heads": 2,
            "decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32,
            "use_timm_backbone": False, "backbone_config": _resnet(t.ResNetConfig, stages),
        }  # fmt: skip
        if family == "detr":
            return t.DetrForObjectDetection(t.DetrConfig(**shape, **common)), t.DetrImageProcessorPil(
                **aspect
            )
        if family == "conditional_detr":
            conditional = t.ConditionalDetrForObjectDetection(t.ConditionalDetrConfig(**shape, **common))
            return conditional, t.ConditionalDetrImageProcessorPil(**aspect)
        deformable = t.DeformableDetrForObjectDetection(t.DeformableDetrConfig(**shape, **common))
        return deformable, t.DeformableDetrImageProcessorPil(**aspect)
    three = ["stage2", "stage3", "stage4"]
    shape = {
        "d_model": 16, "encoder_hidden_dim": 16, "encoder_in_channels": [16] * 3, "decoder_in_channels": [16] * 3,
        "encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "encoder_layers": 1, "decoder_layers": 2,
        "encoder_attention_heads": 2, "decoder_attention_heads": 2, "num_denoising": 0,
        "backbone_config": _hgnet(t, three) if family == "d_fine" else _resnet(t.RTDetrResNetConfig, three),
    }  # fmt: skip
    pictures = t.RTDetrImageProcessorPil(**square)
    if family == "rt_detr":
        return t.RTDetrForObjectDetection(t.RTDetrConfig(**shape, **common)), pictures
    if family == "rt_detr_v2":
        return t.RTDetrV2ForObjectDetection(t.RTDetrV2Config(**shape, **common)), pictures
    if family == "d_fine":
        config = t.DFineConfig(**shape, **common, decoder_n_levels=3, decoder_n_points=[2, 2, 2])
        return t.DFineForObjectDetection(config), pictures
    raise ValueError(family)


def _resnet(kind: Any, stages: list[str]) -> Any:
    return kind(
        embedding_size=8,
        hidden_sizes=[8, 16, 16, 16],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_features=stages,
    )


def _hgnet(t: Any, stages: list[str]) -> Any:
    return t.HGNetV2Config(
        embedding_size=8, depths=[1, 1, 1, 1], hidden_sizes=[8, 16, 16, 16], stem_channels=[3, 8, 8],
        stage_in_channels=[8, 8, 16, 16], stage_mid_channels=[8, 8, 8, 8], stage_out_channels=[8, 16, 16, 16],
        stage_num_blocks=[1, 1, 1, 1], stage_numb_of_layers=[1, 1, 1, 1],
        stage_downsample=[False, True, True, True], stage_light_block=[False] * 4, stage_kernel_size=[3] * 4,
        out_features=stages,
    )  # fmt: skip


def _spread(model: Any) -> None:
    """Fresh weights say the same of everything; these tell queries apart, and take most for people."""
    import torch

    # The boxes of these families start from small squares, which larger weights would press flat.
    moves = 0.1 if model.config.model_type in ("d_fine", "rt_detr", "rt_detr_v2") else 0.3
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if "bbox" in name:
                weights.normal_(std=moves)
            elif "class_" in name or "score_head" in name:
                weights.normal_(std=0.15)
                if weights.shape in ((len(CLASSES),), (len(CLASSES) + 1,)):
                    weights[1] = 2.5
            elif "query_position" in name or "detection_tokens" in name:
                weights.normal_(std=2)


def _see(model: Any, family: str, seen: Seen) -> None:
    """Heads without weights, only biases: what every query gives, whatever it sees."""
    import torch

    number_of_classes = model.config.num_labels
    if family in _SOFTMAX:
        rest = math.log((1 - seen.score) / number_of_classes)
        scores = torch.full((number_of_classes + 1,), rest)
        scores[seen.number] = math.log(seen.score)
    else:
        scores = torch.full((number_of_classes,), -20.0)
        scores[seen.number] = torch.logit(torch.tensor(seen.score))
    box = torch.logit(torch.tensor(seen.box))
    middle = torch.zeros(2)
    if family == "deformable_detr":
        heads = [(model.model.reference_points, middle)]
        heads += [(head, scores) for head in model.class_embed]
        heads += [(head.layers[-1], box) for head in model.bbox_embed]
    else:
        classifier = model.class_labels_classifier
        heads = [(classifier.layers[-1] if family == "yolos" else classifier, scores)]
        heads += [(model.bbox_predictor.layers[-1], box)]
    if family == "conditional_detr":
        heads += [(model.model.decoder.ref_point_head.layers[-1], middle)]
    with torch.no_grad():
        for head, bias in heads:
            head.weight.zero_()
            head.bias.copy_(bias)
