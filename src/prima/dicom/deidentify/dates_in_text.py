"""Dates inside prose, moved by the offset of their patient and written in the form they had."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
           "december")  # fmt: skip
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_BIRTH = r"(?:d\.?o\.?b\.?|date\ of\ birth|born(?:\ on)?|birth\ ?date)"
_FORMS = re.compile(
    rf"""
    (?<![\w.])(?:
      (?P<born>{_BIRTH}\s*[:\-]?\s*
        [\w/.\-]*\d[\w/.\-]*|{_BIRTH}\s*[:\-]?\s*(?:\d{{1,2}}\ )?{_MONTH}(?:\ \d{{1,2}})?,?\ \d{{4}})
    | (?P<y1>(?:19|20)\d\d)(?P<s1>[-/.])(?P<m1>\d{{1,2}})(?P=s1)(?P<d1>\d{{1,2}})
    | (?P<a2>\d{{1,2}})(?P<s2>[-/.])(?P<b2>\d{{1,2}})(?P=s2)(?P<y2>(?:19|20)\d\d|\d\d)(?!\d)
    | (?P<d3>\d{{1,2}})(?:st|nd|rd|th)?(?P<s3>[\ \-])(?:of\ )?(?P<m3>{_MONTH})(?P<t3>,?[\ \-])
        (?P<y3>(?:19|20)\d\d|\d\d(?!\d|:))
    | (?P<m4>{_MONTH})(?P<s4>\ )(?P<d4>\d{{1,2}})(?:st|nd|rd|th)?(?P<t4>,?\ )(?P<y4>(?:19|20)\d\d)
    | (?P<m5>{_MONTH})(?P<s5>,?\ )(?P<y5>(?:19|20)\d\d)
    | (?P<y6>(?:19|20)\d\d)(?P<m6>0[1-9]|1[0-2])(?P<d6>[0-2]\d|3[01])(?=\d{{0,6}}(?!\d))
    | (?P<m7>0?[1-9]|1[0-2])/(?P<y7>(?:19|20)\d\d)
    | (?:(?<=on\ )|(?<=from\ )|(?<=dated\ )|(?<=since\ ))
        (?P<bare>\d{{1,2}}/\d{{1,2}}(?![\d/])|{_MONTH}\ \d{{1,2}}(?:st|nd|rd|th)?(?!\d))
    )
    """,
    re.IGNORECASE | re.VERBOSE,
)

REMOVED = "[date]"


def move_dates(text: str, move: Callable[[date], date | None], *, day_first: bool, keep: Callable[[str], str]) -> str:
    """Replace every date of a text.

    A month with its year moves with the middle of the month; a year by itself stays. A birth date, a day without its
    year and a date that cannot be are replaced by `[date]`.

    Args:
        move: gives the moved date, or None.
        day_first: how to read 03/04/2024; where one number is above 12, the date says itself.
        keep: is handed each replacement, and gives what to write.
    """

    def replaced(match: re.Match[str]) -> str:
        try:
            return keep(_moved(match, move, day_first=day_first) or REMOVED)
        except ValueError:
            return keep(REMOVED)

    return _FORMS.sub(replaced, text)


def _moved(match: re.Match[str], move: Callable[[date], date | None], *, day_first: bool) -> str | None:
    found = match.groupdict()
    if found["y1"]:
        day = move(date(int(found["y1"]), int(found["m1"]), int(found["d1"])))
        form = f"%Y{found['s1']}%m{found['s1']}%d"
    elif found["y2"]:
        first, second, sign = int(found["a2"]), int(found["b2"]), found["s2"]
        european = (day_first or first > 12 or sign == ".") and second <= 12
        day = move(date(_year(found["y2"]), second if european else first, first if european else second))
        year = "%Y" if len(found["y2"]) == 4 else "%y"
        form = f"%d{sign}%m{sign}{year}" if european else f"%m{sign}%d{sign}{year}"
    elif found["y3"]:
        day = move(date(_year(found["y3"]), _month(found["m3"]), int(found["d3"])))
        year = "%Y" if len(found["y3"]) == 4 else "%y"
        form = f"{_day(found['d3'])}{found['s3']}{_name(found['m3'])}{found['t3']}{year}"
    elif found["y4"]:
        day = move(date(int(found["y4"]), _month(found["m4"]), int(found["d4"])))
        form = f"{_name(found['m4'])} {_day(found['d4'])}{found['t4']}%Y"
    elif found["y5"]:
        day, form = move(date(int(found["y5"]), _month(found["m5"]), 15)), f"{_name(found['m5'])}{found['s5']}%Y"
    elif found["y6"]:
        day, form = move(date(int(found["y6"]), int(found["m6"]), int(found["d6"]))), "%Y%m%d"
    elif found["y7"]:
        day, form = move(date(int(found["y7"]), int(found["m7"]), 15)), "%m/%Y"
    else:
        return None
    if day is None:
        return None
    written = day.strftime(form)
    return written.upper() if match[0].isupper() else written


def _year(text: str) -> int:
    number = int(text)
    return number if number > 99 else number + (2000 if number < 50 else 1900)


def _month(text: str) -> int:
    return next(index for index, name in enumerate(_MONTHS, start=1) if name.startswith(text[:3].lower()))


def _name(text: str) -> str:
    return "%B" if len(text.rstrip(".")) > 3 else "%b"


def _day(text: str) -> str:
    return "%d" if text.startswith("0") else "%-d"
