"""Draws solids of template space into a head: finds the voxels, and lets a tissue take the place of what is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from prima.simulate.grid import Box
from prima.simulate.solids import Point
from prima.simulate.tissue_names import TISSUE_NAMES

if TYPE_CHECKING:
    from prima.simulate.head import Head


class Drawing:
    """A part of a head, between two corners in template mm, on both sides of the midline.

    Args:
        head: what is drawn on.
        low: corner (x, y, z) in template mm; x is that of the left side, both sides are covered.
        high: the opposite corner.
        skull: whether it follows the skull (True) or the brain, which lesions move (False).
    """

    def __init__(self, head: Head, low: Point, high: Point, *, skull: bool) -> None:
        self.head = head
        lattice = head.shape.lattice
        field = head.shape.outer if skull else head.shape.inner
        wide = max(abs(low[0]), abs(high[0]))
        corners = ((-wide, wide), (low[1], high[1]), (low[2], high[2]))
        inside = torch.ones_like(field[0], dtype=torch.bool)
        for axis, (first, last) in enumerate(corners):
            inside &= (field[axis] >= first - lattice.node_mm) & (field[axis] <= last + lattice.node_mm)
        self.box: Box = head.grid.box(torch.zeros(3), torch.zeros(3))
        self.empty = not bool(inside.any())
        if not self.empty:
            nodes = torch.nonzero(inside)
            origin = torch.tensor(lattice.origin_mm)
            first_mm, last_mm = (origin + bound * lattice.node_mm for bound in (nodes.amin(0), nodes.amax(0)))
            self.box = head.grid.box(first_mm.flip(0), last_mm.flip(0))
        self.points = lattice.on_grid(field, head.grid, self.box)
        if head.device.type != "cpu":
            self.points = self.points.to(head.device)
        self.folded = torch.cat((self.points[:1].abs(), self.points[1:]))

    def soft(self, distance: Tensor, edge_mm: float = 0.0) -> Tensor:
        """The share of a voxel inside a solid, from its signed distance."""
        return (0.5 - distance / max(self.head.grid.spacing_mm, edge_mm)).clamp_(0, 1)

    def share(self, *tissues: str) -> Tensor:
        """[z, y, x] of tissues as they are now."""
        return torch.stack([self.head.fraction(tissue)[self.box] for tissue in tissues]).sum(0)

    def put(self, tissue: str, distance: Tensor, *, density: float | Tensor = 1.0, only: Tensor | None = None) -> None:
        """A tissue inside a signed distance.

        Args:
            tissue: one of the normal ones.
            distance: [z, y, x] mm, negative inside.
            density: share of it inside.
            only: [z, y, x] where it may be, 0..1.
        """
        share = self.soft(distance).mul_(density)
        self.blend(tissue, share if only is None else share.mul_(only))

    def blend(self, tissue: str, share: Tensor) -> None:
        """A tissue takes a share [z, y, x] of every voxel."""
        if self.empty:
            return
        inside = torch.nonzero(share.flatten() > 0.004).flatten()
        if not len(inside):
            return
        part = share.flatten()[inside]
        voxels = self._voxels(inside)
        flat = self.head.fractions.view(len(TISSUE_NAMES), -1)
        values = flat[:, voxels] * (1 - part)
        values[TISSUE_NAMES.index(tissue)] += part
        flat[:, voxels] = values

    def turn(self, source: str, target: str, share: Tensor) -> None:
        """Turn a share [z, y, x] of one tissue into another."""
        moved = self.head.fraction(source)[self.box] * share
        self.head.fraction(source)[self.box] -= moved
        self.head.fraction(target)[self.box] += moved

    def _voxels(self, inside: Tensor) -> Tensor:
        _, height, width = self.points.shape[1:]
        z, y, x = inside // (height * width), inside // width % height, inside % width
        _, rows, columns = self.head.grid.shape
        return ((z + self.box[0].start) * rows + y + self.box[1].start) * columns + x + self.box[2].start


