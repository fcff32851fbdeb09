"""Loading models and processors of transformers from a folder: safetensors only, no code of the folder, no network.

What is missing from the files is an error and never random numbers. Processors load with and without torchvision.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emoscene.errors import MissingExtraError, ModelFilesError, OptionError

__all__ = [
    "Placement",
    "load_image_processor",
    "load_model",
    "load_processor",
    "load_tokenizer",
    "quiet",
    "still_processor",
]

_AGAIN = "Pull, convert or train the folder again."
_LOCAL = {"local_files_only": True, "trust_remote_code": False}


@dataclass(frozen=True)
class Placement:
    """Where a model runs and in which numbers.

    `device`: `auto` takes a GPU if there is one. `dtype`: `auto` is float32 on the CPU, else bfloat16.
    """

    device: str = "auto"
    dtype: str = "auto"

    def resolve(self) -> tuple[str, Any]:
        """The torch device and dtype.

        Raises:
            MissingExtraError: if torch is not installed.
            OptionError: if there is no such dtype.
        """
        torch = _torch()
        device = ("cuda" if torch.cuda.is_available() else "cpu") if self.device == "auto" else self.device
        kinds = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
        kinds["auto"] = torch.float32 if device == "cpu" else torch.bfloat16
        if self.dtype not in kinds:
            raise OptionError(
                "there is no such dtype", value=self.dtype, remedy=f"Choose one of {', '.join(kinds)}."
            )
        return device, kinds[self.dtype]


def load_model(folder: Path, auto_class: str, placement: Placement) -> Any:
    """A model of `folder`, in evaluation mode, on its device.

    Args:
        folder: In Hugging Face layout.
        auto_class: The name of a class of transformers, such as `AutoModelForImageTextToText`.
        placement: Where it runs.

    Raises:
        MissingExtraError: if torch or transformers is not installed.
        ModelFilesError: if files are missing, broken or not safetensors.
        OptionError: if the device or dtype cannot be used.
    """
    device, dtype = placement.resolve()
    transformers = _transformers()
    with _readable(folder, "weights or configuration"), quiet(transformers):
        model, info = getattr(transformers, auto_class).from_pretrained(
            folder, dtype=dtype, use_safetensors=True, output_loading_info=True, **_LOCAL
        )
    lacking = sorted(info["missing_keys"]) + sorted(str(key) for key in info["mismatched_keys"])
    if lacking:
        # Without this they would be random numbers, and the answers too.
        raise ModelFilesError(
            f"{len(lacking)} of the model's weights are missing from its files, such as",
            value=lacking[0],
            remedy=_AGAIN,
        )
    try:
        return model.eval().to(device)
    except (RuntimeError, AssertionError):
        raise OptionError(
            "this device cannot be used", value=placement.device, remedy="Try -o device=cpu."
        ) from None


def load_tokenizer(folder: Path, auto_class: str = "AutoTokenizer") -> Any:
    """The tokenizer of a folder, by a class of transformers. Raises as `load_processor`."""
    transformers = _transformers()
    with _readable(folder, "tokenizer"), quiet(transformers):
        return getattr(transformers, auto_class).from_pretrained(folder, **_LOCAL)


def load_image_processor(folder: Path) -> Any:
    """The image processor of a folder, without torchvision. Raises as `load_processor`."""
    transformers = _transformers()
    with _readable(folder, "image processor"), quiet(transformers):
        return _auto_images().from_pretrained(folder, backend="pil", **_LOCAL)


def load_processor(folder: Path) -> Any:
    """The processor of a folder, for pictures and text; of processors for video too, only that part.

    Raises:
        MissingExtraError: if transformers is not installed.
        ModelFilesError: if its files are missing or broken.
    """
    transformers = _transformers()
    with _readable(folder, "processor"):
        from transformers.utils import is_torchvision_available

        if is_torchvision_available():
            return transformers.AutoProcessor.from_pretrained(folder, **_LOCAL)
        return _without_video(transformers, folder)


def _without_video(transformers: Any, folder: Path) -> Any:
    """Video processors need torchvision; a processor that has one is put together without it."""
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

    config = transformers.AutoConfig.from_pretrained(folder, **_LOCAL)
    if type(config) not in PROCESSOR_MAPPING:
        return transformers.AutoProcessor.from_pretrained(folder, **_LOCAL)
    whole = PROCESSOR_MAPPING[type(config)]
    if "video_processor" not in whole.get_attributes():
        return transformers.AutoProcessor.from_pretrained(folder, **_LOCAL)
    still = still_processor(whole)
    settings, _ = whole.get_processor_dict(folder, **_LOCAL)
    known = set(inspect.signature(whole.__init__).parameters) - {"self", *whole.get_attributes()}
    images = _auto_images().from_pretrained(folder, backend="pil", **_LOCAL)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **_LOCAL)
    return still(images, tokenizer, None, **{k: v for k, v in settings.items() if k in known})


def still_processor(whole: Any) -> Any:
    """A processor class for pictures and video as one for pictures alone."""
    parts = [part for part in whole.get_attributes() if part != "video_processor"]
    # The processor reads these numbers of its video processor even when it is given pictures alone.
    no_video = types.SimpleNamespace(num_frames=1, fps=1, merge_size=1)
    methods = {"get_attributes": classmethod(lambda cls: parts), "video_processor": no_video}
    return type(whole.__name__, (whole,), methods)


@contextmanager
def _readable(folder: Path, part: str) -> Iterator[None]:
    try:
        yield
    except (MissingExtraError, OptionError):
        raise
    except ImportError as missing:
        name = getattr(missing, "name", None)
        if name:
            raise MissingExtraError.of("models", name) from None
        raise ModelFilesError(
            f"the model's {part} cannot be loaded: {str(missing).strip().splitlines()[0]}",
            value=folder,
            remedy='Install what it needs, or try: pip install "emoscene[models]"',
        ) from None
    # Damaged files raise what they please: tokenizers a bare Exception, safetensors and jinja errors of their own.
    except Exception as error:
        raise ModelFilesError(
            f"the model's {part} cannot be loaded", value=f"{folder} ({type(error).__name__})", remedy=_AGAIN
        ) from error


@contextmanager
def quiet(transformers: Any) -> Iterator[None]:
    """Loading and saving take a moment; their bars and reports would stand between the lines of an answer."""
    settings = transformers.utils.logging
    shown, level = settings.is_progress_bar_enabled(), settings.get_verbosity()
    settings.disable_progress_bar()
    settings.set_verbosity_error()
    try:
        yield
    finally:
        settings.set_verbosity(level)
        if shown:
            settings.enable_progress_bar()


def _auto_images() -> Any:
    """`AutoImageProcessor` from where it lives: older releases do not hand it out without torchvision."""
    from transformers.models.auto.image_processing_auto import AutoImageProcessor

    return AutoImageProcessor


def _torch() -> Any:
    try:
        import torch
    except ImportError as missing:
        raise MissingExtraError.of("models", missing.name or "torch") from None
    return torch


def _transformers() -> Any:
    _torch()
    try:
        import transformers
    except ImportError as missing:
        raise MissingExtraError.of("models", missing.name or "transformers") from None
    return transformers
