"""Text as tokens for networks with BERT's layout: [CLS] word ... word [SEP].

The tokenizer comes from a folder, or is made from the texts that a network is trained on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from emoscene.errors import ModelFilesError

__all__ = ["TOKENIZER_FILE", "Words", "make_words"]

TOKENIZER_FILE = "tokenizer.json"
_SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
#: Longer texts are cut to this many characters a token before they are looked at.
_CHARACTERS_A_TOKEN = 40


@dataclass(frozen=True)
class Words:
    """A tokenizer and how many tokens are read at most, [CLS] and [SEP] among them."""

    tokenizer: Tokenizer
    longest: int

    def __post_init__(self) -> None:
        # What looks like a special token in somebody's words is words.
        self.tokenizer.encode_special_tokens = True

    @classmethod
    def from_file(cls, file: Path, longest: int) -> Words:
        """Read a `tokenizer.json`.

        Raises:
            ModelFilesError: if it cannot be read, or lacks BERT's special tokens.
        """
        try:
            tokenizer = Tokenizer.from_file(str(file))
        # The library raises a bare Exception for a damaged file.
        except Exception as error:
            raise ModelFilesError(
                "the network's tokenizer cannot be read", value=file, remedy="Copy or train the folder again."
            ) from error
        words = cls(tokenizer, longest)
        words.check(file)
        return words

    def check(self, where: object) -> None:
        """Raise ModelFilesError if a special token of BERT's is missing, or padding is not 0."""
        lacking = [token for token in _SPECIALS if self.tokenizer.token_to_id(token) is None]
        if lacking or self.pad != 0:
            raise ModelFilesError(
                "this tokenizer is none of BERT's kind: it lacks special tokens, or [PAD] is not its first",
                value=f"{where} ({', '.join(lacking) or '[PAD]'})",
                remedy="Give the folder of a BERT tokenizer, or none, which makes one from the texts.",
            )

    @property
    def size(self) -> int:
        """How many tokens the vocabulary has."""
        return int(self.tokenizer.get_vocab_size(with_added_tokens=True))

    @property
    def pad(self) -> int:
        return self._id("[PAD]")

    @property
    def start(self) -> int:
        return self._id("[CLS]")

    @property
    def end(self) -> int:
        return self._id("[SEP]")

    @property
    def blank(self) -> int:
        return self._id("[MASK]")

    def encode(self, text: str) -> tuple[tuple[int, ...], bool]:
        """The ids, and whether the end of the text was cut off."""
        readable = text[: self.longest * _CHARACTERS_A_TOKEN].encode("utf-8", "replace").decode("utf-8")
        found = self.tokenizer.encode(readable, add_special_tokens=False).ids
        cut = len(found) > self.longest - 2 or len(text) > self.longest * _CHARACTERS_A_TOKEN
        return (self.start, *found[: self.longest - 2], self.end), cut

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids, without special tokens."""
        special = {self._id(token) for token in _SPECIALS}
        return str(self.tokenizer.decode([i for i in ids if i not in special], skip_special_tokens=True))

    def _id(self, token: str) -> int:
        found = self.tokenizer.token_to_id(token)
        return -1 if found is None else int(found)


def make_words(texts: Iterable[str], longest: int, size: int = 4000) -> Words:
    """A lower-case WordPiece vocabulary of at most `size` tokens, the same for the same texts: every character, alone
    and within a word, and then words that come at least twice, frequent ones first. Other words are spelt.

    (The trainer of the `tokenizers` package gives another order of tokens each time.)
    """
    from tokenizers import decoders, models, normalizers, pre_tokenizers

    normalizer, splitter = normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer()
    counts: Counter[str] = Counter()
    for text in texts:
        readable = text.encode("utf-8", "replace").decode("utf-8")
        counts.update(word for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(readable)))
    letters: Counter[str] = Counter()
    for word, count in counts.items():
        letters.update(dict.fromkeys(set(word), count))
    room = max(0, size - len(_SPECIALS))
    known = sorted(letters, key=lambda letter: (-letters[letter], letter))[: room // 4]
    pieces = [*_SPECIALS, *sorted(known), *(f"##{letter}" for letter in sorted(known))]
    words = [word for word, count in counts.items() if count > 1 and len(word) > 1]
    pieces += sorted(words, key=lambda word: (-counts[word], word))[: max(0, size - len(pieces))]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, splitter
    tokenizer.decoder = decoders.WordPiece()
    return Words(tokenizer, longest)
