"""One client for a server of the OpenAI kind: bounded in time, size and number, patient, and never a hammer.

    post --> a slot of `concurrency` --> attempt --> answer
                                           ├── connect error, timeout, 408, 409, 429, 5xx  --> wait, again
                                           ├── 401, 403, 404, no quota                     --> nothing is asked again
                                           └── other 4xx                                   --> this request fails

The first request goes alone: a wrong key or model costs one request, not one a sample. Requests run in an event loop
of the client's own, in a thread, so that callers with a loop of theirs (notebooks, servers) can use it too.
"""

from __future__ import annotations

import asyncio
import copy
import json
import random
import threading
import weakref
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, Final, TypeVar

from emoscene.errors import AnswerError, EmosceneError, MissingExtraError
from emoscene.recognizers.endpoint_address import Address
from emoscene.recognizers.endpoint_errors import (
    ServerError,
    no_json,
    not_in_time,
    too_large,
    unreachable,
    waits_too_long,
)
from emoscene.recognizers.endpoint_errors import from_status as error_of

__all__ = ["EndpointClient", "Policy", "Usage"]

Json = dict[str, Any]
Result = TypeVar("Result")
_AGAIN: Final = frozenset({408, 409, 429, *range(500, 600)} - {501, 505})
#: What a request carries; the rest that libraries add, from the environment too, is taken away again.
_HEADERS: Final = frozenset(
    {"host", "accept", "accept-encoding", "connection", "content-type", "content-length", "transfer-encoding"}
)


@dataclass(frozen=True)
class Policy:
    """How long and how often: seconds an attempt, seconds a request with all attempts and waits, further attempts,
    the longest `Retry-After` that is waited for, and the largest answer in bytes."""

    timeout: float = 120.0
    deadline: float = 300.0
    retries: int = 4
    longest_wait: float = 60.0
    largest_answer: int = 4_000_000
    first_wait: float = 0.5
    most_wait: float = 20.0
    #: A server that never answered is left alone for this long once all attempts have failed.
    pause: float = 30.0


@dataclass(frozen=True)
class Usage:
    """What was used: requests sent (further attempts among them), and tokens as the server counted them."""

    requests: int = 0
    retries: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def cost(self, price_in: float, price_out: float) -> float:
        """The cost at these prices a million tokens, in their currency."""
        return (self.prompt_tokens * price_in + self.completion_tokens * price_out) / 1e6


class EndpointClient:
    """Sends requests to one server.

    Args:
        address: The server and its key.
        concurrency: Requests under way at once, at most.
        policy: How long and how often.
        sleep: Waits for some seconds.
    """

    def __init__(
        self,
        address: Address,
        *,
        concurrency: int = 4,
        policy: Policy | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.address = address
        self.policy = policy or Policy()
        self.usage = Usage()
        self._sleep = sleep
        self._openai, self._http = _libraries()
        self._client = _client(self._openai, self._http, address, self.policy)
        self._loop = asyncio.new_event_loop()
        self._slots = asyncio.Semaphore(concurrency)
        self._first = asyncio.Lock()
        self._answered = False
        self._closed: tuple[AnswerError, float] | None = None
        thread = threading.Thread(target=self._loop.run_forever, name="emoscene endpoint", daemon=True)
        thread.start()
        self._finalizer = weakref.finalize(self, _stop, self._loop, thread, self._client)

    def __repr__(self) -> str:
        return f"EndpointClient({self.address.base_url!r})"

    def close(self) -> None:
        """Close the connections; the client cannot be used any more."""
        self._finalizer()

    def gather(
        self, jobs: Sequence[Callable[[], Coroutine[Any, Any, Result]]]
    ) -> list[Result | EmosceneError]:
        """Run the jobs together, in the client's loop; results in order, an error in place of the job that raised it.

        Interrupting it ends all of them.
        """

        async def one(job: Callable[[], Coroutine[Any, Any, Result]]) -> Result | EmosceneError:
            try:
                return await job()
            except EmosceneError as error:
                return error

        async def together() -> list[Result | EmosceneError]:
            return list(await asyncio.gather(*(one(job) for job in jobs)))

        future = asyncio.run_coroutine_threadsafe(together(), self._loop)
        try:
            return future.result()
        finally:
            future.cancel()

    async def post(self, path: str, body: Mapping[str, Any], *, optional: bool = False) -> Json:
        """The server's answer to a JSON body, from inside of `gather`.

        Args:
            path: Behind the base address, as in `/chat/completions`.
            body: The request.
            optional: A server without this path is no fault: other paths are still asked.

        Raises:
            ServerError: if the server refuses, with its status.
            AnswerError: if it cannot be reached, is too slow, or answers with something else than JSON.
        """
        if not self._answered:
            async with self._first:
                self._check_open()
                if not self._answered:
                    return await self._post(path, body, optional)
        async with self._slots:
            self._check_open()
            return await self._post(path, body, optional)

    async def models(self) -> list[str]:
        """The names of the served models; empty if the server does not tell."""
        failed: tuple[type[Exception], ...] = (AnswerError, TimeoutError, self._openai.APIError, _TooLarge)
        try:
            async with asyncio.timeout(min(10.0, self.policy.timeout)):
                listed = self._read(await self._send("get", "/models", None))
        except failed:
            return []
        entries = listed.get("data")
        named = [e.get("id") for e in entries if isinstance(e, dict)] if isinstance(entries, list) else []
        return [name for name in named if isinstance(name, str)]

    def _check_open(self) -> None:
        if self._closed is None:
            return
        error, until = self._closed
        if self._loop.time() < until:
            raise copy.copy(error)
        self._closed = None

    async def _post(self, path: str, body: Mapping[str, Any], optional: bool) -> Json:
        try:
            async with asyncio.timeout(self.policy.deadline):
                answer = await self._persist(path, body)
        except TimeoutError:
            raise self._no_answer(not_in_time(self.address.host, self.policy.deadline)) from None
        except ServerError as error:
            self._answered |= not optional
            named = error.http_status == 404 or (error.http_status == 400 and "model" in error.said.lower())
            if named and not optional:
                error = error.with_models(str(body.get("model", "")), await self.models())
            if error.final and not (optional and error.http_status in (403, 404)):
                self._closed = (error, float("inf"))
            raise error from None
        except AnswerError as error:
            raise self._no_answer(error) from None
        self._answered = True
        self._count(answer.get("usage"))
        return answer

    def _no_answer(self, error: AnswerError) -> AnswerError:
        if error.retryable and not self._answered:
            self._closed = (error, self._loop.time() + self.policy.pause)
        return error

    async def _persist(self, path: str, body: Mapping[str, Any]) -> Json:
        """Ask until there is an answer, a refusal, or no attempt left."""
        jitter = random.Random(zlib.crc32(json.dumps(body, sort_keys=True).encode()))
        attempt = 0
        while True:
            self.usage = replace(
                self.usage, requests=self.usage.requests + 1, retries=self.usage.retries + (attempt > 0)
            )
            try:
                return await self._attempt(path, body)
            except AnswerError as error:
                if not error.retryable or attempt == self.policy.retries:
                    raise
                most = min(self.policy.most_wait, self.policy.first_wait * 2**attempt)
                wait = jitter.uniform(0, most)
                asked = error.retry_after if isinstance(error, ServerError) else None
                if asked is not None and asked > self.policy.longest_wait:
                    raise waits_too_long(error, asked) from None
                attempt += 1
            await self._sleep(max(wait, asked or 0.0))

    async def _attempt(self, path: str, body: Mapping[str, Any]) -> Json:
        try:
            async with asyncio.timeout(self.policy.timeout):
                return self._read(await self._send("post", path, body))
        except (TimeoutError, self._openai.APITimeoutError):
            raise not_in_time(self.address.host, self.policy.timeout) from None
        except self._openai.APIStatusError as error:
            response = error.response
            again = response.status_code in _AGAIN
            raise error_of(
                self.address, response.status_code, response.headers, response.content, again
            ) from None
        except self._openai.APIConnectionError as error:
            if isinstance(error.__cause__, _TooLarge) or isinstance(error.__context__, _TooLarge):
                raise too_large(self.address.host, self.policy.largest_answer) from None
            raise unreachable(self.address.host) from None
        except _TooLarge:
            raise too_large(self.address.host, self.policy.largest_answer) from None

    async def _send(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        if method == "get":
            return await self._client.get(path, cast_to=self._http.Response)
        return await self._client.post(path, cast_to=self._http.Response, body=dict(body or {}))

    def _read(self, response: Any) -> Json:
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind and not (kind == "application/json" or kind.endswith("+json")):
            raise no_json(self.address, kind)
        try:
            answer = json.loads(response.content)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise no_json(self.address)
        return answer

    def _count(self, usage: object) -> None:
        def number(*names: str) -> int:
            found = [usage.get(name) for name in names] if isinstance(usage, dict) else []
            return next((n for n in found if isinstance(n, int) and not isinstance(n, bool) and n >= 0), 0)

        self.usage = replace(
            self.usage,
            prompt_tokens=self.usage.prompt_tokens + number("prompt_tokens", "input_tokens"),
            completion_tokens=self.usage.completion_tokens + number("completion_tokens", "output_tokens"),
        )


class _TooLarge(Exception):
    """An answer larger than is read."""


def _libraries() -> tuple[Any, Any]:
    """The openai package, and the HTTP package that it is built on: httpx, or httpx2 since openai 3."""
    try:
        import openai
    except ImportError as missing:
        raise MissingExtraError.of("endpoint", missing.name or "openai") from None
    bases = openai.DefaultAsyncHttpxClient.__mro__
    package = next(name for c in bases if (name := c.__module__.partition(".")[0]).startswith("httpx"))
    return openai, import_module(package)


def _client(openai: Any, http: Any, address: Address, policy: Policy) -> Any:
    """An openai client that sends our headers only, follows no redirect and reads no endless answer."""
    key = address.key

    async def ours_alone(request: Any) -> None:
        # The openai package adds keys, organizations and headers from the environment, whatever the server.
        for name in list(request.headers):
            if name.lower() not in _HEADERS:
                del request.headers[name]
        request.headers["user-agent"] = "emoscene"
        # Not compressed: a small answer cannot become a large one.
        request.headers["accept-encoding"] = "identity"
        if key:
            request.headers["authorization"] = f"Bearer {key}"

    class Capped(http.AsyncByteStream):  # type: ignore[misc]
        def __init__(self, stream: Any) -> None:
            self._stream = stream

        async def __aiter__(self) -> AsyncIterator[bytes]:
            read = 0
            async for chunk in self._stream:
                read += len(chunk)
                if read > policy.largest_answer:
                    raise _TooLarge
                yield chunk

        async def aclose(self) -> None:
            await self._stream.aclose()

    async def capped(response: Any) -> None:
        packed = response.headers.get("content-encoding", "identity").lower() != "identity"
        length = response.headers.get("content-length", "0")
        if packed or (length.isdigit() and int(length) > policy.largest_answer):
            raise _TooLarge
        response.stream = Capped(response.stream)

    client = openai.DefaultAsyncHttpxClient(
        follow_redirects=False,
        trust_env=not address.here,
        timeout=policy.timeout,
        event_hooks={"request": [ours_alone], "response": [capped]},
    )
    return openai.AsyncOpenAI(
        api_key="none", base_url=address.base_url, max_retries=0, timeout=policy.timeout, http_client=client
    )


def _stop(loop: asyncio.AbstractEventLoop, thread: threading.Thread, client: Any) -> None:
    async def end() -> None:
        current = asyncio.current_task()
        running = [task for task in asyncio.all_tasks() if task is not current]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await client.close()

    if threading.current_thread() is thread:
        # The last reference went in the loop itself, which cannot wait for itself.
        loop.create_task(end()).add_done_callback(lambda _: loop.stop())
        return
    asyncio.run_coroutine_threadsafe(end(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
