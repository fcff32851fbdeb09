"""Tiny dual encoders of real architectures, random weights from a fixed seed, in folders laid out as the hub's are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

__all__ = ["KINDS", "Kind", "clip_tokenizer", "save_tiny_clip"]

Kind = Literal["clip", "siglip", "siglip2"]
KINDS: tuple[Kind, ...] = ("clip", "siglip", "siglip2")

_TEXT = ["a photo of a person who feels happiness sadness anger fear and peace in a picture"] * 20
#: Random projections leave all pictures nearly alike; larger weights tell them apart.
_SPREAD = {"initializer_factor": 4.0}


def _shape(**more: Any) -> dict[str, Any]:
    layers = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    return layers | more


def clip_tokenizer(vocabulary: dict[str, int], merges: list[tuple[str, str]], limit: int = 77) -> Any:
    """CLIP's tokenizer of a byte-pair vocabulary that ends with the tokens for start and end of text."""
    from transformers import CLIPTokenizer

    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=limit)


def _tiny_clip_tokenizer() -> Any:
    """Single characters, alone and at the end of a word, and the two special tokens, as in CLIP's own vocabulary."""
    from tokenizers import pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    return clip_tokenizer({word: i for i, word in enumerate(words)}, [], limit=77)


def _clip(folder: Path, image_size: int = 32) -> None:
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPTextConfig, CLIPVisionConfig

    tokenizer = _tiny_clip_tokenizer()
    text = CLIPTextConfig(
        **_shape(**_SPREAD), vocab_size=len(tokenizer), max_position_embeddings=77,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=1,
    )  # fmt: skip
    vision = CLIPVisionConfig(**_shape(**_SPREAD), image_size=image_size, patch_size=8)
    config = CLIPConfig(
        text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=24, **_SPREAD
    )
    square = {"height": image_size, "width": image_size}
    images = CLIPImageProcessorPil(size={"shortest_edge": image_size}, crop_size=square)
    _save(CLIPModel(config), images, tokenizer, "CLIPProcessor", "CLIPImageProcessor", folder)


def _siglip(folder: Path) -> None:
    from transformers import SiglipConfig, SiglipImageProcessorPil, SiglipModel

    tokenizer = _sentence_pieces({"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "</s>"}, 64)
    text = _shape(vocab_size=len(tokenizer), max_position_embeddings=64, projection_size=32)
    text |= {"eos_token_id": 1, "bos_token_id": 1, "pad_token_id": 1}
    config = SiglipConfig(text_config=text, vision_config=_shape(image_size=32, patch_size=8))
    images = SiglipImageProcessorPil(size={"height": 32, "width": 32})
    model = _with_scale(SiglipModel(config))
    _save(model, images, tokenizer, "SiglipProcessor", "SiglipImageProcessor", folder)
    # The class whose name the hub's folders carry needs a package for sentence pieces and its own file.
    _rewrite(folder / "tokenizer_config.json", tokenizer_class="SiglipTokenizer")


def _siglip2(folder: Path) -> None:
    from transformers import Siglip2Config, Siglip2ImageProcessorPil, Siglip2Model

    names = {"eos_token": "<eos>", "unk_token": "<unk>", "pad_token": "<pad>", "bos_token": "<bos>"}
    tokenizer = _sentence_pieces(names, 10**30)
    text = _shape(vocab_size=len(tokenizer), max_position_embeddings=64, projection_size=32)
    config = Siglip2Config(text_config=text, vision_config=_shape(patch_size=8, num_patches=16))
    images = Siglip2ImageProcessorPil(patch_size=8, max_num_patches=20)
    model = _with_scale(Siglip2Model(config))
    _save(model, images, tokenizer, "Siglip2Processor", "Siglip2ImageProcessor", folder)
    _rewrite(folder / "tokenizer_config.json", tokenizer_class="GemmaTokenizerFast")


def _with_scale(model: Any) -> Any:
    """A scale and a bias as training leaves them; untrained ones are 0."""
    model.logit_scale.data.fill_(4.5)
    model.logit_bias.data.fill_(-12.0)
    return model


def _sentence_pieces(names: dict[str, str], limit: int) -> Any:
    """Lower-case pieces with spaces as part of them, and the end token after every text."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    special = list(dict.fromkeys(["<pad>", *names.values(), "<mask>"]))
    pieces = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    pieces.normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.Replace(" ", "▁")])
    pieces.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    pieces.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    in_bytes = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=420, special_tokens=[*special, *in_bytes], show_progress=False)
    pieces.train_from_iterator(_TEXT, trainer)
    end = names["eos_token"]
    pieces.post_processor = processors.TemplateProcessing(
        single=f"$A {end}", special_tokens=[(end, pieces.token_to_id(end))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=pieces, model_max_length=limit, padding_side="right", **names,
        model_input_names=["input_ids"],
    )  # fmt: skip


def _save(model: Any, images: Any, tokenizer: Any, processor: str, image_class: str, folder: Path) -> None:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    settings = images.to_dict() | {"image_processor_type": image_class, "processor_class": processor}
    (folder / "preprocessor_config.json").write_text(json.dumps(settings, indent=2, default=str), "utf-8")


def _rewrite(file: Path, **changed: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | changed, indent=2), "utf-8")


_MAKE: dict[Kind, Callable[..., None]] = {"clip": _clip, "siglip": _siglip, "siglip2": _siglip2}


def save_tiny_clip(folder: Path, kind: Kind = "clip", **options: int) -> Path:
    """A tiny model of the kind in `folder`, half of a megabyte. The same bytes every time.

    CLIP takes the option `image_size`, in pixels a side.
    """
    import torch

    torch.manual_seed(3)
    _MAKE[kind](folder, **options)
    return folder
