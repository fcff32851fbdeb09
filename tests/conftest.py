"""What every test can rely on: no network, fixed seeds, and the reference data when it is there."""

from __future__ import annotations

import ipaddress
import os
import random
import signal
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Set before anything imports huggingface_hub, which reads it once.
os.environ["HF_HUB_OFFLINE"] = "1"
# Tiny models are done before a second thread is awake. Read once too, by torch.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import hypothesis
import numpy as np
import pytest

# The same examples in every run, and no time limit for one: a busy machine is no failure.
hypothesis.settings.register_profile("emoscene", deadline=None, derandomize=True)
hypothesis.settings.load_profile("emoscene")

_DATA = "EMOSCENE_REFERENCE_DATA"
_UNIT_TEST_SECONDS = 5.0

_reference_outcomes: Counter[str] = Counter()
_over_time: list[tuple[str, float]] = []


# What runs in the background may have been told to ignore Ctrl-C; tests of it need it, and so do their processes.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


class NetworkUsedError(AssertionError):
    """A test tried to reach another machine. It is no OSError, so that no code takes it for a broken line."""


def _is_loopback(address: Any) -> bool:
    host = address[0] if isinstance(address, tuple) else address
    if not isinstance(host, str) or host in ("", "localhost"):
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Connections to anything but this machine raise `NetworkUsedError`, for the whole session."""
    patch = pytest.MonkeyPatch()
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def refuse(address: Any) -> None:
        raise NetworkUsedError(f"tests use no network, and this one reached for {address!r}")

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address):
            refuse(address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address):
            refuse(address)
        return connect_ex(self, address)

    def guarded_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host is not None and not _is_loopback(host if isinstance(host, str) else host.decode()):
            refuse(host)
        return getaddrinfo(host, *args, **kwargs)

    patch.setattr(socket.socket, "connect", guarded_connect)
    patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    patch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)
    yield
    patch.undo()


@pytest.fixture(autouse=True)
def fixed_seeds() -> None:
    """The same random numbers in every run, whichever tests run before."""
    random.seed(0)
    np.random.seed(0)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of each test's own: nothing of the user's is read or written."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("EMOSCENE_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """The folder of real weights, photographs and labels, or a skip that says how to name one."""
    named = os.environ.get(_DATA)
    if not named:
        pytest.skip(f"needs the reference data: set {_DATA} to its folder")
    folder = Path(named)
    if not folder.is_dir():
        pytest.fail(f"{_DATA} names a folder that does not exist: {named}", pytrace=False)
    return folder


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report: pytest.TestReport = yield
    if report.when == "call" and report.duration > _UNIT_TEST_SECONDS and not item.get_closest_marker("slow"):
        _over_time.append((item.nodeid, report.duration))
    uses_data = "reference_data" in getattr(item, "fixturenames", ()) or _DATA in str(report.longrepr or "")
    if uses_data and (report.when == "call" or report.skipped or report.failed):
        _reference_outcomes[report.outcome] += 1
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    line = terminalreporter.write_line
    ran = _reference_outcomes["passed"] + _reference_outcomes["failed"]
    skipped = _reference_outcomes["skipped"]
    if ran or skipped:
        line(
            f"reference data: {ran} tests ran, {skipped} skipped ({_DATA}={os.environ.get(_DATA, 'not set')})"
        )
    else:
        line("reference data: no test that reads it was selected")
    for test, seconds in sorted(_over_time, key=lambda entry: -entry[1]):
        line(f"over {_UNIT_TEST_SECONDS:.0f} s and not marked slow: {test} ({seconds:.1f} s)")
