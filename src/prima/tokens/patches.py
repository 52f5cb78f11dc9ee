"""From an oriented volume to the patches worth encoding: padding, foreground and the order of the tokens.

Foreground is decided before anything is encoded, on unscaled values, for all patches of a volume at once.

Shape suffixes: N patches of the whole volume, K of them kept, P voxels of a patch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from prima.tokens.contract import PLANE_AXIS, Contract
from prima.tokens.resample import OrientedVolume


@dataclass(frozen=True, kw_only=True, eq=False)
class Patches:
    """The kept patches of one series.

    Args:
        voxels: [K, z, y, x] float32, intensity as the contract scales it, before slices are duplicated.
        coordinates: [K, 3] int32, start voxel (z, y, x) in the padded volume.
        plane: axial, coronal or sagittal.
        num_patches: number of patches of the whole volume (N).
        foreground_percent: the percentage that decided what was kept.
    """

    voxels: torch.Tensor
    coordinates: torch.Tensor
    plane: str
    num_patches: int
    foreground_percent: int

    @property
    def num_kept(self) -> int:
        """Number of patches kept (K)."""
        return int(self.coordinates.shape[0])

    @property
    def foreground_share(self) -> float:
        """Kept patches among all."""
        return self.num_kept / self.num_patches

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
    padded = _pad(volume.voxels, shape)
    maximum = float(padded.max())
    grid = tuple(size // extent for size, extent in zip(padded.shape, shape, strict=True))
    percent_N = _foreground_percent(padded, shape, grid, contract, maximum)
    kept, percent = select_foreground(percent_N, contract)
    coordinates = np.stack(np.unravel_index(kept, grid), axis=1).astype(np.int32) * np.array(shape, np.int32)
    voxels = _gather(padded, shape, grid, kept)
    if contract.intensity == "divide_by_max" and maximum > 0:
        voxels /= np.float32(maximum)
    return Patches(
        voxels=torch.from_numpy(voxels),
        coordinates=torch.from_numpy(coordinates),
        plane=volume.plane,
        num_patches=int(np.prod(grid)),
        foreground_percent=percent,
    )


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


def _pad(voxels: NDArray[np.generic], shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Zeros to a whole number of patches: half a patch before, the rest after, and nothing where it already fits."""
    widths = []
    for size, extent in zip(voxels.shape, shape, strict=True):
        missing = -size % extent
        before = missing // 2
        widths.append((before, missing - before))
    return np.pad(voxels.astype(np.float32), widths)


def _blocks(volume: NDArray[np.float32], shape: tuple[int, ...], grid: tuple[int, ...]) -> NDArray[np.float32]:
    """View [gz, gy, gx, z, y, x] of the patches, without copying."""
    split = volume.reshape(grid[0], shape[0], grid[1], shape[1], grid[2], shape[2])
    return split.transpose(0, 2, 4, 1, 3, 5)


def _foreground_percent(
    padded: NDArray[np.float32],
    shape: tuple[int, int, int],
    grid: tuple[int, ...],
    contract: Contract,
    maximum: float,
) -> NDArray[np.int64]:
    level = contract.low_foreground_level if maximum < contract.low_maximum else contract.foreground_level
    mask = padded > level
    # Counting along x first keeps the reduction contiguous.
    counts = mask.reshape(*padded.shape[:2], grid[2], shape[2]).sum(axis=3, dtype=np.int32)
    counts = counts.reshape(grid[0], shape[0], grid[1], shape[1], grid[2]).sum(axis=(1, 3))
    result: NDArray[np.int64] = counts.ravel().astype(np.int64) * 100 // int(np.prod(shape))
    return result


def _gather(
    padded: NDArray[np.float32], shape: tuple[int, int, int], grid: tuple[int, ...], kept: NDArray[np.intp]
) -> NDArray[np.float32]:
    blocks = _blocks(padded, shape, grid)
    z, y, x = np.unravel_index(kept, grid)
    return np.ascontiguousarray(blocks[z, y, x])
