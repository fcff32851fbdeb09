"""The lists that ship, and a user's own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from emoscene.errors import InputError, MissingFileError, OptionError
from emoscene.labels import label_space, label_space_names
from emoscene.narration import SLOTS, Vocabularies, load_vocabulary, read_entries
from emoscene.narration.vocabulary import Slot
from emoscene.narration.wording import pronoun

_GENDERED = re.compile(
    r"\b(he|she|him|her|his|hers|himself|herself|(wo)?m[ae]n|boys?|girls?|lad(y|ies)|gentlem[ae]n|mothers?|fathers?"
    r"|mum|dad|sons?|daughters?|brothers?|sisters?|wi(fe|ves)|husbands?|bride|groom|(wait|act|host)ress|\w+(wo)?man)\b"
)


@pytest.mark.parametrize(("slot", "least"), [("who", 6), ("where", 200), ("what", 300), ("how", 400)])
def test_the_lists_that_ship_are_long_and_say_nothing_twice(slot: Slot, least: int) -> None:
    entries = load_vocabulary()[slot]
    assert len(entries) >= least
    plain = {re.sub(r"^(in|on|at|a|an|the) ", "", entry.casefold()) for entry in entries}
    assert len(plain) == len(entries)
    for entry in entries:
        assert re.fullmatch(r"[A-Za-z][A-Za-z' -]*[a-z']", entry), entry


@pytest.mark.parametrize("slot", SLOTS)
def test_the_lists_that_ship_name_no_gender(slot: Slot) -> None:
    entries = load_vocabulary()[slot]
    assert [e for e in entries if _GENDERED.search(e) and "snowman" not in e] == []
    assert {pronoun(e) for e in load_vocabulary().who} == {"The person"}


def test_activities_are_participles_and_signals_are_in_the_third_person() -> None:
    shipped = load_vocabulary()
    assert [e for e in shipped.what if not re.match(r"[a-z-]+ing\b", e)] == []
    assert [e for e in shipped.how if not re.match(r"[a-z]+s\b", e)] == []


def test_signals_name_no_emotion() -> None:
    """A signal that says the label would answer the question in place of the reader of the caption."""
    spaces = [label_space(name) for name in label_space_names()]
    terms = {t for s in spaces for label in s for t in (label.name, *label.variants, *label.synonyms)}
    named = {part for t in terms for part in (t.lower(), *t.lower().split("/"))}
    words = re.compile(r"\b(" + "|".join(re.escape(t) for t in sorted(named)) + r")\b")
    assert [e for e in load_vocabulary().how if words.search(e)] == []
    assert words.search("shows sadness")


def test_a_users_lists_stand_in_for_those_that_ship(tmp_path: Path) -> None:
    (tmp_path / "who.txt").write_bytes("\ufeff# mine\r\nwoman\r\n\r\n  old   man \r\n".encode())
    (tmp_path / "notes.txt").write_text("nothing of ours", "utf-8")
    mine = load_vocabulary(tmp_path)
    assert mine.who == ("woman", "old man")
    assert mine.where == load_vocabulary().where


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "no entry"),
        (b"# only a remark\n\n", "no entry"),
        (b"kitchen\nstreet\nKitchen\n", "lines 1 and 3: Kitchen"),
        (b"kitchen\n\xff\xfe\n", "byte 8 is not UTF-8"),
        (b"kitchen\nba\x00d\n", "line 2: the entry holds control characters"),
        (b"kitchen\n" + b"x" * 201 + b"\n", "line 2: an entry of 201 characters"),
        (b"kitchen\n---\n", "line 2: the entry has no letter"),
        (b"\n".join(b"place %d" % i for i in range(10_001)), "more than 10000 entries"),
        (b"kitchen\n" * 150_000, "too large"),
    ],
)
def test_a_faulty_list_is_named_with_its_line_and_the_remedy(
    tmp_path: Path, content: bytes, expected: str
) -> None:
    file = tmp_path / "where.txt"
    file.write_bytes(content)
    with pytest.raises(OptionError, match=r"where\.txt") as caught:
        load_vocabulary(tmp_path)
    assert expected in str(caught.value)
    assert caught.value.remedy


def test_a_folder_without_lists_is_an_error_and_no_silent_default(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none", "a\0b", "x" * 5000):
        with pytest.raises(MissingFileError, match="no vocabulary"):
            load_vocabulary(folder)
    with pytest.raises(MissingFileError, match="cannot be read"):
        read_entries(tmp_path)


def test_an_empty_list_is_refused() -> None:
    with pytest.raises(InputError, match="where"):
        Vocabularies(("person",), (), ("reading",), ("smiles",))
