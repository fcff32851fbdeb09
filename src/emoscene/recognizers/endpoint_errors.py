"""What can go wrong with a server, in our words: what, the offending value, the remedy, and whether to try again.

What a server says is shown only where it helps (it refused the request), on one line, shortened, without the key.
"""

from __future__ import annotations

import email.utils
import json
import re
import time
from collections.abc import Mapping, Sequence

from emoscene.errors import AnswerError, shorten
from emoscene.recognizers.endpoint_address import Address

__all__ = [
    "ServerError",
    "from_status",
    "no_json",
    "not_in_time",
    "too_large",
    "unreachable",
    "waits_too_long",
]

_KEYS = re.compile(r"\b(sk|pk|hf|gsk|Bearer)[-_ ][A-Za-z0-9_*.-]{4,}")
_CHECK_URL = "Check -o base_url; it mostly ends in /v1."


class ServerError(AnswerError):
    """The server answered with an HTTP status that is no success.

    `said` is the server's own message, `param` the field that it names, `retry_after` the seconds it asks for.
    `final` says that every further request would get the same answer.
    """

    def __init__(
        self,
        what: str,
        *,
        value: object = None,
        remedy: str = "",
        retryable: bool = False,
        http_status: int = 0,
        said: str = "",
        param: str = "",
        retry_after: float | None = None,
        final: bool = False,
    ) -> None:
        super().__init__(what, value=value, remedy=remedy, retryable=retryable)
        self.http_status, self.said, self.param = http_status, said, param
        self.retry_after, self.final = retry_after, final

    def with_models(self, asked: str, served: Sequence[str]) -> ServerError:
        """The same error, with the served models in its remedy if the one asked for is not among them."""
        if not served or asked in served:
            return self
        named = ", ".join(shorten(name, 60) for name in served[:8])
        more = f" and {len(served) - 8} more" if len(served) > 8 else ""
        return ServerError(
            "the server does not serve the model",
            value=asked,
            remedy=f"It serves: {named}{more}. Choose one with -o model=NAME.",
            http_status=self.http_status,
            said=self.said,
            param=self.param,
            final=True,
        )


def from_status(
    address: Address, status: int, headers: Mapping[str, str], content: bytes, retryable: bool
) -> ServerError:
    """The error for an HTTP status."""
    said, code, param = _message(content, address.key)
    host = address.host
    if status in (401, 403):
        shown = "the key was" if address.key else "no key was given, and it was"
        return ServerError(
            f"{host} does not let us in (status {status}): {shown} not accepted for this model",
            remedy="Set EMOSCENE_API_KEY, or name another variable with -o key_variable=NAME.",
            http_status=status,
            said=said,
            final=True,
        )
    if status == 404:
        return ServerError(
            f"{host} knows no such model or path (status 404)",
            value=said or address.base_url,
            remedy=f"Check -o model. {_CHECK_URL}",
            http_status=status,
            said=said,
            final=True,
        )
    if status == 429 and code in ("insufficient_quota", "billing_not_active"):
        return ServerError(
            f"the account at {host} has no quota left",
            value=code,
            remedy="See its billing page.",
            http_status=status,
            said=said,
            final=True,
        )
    if 300 <= status < 400:
        return ServerError(
            f"{host} points to another address (status {status}), and the key is not carried there",
            remedy="Give the final address as -o base_url.",
            http_status=status,
            final=True,
        )
    what = f"{host} is too busy" if status in (429, 503) else f"{host} could not answer"
    remedy = "Try again later, or with -o concurrency=1."
    if not retryable:
        what, remedy = f"{host} refused the request", "See the server's words; its log may say more."
    return ServerError(
        f"{what} (status {status})",
        value=said or None,
        remedy=remedy,
        retryable=retryable,
        http_status=status,
        said=said,
        param=param,
        retry_after=_retry_after(headers),
    )


def unreachable(host: str) -> AnswerError:
    return AnswerError(
        f"{host} cannot be reached, or broke off its answer",
        remedy=f"Check that the server runs. {_CHECK_URL}",
        retryable=True,
    )


def not_in_time(host: str, seconds: float) -> AnswerError:
    return AnswerError(
        f"{host} did not answer in time",
        value=f"{seconds:g} s",
        remedy="Give it longer with -o timeout=SECONDS and -o deadline=SECONDS, or ask less with -o concurrency=1.",
        retryable=True,
    )


def waits_too_long(error: AnswerError, seconds: float) -> AnswerError:
    return AnswerError(
        f"{error.what} and wants to be left alone for longer than we wait",
        value=f"{seconds:g} s",
        remedy="Try again then.",
        retryable=True,
    )


def too_large(host: str, limit: int) -> AnswerError:
    return AnswerError(
        f"the answer of {host} is compressed, or larger than the {limit / 1e6:g} MB that are read",
        remedy=_CHECK_URL,
    )


def no_json(address: Address, kind: str = "") -> AnswerError:
    """An answer that is no JSON. Of another type, it is another kind of server; broken, it may do better next time."""
    if kind:
        return AnswerError(
            f"{address.host} does not answer in JSON as a server of the OpenAI kind does",
            value=kind,
            remedy=_CHECK_URL,
        )
    return AnswerError(
        f"the answer of {address.host} is broken JSON",
        remedy="Try again; see the server's log.",
        retryable=True,
    )


def _message(content: bytes, key: str) -> tuple[str, str, str]:
    """The server's message, code and parameter, as far as it gives them."""
    try:
        body = json.loads(content[:100_000])
    except (ValueError, RecursionError):
        return "", "", ""
    error = body.get("error", body) if isinstance(body, dict) else body
    fields = error if isinstance(error, dict) else {"message": error}
    message = next((m for name in ("message", "detail", "error") if (m := fields.get(name))), "")
    text = message if isinstance(message, str) else json.dumps(message)
    hidden = text.replace(key, "***") if key else text
    code, param = fields.get("code"), fields.get("param")
    return (
        shorten(_KEYS.sub("***", " ".join(hidden.split())), 300),
        code if isinstance(code, str) else "",
        param if isinstance(param, str) else "",
    )


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds in `retry-after-ms` or `Retry-After`, which is a number or a date."""
    for name, scale in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        text = headers.get(name, "")
        try:
            seconds = float(text) / scale
        except ValueError:
            continue
        if 0 <= seconds < 1e9:
            return seconds
    try:
        date = email.utils.parsedate_to_datetime(headers.get("retry-after", ""))
    except (ValueError, TypeError):
        return None
    return max(0.0, date.timestamp() - time.time())
