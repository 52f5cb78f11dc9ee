"""From stored values to output values (Modality LUT and Pixel Value Transformation, PS3.3 C.11.1, C.7.6.16.2.9)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_INTEGERS = (np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32)


def rescale_dtype(stored: np.dtype[Any], slope: float, intercept: float, bits_stored: int) -> np.dtype[Any]:
    """The type of rescaled values.

    The stored type when the rescale changes nothing; the smallest integer type that holds the range when slope and
    intercept are whole numbers, as ITK does; else float64.

    Example:
        >>> rescale_dtype(np.dtype(np.uint16), 1.0, 0.0, 12).name, rescale_dtype(np.dtype(np.uint16), 0.5, 0.0, 12).name
        ('uint16', 'float64')
        >>> rescale_dtype(np.dtype(np.uint16), 1.0, -1024.0, 12).name
        'int16'
    """
    if slope == 1.0 and intercept == 0.0:
        return stored
    if stored.kind == "f" or slope != int(slope) or intercept != int(intercept):
        return np.dtype(np.float64)
    bits = bits_stored if stored.kind == "u" else bits_stored - 1
    low = 0 if stored.kind == "u" else -(1 << bits)
    ends = sorted((low * slope + intercept, ((1 << bits) - 1) * slope + intercept))
    for candidate in _INTEGERS:
        info = np.iinfo(candidate)
        if info.min <= ends[0] and ends[1] <= info.max:
            return np.dtype(candidate)
    return np.dtype(np.float64)


def rescale(values: NDArray[Any], slope: float, intercept: float, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Values x slope + intercept, computed in float64, as `dtype`."""
    if slope == 1.0 and intercept == 0.0:
        return values.astype(dtype, copy=False)
    return (values.astype(np.float64) * slope + intercept).astype(dtype)
