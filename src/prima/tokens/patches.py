"""From an oriented volume to the patches worth encoding: padding, foreground and the order of the tokens.

Foreground is decided before anything is encoded, on unscaled values, for all patches of a volume at once.

Shape suffixes: N patches of the whole volume, K of them kept, P voxels of a patch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from prima.study import Affine
from prima.tokens.contract import CENTRE_INDEX, PLANE_AXIS, Contract
from prima.tokens.resample import OrientedVolume

# What is brighter than this many times the 99th percentile is cut off.
BRIGHTEST = 2.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Patches:
    """The kept patches of one series.

    Args:
        voxels: [K, z, y, x] float32, intensity as the contract scales it, before slices are duplicated.
        coordinates: [K, 3] int32, start voxel (z, y, x) in the padded volume.
        shift: what to subtract from coordinates to get the index in the oriented volume (below zero in the padding).
        plane: axial, coronal or sagittal.
        num_patches: number of patches of the whole volume (N).
        foreground_percent: the percentage that decided what was kept.
        affine: from an index (z, y, x) of the oriented volume to LPS mm; coordinates minus `shift` are such indices.
        volume_shape: (z, y, x) of the oriented volume.
    """

    voxels: torch.Tensor
    coordinates: torch.Tensor
    plane: str
    num_patches: int
    foreground_percent: int
    affine: Affine
    volume_shape: tuple[int, int, int]
    shift: tuple[int, int, int] = (0, 0, 0)

    @property
    def num_kept(self) -> int:
        """Number of patches kept (K)."""
        return int(self.coordinates.shape[0])

    @property
    def foreground_share(self) -> float:
        """Kept patches among all."""
        return self.num_kept / self.num_patches

    @property
    def extent(self) -> tuple[int, int, int]:
        """Voxels of a patch along (z, y, x)."""
        z, y, x = self.voxels.shape[1:]
        return (z, y, x)

    @property
    def starts(self) -> NDArray[np.int64]:
        """[K, 3] first voxel of each patch in the oriented volume; below zero in the padding."""
        starts: NDArray[np.int64] = self.coordinates.numpy().astype(np.int64) - np.array(self.shift)
        return starts

    def affine_of(self, row: int) -> Affine:
        """The affine of one patch: from a voxel (z, y, x) of it to LPS mm."""
        return self.affine.starting_at(self.starts[row])

    def centres_mm(self) -> NDArray[np.float64]:
        """[K, 3] centre of each patch in the patient: LPS mm."""
        return self.affine.apply(self.starts + (np.array(self.extent) - 1) / 2)

    def corners_mm(self) -> NDArray[np.float64]:
        """[K, 8, 3] corners of each patch's box, half a voxel beyond the centres of its outermost voxels: LPS mm."""
        unit = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij"), axis=-1).reshape(8, 3)
        return self.affine.apply(self.starts[:, None] - 0.5 + unit * np.array(self.extent))

    def row_at(self, point_mm: ArrayLike) -> int | None:
        """The kept patch that holds a point of the patient, None when it lies in none.

        Args:
            point_mm: [3] LPS mm.
        """
        index = self.affine.inverse().apply(point_mm)
        inside = np.all((index >= self.starts - 0.5) & (index < self.starts - 0.5 + np.array(self.extent)), axis=1)
        rows = np.flatnonzero(inside)
        return int(rows[0]) if len(rows) else None

    def for_encoder(self, contract: Contract, rows: slice) -> torch.Tensor:
        """Some patches as the encoder takes them: [k, 1, z, y, x], slices duplicated along the plane axis."""
        times = contract.encoder_slices // contract.patch_slices
        axis = 1 + PLANE_AXIS[self.plane]
        return self.voxels[rows].repeat_interleave(times, dim=axis).unsqueeze(1)


def cut_patches(volume: OrientedVolume, contract: Contract) -> Patches:
    """Pad, find the foreground, keep and scale.

    The kept tokens are ordered by foreground percentage, then by index (z, y, x scan order).
    """
    shape = contract.patch_shape(volume.plane)
    voxels = volume.voxels.astype(np.float32)
    bright = _bright(voxels) if "p99" in contract.intensity or contract.foreground_share is not None else 0.0
    level = _foreground_level(voxels, contract, bright)
    before, first_index = _lay_grid(voxels > level, shape, contract)
    padded = _pad(voxels, shape, before)
    grid = tuple(size // extent for size, extent in zip(padded.shape, shape, strict=True))
    percent_N = _foreground_percent(padded > level, shape, grid)
    kept, percent = select_foreground(percent_N, contract)
    extent = np.array(shape, np.int32)
    index = np.stack(np.unravel_index(kept, grid), axis=1).astype(np.int32)
    patches = _gather(padded, shape, grid, kept)
    if contract.intensity == "divide_by_p99":
        patches = np.clip(patches / np.float32(bright), 0, BRIGHTEST) if bright > 0 else patches
    elif (maximum := float(padded.max())) > 0:
        patches /= np.float32(maximum)
    return Patches(
        voxels=torch.from_numpy(patches),
        coordinates=torch.from_numpy((index + first_index) * extent),
        plane=volume.plane,
        num_patches=int(np.prod(grid)),
        foreground_percent=percent,
        affine=volume.affine,
        volume_shape=(voxels.shape[0], voxels.shape[1], voxels.shape[2]),
        shift=tuple((first_index * extent + before).tolist()),
    )


def _bright(voxels: NDArray[np.float32]) -> float:
    """99th percentile of what is brighter than half the mean; 0 of an empty volume."""
    sample = voxels[:, ::2, ::2]
    inside = sample[sample > sample.mean() / 2]
    return float(np.percentile(inside, 99)) if inside.size else 0.0


def _foreground_level(voxels: NDArray[np.float32], contract: Contract, bright: float) -> float:
    if contract.foreground_share is not None:
        return contract.foreground_share * bright
    return contract.low_foreground_level if float(voxels.max()) < contract.low_maximum else contract.foreground_level


def _lay_grid(
    foreground: NDArray[np.bool_], shape: tuple[int, int, int], contract: Contract
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Zeros to put before each axis, and the index that the first patch of each axis gets."""
    extent = np.array(shape, np.int32)
    size = np.array(foreground.shape, np.int32)
    if not contract.centred:
        return (-size % extent) // 2, np.zeros(3, np.int32)
    centre = np.array([_centre(foreground, axis) for axis in range(3)], np.int32)
    return -centre % extent, CENTRE_INDEX - -(-centre // extent)


def _centre(foreground: NDArray[np.bool_], axis: int) -> int:
    counts = foreground.sum(axis=tuple(array_axis for array_axis in range(3) if array_axis != axis))
    total = int(counts.sum())
    return round(float(counts @ np.arange(len(counts))) / total) if total else len(counts) // 2


def select_foreground(percent_N: NDArray[np.int64], contract: Contract) -> tuple[NDArray[np.intp], int]:
    """Which patches to keep, in order, and the percentage that was used.

    Args:
        percent_N: [N] foreground of each patch, in whole percent.

    Example:
        >>> from prima.tokens.contract import PUBLISHED
        >>> kept, percent = select_foreground(np.array([0] * 30 + [9, 5] * 20), PUBLISHED)
        >>> len(kept), kept[:3].tolist(), percent
        (40, [31, 33, 35], 5)
    """
    percent = contract.foreground_percent
    while percent > 0 and np.count_nonzero(percent_N >= percent) <= contract.min_tokens:
        percent -= 1
    kept = np.flatnonzero(percent_N >= percent)
    return kept[np.argsort(percent_N[kept], kind="stable")], percent


def _pad(voxels: NDArray[np.float32], shape: tuple[int, int, int], before: NDArray[np.int32]) -> NDArray[np.float32]:
    """Zeros to a whole number of patches: `before` each axis, and the rest after."""
    widths = [
        (int(first), int(-(size + first) % extent))
        for size, extent, first in zip(voxels.shape, shape, before, strict=True)
    ]
    return np.pad(voxels, widths)


def _blocks(volume: NDArray[np.float32], shape: tuple[int, ...], grid: tuple[int, ...]) -> NDArray[np.float32]:
    """View [gz, gy, gx, z, y, x] of the patches, without copying."""
    split = volume.reshape(grid[0], shape[0], grid[1], shape[1], grid[2], shape[2])
    return split.transpose(0, 2, 4, 1, 3, 5)


def _foreground_percent(
    foreground: NDArray[np.bool_], shape: tuple[int, int, int], grid: tuple[int, ...]
) -> NDArray[np.int64]:
    # Counting along x first keeps the reduction contiguous.
    counts = foreground.reshape(*foreground.shape[:2], grid[2], shape[2]).sum(axis=3, dtype=np.int32)
    counts = counts.reshape(grid[0], shape[0], grid[1], shape[1], grid[2]).sum(axis=(1, 3))
    result: NDArray[np.int64] = counts.ravel().astype(np.int64) * 100 // int(np.prod(shape))
    return result


def _gather(
    padded: NDArray[np.float32], shape: tuple[int, int, int], grid: tuple[int, ...], kept: NDArray[np.intp]
) -> NDArray[np.float32]:
    blocks = _blocks(padded, shape, grid)
    z, y, x = np.unravel_index(kept, grid)
    return np.ascontiguousarray(blocks[z, y, x])
