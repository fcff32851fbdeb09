"""Text that cannot steer a terminal."""

from __future__ import annotations

__all__ = ["printable", "printable_json"]


def printable(text: str) -> str:
    """`text` with every character that is not printable (control, bidirectional, half of a pair) as an escape.

    File names and model answers are other people's text: they must not move the cursor, change colours, or
    reverse the reading order.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(character: str) -> str:
    return " " if character in "\n\t\r" else character.encode("unicode_escape").decode("ascii")


def printable_json(line: str) -> str:
    r"""A line of JSON with unprintable characters as `\uXXXX`, which a JSON reader turns back."""
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else _json_escape(c) for c in line)


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
