"""Jobs carried out by one process or by several: what they write does not depend on how many there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

from prima.errors import PrimaError
from prima.files.worker import begin_worker

Job = Callable[[], None]


def carry_out(jobs: Sequence[Job], *, workers: int) -> Iterator[None]:
    """Do all jobs, in any order, and yield after each; the first that fails stops those that have not begun.

    Args:
        jobs: what can be pickled, for several workers.
        workers: processes of one thread each; 1 works in this process.

    Raises:
        PrimaError: a worker ended without a word, as when the system takes its memory away.
    """
    if workers == 1:
        for job in jobs:
            job()
            yield
        return
    pool = ProcessPoolExecutor(min(workers, max(1, len(jobs))), mp_context=get_context("spawn"), initializer=_begin)
    try:
        for future in as_completed([pool.submit(job) for job in jobs]):
            future.result()
            yield
    except BrokenProcessPool:
        raise PrimaError(
            "a worker was ended by the system, perhaps for want of memory; run again with fewer --workers to go on"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """One thread a worker."""
    import torch

    begin_worker()
    torch.set_num_threads(1)
