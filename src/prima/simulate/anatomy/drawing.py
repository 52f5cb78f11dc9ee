"""Draws solids of template space into a head: finds the voxels, and lets a tissue take the place of what is there."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from prima.simulate.anatomy.head import TISSUE_NAMES, Head
from prima.simulate.geometry.fields import random_field
from prima.simulate.geometry.grid import Box
from prima.simulate.geometry.lattice import Lattice
from prima.simulate.geometry.solids import Point

_NOTHING = (slice(0, 0), slice(0, 0), slice(0, 0))


class Drawing:
    """A part of a head, between two corners in template mm, on both sides of the midline.

    Solids are worked out at nodes and interpolated at the voxels of the box that each one fills.

    Args:
        head: what is drawn on.
        low: corner (x, y, z) in template mm; x is that of the left side, both sides are covered.
        high: the opposite corner.
        skull: whether it follows the skull (True) or the brain, which lesions move (False).
        node_mm: distance of the nodes: no more than the radius of the thinnest solid.
    """

    def __init__(self, head: Head, low: Point, high: Point, *, skull: bool, node_mm: float = 2.0) -> None:
        self.head = head
        lattice = head.shape.lattice
        field = head.shape.outer if skull else head.shape.inner
        wide = max(abs(low[0]), abs(high[0]))
        corners = ((-wide, wide), (low[1], high[1]), (low[2], high[2]))
        inside = torch.ones_like(field[0], dtype=torch.bool)
        for axis, (first_mm, last_mm) in enumerate(corners):
            inside &= (field[axis] >= first_mm - lattice.node_mm) & (field[axis] <= last_mm + lattice.node_mm)
        nodes = torch.nonzero(inside) if bool(inside.any()) else torch.zeros((1, 3), dtype=torch.long)
        first, last = nodes.amin(0).tolist(), nodes.amax(0).tolist()
        starts = [low + lattice.node_mm * start for low, start in zip(lattice.origin_mm, first, strict=True)]
        spans = [lattice.node_mm * (b - a) for a, b in zip(first, last, strict=True)]
        sizes = [max(int(span / node_mm + 1e-6) + 1, 2) for span in spans]
        self._lattice = Lattice(
            shape=(sizes[0], sizes[1], sizes[2]), node_mm=node_mm, origin_mm=(starts[0], starts[1], starts[2])
        )
        part = [slice(a, b + 2) for a, b in zip(first, last, strict=True)]
        around = field[(slice(None), *part)]
        crop = Lattice(
            shape=(around.shape[1], around.shape[2], around.shape[3]),
            node_mm=lattice.node_mm,
            origin_mm=(starts[0], starts[1], starts[2]),
        )
        self.points = crop.on_lattice(around, self._lattice).to(head.device)
        self.folded = torch.cat((self.points[:1].abs(), self.points[1:]))

    def wander(self, wavelength_mm: float, amount_mm: float, rng: np.random.Generator) -> None:
        """Bend the points of this drawing by a random field of template space, so that no solid stays a solid."""
        lattice = Lattice.of_head(6.0)
        field = random_field(lattice, 3, wavelength_mm, rng).to(self.points.device) * amount_mm
        self.points = self.points + lattice.at(field, self.points)
        self.folded = torch.cat((self.points[:1].abs(), self.points[1:]))

    def put(
        self, tissue: str, distance: Tensor, *, density: float | Tensor = 1.0, among: tuple[str, ...] = (),
        sparing: tuple[str, ...] = (), edge_mm: float = 0.0,
    ) -> None:  # fmt: skip
        """A tissue inside a signed distance.

        Args:
            tissue: one of the normal ones.
            distance: mm at the nodes, negative inside.
            density: share of it inside, at the nodes or everywhere.
            among: when given, only where these tissues are.
            sparing: never where these tissues are.
            edge_mm: width of a border that is softer than a voxel.
        """
        box, share = self._share(distance, density, edge_mm)
        if not share.numel():
            return
        if among:
            for source in among:
                self._move(source, tissue, box, share)
            return
        if sparing:
            share = share * (1 - torch.stack([self.head.fraction(name)[box] for name in sparing]).sum(0)).clamp_(0, 1)
        height, width = share.shape[1:]
        inside = torch.nonzero(share.flatten() > 0.004).flatten()
        part = share.flatten()[inside]
        z, y, x = inside // (height * width), inside // width % height, inside % width
        _, rows, columns = self.head.grid.shape
        voxels = ((z + box[0].start) * rows + y + box[1].start) * columns + x + box[2].start
        target, left = TISSUE_NAMES.index(tissue), 1 - part
        for index, channel in enumerate(self.head.fractions.view(len(TISSUE_NAMES), -1)):
            values = channel.index_select(0, voxels)
            if index == target:
                channel.index_copy_(0, voxels, values.mul_(left).add_(part))
            elif values.any():  # a page of memory that holds nothing is not touched
                channel.index_copy_(0, voxels, values.mul_(left))

    def turn(self, source: str, target: str, distance: Tensor, *, density: float = 1.0, edge_mm: float = 0.0) -> None:
        """Turn a share of one tissue into another inside a signed distance."""
        box, share = self._share(distance, density, edge_mm)
        self._move(source, target, box, share)

    def _move(self, source: str, target: str, box: Box, share: Tensor) -> None:
        moved = self.head.fraction(source)[box] * share
        self.head.fraction(source)[box] -= moved
        self.head.fraction(target)[box] += moved

    def _share(self, distance: Tensor, density: float | Tensor, edge_mm: float) -> tuple[Box, Tensor]:
        """The share of each voxel inside a solid, in the box that it fills."""
        grid, lattice = self.head.grid, self._lattice
        soft = max(grid.spacing_mm, edge_mm)
        near = torch.nonzero(distance < 1.8 * lattice.node_mm + soft)
        if not len(near):
            return _NOTHING, distance[_NOTHING]
        first = near.amin(0).tolist()
        last = [max(int(b), int(a) + 1) for a, b in zip(first, near.amax(0).tolist(), strict=True)]
        first = [min(a, size - 2) for a, size in zip(first, lattice.shape, strict=True)]
        part = tuple(slice(a, b + 1) for a, b in zip(first, last, strict=True))
        starts = [o + lattice.node_mm * a for o, a in zip(lattice.origin_mm, first, strict=True)]
        stops = [o + lattice.node_mm * b for o, b in zip(lattice.origin_mm, last, strict=True)]
        box = grid.box(torch.tensor(starts[::-1]), torch.tensor(stops[::-1]))
        fields = [distance[part]] + ([density[part]] if isinstance(density, Tensor) else [])
        size = fields[0].shape
        crop = Lattice(
            shape=(size[0], size[1], size[2]), node_mm=lattice.node_mm, origin_mm=(starts[0], starts[1], starts[2])
        )
        read = crop.on_grid(torch.stack(fields), grid, box)
        share = (0.5 - read[0] / soft).clamp_(0, 1)
        return box, share.mul_(read[1] if isinstance(density, Tensor) else density)
