"""Making single values safe: what cannot be parsed as what it should be is dropped."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
from pydicom.datadict import dictionary_has_tag

_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_INTEGER = re.compile(r"[+-]?[0-9]{1,7}")
_TIME = re.compile(r"(?:[01][0-9]|2[0-3])(?::?[0-5][0-9](?::?(?:[0-5][0-9]|60)(?:\.[0-9]{1,6})?)?)?")
_DATE = re.compile(r"([0-9]{4})[.]?([0-9]{2})[.]?([0-9]{2})")
_DATETIME = re.compile(r"([0-9]{8})([0-9]{2}(?:[0-9]{2}(?:[0-9]{2}(?:\.[0-9]{1,6})?)?)?)?([+-][0-9]{4})?")
_AGE = re.compile(r"([0-9]{3})([DWMY])")
_VM = re.compile(r"([0-9]+)(?:-([0-9]*)(n?))?")

BINARY = {"US": "u2", "SS": "i2", "UL": "u4", "SL": "i4", "UV": "u8", "SV": "i8", "FL": "f4", "FD": "f8"}
_MOST_VALUES = 4096
# Larger whole numbers without a decimal point could be an identifier.
_MOST_DIGITS = 9
# Letters read as a whole number are far above these, and as a floating-point number mostly outside these.
_LARGEST_WHOLE, _LARGEST_OF_SEVERAL = 10_000_000, 8191
_LARGEST, _SMALLEST = 1e6, 1e-12
OLDEST_YEARS = 89


def count_fits(vm: str, count: int) -> bool:
    """Whether so many values may stand in an element (PS3.6).

    Example:
        >>> count_fits("1", 1), count_fits("1-3", 4), count_fits("2-2n", 4), count_fits("1-n", 9)
        (True, False, True, True)
    """
    match = _VM.fullmatch(vm.split(" or ", maxsplit=1)[0])
    if match is None:
        return False
    least = int(match[1])
    if match[2] is None:
        return count == least
    most = _MOST_VALUES if match[3] or not match[2] else int(match[2])
    return least <= count <= most


def clean_numbers(vr: str, values: Sequence[Any]) -> list[Any] | None:
    """Numbers as the value representation has them; None when one of the values is none."""
    found = [_number(vr, value) for value in values]
    if (
        vr in {"US", "SS"}
        and len(found) > 1
        and any(value is None or abs(value) > _LARGEST_OF_SEVERAL for value in found)
    ):
        return None
    return None if any(value is None for value in found) else found


def _number(vr: str, value: Any) -> Any:
    if vr in {"DS", "IS"}:
        return _number_text(vr, str(value).strip(" \0"))
    if vr == "AT":
        return value if isinstance(value, int) and dictionary_has_tag(value) else None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    if not math.isfinite(number):
        return None
    if vr in {"FL", "FD"}:
        if abs(number) > _LARGEST:
            return None
        if abs(number) > _LARGEST / 10:
            return float(f"{number:.9g}")  # no room for text in the last digits
        return number if abs(number) > _SMALLEST else 0.0
    limits = np.iinfo(BINARY[vr])
    whole = int(value)
    fits = whole == number and limits.min <= whole <= limits.max and abs(whole) <= _LARGEST_WHOLE
    return whole if fits else None


def _number_text(vr: str, text: str) -> str | None:
    if vr == "IS":
        return text if _INTEGER.fullmatch(text) else None
    if len(text) > 24 or not _DECIMAL.fullmatch(text) or not math.isfinite(float(text)):
        return None
    if "." not in text and len(text.lstrip("+-0").split("e")[0].split("E")[0]) > _MOST_DIGITS:
        return None
    return text


def numbers_of(vr: str, raw: bytes, *, big_endian: bool) -> list[Any]:
    """The values of an element that was sent as unknown bytes."""
    if vr in BINARY:
        kind = np.dtype(BINARY[vr]).newbyteorder(">" if big_endian else "<")
        return list(np.frombuffer(raw, kind).tolist()) if len(raw) % kind.itemsize == 0 else []
    return raw.decode("ascii", "replace").strip(" \0").split("\\")


def date_of(text: str) -> date | None:
    """A DICOM date, also in the form with dots that old files have."""
    match = _DATE.fullmatch(text.strip(" \0"))
    if match is None:
        return None
    try:
        return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None


def clean_time(text: str) -> str | None:
    """A DICOM time, unchanged, or None."""
    text = text.strip(" \0")
    return text if _TIME.fullmatch(text) else None


def split_datetime(text: str) -> tuple[date, str] | None:
    """The date of a DICOM date and time, and what follows it (time, offset from UTC); None when the day is not known.

    Example:
        >>> split_datetime("20240131120000.5+0100")
        (datetime.date(2024, 1, 31), '120000.5+0100')
    """
    match = _DATETIME.fullmatch(text.strip(" \0"))
    day = date_of(match[1]) if match else None
    if match is None or day is None:
        return None
    rest = match[2] or ""
    if rest and clean_time(rest) is None:
        return None
    return day, rest + (match[3] or "")


def clean_age(text: str) -> str | None:
    """A DICOM age; from 90 years on all are 90 (45 CFR 164.514).

    Example:
        >>> clean_age("045Y"), clean_age("094Y"), clean_age("Smith")
        ('045Y', '090Y', None)
    """
    match = _AGE.fullmatch(text.strip(" \0").upper())
    if match is None:
        return None
    number, unit = int(match[1]), match[2]
    years = number * {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12, "Y": 1.0}[unit]
    return "090Y" if years > OLDEST_YEARS else f"{number:03d}{unit}"


def age_between(born: date, seen: date) -> str | None:
    """The age that two dates give: months below two years, then years."""
    months = (seen.year - born.year) * 12 + seen.month - born.month - (seen.day < born.day)
    if not 0 <= months < 130 * 12:
        return None
    return clean_age(f"{months:03d}M" if months < 24 else f"{months // 12:03d}Y")
