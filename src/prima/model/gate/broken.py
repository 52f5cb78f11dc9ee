"""Voxels that no scanner meant: what can be said of them without looking for anatomy."""

from __future__ import annotations

import numpy as np

from prima.study import Volume

# A brain in the largest usual field of view fills a fiftieth of it.
_MOST_OF_ONE_VALUE = 0.995
# A well-filled image has a handful of voxels at its highest value.
_MOST_SATURATED = 0.25
# Shares are taken from about so many voxels, in even steps along every axis.
_LOOKED_AT = 500_000


def why_broken(volume: Volume) -> str | None:
    """One line on what is wrong with the voxels: not finite, of one value, or saturated; None when nothing is.

    Example:
        >>> from prima.study import Affine
        >>> why_broken(Volume(voxels=np.full((4, 8, 8), 7), affine=Affine(np.eye(4))))
        'all of its voxels have the value 7'
    """
    voxels = volume.voxels
    if not np.issubdtype(voxels.dtype, np.integer):
        with np.errstate(invalid="ignore", over="ignore"):
            finite = np.isfinite(voxels.sum(dtype=np.float64))
        if not finite:
            num_broken = voxels.size - int(np.isfinite(voxels).sum())
            return f"{num_broken} voxels are not finite numbers" if num_broken else "its values are too large"
    step = max(1, round((voxels.size / _LOOKED_AT) ** (1 / 3)))
    sample = voxels[::step, ::step, ::step]
    low, high = sample.min(), sample.max()
    if low == high and voxels.min() == voxels.max():
        return f"all of its voxels have the value {low:g}"
    at_low = float((sample == low).mean())
    if at_low > _MOST_OF_ONE_VALUE:
        return f"{100 * at_low:.1f} % of its voxels have one value"
    at_high = float((sample == high).mean())
    if at_high > _MOST_SATURATED:
        return f"saturated: {100 * at_high:.0f} % of its voxels have the highest value"
    return None
