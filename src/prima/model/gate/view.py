"""What the input gate looks at: a small cube of one physical scale, cut out of a volume of any size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prima.study import Affine, Volume
from prima.tokens.resample import turn_to_lps

PIXEL_MM = 5.0
NUM_PIXELS = 48
BRIGHTEST = 1.5

# Voxels finer than this are picked, not averaged: what the gate looks for is larger.
_PICKED_MM = PIXEL_MM / 2
# The percentiles that become 0 and 1.
_DARK, _BRIGHT = 1.0, 99.5


@dataclass(frozen=True, kw_only=True, eq=False)
class View:
    """A volume as the gate sees it.

    Args:
        voxels: [z, y, x] float32 in LPS, 5 mm apart: 0 is dark or outside of the volume, 1 is bright, 1.5 the most.
        affine: from the index (z, y, x) to LPS mm.
    """

    voxels: NDArray[np.float32]
    affine: Affine


def view_of(volume: Volume, num_pixels: int = NUM_PIXELS) -> View:
    """A cube of `num_pixels` x 5 mm around the centre of mass of what is bright.

    Its axes are those of the volume, turned to the nearest of the patient's. Values must be finite.

    Example:
        >>> volume = Volume(voxels=np.eye(40)[None].repeat(9, axis=0), affine=Affine(np.diag([8.0, 3.0, 3.0, 1.0])))
        >>> view_of(volume).voxels.shape
        (48, 48, 48)
    """
    voxels, affine = turn_to_lps(*_picked(volume))
    view = voxels.astype(np.float32)
    for axis in range(3):
        view, affine = _resampled(view, affine, axis)
    dark, bright = np.percentile(view, (_DARK, _BRIGHT))
    view = np.clip((view - dark) / max(float(bright - dark), 1e-12), 0, BRIGHTEST).astype(np.float32)
    corner = _corner(view, num_pixels)
    return View(voxels=_cut(view, corner, num_pixels), affine=affine.starting_at(corner))


def _picked(volume: Volume) -> tuple[NDArray[np.generic], Affine]:
    """Every n-th voxel along each axis, as many as a coarse look needs."""
    steps = [max(1, int(_PICKED_MM / size)) for size in volume.spacing_mm]
    return volume.voxels[:: steps[0], :: steps[1], :: steps[2]], volume.affine.scaled(steps)


def _resampled(voxels: NDArray[np.float32], affine: Affine, axis: int) -> tuple[NDArray[np.float32], Affine]:
    """One axis brought to 5 mm: linear between voxels, a triangle over those that are closer; the middle stays."""
    num_in, size_mm = voxels.shape[axis], float(np.linalg.norm(affine[:3, axis]))
    step = PIXEL_MM / size_mm
    num_out = max(1, round(num_in / step))
    at = (num_in - 1) / 2 + (np.arange(num_out) - (num_out - 1) / 2) * step
    reach = max(1.0, step)
    weights = np.clip(1 - np.abs(np.clip(at, 0, num_in - 1)[:, None] - np.arange(num_in)) / reach, 0, None)
    weights = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    result = affine.moved(axis, at[0]).scaled([step if array_axis == axis else 1 for array_axis in range(3)])
    moved = np.tensordot(weights, voxels, axes=(1, axis))
    return np.ascontiguousarray(np.moveaxis(moved, 0, axis)), result


def _corner(voxels: NDArray[np.float32], num_pixels: int) -> NDArray[np.intp]:
    """Index of the first voxel of a cube around the centre of mass."""
    total = float(voxels.sum(dtype=np.float64))
    middle = [
        (size - 1) / 2
        if total == 0
        else float(
            voxels.sum(axis=tuple(array_axis for array_axis in range(3) if array_axis != axis)) @ np.arange(size)
        )
        / total
        for axis, size in enumerate(voxels.shape)
    ]
    return np.rint(np.array(middle) - (num_pixels - 1) / 2).astype(np.intp)


def _cut(voxels: NDArray[np.float32], corner: NDArray[np.intp], num_pixels: int) -> NDArray[np.float32]:
    """A cube of the volume from a corner on, zeros where it goes beyond."""
    result = np.zeros((num_pixels,) * 3, np.float32)
    low, high = np.maximum(corner, 0), np.minimum(corner + num_pixels, voxels.shape)
    source = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    target = tuple(slice(a - c, b - c) for a, b, c in zip(low, high, corner, strict=True))
    result[target] = voxels[source]
    return result
