"""A stage on Ray Data: each partition a task, here or on a cluster that sees the archive at the same path."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from prima.archive.stages.stage import Partition, PartitionOutcome, Stage, make_part
from prima.errors import ArchiveError, PeerError, UsageError
from prima.files.optional import require

LOCAL = "local"
# Before Ray is loaded: a cluster of this process alone listens on the loopback (Ray's name for that speaks of other
# systems) and answers only who knows its token; by itself it listens everywhere and runs anybody's code.
_KEEP_TO_ITSELF = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "token"}
# Ray gives a task whose process died this many further tries.
_TRIES = 2
_ANSWER_S = 10


def on_ray(
    stage: Stage, folder: Path, partitions: Sequence[Partition], *, address: str, processes: int | None, gpus: float
) -> Iterator[PartitionOutcome]:
    """Make partitions as tasks of one processor each.

    Args:
        address: of a cluster's head ("host:6379", "ray://host:10001", "auto"), or "local": one that listens on the
            loopback only, asks for a token, and goes with this process.
        processes: at most so many at a time; None: as many as there is room for.
        gpus: of each task.

    Raises:
        MissingDependencyError: Ray is not installed.
        UsageError: the address is none.
        PeerError: nobody answers there.
        ArchiveError: a task's process was ended again and again.
    """
    if address == LOCAL:
        os.environ.update(_KEEP_TO_ITSELF, RAY_AUTH_TOKEN=secrets.token_hex(32))
    ray = _ray()
    _check(address)
    rows = [
        {"name": partition.name, "studies": list(partition.inputs), "inputs": list(partition.inputs.values())}
        for partition in partitions
    ]

    def work(row: dict[str, Any]) -> dict[str, Any]:
        inputs = dict(zip(row["studies"], row["inputs"], strict=True))
        outcome = make_part(stage, folder, Partition(name=row["name"], inputs=inputs))
        return {"partition": outcome.partition, "num_studies": outcome.num_studies, "stop": outcome.stop or ""}

    _begin(ray, address, processes)
    try:
        tasks = ray.data.from_items(rows, override_num_blocks=len(rows))
        done = tasks.map(work, num_cpus=1, num_gpus=gpus or None, concurrency=processes, max_retries=_TRIES)
        for row in done.iter_rows():
            yield PartitionOutcome(partition=row["partition"], num_studies=row["num_studies"], stop=row["stop"] or None)
    except ray.exceptions.WorkerCrashedError:
        raise ArchiveError(
            f"{folder}: a Ray worker was ended by the system again and again, perhaps for want of memory; "
            "run it without --ray, which finds the study that does it"
        ) from None
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
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # the error that ends a task is raised here
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
