"""Servers on loopback that tests start: one that does as it is told, a model behind it, and `transformers serve`."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import math
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

__all__ = ["Received", "Reply", "Server", "SmallModel", "error", "in_turn", "transformers_serve"]

Json = dict[str, Any]


@dataclass(frozen=True)
class Received:
    """A request as it came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Json

    @property
    def text(self) -> str:
        """The words of a chat message."""
        return "".join(p["text"] for p in self.body["messages"][0]["content"] if p["type"] == "text")


@dataclass(frozen=True)
class Reply:
    """What is sent back: after `delay` seconds, `cut` off behind some bytes, or a byte every `drip` seconds. An empty
    header is left away."""

    body: Json | bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    cut: int | None = None
    drip: float = 0.0


Behave = Callable[[Received], Reply]


class Server:
    """Answers requests as `behave` says, and remembers them. Use it as a context manager."""

    def __init__(self, behave: Behave) -> None:
        self.received: list[Received] = []
        self.most_at_once = 0
        self._behave = behave
        self._at_once = 0
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def asked(self, path: str) -> list[Received]:
        """The requests to a path."""
        return [one for one in self.received if one.path == "/v1" + path]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._handle({})

            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers.get("content-length", 0)))
                self._handle(json.loads(content))

            def _handle(self, body: Json) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                received = Received(self.command, self.path, headers, body)
                with server._lock:
                    server.received.append(received)
                    server._at_once += 1
                    server.most_at_once = max(server.most_at_once, server._at_once)
                reply = server._behave(received)
                server._end.wait(reply.delay)
                with server._lock:
                    server._at_once -= 1
                # A client that gave up is what some tests are about.
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    self._send(reply)

            def _send(self, reply: Reply) -> None:
                body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
                headers = {
                    "content-type": "application/json",
                    "content-length": str(len(body)),
                    **reply.headers,
                }
                self.send_response(reply.status)
                for name, value in headers.items():
                    if value:
                        self.send_header(name, value)
                self.close_connection |= headers.get("connection") == "close"
                self.end_headers()
                if reply.drip:
                    for place in range(len(body)):
                        self.wfile.write(body[place : place + 1])
                        if server._end.wait(reply.drip):
                            return
                    return
                self.wfile.write(body if reply.cut is None else body[: reply.cut])
                if reply.cut is not None:
                    self.wfile.flush()
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def error(status: int, message: str = "no", **fields: Any) -> Reply:
    """An error as servers of the OpenAI kind send it; `retry_after` becomes a header."""
    headers = {"retry-after": str(fields.pop("retry_after"))} if "retry_after" in fields else {}
    return Reply({"error": {"message": message, **fields}}, status, headers)


def in_turn(replies: Sequence[Reply], then: Behave) -> Behave:
    """These replies first, one a request, then as `then` says."""
    left = list(replies)
    lock = threading.Lock()

    def behave(received: Received) -> Reply:
        with lock:
            reply = left.pop(0) if left else None
        return reply or then(received)

    return behave


@dataclass(frozen=True)
class SmallModel:
    """A model of few thoughts: its answers follow from the brightness of the pictures, the words, and the label.

    Attributes:
        logprobs: Whether it tells log probabilities.
        decisions: The path on which it decides, `/systemone` or `/decisions`; empty for none.
        sees: Whether decisions look at pictures.
        schemas: Whether it takes a schema for its answer.
        writes: What it writes when asked freely.
    """

    logprobs: bool = True
    decisions: str = ""
    sees: bool = True
    schemas: bool = True
    writes: str = "She seems to feel happiness and excitement."
    name: str = "small"

    def __call__(self, received: Received) -> Reply:
        if received.path == "/v1/models":
            return Reply({"data": [{"id": self.name}, {"id": "other"}]})
        if received.body.get("model") != self.name:
            return error(
                404, f"The model `{received.body.get('model')}` does not exist.", code="model_not_found"
            )
        if received.path == "/v1/chat/completions":
            return self._chat(received)
        if self.decisions and received.path == "/v1" + self.decisions:
            return self._systemone(received) if self.decisions == "/systemone" else self._decisions(received)
        return Reply({"detail": "Not Found"}, 404)

    def share(self, question: str, words: str, pictures: Sequence[str]) -> float:
        """A share from 0.05 to 0.95."""
        bright = sum(_brightness(p) for p in pictures)
        seen = zlib.crc32(f"{words}|{question}".encode()) / 2**32 + bright
        return 0.05 + 0.9 * (seen % 1.0)

    def _chat(self, received: Received) -> Reply:
        body = received.body
        if "response_format" in body and not self.schemas:
            return error(400, "response_format is not supported")
        parts = body["messages"][0]["content"]
        pictures = [p["image_url"]["url"] for p in parts if p["type"] == "image_url"]
        told, _, question = received.text.rpartition("\n")
        choice: Json = {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": self.writes},
        }
        if "response_format" in body:
            names = body["response_format"]["json_schema"]["schema"]["properties"]
            content = {"labels": ["happiness", "excitement"]} | (
                {"reason": "a smile."} if "reason" in names else {}
            )
            choice["message"]["content"] = json.dumps(content)
        if body.get("logprobs") and self.logprobs:
            asked = re.search(r"seem to feel (.*)\?", question)
            share = self.share(asked[1] if asked else question, told, pictures)
            choice["logprobs"] = {"content": [{"token": "Yes", "logprob": 0.0, "top_logprobs": _top(share)}]}
        usage = {"prompt_tokens": len(received.text.split()) + 64 * len(pictures), "completion_tokens": 1}
        return Reply({"object": "chat.completion", "choices": [choice], "usage": usage})

    def _systemone(self, received: Received) -> Reply:
        body = received.body
        assets = body.get("assets", {}) if self.sees else {}
        pictures = [f"data:;base64,{a['data_base64']}" for name, a in assets.items() if name in body["state"]]
        answers, diagnostics = {}, {}
        for name, question in body["questions"].items():
            share = self.share(question["instructions"], body["state"], pictures)
            level = question["type"] == "score"
            answers[name] = (
                {"type": "score", "score": 9 * share} if level else {"type": "noul", "noul": share}
            )
            diagnostics[name] = {"label_mass": 0.75, "argmax_is_label": True}
        tokens = len(body["state"].split()) + sum(64 for _ in pictures)
        usage = {"input_tokens": tokens, "output_tokens": len(answers)}
        return Reply({"answers": answers, "diagnostics": diagnostics, "usage": usage})

    def _decisions(self, received: Received) -> Reply:
        parts = received.body["input"][0]["content"]
        pictures = [p["image_url"] for p in parts if p["type"] == "input_image"] if self.sees else []
        words = " ".join(p["text"] for p in parts if p["type"] == "input_text")
        answers = []
        for question in received.body["questions"]:
            share = self.share(question["instructions"], words, pictures)
            level = question["type"] == "score"
            given = (
                {"type": "score", "score": 9 * share}
                if level
                else {"type": "predicate", "probability": share}
            )
            answers.append({**given, "name": question["name"]})
        usage = {"input_tokens": len(words.split()) + 64 * len(pictures), "output_tokens": 0}
        return Reply({"answers": answers, "usage": usage})


def _top(share: float) -> list[Json]:
    """A tenth of the mass falls on other words; the digits are as likely as yes."""
    shares = {
        " Yes": 0.5 * share,
        "yes": 0.4 * share,
        "No": 0.9 * (1 - share),
        "Maybe": 0.05,
        "3": 0.03,
        "7": 0.02,
    }
    return [{"token": token, "logprob": math.log(mass)} for token, mass in shares.items()]


def _brightness(url: str) -> float:
    content = base64.b64decode(url.partition("base64,")[2], validate=True)
    with Image.open(io.BytesIO(content), formats=["JPEG", "PNG"]) as image:
        return float(np.asarray(image.convert("RGB"), dtype=np.float64).mean()) / 255


@contextlib.contextmanager
def transformers_serve(folder: Path, *, seconds: float = 120.0) -> Iterator[str]:
    """`transformers serve FOLDER` on a free port of this machine; gives its base address once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "TRANSFORMERS_VERBOSITY": "error",
    }
    command = [
        sys.executable,
        "-m",
        "transformers.cli.transformers",
        "serve",
        str(folder),
        "--port",
        str(port),
    ]
    command += ["--host", "127.0.0.1", "--device", "cpu", "--dtype", "float32"]
    log = folder / "serve.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, env=environment, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        _wait_until_ready(f"http://127.0.0.1:{port}/health", process, log, seconds)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"transformers serve ended: {log.read_text('utf-8', 'replace')[-2000:]}")
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    raise RuntimeError(f"transformers serve was not ready in {seconds:g} s: {log.read_text('utf-8')[-2000:]}")
