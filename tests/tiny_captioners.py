"""Tiny captioners of real architectures, random weights from a fixed seed, in folders laid out as the hub's are."""

from __future__ import annotations

import json
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.tiny_vlms import tiny_tokenizer

__all__ = ["CAPTIONERS", "save_tiny_captioner"]

_SHAPE = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
#: Larger than usual: with small random weights every picture gets the same words.
_SPREAD = {"initializer_range": 0.4}
_WORDS = (
    "a an the person child adult dog ball street kitchen beach with in on near holding red blue two".split()
)


def _word_pieces() -> Any:
    """BERT's tokenizer with whole words and single letters."""
    from transformers import BertTokenizerFast

    letters = string.ascii_lowercase
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", "[ENC]"]
    words = [*special, *_WORDS, *(c for c in letters if c not in _WORDS), *(f"##{c}" for c in letters)]
    return BertTokenizerFast(vocab={word: i for i, word in enumerate(words)}, bos_token="[DEC]")


def _vision() -> dict[str, Any]:
    return _SHAPE | _SPREAD | {"image_size": 32, "patch_size": 8}


def _blip(folder: Path) -> None:
    from transformers import BlipConfig, BlipForConditionalGeneration, BlipImageProcessorPil

    tokenizer = _word_pieces()
    text = _SHAPE | _SPREAD | {
        "vocab_size": len(tokenizer), "encoder_hidden_size": 32, "bos_token_id": 5, "eos_token_id": 2,
        "pad_token_id": 0, "sep_token_id": 3, "max_position_embeddings": 128,
    }  # fmt: skip
    config = BlipConfig(
        text_config=text, vision_config=_vision(), projection_dim=32, image_text_hidden_size=32
    )
    images = BlipImageProcessorPil(size={"height": 32, "width": 32})
    _save(
        BlipForConditionalGeneration(config), images, tokenizer, "BlipProcessor", "BlipImageProcessor", folder
    )


def _blip2(folder: Path) -> None:
    from transformers import Blip2Config, Blip2ForConditionalGeneration, BlipImageProcessorPil

    tokenizer = tiny_tokenizer({}, more=("<image>",))
    text = {
        "model_type": "opt", "vocab_size": len(tokenizer), "hidden_size": 32, "ffn_dim": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4, "word_embed_proj_dim": 32, "max_position_embeddings": 256, "init_std": 0.4,
        "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
    }  # fmt: skip
    former = _SHAPE | _SPREAD | {"encoder_hidden_size": 32, "vocab_size": 40}
    config = Blip2Config(
        vision_config=_vision(), qformer_config=former, text_config=text, num_query_tokens=4,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )  # fmt: skip
    images = BlipImageProcessorPil(size={"height": 32, "width": 32})
    _save(
        Blip2ForConditionalGeneration(config),
        images,
        tokenizer,
        "Blip2Processor",
        "BlipImageProcessor",
        folder,
    )


def _git(folder: Path) -> None:
    from transformers import CLIPImageProcessorPil, GitConfig, GitForCausalLM

    tokenizer = _word_pieces()
    config = GitConfig(
        vision_config=_vision(), vocab_size=len(tokenizer), bos_token_id=2, eos_token_id=3, pad_token_id=0,
        max_position_embeddings=128, **_SHAPE, **_SPREAD,
    )  # fmt: skip
    images = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    _save(GitForCausalLM(config), images, tokenizer, "GitProcessor", "CLIPImageProcessor", folder)


def _encoder_decoder(folder: Path) -> None:
    from transformers import GPT2Config, VisionEncoderDecoderModel, ViTConfig, ViTImageProcessorPil
    from transformers.models.vision_encoder_decoder import VisionEncoderDecoderConfig

    tokenizer = tiny_tokenizer({})
    text = GPT2Config(
        vocab_size=len(tokenizer), n_embd=32, n_layer=2, n_head=4, n_positions=128, bos_token_id=1, eos_token_id=2,
        is_decoder=True, add_cross_attention=True, **_SPREAD,
    )  # fmt: skip
    config = VisionEncoderDecoderConfig(
        encoder=ViTConfig(**_vision()).to_dict(),
        decoder=text.to_dict(),
        decoder_start_token_id=1,
        pad_token_id=0,
    )
    images = ViTImageProcessorPil(size={"height": 32, "width": 32})
    model = VisionEncoderDecoderModel(config)
    model.generation_config.decoder_start_token_id, model.generation_config.pad_token_id = 1, 0
    _save(model, images, tokenizer, "", "ViTImageProcessor", folder)


def _save(model: Any, images: Any, tokenizer: Any, processor: str, image_class: str, folder: Path) -> None:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    settings = images.to_dict() | {"image_processor_type": image_class}
    if processor:
        settings["processor_class"] = processor
    (folder / "preprocessor_config.json").write_text(json.dumps(settings, indent=2, default=str), "utf-8")


#: By `model_type`.
CAPTIONERS: dict[str, Callable[[Path], None]] = {
    "blip": _blip,
    "blip-2": _blip2,
    "git": _git,
    "vision-encoder-decoder": _encoder_decoder,
}


def save_tiny_captioner(folder: Path, family: str) -> Path:
    """A tiny model of the family in `folder`, under a megabyte. The same bytes every time."""
    import torch

    torch.manual_seed(3)
    CAPTIONERS[family](folder)
    return folder
