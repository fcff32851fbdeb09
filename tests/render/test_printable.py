from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from emoscene.render.printable import printable, printable_json


@given(st.text(st.characters(exclude_categories=())))
def test_what_comes_out_is_printable(text: str) -> None:
    assert printable(text).isprintable()


@given(st.text(st.characters(exclude_categories=["Cc"])))
def test_printable_text_is_left_alone(text: str) -> None:
    if text.isprintable():
        assert printable(text) == text


@given(st.dictionaries(st.text(), st.text(st.characters(exclude_categories=()))))
def test_json_means_the_same_afterwards(row: dict[str, str]) -> None:
    line = printable_json(json.dumps(row, ensure_ascii=False))
    assert line.isprintable()
    assert json.loads(line) == row


def test_line_breaks_become_blanks() -> None:
    assert printable("a\nb\tc") == "a b c"
    assert printable("\x1b[31m\u202e\x9b") == "\\x1b[31m\\u202e\\x9b"
