"""The recipes for EMOTIC that the tutorial names in passing: each trains on the miniature with a tiny model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emoscene.cli import main
from emoscene.datasets.emotic_mini import write_emotic
from tests.tiny_clip import save_tiny_clip


@pytest.fixture
def mini(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_emotic(tmp_path / "EMOTIC", people=60, size=64)
    return tmp_path


def tiny_resnet(folder: Path) -> Path:
    import torch
    from transformers import ResNetConfig, ResNetModel

    torch.manual_seed(0)
    config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic")
    ResNetModel(config).save_pretrained(folder)
    return folder


def trained(recipe: str, *changes: str) -> None:
    sets = [word for change in (*changes, "schedule.epochs=1") for word in ("--set", change)]
    assert main(["train", recipe, *sets, "--out", "run"]) == 0
    manifest = json.loads(Path("run/manifest.json").read_text("utf-8"))
    assert manifest["finished"] is True
    assert Path("run/MODEL_CARD.md").is_file()
    asked = ["eval", "run", "--dataset", "emotic", "--root", "EMOTIC", "--split", "val", "--model", "run"]
    assert main([*asked, "--out", "answers"]) == 0
    rows = Path("answers/rows.jsonl").read_text("utf-8").splitlines()
    assert all(len(json.loads(row)["scores"]) == 26 for row in rows)


@pytest.mark.slow
def test_a_head_on_clip(mini: Path) -> None:
    trained("emotic-clip-head", f"model={save_tiny_clip(mini / 'clip')}")


@pytest.mark.slow
def test_the_emotic_cnn(mini: Path) -> None:
    trained("emotic-cnn-train", f"tower={tiny_resnet(mini / 'resnet')}")
