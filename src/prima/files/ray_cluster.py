"""A Ray cluster, here or elsewhere, for work that is spread over processes."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prima.errors import PeerError, UsageError
from prima.files.optional import require

LOCAL = "local"
# Before Ray is loaded: a cluster of this process alone listens on the loopback (Ray's name for that speaks of other
# systems) and answers only who knows its token; by itself it listens everywhere and runs anybody's code.
_KEEP_TO_ITSELF = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "token"}
_ANSWER_S = 10


@contextmanager
def ray_cluster(address: str, processes: int | None) -> Iterator[Any]:
    """The module `ray`, connected to a cluster until the block ends.

    Args:
        address: of a cluster's head ("host:6379", "ray://host:10001", "auto"), or "local": one that listens on the
            loopback only, asks for a token, and goes with this process.
        processes: of a local cluster; None: as many as there are cores.

    Raises:
        MissingDependencyError: Ray is not installed.
        UsageError: the address is none.
        PeerError: nobody answers there.
    """
    if address == LOCAL:
        os.environ.update(_KEEP_TO_ITSELF, RAY_AUTH_TOKEN=secrets.token_hex(32))
    ray = _ray()
    _check(address)
    _begin(ray, address, processes)
    try:
        yield ray
    finally:
        ray.shutdown()


def _check(address: str) -> None:
    """Ask for an answer first: Ray itself waits for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if address in {LOCAL, "auto"}:
        return
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise UsageError(f"--ray: found {address}, expected local, auto, HOST:PORT or ray://HOST:PORT")
    try:
        socket.create_connection((host, int(port)), timeout=_ANSWER_S).close()
    except OSError as error:
        raise PeerError(f"--ray {address}: {error.strerror or 'no answer'}; is the cluster's head running?") from None


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        require("ray.data", "--ray", extra="ray")
        return require("ray", "--ray", extra="ray")


def _begin(ray: Any, address: str, processes: int | None) -> None:
    quiet = {"include_dashboard": False, "log_to_driver": False, "logging_level": logging.ERROR}
    if address == LOCAL:
        ray.init("local", num_cpus=processes, **quiet)
    else:
        try:
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
        except ConnectionError as error:
            raise PeerError(f"--ray {address}: {' '.join(str(error).split())[:200]}") from None
