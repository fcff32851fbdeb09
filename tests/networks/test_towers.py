"""Vision models of transformers as grids, and means over boxes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from emoscene.errors import ModelFilesError, OptionError
from emoscene.networks.towers import Tower, build_tower, pooled, take_weights, vision_part
from tests.networks.tiny import RESNET, TOWERS


@pytest.mark.parametrize("name", sorted(TOWERS))
def test_every_kind_of_tower_gives_a_grid(name: str) -> None:
    config, side, width, cells = TOWERS[name]
    torch.manual_seed(0)
    tower = build_tower(config, side).eval()
    assert (tower.width, tower.rows, tower.columns) == (width, cells, cells)
    pixels = torch.rand(2, 3, side, side)
    grid = tower(pixels)
    assert grid.shape == (2, width, cells, cells)
    assert grid[0].std() > 0


@pytest.mark.parametrize("name", ["vit", "clip_vision_model", "siglip_vision_model", "dinov2_with_registers"])
def test_tokens_lie_where_their_patches_are(name: str) -> None:
    """A change in the upper right corner moves that cell most, class and register tokens notwithstanding."""
    config, side, _, _ = TOWERS[name]
    torch.manual_seed(1)
    tower = build_tower(config, side).eval()
    one = torch.zeros(1, 3, side, side)
    two = one.clone()
    two[..., :8, -8:] = 3.0
    with torch.inference_mode():
        moved = (tower(two) - tower(one)).abs().sum(dim=1)[0]
    assert moved.argmax() == tower.columns - 1


def test_means_over_boxes_weigh_cells_by_their_share() -> None:
    grid = torch.arange(16.0).reshape(1, 1, 4, 4)
    boxes = torch.tensor([[[0, 0, 1, 1], [0, 0, 0.25, 0.25], [0.125, 0, 0.5, 0.25], [0.5, 0.5, 0.5, 0.5]]])
    found = pooled(grid, boxes)[0, :, 0]
    assert found.tolist() == pytest.approx([7.5, 0.0, (0 * 0.5 + 1) / 1.5, 10.0])


def test_means_over_boxes_as_by_fine_sampling() -> None:
    rng = np.random.default_rng(2)
    grid = torch.from_numpy(rng.normal(size=(1, 3, 5, 7)))
    corners = np.sort(rng.random((6, 2, 2)), axis=1)
    boxes = torch.from_numpy(corners.reshape(6, 4))[None]
    found = pooled(grid, boxes.float())[0].numpy()
    for box, value in zip(boxes[0].numpy(), found, strict=True):
        x = np.linspace(box[0], box[2], 401)[:-1] + (box[2] - box[0]) / 800
        y = np.linspace(box[1], box[3], 401)[:-1] + (box[3] - box[1]) / 800
        rows, columns = (y * 5).astype(int), (x * 7).astype(int)
        wanted = grid[0].numpy()[:, rows][:, :, columns].mean(axis=(1, 2))
        np.testing.assert_allclose(value, wanted, atol=2e-2)


def test_a_frozen_tower_is_not_trained_and_stays_in_evaluation_mode() -> None:
    tower = build_tower(RESNET, 64, frozen=True)
    tower.train()
    assert not tower.model.training
    before = {name: value.clone() for name, value in tower.state_dict().items()}
    assert not tower(torch.rand(4, 3, 64, 64)).requires_grad
    assert all(torch.equal(before[name], value) for name, value in tower.state_dict().items())


def test_making_a_tower_does_not_move_its_statistics() -> None:
    tower = build_tower(RESNET, 64)
    assert tower.training
    counts = [v for name, v in tower.state_dict().items() if name.endswith("num_batches_tracked")]
    assert all(int(count) == 0 for count in counts)


def test_weights_of_a_model_for_pictures_and_text() -> None:
    from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPVisionConfig

    config, side, _, _ = TOWERS["clip_vision_model"]
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    vision = CLIPVisionConfig(**{k: v for k, v in config.items() if k != "model_type"})
    text = CLIPTextConfig(**small, vocab_size=40, bos_token_id=1, eos_token_id=2, pad_token_id=0)
    clip = CLIPModel(CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=8))
    clip.eval()
    part = vision_part(clip)
    tower = build_tower(config, side).eval()
    take_weights(tower, part)
    pixels = torch.rand(1, 3, side, side)
    wanted = clip.vision_model(pixel_values=pixels).last_hidden_state[:, 1:]
    assert torch.allclose(tower(pixels).flatten(2).transpose(1, 2), wanted, atol=1e-6)
    with pytest.raises(ModelFilesError, match="do not fit"):
        take_weights(build_tower(RESNET, 64), part)


def test_what_is_no_tower() -> None:
    with pytest.raises(OptionError, match="no vision tower"):
        build_tower({"model_type": "no-such-type"}, 64)
    with pytest.raises(OptionError, match="takes no pictures"):
        build_tower({"model_type": "bert", "hidden_size": 16, "num_attention_heads": 2, "vocab_size": 9}, 64)
    with pytest.raises(OptionError, match="takes no pictures"):
        build_tower(TOWERS["vit"][0], 48)
    assert isinstance(build_tower(TOWERS["vit"][0], 32), Tower)
