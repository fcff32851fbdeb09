"""Progress where stderr is no terminal: a line for each tenth, and nothing where nothing comes."""

from __future__ import annotations

import pytest

from emoscene.cli.progress import bytes_bar


def test_a_line_for_each_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    with bytes_bar() as progress:
        for came in range(0, 2_000_001, 1000):
            progress(came, 2_000_000)
    said = capsys.readouterr()
    lines = said.err.splitlines()
    assert len(lines) == 10
    assert lines[-1] == "2 of 2 MB"
    assert said.out == ""


def test_nothing_to_fetch(capsys: pytest.CaptureFixture[str]) -> None:
    with bytes_bar() as progress:
        progress(0, 0)
    assert capsys.readouterr().err.splitlines() == ["0 of 0 MB"]
    with bytes_bar():
        pass
    assert capsys.readouterr().err == ""
