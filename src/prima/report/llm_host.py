"""Whether an endpoint lies where report text may go without asking."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from prima.errors import UsageError


def check_url(url: str) -> str:
    """The host of an endpoint.

    Raises:
        UsageError: not an http or https address.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(
            f"--llm: expected the address of an OpenAI-compatible endpoint, as http://localhost:8000/v1; found {url!r}"
        )
    return parts.hostname


def stays_inside(host: str) -> bool:
    """Whether a host is this machine or of a private network; every address it resolves to must be.

    Example:
        >>> stays_inside("127.0.0.1"), stays_inside("10.1.2.3"), stays_inside("8.8.8.8")
        (True, True, False)
    """
    try:
        addresses = [str(found[4][0]) for found in socket.getaddrinfo(host, None)]
    except OSError:
        return False
    found = [ipaddress.ip_address(address.split("%")[0]) for address in addresses]
    return bool(found) and all(address.is_loopback or address.is_private or address.is_link_local for address in found)


def warning_for(url: str) -> str | None:
    """What to say before report text leaves the house; None when it does not."""
    host = check_url(url)
    if stays_inside(host):
        return None
    plain = "" if url.startswith("https:") else ", unencrypted"
    return (
        f"report text, which may identify patients, goes to {host}{plain}, outside this machine and its private network"
    )
