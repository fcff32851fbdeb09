"""The tokenizer file of the models that emoscene trains, read without the package `tokenizers`.

Words are runs of letters, marks, digits and slashes; anything else that is no space stands alone; case is dropped.
Any other kind of tokenizer is refused. Ids and texts equal those of `tokenizers` on the same file.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from emoscene.errors import ModelFilesError

__all__ = ["WordLevel"]

_FILE = "tokenizer.json"
#: What the file must say of its parts to be one that is read here.
_PARTS = {
    "normalizer": {"type": "Lowercase"},
    "pre_tokenizer": {
        "type": "Split", "pattern": {"Regex": r"[\w/]+|[^\w\s]"}, "behavior": "Removed", "invert": True,
    },
    "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
}  # fmt: skip
_PIECE = re.compile(r"w+|\.")
_WORD_CATEGORIES = frozenset({"Nd", "Nl", "Pc"})
#: Letters in circles and squares, which Unicode counts as alphabetic symbols.
_ENCLOSED = ((0x24B6, 0x24E9), (0x1F130, 0x1F149), (0x1F150, 0x1F169), (0x1F170, 0x1F189))
#: Python's spaces that Unicode does not call white space.
_NO_SPACE = frozenset("\x1c\x1d\x1e\x1f")
_NO_SPACE_BEFORE = frozenset(".?!,")


class WordLevel:
    """Text to ids and back.

    Args:
        folder: A model folder with `tokenizer.json`.

    Raises:
        ModelFilesError: if the file is missing, broken, or of another kind.
    """

    def __init__(self, folder: Path) -> None:
        content = _content(folder / _FILE)
        self._ids: dict[str, int] = content["model"]["vocab"]
        self._specials: dict[str, int] = {t["content"]: t["id"] for t in content["added_tokens"]}
        self._unknown = self._ids[content["model"]["unk_token"]]
        self._words = {i: word for word, i in self._ids.items()}
        longest_first = sorted(self._specials, key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, longest_first)))

    def encode(self, text: str) -> list[int]:
        """The ids of a text as plain data: nothing in it becomes a special token."""
        return [self._ids.get(piece, self._unknown) for piece in _pieces(text)]

    def encode_template(self, text: str) -> list[int]:
        """The ids of a template, special tokens in it taken for what they are."""
        ids, begin = [], 0
        for found in self._special.finditer(text):
            ids += [*self.encode(text[begin : found.start()]), self._specials[found.group()]]
            begin = found.end()
        return ids + self.encode(text[begin:])

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids, special tokens left out."""
        special = set(self._specials.values())
        words = [self._words[i] for i in ids if i not in special]
        glued = ("" if n == 0 or word in _NO_SPACE_BEFORE else " " for n, word in enumerate(words))
        return "".join(glue + word for glue, word in zip(glued, words, strict=True))


def _content(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text("utf-8"))
        model, added = content["model"], content["added_tokens"]
        readable = (
            model["type"] == "WordLevel"
            and all(content[part] == wanted for part, wanted in _PARTS.items())
            and not any(t["lstrip"] or t["rstrip"] or t["single_word"] or t["normalized"] for t in added)
            and all(t["special"] and model["vocab"].get(t["content"]) == t["id"] for t in added)
            and bool(added)
            and model["unk_token"] in model["vocab"]
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise ModelFilesError(
            "the tokenizer's file is missing or broken", value=file, remedy="Copy or train the folder again."
        ) from None
    if not readable:
        raise ModelFilesError(
            "the light core reads only the word tokenizers that emoscene trains, and this is another",
            value=file,
            remedy="Ask the folder through torch: give it as --model (needs the extra models).",
        )
    return dict(content)


def _pieces(text: str) -> Iterator[str]:
    # Letter by letter, as Unicode's simple folding has it: no final sigma.
    lower = "".join(c.lower() for c in text)
    for found in _PIECE.finditer("".join(map(_kind, lower))):
        yield lower[found.start() : found.end()]


def _kind(c: str) -> str:
    """`w`: part of a word, as in regular expressions; a dot: stands alone; or a space."""
    category = unicodedata.category(c)
    if c == "/" or category[0] in "LM" or category in _WORD_CATEGORIES:
        return "w"
    if any(first <= ord(c) <= last for first, last in _ENCLOSED):
        return "w"
    return " " if c.isspace() and c not in _NO_SPACE else "."
