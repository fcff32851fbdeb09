"""Real LLaVA models, only tiny, saved as the hub's are: CLIP and Llama as in LLaVA-1.5, SigLIP and Qwen2 as in
LLaVA-Interleave; byte-level BPE, chat templates."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

__all__ = ["CHAT_TEMPLATE", "save_tiny_llava"]

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message['role'].upper() }}: "
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}<image>\n"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %} {% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
CHATML_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}<image>\n"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_TEXT = [
    "Does the person in the red box seem to feel yes no Yes No 1 2 3 4 5 6 7 8 9 10 USER: ASSISTANT:"
] * 20


def save_tiny_llava(folder: Path, tower: Literal["clip", "siglip"] = "clip") -> Path:
    """Random weights from a fixed seed, half of a megabyte, in `folder`."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import (
        CLIPImageProcessorPil,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
        PreTrainedTokenizerFast,
        Qwen2Config,
        SiglipVisionConfig,
    )

    torch.manual_seed(3)
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<pad>", "<s>", "</s>", "<image>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(_TEXT, trainer)
    template = CHAT_TEMPLATE if tower == "clip" else CHATML_TEMPLATE
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, pad_token="<pad>", bos_token="<s>", eos_token="</s>", padding_side="left",
        extra_special_tokens={"image_token": "<image>"}, chat_template=template,
    )  # fmt: skip
    shape = {
        "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4,
        "image_size": 28, "patch_size": 14,
    }  # fmt: skip
    vision = CLIPVisionConfig(**shape) if tower == "clip" else SiglipVisionConfig(**shape)
    text = (LlamaConfig if tower == "clip" else Qwen2Config)(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=2048, eos_token_id=2, pad_token_id=0,
    )  # fmt: skip
    strategy = "default" if tower == "clip" else "full"
    config = LlavaConfig(
        vision_config=vision, text_config=text, image_token_id=3, image_seq_length=4,
        vision_feature_layer=-2, vision_feature_select_strategy=strategy,
    )  # fmt: skip
    model = LlavaForConditionalGeneration(config)
    images = CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
    processor = LlavaProcessor(
        images, tokenizer, patch_size=14, vision_feature_select_strategy=strategy, image_token="<image>",
        chat_template=template, num_additional_image_tokens=1 if tower == "clip" else 0,
    )  # fmt: skip
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
