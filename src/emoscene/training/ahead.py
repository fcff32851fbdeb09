"""Examples made ready by threads, a little ahead of the steps that use them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from emoscene.training.task import Draw

__all__ = ["Ahead"]


class Ahead(Iterator[Any]):
    """Examples of draws in order, made ready by threads a little ahead."""

    def __init__(
        self, draws: Iterator[Draw], make: Callable[[Draw], Any], workers: int, at_once: int
    ) -> None:
        self._draws, self._make = draws, make
        self._pool = ThreadPoolExecutor(workers, "examples") if workers else None
        self._depth = 2 * at_once + workers
        self._waiting: deque[Future[Any]] = deque()

    def __enter__(self) -> Ahead:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def __next__(self) -> Any:
        if self._pool is None:
            return self._make(next(self._draws))
        while len(self._waiting) < self._depth and (draw := next(self._draws, None)) is not None:
            self._waiting.append(self._pool.submit(self._make, draw))
        return self._waiting.popleft().result()
