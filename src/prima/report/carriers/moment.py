"""Dates and times as carriers write them. Whether 12/11 is in November is found out or told, never guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Literal

DateOrder = Literal["day first", "month first", "either", "mixed"]
"""What a column of dates says of its order: `either` where no date decides, `mixed` where dates contradict."""

_HL7 = re.compile(r"(\d{4})(\d{2})(\d{2})(\d{2})?(\d{2})?(\d{2})?(?:\.\d+)?(?:[+-]\d{4})?\Z")
_CLOCK = r"(?:[ T,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)? ?([AaPp]\.?[Mm]\.?)?)?"
_NUMERIC = re.compile(rf"(\d{{1,2}})([/.-])(\d{{1,2}})\2(\d{{4}}){_CLOCK}\Z")
_YEAR_FIRST = re.compile(rf"(\d{{4}})[/.](\d{{1,2}})[/.](\d{{1,2}}){_CLOCK}\Z")
_DAY_NAMED = re.compile(rf"(\d{{1,2}})[ -]([A-Za-z]{{3,9}})\.?,?[ -](\d{{4}}){_CLOCK}\Z")
_MONTH_NAMED = re.compile(rf"([A-Za-z]{{3,9}})\.? (\d{{1,2}}),? (\d{{4}}){_CLOCK}\Z")
_MONTH_NAMES = "january february march april may june july august september october november december"
_MONTHS = _MONTH_NAMES.split()
_TIME = re.compile(r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[AaPp]\.?[Mm]\.?)?\Z")
_LONGEST = 64
_YEARS = range(1900, 2200)


def read_moment(text: str | None, *, day_first: bool | None = None) -> datetime | None:
    """A date and time in HL7's or ISO 8601's way, with the month as a word, or as day, month and year in numbers.

    Args:
        text: at least a day; a time zone is left out, so that it is the wall-clock time of its writer.
        day_first: whether 12/11/2024 is the twelfth of November. None: only dates are read that leave no choice. With
            dots the day is always first.

    Returns:
        None if it cannot be read.

    Example:
        >>> read_moment("yesterday") is None, read_moment("202401311530")
        (True, datetime.datetime(2024, 1, 31, 15, 30))
        >>> read_moment("2024-01-31T15:30:00+01:00") == read_moment("01/31/2024 3:30 PM")
        True
        >>> read_moment("12/11/2024") is None, read_moment("12/11/2024", day_first=True)
        (True, datetime.datetime(2024, 11, 12, 0, 0))
    """
    text = " ".join((text or "").split()[:8])[: _LONGEST + 1]
    if not text or len(text) > _LONGEST or not text.isascii():
        return None
    try:
        moment = _read(text, day_first)
    except ValueError:
        return None
    return moment if moment is not None and moment.year in _YEARS else None


def order_of(texts: Iterable[str], *, day_first: bool | None = None) -> DateOrder:
    """The order of day and month that a column of dates shows.

    Args:
        texts: the values; those that are not day, month and year in numbers say nothing.
        day_first: what was told of it, which decides.

    Example:
        >>> order_of(["12/11/2024", "25/11/2024"]), order_of(["12/11/2024", "05/12/2024"]), order_of(["2024-11-12"])
        ('day first', 'either', 'day first')
    """
    if day_first is not None:
        return "day first" if day_first else "month first"
    day_shown = month_shown = undecided = False
    for text in texts:
        found = _NUMERIC.match(" ".join(text[:_LONGEST].split()))
        if found is None or found[2] == ".":
            continue
        first, second = int(found[1]), int(found[3])
        day_shown |= first > 12
        month_shown |= second > 12
        undecided |= first != second and max(first, second) <= 12
    if day_shown and month_shown:
        return "mixed"
    if undecided and not (day_shown or month_shown):
        return "either"
    return "month first" if month_shown else "day first"


def is_time(text: str) -> bool:
    """Whether a value is a time of day without a date.

    Example:
        >>> is_time("15:30"), is_time("2024-01-31 15:30")
        (True, False)
    """
    return bool(_TIME.match(text.strip()[:_LONGEST]))


def _read(text: str, day_first: bool | None) -> datetime | None:
    hl7 = _HL7.match(text)
    if hl7:
        return datetime(*(int(part) for part in hl7.groups() if part is not None))  # type: ignore[arg-type]
    numeric = _NUMERIC.match(text)
    if numeric:
        first, second, year = int(numeric[1]), int(numeric[3]), int(numeric[4])
        if numeric[2] == ".":
            day_first = True
        elif day_first is None and first != second:
            if max(first, second) <= 12:
                return None
            day_first = first > 12
        day, month = (first, second) if day_first else (second, first)
        return _at(year, month, day, numeric.groups()[4:])
    year_first = _YEAR_FIRST.match(text)
    if year_first:
        return _at(int(year_first[1]), int(year_first[2]), int(year_first[3]), year_first.groups()[3:])
    named = _DAY_NAMED.match(text)
    if named:
        return _at(int(named[3]), _month(named[2]), int(named[1]), named.groups()[3:])
    named = _MONTH_NAMED.match(text)
    if named:
        return _at(int(named[3]), _month(named[1]), int(named[2]), named.groups()[3:])
    return datetime.fromisoformat(text).replace(tzinfo=None)


def _month(name: str) -> int:
    name = name.lower()
    return next((index for index, month in enumerate(_MONTHS, 1) if month.startswith(name)), 9 if name == "sept" else 0)


def _at(year: int, month: int, day: int, clock: tuple[str | None, ...]) -> datetime:
    hour, minute, second, half = clock
    hours = int(hour or 0)
    if half:
        if not 1 <= hours <= 12:
            raise ValueError(half)
        hours = hours % 12 + (12 if half[0] in "Pp" else 0)
    return datetime(year, month, day, hours, int(minute or 0), int(second or 0))
