"""Our reader of tokenizer files against the package that wrote them."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from emoscene import embedded
from emoscene.errors import ModelFilesError
from emoscene.recognizers.word_level import WordLevel

OURS = WordLevel(embedded.model_folder())
THEIRS = Tokenizer.from_file(str(embedded.model_folder() / "tokenizer.json"))
KNOWN = sorted(THEIRS.get_vocab())


def of_unicode_14(text: str) -> bool:
    """Python and the package know different versions of Unicode; what both know must be equal."""
    return all(unicodedata.category(c) not in ("Cn", "Cs") for c in text + text.lower())


#: Letters that Unicode 14 or a later version gave another case.
LATER = st.characters(exclude_categories=("Cs", "Cn"), max_codepoint=0x1FFFF).filter(
    lambda c: c.isascii() or THEIRS.normalizer.normalize_str(c) == c.lower()
)
MIXED = st.lists(
    st.one_of(st.sampled_from(KNOWN), st.text(LATER, max_size=8), st.sampled_from("ΟΣ\u0301'/ _Ⓐ½"))
).map(" ".join)


def encoded(text: str, *, plain: bool) -> list[int]:
    THEIRS.encode_special_tokens = plain
    return list(THEIRS.encode(text, add_special_tokens=False).ids)


@given(MIXED.filter(of_unicode_14))
def test_ids_are_those_of_the_package(text: str) -> None:
    assert OURS.encode(text) == encoded(text, plain=True)
    assert OURS.encode_template(text) == encoded(text, plain=False)


@given(st.lists(st.sampled_from(sorted(THEIRS.get_vocab().values()))))
def test_texts_are_those_of_the_package(ids: list[int]) -> None:
    assert OURS.decode(ids) == THEIRS.decode(ids, skip_special_tokens=True)


def test_special_tokens_count_in_templates_only() -> None:
    assert OURS.encode_template("<s>user : <image>")[-1] == 4
    assert 4 not in OURS.encode("<s>user : <image>")


def changed(folder: Path, change: dict[str, Any]) -> Path:
    content = json.loads((embedded.model_folder() / "tokenizer.json").read_text("utf-8"))
    (folder / "tokenizer.json").write_text(json.dumps(content | change), "utf-8")
    return folder


@pytest.mark.parametrize(
    "change", [{"normalizer": None}, {"decoder": {"type": "Fuse"}}, {"added_tokens": []}]
)
def test_another_kind_of_tokenizer_is_refused(change: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ModelFilesError, match="another"):
        WordLevel(changed(tmp_path, change))


@pytest.mark.parametrize("change", [{"model": []}, {"added_tokens": 3}, {"model": {"type": "WordLevel"}}])
def test_a_broken_file_is_said(change: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ModelFilesError, match="broken"):
        WordLevel(changed(tmp_path, change))


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelFilesError, match="missing"):
        WordLevel(tmp_path)
