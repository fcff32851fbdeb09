"""A model hub on loopback: the few addresses that a pull asks, and the misfortunes that it may meet."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

__all__ = ["COMMIT", "NEXT_COMMIT", "StandInHub", "serving"]

COMMIT = "89abcdef01" * 4
NEXT_COMMIT = "0123456789" * 4
_LARGE = 1000


@dataclass
class StandInHub:
    """Files of one repository at `COMMIT`, and how the server behaves.

    `log` holds each request: its path and its Range. Files over a thousand bytes have SHA-256 as on the hub, smaller
    ones the hash that git has for them.
    """

    repo: str
    files: dict[str, bytes]
    moved_files: dict[str, bytes] = field(default_factory=dict)
    log: list[tuple[str, str]] = field(default_factory=list)
    status: int = 200
    cut_after: int = 0
    cuts: int = 0
    bytes_a_second: float = 0
    ignore_range: bool = False
    spoil: str = ""
    silent: bool = False
    endpoint: str = ""

    def content(self, commit: str) -> dict[str, bytes]:
        return self.moved_files if commit == NEXT_COMMIT else self.files

    def info(self, commit: str) -> dict[str, Any]:
        siblings = []
        for name, data in self.content(commit).items():
            sibling: dict[str, Any] = {"rfilename": name, "size": len(data), "blobId": git_hash(data)}
            if len(data) > _LARGE:
                digest = hashlib.sha256(data).hexdigest()
                sibling["lfs"] = {"sha256": digest, "size": len(data), "pointerSize": 134}
            siblings.append(sibling)
        return {"id": self.repo, "modelId": self.repo, "sha": commit, "siblings": siblings}

    def downloads(self, name: str) -> list[str]:
        """The ranges that were asked of a file."""
        return [asked for path, asked in self.log if path.endswith(f"/{name}")]


def git_hash(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


@contextmanager
def serving(hub: StandInHub) -> Iterator[StandInHub]:
    """The hub at `hub.endpoint` while the block runs."""

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            asked = self.headers.get("Range", "")
            hub.log.append((path, asked))
            if hub.silent:
                time.sleep(30)
                return
            if hub.status != 200:
                self._send(hub.status, b"{}")
                return
            api = f"/api/models/{hub.repo}"
            if path == api:
                self._send_json(hub.info(NEXT_COMMIT if hub.moved_files else COMMIT))
            elif match := re.fullmatch(re.escape(api) + "/revision/([0-9a-f]{40})", path):
                self._send_json(hub.info(match[1]))
            elif match := re.fullmatch(re.escape(f"/{hub.repo}/resolve/") + "([0-9a-f]{40})/(.+)", path):
                # As the hub does: large files lie elsewhere.
                where = f"{hub.endpoint}/cdn/{match[1]}/{match[2]}"
                self.send_response(302)
                self.send_header("Location", where)
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif match := re.fullmatch("/cdn/([0-9a-f]{40})/(.+)", path):
                self._send_file(match[1], match[2], asked)
            else:
                self._send(404, b"{}")

        def _send_json(self, content: dict[str, Any]) -> None:
            self._send(200, json.dumps(content).encode())

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _send_file(self, commit: str, name: str, asked: str) -> None:
            data = hub.content(commit)[name]
            if hub.spoil == name:
                data = data[:-1] + bytes([data[-1] ^ 1])
            begin = (
                int(asked.removeprefix("bytes=").partition("-")[0]) if asked and not hub.ignore_range else 0
            )
            self.send_response(206 if begin else 200)
            if begin:
                self.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
            body = data[begin:]
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if hub.cuts and hub.cut_after < len(body):
                hub.cuts -= 1
                self.wfile.write(body[: hub.cut_after])
                self.wfile.flush()
                self.close_connection = True
                self.connection.close()
                return
            step = 64 * 1024
            for start in range(0, len(body), step):
                try:
                    self.wfile.write(body[start : start + step])
                except OSError:
                    return
                if hub.bytes_a_second:
                    time.sleep(step / hub.bytes_a_second)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    server.block_on_close = False
    hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
