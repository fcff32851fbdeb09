"""A tiny sentence encoder: BERT with random weights from a fixed seed, in a folder as the hub lays it out."""

from __future__ import annotations

import json
import string
from pathlib import Path

__all__ = ["save_tiny_sentences"]


def save_tiny_sentences(folder: Path) -> Path:
    """Whole letters and a few words, mean pooling. The same bytes every time."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    torch.manual_seed(3)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = "the person is sad angry happy feels this that who".split()
    letters = string.ascii_lowercase
    vocabulary = [*special, *words, *letters, *(f"##{letter}" for letter in letters), ".", ",", ":"]
    tokenizer = BertTokenizerFast(vocab={w: i for i, w in enumerate(vocabulary)}, model_max_length=512)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=512, initializer_range=0.2,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "1_Pooling").mkdir(exist_ok=True)
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_mean_tokens": True}), "utf-8")
    return folder
