"""How words reach a terminal: results to stdout, notices to stderr, and nothing that steers the terminal."""

from __future__ import annotations

import sys

from emoscene.render.printable import printable

__all__ = ["one_line", "say", "write_line"]


def say(text: str, *, lines: bool = False) -> None:
    """A notice or an error on stderr, as one line unless `lines` is set."""
    _write(sys.stderr, text if lines else printable(text))


def write_line(text: str) -> None:
    """One line of results on stdout."""
    _write(sys.stdout, text)


def one_line(text: str) -> str:
    """Text with its line breaks and runs of blanks made single blanks."""
    return " ".join(text.split())


def _write(stream: object, text: str) -> None:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    safe = text.encode(encoding, "backslashreplace").decode(encoding)
    print(safe, file=stream, flush=True)  # type: ignore[call-overload]
