"""Tiny dual encoders of real architectures, random weights from a fixed seed, saved as a user's would be."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

__all__ = ["Kind", "save_tiny_clip"]

Kind = Literal["clip", "siglip", "siglip2"]

_TEXT = ["a photo of a person who seems to feel happy sad angry calm in the red box at home"] * 20
_TOWER = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}


def save_tiny_clip(folder: Path, kind: Kind = "clip") -> Path:
    """A model of that kind in `folder`, with its tokenizer and image processor."""
    import torch

    torch.manual_seed(3)
    model, images, tokenizer = {"clip": _clip, "siglip": _siglip, "siglip2": _siglip2}[kind]()
    model.save_pretrained(folder)
    images.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _bpe(special: list[str]) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    bpe = Tokenizer(models.BPE(unk_token="<unk>"))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )  # fmt: skip
    bpe.train_from_iterator(_TEXT, trainer)
    return bpe


def _clip() -> tuple[Any, Any, Any]:
    from tokenizers import processors
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, PreTrainedTokenizerFast

    bpe = _bpe(["<unk>", "<|startoftext|>", "<|endoftext|>"])
    bpe.post_processor = processors.TemplateProcessing(
        single="<|startoftext|> $A <|endoftext|>",
        special_tokens=[("<|startoftext|>", 1), ("<|endoftext|>", 2)],
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, unk_token="<unk>", bos_token="<|startoftext|>", eos_token="<|endoftext|>",
        pad_token="<|endoftext|>", model_max_length=77,
    )  # fmt: skip
    config = CLIPConfig(
        text_config=_TOWER | {
            "vocab_size": len(tokenizer), "max_position_embeddings": 77, "eos_token_id": 2, "bos_token_id": 1,
            "pad_token_id": 2,
        },
        vision_config=_TOWER | {"image_size": 32, "patch_size": 8}, projection_dim=24,
    )  # fmt: skip
    images = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    return CLIPModel(config), images, tokenizer


def _siglip() -> tuple[Any, Any, Any]:
    from transformers import SiglipConfig, SiglipImageProcessorPil, SiglipModel

    tokenizer = _sentencepiece_like()
    config = SiglipConfig(
        text_config=_TOWER | {"vocab_size": len(tokenizer), "max_position_embeddings": 64, "pad_token_id": 0},
        vision_config=_TOWER | {"image_size": 32, "patch_size": 8},
    )
    return SiglipModel(config), SiglipImageProcessorPil(size={"height": 32, "width": 32}), tokenizer


def _siglip2() -> tuple[Any, Any, Any]:
    from transformers import Siglip2Config, Siglip2ImageProcessorPil, Siglip2Model

    tokenizer = _sentencepiece_like()
    config = Siglip2Config(
        text_config=_TOWER | {"vocab_size": len(tokenizer), "max_position_embeddings": 64, "pad_token_id": 0},
        vision_config=_TOWER | {"patch_size": 8, "num_patches": 16},
    )
    return Siglip2Model(config), Siglip2ImageProcessorPil(patch_size=8, max_num_patches=16), tokenizer


def _sentencepiece_like() -> Any:
    from tokenizers import processors
    from transformers import PreTrainedTokenizerFast

    bpe = _bpe(["<pad>", "<eos>", "<bos>", "<unk>"])
    bpe.post_processor = processors.TemplateProcessing(single="$A <eos>", special_tokens=[("<eos>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe, pad_token="<pad>", eos_token="<eos>", bos_token="<bos>", unk_token="<unk>",
        model_max_length=64,
    )  # fmt: skip
