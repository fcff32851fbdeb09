"""A small LLaVA from nothing: tokenizer with chat template, processor, model, in the layout that the hub uses."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emoscene.training.scenes_llava.shape import Recipe

if TYPE_CHECKING:
    from transformers import LlavaForConditionalGeneration, LlavaProcessor, PreTrainedTokenizerFast

__all__ = ["CHAT_TEMPLATE", "SPECIALS", "build_model", "build_processor", "build_tokenizer", "save"]

SPECIALS = ("<pad>", "<unk>", "<s>", "</s>", "<image>")

CHAT_TEMPLATE = (
    "{{ '<s>' }}{% for message in messages %}{{ message['role'] }} :"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %} <image>{% else %} {{ part['text'] }}{% endif %}"
    "{% endfor %}{% if message['role'] == 'assistant' %}</s>{% endif %} {% endfor %}"
    "{% if add_generation_prompt %}assistant :{% endif %}"
)


def build_tokenizer(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """A word-level tokenizer over all words of `texts`, lower case, punctuation apart."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = sorted({w for text in texts for w in re.findall(r"[\w/]+|[^\w\s]", text.lower())} - set(SPECIALS))
    vocabulary = {word: index for index, word in enumerate([*SPECIALS, *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\w/]+|[^\w\s]"), "removed", invert=True)
    tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=True)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>", unk_token="<unk>", bos_token="<s>", eos_token="</s>",
        extra_special_tokens={"image_token": "<image>"},
        padding_side="left",
        model_max_length=640,
        chat_template=CHAT_TEMPLATE,
    )  # fmt: skip


def build_processor(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> LlavaProcessor:
    """The picture scaled to a square (bicubic), to -1..1, beside the tokenizer."""
    from transformers import CLIPImageProcessorPil, LlavaProcessor

    side = {"height": recipe.tower.size, "width": recipe.tower.size}
    images = CLIPImageProcessorPil(
        do_resize=True, size=side, resample=3, do_center_crop=False, do_rescale=True,
        do_normalize=True, image_mean=[0.5] * 3, image_std=[0.5] * 3, do_convert_rgb=True,
    )  # fmt: skip
    return LlavaProcessor(
        images, tokenizer, patch_size=_stride(recipe), vision_feature_select_strategy="full",
        chat_template=CHAT_TEMPLATE, image_token="<image>", num_additional_image_tokens=0,
    )  # fmt: skip


def build_model(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> LlavaForConditionalGeneration:
    """Random weights from the recipe's seed; ReLU in the tower, since CPUs are slow at the others."""
    import torch
    from transformers import LlamaConfig, LlavaConfig, LlavaForConditionalGeneration, SwinConfig

    torch.manual_seed(recipe.seed)
    t, d = recipe.tower, recipe.decoder
    tower = SwinConfig(
        image_size=t.size, patch_size=t.patch, embed_dim=t.embed, depths=list(t.depths),
        num_heads=list(t.heads), window_size=t.window, hidden_act="relu", drop_path_rate=0.0,
    )  # fmt: skip
    decoder = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=d.hidden, intermediate_size=d.intermediate,
        num_hidden_layers=d.layers, num_attention_heads=d.heads, num_key_value_heads=d.heads,
        max_position_embeddings=d.context, tie_word_embeddings=True,
        pad_token_id=0, bos_token_id=2, eos_token_id=3,
    )  # fmt: skip
    config = LlavaConfig(
        vision_config=tower, text_config=decoder, image_token_id=4, image_seq_length=cells(recipe) ** 2,
        vision_feature_layer=-1, vision_feature_select_strategy="full", tie_word_embeddings=True,
    )  # fmt: skip
    return LlavaForConditionalGeneration(config)


def cells(recipe: Recipe) -> int:
    """How many cells a side the tower sees at its end."""
    return recipe.tower.size // _stride(recipe)


def save(folder: Path, model: Any, processor: Any) -> None:
    """Write model (half precision), tokenizer and processor as a plain folder that any loader reads."""
    import torch

    model.to(torch.float16).save_pretrained(folder)
    processor.save_pretrained(folder)
    model.to(torch.float32)


def _stride(recipe: Recipe) -> int:
    return int(recipe.tower.patch * 2 ** (len(recipe.tower.depths) - 1))
