"""Brightness that a program normalised to a mean of zero, brought back above zero.

Magnitude has no sign: what is darker than the mean became negative, and what lay outside a mask became or stayed zero,
which then is the brightness of the mean.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_LOOKED_AT = 200_000
# Interpolation rings a little below zero; normalising puts half of the image there.
_LEAST_NEGATIVE = 0.1
# Zero is the outside of a mask when so many voxels are exactly that.
_LEAST_OUTSIDE = 0.05
_DARKEST_PERCENT = 0.5


def above_zero(voxels: NDArray[Any]) -> tuple[NDArray[Any], str | None]:
    """The voxels from zero up when they are scores around zero, and one line that says so; else as they are.

    Whole numbers are left alone: those of CT lie below zero by nature, and scores are none.

    Args:
        voxels: of any shape, finite; they are copied before they are changed.

    Example:
        >>> brain = np.concatenate([np.linspace(-2.0, 2.0, 900), np.zeros(300)])
        >>> shifted, remark = above_zero(brain)
        >>> float(shifted.min()), float(shifted[-1]), round(float(shifted[899]), 1), remark
        (0.0, 0.0, 4.0, 'values around zero: read as brightness above the darkest')
        >>> above_zero(np.linspace(-0.1, 8.0, 100))[1] is None
        True
    """
    if not np.issubdtype(voxels.dtype, np.floating) or float(voxels.min()) >= 0:
        return voxels, None
    sample = voxels.reshape(-1)[:: max(1, voxels.size // _LOOKED_AT)].astype(np.float64)
    mass = float(np.abs(sample).sum())
    share = float(np.abs(sample[sample < 0]).sum()) / mass if mass else 0.0
    if share < _LEAST_NEGATIVE or (sample % 1 != 0).mean() <= _LEAST_OUTSIDE:
        return voxels, None
    masked = float((sample == 0).mean()) >= _LEAST_OUTSIDE
    inside = sample[sample != 0] if masked else sample
    shifted = np.maximum(voxels.astype(np.float32) - np.float32(np.percentile(inside, _DARKEST_PERCENT)), 0)
    if masked:
        shifted[voxels == 0] = 0
    return shifted, "values around zero: read as brightness above the darkest"
