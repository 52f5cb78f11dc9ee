"""Running a stage over its partitions: in this process, in several, or on Ray Data, with the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import polars as pl

from prima.archive.stages.plan import drop_damaged, outdated, plan, rows_of
from prima.archive.stages.pool import in_processes
from prima.archive.stages.ray import on_ray
from prima.archive.stages.stage import Partition, PartitionOutcome, Stage, make_part, sweep
from prima.errors import ArchiveError
from prima.files.durable import make_folder
from prima.files.lock import locked

STUDIES_PER_PARTITION = 16


@dataclass(frozen=True, kw_only=True)
class StageWorkers:
    """What carries out a stage: this process, several, or a Ray cluster.

    Args:
        processes: 0: this process; None on Ray: as many as it has room for.
        ray: address of a Ray cluster, or "local" for one that lives as long as the run.
        gpus: of each process on Ray; a part of one where several share it.
    """

    processes: int | None = 0
    ray: str | None = None
    gpus: float = 0

    @property
    def several(self) -> bool:
        """Whether processes share a machine, so that each should be content with one thread."""
        return self.ray is not None or (self.processes or 0) > 1


@dataclass(frozen=True, kw_only=True)
class StageProgress:
    """How many studies are done, of how many; those whose part was there already are among both.

    Args:
        damaged: parts that were found damaged when the stage began, and are made again; told once.
    """

    done: int
    total: int
    damaged: tuple[str, ...] = ()

    def tell(self, what: str, watcher: StageWatcher) -> None:
        """Tell a terminal how far the stage is and what was damaged."""
        for name in self.damaged:
            watcher.warn(f"{name}: found a damaged part, which is made again")
        watcher.count(what, self.done, self.total)


class StageWatcher(Protocol):
    """Whoever is told how far a stage is: `prima.workflow.watcher.Watcher`."""

    def warn(self, text: str) -> None:
        """One line that a user should read."""
        ...

    def count(self, what: str, done: int, total: int | None) -> None:
        """So many of how many are done."""
        ...


def run_stage(
    stage: Stage,
    verb: str,
    folder: Path,
    inputs: Mapping[str, str],
    known: Mapping[str, str],
    *,
    workers: StageWorkers,
    size: int = STUDIES_PER_PARTITION,
    retry: bool = False,
    on_progress: Callable[[StageProgress], None] = lambda _: None,
) -> pl.LazyFrame:
    """Make the parts that are absent or outdated, and return the rows of all parts.

    Args:
        stage: what to do.
        verb: its name on the command line.
        folder: where its parts lie; made when absent.
        inputs: StudyInstanceUID → what its input is, of the studies to be done.
        known: the same of all studies there are.
        workers: who does it.
        size: studies in a new partition.
        retry: do partitions with a failed study again.
        on_progress: told as parts are finished.

    Raises:
        ArchiveError: another process runs this stage, or the disk is full; what was made is safe.
    """
    make_folder(folder / "parts")
    with locked(folder, verb):
        sweep(folder)
        damaged = drop_damaged(folder)
        partitions = plan(folder, inputs, known, size=size)
        unfinished = outdated(stage, folder, partitions, retry=retry)
        total = sum(len(partition.inputs) for partition in partitions)
        done = total - sum(len(partition.inputs) for partition in unfinished)
        on_progress(StageProgress(done=done, total=total, damaged=tuple(damaged)))
        for outcome in _partition_outcomes(stage, folder, unfinished, workers):
            if outcome.stop is not None:
                raise ArchiveError(f"{folder}: {outcome.stop}")
            done += outcome.num_studies
            on_progress(StageProgress(done=done, total=total))
    return rows_of(stage, folder)


def _partition_outcomes(
    stage: Stage, folder: Path, unfinished: Sequence[Partition], workers: StageWorkers
) -> Iterator[PartitionOutcome]:
    if not unfinished:
        return iter(())
    if workers.ray is not None:
        return on_ray(stage, folder, unfinished, address=workers.ray, processes=workers.processes, gpus=workers.gpus)
    if workers.processes:
        return in_processes(stage, folder, unfinished, processes=workers.processes)
    return (make_part(stage, folder, partition) for partition in unfinished)
