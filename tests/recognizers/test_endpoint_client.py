"""The client against servers that misbehave: patient where that helps, bounded always, never a hammer."""

from __future__ import annotations

import asyncio
import email.utils
import gc
import gzip
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from functools import partial
from typing import Any

import pytest

from emoscene.errors import AnswerError, EmosceneError
from emoscene.recognizers.endpoint_address import read_address
from tests.servers import Received, Reply, Server, error, in_turn

pytest.importorskip("openai", reason="needs the endpoint extra")

from emoscene.recognizers.endpoint_client import EndpointClient, Policy, Usage
from emoscene.recognizers.endpoint_errors import ServerError

Json = dict[str, Any]
PATH = "/chat/completions"
FINE = Reply({"answer": "fine", "usage": {"prompt_tokens": 10, "completion_tokens": 2}})
KEY = "key-0123456789abcdef"


def fine(_: Received) -> Reply:
    return FINE


class Waits:
    """Waits for nothing, and remembers for how long it should have."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


Connect = Callable[..., EndpointClient]


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    monkeypatch.setenv("EMOSCENE_API_KEY", KEY)
    clients: list[EndpointClient] = []

    def make(url: str, *, concurrency: int = 4, sleep: Any = None, **policy: Any) -> EndpointClient:
        waits = sleep or Waits()
        client = EndpointClient(
            read_address(url), concurrency=concurrency, policy=Policy(**policy), sleep=waits
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


def ask(client: EndpointClient, *bodies: Json) -> list[Json | EmosceneError]:
    jobs: Sequence[Callable[[], Coroutine[Any, Any, Json]]] = [
        partial(client.post, PATH, body) for body in bodies or ({"model": "small"},)
    ]
    return client.gather(jobs)


def failed(answer: Json | EmosceneError) -> AnswerError:
    assert isinstance(answer, AnswerError), answer
    return answer


def test_answers_come_back_and_tokens_are_counted(connect: Connect) -> None:
    with Server(fine) as server:
        client = connect(server.url)
        answers = ask(client, {"n": 1}, {"n": 2}, {"n": 3})
    assert [a["answer"] for a in answers if isinstance(a, dict)] == ["fine"] * 3
    assert client.usage == Usage(requests=3, prompt_tokens=30, completion_tokens=6)
    assert client.usage.cost(2.0, 10.0) == pytest.approx((30 * 2 + 6 * 10) / 1e6)


def test_answers_keep_the_order_of_the_questions(connect: Connect) -> None:
    def slower_first(received: Received) -> Reply:
        return Reply({"n": received.body["n"]}, delay=0.02 * (8 - received.body["n"]))

    with Server(slower_first) as server:
        answers = ask(connect(server.url, concurrency=8), *({"n": n} for n in range(8)))
    assert answers == [{"n": n} for n in range(8)]


def test_no_more_requests_are_under_way_than_allowed(connect: Connect) -> None:
    with Server(lambda _: Reply({}, delay=0.05)) as server:
        ask(connect(server.url, concurrency=3), *({"n": n} for n in range(12)))
        assert server.most_at_once == 3


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again_with_growing_waits(connect: Connect, status: int) -> None:
    waits = Waits()
    with Server(in_turn([error(status)] * 3, fine)) as server:
        client = connect(server.url, sleep=waits, first_wait=0.5, most_wait=1.5)
        [answer] = ask(client)
    assert answer == FINE.body
    assert (client.usage.requests, client.usage.retries) == (4, 3)
    assert len(waits.seconds) == 3
    assert all(0 <= wait <= most for wait, most in zip(waits.seconds, (0.5, 1.0, 1.5), strict=True))


def test_waits_differ_from_request_to_request_and_not_from_run_to_run(connect: Connect) -> None:
    def waited(body: Json) -> list[float]:
        waits = Waits()
        with Server(in_turn([error(500)] * 2, fine)) as server:
            ask(connect(server.url, sleep=waits), body)
        return waits.seconds

    assert waited({"n": 1}) == waited({"n": 1}) != waited({"n": 2})


@pytest.mark.parametrize(
    "headers",
    [
        {"retry-after": "7"},
        {"retry-after-ms": "7000"},
        {"retry-after": "a date in ten minutes"},
    ],
)
def test_a_server_that_names_a_wait_gets_it(connect: Connect, headers: dict[str, str]) -> None:
    if "date" in headers.get("retry-after", ""):
        # Written now: tests are collected minutes before they run.
        headers = {"retry-after": email.utils.formatdate(time.time() + 600, usegmt=True)}
    waits = Waits()
    with Server(in_turn([Reply({}, 429, headers)], fine)) as server:
        [answer] = ask(connect(server.url, sleep=waits, longest_wait=700))
    assert answer == FINE.body
    [wait] = waits.seconds
    assert wait == pytest.approx(7) or 500 < wait <= 600


def test_nobody_waits_for_an_hour(connect: Connect) -> None:
    waits = Waits()
    with Server(lambda _: error(429, retry_after=3600)) as server:
        [answer] = ask(connect(server.url, sleep=waits))
        assert len(server.received) == 1
    assert waits.seconds == []
    assert failed(answer).retryable
    assert "3600 s" in str(answer)


def test_attempts_end(connect: Connect) -> None:
    with Server(lambda _: error(503, "overloaded")) as server:
        [answer] = ask(connect(server.url, retries=2))
        assert len(server.received) == 3
    assert failed(answer).retryable
    assert "too busy (status 503): overloaded" in str(answer)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 422, 501])
def test_what_will_not_pass_is_not_tried_again(connect: Connect, status: int) -> None:
    with Server(lambda _: error(status)) as server:
        [answer] = ask(connect(server.url))
        assert len(server.asked(PATH)) == 1
    assert not failed(answer).retryable
    assert failed(answer).remedy


@pytest.mark.parametrize(
    "refusal", [error(401), error(403), error(404), error(429, "no money", code="insufficient_quota")]
)
def test_a_wrong_key_or_model_costs_one_request_not_one_a_sample(connect: Connect, refusal: Reply) -> None:
    with Server(lambda _: refusal) as server:
        client = connect(server.url)
        answers = ask(client, *({"n": n} for n in range(20))) + ask(client)
        assert len(server.asked(PATH)) == 1
    assert len({str(failed(answer)) for answer in answers}) == 1
    assert not failed(answers[0]).retryable


def test_a_refused_request_harms_no_other(connect: Connect) -> None:
    def picky(received: Received) -> Reply:
        return error(400, "too long") if received.body["n"] in (0, 2) else FINE

    with Server(picky) as server:
        answers = ask(connect(server.url), *({"n": n} for n in range(4)))
    assert [isinstance(a, ServerError) for a in answers] == [True, False, True, False]
    assert "refused the request (status 400): too long" in str(answers[0])


def test_an_unknown_model_brings_the_known_ones(connect: Connect) -> None:
    def behave(received: Received) -> Reply:
        known = {"data": [{"id": "small"}, {"id": "large"}, {"id": 3}, None]}
        return Reply(known) if received.path == "/v1/models" else error(404, "no such model")

    with Server(behave) as server:
        [answer] = ask(connect(server.url), {"model": "smal"})
    assert "does not serve the model: smal. It serves: small, large. Choose one with -o model=NAME." in str(
        answer
    )


def test_an_answer_that_breaks_off_is_asked_for_again(connect: Connect) -> None:
    with Server(in_turn([Reply({"a": "b" * 1000}, cut=200), Reply(cut=0)], fine)) as server:
        [answer] = ask(connect(server.url))
        assert len(server.received) == 3
    assert answer == FINE.body


def test_broken_json_is_asked_for_again_and_then_said(connect: Connect) -> None:
    broken = [Reply(b'{"choices": ['), Reply(b"\xff\xfe"), Reply(b"[1]"), Reply(b"[" * 20_000)]
    with Server(in_turn(broken, fine)) as server:
        assert ask(connect(server.url)) == [FINE.body]
    with Server(lambda _: broken[0]) as server:
        [answer] = ask(connect(server.url, retries=1))
        assert len(server.received) == 2
    assert "broken JSON" in str(failed(answer))


def test_a_page_in_place_of_an_answer_is_another_kind_of_server(connect: Connect) -> None:
    page = Reply(b"<html>Sign in</html>", headers={"content-type": "text/html; charset=utf-8"})
    with Server(lambda _: page) as server:
        [answer] = ask(connect(server.url))
        assert len(server.received) == 1
    assert "text/html" in str(answer)
    assert "base_url" in failed(answer).remedy


@pytest.mark.parametrize(
    "headers",
    [{}, {"content-length": "", "connection": "close"}],
    ids=["announced", "not announced"],
)
@pytest.mark.parametrize("status", [200, 400, 500])
def test_endless_answers_are_not_read(connect: Connect, headers: dict[str, str], status: int) -> None:
    huge = Reply(b'{"a": "' + b"a" * 300_000 + b'"}', status, headers)
    with Server(lambda _: huge) as server:
        [answer] = ask(connect(server.url, largest_answer=100_000))
        assert len(server.received) == 1
    assert "0.1 MB" in str(failed(answer))


def test_compressed_answers_are_not_unpacked(connect: Connect) -> None:
    bomb = Reply(gzip.compress(b'"' + b" " * 10_000_000 + b'"'), headers={"content-encoding": "gzip"})
    with Server(lambda _: bomb) as server:
        [answer] = ask(connect(server.url))
        assert server.received[0].headers["accept-encoding"] == "identity"
    assert "compressed" in str(failed(answer))


def test_a_slow_server_has_its_time_and_no_more(connect: Connect) -> None:
    started = time.monotonic()
    with Server(lambda _: Reply({}, delay=30)) as server:
        [answer] = ask(connect(server.url, timeout=0.2, retries=1))
        assert len(server.received) == 2
    assert time.monotonic() - started < 3
    assert failed(answer).retryable
    assert "did not answer in time: 0.2 s" in str(answer)


def test_neither_does_one_that_sends_a_byte_now_and_then(connect: Connect) -> None:
    started = time.monotonic()
    with Server(lambda _: Reply({"a": "b" * 5000}, drip=0.02)) as server:
        [answer] = ask(connect(server.url, timeout=0.3, retries=0))
    assert time.monotonic() - started < 3
    assert "in time" in str(failed(answer))


def test_all_attempts_together_have_their_deadline(connect: Connect) -> None:
    started = time.monotonic()
    with Server(lambda _: error(503)) as server:
        client = connect(server.url, sleep=asyncio.sleep, first_wait=30, most_wait=30, deadline=0.3)
        [answer] = ask(client)
    assert time.monotonic() - started < 3
    assert failed(answer).retryable


def test_a_dead_server_is_left_alone_for_a_while(connect: Connect) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    client = connect(f"http://127.0.0.1:{port}/v1", retries=2, pause=0.2)
    answers = ask(client, *({"n": n} for n in range(50)))
    assert client.usage.requests == 3
    assert all("cannot be reached" in str(failed(answer)) and failed(answer).retryable for answer in answers)
    time.sleep(0.25)
    ask(client)
    assert client.usage.requests == 6


def test_redirects_are_not_followed_with_the_key(connect: Connect) -> None:
    with Server(fine) as elsewhere:
        to = elsewhere.url + PATH
        with Server(lambda _: Reply(b"", 307, {"location": to})) as server:
            [answer] = ask(connect(server.url))
            assert len(server.received) == 1
        assert elsewhere.received == []
    assert "points to another address (status 307)" in str(failed(answer))


def test_nothing_of_the_environment_is_sent_but_the_key(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("API_KEY", "ADMIN_KEY", "ORG_ID", "PROJECT_ID", "WEBHOOK_SECRET"):
        monkeypatch.setenv(f"OPENAI_{name}", "secret")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "x-secret: secret")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://secret.example")
    with Server(fine) as server:
        ask(connect(server.url))
        monkeypatch.delenv("EMOSCENE_API_KEY")
        ask(connect(server.url))
        with_key, without = (one.headers for one in server.received)
    assert with_key["authorization"] == f"Bearer {KEY}"
    assert "authorization" not in without
    assert "secret" not in str(with_key) + str(without)
    assert with_key["user-agent"] == "emoscene"
    assert not [name for name in with_key if name.startswith("x-")]


def test_what_goes_to_this_machine_goes_through_no_proxy(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server(fine) as server, Server(fine) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url.removesuffix("/v1"))
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        assert ask(connect(server.url)) == [FINE.body]
        assert proxy.received == []


@pytest.mark.parametrize("status", [400, 401, 404, 422, 500])
def test_a_server_that_repeats_the_key_gives_nothing_away(connect: Connect, status: int) -> None:
    message = f"Incorrect key {KEY} or sk-proj-abcdefghij*****xyz in 'Bearer {KEY}'"
    with Server(lambda _: error(status, message)) as server:
        client = connect(server.url, retries=0)
        [answer] = ask(client)
    shown = f"{answer} {answer!r} {client!r} {vars(failed(answer))}"
    assert KEY not in shown
    assert "abcdefghij" not in shown


def test_what_a_server_says_is_one_short_printable_line(connect: Connect) -> None:
    with Server(lambda _: error(400, "\x1b[31mred\x1b[0m\nline two " + "x" * 5000)) as server:
        [answer] = ask(connect(server.url))
    assert str(answer).isprintable()
    assert len(str(answer)) < 600


def test_errors_of_other_shapes_are_read_too(connect: Connect) -> None:
    replies = [
        Reply({"detail": "not like this"}, 422),
        Reply({"detail": [{"msg": "not like this"}]}, 422),
        Reply({"error": "not like this"}, 422),
        Reply({"message": "not like this"}, 422),
        Reply(b"not json", 422),
        Reply({"error": None}, 422),
    ]
    with Server(in_turn(replies, fine)) as server:
        client = connect(server.url)
        answers = [ask(client)[0] for _ in replies]
    assert ["not like this" in str(failed(answer)) for answer in answers] == [True] * 4 + [False] * 2


def test_an_interrupt_ends_all_requests_and_the_client_lives_on(connect: Connect) -> None:
    def behave(received: Received) -> Reply:
        return Reply({}, delay=30 if received.body["n"] else 0)

    started = time.monotonic()
    with Server(behave) as server:
        client = connect(server.url)
        timer = threading.Timer(0.4, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            ask(client, *({"n": n} for n in range(8)))
        timer.join()
        assert ask(client, {"n": 0}) == [{}]
        assert time.monotonic() - started < 5


def test_it_can_be_asked_from_inside_an_event_loop(connect: Connect) -> None:
    with Server(fine) as server:
        client = connect(server.url)

        async def inside() -> list[Json | EmosceneError]:
            return ask(client)

        assert asyncio.run(inside()) == [FINE.body]


def test_a_forgotten_client_leaves_no_thread_behind() -> None:
    with Server(fine) as server:
        client = EndpointClient(read_address(server.url))
        ask(client)
        del client
        gc.collect()
        own = [t for t in threading.enumerate() if t.name == "emoscene endpoint"]
    assert own == []
