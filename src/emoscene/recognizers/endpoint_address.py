"""Which server is asked, and the key that is shown to it.

The address is what the user gave, nothing else: no default, none from the environment. The key comes from the
environment alone and shows nowhere: not in a repr, an error, a row or a log.
"""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from emoscene.errors import OptionError

__all__ = ["Address", "read_address"]

KEY_VARIABLE = "EMOSCENE_API_KEY"
_OPENAI = "api.openai.com"
_EXAMPLE = "Give one such as -o base_url=http://localhost:8000/v1."


@dataclass(frozen=True)
class Address:
    """A server of the OpenAI kind. `base_url` has no slash at its end; `key` may be empty.

    `clear` says that what is sent can be read on the way: plain http to a machine elsewhere; `here` that the server
    runs on this machine, so that no proxy stands between.
    """

    base_url: str
    host: str
    clear: bool = False
    here: bool = False
    key: str = field(default="", repr=False)


def read_address(base_url: str | None, key_variable: str | None = None) -> Address:
    """The address in `base_url`, with its key from the environment.

    The key is `EMOSCENE_API_KEY`, or what `key_variable` names. `OPENAI_API_KEY` is shown to api.openai.com alone.

    Raises:
        OptionError: if the address cannot be used, or the key that was named or is needed is not there.
    """
    if not base_url:
        raise OptionError("endpoint needs the address of a server", value=base_url, remedy=_EXAMPLE)
    try:
        parts = urlsplit(base_url.strip())
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise OptionError("this base_url is no address", value=base_url, remedy=_EXAMPLE) from None
    if parts.username is not None or parts.password is not None:
        # The value is not shown: it holds a password.
        raise OptionError(
            "a base_url carries no user name or password",
            remedy=f"Put the key into the environment variable {KEY_VARIABLE}.",
        )
    if parts.query or parts.fragment:
        # Not shown either: some gateways take keys as a query.
        raise OptionError("a base_url has no ? or # part", remedy=_EXAMPLE)
    usable = parts.scheme in ("http", "https") and host and "\\" not in base_url and base_url.isprintable()
    if not usable or any(c.isspace() for c in base_url.strip()):
        raise OptionError("this base_url is no http or https address", value=base_url, remedy=_EXAMPLE)
    shown = f"[{host}]" if ":" in host else host
    url = f"{parts.scheme}://{shown}{f':{port}' if port else ''}{parts.path.rstrip('/')}"
    clear = parts.scheme == "http" and not _near(host)
    return Address(url, host, clear, _here(host), _key(host, parts.scheme, key_variable))


def _here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _near(host: str) -> bool:
    """Whether a host is this machine or on a private network: by its number, or a name that no public host has."""
    try:
        number = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local", ".internal", ".lan", ".home.arpa"))
    return number.is_loopback or number.is_private or number.is_link_local


def _key(host: str, scheme: str, named: str | None) -> str:
    openai = host == _OPENAI and scheme == "https"
    variables = [named] if named else [KEY_VARIABLE, *(["OPENAI_API_KEY"] if openai else [])]
    for variable in variables:
        key = os.environ.get(variable, "").strip()
        if key:
            if not (key.isascii() and key.isprintable()) or " " in key:
                raise OptionError(
                    f"the key in {variable} holds blanks or characters that no key has",
                    remedy=f"Set {variable} again.",
                )
            return key
    if named or openai:
        raise OptionError(
            "no key was found in the environment variable",
            value=" or ".join(variables),
            remedy=f"Set it with: export {variables[-1]}=...",
        )
    return ""
