"""What encoders keep on disk: found again, never believed when damaged or foreign, never in the way."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emoscene.recognizers.text_cache import TextCache, Vectors, cache_folder


class Encoder:
    """A unit vector for every text, and a record of what was asked."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def __call__(self, texts: Sequence[str]) -> Vectors:
        self.asked.append(list(texts))
        angles = np.array([len(text) for text in texts], np.float32)
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def only_file(folder: Path) -> Path:
    (file,) = (folder / "texts").iterdir()
    return file


def test_the_folder_is_named_by_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EMOSCENE_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
    monkeypatch.delenv("EMOSCENE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "emoscene"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "emoscene"


def test_the_same_set_is_found_in_any_order(tmp_path: Path) -> None:
    encode, texts = Encoder(), ["bbb", "a", "cc", "a"]
    first = TextCache(tmp_path).vectors(texts, "x", encode)
    assert encode.asked == [["a", "bbb", "cc"]], "each text once, in an order of their own"
    assert np.array_equal(first, Encoder()(texts))
    again = TextCache(tmp_path).vectors(texts[::-1], "x", encode)
    assert np.array_equal(again, first[::-1])
    assert len(encode.asked) == 1
    TextCache(tmp_path).vectors(texts, "y", encode)
    TextCache(tmp_path).vectors(texts[:2], "x", encode)
    assert len(encode.asked) == 3, "another encoder or another set is another file"
    assert len(list((tmp_path / "texts").iterdir())) == 3


def arrays(**content: Any) -> Callable[[Path, str], None]:
    def write(file: Path, key: str) -> None:
        np.savez(file, **{"key": np.array(key), **content})

    return write


def as_bytes(content: bytes) -> Callable[[Path, str], None]:
    def write(file: Path, key: str) -> None:
        file.write_bytes(content)

    return write


def torn(file: Path, key: str) -> None:
    file.write_bytes(file.read_bytes()[:-40])


def a_folder(file: Path, key: str) -> None:
    file.unlink()
    file.mkdir()


GOOD = np.eye(2, dtype=np.float32)
DAMAGES = {
    "empty": as_bytes(b""),
    "no archive": as_bytes(b"PK\x03\x04 no archive"),
    "a bare pickle": as_bytes(b"\x80\x04K\x01."),
    "huge": as_bytes(b"\x00" * 300_000),
    "torn": torn,
    "another's": arrays(vectors=GOOD, key=np.array("another")),
    "no vectors": arrays(),
    "a pickle": arrays(vectors=np.array([None, {}])),
    "too few": arrays(vectors=GOOD[:1]),
    "another type": arrays(vectors=GOOD.astype(np.float64)),
    "not finite": arrays(vectors=np.full((2, 2), np.nan, np.float32)),
    "not of length 1": arrays(vectors=2 * GOOD),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_and_foreign_files_are_computed_anew(damage: str, tmp_path: Path) -> None:
    encode, cache = Encoder(), TextCache(tmp_path)
    right = cache.vectors(["a", "bb"], "x", encode)
    file = only_file(tmp_path)
    DAMAGES[damage](file, file.stem)
    assert np.array_equal(cache.vectors(["a", "bb"], "x", encode), right)
    assert len(encode.asked) == 2
    assert np.array_equal(cache.vectors(["a", "bb"], "x", encode), right)
    assert len(encode.asked) == 2, "and kept again"
    assert cache.remark is None


def test_what_cannot_be_replaced_is_in_nobodys_way(tmp_path: Path) -> None:
    encode, cache = Encoder(), TextCache(tmp_path)
    right = cache.vectors(["a", "bb"], "x", encode)
    file = only_file(tmp_path)
    a_folder(file, file.stem)
    assert np.array_equal(cache.vectors(["a", "bb"], "x", encode), right)
    assert cache.remark
    assert [path.name for path in (tmp_path / "texts").iterdir()] == [file.name], "no half files stay"


def test_a_folder_that_cannot_be_written_to_is_said_and_costs_only_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    encode, cache = Encoder(), TextCache(tmp_path / "file")
    for _ in range(2):
        assert cache.vectors(["\ud800"], "x", encode).shape == (1, 2)
    assert len(encode.asked) == 2
    assert cache.remark is not None
    assert "not a directory" in cache.remark
    assert "EMOSCENE_CACHE" in cache.remark
    (tmp_path / "weights").write_bytes(b"1")
    assert cache.digest(tmp_path / "weights") == cache.digest(tmp_path / "weights")


def test_without_a_home_folder_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless(self: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("EMOSCENE_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "expanduser", homeless)
    cache = TextCache()
    assert cache.vectors(["a"], "x", Encoder()).shape == (1, 2)
    assert cache.remark is not None
    assert "no home folder" in cache.remark


def test_hashes_are_kept_until_the_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import hashlib

    hashed: list[int] = []
    hashing = hashlib.file_digest

    def counted(*args: Any) -> Any:
        hashed.append(1)
        return hashing(*args)

    monkeypatch.setattr(hashlib, "file_digest", counted)
    file, cache = tmp_path / "weights", TextCache(tmp_path / "cache")
    file.write_bytes(b"one")
    assert cache.digest(file) == cache.digest(file) == hashlib.sha256(b"one").hexdigest()
    assert len(hashed) == 1
    before = file.stat()
    (tmp_path / "new").write_bytes(b"two")
    os.replace(tmp_path / "new", file)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert cache.digest(file) == hashlib.sha256(b"two").hexdigest(), "same size and same time, another file"
    (record,) = (tmp_path / "cache" / "digests").iterdir()
    for damage in (
        b"",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        record.read_bytes().replace(b'"sha256": "', b'"sha256": "x'),
    ):
        record.write_bytes(damage)
        assert cache.digest(file) == hashlib.sha256(b"two").hexdigest()


def test_links_are_followed(tmp_path: Path) -> None:
    """The hub's cache keeps files under their hashes, and links to them."""
    (tmp_path / "blob").write_bytes(b"one")
    (tmp_path / "weights").symlink_to(tmp_path / "blob")
    cache = TextCache(tmp_path / "cache")
    assert cache.digest(tmp_path / "weights") == cache.digest(tmp_path / "blob")
    assert len(list((tmp_path / "cache" / "digests").iterdir())) == 1
