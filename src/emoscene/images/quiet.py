"""Pillow's warnings about broken files, kept from the user's terminal: an error of ours says what matters."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["without_pillow_warnings"]

_lock = threading.Lock()
_inside = 0
_filters = warnings.catch_warnings()


@contextmanager
def without_pillow_warnings() -> Iterator[None]:
    """Ignore warnings raised in Pillow's modules, in all threads, while anybody is inside.

    `warnings.catch_warnings` alone is not safe here: two threads that decode at once would restore each
    other's filters. The first one in sets the filter and the last one out takes it away.
    """
    global _inside, _filters
    with _lock:
        if not _inside:
            _filters = warnings.catch_warnings()
            _filters.__enter__()
            warnings.filterwarnings("ignore", module=r"PIL\.")
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                _filters.__exit__(None, None, None)
