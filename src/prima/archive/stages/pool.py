"""A stage in several processes of this machine; one that the system kills does not end the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

from prima.archive.stages.stage import Partition, PartitionOutcome, Stage, make_part, note_path
from prima.files.worker import begin_worker


def in_processes(
    stage: Stage, folder: Path, partitions: Sequence[Partition], *, processes: int
) -> Iterator[PartitionOutcome]:
    """Make partitions in processes of their own.

    When the system kills a process (out of memory, a decoder that crashes), the partitions that were being made are
    made again one at a time, and a study that kills its process once more is given up.
    """
    waiting = {part.name: part for part in partitions}
    while waiting:
        with _pool(min(processes, len(waiting))) as pool:
            suspects: list[str] = []
            futures = {pool.submit(make_part, stage, folder, part): part.name for part in waiting.values()}
            try:
                for future in as_completed(futures):
                    outcome = future.result()
                    del waiting[futures[future]]
                    yield outcome
            except BrokenProcessPool:
                suspects = [name for name in waiting if note_path(folder, name).exists()]
            finally:
                pool.shutdown(cancel_futures=True)
        if waiting and not suspects:
            yield PartitionOutcome(partition=next(iter(waiting)), num_studies=0, stop=ENDED_EARLY)
            return
        for name in suspects:
            yield _alone(stage, folder, waiting.pop(name))


def _alone(stage: Stage, folder: Path, partition: Partition) -> PartitionOutcome:
    while True:
        with _pool(1) as pool:
            future: Future[PartitionOutcome] = pool.submit(make_part, stage, folder, partition)
            try:
                return future.result()
            except BrokenProcessPool:
                pass
        note = note_path(folder, partition.name)
        study_uid = note.read_text(encoding="ascii") if note.exists() else ""
        if study_uid not in partition.inputs or study_uid in partition.given_up:
            return PartitionOutcome(partition=partition.name, num_studies=0, stop=ENDED_EARLY)
        partition = replace(partition, given_up=partition.given_up | {study_uid})


ENDED_EARLY = (
    "a worker was ended by the system before it could begin, perhaps for want of memory; run again with fewer workers"
)


def _pool(processes: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=begin_worker)
