"""Smooth random fields and soft steps, the stuff of which individual shape is made."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from prima.simulate.geometry.lattice import Lattice


def random_field(lattice: Lattice, channels: int, wavelength_mm: float, rng: np.random.Generator) -> Tensor:
    """[C, d, h, w] smooth noise of mean 0 and deviation 1 at the nodes of a lattice.

    White noise at nodes one wavelength apart, interpolated by cubic B-splines: no grid shows, and what is drawn does
    not depend on the lattice it is read at.
    """
    extents = [(size - 1) * lattice.node_mm for size in lattice.shape]
    counts = [int(np.ceil(extent / wavelength_mm)) + 4 for extent in extents]
    field = torch.from_numpy(rng.standard_normal((channels, *counts), dtype=np.float32))
    for axis, (size, count) in enumerate(zip(lattice.shape, counts, strict=True)):
        positions = torch.arange(size, dtype=torch.float32) * (lattice.node_mm / wavelength_mm) + 1
        weights = _spline(positions[:, None] - torch.arange(count, dtype=torch.float32))
        field = torch.movedim(torch.tensordot(weights, field, dims=([1], [axis + 1])), 0, axis + 1)
    return field / 0.33


def _spline(distance: Tensor) -> Tensor:
    """Cubic B-spline of a distance in nodes."""
    t = distance.abs()
    near: Tensor = 2 / 3 - t.square() + t.pow(3) / 2
    far: Tensor = (2 - t).clamp(min=0).pow(3) / 6
    return torch.where(t < 1, near, far)


def step(values: Tensor) -> Tensor:
    """0 below 0, 1 above 1, smooth between.

    Example:
        >>> step(torch.tensor([-1.0, 0.5, 2.0])).tolist()
        [0.0, 0.5, 1.0]
    """
    values = values.clamp(0, 1)
    smooth: Tensor = values * values * (3 - 2 * values)
    return smooth


def integrate(velocity: Tensor, lattice: Lattice, squarings: int = 5) -> Tensor:
    """[3, d, h, w] displacement of the diffeomorphism that a stationary velocity [3, d, h, w] in mm leads to.

    Scaling and squaring (Arsigny 2006): the flow of 1/32 of the time is composed with itself five times.
    """
    points = lattice.points()
    moved: Tensor = velocity / float(2**squarings)
    for _ in range(squarings):
        moved = moved + lattice.at(moved, points + moved)
    return moved
