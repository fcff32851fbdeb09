"""Regions: the person first, cells where they are, detectors of every family."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from emoscene.networks.regions import DetectorEyes, grid_regions, no_regions, stacked
from emoscene.recognizers.loading import Placement, load_model, load_processor
from tests.tiny_detectors import Seen, save_tiny_detector

_OWN = (0.25, 0.5, 0.75, 1.0)


def test_the_person_is_first_then_the_picture_then_cells() -> None:
    scene, body = torch.arange(16.0).reshape(1, 1, 4, 4), torch.full((1, 1, 4, 4), 5.0)
    body[..., 0, 1] = 21.0
    found = grid_regions(scene, body, torch.tensor([_OWN]), cells=2)
    assert found.features.shape == (1, 2 + 4 + 4, 1)
    assert found.features[0, :, 0].tolist() == [6, 7.5, 9, 5, 5, 5, 2.5, 4.5, 10.5, 12.5]
    assert found.places[0, 0].tolist() == [*_OWN, 0.25]
    assert found.places[0, 1].tolist() == [0, 0, 1, 1, 1]
    assert found.places[0, 2].tolist() == [0.25, 0.5, 0.5, 0.75, 0.0625], "cells of the crop lie in the box"
    assert found.places[0, 9].tolist() == [0.5, 0.5, 1, 1, 0.25]


def test_views_alone() -> None:
    scene = torch.arange(16.0).reshape(1, 1, 4, 4)
    boxes = torch.tensor([_OWN])
    only_scene = grid_regions(scene, None, boxes, cells=0)
    assert only_scene.features[0, :, 0].tolist() == [11.5, 7.5], "the person is the mean over the box"
    only_body = grid_regions(None, scene, boxes, cells=0)
    assert only_body.features[0, :, 0].tolist() == [7.5]
    assert only_body.places[0].tolist() == [[*_OWN, 0.25]]
    nothing = no_regions(2, 3)
    assert nothing.features.shape == (2, 1, 3)
    assert not nothing.features.any()


@pytest.mark.parametrize("family", ["detr", "conditional_detr", "rt_detr", "d_fine", "yolos"])
def test_regions_of_detectors(tmp_path: Path, family: str) -> None:
    seen = Seen((0.5, 0.5, 0.5, 0.4)) if family in ("detr", "conditional_detr", "yolos") else None
    folder = save_tiny_detector(tmp_path / family, family, seen)
    model = load_model(folder, "AutoModelForObjectDetection", Placement("cpu", "float32"))
    eyes = DetectorEyes(model, load_processor(folder), detections=3)
    wide, tall = (
        Image.effect_noise((96, 64), 90).convert("RGB"),
        Image.effect_noise((40, 80), 90).convert("RGB"),
    )
    found = eyes(wide, _OWN)
    assert found.places[0, 0].tolist() == [*_OWN, 0.25]
    assert found.places[0, 1].tolist() == [0, 0, 1, 1, 1]
    assert found.features.shape[-1] == eyes.width
    assert not torch.equal(found.features[0, 0], found.features[0, 1])
    assert 2 <= found.mask.shape[1] <= 5
    if seen is not None:
        assert found.mask.shape[1] == 3, "six queries that see the same are one region"
        assert found.places[0, 2].tolist() == pytest.approx([0.25, 0.3, 0.75, 0.7, 0.2], abs=1e-5)
    other = eyes(tall, (0.0, 0.0, 0.5, 0.5))
    both = stacked([found, other], 5)
    assert both.features.shape == (2, 5, eyes.width)
    assert both.mask.sum(dim=1).tolist() == [found.mask.shape[1], other.mask.shape[1]]
    again = eyes(wide, _OWN)
    assert torch.equal(again.features, found.features)
    assert not any(p.requires_grad for p in model.parameters())
