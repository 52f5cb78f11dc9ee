"""HTTP connections whose answers must begin in time: headers that trickle are silence."""

from __future__ import annotations

from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.response import BaseHTTPResponse

from prima.files.cut_after import cut_after


class _PlainConnection(HTTPConnection):
    def getresponse(self) -> Any:
        """The response once its headers are there; `TimeoutError` where they are not in the time for silence."""
        return _in_time(self, super().getresponse)


class _SecureConnection(HTTPSConnection):
    def getresponse(self) -> Any:
        """As of a plain connection."""
        return _in_time(self, super().getresponse)


def _in_time(connection: HTTPConnection, respond: Any) -> BaseHTTPResponse:
    seconds = connection.timeout if isinstance(connection.timeout, int | float) else None
    with cut_after(seconds, lambda: connection.sock) as watch:
        try:
            response: BaseHTTPResponse = respond()
        except Exception:
            if watch.is_over:
                raise TimeoutError("the headers of an answer did not end in time") from None
            raise
    if watch.is_over:  # what had come looked like an answer
        response.close()
        raise TimeoutError("the headers of an answer did not end in time")
    return response


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class PromptAdapter(HTTPAdapter):
    """An adapter of `requests` for which the timeout of reading is that of all headers together, not of each byte."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Make the pool of connections, of ours."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
        """The pool of connections by way of a proxy, of ours."""
        manager = super().proxy_manager_for(*arguments, **options)
        manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
        return manager
