"""Volumes brought to one physical scale: thin slices averaged into slabs, pixels resampled to a size in mm."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prima.study import Volume


def reduce_to_mm(volume: Volume, pixel_mm: float, slab_mm: float | None) -> Volume:
    """Average neighbouring slices into slabs of at most `slab_mm`, then resample in-plane to `pixel_mm`.

    Args:
        volume: [D, H, W] in acquisition axes, slices first.
        pixel_mm: of the result, in both directions of the plane; the field of view stays centred where it was.
        slab_mm: None leaves the slices as they are; slices thicker than half of it are left too.

    Returns:
        float32 voxels with their affine, in acquisition axes.

    Example:
        >>> from prima.study import Affine
        >>> thin = Volume(voxels=np.ones((10, 8, 8), np.int16), affine=Affine(np.diag([1.0, 1.0, 1.0, 1.0])))
        >>> reduce_to_mm(thin, 2.0, 4.5).voxels.shape
        (3, 4, 4)
    """
    affine = volume.affine
    depth_mm, row_mm, column_mm = affine.spacing_mm
    voxels = volume.voxels.astype(np.float32, copy=False)
    together = 1 if slab_mm is None else max(1, int(slab_mm / depth_mm + 1e-3))
    if together > 1:
        voxels = _slabs(voxels, together)
        affine = affine.moved(0, (together - 1) / 2).scaled((together, 1, 1))
    for axis, size_mm in ((1, row_mm), (2, column_mm)):
        num_in = voxels.shape[axis]
        num_out = max(1, round(num_in * size_mm / pixel_mm))
        step = pixel_mm / size_mm
        first = (num_in - 1) / 2 - (num_out - 1) / 2 * step
        weights = _triangles(num_in, first + step * np.arange(num_out), max(1.0, step))
        voxels = weights @ voxels if axis == 1 else voxels @ weights.T
        affine = affine.moved(axis, first).scaled([step if array_axis == axis else 1 for array_axis in range(3)])
    return Volume(voxels=np.ascontiguousarray(voxels), affine=affine)


def _slabs(voxels: NDArray[np.float32], together: int) -> NDArray[np.float32]:
    """Means of `together` neighbours; the last slab may be of fewer."""
    whole = len(voxels) // together
    slabs = voxels[: whole * together].reshape(whole, together, *voxels.shape[1:]).mean(axis=1)
    remainder = voxels[whole * together :]
    return np.concatenate([slabs, remainder.mean(axis=0, keepdims=True)]) if len(remainder) else slabs


def _triangles(num_in: int, centres: NDArray[np.float64], reach: float) -> NDArray[np.float32]:
    """[num_out, num_in] weights that fall off linearly to zero at `reach` samples, each row summing to one."""
    distance = np.abs(centres[:, None] - np.arange(num_in))
    weights = np.clip(1 - distance / reach, 0, None)
    # beyond the last sample the edge value is kept
    weights[np.arange(len(centres)), np.clip(np.rint(centres).astype(int), 0, num_in - 1)] += 1e-6
    result: NDArray[np.float32] = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return result
