"""Tolerant access to data elements: a value that is absent, empty or broken reads as None."""

from __future__ import annotations

import math
import struct
from typing import Any

from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException
from pydicom.sequence import Sequence as DicomSequence

Tag = str | tuple[int, int]

# What converting a hostile value can raise inside pydicom.
BROKEN = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    LookupError,
    OverflowError,
    ArithmeticError,
    NotImplementedError,
    EOFError,
    RecursionError,
    struct.error,
    BytesLengthException,
)


def value_of(dataset: Dataset, tag: Tag) -> Any:
    """The converted value of an element, or None."""
    try:
        if tag not in dataset:
            return None
        return dataset[tag].value
    except BROKEN:
        return None


def values_of(dataset: Dataset, tag: Tag) -> tuple[Any, ...]:
    """The values of an element as a tuple, empty when there is none."""
    value = value_of(dataset, tag)
    if value is None or value == "" or isinstance(value, bytes):
        return ()
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return (value,)
    return tuple(value)


def text(dataset: Dataset, tag: Tag) -> str | None:
    """One decoded text value, stripped; several values are joined by a backslash."""
    values = values_of(dataset, tag)
    joined = "\\".join(str(value) for value in values).replace("\x00", "").strip()
    return joined or None


def words(dataset: Dataset, tag: Tag) -> tuple[str, ...]:
    """The values of a code string, upper-case and stripped."""
    return tuple(str(value).replace("\x00", "").strip().upper() for value in values_of(dataset, tag))


def numbers(dataset: Dataset, tag: Tag, count: int) -> tuple[float, ...] | None:
    """Exactly `count` finite numbers, or None."""
    try:
        values = tuple(float(value) for value in values_of(dataset, tag))
    except BROKEN:
        return None
    return values if len(values) == count and all(math.isfinite(value) for value in values) else None


def number(dataset: Dataset, tag: Tag) -> float | None:
    """The first value as a finite number, or None."""
    values = values_of(dataset, tag)
    try:
        value = float(values[0]) if values else math.nan
    except BROKEN:
        return None
    return value if math.isfinite(value) else None


def integer(dataset: Dataset, tag: Tag) -> int | None:
    """The first value as a whole number, or None."""
    value = number(dataset, tag)
    return None if value is None else int(value)


def items(dataset: Dataset, tag: Tag) -> tuple[Dataset, ...]:
    """The items of a sequence, empty when there is none."""
    value = value_of(dataset, tag)
    return tuple(value) if isinstance(value, DicomSequence) else ()


def item(dataset: Dataset, tag: Tag) -> Dataset | None:
    """The first item of a sequence, or None."""
    sequence_items = items(dataset, tag)
    return sequence_items[0] if sequence_items else None


def raw_bytes(dataset: Dataset, tag: Tag) -> bytes | None:
    """The value of a binary element, or None."""
    value = value_of(dataset, tag)
    return value if isinstance(value, bytes) else None
