"""Tiny vision language models of real architectures, random weights from a fixed seed, saved as a user's would be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["FAMILIES", "save_tiny_vlm", "tiny_tokenizer"]

_TEXT = [
    "Does the person in the red box seem to feel yes no Yes No 1 2 3 4 5 6 7 8 9 10 USER: ASSISTANT: the box"
] * 20
_IM = "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
_END = "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"


def _template(picture: str) -> str:
    """A ChatML template that writes `picture` for every picture."""
    return (
        _IM
        + "{% for part in message['content'] %}{% if part['type'] == 'image' %}"
        + picture
        + "{% else %}{{ part['text'] }}{% endif %}{% endfor %}"
        + _END
    )


def tiny_tokenizer(
    special: dict[str, str], *, template: str | None = None, more: tuple[str, ...] = ()
) -> Any:
    """A byte-level BPE tokenizer; `special` names tokens by their role (`image_token`, ...), `more` has others."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    added = ["<pad>", "<s>", "</s>", "<|im_start|>", "<|im_end|>", *special.values(), *more]
    trainer = trainers.BpeTrainer(
        vocab_size=460,
        special_tokens=list(dict.fromkeys(added)),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(_TEXT, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe, pad_token="<pad>", bos_token="<s>", eos_token="<|im_end|>", padding_side="left",
        extra_special_tokens=special, chat_template=template,
    )  # fmt: skip


def _text(tokenizer: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer), "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 4096,
        "eos_token_id": tokenizer.eos_token_id, "bos_token_id": 1, "pad_token_id": 0,
        # Large enough for a misplaced position or mask to show in the logits.
        "initializer_range": 0.2,
    }  # fmt: skip


_VISION = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "image_size": 28, "patch_size": 14,
}  # fmt: skip


def _llava(folder: Path) -> None:
    from tests.tiny_llava import save_tiny_llava

    save_tiny_llava(folder)


def _llava_next(folder: Path) -> None:
    from transformers import (
        CLIPVisionConfig,
        LlamaConfig,
        LlavaNextConfig,
        LlavaNextForConditionalGeneration,
        LlavaNextImageProcessorPil,
        LlavaNextProcessor,
    )

    tokenizer = tiny_tokenizer({"image_token": "<image>"}, template=_template("<image>\n"))
    pinpoints = [[28, 56], [56, 28], [56, 56]]
    config = LlavaNextConfig(
        vision_config=CLIPVisionConfig(**_VISION), text_config=LlamaConfig(**_text(tokenizer)),
        image_token_id=tokenizer.image_token_id, image_grid_pinpoints=pinpoints, vision_feature_layer=-2,
        vision_feature_select_strategy="default", image_seq_length=4,
    )  # fmt: skip
    images = LlavaNextImageProcessorPil(
        size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}, image_grid_pinpoints=pinpoints
    )
    processor = LlavaNextProcessor(
        images, tokenizer, patch_size=14, vision_feature_select_strategy="default", image_token="<image>",
        num_additional_image_tokens=1, chat_template=tokenizer.chat_template,
    )  # fmt: skip
    _save(LlavaNextForConditionalGeneration(config), processor, folder)


_QWEN = {"image_token": "<|image_pad|>", "video_token": "<|video_pad|>"}
_QWEN_PICTURE = "<|vision_start|><|image_pad|><|vision_end|>"
_ROPE: dict[str, Any] = {"rope_type": "default", "rope_theta": 1e4}
_QWEN_MORE = ("<|vision_start|>", "<|vision_end|>")


def _qwen_images() -> Any:
    from transformers import Qwen2VLImageProcessorPil

    return Qwen2VLImageProcessorPil(
        patch_size=8, merge_size=2, temporal_patch_size=2, min_pixels=16 * 16 * 4, max_pixels=16 * 16 * 24
    )


def _qwen_ids(tokenizer: Any) -> dict[str, int]:
    return {
        "image_token_id": tokenizer.image_token_id, "video_token_id": tokenizer.video_token_id,
        "vision_start_token_id": tokenizer.convert_tokens_to_ids("<|vision_start|>"),
        "vision_end_token_id": tokenizer.convert_tokens_to_ids("<|vision_end|>"),
    }  # fmt: skip


def _qwen2_vl(folder: Path) -> None:
    from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration

    tokenizer = tiny_tokenizer(_QWEN, template=_template(_QWEN_PICTURE), more=_QWEN_MORE)
    vision = {"depth": 2, "embed_dim": 32, "hidden_size": 32, "num_heads": 4, "patch_size": 8, "mlp_ratio": 2}
    text = _text(tokenizer) | {
        "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e4}
    }
    config = Qwen2VLConfig(vision_config=vision, text_config=text, **_qwen_ids(tokenizer))
    _save_qwen(Qwen2VLForConditionalGeneration(config), "Qwen2VLProcessor", tokenizer, folder)


def _qwen2_5_vl(folder: Path) -> None:
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    tokenizer = tiny_tokenizer(_QWEN, template=_template(_QWEN_PICTURE), more=_QWEN_MORE)
    vision = {
        "depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 4, "patch_size": 8,
        "out_hidden_size": 32, "window_size": 32, "fullatt_block_indexes": [1],
    }  # fmt: skip
    text = _text(tokenizer) | {
        "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e4}
    }
    config = Qwen2_5_VLConfig(vision_config=vision, text_config=text, **_qwen_ids(tokenizer))
    _save_qwen(Qwen2_5_VLForConditionalGeneration(config), "Qwen2_5_VLProcessor", tokenizer, folder)


def _qwen3_vl(folder: Path) -> None:
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

    tokenizer = tiny_tokenizer(_QWEN, template=_template(_QWEN_PICTURE), more=_QWEN_MORE)
    vision = {
        "depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 4, "patch_size": 8,
        "out_hidden_size": 32, "deepstack_visual_indexes": [0], "num_position_embeddings": 64,
    }  # fmt: skip
    text = _text(tokenizer) | {
        "head_dim": 8,
        "rope_parameters": {
            "rope_type": "default",
            "mrope_section": [2, 1, 1],
            "rope_theta": 1e4,
            "mrope_interleaved": True,
        },
    }
    config = Qwen3VLConfig(vision_config=vision, text_config=text, **_qwen_ids(tokenizer))
    _save_qwen(Qwen3VLForConditionalGeneration(config), "Qwen3VLProcessor", tokenizer, folder)


def _qwen3_5(folder: Path) -> None:
    from transformers import Qwen3_5Config, Qwen3_5ForConditionalGeneration

    tokenizer = tiny_tokenizer(_QWEN, template=_template(_QWEN_PICTURE), more=_QWEN_MORE)
    vision = {
        "depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 4, "patch_size": 8,
        "out_hidden_size": 32, "num_position_embeddings": 64,
    }  # fmt: skip
    text = _text(tokenizer) | {
        "head_dim": 8, "layer_types": ["linear_attention", "full_attention"],
        "linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 8, "linear_value_head_dim": 8,
        "rope_parameters": _ROPE
        | {"mrope_section": [2, 1, 1], "mrope_interleaved": True, "partial_rotary_factor": 1.0},
    }  # fmt: skip
    config = Qwen3_5Config(vision_config=vision, text_config=text, **_qwen_ids(tokenizer))
    _save_qwen(Qwen3_5ForConditionalGeneration(config), "Qwen3VLProcessor", tokenizer, folder)


def _save_qwen(model: Any, processor_class: str, tokenizer: Any, folder: Path) -> None:
    _save_with_video(model, processor_class, _qwen_images(), tokenizer, folder, {})


def _idefics_parts(folder: Path, kind: str) -> None:
    import transformers

    special = {
        "image_token": "<image>", "fake_image_token": "<fake_token_around_image>",
        "global_image_token": "<global-img>", "end_of_utterance_token": "<end_of_utterance>",
    }  # fmt: skip
    rows = tuple(f"<row_{r}_col_{c}>" for r in range(1, 5) for c in range(1, 5))
    tokenizer = tiny_tokenizer(special, template=_template("<image>"), more=rows)
    vision = _VISION | {"image_size": 32, "patch_size": 8}
    config = getattr(transformers, f"{kind}Config")(
        vision_config=vision, text_config=transformers.LlamaConfig(**_text(tokenizer)), scale_factor=2,
        image_token_id=tokenizer.image_token_id, pad_token_id=0,
    )  # fmt: skip
    images = getattr(transformers, f"{kind}ImageProcessorPil")(
        size={"longest_edge": 64}, max_image_size={"longest_edge": 32}, do_image_splitting=True
    )
    model = getattr(transformers, f"{kind}ForConditionalGeneration")(config)
    _save_with_video(model, f"{kind}Processor", images, tokenizer, folder, {"image_seq_len": 4})


def _idefics3(folder: Path) -> None:
    _idefics_parts(folder, "Idefics3")


def _smolvlm(folder: Path) -> None:
    _idefics_parts(folder, "SmolVLM")


def _internvl(folder: Path) -> None:
    from transformers import (
        GotOcr2ImageProcessorPil,
        InternVLConfig,
        InternVLForConditionalGeneration,
        InternVLVisionConfig,
        Qwen2Config,
    )

    special = {
        "start_image_token": "<img>", "end_image_token": "</img>", "context_image_token": "<IMG_CONTEXT>",
        "video_token": "<video>",
    }  # fmt: skip
    tokenizer = tiny_tokenizer(special, template=_template("<IMG_CONTEXT>\n"))
    vision = InternVLVisionConfig(**(_VISION | {"image_size": [28, 28], "patch_size": [7, 7]}))
    config = InternVLConfig(
        vision_config=vision, text_config=Qwen2Config(**_text(tokenizer)), image_seq_length=4,
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"), downsample_ratio=0.5,
    )  # fmt: skip
    images = GotOcr2ImageProcessorPil(
        size={"height": 28, "width": 28}, crop_to_patches=True, min_patches=1, max_patches=4
    )
    model = InternVLForConditionalGeneration(config)
    _save_with_video(model, "InternVLProcessor", images, tokenizer, folder, {"image_seq_length": 4})


def _gemma3(folder: Path) -> None:
    from transformers import (
        Gemma3Config,
        Gemma3ForConditionalGeneration,
        Gemma3ImageProcessorPil,
        Gemma3Processor,
        Gemma3TextConfig,
        SiglipVisionConfig,
    )

    special = {
        "image_token": "<image_soft_token>",
        "boi_token": "<start_of_image>",
        "eoi_token": "<end_of_image>",
    }
    tokenizer = tiny_tokenizer(special, template=_template("<start_of_image>"))
    text = Gemma3TextConfig(
        **_text(tokenizer), head_dim=8, sliding_window=16, layer_types=["sliding_attention", "full_attention"]
    )
    config = Gemma3Config(
        vision_config=SiglipVisionConfig(**_VISION), text_config=text, mm_tokens_per_image=4,
        image_token_id=tokenizer.image_token_id, boi_token_id=tokenizer.boi_token_id,
        eoi_token_id=tokenizer.eoi_token_id,
    )  # fmt: skip
    images = Gemma3ImageProcessorPil(size={"height": 28, "width": 28})
    processor = Gemma3Processor(images, tokenizer, image_seq_length=4, chat_template=tokenizer.chat_template)
    _save(Gemma3ForConditionalGeneration(config), processor, folder)


def _save_with_video(
    model: Any, processor_class: str, images: Any, tokenizer: Any, folder: Path, options: dict[str, Any]
) -> None:
    """Processors that also read video need torchvision to be built whole; what they save is the same without."""
    import json

    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    settings = {
        "processor_class": processor_class,
        "image_processor": images.to_dict() | {"processor_class": processor_class},
        **options,
    }
    (folder / "processor_config.json").write_text(json.dumps(settings, indent=1, default=str), "utf-8")
    if tokenizer.chat_template:
        (folder / "chat_template.jinja").write_text(tokenizer.chat_template, "utf-8")


def _save(model: Any, processor: Any, folder: Path) -> None:
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


#: By `model_type`.
FAMILIES: dict[str, Callable[[Path], None]] = {
    "llava": _llava,
    "llava_next": _llava_next,
    "qwen2_vl": _qwen2_vl,
    "qwen2_5_vl": _qwen2_5_vl,
    "qwen3_vl": _qwen3_vl,
    "smolvlm": _smolvlm,
    "idefics3": _idefics3,
    "internvl": _internvl,
    "gemma3": _gemma3,
    "qwen3_5": _qwen3_5,
}


def save_tiny_vlm(folder: Path, family: str) -> Path:
    """A tiny model of the family in `folder`, as `save_pretrained` lays it out."""
    import torch

    torch.manual_seed(3)
    FAMILIES[family](folder)
    return folder
