"""Models of real shapes with random weights: the right size and cost, and no sense.

    smolvlm-256m      SmolVLM-256M, one tile of 512 x 512
    llava-1.5-7b      LLaVA-1.5 7B
    qwen2.5-vl-7b     Qwen2.5-VL 7B
    tiny              SmolVLM's parts in miniature, to try a benchmark

Tokenizers are trained on the spot on the prompts and labels that are asked, so that a label takes about three tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from emoscene.labels import label_space

__all__ = ["SHAPES", "Shape", "build"]

_CHAT = (
    "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}:"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}PICTURE{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}<end_of_utterance>\n{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
)
_SAID = "Answer yes or no Yes No. Does the person in the red box seem to feel 1 2 3 4 5 6 7 8 9 10 User: Assistant:"


@dataclass(frozen=True)
class Shape:
    """A built model with its processor, and the multiplications of one pass through a linear layer's weights."""

    model: Any
    processor: Any
    language_weights: int
    vision_flop: float


def build(name: str, device: str = "cpu", dtype: torch.dtype = torch.float32) -> Shape:
    """The model of that name, random weights from a fixed seed."""
    torch.manual_seed(0)
    with torch.device(device):
        default = torch.get_default_dtype()
        torch.set_default_dtype(dtype)
        try:
            model, processor, vision_flop = SHAPES[name]()
        finally:
            torch.set_default_dtype(default)
    decoder = model.get_decoder()
    weights = sum(p.numel() for n, p in decoder.named_parameters() if p.ndim == 2 and "embed" not in n)
    return Shape(model.eval(), processor, weights, vision_flop)


def tokenizer(special: dict[str, str], picture: str, more: tuple[str, ...] = ()) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    space = label_space("emotic")
    texts = [_SAID] * 30 + [label.name.lower()[:10] for label in space] * 3
    texts += [label.definition for label in space]
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    added = ["<pad>", "<s>", "<|im_start|>", "<end_of_utterance>", *special.values(), *more]
    trainer = trainers.BpeTrainer(
        vocab_size=1000, special_tokens=list(dict.fromkeys(added)), show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    bpe.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe, pad_token="<pad>", bos_token="<s>", eos_token="<end_of_utterance>",
        extra_special_tokens=special, chat_template=_CHAT.replace("PICTURE", picture),
    )  # fmt: skip


def _smolvlm(text: dict[str, int], vision: dict[str, int], size: int, scale: int) -> tuple[Any, Any, float]:
    from transformers import (
        Idefics3ImageProcessorPil,
        Idefics3Processor,
        LlamaConfig,
        SmolVLMConfig,
        SmolVLMForConditionalGeneration,
    )

    special = {
        "image_token": "<image>", "fake_image_token": "<fake_token_around_image>",
        "global_image_token": "<global-img>", "end_of_utterance_token": "<end_of_utterance>",
    }  # fmt: skip
    tokens = tokenizer(special, "<image>")
    config = SmolVLMConfig(
        vision_config=vision, text_config=LlamaConfig(**text, max_position_embeddings=8192, pad_token_id=0),
        scale_factor=scale, image_token_id=tokens.image_token_id, tie_word_embeddings=False, pad_token_id=0,
    )  # fmt: skip
    images = Idefics3ImageProcessorPil(
        size={"longest_edge": size}, max_image_size={"longest_edge": size}, do_image_splitting=False
    )
    patches = (size // vision["patch_size"]) ** 2
    processor = Idefics3Processor(
        images, tokens, image_seq_len=patches // scale**2, chat_template=tokens.chat_template
    )
    wide, deep, inner = vision["hidden_size"], vision["num_hidden_layers"], vision["intermediate_size"]
    flop = 2.0 * deep * (4 * wide**2 + 2 * wide * inner) * patches + 4.0 * deep * wide * patches**2
    model = SmolVLMForConditionalGeneration(config)
    return model, processor, flop


def _smolvlm_256m() -> tuple[Any, Any, float]:
    text = {
        "vocab_size": 49280, "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30,
        "num_attention_heads": 9, "num_key_value_heads": 3,
    }  # fmt: skip
    vision = {
        "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
        "image_size": 512, "patch_size": 16,
    }  # fmt: skip
    return _smolvlm(text, vision, 512, 4)


def _tiny() -> tuple[Any, Any, float]:
    text = {
        "vocab_size": 1000, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 3,
        "num_attention_heads": 4, "num_key_value_heads": 2,
    }  # fmt: skip
    vision = {
        "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
        "image_size": 128, "patch_size": 16,
    }  # fmt: skip
    return _smolvlm(text, vision, 128, 2)


def _llava_7b() -> tuple[Any, Any, float]:
    from transformers import (
        CLIPImageProcessorPil,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
    )

    tokens = tokenizer({"image_token": "<image>"}, "<image>\n")
    vision = CLIPVisionConfig(
        hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16, image_size=336,
        patch_size=14, projection_dim=768,
    )  # fmt: skip
    config = LlavaConfig(
        vision_config=vision, text_config=LlamaConfig(vocab_size=32064, pad_token_id=0),
        image_token_id=tokens.image_token_id, image_seq_length=576,
    )  # fmt: skip
    processor = LlavaProcessor(
        CLIPImageProcessorPil(size={"shortest_edge": 336}, crop_size={"height": 336, "width": 336}), tokens,
        patch_size=14, vision_feature_select_strategy="default", chat_template=tokens.chat_template,
        num_additional_image_tokens=1,
    )  # fmt: skip
    return LlavaForConditionalGeneration(config), processor, 389e9


def _qwen_7b() -> tuple[Any, Any, float]:
    from transformers import (
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen2_5_VLProcessor,
        Qwen2VLImageProcessorPil,
    )

    special = {"image_token": "<|image_pad|>", "video_token": "<|video_pad|>"}
    picture = "<|vision_start|><|image_pad|><|vision_end|>"
    tokens = tokenizer(special, picture, ("<|vision_start|>", "<|vision_end|>"))
    text = {
        "vocab_size": 152064, "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28,
        "num_attention_heads": 28, "num_key_value_heads": 4, "pad_token_id": 0,
        "rope_parameters": {"rope_type": "default", "mrope_section": [16, 24, 24], "rope_theta": 1e6},
    }  # fmt: skip
    ids = {
        "image_token_id": tokens.image_token_id, "video_token_id": tokens.video_token_id,
        "vision_start_token_id": tokens.convert_tokens_to_ids("<|vision_start|>"),
        "vision_end_token_id": tokens.convert_tokens_to_ids("<|vision_end|>"),
    }  # fmt: skip
    config = Qwen2_5_VLConfig(
        vision_config={"hidden_size": 1280, "out_hidden_size": 3584}, text_config=text, **ids
    )
    from emoscene.recognizers.loading import still_processor

    processor = still_processor(Qwen2_5_VLProcessor)(
        Qwen2VLImageProcessorPil(max_pixels=1_003_520), tokens, None, chat_template=tokens.chat_template
    )
    return Qwen2_5_VLForConditionalGeneration(config), processor, 2075e9


SHAPES = {
    "smolvlm-256m": _smolvlm_256m,
    "llava-1.5-7b": _llava_7b,
    "qwen2.5-vl-7b": _qwen_7b,
    "tiny": _tiny,
}
