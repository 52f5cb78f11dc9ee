"""Smooth fields on a coarse lattice, read at the voxels of a grid or at points.

Deformation, skull, skin and noise are smooth: they are kept at nodes 4 mm apart or more and interpolated axis by axis,
which costs a small part of what reading a fine volume at scattered points costs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from prima.simulate.geometry.grid import HIGH_MM, LOW_MM, Box, Grid

NODE_MM = 4.0


@dataclass(frozen=True, kw_only=True)
class Lattice:
    """Nodes [d, h, w] at equal distance; `origin_mm` is node (0, 0, 0) as (z, y, x)."""

    shape: tuple[int, int, int]
    node_mm: float
    origin_mm: tuple[float, float, float]

    @classmethod
    def of_head(cls, node_mm: float = NODE_MM) -> Lattice:
        """Nodes that cover the grid of a head."""
        sizes = [int(np.ceil((high - low) / node_mm)) + 1 for low, high in zip(LOW_MM, HIGH_MM, strict=True)]
        return cls(shape=(sizes[0], sizes[1], sizes[2]), node_mm=node_mm, origin_mm=LOW_MM)

    def points(self) -> Tensor:
        """[3, d, h, w] positions (x, y, z) of the nodes in mm."""
        axes = [
            torch.arange(size, dtype=torch.float32) * self.node_mm + low
            for size, low in zip(self.shape, self.origin_mm, strict=True)
        ]
        z, y, x = torch.meshgrid(*axes, indexing="ij")
        return torch.stack((x, y, z))

    def weights(self, axis: int, positions_mm: Tensor) -> Tensor:
        """[positions, nodes] of linear interpolation along one array axis; beyond the ends the end's value holds."""
        size = self.shape[axis]
        index = ((positions_mm - self.origin_mm[axis]) / self.node_mm).clamp(0, size - 1)
        nodes = torch.arange(size, dtype=torch.float32)
        return (1 - (index[:, None] - nodes).abs()).clamp_(min=0)

    def on_grid(self, field: Tensor, grid: Grid, box: Box | None = None) -> Tensor:
        """A field [C, d, h, w] at the voxels of a grid, or of a box in it: [C, z, y, x]."""
        z, y, x = (self.weights(axis, grid.axis(axis, box)).to(field.device) for axis in range(3))
        return _expand(field, z, y, x)

    def on_lattice(self, field: Tensor, target: Lattice) -> Tensor:
        """A field [C, d, h, w] at the nodes of another lattice."""
        axes = [
            torch.arange(size, dtype=torch.float32) * target.node_mm + low
            for size, low in zip(target.shape, target.origin_mm, strict=True)
        ]
        z, y, x = (self.weights(axis, axes[axis]).to(field.device) for axis in range(3))
        return _expand(field, z, y, x)

    def at(self, field: Tensor, points_mm: Tensor) -> Tensor:
        """A field [C, d, h, w] read at points [3, …] (x, y, z): [C, …]; beyond the border the border's value holds."""
        shape = points_mm.shape[1:]
        size = torch.tensor(self.shape[::-1], dtype=torch.float32, device=field.device)
        origin = torch.tensor(self.origin_mm[::-1], dtype=torch.float32, device=field.device)
        index = (points_mm.reshape(3, -1).T - origin) / self.node_mm
        unit = (index * (2 / (size - 1)) - 1).view(1, 1, 1, -1, 3)
        values = torch.nn.functional.grid_sample(
            field[None], unit, mode="bilinear", padding_mode="border", align_corners=True
        )
        return values.view(len(field), *shape)


def _expand(field: Tensor, z: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """[C, d, h, w] by the weights of each axis; matrices [positions, nodes]."""
    rows = field.reshape(-1, field.shape[-1]) @ x.T
    rows = y @ rows.reshape(-1, field.shape[-2], len(x))
    return (z @ rows.view(len(field), -1, len(y) * len(x))).view(len(field), len(z), len(y), len(x))
