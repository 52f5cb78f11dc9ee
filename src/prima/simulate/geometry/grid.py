"""The voxel grid that a head is built on, and boxes in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from prima.study.affine import Affine

Box = tuple[slice, slice, slice]

# What a head fills, in LPS mm, (z, y, x): from the neck to above the vertex, from before the nose to behind the nape.
LOW_MM = (-136.0, -118.0, -92.0)
HIGH_MM = (104.0, 130.0, 92.0)


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Voxels [z, y, x] of one size, axes along LPS.

    Args:
        shape: number of voxels (z, y, x).
        spacing_mm: distance of neighbours.
        origin_mm: centre of voxel (0, 0, 0), as (z, y, x).

    Example:
        >>> grid = Grid.of_head(2.0)
        >>> grid.shape
        (121, 125, 93)
        >>> grid.affine.apply([0, 0, 0]).tolist()
        [-92.0, -118.0, -136.0]
    """

    shape: tuple[int, int, int]
    spacing_mm: float
    origin_mm: tuple[float, float, float]

    @classmethod
    def of_head(cls, spacing_mm: float) -> Self:
        """The grid that a whole head fills."""
        if not 0.5 <= spacing_mm <= 8:
            raise ValueError(f"spacing_mm: found {spacing_mm}, expected 0.5 to 8")
        sizes = [int((high - low) / spacing_mm + 1e-6) + 1 for low, high in zip(LOW_MM, HIGH_MM, strict=True)]
        return cls(shape=(sizes[0], sizes[1], sizes[2]), spacing_mm=spacing_mm, origin_mm=LOW_MM)

    @property
    def affine(self) -> Affine:
        """From the index (z, y, x) to LPS mm (x, y, z)."""
        matrix = np.zeros((4, 4))
        matrix[[2, 1, 0], [0, 1, 2]] = self.spacing_mm
        matrix[:3, 3] = self.origin_mm[::-1]
        matrix[3, 3] = 1
        return Affine(matrix)

    @property
    def whole(self) -> Box:
        """The box of all voxels."""
        z, y, x = self.shape
        return (slice(0, z), slice(0, y), slice(0, x))

    def axis(self, axis: int, box: Box | None = None) -> Tensor:
        """Positions in mm along one array axis (0 is z)."""
        part = (box or self.whole)[axis]
        return self.origin_mm[axis] + self.spacing_mm * torch.arange(part.start, part.stop, dtype=torch.float32)

    def points(self, box: Box | None = None) -> Tensor:
        """[3, z, y, x] positions (x, y, z) in LPS mm."""
        z, y, x = torch.meshgrid(*(self.axis(axis, box) for axis in range(3)), indexing="ij")
        return torch.stack((x, y, z))

    def box(self, low_mm: Tensor, high_mm: Tensor) -> Box:
        """Voxels between two corners (x, y, z) in mm, at least one, cut to the grid."""
        slices = []
        for axis, size in enumerate(self.shape):
            start = (float(low_mm[2 - axis]) - self.origin_mm[axis]) / self.spacing_mm
            stop = (float(high_mm[2 - axis]) - self.origin_mm[axis]) / self.spacing_mm
            first = min(max(int(np.floor(start)), 0), size - 1)
            slices.append(slice(first, min(max(int(np.ceil(stop)) + 1, first + 1), size)))
        return (slices[0], slices[1], slices[2])

    def box_around(self, centre_mm: Tensor, radius_mm: float) -> Box:
        """Voxels of a cube around a point (x, y, z)."""
        return self.box(centre_mm - radius_mm, centre_mm + radius_mm)
