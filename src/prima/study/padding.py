"""Voxels outside the image that were filled with the lowest or highest value of their type."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

_FILLS = (-32768.0, 65535.0, 32767.0, -2147483648.0)
# What is padded: a share of the image, and far from all other values.
_LEAST_SHARE, _LEAST_GAP = 0.002, 2.0


def without_padding(voxels: NDArray[Any]) -> tuple[NDArray[Any], str | None]:
    """The voxels with padding replaced by the lowest other value, and one line that says so.

    Padding is a value at the end of a 16- or 32-bit range, of more than a few voxels, that lies further from all
    image than these spread.

    Args:
        voxels: of any shape; they are copied before they are changed.

    Example:
        >>> import numpy as np
        >>> without_padding(np.array([[-32768, -32768], [3, 90]], np.int16))[0].tolist()
        [[3, 3], [3, 90]]
    """
    for end in (voxels.min(), voxels.max()):
        if float(end) not in _FILLS:
            continue
        padding = voxels == end
        image = voxels[~padding]
        if image.size == 0 or padding.mean() < _LEAST_SHARE:
            continue
        low, high = float(image.min()), float(image.max())
        gap = min(abs(float(end) - low), abs(float(end) - high))
        if gap > _LEAST_GAP * max(high - low, 1.0):
            filled = voxels.copy()
            filled[padding] = image.min()
            return filled, f"padding of {float(end):.0f} replaced by the lowest other value"
    return voxels, None
