"""A tiny causal language model of a real architecture, random weights from a fixed seed, in a folder of its own."""

from __future__ import annotations

from pathlib import Path

from tests.tiny_vlms import tiny_tokenizer

__all__ = ["save_tiny_language"]

_CHAT = (
    "{{ bos_token }}{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def save_tiny_language(folder: Path) -> Path:
    """A Llama with a chat template, under a megabyte. The same bytes every time."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(3)
    tokenizer = tiny_tokenizer({}, template=_CHAT)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, initializer_range=0.2, eos_token_id=4, pad_token_id=0,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
