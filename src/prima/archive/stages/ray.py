"""A stage on Ray Data: each partition a task, here or on a cluster that sees the archive at the same path."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from prima.archive.stages.stage import Partition, PartitionOutcome, Stage, make_part
from prima.errors import ArchiveError
from prima.files.ray_cluster import ray_cluster

# Ray gives a task whose process died this many further tries.
_TRIES = 2


def on_ray(
    stage: Stage, folder: Path, partitions: Sequence[Partition], *, address: str, processes: int | None, gpus: float
) -> Iterator[PartitionOutcome]:
    """Make partitions as tasks of one processor each.

    Args:
        address: as for `prima.files.ray_cluster.ray_cluster`.
        processes: at most so many at a time; None: as many as there is room for.
        gpus: of each task.

    Raises:
        MissingDependencyError, UsageError, PeerError: as `ray_cluster`.
        ArchiveError: a task's process was ended again and again.
    """
    rows = [
        {"name": partition.name, "studies": list(partition.inputs), "inputs": list(partition.inputs.values())}
        for partition in partitions
    ]

    def work(row: dict[str, Any]) -> dict[str, Any]:
        inputs = dict(zip(row["studies"], row["inputs"], strict=True))
        outcome = make_part(stage, folder, Partition(name=row["name"], inputs=inputs))
        return {"partition": outcome.partition, "num_studies": outcome.num_studies, "stop": outcome.stop or ""}

    with ray_cluster(address, processes) as ray:
        _keep_quiet(ray)
        try:
            tasks = ray.data.from_items(rows, override_num_blocks=len(rows))
            done = tasks.map(work, num_cpus=1, num_gpus=gpus or None, concurrency=processes, max_retries=_TRIES)
            for row in done.iter_rows():
                yield PartitionOutcome(
                    partition=row["partition"], num_studies=row["num_studies"], stop=row["stop"] or None
                )
        except ray.exceptions.WorkerCrashedError:
            raise ArchiveError(
                f"{folder}: a Ray worker was ended by the system again and again, perhaps for want of memory; "
                "run it without --ray, which finds the study that does it"
            ) from None


def _keep_quiet(ray: Any) -> None:
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # the error that ends a task is raised here
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
