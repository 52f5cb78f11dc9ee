"""Which studies to pull, and how fast."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from prima.dicom.header.scan import safe_uid


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The studies to ask for.

    Args:
        modality: the code that one of a study's series must have.
        body_parts: BodyPartExamined values, one of which a series must have; a series without any also counts, because
            many scanners leave it empty. Nothing asks for all.
        first, last: study dates, both included; None is open.
        days_per_query: a span of dates is asked for in pieces, because servers cut long answers short.
    """

    modality: str = "MR"
    body_parts: tuple[str, ...] = ()
    first: date | None = None
    last: date | None = None
    days_per_query: int = 7

    def spans(self) -> Iterator[str]:
        """DICOM date ranges (PS3.4 C.2.2.2.5.1) that cover the wanted dates once.

        Example:
            >>> list(Wanted(first=date(2024, 1, 1), last=date(2024, 1, 10)).spans())
            ['20240101-20240107', '20240108-20240110']
        """
        if self.first is None or self.last is None:
            start, stop = (f"{day:%Y%m%d}" if day else "" for day in (self.first, self.last))
            yield f"{start}-{stop}" if start or stop else ""
            return
        day = self.first
        while day <= self.last:
            end = min(day + timedelta(days=self.days_per_query - 1), self.last)
            yield f"{day:%Y%m%d}-{end:%Y%m%d}" if end > day else f"{day:%Y%m%d}"
            day = end + timedelta(days=1)

    def fits(self, body_part: str) -> bool:
        """Whether a series with this BodyPartExamined is asked for."""
        return not self.body_parts or not body_part or body_part.upper() in self.body_parts


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A study as a server lists it; the number of its instances is None when the server does not say."""

    study_uid: str
    num_instances: int | None


MAX_ANSWERS = 100_000
"""Studies in the answer to one query, series of one study, instances of one study: more is an answer without an end."""


def count_of(value: object) -> int | None:
    """A number of instances as a server states it; None when it states none that could be.

    Example:
        >>> count_of("12"), count_of("a dozen"), count_of(-3), count_of(None)
        (12, None, None, None)
    """
    try:
        count = int(str(value))
    except ValueError:
        return None
    return count if 0 <= count <= 10 * MAX_ANSWERS else None


def is_uid(value: str) -> bool:
    """Whether a server's answer names a study or series by a valid UID (PS3.5 9.1).

    Example:
        >>> is_uid("1.2.840.1"), is_uid("1.2.*"), is_uid("../x"), is_uid("")
        (True, False, False, False)
    """
    return safe_uid(value) == value


@dataclass(eq=False)
class Pace:
    """At most so many instances a second on the mean, so that a busy server keeps its breath.

    Args:
        per_second: instances a second; 0 is no limit.
        clock, sleep: for tests.
    """

    per_second: float = 0.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _next: float = field(default=0.0, init=False)

    def wait(self) -> None:
        """Return when the next instance may come."""
        if self.per_second <= 0:
            return
        now = self.clock()
        if self._next > now:
            self.sleep(self._next - now)
        self._next = max(self._next, now) + 1 / self.per_second
