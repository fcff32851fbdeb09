"""Text as tokens for networks with BERT's layout: [CLS] word ... word [SEP].

The tokenizer comes from a folder, or is made from the texts that a network is trained on.
"""

from __future__ import annotations

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
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True))

    def _id(self, token: str) -> int:
        found = self.tokenizer.token_to_id(token)
        return -1 if found is None else int(found)


def make_words(texts: Iterable[str], longest: int, size: int = 4000) -> Words:
    """A lower-case WordPiece vocabulary of at most `size` tokens, as BERT's; the same for the same texts."""
    from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(
        vocab_size=size, special_tokens=list(_SPECIALS), min_frequency=2, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return Words(tokenizer, longest)
