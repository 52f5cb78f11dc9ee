"""Dates and times as carriers write them."""

from __future__ import annotations

import re
from datetime import datetime

_HL7 = re.compile(r"(\d{4})(\d{2})?(\d{2})?(\d{2})?(\d{2})?(\d{2})?(?:\.\d+)?(?:[+-]\d{4})?\Z")
_WRITTEN = ("%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p", "%m/%d/%Y")


def read_moment(text: str | None) -> datetime | None:
    """A date and time in HL7's, ISO 8601's or the American way; the wall-clock time of its writer. None if unreadable.

    Example:
        >>> read_moment("yesterday") is None, read_moment("202401311530")
        (True, datetime.datetime(2024, 1, 31, 15, 30))
        >>> read_moment("2024-01-31T15:30:00+01:00") == read_moment("01/31/2024 3:30 PM")
        True
    """
    text = (text or "").strip()
    hl7 = _HL7.match(text)
    try:
        if hl7:
            parts = [int(part) for part in hl7.groups() if part is not None]
            return datetime(*(parts + [1, 1][len(parts) - 1 :] if len(parts) < 3 else parts))  # type: ignore[arg-type]
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        pass
    for form in _WRITTEN:
        try:
            return datetime.strptime(text, form)
        except ValueError:
            continue
    return None
