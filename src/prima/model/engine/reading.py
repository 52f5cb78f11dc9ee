"""A study while it is being read: its series come one by one as they are ready, the whole study at the end."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from time import perf_counter

from prima.model.engine.prepare import WORKERS, PreparedSeries, PreparedStudy, gather_study
from prima.study import Excluded, Series, Study

TakeSeries = Callable[[Series], None]


class StudyReading:
    """What a reader's thread has made of a study so far; iterating waits for the next series.

    `run` is called by the thread that reads. Whoever computes iterates over the prepared series at the same time, and
    then asks for the `study`.

    Example:
        >>> reading = StudyReading()
        >>> reading.run(lambda take: Study(study_uid="2.25.1"), lambda series: None)
        >>> list(reading), reading.study().study_uid
        ([], '2.25.1')
    """

    def __init__(self) -> None:
        self._ready: queue.SimpleQueue[Future[PreparedSeries | Excluded] | None] = queue.SimpleQueue()
        self._ended = Event()
        self._study: PreparedStudy | None = None
        self._error: BaseException | None = None
        self.timings_s = {"read": 0.0, "tokenize": 0.0}

    def run(
        self,
        read: Callable[[TakeSeries], Study],
        prepare_series: Callable[[Series], PreparedSeries | Excluded],
        *,
        workers: int = WORKERS,
    ) -> None:
        """Read and prepare; an error is kept for whoever asks for the study.

        Args:
            read: gives every series that is used to its argument as soon as it is decoded, in order, and returns the
                whole study.
            prepare_series: asks the gate and cuts into patches.
            workers: threads that prepare.
        """
        waiting: list[Future[PreparedSeries | Excluded]] = []
        seconds: list[float] = []

        def timed(series: Series) -> PreparedSeries | Excluded:
            started = perf_counter()
            prepared = prepare_series(series)
            seconds.append(perf_counter() - started)
            return prepared

        started = perf_counter()
        try:
            with ThreadPoolExecutor(max(workers, 1), "prima-prepare") as pool:

                def take(series: Series) -> None:
                    waiting.append(pool.submit(timed, series))
                    self._ready.put(waiting[-1])

                study = read(take)
                self.timings_s["read"] += perf_counter() - started
                self._study = gather_study(study, [future.result() for future in waiting])
        except BaseException as error:  # noqa: BLE001 (handed to the thread that waits)
            self._error = error
        self.timings_s["tokenize"] = sum(seconds)
        self._ready.put(None)
        self._ended.set()

    def __iter__(self) -> Iterator[PreparedSeries]:
        """The series that are used, as they become ready, each once; one that could not be prepared ends the study."""
        while (future := self._ready.get()) is not None:
            if future.exception() is None and isinstance(prepared := future.result(), PreparedSeries):
                yield prepared
        self._ready.put(None)  # whoever asks again is told the same

    def study(self) -> PreparedStudy:
        """The whole study, once it has been read.

        Raises:
            BaseException: whatever ended the reading.
        """
        self._ended.wait()
        if self._error is not None:
            raise self._error
        assert self._study is not None
        return self._study
