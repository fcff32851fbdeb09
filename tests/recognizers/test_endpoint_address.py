"""Which server is asked, and which key it is shown."""

from __future__ import annotations

import pytest

from emoscene.errors import OptionError
from emoscene.recognizers.endpoint_address import read_address

KEYS = ("EMOSCENE_API_KEY", "OPENAI_API_KEY", "OTHER_KEY")


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://localhost:8000/v1", "http://localhost:8000/v1"),
        (" https://example.org/api/v1/ ", "https://example.org/api/v1"),
        ("https://Example.org", "https://example.org"),
        ("http://[::1]:11434/v1", "http://[::1]:11434/v1"),
    ],
)
def test_addresses_are_kept_as_given_without_their_last_slash(given: str, url: str) -> None:
    assert read_address(given).base_url == url


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "localhost:8000/v1",
        "file:///etc/passwd",
        "ftp://example.org",
        "http://",
        "https:///v1",
        "http://example.org:port/v1",
        "http://example.org:99999/v1",
        "http://exa mple.org/v1",
        "http://example.org\\other.org/v1",
        "http://example.org/v1\nhost: other",
        "http://[::1/v1",
    ],
)
def test_what_is_no_address_is_refused_with_an_example(given: str | None) -> None:
    with pytest.raises(OptionError, match="http://localhost:8000/v1"):
        read_address(given)


@pytest.mark.parametrize(
    "given",
    ["https://me:hunter2@example.org/v1", "https://hunter2@example.org", "https://example.org/v1?k=hunter2"],
)
def test_secrets_in_an_address_are_refused_and_not_repeated(given: str) -> None:
    with pytest.raises(OptionError) as caught:
        read_address(given)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "clear"),
    [
        ("http://localhost:8000/v1", False),
        ("http://127.0.0.1/v1", False),
        ("http://[::1]/v1", False),
        ("http://192.168.1.20/v1", False),
        ("http://10.0.0.1/v1", False),
        ("http://gpu-box:8000/v1", False),
        ("http://gpu-box.local/v1", False),
        ("https://example.org/v1", False),
        ("http://example.org/v1", True),
        ("http://8.8.8.8/v1", True),
        ("http://local.example.org/v1", True),
        ("http://localhost.example.org/v1", True),
    ],
)
def test_plain_http_to_elsewhere_is_told_apart(given: str, clear: bool) -> None:
    assert read_address(given).clear is clear


def test_the_key_is_ours_or_the_named_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_address("http://localhost/v1").key == ""
    monkeypatch.setenv("EMOSCENE_API_KEY", " ours\n")
    monkeypatch.setenv("OTHER_KEY", "other")
    assert read_address("http://localhost/v1").key == "ours"
    assert read_address("http://localhost/v1", "OTHER_KEY").key == "other"


def test_the_key_of_openai_is_shown_to_openai_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "theirs")
    assert read_address("https://api.openai.com/v1").key == "theirs"
    others = ("http://api.openai.com/v1", "https://api.openai.com.example.org/v1", "http://localhost/v1")
    assert [read_address(url).key for url in others] == ["", "", ""]


def test_a_key_that_is_needed_and_not_there_is_named() -> None:
    with pytest.raises(OptionError, match="OTHER_KEY"):
        read_address("http://localhost/v1", "OTHER_KEY")
    with pytest.raises(OptionError, match="EMOSCENE_API_KEY or OPENAI_API_KEY"):
        read_address("https://api.openai.com/v1")


@pytest.mark.parametrize("key", ["two words", "naïve-key", "line\nbreak"])
def test_keys_that_no_header_can_carry_are_refused_unseen(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("EMOSCENE_API_KEY", key)
    with pytest.raises(OptionError, match="EMOSCENE_API_KEY") as caught:
        read_address("http://localhost/v1")
    assert key not in str(caught.value)


def test_the_key_is_in_no_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOSCENE_API_KEY", "hunter2")
    assert "hunter2" not in repr(read_address("http://localhost/v1"))
