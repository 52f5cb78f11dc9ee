"""Boxes of a head's grid: coordinates and distances in millimetres, noise that does not depend on the grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from prima.simulate.geometry.streams import stream

Point = tuple[float, float, float]
"""x (to the left), y (to the back), z (to the head) in mm."""
Slices = tuple[slice, slice, slice]

_NOISE_SPREAD = 0.33


@dataclass(frozen=True, kw_only=True, eq=False)
class Box:
    """A part of a head's grid: where it lies in it, and its coordinates in mm, to be broadcast over [z, y, x]."""

    slices: Slices
    x: Tensor
    y: Tensor
    z: Tensor

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along z, y, x."""
        return (self.z.numel(), self.y.numel(), self.x.numel())

    @property
    def empty(self) -> bool:
        """Whether it lies outside the grid."""
        return 0 in self.shape

    def distance(self, point: Point) -> Tensor:
        """[z, y, x] distance from a point in mm."""
        x, y, z = point
        return ((self.x - x) ** 2 + (self.y - y) ** 2 + (self.z - z) ** 2).sqrt()

    def segment(self, start: Point, end: Point) -> Tensor:
        """[z, y, x] distance from the line between two points in mm."""
        a, b, c = (last - first for first, last in zip(start, end, strict=True))
        x, y, z = self.x - start[0], self.y - start[1], self.z - start[2]
        share = ((x * a + y * b + z * c) / (a * a + b * b + c * c or 1.0)).clamp(0, 1)
        return ((x - share * a) ** 2 + (y - share * b) ** 2 + (z - share * c) ** 2).sqrt()

    def noise(self, centre: Point, reach_mm: float, wavelength_mm: float, *key: int | str) -> Tensor:
        """[z, y, x] smooth noise of mean 0 and deviation 1 around a centre."""
        steps = int(np.ceil(reach_mm / wavelength_mm)) + 2
        count = 2 * steps + 1
        lattice = stream(*key).standard_normal((count, count, count), dtype=np.float32) / np.float32(_NOISE_SPREAD)
        field = torch.from_numpy(lattice).to(self.x.device)
        for axis, (values, middle) in enumerate(((self.z, centre[2]), (self.y, centre[1]), (self.x, centre[0]))):
            weights = _spline(values.flatten(), middle, wavelength_mm, steps)
            field = torch.movedim(torch.tensordot(weights, field, dims=([1], [axis])), 0, axis)
        return field


def _spline(values: Tensor, middle: float, wavelength_mm: float, steps: int) -> Tensor:
    """[n, lattice] weights of a cubic B-spline."""
    knots = torch.arange(-steps, steps + 1, dtype=torch.float32, device=values.device)
    t = ((values[:, None] - middle) / wavelength_mm - knots[None]).abs()
    near = 2 / 3 - t**2 + t**3 / 2
    far = (2 - t).clamp_min(0) ** 3 / 6
    return torch.where(t < 1, near, far)


def touched(fraction: Tensor) -> Slices | None:
    """The smallest box outside of which a fraction is 0 everywhere; None when it is 0 in all of it."""
    if fraction.numel() == 0:
        return None
    rows, plane = fraction.amax(2), fraction.amax((0, 1))
    spans = []
    for line in (rows.amax(1), rows.amax(0), plane):
        indices = torch.nonzero(line > 0).flatten()
        if indices.numel() == 0:
            return None
        spans.append(slice(int(indices[0]), int(indices[-1]) + 1))
    return spans[0], spans[1], spans[2]


def within(box: Box, part: Slices) -> Slices:
    """A part of a box, given in the box's own voxels, in those of the whole grid."""
    z, y, x = (slice(whole.start + own.start, whole.start + own.stop)
               for whole, own in zip(box.slices, part, strict=True))  # fmt: skip
    return z, y, x


def near(values: Tensor, centre: float, reach_mm: float) -> slice:
    """Which of some positions lie within reach of one, none of them when none does."""
    indices = torch.nonzero((values - centre).abs() <= reach_mm).flatten()
    return slice(int(indices[0]), int(indices[-1]) + 1) if indices.numel() else slice(0, 0)


def soft(values: Tensor, width: float) -> Tensor:
    """1 where values are clearly positive, 0 where clearly negative, a smooth step of a width between."""
    step = (values * (1 / width)).add_(0.5).clamp_(0, 1)
    return (step * -2).add_(3).mul_(step).mul_(step)


def turned(key: Sequence[int | str], *, at_random: bool) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """[3, 3] a rotation drawn from its key, or none."""
    if not at_random:
        return np.eye(3)
    matrix, upper = np.linalg.qr(stream(*key).standard_normal((3, 3)))
    return np.asarray(matrix * np.sign(np.diag(upper)))
