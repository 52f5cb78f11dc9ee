"""One function over many batches: in this process, in several, or on Ray, with the same results in the same order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing import get_context
from types import TracebackType
from typing import Any, Self, TypeVar

from prima.errors import PrimaError
from prima.files.ray_cluster import ray_cluster
from prima.files.worker import begin_worker

Item = TypeVar("Item")
Result = TypeVar("Result")
Work = Callable[[Sequence[Item]], list[Result]]
"""Results of a batch, one for each item. It travels to other processes: a function of a module, or a dataclass."""

# Batches under way for each process: one is worked on, one waits.
_AHEAD = 2
ENDED_EARLY = (
    "a worker was ended by the system before it could begin, perhaps for want of memory; run again with fewer workers"
)


@dataclass(eq=False)
class Spread:
    """Who does the work, from the beginning of a `with` block to its end.

    A process that the system ends (out of memory, a decoder that crashes) takes nothing with it: the batches under
    way are done again, each in a process of its own, and an item that ends its process once more is given up.

    Args:
        processes: 0 or 1: this process; on Ray None: as many as it has room for.
        ray: address of a Ray cluster (`prima.files.ray_cluster`); None for none.
    """

    processes: int | None = 0
    ray: str | None = None
    _pool: ProcessPoolExecutor | None = field(default=None, init=False, repr=False)
    _ray: Any = field(default=None, init=False, repr=False)
    _stack: ExitStack = field(default_factory=ExitStack, init=False, repr=False)

    @property
    def several(self) -> bool:
        """Whether other processes do the work, so that batches should be large."""
        return self.ray is not None or (self.processes or 0) > 1

    def __enter__(self) -> Self:
        if self.ray is not None:
            self._ray = self._stack.enter_context(ray_cluster(self.ray, self.processes))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close_pool()
        self._stack.close()

    def map(
        self, work: Work[Item, Result], batches: Iterable[Sequence[Item]], *, given_up: Callable[[Item], Result]
    ) -> Iterator[tuple[Sequence[Item], list[Result]]]:
        """Each batch with its results, in order; batches are asked for a little ahead of the results.

        Args:
            work: what to do with a batch.
            batches: of items that other processes can be handed.
            given_up: the result of an item that ends its process.

        Raises:
            PrimaError: no process can be begun.
        """
        if self._ray is not None:
            return self._on_ray(work, batches, given_up)
        if self.several:
            return self._in_processes(work, batches, given_up)
        return ((batch, work(batch)) for batch in batches)

    def _in_processes(
        self, work: Work[Item, Result], batches: Iterable[Sequence[Item]], given_up: Callable[[Item], Result]
    ) -> Iterator[tuple[Sequence[Item], list[Result]]]:
        under_way: deque[tuple[Sequence[Item], Future[list[Result]]]] = deque()
        for batch in batches:
            under_way.append((batch, self._submitted(work, batch)))
            if len(under_way) > _AHEAD * (self.processes or 1):
                yield self._result(work, *under_way.popleft(), given_up)
        while under_way:
            yield self._result(work, *under_way.popleft(), given_up)

    def _submitted(self, work: Work[Item, Result], batch: Sequence[Item]) -> Future[list[Result]]:
        if self._pool is not None:
            try:
                return self._pool.submit(work, batch)
            except BrokenProcessPool:
                self._close_pool()
        self._pool = _processes(self.processes or 1)
        return self._pool.submit(work, batch)

    def _result(
        self,
        work: Work[Item, Result],
        batch: Sequence[Item],
        future: Future[list[Result]],
        given_up: Callable[[Item], Result],
    ) -> tuple[Sequence[Item], list[Result]]:
        try:
            return batch, future.result()
        except BrokenProcessPool:  # of the pool that had this batch; a newer one may be at work
            return batch, _alone(work, batch, given_up)

    def _close_pool(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def _on_ray(
        self, work: Work[Item, Result], batches: Iterable[Sequence[Item]], given_up: Callable[[Item], Result]
    ) -> Iterator[tuple[Sequence[Item], list[Result]]]:
        def called(batch: Sequence[Item]) -> list[Result]:  # Ray takes functions only
            return work(batch)

        remote = self._ray.remote(num_cpus=1, max_retries=0)(called)
        room = _AHEAD * (self.processes or int(self._ray.cluster_resources().get("CPU", 1)))
        under_way: deque[tuple[Sequence[Item], Any]] = deque()

        def result(batch: Sequence[Item], task: Any) -> tuple[Sequence[Item], list[Result]]:
            try:
                return batch, self._ray.get(task)
            except self._ray.exceptions.WorkerCrashedError:
                return batch, _alone(work, batch, given_up)
            except self._ray.exceptions.RayTaskError as error:
                raise error.cause from None

        for batch in batches:
            under_way.append((batch, remote.remote(batch)))
            if len(under_way) > room:
                yield result(*under_way.popleft())
        while under_way:
            yield result(*under_way.popleft())


def _alone(work: Work[Item, Result], batch: Sequence[Item], given_up: Callable[[Item], Result]) -> list[Result]:
    """The results of a batch whose process was ended: in a process of its own, then item by item."""
    done = _once(work, batch)
    if done is not None:
        return done
    results: list[Result] = []
    for item in batch:
        alone = _once(work, [item])
        if alone is None and _once(work, []) is None:
            raise PrimaError(ENDED_EARLY)
        results.extend([given_up(item)] if alone is None else alone)
    return results


def _once(work: Work[Item, Result], batch: Sequence[Item]) -> list[Result] | None:
    with _processes(1) as pool:
        try:
            return pool.submit(work, batch).result()
        except BrokenProcessPool:
            return None


def _processes(count: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=begin_worker)
